/** Scores of BFCL v3's single-turn categories (Patil et al., 2025; last v3 evaluator, August 2025). */
import { type Call } from "../calls/call.ts";
import { toPython } from "../calls/py_json.ts";
import { PyDict, PyError, type PyValue } from "../calls/py_value.ts";
import { checkCalls, type Fault } from "./check.ts";
import { decodeCalls, type Decoded, type Language } from "./decode.ts";

/** What scoring an answer gives. */
export interface CallScore {
  readonly metrics: { readonly valid: number };
  /** Nothing that could be read as calls. */
  readonly unparsed?: boolean;
  /** The calls read. */
  readonly extracted?: readonly Call[];
  /** `error_type` as the official evaluator names it. */
  readonly diagnostics?: { readonly error_type: string; readonly at?: string };
}

/** Category of an item: its own field, else what its id says (`live_simple_19-3-15`). */
export function categoryOf(doc: unknown): string {
  const fields = toPython(doc);
  if (!(fields instanceof PyDict)) return "";
  const category = fields.get("category") ?? String(fields.get("id") ?? "").replace(/_[^_]*$/, "");
  return String(category);
}

/** Language of a category's functions. */
export function languageOf(category: string): Language {
  if (category.includes("javascript")) return "JavaScript";
  return category.includes("java") ? "Java" : "Python";
}

/**
 * Scores one answer to a single-turn item. `doc` is the item with its `ground_truth`; read it with
 * `readPyJson` where `3.0` must not become `3`.
 */
export function scoreBfcl(text: string, doc: unknown): CallScore {
  const item = toPython(doc);
  const category = categoryOf(item);
  if (category.includes("relevance")) return scoreRelevance(text, category.includes("irrelevance"));
  const language = languageOf(category);
  const decoded = decodeCalls(text, language);
  if (!("calls" in decoded)) {
    return {
      metrics: { valid: 0 },
      unparsed: true,
      diagnostics: { error_type: `ast_decoder:${decoded.failure}`, at: decoded.why },
    };
  }
  const kind = category.includes("parallel")
    ? "parallel"
    : category.includes("multiple")
    ? "multiple"
    : "simple";
  const expected = {
    functions: list(item, "function"),
    answers: list(item, "ground_truth"),
    language,
  };
  const fault = guarded(() => checkCalls(decoded.calls, expected, { kind }));
  return {
    metrics: { valid: fault ? 0 : 1 },
    extracted: decoded.calls,
    ...(fault ? { diagnostics: { error_type: fault.error, at: fault.at } } : {}),
  };
}

/** Where the official checker would stop with an exception, the answer is wrong. */
function guarded(check: () => Fault | undefined): Fault | undefined {
  try {
    return check();
  } catch (error) {
    if (error instanceof PyError) return { error: "checker:exception", at: error.message };
    throw error;
  }
}

/** Irrelevance: right without a call. Relevance: right with any call. */
function scoreRelevance(text: string, irrelevance: boolean): CallScore {
  const decoded = decodeCalls(text);
  const called = containsCall(decoded);
  const valid = Number(called !== irrelevance);
  const fault = irrelevance
    ? "irrelevance_error:decoder_success"
    : "relevance_error:decoder_failed";
  return {
    metrics: { valid },
    ...("calls" in decoded ? { extracted: decoded.calls } : {}),
    ...(valid ? {} : { diagnostics: { error_type: fault } }),
  };
}

function containsCall(decoded: Decoded): boolean {
  return "calls" in decoded && decoded.calls.length > 0;
}

function list(item: PyValue, field: string): PyValue[] {
  const value = item instanceof PyDict ? item.get(field) : undefined;
  return Array.isArray(value) ? value : [];
}
