/** Evaluates Python expressions over literals, names and functions that the caller supplies. */
import type { Expr } from "./py_parser.ts";
import {
  contains,
  isNumber,
  numberOf,
  PyBytes,
  PyDict,
  pyEqual,
  PyError,
  PyObject,
  pyRepr,
  PySet,
  PyTuple,
  type PyValue,
  truthy,
  typeName,
} from "./py_value.ts";

/** Arguments of a call: positional ones, then named ones in order. */
export interface Arguments {
  readonly positional: readonly PyValue[];
  readonly named: ReadonlyMap<string, PyValue>;
}

/** Something that can be called; evaluated names may hold it. */
export class PyFunction extends PyObject {
  readonly type = "function";

  constructor(readonly name: string, readonly call: (args: Arguments) => PyValue) {
    super();
  }

  repr(): string {
    return `<function ${this.name}>`;
  }
}

/** What `...` is. */
const ELLIPSIS = new (class extends PyObject {
  readonly type = "ellipsis";

  repr(): string {
    return "Ellipsis";
  }
})();

/** Most characters, items or bits of an evaluated value: `9 ** 9 ** 9` fails instead of hanging. */
const MAX_SIZE = 100_000;

/** Value of an expression; a PyError where Python raises an exception. */
export function evaluate(node: Expr, names: ReadonlyMap<string, PyValue>): PyValue {
  const inner = (part: Expr) => evaluate(part, names);
  switch (node.type) {
    case "constant":
      return node.value;
    case "name": {
      const value = names.get(node.name);
      if (value === undefined) throw new PyError("NameError", `name '${node.name}' is not defined`);
      return value;
    }
    case "call":
      return callNode(node, inner);
    case "list":
      return node.items.flatMap((item) => spread(item, inner));
    case "tuple":
      return new PyTuple(node.items.flatMap((item) => spread(item, inner)));
    case "set":
      return new PySet(node.items.flatMap((item) => spread(item, inner)));
    case "dict":
      return dictNode(node, inner);
    case "unary":
      return unaryOp(node.op, inner(node.operand));
    case "binary":
      return binaryOp(node.op, inner(node.left), inner(node.right));
    case "bool": {
      const stop = node.op === "or";
      let value = inner(node.values[0]);
      for (let i = 1; i < node.values.length && truthy(value) !== stop; i++) {
        value = inner(node.values[i]);
      }
      return value;
    }
    case "compare":
      return compareNode(node, inner);
    case "conditional":
      return truthy(inner(node.test)) ? inner(node.then) : inner(node.else);
    case "subscript":
      return subscript(inner(node.value), inner(node.index));
    case "attribute": {
      const type = typeName(inner(node.value));
      throw new PyError("AttributeError", `'${type}' object has no attribute '${node.name}'`);
    }
    case "starred":
      throw new PyError("SyntaxError", "can't use starred expression here");
    case "ellipsis":
      return ELLIPSIS;
    case "other":
      throw new PyError("NotImplementedError", "this kind of expression is not evaluated here");
  }
}

type Inner = (part: Expr) => PyValue;

function spread(item: Expr, inner: Inner): PyValue[] {
  return item.type === "starred" ? iterate(inner(item.value)) : [inner(item)];
}

/** The members of an iterable. */
export function iterate(value: PyValue): PyValue[] {
  if (typeof value === "string") return Array.from(value);
  if (Array.isArray(value)) return value;
  if (value instanceof PyTuple || value instanceof PySet) return [...value.items];
  if (value instanceof PyDict) return value.keys();
  throw new PyError("TypeError", `'${typeName(value)}' object is not iterable`);
}

function dictNode(node: Extract<Expr, { type: "dict" }>, inner: Inner): PyDict {
  const dict = new PyDict();
  for (const { key, value } of node.entries) {
    if (key !== null) dict.set(inner(key), inner(value));
    else for (const [k, v] of mapping(inner(value)).entries()) dict.set(k, v);
  }
  return dict;
}

function mapping(value: PyValue): PyDict {
  if (value instanceof PyDict) return value;
  throw new PyError("TypeError", `'${typeName(value)}' object is not a mapping`);
}

/** Calls as Python does: the function first, then its arguments from left to right. */
function callNode(node: Extract<Expr, { type: "call" }>, inner: Inner): PyValue {
  const func = inner(node.func);
  const positional = node.args.flatMap((arg) => spread(arg, inner));
  const named = new Map<string, PyValue>();
  const add = (name: string, value: PyValue) => {
    if (named.has(name)) throw new PyError("SyntaxError", `keyword argument repeated: ${name}`);
    named.set(name, value);
  };
  for (const { name, value } of node.keywords) {
    if (name !== null) add(name, inner(value));
    else {
      for (const [key, v] of mapping(inner(value)).entries()) {
        if (typeof key !== "string") throw new PyError("TypeError", "keywords must be strings");
        add(key, v);
      }
    }
  }
  if (!(func instanceof PyFunction)) {
    throw new PyError("TypeError", `'${typeName(func)}' object is not callable`);
  }
  return func.call({ positional, named });
}

