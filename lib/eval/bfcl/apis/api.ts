/** What the simulated APIs of BFCL's multi-turn items have in common. */
import { PyFunction } from "../../calls/py_eval.ts";
import { readPyJson } from "../../calls/py_json.ts";
import { PyDict, type PyValue } from "../../calls/py_value.ts";
import { PythonRandom } from "../../python_random.ts";
import { bindArguments, type Parameter, readSignature } from "../../calls/signature.ts";
import tables from "./tables.json" with { type: "text" };

/** Constants of all APIs. */
const TABLES = readPyJson(tables) as PyDict;

/** A constant, by its path in tables.json, not to be changed. */
export function table(...path: string[]): PyDict {
  return path.reduce((dict, key) => dict.get(key) as PyDict, TABLES);
}

/** A deep copy of data. */
export function copied(value: PyValue): PyValue {
  if (Array.isArray(value)) return value.map(copied);
  if (value instanceof PyDict) {
    return new PyDict(value.entries().map(([key, inner]) => [key, copied(inner)]));
  }
  return value;
}

/** A method: its parameters and what it does with their values. */
export interface Method {
  readonly parameters: readonly Parameter[];
  readonly run: (...values: PyValue[]) => PyValue;
}

/** A method with a Python signature such as `content, file_name=None`. */
export function method(signature: string, run: (...values: PyValue[]) => PyValue): Method {
  return { parameters: readSignature(signature), run };
}

/** Long texts that only `long_context` items see, by the official source's names. */
export type LongContext = ReadonlyMap<string, PyValue>;

/** One simulated API, with its state. */
export abstract class Api {
  /** Public attributes: what the checker compares. */
  readonly state = new PyDict();
  /** By name. */
  abstract readonly methods: Readonly<Record<string, Method>>;

  constructor(readonly className: string, readonly longContext?: LongContext) {}

  /** Functions to call, by name. */
  functions(): [string, PyFunction][] {
    return Object.entries(this.methods).map(([name, { parameters, run }]) => {
      const callee = { name: `${this.className}.${name}`, isMethod: true };
      return [
        name,
        new PyFunction(name, (args) => run(...bindArguments(parameters, args, callee))),
      ];
    });
  }

  /** Attributes that a configuration may leave out, as the official source begins with them. */
  protected get defaults(): PyDict {
    return table("state", this.className);
  }

  /** Takes the attributes that the configuration gives, defaults for the others; none that is `hidden`. */
  protected load(config: PyDict, ...hidden: string[]): void {
    for (const name of this.defaults.keys().map(String)) {
      const given = config.has(name) ? config : this.defaults;
      if (!hidden.includes(name)) this.state.set(name, copied(given.get(name)!));
    }
  }

  /** Draws of the seed that the configuration or the defaults give. */
  protected randomOf(config: PyDict): PythonRandom {
    const seed = config.get("random_seed") ?? this.defaults.get("random_seed")!;
    return new PythonRandom(Number(seed));
  }

  /** A public attribute. */
  protected get(name: string): PyValue {
    return this.state.get(name)!;
  }

  /** A public attribute that is a dict. */
  protected dict(name: string): PyDict {
    return this.get(name) as PyDict;
  }

  /** A public attribute that is a list. */
  protected list(name: string): PyValue[] {
    return this.get(name) as PyValue[];
  }

  protected set(name: string, value: PyValue): void {
    this.state.set(name, value);
  }

  /** A long text, where the item is one of long context and the texts are at hand. */
  protected long(name: string): PyValue | undefined {
    const text = this.longContext?.get(name);
    return text === undefined ? undefined : copied(text);
  }
}

/** `{"error": message}`. */
export function failure(message: string): PyDict {
  return PyDict.of({ error: message });
}
