/** Reads a regular expression and names the repeats in it that can take more than linear time. */

interface Term {
  /** A single character's matcher, a group's alternatives, or a test of no width. */
  readonly kind: "char" | "group" | "test";
  readonly source: string;
  readonly alternatives: readonly (readonly Term[])[];
  readonly min: number;
  readonly max: number;
}

type Sequence = readonly Term[];

/**
 * Neighbouring unbounded repeats of which one could take over characters of the other, and repeats inside a
 * repeat that what follows them does not delimit.
 */
export function repeatFaults(source: string, flags = ""): string[] {
  const faults: string[] = [];
  for (const sequence of parse(source)) check(sequence, { flags, looped: false, faults });
  return faults;
}

interface Checking {
  readonly flags: string;
  /** The sequence is repeated without bound. */
  readonly looped: boolean;
  readonly faults: string[];
}

function check(sequence: Sequence, { flags, looped, faults }: Checking): void {
  let open: readonly Term[] = [];
  for (const term of sequence) {
    const within = { flags, looped: looped || unbounded(term), faults };
    for (const inner of term.alternatives) check(inner, within);
    if (term.kind === "test") continue;
    if (unbounded(term) && nestsBadly(term, flags)) faults.push(`nested repeats in ${show(term)}`);
    for (const left of open) {
      for (const right of looped ? [term] : edge(term, "start")) {
        if (overlap(left, right, flags)) {
          faults.push(`adjacent repeats ${show(left)} and ${show(right)}`);
        }
      }
    }
    open = [...(nullable(term) ? open : []), ...edge(term, "end")];
  }
}

/** Whether a round could end in a repeat that takes over the beginning of the next round. */
function nestsBadly(term: Term, flags: string): boolean {
  return term.alternatives.some((inner) =>
    inner.some(holdsRepeat) &&
    (inner.every(nullable) ||
      edges(inner, "end").some((last) => overlap(last, { ...term, max: 1 }, flags)))
  );
}

function unbounded(term: Term): boolean {
  return term.max === Infinity;
}

function holdsRepeat(term: Term): boolean {
  return term.kind !== "test" &&
    (unbounded(term) || term.alternatives.some((inner) => inner.some(holdsRepeat)));
}

function nullable(term: Term): boolean {
  return term.min === 0 || term.kind === "test" ||
    (term.kind === "group" && term.alternatives.some((inner) => inner.every(nullable)));
}

/** Unbounded repeats that can be the first or the last thing that a term takes. */
function edge(term: Term, side: "start" | "end"): Term[] {
  if (unbounded(term)) return [term];
  return term.alternatives.flatMap((inner) => edges(inner, side));
}

function edges(sequence: Sequence, side: "start" | "end"): Term[] {
  const found: Term[] = [];
  for (const each of side === "start" ? sequence : [...sequence].reverse()) {
    if (each.kind === "test") continue;
    found.push(...edge(each, side));
    if (!nullable(each)) break;
  }
  return found;
}

const sets = new Map<string, Uint8Array>();

/** Which of the first 65,536 characters a single-character matcher takes. */
function setOf(source: string, flags: string): Uint8Array {
  const key = `${flags} ${source}`;
  let set = sets.get(key);
  if (!set) {
    const matcher = new RegExp(`^(?:${source})$`, flags.replace(/[gym]/g, ""));
    set = Uint8Array.from(
      { length: 65_536 },
      (_, code) => matcher.test(String.fromCharCode(code)) ? 1 : 0,
    );
    sets.set(key, set);
  }
  return set;
}

/** Matchers of the characters that one round of a term can begin with. */
function firstOf(term: Term): string[] {
  if (term.kind === "char") return [term.source];
  return term.alternatives.flatMap((inner) => {
    const end = inner.findIndex((each) => !nullable(each));
    const leading = inner.slice(0, end < 0 ? inner.length : end + 1);
    return leading.filter((each) => each.kind !== "test").flatMap(firstOf);
  });
}

/** Whether one repeat can take over where the other gives up a round. */
function overlap(left: Term, right: Term, flags: string): boolean {
  return firstOf(left).some((a) =>
    firstOf(right).some((b) => {
      const [one, two] = [setOf(a, flags), setOf(b, flags)];
      return one.some((taken, code) => taken === 1 && two[code] === 1);
    })
  );
}

function show({ source, min, max }: Term): string {
  return `${source}{${min},${max === Infinity ? "" : max}}`;
}

/** Alternatives of a pattern, each a sequence of terms. */
function parse(source: string): Sequence[] {
  const reader = new Reader(source);
  const alternatives = reader.alternatives();
  if (!reader.done) throw new SyntaxError(`Cannot read pattern ${source} at ${reader.rest}`);
  return alternatives;
}

class Reader {
  #at = 0;
  constructor(private readonly source: string) {}

  get done(): boolean {
    return this.#at === this.source.length;
  }

  get rest(): string {
    return this.source.slice(this.#at);
  }

  alternatives(): Term[][] {
    const found: Term[][] = [[]];
    while (!this.done && !this.rest.startsWith(")")) {
      if (this.#take(/^\|/)) found.push([]);
      else found.at(-1)!.push(this.#term());
    }
    return found;
  }

  #take(pattern: RegExp): string | undefined {
    const taken = pattern.exec(this.rest)?.[0];
    this.#at += taken?.length ?? 0;
    return taken;
  }

  #term(): Term {
    const start = this.#at;
    if (this.#take(/^(?:[\^$]|\\[bB])/)) return this.#made(start, "test", []);
    const opening = this.#take(/^\((?:\?(?:<?[=!]|:|<\w+>))?/);
    if (opening === undefined) {
      this.#take(
        /^(?:\[(?:\\[^]|[^\]\\])*\]|\\[pP]\{\w+\}|\\u\{\w+\}|\\u\w{4}|\\x\w\w|\\k<\w+>|\\[^]|[^])/u,
      );
      return this.#made(start, "char", []);
    }
    const inner = this.alternatives();
    this.#take(/^\)/);
    return this.#made(start, /[=!]/.test(opening) ? "test" : "group", inner);
  }

  #made(start: number, kind: Term["kind"], alternatives: Term[][]): Term {
    const source = this.source.slice(start, this.#at);
    const [min, max] = this.#quantity();
    return { kind, source, alternatives, min, max };
  }

  #quantity(): [number, number] {
    const taken = this.#take(/^(?:[*+?]|\{\d+(?:,\d*)?\})\??/);
    if (taken === undefined) return [1, 1];
    if (taken[0] === "*") return [0, Infinity];
    if (taken[0] === "+") return [1, Infinity];
    if (taken[0] === "?") return [0, 1];
    const [min, max = min] = taken.replace(/[{}?]/g, "").split(",");
    return [Number(min), max === "" ? Infinity : Number(max)];
  }
}