/** `value[index]`. */
export function subscript(value: PyValue, index: PyValue): PyValue {
  if (value instanceof PyDict) {
    const found = value.get(index);
    if (found === undefined) throw new PyError("KeyError", pyRepr(index));
    return found;
  }
  const indexable = typeof value === "string" || Array.isArray(value) || value instanceof PyTuple;
  if (!indexable) {
    throw new PyError("TypeError", `'${typeName(value)}' object is not subscriptable`);
  }
  const type = typeName(value);
  if (typeof index !== "bigint" && typeof index !== "boolean") {
    const given = typeName(index);
    const rule = type === "str"
      ? `string indices must be integers, not '${given}'`
      : `${type} indices must be integers or slices, not ${given}`;
    throw new PyError("TypeError", rule);
  }
  const item = iterate(value).at(Number(index));
  if (item === undefined) {
    throw new PyError("IndexError", `${type === "str" ? "string" : type} index out of range`);
  }
  return item;
}

/** `op operand`. */
export function unaryOp(op: string, operand: PyValue): PyValue {
  if (op === "not") return !truthy(operand);
  if (isNumber(operand)) {
    const number = numberOf(operand);
    if (op === "-") return -number;
    if (op === "+") return number;
    if (typeof number === "bigint") return ~number;
  }
  throw new PyError("TypeError", `bad operand type for unary ${op}: '${typeName(operand)}'`);
}

