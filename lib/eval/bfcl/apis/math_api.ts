/** MathAPI: arithmetic, statistics and units. It has no state. */
import { pyAbs, pyExtreme, pyRound, pySum } from "../../calls/py_builtins.ts";
import { binaryOp, iterate } from "../../calls/py_eval.ts";
import {
  isNumber,
  numberOf,
  PyDict,
  pyEqual,
  PyError,
  pyStr,
  type PyValue,
  truthy,
  typeName,
} from "../../calls/py_value.ts";
import { Api, failure, type LongContext, type Method, method, table } from "./api.ts";
import { decimalRoot, logarithm } from "./big_real.ts";

/** Digits that are computed at most; items ask for a few. */
const MAX_LOG_DIGITS = 300;
const MAX_ROOT_DIGITS = 2000;
const NUMBERS = "Both inputs must be numbers";
const LIST = "All elements in the list must be numbers";

/** The simulated API. */
export class MathApi extends Api {
  readonly methods: Readonly<Record<string, Method>> = {
    logarithm: method("value, base, precision", log),
    mean: listMethod("calculate mean", mean),
    standard_deviation: listMethod("calculate standard deviation", deviation),
    min_value: listMethod("find minimum", (numbers) => pyExtreme(iterate(numbers), "<")),
    max_value: listMethod("find maximum", (numbers) => pyExtreme(iterate(numbers), ">")),
    sum_values: listMethod("calculate sum", pySum),
    si_unit_conversion: method("value, unit_in, unit_out", siConversion),
    imperial_si_conversion: method("value, unit_in, unit_out", imperialConversion),
    add: method("a, b", (a, b) => attempt(NUMBERS, () => binaryOp("+", a, b))),
    subtract: method("a, b", (a, b) => attempt(NUMBERS, () => binaryOp("-", a, b))),
    multiply: method(
      "a, b",
      (a, b) => isNumber(a) && isNumber(b) ? result(binaryOp("*", a, b)) : failure(NUMBERS),
    ),
    divide: method("a, b", (a, b) => {
      if (pyEqual(b, 0n)) return failure("Cannot divide by zero");
      return attempt(NUMBERS, () => binaryOp("/", a, b));
    }),
    power: method("base, exponent", (a, b) => attempt(NUMBERS, () => binaryOp("**", a, b))),
    square_root: method("number, precision", squareRoot),
    absolute_value: method(
      "number",
      (number) => attempt("Input must be a number", () => pyAbs(number)),
    ),
    round_number: method("number, decimal_places=0", (number, places) =>
      attempt(
        "First input must be a number, second input must be an integer",
        () => pyRound(number, places),
      )),
    percentage: method("part, whole", (part, whole) => {
      if (pyEqual(whole, 0n)) return failure("Whole value cannot be zero");
      return attempt(NUMBERS, () => binaryOp("*", binaryOp("/", part, whole), 100n));
    }),
  };

  constructor(_config: PyDict, longContext?: LongContext) {
    super("MathAPI", longContext);
  }
}

function result(value: PyValue): PyDict {
  return PyDict.of({ result: value });
}

/** The result, or the given error where Python raises a TypeError. */
function attempt(error: string, compute: () => PyValue): PyDict {
  try {
    return result(compute());
  } catch (caught) {
    if (caught instanceof PyError && caught.kind === "TypeError") return failure(error);
    throw caught;
  }
}

function listMethod(doing: string, compute: (numbers: PyValue) => PyValue): Method {
  return method("numbers", (numbers) => {
    if (!truthy(numbers)) return failure(`Cannot ${doing} of an empty list`);
    return attempt(LIST, () => compute(numbers));
  });
}

function mean(numbers: PyValue): PyValue {
  return binaryOp("/", pySum(numbers), BigInt(iterate(numbers).length));
}

function deviation(numbers: PyValue): PyValue {
  const centre = mean(numbers);
  const squares = iterate(numbers).map((x) => binaryOp("**", binaryOp("-", x, centre), 2n));
  return Math.sqrt(Number(mean(squares)));
}

function siConversion(value: PyValue, from: PyValue, to: PyValue): PyDict {
  const metres = table("math", "si");
  if (!isNumber(value)) return failure("Value must be a number");
  const [factor, divisor] = [metres.get(from), metres.get(to)];
  if (factor === undefined || divisor === undefined) return unsupported(from, to);
  const inverse = binaryOp("/", 1n, divisor);
  return result(binaryOp("*", binaryOp("*", value, factor), inverse));
}

function imperialConversion(value: PyValue, from: PyValue, to: PyValue): PyDict {
  if (!isNumber(value)) return failure("Value must be a number");
  if (pyEqual(from, to)) return result(value);
  const conversion = `${pyStr(from)}_to_${pyStr(to)}`;
  const factor = table("math", "imperial").get(conversion);
  if (factor === undefined) return unsupported(from, to);
  if (conversion === "fahrenheit_to_celsius") {
    return result(binaryOp("*", binaryOp("-", value, 32n), factor));
  }
  const scaled = binaryOp("*", value, factor);
  return result(conversion === "celsius_to_fahrenheit" ? binaryOp("+", scaled, 32n) : scaled);
}

function unsupported(from: PyValue, to: PyValue): PyDict {
  return failure(`Conversion from '${pyStr(from)}' to '${pyStr(to)}' is not supported`);
}

function log(value: PyValue, base: PyValue, precision: PyValue): PyDict {
  if (!isNumber(precision)) {
    const rule = "int() argument must be a string, a bytes-like object or a real number";
    return failure(`${rule}, not '${typeName(precision)}'`);
  }
  if (!isNumber(value) || !isNumber(base)) {
    return failure(`cannot create mpf from ${pyStr(isNumber(value) ? base : value)}`);
  }
  const digits = Math.min(Math.trunc(Number(precision)), MAX_LOG_DIGITS);
  try {
    return result(logarithm(numberOf(value), numberOf(base), { digits }));
  } catch (error) {
    if (error instanceof PyError) return failure(error.message);
    throw error;
  }
}

function squareRoot(number: PyValue, precision: PyValue): PyDict {
  const invalid = "Input must be a number or computation resulted in an invalid operation";
  if (isNumber(number) && numberOf(number) < 0) {
    return failure("Cannot calculate square root of a negative number");
  }
  if (!isNumber(number) || (typeof precision !== "bigint" && typeof precision !== "boolean")) {
    return failure(invalid);
  }
  if (Number(precision) < 1) {
    throw new PyError("ValueError", "valid range for prec is [1, MAX_PREC]");
  }
  return result(decimalRoot(numberOf(number), Math.min(Number(precision), MAX_ROOT_DIGITS)));
}
