/** JavaScript for operators, functions and conversions of scalars: $0, $1 and so on are arguments, $@ the place. */
import { BOOL, F32, I32, type ScalarName, type Type, U32 } from "./types.ts";
/** Functions of scalars, taken part by part of vectors: $0, $1 and so on are their arguments, $@ the place. */
export const PARTWISE: Record<string, string> = {
  min: "Math.min($0, $1)",
  max: "Math.max($0, $1)",
  exp: "Math.fround(Math.exp($0))",
  log: "Math.fround(Math.log($0))",
  sqrt: "Math.fround(Math.sqrt($0))",
  pow: "Math.fround(Math.pow($0, $1))",
  fma: "Math.fround($0 * $1 + $2)",
  select: "($2 ? $1 : $0)",
  countOneBits: "countOneBits($0)",
  countLeadingZeros: "Math.clz32($0)",
  firstTrailingBit: "firstTrailingBit($0)",
  firstLeadingBit: "((31 - Math.clz32($0)) >>> 0)",
  extractBits: "extractBits($0, $1, $2)",
};

/** Functions of one kind of argument. */
export const PLAIN: Record<string, Type> = {
  unpack2x16float: { kind: "vec", of: F32, size: 2 },
  pack2x16float: U32,
  pack4xU8: U32,
  dot4I8Packed: I32,
  any: BOOL,
};

/** What an atomic is afterwards, of `old` and an argument. */
export const ATOMIC: Record<string, string> = {
  atomicAdd: "old + $",
  atomicMax: "Math.max(old, $)",
  atomicOr: "old | $",
};

/** Operators that make bools. */
export const COMPARISONS = new Set(["==", "!=", "<", ">", "<=", ">="]);

/** A result of JavaScript's numbers brought back to a type. */
export function wrapped(type: ScalarName, js: string): string {
  if (type === "f32") return `Math.fround(${js})`;
  if (type === "u32") return `(${js} >>> 0)`;
  if (type === "i32") return `(${js} | 0)`;
  return `BigInt.asUintN(64, ${js})`;
}

/** Names of operators, fit for JavaScript. */
export const OPERATORS: Record<string, string> = {
  "+": "add",
  "-": "subtract",
  "*": "multiply",
  "/": "divide",
  "%": "modulo",
  "&": "and",
  "|": "or",
  "^": "xor",
  "<<": "left",
  ">>": "right",
  "==": "equal",
  "!=": "unequal",
  "<": "less",
  ">": "more",
  "<=": "at_most",
  ">=": "at_least",
};

/** The template of an operator. */
export function arithmetic(op: string, type: ScalarName): string {
  if (op === "==" || op === "!=") return `($0 ${op}= $1)`;
  if (COMPARISONS.has(op)) return `($0 ${op} $1)`;
  if (type === "bool") return `(($0 ${op} $1) !== 0)`;
  if (op === "<<" || op === ">>") {
    if (type === "u64") return wrapped(type, `($0 ${op} BigInt($1))`);
    return wrapped(type, `($0 ${type === "u32" && op === ">>" ? ">>>" : op} shift($1, $@))`);
  }
  if (op === "*" && (type === "u32" || type === "i32")) return wrapped(type, "Math.imul($0, $1)");
  if (op === "/" && type === "f32") return "quotient($0, $1)";
  if (op === "/" && type !== "u64") return wrapped(type, "divide($0, $1, $@)");
  if (op === "%" && type !== "u64" && type !== "f32") return wrapped(type, "remainder($0, $1, $@)");
  return wrapped(type, `($0 ${op} $1)`);
}

/** The template of a conversion. */
export function conversion(from: ScalarName, to: ScalarName): string {
  if (to === "f32") return from === "bool" ? "($0 ? 1 : 0)" : "Math.fround(Number($0))";
  if (to === "bool") return "($0 != 0)";
  if (from === "bool") return "($0 ? 1 : 0)";
  if (to === "u64") return "BigInt($0)";
  if (from === "u64") return wrapped(to, "Number(BigInt.asUintN(32, $0))");
  if (from === "f32") {
    return to === "u32" ? "whole($0, 0, 4294967295, $@)" : "whole($0, -2147483648, 2147483647, $@)";
  }
  return wrapped(to, "$0");
}

/** A template with its arguments. */
export function fill(template: string, args: readonly string[], at: string): string {
  return template.replace(/\$([\d@])/g, (_, which) => which === "@" ? at : args[Number(which)]);
}
