/** Functions that a translated program has beside its own: made as it first needs them, each once. */
import { key, layout, raw, rawStore, type Type } from "./types.ts";

/** A place in a variable of memory. Components of vectors count as the whole: devices may touch all of it. */
interface Memory {
  variable: string;
  offset: string;
  at: number;
  vector?: { offset: string; type: Type };
}

/** JavaScript of an expression. Vectors, arrays and structs are arrays of their parts. */
export interface Code {
  type: Type;
  js: string;
  /** Of a literal: fits what it meets. */
  value?: number;
  /** Nobody else holds the array that it makes. */
  fresh?: boolean;
  memory?: Memory;
}

/** Values of an array that code has one by one, which is several times as fast. */
const MOST_WRITTEN = 16;

/** Functions by their names; methods give JavaScript that calls one. */
export class Helpers {
  readonly #sources = new Map<string, string>();

  /** Their declarations. */
  get source(): string {
    return [...this.#sources.values()].join("\n");
  }

  /** The name of a function of this source. */
  add(name: string, source: string): string {
    if (!this.#sources.has(name)) this.#sources.set(name, `const ${name} = ${source};`);
    return name;
  }

  /** The name of what copies a value that is no scalar. */
  copy(type: Type): string {
    const name = `copy_${key(type)}`;
    if (type.kind === "vec") return this.add(name, "(a) => a.slice()");
    if (type.kind === "struct") {
      const parts = type.fields.map(({ type }, i) =>
        type.kind === "scalar" ? `a[${i}]` : `${this.copy(type)}(a[${i}])`
      );
      return this.add(name, `(a) => [${parts.join(", ")}]`);
    }
    const { of } = type as Type & { kind: "array" };
    return this.add(
      name,
      of.kind === "scalar" ? "(a) => a.slice()" : `(a) => a.map(${this.copy(of)})`,
    );
  }

  /** A type's zero. */
  zero(type: Type): string {
    if (type.kind === "scalar") {
      return type.name === "bool" ? "false" : type.name === "u64" ? "0n" : "0";
    }
    if (type.kind === "vec") return `[${Array(type.size).fill(this.zero(type.of)).join(", ")}]`;
    if (type.kind === "struct") {
      return `[${type.fields.map((field) => this.zero(field.type)).join(", ")}]`;
    }
    const { of, length } = type as Type & { kind: "array" };
    if (length! <= MOST_WRITTEN) return `[${Array(length).fill(this.zero(of)).join(", ")}]`;
    const source = `() => Array.from({ length: ${length} }, () => ${this.zero(of)})`;
    return `${this.add(`zero_${key(type)}`, source)}()`;
  }

  /** What lies in memory. */
  load(memory: Memory, type: Type): string {
    const { seen, whole, name } = accessOf(memory, type);
    const body = `(m, o, at, s) => { m.read(${seen}, ${whole}, at); return ${raw(type, "o")}; }`;
    return `${this.add(`load_${name}`, body)}(${argumentsOf(memory)})`;
  }

  /** Puts a value there. */
  store(memory: Memory, type: Type, js: string): string {
    const { seen, whole, name } = accessOf(memory, type);
    const set = rawStore(type, "o", "v");
    const body = `(m, o, at, s, v) => { m.write(${seen}, ${whole}, at); ${set} }`;
    return `${this.add(`store_${name}`, body)}(${argumentsOf(memory)}, ${js})`;
  }
}

/** What an access counts as touching. */
function accessOf({ vector }: Memory, type: Type) {
  if (!vector) return { seen: "o", whole: layout(type).size, name: key(type) };
  const name = `${key(type)}_of_${key(vector.type)}`;
  return { seen: "s", whole: layout(vector.type).size, name };
}

function argumentsOf({ variable, offset, at, vector }: Memory): string {
  return `${variable}, ${offset}, ${at}, ${vector?.offset ?? 0}`;
}
