/** Python's built-in functions that calls of models are wrapped in. */
import {
  type Arguments,
  binaryOp,
  compare,
  iterate,
  ordering,
  PyFunction,
  pyLength,
} from "./py_eval.ts";
import { parseFloating, parseInteger } from "./py_number.ts";
import { roundDecimal } from "./py_round.ts";
import { bindArguments, readSignature } from "./signature.ts";
import {
  isNumber,
  numberOf,
  PyDict,
  PyError,
  pyRepr,
  PySet,
  pyStr,
  PyTuple,
  type PyValue,
  truthy,
  typeName,
} from "./py_value.ts";

/** Longest `range` that is made. */
const MAX_RANGE = 100_000;

/** A function of the given signature. */
export function pyFunction(
  name: string,
  signature: string,
  run: (...values: PyValue[]) => PyValue,
): PyFunction {
  const parameters = readSignature(signature);
  return new PyFunction(name, (args) => run(...bindArguments(parameters, args, { name })));
}

/** `sum(values)`. */
export function pySum(values: PyValue): PyValue {
  return iterate(values).reduce((total, value) => binaryOp("+", total, value), 0n as PyValue);
}

/** `min(values)` with `<`, `max(values)` with `>`. */
export function pyExtreme(values: readonly PyValue[], op: "<" | ">"): PyValue {
  if (values.length === 0) throw new PyError("ValueError", "arg is an empty sequence");
  return values.reduce((best, value) => compare(op, value, best) ? value : best);
}

/** `abs(value)`. */
export function pyAbs(value: PyValue): PyValue {
  if (!isNumber(value)) {
    throw new PyError("TypeError", `bad operand type for abs(): '${typeName(value)}'`);
  }
  const number = numberOf(value);
  return number < 0 ? -number : typeof number === "number" ? Math.abs(number) : number;
}

/** `float(value)`. */
export function pyFloat(value: PyValue): number {
  if (isNumber(value)) return Number(value);
  if (typeof value !== "string") {
    const type = typeName(value);
    throw new PyError(
      "TypeError",
      `float() argument must be a string or a real number, not '${type}'`,
    );
  }
  const number = parseFloating(value);
  if (number !== undefined) return number;
  throw new PyError("ValueError", `could not convert string to float: ${pyRepr(value)}`);
}

/** `int(value)`. */
export function pyInt(value: PyValue): bigint {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) {
      throw new PyError("OverflowError", "cannot convert float infinity to integer");
    }
    return BigInt(Math.trunc(value));
  }
  if (isNumber(value)) return numberOf(value) as bigint;
  const number = typeof value === "string" ? parseInteger(value) : undefined;
  if (number !== undefined) return number;
  throw new PyError("ValueError", `invalid literal for int() with base 10: ${pyRepr(value)}`);
}

/** `round(value, digits)`. */
export function pyRound(value: PyValue, digits: PyValue): PyValue {
  if (!isNumber(value)) {
    throw new PyError("TypeError", `type ${typeName(value)} doesn't define __round__ method`);
  }
  if (digits !== null && typeof digits !== "bigint" && typeof digits !== "boolean") {
    throw new PyError(
      "TypeError",
      `'${typeName(digits)}' object cannot be interpreted as an integer`,
    );
  }
  return roundDecimal(numberOf(value), digits === null ? null : Number(digits));
}

function range(start: PyValue, stop: PyValue, step: PyValue): PyValue[] {
  const [first, last, by] = stop === null ? [0, Number(start), 1] : [start, stop, step].map(Number);
  if (by === 0) throw new PyError("ValueError", "range() arg 3 must not be zero");
  const count = Math.max(0, Math.ceil((last - first) / by));
  if (count > MAX_RANGE) throw new PyError("MemoryError", "");
  return Array.from({ length: count }, (_, i) => BigInt(first + i * by));
}

function variadic(name: string, run: (values: readonly PyValue[]) => PyValue): PyFunction {
  return new PyFunction(name, ({ positional }) => run(positional));
}

function extreme(name: string, op: "<" | ">"): PyFunction {
  return variadic(
    name,
    (values) => pyExtreme(values.length === 1 ? iterate(values[0]) : values, op),
  );
}

/** What `print` takes by name. */
const PRINT_OPTIONS = ["sep", "end", "file", "flush"];

function print({ named }: Arguments): PyValue {
  const unknown = named.keys().find((name) => !PRINT_OPTIONS.includes(name));
  if (unknown === undefined) return null;
  throw new PyError("TypeError", `'${unknown}' is an invalid keyword argument for print()`);
}

const FUNCTIONS: readonly PyFunction[] = [
  new PyFunction("print", print),
  extreme("min", "<"),
  extreme("max", ">"),
  pyFunction("len", "x", (value) => BigInt(pyLength(value))),
  pyFunction("str", "x=''", pyStr),
  pyFunction("repr", "x", pyRepr),
  pyFunction("int", "x=0", pyInt),
  pyFunction("float", "x=0.0", pyFloat),
  pyFunction("bool", "x=False", truthy),
  pyFunction("abs", "x", pyAbs),
  pyFunction("sum", "x", pySum),
  pyFunction("round", "number, ndigits=None", pyRound),
  pyFunction("list", "x=()", (value) => [...iterate(value)]),
  pyFunction("tuple", "x=()", (value) => new PyTuple(iterate(value))),
  pyFunction("set", "x=()", (value) => new PySet(iterate(value))),
  pyFunction("sorted", "x", (value) => [...iterate(value)].sort((a, b) => ordering("<", a, b))),
  pyFunction("range", "start, stop=None, step=1", range),
  new PyFunction("dict", ({ named }) => new PyDict(named)),
];

/** By name. */
export const BUILTINS: ReadonlyMap<string, PyValue> = new Map(
  FUNCTIONS.map((each) => [each.name, each]),
);
