/**
 * Python values, as far as calls, their arguments and the simulated APIs need them. An int is a
 * `bigint`, a float a `number`, None `null`, a list an array; what JavaScript lacks has a class here.
 */

/** Any value. */
export type PyValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | PyValue[]
  | PyTuple
  | PySet
  | PyDict
  | PyObject;

/** A Python exception; `message` is what `str(e)` gives. */
export class PyError extends Error {
  constructor(readonly kind: string, message: string) {
    super(message);
    this.name = kind;
  }
}

/** An instance of a class of which only type, text and equality count. */
export abstract class PyObject {
  /** Name of its type. */
  abstract readonly type: string;
  /** What `repr()` gives. */
  abstract repr(): string;
  /** Whether `==` holds. */
  equals(other: PyValue): boolean {
    return this === other;
  }
}

/** A tuple. */
export class PyTuple {
  constructor(readonly items: readonly PyValue[]) {}
}

/** A set, in insertion order. */
export class PySet {
  readonly #members = new PyDict();

  constructor(members: Iterable<PyValue> = []) {
    for (const member of members) this.add(member);
  }

  add(member: PyValue): void {
    this.#members.set(member, null);
  }

  has(member: PyValue): boolean {
    return this.#members.has(member);
  }

  get items(): PyValue[] {
    return this.#members.keys();
  }
}

/** A dict: insertion order, keys compared as Python compares them (`1 == 1.0 == True`). */
export class PyDict {
  readonly #entries = new Map<string, [PyValue, PyValue]>();

