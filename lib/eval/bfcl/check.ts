/** Whether calls are the right ones: BFCL's checker for single-turn items. */
import type { Call } from "../calls/call.ts";
import { iterate } from "../calls/py_eval.ts";
import { contains, PyDict, PyError, PyTuple, type PyValue, typeName } from "../calls/py_value.ts";
import { convertJava, convertJavascript } from "./convert.ts";
import type { Language } from "./decode.ts";

/** A fault, named as the official checker names it. */
export interface Fault {
  readonly error: string;
  /** The parameter, function or count at fault. */
  readonly at: string;
}

/** What one item expects. */
export interface Expected {
  /** Function documents. */
  readonly functions: readonly PyValue[];
  /** `{function: {parameter: [accepted values]}}` for each call. */
  readonly answers: readonly PyValue[];
  readonly language: Language;
}

/** Type that each declared type must have in Python. */
const TYPES: Readonly<Record<Language, Readonly<Record<string, string>>>> = {
  Python: {
    string: "str",
    integer: "int",
    float: "float",
    boolean: "bool",
    array: "list",
    tuple: "list",
    dict: "dict",
    any: "str",
  },
  Java: {
    byte: "int",
    short: "int",
    integer: "int",
    float: "float",
    double: "float",
    long: "int",
    boolean: "bool",
    char: "str",
    Array: "list",
    ArrayList: "list",
    Set: "set",
    HashMap: "dict",
    Hashtable: "dict",
    Queue: "list",
    Stack: "list",
    String: "str",
    any: "str",
  },
  JavaScript: {
    String: "str",
    integer: "int",
    float: "float",
    Bigint: "int",
    Boolean: "bool",
    dict: "dict",
    array: "list",
    any: "str",
  },
};

/** Declared types with element types, checked one level deep. */
const WITH_ITEMS = ["array", "tuple", "Array", "ArrayList"];

/** Checks one item's calls; undefined means right. `kind` is the category's. */
export function checkCalls(
  calls: readonly Call[],
  expected: Expected,
  { kind }: { kind: "simple" | "multiple" | "parallel" },
): Fault | undefined {
  const { functions, answers } = expected;
  const wanted = kind === "simple" ? 1 : answers.length;
  if (calls.length !== wanted) {
    const checker = kind === "parallel"
      ? "parallel_function_checker_no_order"
      : `${kind}_function_checker`;
    return { error: `${checker}:wrong_count`, at: `${calls.length} calls, expected ${wanted}` };
  }
  const document = (answer: PyValue) =>
    functions.find((doc) => text(doc, "name") === nameOf(answer));
  if (kind === "simple") return checkCall(calls[0], functions[0], answers[0], expected.language);
  if (kind === "multiple") {
    return checkCall(calls[0], document(answers[0]), answers[0], expected.language);
  }
  // Greedy: each answer in order takes the first call that is left and passes.
  const left = new Set(calls);
  for (const answer of answers) {
    const doc = document(answer);
    const found = [...left].find((call) => !checkCall(call, doc, answer, expected.language));
    if (!found) {
      return { error: "parallel_function_checker_no_order:cannot_find_match", at: nameOf(answer) };
    }
    left.delete(found);
  }
  return undefined;
}

function nameOf(answer: PyValue): string {
  return String(dict(answer).keys()[0]);
}

function dict(value: PyValue | undefined): PyDict {
  return value instanceof PyDict ? value : new PyDict();
}

function text(value: PyValue | undefined, key: string): string | undefined {
  const found = dict(value).get(key);
  return typeof found === "string" ? found : undefined;
}

function checkCall(
  call: Call,
  doc: PyValue | undefined,
  answer: PyValue,
  language: Language,
): Fault | undefined {
  const accepted = dict(dict(answer).values()[0]);
  const parameters = dict(dict(doc).get("parameters"));
  const properties = dict(parameters.get("properties"));
  if (doc === undefined || call.name !== text(doc, "name")) {
    return { error: "simple_function_checker:wrong_func_name", at: call.name };
  }
  for (const name of iterate(parameters.get("required") ?? [])) {
    if (!call.args.has(name)) {
      return { error: "simple_function_checker:missing_required", at: String(name) };
    }
  }
  for (const [name, value] of call.args.entries()) {
    const at = String(name);
    if (!properties.has(name) || !accepted.has(name)) {
      return { error: "simple_function_checker:unexpected_param", at };
    }
    const error = checkArgument(value, {
      declared: dict(properties.get(name)),
      accepted: iterate(accepted.get(name)!),
      language,
    });
    if (error) return { error, at };
  }
  const missing = accepted.entries().find(([name, values]) =>
    !call.args.has(name) && !contains(iterate(values), "")
  );
  return missing && { error: "simple_function_checker:missing_optional", at: String(missing[0]) };
}