/** `left op right`. */
export function binaryOp(op: string, left: PyValue, right: PyValue): PyValue {
  if (isNumber(left) && isNumber(right)) return arithmetic(op, numberOf(left), numberOf(right));
  if (op === "+") {
    if (typeof left === "string" && typeof right === "string") return bounded(left + right);
    if (Array.isArray(left) && Array.isArray(right)) return bounded([...left, ...right]);
    if (left instanceof PyTuple && right instanceof PyTuple) {
      return new PyTuple(bounded([...left.items, ...right.items]));
    }
    const sequence = typeof left === "string" ? "str" : Array.isArray(left) ? "list" : undefined;
    if (sequence) {
      throw new PyError(
        "TypeError",
        `can only concatenate ${sequence} (not "${typeName(right)}") to ${sequence}`,
      );
    }
  }
  if (op === "*") {
    if (typeof left === "bigint" || typeof left === "boolean") [left, right] = [right, left];
    if (typeof right === "bigint" || typeof right === "boolean") {
      const repeated = repeat(left, Number(right));
      if (repeated !== undefined) return repeated;
    } else if (typeof left === "string" || Array.isArray(left) || left instanceof PyTuple) {
      throw new PyError(
        "TypeError",
        `can't multiply sequence by non-int of type '${typeName(right)}'`,
      );
    }
  }
  throw new PyError(
    "TypeError",
    `unsupported operand type(s) for ${op}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

function repeat(value: PyValue, times: number): PyValue | undefined {
  const count = Math.max(0, times);
  const check = (size: number) => {
    if (size * count > MAX_SIZE) throw new PyError("MemoryError", "");
  };
  if (typeof value === "string") {
    check(value.length);
    return value.repeat(count);
  }
  if (!Array.isArray(value) && !(value instanceof PyTuple)) return undefined;
  const items = Array.isArray(value) ? value : value.items;
  check(items.length);
  const all = Array.from({ length: count }, () => items).flat();
  return Array.isArray(value) ? all : new PyTuple(all);
}

function bounded<T extends { length: number }>(value: T): T {
  if (value.length > MAX_SIZE) throw new PyError("MemoryError", "");
  return value;
}

/** Arithmetic of two numbers, ints exact. */
function arithmetic(op: string, a: bigint | number, b: bigint | number): PyValue {
  if (typeof a === "bigint" && typeof b === "bigint") return intArithmetic(op, a, b);
  const [x, y] = [Number(a), Number(b)];
  switch (op) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      if (y === 0) throw new PyError("ZeroDivisionError", "float division by zero");
      return x / y;
    case "//":
    case "%": {
      if (y === 0) {
        const what = op === "%" ? "float modulo" : "float floor division by zero";
        throw new PyError("ZeroDivisionError", what);
      }
      const rest = x % y;
      const modulo = rest !== 0 && (rest < 0) !== (y < 0) ? rest + y : rest;
      return op === "%" ? modulo : Math.round((x - modulo) / y);
    }
    case "**":
      return floatPower(x, y);
  }
  throw new PyError("TypeError", `unsupported operand type(s) for ${op}: 'float' and 'float'`);
}

function floatPower(x: number, y: number): number {
  if (x === 0 && y < 0) {
    throw new PyError("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  }
  const power = y === 0 || x === 1 ? 1 : x ** y;
  if (Number.isNaN(power) && !Number.isNaN(x) && !Number.isNaN(y)) {
    throw new PyError("NotImplementedError", "complex numbers are not computed here");
  }
  if (!Number.isFinite(power) && Number.isFinite(x) && Number.isFinite(y)) {
    throw new PyError("OverflowError", "(34, 'Numerical result out of range')");
  }
  return power;
}

function intArithmetic(op: string, a: bigint, b: bigint): PyValue {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      if (b === 0n) throw new PyError("ZeroDivisionError", "division by zero");
      return trueDivision(a, b);
    case "//":
    case "%": {
      if (b === 0n) {
        throw new PyError("ZeroDivisionError", "integer division or modulo by zero");
      }
      const rest = a % b;
      const modulo = rest !== 0n && (rest < 0n) !== (b < 0n) ? rest + b : rest;
      return op === "%" ? modulo : (a - modulo) / b;
    }
    case "**":
      if (b < 0n) return floatPower(Number(a), Number(b));
      if (Number(b) * a.toString(2).length > MAX_SIZE) throw new PyError("MemoryError", "");
      return a ** b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "<<":
    case ">>":
      if (b < 0n) throw new PyError("ValueError", "negative shift count");
      if (op === "<<" && b > BigInt(MAX_SIZE)) throw new PyError("MemoryError", "");
      return op === "<<" ? a << b : a >> b;
  }
  throw new PyError("TypeError", `unsupported operand type(s) for ${op}: 'int' and 'int'`);
}

/** `a / b` of ints, correctly rounded for ints of any size that fits a float. */
function trueDivision(a: bigint, b: bigint): number {
  const safe = BigInt(Number.MAX_SAFE_INTEGER);
  const small = (n: bigint) => n <= safe && n >= -safe;
  if (small(a) && small(b)) return Number(a) / Number(b);
  const digits = 2n ** 64n; // 64 extra bits, then one rounding
  const quotient = Number((a * digits) / b) / Number(digits);
  if (!Number.isFinite(quotient)) {
    throw new PyError("OverflowError", "integer division result too large for a float");
  }
  return quotient;
}

function compareNode(node: Extract<Expr, { type: "compare" }>, inner: Inner): PyValue {
  let left = inner(node.left);
  for (const { op, right: rightNode } of node.rest) {
    const right = inner(rightNode);
    if (!compare(op, left, right)) return false;
    left = right;
  }
  return true;
}

/** `left op right` of a comparison. */
export function compare(op: string, left: PyValue, right: PyValue): boolean {
  switch (op) {
    case "==":
      return pyEqual(left, right);
    case "!=":
      return !pyEqual(left, right);
    case "is":
      return left === right;
    case "is not":
      return left !== right;
    case "in":
      return isIn(left, right);
    case "not in":
      return !isIn(left, right);
  }
  const order = ordering(op, left, right);
  if (op === "<") return order < 0;
  if (op === "<=") return order <= 0;
  return op === ">" ? order > 0 : order >= 0;
}

function members(container: PyValue): PyValue[] {
  if (typeof container !== "object" || container === null) {
    throw new PyError("TypeError", `argument of type '${typeName(container)}' is not iterable`);
  }
  return iterate(container);
}

/** `item in container`. */
export function isIn(item: PyValue, container: PyValue): boolean {
  if (typeof container !== "string") return contains(members(container), item);
  if (typeof item === "string") return container.includes(item);
  throw new PyError(
    "TypeError",
    `'in <string>' requires string as left operand, not ${typeName(item)}`,
  );
}

/** Negative, zero or positive; NaN where nothing holds; a TypeError where Python refuses. */
export function ordering(op: string, left: PyValue, right: PyValue): number {
  if (isNumber(left) && isNumber(right)) {
    const [a, b] = [numberOf(left), numberOf(right)];
    if (a < b) return -1;
    return a > b ? 1 : a == b ? 0 : NaN;
  }
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  const lists = Array.isArray(left) && Array.isArray(right);
  if (lists || (left instanceof PyTuple && right instanceof PyTuple)) {
    const [a, b] = [iterate(left), iterate(right)];
    const i = a.findIndex((item, at) => at >= b.length || !pyEqual(item, b[at]));
    if (i < 0) return a.length - b.length;
    return i >= b.length ? 1 : ordering(op, a[i], b[i]);
  }
  throw new PyError(
    "TypeError",
    `'${op}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`,
  );
}

/** Order of two strings by code points. */
export function compareText(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  const at = x.findIndex((c, i) => c !== y[i]);
  if (at < 0) return x.length - y.length;
  return y[at] === undefined ? 1 : x[at].codePointAt(0)! - y[at].codePointAt(0)!;
}

/** `len(value)`. */
export function pyLength(value: PyValue): number {
  if (value instanceof PyBytes) return value.text.length;
  if (typeof value === "string" || Array.isArray(value)) return iterate(value).length;
  if (value instanceof PyTuple || value instanceof PySet) return value.items.length;
  if (value instanceof PyDict) return value.size;
  throw new PyError("TypeError", `object of type '${typeName(value)}' has no len()`);
}
