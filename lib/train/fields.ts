/** Reads the fields of a recipe: each fault is one line with file, field, what is there and what should be. */
import { kindOf, shown } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import { nearest } from "../suggest.ts";

/** What a field may hold. */
export interface Kind<V> {
  /** In the words of a refusal. */
  readonly expected: string;
  /** The value, or undefined where it is not of this kind. */
  read(value: unknown): V | undefined;
}

/** A whole number from `min` to `max`. */
export function whole(min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  const to = max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`;
  return {
    expected: `a whole number from ${min}${to}`,
    read: (value) => {
      const fits = Number.isInteger(value) && value as number >= min && value as number <= max;
      return fits ? value as number : undefined;
    },
  };
}

/** A number from `min` to `max`; `above` leaves `min` itself out, `below` `max`. */
export function real(
  min: number,
  max: number,
  { above = false, below = false } = {},
): Kind<number> {
  return {
    expected: `a number ${above ? "above" : "from"} ${min} to ${below ? "below " : ""}${max}`,
    read: (value) => {
      if (typeof value !== "number" || !(value >= min && value <= max)) return undefined;
      return above && value === min || below && value === max ? undefined : value;
    },
  };
}

/** Two numbers, the first not above the second. */
export function range(part: Kind<number>): Kind<readonly [number, number]> {
  return {
    expected: `[low, high], low not above high, each ${part.expected}`,
    read: (value) => {
      const parts = pairOf(part).read(value);
      return parts && parts[0] <= parts[1] ? parts : undefined;
    },
  };
}

/** Two numbers. */
export function pairOf(part: Kind<number>): Kind<readonly [number, number]> {
  return {
    expected: `two numbers, each ${part.expected}`,
    read: (value) => {
      if (!Array.isArray(value) || value.length !== 2) return undefined;
      const [first, second] = value.map((one) => part.read(one));
      return first === undefined || second === undefined ? undefined : [first, second];
    },
  };
}

/** One of some names. */
export function oneOf<V extends string>(...names: readonly V[]): Kind<V> {
  return {
    expected: `one of ${names.map((name) => JSON.stringify(name)).join(", ")}`,
    read: (value) => names.find((name) => name === value),
  };
}

/** true or false. */
export const flag: Kind<boolean> = {
  expected: "true or false",
  read: (value) => typeof value === "boolean" ? value : undefined,
};

/** Some text. */
export const text: Kind<string> = {
  expected: "some text",
  read: (value) => typeof value === "string" && value !== "" ? value : undefined,
};

/** One kind or another. */
export function either<A, B>(one: Kind<A>, other: Kind<B>): Kind<A | B> {
  return {
    expected: `${one.expected} or ${other.expected}`,
    read: (value) => one.read(value) ?? other.read(value),
  };
}

/** A list with at least one entry, unless it may be `empty`. */
export function listOf<V>(part: Kind<V>, { empty = false } = {}): Kind<readonly V[]> {
  return {
    expected: `a list of ${part.expected}${empty ? ", or an empty one" : ""}`,
    read: (value) => {
      if (!Array.isArray(value) || !empty && value.length === 0) return undefined;
      const parts = value.map((one) => part.read(one));
      return parts.includes(undefined) ? undefined : parts as V[];
    },
  };
}

/** The fields of one object in a file. */
export class Fields {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  constructor(json: unknown, readonly at: { readonly file: string; readonly path: string }) {
    if (kindOf(json) !== "object") {
      const what = at.path === "" ? "it" : `field "${at.path}"`;
      throw this.#refusal(`${what} is ${kindOf(json)}, expected an object`);
    }
    this.#json = json as Record<string, unknown>;
  }

  /** Whether a field is there. */
  has(name: string): boolean {
    this.#known.add(name);
    return Object.hasOwn(this.#json, name);
  }

  /** A field's value as it stands. */
  raw(name: string): unknown {
    return this.has(name) ? this.#json[name] : undefined;
  }

  /** A field that may lack. */
  optional<V>(name: string, kind: Kind<V>): V | undefined {
    if (!this.has(name)) return undefined;
    const value = kind.read(this.#json[name]);
    if (value === undefined) throw this.wrong(name, kind.expected);
    return value;
  }

  /** A field that must be there. */
  required<V>(name: string, kind: Kind<V>): V {
    const value = this.optional(name, kind);
    if (value === undefined) throw this.wrong(name, kind.expected);
    return value;
  }

  /** The fields of an object inside; an object without fields where it lacks. */
  object(name: string): Fields {
    const json = this.has(name) ? this.#json[name] : {};
    return new Fields(json, { file: this.at.file, path: this.path(name) });
  }

  /** A field's name in messages. */
  path(name: string): string {
    return this.at.path === "" ? name : `${this.at.path}.${name}`;
  }

  /** The refusal of a field. */
  wrong(name: string, expected: string): Refusal {
    return this.#refusal(
      `field "${this.path(name)}" is ${shown(this.raw(name))}, expected ${expected}`,
    );
  }

  /** Refuses fields that nobody asked for. */
  done(): void {
    for (const name of Object.keys(this.#json)) {
      if (this.#known.has(name)) continue;
      const near = nearest(name, this.#known);
      const expected = near ? `"${near}"` : `one of ${[...this.#known].join(", ")}`;
      throw this.#refusal(`field "${this.path(name)}" is not known, expected ${expected}`);
    }
  }

  #refusal(problem: string): Refusal {
    return new Refusal(`Cannot use recipe "${this.at.file}": ${problem}`);
  }
}
