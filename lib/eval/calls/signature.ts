/** Signatures of Python functions, and how arguments find their parameters. */
import { type Arguments, evaluate } from "./py_eval.ts";
import { parseExpression } from "./py_parser.ts";
import { PyError, type PyValue } from "./py_value.ts";

/** One parameter; without a default it must be given. */
export interface Parameter {
  readonly name: string;
  /** Gives a fresh default value. */
  readonly fallback?: () => PyValue;
}

/** Parameters of `a, b=1`. */
export function readSignature(source: string): Parameter[] {
  if (source === "") return [];
  const call = parseExpression(`f(${source.replace(/(^|, )(\w+)(?=,|$)/g, "$1$2=...")})`);
  if (call.type !== "call") throw new SyntaxError(`not a signature: ${source}`);
  return call.keywords.map(({ name, value }) =>
    value.type === "ellipsis"
      ? { name: name! }
      : { name: name!, fallback: () => evaluate(value, new Map()) }
  );
}

/** How a function is named in its errors, and whether it is a method (`self` counts as an argument). */
export interface Callee {
  readonly name: string;
  readonly isMethod?: boolean;
}

/** Values in the order of the parameters; a TypeError of Python where the arguments do not fit. */
export function bindArguments(
  parameters: readonly Parameter[],
  { positional, named }: Arguments,
  { name, isMethod = false }: Callee,
): PyValue[] {
  const values: (PyValue | undefined)[] = [...positional.slice(0, parameters.length)];
  for (const [key, value] of named) {
    const at = parameters.findIndex((parameter) => parameter.name === key);
    if (at < 0) throw mismatch(name, `got an unexpected keyword argument '${key}'`);
    if (at < positional.length) throw mismatch(name, `got multiple values for argument '${key}'`);
    values[at] = value;
  }
  const self = Number(isMethod);
  if (positional.length > parameters.length) {
    const most = parameters.length + self;
    const least = parameters.filter(({ fallback }) => !fallback).length + self;
    const takes = least < most ? `from ${least} to ${most}` : String(most);
    const given = positional.length + self;
    throw mismatch(
      name,
      `takes ${takes} positional argument${takes === "1" ? "" : "s"} but ${given} ` +
        `${given === 1 ? "was" : "were"} given`,
    );
  }
  const missing = parameters.filter(({ fallback }, i) => values[i] === undefined && !fallback);
  if (missing.length > 0) {
    const plural = missing.length > 1 ? "s" : "";
    throw mismatch(
      name,
      `missing ${missing.length} required positional argument${plural}: ${listed(missing)}`,
    );
  }
  return parameters.map(({ fallback }, i) =>
    values[i] ?? (values[i] === null ? null : fallback!())
  );
}

function mismatch(name: string, what: string): PyError {
  return new PyError("TypeError", `${name}() ${what}`);
}

/** `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`. */
function listed(parameters: readonly Parameter[]): string {
  const names = parameters.map(({ name }) => `'${name}'`);
  if (names.length < 3) return names.join(" and ");
  return `${names.slice(0, -1).join(", ")}, and ${names.at(-1)}`;
}
