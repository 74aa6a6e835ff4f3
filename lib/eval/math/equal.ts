/**
 * Whether two LaTeX answers are the same answer: surface, structure, then scalars. For benchmarks that ask for
 * equality and name no judge of their own (GSM-Plus): of 237 labelled pairs (tests/lib/eval/math/equal_test.ts)
 * all but a mislabelled one are decided so; of the 102 by hand among them Math-Verify's rules decide 94.
 */
import { type Answer, readings } from "./answer.ts";
import { add, type Expr, int, mul, neg, PERCENT } from "./expr.ts";
import { equalScalars, factor } from "./scalars.ts";
import { plainWords, surface } from "./surface.ts";
import type { Steps } from "./evaluate.ts";

/** Tree nodes visited in one comparison before it is given up as unequal. */
const MAX_STEPS = 200_000;

/**
 * Whether `answer` is the same answer as `gold` in the sense used when marking: units, degree sign,
 * thousands marks, order inside a plain list and a leading `x =` do not matter; open and closed ends,
 * base subscripts, order inside a tuple and rounding do.
 */
export function equalAnswers(gold: string, answer: string): boolean {
  const [a, b] = [surface(gold), surface(answer)];
  if (a === "" || b === "") return false;
  if (a.replaceAll(" ", "") === b.replaceAll(" ", "")) return true;
  const judge = new Judge({ left: MAX_STEPS });
  return readings(a).some((x) => readings(b).some((y) => judge.equal(x, y)));
}

class Judge {
  constructor(private readonly steps: Steps) {}

  equal(a: Answer, b: Answer): boolean {
    if (--this.steps.left < 0) return false;
    if (a.kind === "relation" || b.kind === "relation") return this.#relations(a, b);
    if (a.kind === "list" || b.kind === "list") return this.#unordered(members(a), members(b));
    if (a.kind === "words" || b.kind === "words") return sameWords(a.text, b.text);
    if (a.kind === "union" && b.kind === "union") return this.#unordered(a.items, b.items);
    if (a.kind === "tuple" && b.kind === "tuple") {
      return a.brackets === b.brackets && this.#ordered(a.items, b.items);
    }
    if (a.kind === "matrix" || b.kind === "matrix") return this.#matrices(a, b);
    if (a.kind === "based" || b.kind === "based") return this.#based(a, b);
    if (a.kind === "scalar" && b.kind === "scalar") return this.#scalars(a, b);
    return squeezed(a) === squeezed(b);
  }

  #scalars(a: Answer & { kind: "scalar" }, b: Answer & { kind: "scalar" }): boolean {
    // A percent sign is a unit or a factor, as the other side has it.
    if (equalScalars(a.expr, b.expr, this.steps)) return true;
    if (a.percent === b.percent) return false;
    const part = (x: typeof a) => x.percent ? mul(x.expr, PERCENT) : x.expr;
    return equalScalars(part(a), part(b), this.steps);
  }

  #ordered(a: readonly Answer[], b: readonly Answer[]): boolean {
    return a.length === b.length && a.every((item, i) => this.equal(item, b[i]!));
  }

  #unordered(a: readonly Answer[], b: readonly Answer[]): boolean {
    if (a.length !== b.length) return false;
    const rest = [...b];
    return a.every((item) => {
      const i = rest.findIndex((other) => this.equal(item, other));
      if (i >= 0) rest.splice(i, 1);
      return i >= 0;
    });
  }

  #matrices(a: Answer, b: Answer): boolean {
    const x = rowsOf(a, b);
    const y = rowsOf(b, a);
    return x !== undefined && y !== undefined && x.length === y.length &&
      x.every((row, i) => this.#ordered(row, y[i]!));
  }

  /** Digits in a base; a side without its base is taken to be in the other's. */
  #based(a: Answer, b: Answer): boolean {
    const digits = (x: Answer) => (x.kind === "based" ? x.digits : x.text).replace(/^0+(?=\d)/, "");
    if (a.kind === "based" && b.kind === "based" && a.base !== b.base) return false;
    return digits(a) === digits(b);
  }

  #relations(a: Answer, b: Answer): boolean {
    if (a.kind === "relation" && b.kind === "relation") {
      if (a.plain && b.plain && squeezed(a.left) === squeezed(b.left)) {
        return this.equal(a.right, b.right);
      }
      return this.#equations(a, b);
    }
    if (a.kind !== "relation") return this.#relations(b, a);
    if (b.kind === "list" && a.right.kind !== "list") return false;
    return a.plain && this.equal(a.right, b);
  }

  /** Equations and inequalities up to a constant factor. */
  #equations(a: Answer & { kind: "relation" }, b: Answer & { kind: "relation" }): boolean {
    const x = difference(a);
    const y = difference(b);
    if (!x || !y) {
      return a.op === b.op && this.equal(a.left, b.left) && this.equal(a.right, b.right);
    }
    const c = factor(x, y, this.steps);
    if (c === undefined) return false;
    if (!(a.op in TURNED)) return a.op === b.op;
    return c > 0 ? a.op === b.op : a.op === TURNED[b.op];
  }
}

const TURNED: Record<string, string> = { "<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le" };

function difference({ left, right }: Answer & { kind: "relation" }): Expr | undefined {
  if (left.kind !== "scalar" || right.kind !== "scalar") return undefined;
  return right.expr.kind === "num" && right.expr.value.n === 0n
    ? add(left.expr, int(0))
    : add(left.expr, neg(right.expr));
}

function members(a: Answer): readonly Answer[] {
  return a.kind === "list" ? a.items.flatMap(members) : [a];
}

/** Rows of a matrix; a tuple beside a column or a row is read as that. */
function rowsOf(a: Answer, other: Answer): readonly (readonly Answer[])[] | undefined {
  if (a.kind === "matrix") return a.rows;
  if (a.kind !== "tuple" || a.brackets !== "()" || other.kind !== "matrix") return undefined;
  return other.rows.length === 1 ? [a.items] : a.items.map((item) => [item]);
}

function sameWords(a: string, b: string): boolean {
  const x = plainWords(a);
  return x !== "" && x === plainWords(b);
}

function squeezed(a: Answer): string {
  return a.text.replace(/[{}\s]/g, "");
}
