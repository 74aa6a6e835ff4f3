/** WGSL's types as the sanitizer knows them, and how they lie in memory. */

/** Names of scalars; `int` and `float` are literals that fit what they meet. */
export type ScalarName = "f32" | "u32" | "i32" | "bool" | "u64" | "int" | "float";
/** A number or bool. */
export type Scalar = { kind: "scalar"; name: ScalarName };
/** A type. */
export type Type =
  | Scalar
  | { kind: "vec"; of: Scalar; size: number }
  | { kind: "array"; of: Type; length?: number }
  | { kind: "struct"; name: string; fields: { name: string; type: Type }[] }
  | { kind: "atomic"; of: Scalar }
  | { kind: "pointer"; of: Type };

export const scalar = (name: ScalarName): Scalar => ({ kind: "scalar", name });
export const F32 = scalar("f32");
export const U32 = scalar("u32");
export const I32 = scalar("i32");
export const BOOL = scalar("bool");
export const INT = scalar("int");
export const FLOAT = scalar("float");
/** What a function without a value returns. */
export const NOTHING: Type = { kind: "struct", name: "nothing", fields: [] };

/** Bytes of a type in memory; bools are a byte each, which is the least that a device may give them. */
export function layout(type: Type): { size: number; align: number } {
  switch (type.kind) {
    case "scalar": {
      const size = type.name === "bool" ? 1 : type.name === "u64" ? 8 : 4;
      return { size, align: size };
    }
    case "vec": {
      const { size } = layout(type.of);
      return { size: size * type.size, align: size * (type.size === 3 ? 4 : type.size) };
    }
    case "array":
      return { size: stride(type) * (type.length ?? 1), align: layout(type.of).align };
    case "struct": {
      const align = Math.max(...type.fields.map((field) => layout(field.type).align));
      const last = type.fields.length - 1;
      return { size: up(offsets(type)[last] + layout(type.fields[last].type).size, align), align };
    }
    default:
      return layout(type.of);
  }
}

function up(bytes: number, align: number): number {
  return Math.ceil(bytes / align) * align;
}

/** Bytes from one part to the next. */
export function stride(type: Type & { kind: "array" | "vec" }): number {
  const { size, align } = layout(type.of);
  return type.kind === "vec" ? size : up(size, align);
}

/** Where a struct's fields lie. */
export function offsets({ fields }: Type & { kind: "struct" }): number[] {
  let next = 0;
  return fields.map(({ type }) => {
    const { size, align } = layout(type);
    const at = up(next, align);
    next = at + size;
    return at;
  });
}

/** Bytes of the smallest thing in a type. */
export function smallest(type: Type): number {
  if (type.kind === "scalar") return Math.min(4, layout(type).size);
  if (type.kind === "struct") return Math.min(...type.fields.map((field) => smallest(field.type)));
  return smallest(type.of);
}

/** JavaScript that reads a value from byte `at` of memory `m`. */
export function raw(type: Type, at: string): string {
  switch (type.kind) {
    case "scalar": {
      const power = { 1: "", 4: " >> 2", 8: " >> 3" }[layout(type).size];
      const word = `m.${type.name}[m.bound.offset + ${at}${power}]`;
      return type.name === "bool" ? `(${word} !== 0)` : word;
    }
    case "vec":
      return `[${parts(type).map((from) => raw(type.of, `${at} + ${from}`)).join(", ")}]`;
    case "array":
      return `Array.from({ length: ${type.length} }, (_, i) => ${
        raw(type.of, `${at} + i * ${stride(type)}`)
      })`;
    case "struct": {
      const from = offsets(type);
      return `[${type.fields.map((field, i) => raw(field.type, `${at} + ${from[i]}`)).join(", ")}]`;
    }
    default:
      return raw(type.of, at);
  }
}

/** JavaScript that writes `value` there. */
export function rawStore(type: Type, at: string, value: string): string {
  switch (type.kind) {
    case "scalar":
      return `${raw(type, at).replace(/^\(|(?<=\]) !== 0\)$/g, "")} = ${value};`;
    case "vec":
      return parts(type).map((from, i) => rawStore(type.of, `${at} + ${from}`, `${value}[${i}]`))
        .join(" ");
    case "array":
      return `for (let i = 0; i < ${type.length}; i++) { ${
        rawStore(type.of, `${at} + i * ${stride(type)}`, `${value}[i]`)
      } }`;
    case "struct": {
      const from = offsets(type);
      return type.fields.map((field, i) =>
        rawStore(field.type, `${at} + ${from[i]}`, `${value}[${i}]`)
      ).join(" ");
    }
    default:
      return rawStore(type.of, at, value);
  }
}

function parts(type: Type & { kind: "vec" }): number[] {
  return Array.from({ length: type.size }, (_, i) => i * stride(type));
}

/** A type's name, fit for JavaScript. */
export function key(type: Type): string {
  if (type.kind === "scalar" || type.kind === "struct") return type.name;
  if (type.kind === "vec") return `vec${type.size}_${type.of.name}`;
  if (type.kind === "array") return `array${type.length ?? ""}_${key(type.of)}`;
  return `${type.kind}_${key(type.of)}`;
}

/** What a vector or scalar is made of. */
export function elementOf(type: Type): Scalar {
  if (type.kind === "scalar") return type;
  if (type.kind === "vec" || type.kind === "atomic") return type.of;
  throw new SyntaxError(`The sanitizer expected numbers, not ${key(type)}`);
}

/** The same of other scalars. */
export function withElement(type: Type, of: Scalar): Type {
  return type.kind === "vec" ? { ...type, of } : of;
}

/** What literals are where nothing else is asked. */
export function concrete(type: Type): Type {
  return type.kind !== "scalar"
    ? type
    : type.name === "int"
    ? I32
    : type.name === "float"
    ? F32
    : type;
}