interface ArgumentRule {
  readonly declared: PyDict;
  readonly accepted: readonly PyValue[];
  readonly language: Language;
}

/** Name of the fault of one argument. */
function checkArgument(given: PyValue, rule: ArgumentRule): string | undefined {
  const { declared, accepted, language } = rule;
  const declaredType = text(declared, "type") ?? "";
  const items = WITH_ITEMS.includes(declaredType)
    ? text(declared.get("items"), "type") ?? ""
    : undefined;
  const type = TYPES[language][declaredType];
  const itemType = items === undefined ? undefined : TYPES[language][items];
  let value = given;
  if (language !== "Python") {
    if (typeof given !== "string") return `type_error:${language === "Java" ? "java" : "js"}`;
    try {
      const convert = language === "Java" ? convertJava : convertJavascript;
      value = convert(given, declaredType, items);
    } catch (error) {
      if (error instanceof PyError) return "type_error:simple"; // the official converter gives up
      throw error;
    }
  }
  if (declaredType === "tuple" && value instanceof PyTuple) value = [...value.items];
  if (language === "Python" && declaredType === "float" && typeof value === "bigint") {
    value = Number(value);
  }
  const checked = checkType(value, accepted, { type, itemType });
  if (checked.error) return checked.error;
  if (!checked.variable) {
    if (type === "dict") return checkDict(value, accepted);
    if (type === "list" && itemType === "dict") return checkDicts(value, accepted);
    if (type === "str") {
      const strings = accepted.filter((answer) => typeof answer === "string").map(standardised);
      return contains(strings, standardised(value)) ? undefined : "value_error:string";
    }
    if (type === "list") {
      const lists = accepted.map((answer) => Array.from(iterate(answer), standardised));
      const standard = Array.from(iterate(value), standardised);
      return contains(lists, standard) ? undefined : "value_error:list/tuple";
    }
  }
  return contains(accepted, value) ? undefined : "value_error:others";
}

/** Strings without blanks and `,./-_*^`, in lower case, with double quotes; other values as they are. */
function standardised(value: PyValue): PyValue {
  if (typeof value !== "string") return value;
  return value.replace(/[ ,./\-_*^]/g, "").toLowerCase().replaceAll("'", '"');
}

/** Type of the first accepted value that is not "left out". */
function acceptedType(accepted: readonly PyValue[]): string | undefined {
  const first = accepted.find((answer) => answer !== "");
  return first === undefined ? undefined : typeName(first);
}

/**
 * A type fault, or whether the value is a "variable": of the type of the accepted values instead of the
 * declared one, so that only equality counts.
 */
function checkType(
  value: PyValue,
  accepted: readonly PyValue[],
  { type, itemType }: { type: string; itemType?: string },
): { error?: string; variable?: boolean } {
  const answerType = acceptedType(accepted);
  const variable = answerType !== undefined && answerType !== type;
  const right = typeName(value) === type;
  if (right) {
    if (itemType === undefined || itemsFit(iterate(value), accepted, itemType)) return { variable };
  }
  if (answerType === typeName(value)) {
    return right ? { error: "type_error:nested" } : { variable: true };
  }
  return { error: "type_error:simple" };
}

/** Whether all items pass for one accepted list; an accepted value that is no list accepts any items. */
function itemsFit(items: readonly PyValue[], accepted: readonly PyValue[], type: string): boolean {
  return accepted.some((answer) =>
    !Array.isArray(answer) || items.every((item) => !checkType(item, answer, { type }).error)
  );
}

function checkDict(value: PyValue, accepted: readonly PyValue[]): string | undefined {
  let error: string | undefined = "dict_checker:unclear";
  for (const answer of accepted) {
    if (answer === "") continue;
    error = dictFault(dict(value), dict(answer));
    if (error === undefined) break;
  }
  return error;
}

function dictFault(given: PyDict, answer: PyDict): string | undefined {
  let error: string | undefined;
  for (const [key, value] of given.entries()) {
    if (!answer.has(key)) error = "value_error:dict_key";
    else if (!contains(iterate(answer.get(key)!).map(standardised), standardised(value))) {
      error = "value_error:dict_value";
    }
    if (error) break;
  }
  const missing = answer.entries().some(([key, values]) =>
    !given.has(key) && !contains(iterate(values), "")
  );
  return missing ? "value_error:dict_key" : error;
}

function checkDicts(value: PyValue, accepted: readonly PyValue[]): string | undefined {
  let error: string | undefined = "list_dict_checker:unclear";
  const given = iterate(value);
  for (const answer of accepted) {
    const wanted = iterate(answer);
    if (given.length !== wanted.length) {
      error = "value_error:list_dict_count";
      continue;
    }
    error = undefined;
    for (let i = 0; i < given.length && error === undefined; i++) {
      error = checkDict(given[i], [wanted[i]]);
    }
    if (error === undefined) return undefined;
  }
  return error;
}