  constructor(entries: Iterable<readonly [PyValue, PyValue]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  /** A dict with string keys. */
  static of(fields: Readonly<Record<string, PyValue>>): PyDict {
    return new PyDict(Object.entries(fields));
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: PyValue): boolean {
    return this.#entries.has(hashKey(key));
  }

  get(key: PyValue): PyValue | undefined {
    return this.#entries.get(hashKey(key))?.[1];
  }

  set(key: PyValue, value: PyValue): void {
    const hash = hashKey(key);
    const entry = this.#entries.get(hash);
    if (entry) entry[1] = value;
    else this.#entries.set(hash, [key, value]);
  }

  delete(key: PyValue): void {
    this.#entries.delete(hashKey(key));
  }

  keys(): PyValue[] {
    return Array.from(this.#entries.values(), ([key]) => key);
  }

  values(): PyValue[] {
    return Array.from(this.#entries.values(), ([, value]) => value);
  }

  entries(): [PyValue, PyValue][] {
    return Array.from(this.#entries.values(), ([key, value]) => [key, value]);
  }

  copy(): PyDict {
    return new PyDict(this.#entries.values());
  }
}

/** Bytes, one character per byte. */
export class PyBytes extends PyObject {
  readonly type = "bytes";

  constructor(readonly text: string) {
    super();
  }

  repr(): string {
    return `b${quoted(this.text, (c) => c > "~" ? hex(c, 2, "\\x") : undefined)}`;
  }

  override equals(other: PyValue): boolean {
    return other instanceof PyBytes && other.text === this.text;
  }
}

/** An imaginary number as a literal gives it; no benchmark computes with one. */
export class PyComplex extends PyObject {
  readonly type = "complex";

  constructor(readonly imaginary: number) {
    super();
  }

  repr(): string {
    return `${floatRepr(this.imaginary).replace(/\.0$/, "")}j`;
  }

  override equals(other: PyValue): boolean {
    return other instanceof PyComplex && other.imaginary === this.imaginary;
  }
}

/** A text that equal keys of a dict share; a TypeError of Python for what cannot be a key. */
export function hashKey(key: PyValue): string {
  if (key === null) return "None";
  if (typeof key === "string") return `s${key}`;
  if (isNumber(key)) {
    const whole = typeof key === "number" && Number.isInteger(key) ? BigInt(key) : key;
    return typeof whole === "boolean" ? `n${Number(whole)}` : `n${whole}`;
  }
  if (key instanceof PyTuple) return JSON.stringify(["t", ...key.items.map(hashKey)]);
  if (key instanceof PyObject) return `o${key.type}${key.repr()}`;
  throw new PyError("TypeError", `unhashable type: '${typeName(key)}'`);
}

/** Whether a value is an int, a float or a bool. */
export function isNumber(value: PyValue): value is bigint | number | boolean {
  return typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";
}

/** Name of a value's type, as `type(value).__name__`. */
export function typeName(value: PyValue): string {
  if (value === null) return "NoneType";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "string":
      return "str";
  }
  if (Array.isArray(value)) return "list";
  if (value instanceof PyTuple) return "tuple";
  if (value instanceof PyDict) return "dict";
  return value instanceof PySet ? "set" : value.type;
}

/** `bool(value)`. */
export function truthy(value: PyValue): boolean {
  if (value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof PyTuple || value instanceof PySet) return value.items.length > 0;
  if (value instanceof PyDict) return value.size > 0;
  if (value instanceof PyBytes) return value.text !== "";
  return value instanceof PyObject || (Boolean(value) || Number.isNaN(value));
}

/** `a == b`. */
export function pyEqual(a: PyValue, b: PyValue): boolean {
  if (isNumber(a)) return isNumber(b) && numberOf(a) == numberOf(b);
  if (a === null || typeof a === "string") return a === b;
  if (Array.isArray(a)) return Array.isArray(b) && sameItems(a, b);
  if (a instanceof PyTuple) return b instanceof PyTuple && sameItems(a.items, b.items);
  if (a instanceof PySet) {
    return b instanceof PySet && a.items.length === b.items.length &&
      a.items.every((item) => b.has(item));
  }
  if (a instanceof PyDict) {
    return b instanceof PyDict && a.size === b.size &&
      a.entries().every(([key, value]) => b.has(key) && pyEqual(value, b.get(key)!));
  }
  return a.equals(b);
}

/** `value in list`. */
export function contains(list: readonly PyValue[], value: PyValue): boolean {
  return list.some((item) => pyEqual(item, value));
}

function sameItems(a: readonly PyValue[], b: readonly PyValue[]): boolean {
  return a.length === b.length && a.every((item, i) => pyEqual(item, b[i]));
}

/** A number without its bool disguise; int and float compare exactly with `==` and `<`. */
export function numberOf(value: bigint | number | boolean): bigint | number {
  return typeof value === "boolean" ? BigInt(value) : value;
}

/** `str(value)`. */
export function pyStr(value: PyValue): string {
  return typeof value === "string" ? value : pyRepr(value);
}

/** `repr(value)`. */
export function pyRepr(value: PyValue): string {
  if (value === null) return "None";
  switch (typeof value) {
    case "boolean":
      return value ? "True" : "False";
    case "bigint":
      return intRepr(value);
    case "number":
      return floatRepr(value);
    case "string":
      return strRepr(value);
  }
  if (Array.isArray(value)) return `[${value.map(pyRepr).join(", ")}]`;
  if (value instanceof PyTuple) {
    return `(${value.items.map(pyRepr).join(", ")}${value.items.length === 1 ? "," : ""})`;
  }
  if (value instanceof PySet) {
    return value.items.length === 0 ? "set()" : `{${value.items.map(pyRepr).join(", ")}}`;
  }
  if (value instanceof PyDict) {
    return `{${value.entries().map(([k, v]) => `${pyRepr(k)}: ${pyRepr(v)}`).join(", ")}}`;
  }
  return value.repr();
}

/** Ints from here on have more digits than CPython prints. */
const TOO_LONG = 10n ** 4300n;

/** `repr` of an int. */
export function intRepr(value: bigint): string {
  if (value < TOO_LONG && value > -TOO_LONG) return String(value);
  throw new PyError(
    "ValueError",
    "Exceeds the limit (4300 digits) for integer string conversion",
  );
}

/** `repr` of a float: shortest digits, exponent from 1e16 up and below 1e-4. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa, exponent] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    const digits = String(Math.abs(power)).padStart(2, "0");
    return `${mantissa}e${power < 0 ? "-" : "+"}${digits}`;
  }
  const text = power < 0 && value !== 0
    ? value.toFixed(Math.max(0, mantissa.replace(/[-.]/g, "").length - 1 - power))
    : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

const UNPRINTABLE = /[\p{C}\p{Z}]/u;

function strRepr(text: string): string {
  return quoted(text, (c) => {
    if (c === " " || !UNPRINTABLE.test(c)) return undefined;
    const code = c.codePointAt(0)!;
    if (code < 0x100) return hex(c, 2, "\\x");
    return code < 0x10000 ? hex(c, 4, "\\u") : hex(c, 8, "\\U");
  });
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function quoted(text: string, escape: (c: string) => string | undefined): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = "";
  for (const c of text) {
    if (c === quote) out += `\\${c}`;
    else out += ESCAPES[c] ?? (c < " " || c === "\x7f" ? hex(c, 2, "\\x") : escape(c) ?? c);
  }
  return quote + out + quote;
}

function hex(c: string, digits: number, prefix: string): string {
  return prefix + c.codePointAt(0)!.toString(16).padStart(digits, "0");
}
