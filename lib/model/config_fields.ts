/** Fields of a configuration file by the rules that their values keep. */
import { inRange, type Range, rangeText } from "../range.ts";
import { kindOf, shown } from "../records/record.ts";
import { Refusal } from "../refusal.ts";

/** The fields of `json`, the object in `file`; one that breaks its rule refuses with its name, value and rule. */
export class Fields {
  constructor(readonly json: Record<string, unknown>, readonly file: string) {}

  object(name: string): Record<string, unknown> {
    const value = this.json[name];
    if (kindOf(value) !== "object") this.fail(name, "an object");
    return value as Record<string, unknown>;
  }

  whole(name: string, min: number, max: number): number {
    return this.#ranged(name, { min, max, whole: true });
  }

  multipleOf4(name: string, max = 2 ** 20): number {
    const value = this.whole(name, 4, max);
    if (value % 4 !== 0) this.fail(name, "a multiple of 4");
    return value;
  }

  number(name: string, min: number, max: number): number {
    return this.#ranged(name, { min, max });
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.json[name] ?? fallback;
    if (typeof value !== "boolean") this.fail(name, "true or false");
    return value as boolean;
  }

  optionalId(name: string, vocab: number): number | undefined {
    return this.json[name] == null ? undefined : this.whole(name, 0, vocab - 1);
  }

  #ranged(name: string, range: Range): number {
    const value = this.json[name];
    return inRange(value, range) ? value : this.fail(name, rangeText(range));
  }

  fail(name: string, expected: string): never {
    const found = name in this.json ? shown(this.json[name]) : "missing";
    throw new Refusal(
      `Cannot use "${this.file}": field "${name}" is ${found}, expected ${expected}`,
    );
  }
}
