/**
 * Nexusflow's function-calling benchmark (NexusRaven-V2, 2023): the answer and the reference run against
 * functions that record their arguments, and the records must be equal, in order.
 */
import { MAX_CALL_TEXT } from "./call.ts";
import { NEXUS_FUNCTIONS } from "./nexus_functions.ts";
import { BUILTINS, pyFunction } from "./py_builtins.ts";
import { evaluate } from "./py_eval.ts";
import { toPython } from "./py_json.ts";
import { parseStatements } from "./py_parser.ts";
import { PyDict, pyEqual, PyError, pyStr, type PyValue, truthy } from "./py_value.ts";

/** The eight sets, with the functions that each may call. */
export const NEXUS_SETS: Readonly<
  Record<string, { readonly api: string; readonly items: number }>
> = {
  nvd_library: { api: "nvdlibrary", items: 78 },
  virustotal: { api: "virustotal", items: 151 },
  otx: { api: "otx", items: 92 },
  places: { api: "places", items: 48 },
  climate: { api: "climate", items: 47 },
  virustotal_nested: { api: "vt_multi", items: 49 },
  virustotal_parallel: { api: "vt_multi", items: 21 },
  cve_cpe: { api: "cvecpe_multi", items: 56 },
};

/** The API whose functions record every parameter; the others leave out what is false in Python. */
const RECORDS_ALL = "nvdlibrary";
/** A function that the notebooks define without a body: it records nothing. */
const SILENT = { api: "cvecpe_multi", name: "searchCPE" };

/** What scoring an answer gives. */
export interface NexusScore {
  readonly metrics: { readonly accuracy: number };
  /** No function was called. */
  readonly unparsed?: boolean;
  /** The recorded calls, in order: dicts of one entry. */
  readonly extracted?: readonly PyDict[];
}

/** Scores one answer. `doc` has `api` and `ground_truth` (several calls in one text, between `;`). */
export function scoreNexus(text: string, doc: unknown): NexusScore {
  const fields = toPython(doc);
  const field = (name: string) => fields instanceof PyDict ? pyStr(fields.get(name) ?? "") : "";
  const api = field("api");
  // The notebooks run only what starts with a call on its first line.
  const called = /^[\p{L}\p{N}_]+\(.*\)/u.test(text) ? recordCalls(text, api) : [];
  if (called.length === 0) return { metrics: { accuracy: 0 }, unparsed: true };
  const reference = field("ground_truth").trim().replaceAll("r = nvdlib.", "");
  const right = pyEqual([...called], [...recordCalls(reference, api)]);
  return { metrics: { accuracy: Number(right) }, extracted: called };
}

/**
 * Calls that the program makes of the API's functions, inner ones first, until an error ends it. A program
 * with a syntax error, or with statements other than expressions and plain assignments, makes none.
 */
function recordCalls(program: string, api: string): PyDict[] {
  const records: PyDict[] = [];
  const names = new Map<string, PyValue>([...BUILTINS, ...recorders(api, records)]);
  try {
    if (program.length > MAX_CALL_TEXT) throw new PyError("SyntaxError", "text too long");
    for (const { target, value } of parseStatements(program)) {
      const result = evaluate(value, names);
      if (target !== undefined) names.set(target, result);
    }
  } catch (error) {
    if (!(error instanceof PyError)) throw error;
  }
  return records;
}

/** The API's functions: they return nothing, so an outer call sees nothing of an inner one. */
function recorders(api: string, records: PyDict[]): [string, PyValue][] {
  const all = api === RECORDS_ALL;
  return (NEXUS_FUNCTIONS[api] ?? []).map((signature) => {
    const open = signature.indexOf("(");
    const name = signature.slice(0, open);
    const parameters = signature.slice(open + 1, -1);
    const parameterNames = parameters.split(", ").map((each) => each.split("=")[0]);
    const run = (...values: PyValue[]) => {
      if (api === SILENT.api && name === SILENT.name) return null;
      const entries = values.map((value, i) => [parameterNames[i], value] as const);
      const kept = entries.filter(([, value]) => all || truthy(value));
      records.push(PyDict.of({ [name]: new PyDict(kept) }));
      return null;
    };
    return [name, pyFunction(name, parameters, run)];
  });
}

/** A function as the prompt shows it. */
export interface NexusFunction {
  /** Name and parameters, as `searchCPE(limit=None)`. */
  readonly signature: string;
  readonly docstring: string;
}

/** The notebooks' prompt for chat models, one user message. */
export function nexusPrompt(query: string, functions: readonly NexusFunction[]): string {
  const tools = functions.map(({ signature, docstring }) =>
    `Function:\ndef ${signature}:\n"""\n${docstring}\n"""\n`
  );
  return `
You are given multiple functions and a user query.

Please proceed with generating a function call for the function with the proper arguments that best answers the given prompt.

Respond with nothing but the function call ONLY, such that I can directly execute your function call without any post processing necessary from my end. Do not use variables.

${tools.join("")}

Question: ${query}
`;
}
