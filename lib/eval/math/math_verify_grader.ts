/** Math-Verify's verdict on two read answers; its comparison is not symmetric. */
import { evaluate, exact, type Steps } from "./evaluate.ts";
import { add, type Expr, neg, print, symbols } from "./expr.ts";
import {
  COMPLEX_MARK,
  isName,
  LINE,
  type Open,
  realValue,
  type Value,
} from "./math_verify_reader.ts";
import { equalScalars, factor } from "./scalars.ts";

/** Tree nodes visited in one comparison before it is given up as unequal. */
const MAX_STEPS = 200_000;
/** Decimals are compared after rounding to so many places. */
const PLACES = 6;

/** Whether `answer` is the same as `gold`. */
export function equalValues(answer: Value, gold: Value): boolean {
  return new Grader().equal(answer, gold);
}

type Relation = Value & { readonly kind: "relation" };
type Collection = Value & { readonly kind: "set" | "tuple" };

class Grader {
  readonly #steps: Steps = { left: MAX_STEPS };

  equal(answer: Value, gold: Value): boolean {
    if (--this.#steps.left < 0) return false;
    let [a, b] = [assigned(answer), assigned(gold)];
    // What one side states and the other does not ask for gives its value.
    if (isEquation(b) && !isEquation(a)) b = b.sides.at(-1)!;
    else if (isAssignment(a) && !isEquation(b)) a = a.sides.at(-1)!;
    if (a.kind === "relation" && isSet(b)) a = solutions(a) ?? a;
    if (keyOf(a) === keyOf(b)) return true;
    if (a.kind === "relation" && b.kind === "relation") return this.#relations(a, b);
    if (isSet(a) || isSet(b)) return this.#sets(a, b);
    if (a.kind === "matrix" && b.kind === "matrix") {
      return a.rows.length === b.rows.length &&
        a.rows.every((row, i) =>
          row.length === b.rows[i]!.length &&
          row.every((cell, j) => this.#same(cell, b.rows[i]![j]!))
        );
    }
    if (a.kind !== "expr" || b.kind !== "expr") return false;
    return a.expr.kind === "sym" || b.expr.kind === "sym"
      ? sameNames(a.expr, b.expr)
      : this.#same(a.expr, b.expr);
  }

  #same(a: Expr, b: Expr): boolean {
    if (equalScalars(a, b, this.#steps)) return true;
    if (!(isDecimal(a) || isDecimal(b)) || symbols(a, b).length > 0) return false;
    const values = [a, b].map((e) => evaluate(e, { steps: this.#steps, at: new Map() })[0]);
    // To sympy a rounded decimal is no whole number.
    const isWhole = (e: Expr, i: number) =>
      Number.isInteger(values[i]) || exact(e, this.#steps)?.d === 1n;
    if ([a, b].some((e, i) => !isDecimal(e) && isWhole(e, i))) return false;
    const [x, y] = values.map((value) => Number(value.toFixed(PLACES)));
    return x === y;
  }

  /** Chains pair by pair; relations of the same difference; equations in several symbols up to a factor. */
  #relations(a: Relation, b: Relation): boolean {
    if (a.ops.length !== b.ops.length) return false;
    if (a.ops.length > 1) return a.ops.every((_, i) => this.#relations(link(a, i), link(b, i)));
    const [x, y] = [difference(a), difference(b)];
    if (!x || !y) return false;
    const [op, other] = [a.ops[0]!, b.ops[0]!];
    if (op === other && this.#same(x, y)) return true;
    if (TURNED[op] === other && this.#same(x, neg(y))) return true;
    return op === "=" && other === "=" && symbols(x).length > 1 &&
      factor(x, y, this.#steps) !== undefined;
  }

  #sets(a: Value, b: Value): boolean {
    if (a.kind === "interval" && b.kind === "interval") {
      return a.open[0] === b.open[0] && a.open[1] === b.open[1] &&
        this.#same(a.low, b.low) && this.#same(a.high, b.high);
    }
    const [x, y] = [a, b].map((v) => isSet(v) ? v : { kind: "set", items: [v] } as const) as [
      Value,
      Value,
    ];
    if (keyOf(x) === keyOf(y)) return true;
    if (x.kind !== "tuple" && y.kind !== "tuple") {
      const [p, q] = [region(x), region(y)];
      if (p && q && sameRegion(p, q)) return true;
    }
    if (isFinite(x) && isFinite(y)) return this.#collections(x, y);
    // Two numbers without brackets, or in others, beside an open interval.
    if (x.kind === "interval" && isFinite(y)) return isOpen(x) && this.#collections(pair(x), y);
    return y.kind === "interval" && isFinite(x) && isOpen(y) && this.#collections(x, pair(y));
  }

  /** Items of tuples in order, a set beside an answer's tuple as it is written; other sets in any order. */
  #collections(a: Collection, b: Collection): boolean {
    const [x, y] = [a, b].map((c) => c.kind === "set" ? distinct(c.items) : c.items);
    if (x!.length !== y!.length) return false;
    if (a.kind === "tuple") {
      return b.items.length === x!.length && this.#pairs(x!, b.items);
    }
    const [first, second] = [sorted(x!), sorted(y!)];
    if (first && second) return this.#pairs(first, second);
    const rest = [...y!];
    return x!.every((item) => {
      const i = rest.findIndex((other) => this.equal(item, other));
      if (i >= 0) rest.splice(i, 1);
      return i >= 0;
    });
  }

  #pairs(a: readonly Value[], b: readonly Value[]): boolean {
    return a.every((item, i) => this.equal(item, b[i]!));
  }
}

const TURNED: Readonly<Record<string, string>> = {
  "=": "=",
  "<": ">",
  ">": "<",
  "\\le": "\\ge",
  "\\ge": "\\le",
};

function isSet(v: Value): boolean {
  return v.kind === "set" || v.kind === "tuple" || v.kind === "interval" || v.kind === "join";
}

function isFinite(v: Value): v is Collection {
  return v.kind === "set" || v.kind === "tuple";
}

function isOpen(v: Value & { kind: "interval" }): boolean {
  return v.open[0] && v.open[1];
}

function pair({ low, high }: Value & { kind: "interval" }): Collection {
  return { kind: "tuple", items: [{ kind: "expr", expr: low }, { kind: "expr", expr: high }] };
}

function isEquation(v: Value): v is Relation {
  return v.kind === "relation" && v.ops.every((op) => op === "=");
}

/** Whether an equation gives the value of a name. */
function isAssignment(v: Value): v is Relation {
  return isEquation(v) && isName(v.sides[0]!);
}

/** `x = a = b` as `x = b`. */
function assigned(v: Value): Value {
  return isAssignment(v) && v.ops.length > 1
    ? { ...v, sides: [v.sides[0]!, v.sides.at(-1)!], ops: ["="] }
    : v;
}

function link({ sides, ops }: Relation, i: number): Relation {
  return { kind: "relation", sides: [sides[i]!, sides[i + 1]!], ops: [ops[i]!] };
}

function difference({ sides: [left, right] }: Relation): Expr | undefined {
  return left!.kind === "expr" && right!.kind === "expr"
    ? add(left!.expr, neg(right!.expr))
    : undefined;
}

function isDecimal(e: Expr): boolean {
  return e.kind === "num" && e.decimal === true;
}

/** One text for values that are written alike, whatever the order of sets. */
function keyOf(v: Value): string {
  switch (v.kind) {
    case "expr":
      return `<${print(v.expr)}>`;
    case "matrix":
      return `[${v.rows.map((row) => row.map(print).join("&")).join(";")}]`;
    case "set":
      return `{${[...new Set(v.items.map(keyOf))].sort().join(",")}}`;
    case "tuple":
      return `(${v.items.map(keyOf).join(",")})`;
    case "interval":
      return `${v.open}${print(v.low)};${print(v.high)}`;
    case "join":
      return `${v.op}(${v.parts.map(keyOf).join(",")})`;
    case "relation":
      return v.sides.map((side, i) => keyOf(side) + (v.ops[i] ?? "")).join("");
  }
}

function distinct(items: readonly Value[]): readonly Value[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

/** Values in order of size, those of names included; undefined where one has none. */
function sorted(items: readonly Value[]): readonly Value[] | undefined {
  const sized: [number, Value][] = [];
  for (const item of items) {
    const v = isAssignment(item) ? item.sides.at(-1)! : item;
    const size = v.kind === "expr" ? realValue(v.expr) : undefined;
    if (size === undefined) return undefined;
    sized.push([size, item]);
  }
  return sized.sort(([x], [y]) => x - y).map(([, item]) => item);
}

/** A symbol and another expression: by name; symbols side by side are one name. */
function sameNames(a: Expr, b: Expr): boolean {
  const [x, y] = [a, b].map(nameOf);
  return x !== undefined && x === y;
}

function nameOf(e: Expr): string | undefined {
  if (e.kind === "sym") return e.name.replace(COMPLEX_MARK, "");
  if (e.kind === "fn" && e.name === "e") return "e";
  if (e.kind === "num") return e.decimal ? undefined : print(e);
  if (e.kind !== "mul") return undefined;
  const names = e.args.map((arg) => arg.kind === "num" ? undefined : nameOf(arg));
  return names.includes(undefined) ? undefined : names.join("");
}

/** Disjoint pieces of the real line from left to right. */
type Piece = readonly [low: number, high: number, ...open: Open];

/** The set of reals that a value stands for; undefined where an end has no value. */
function region(v: Value): Piece[] | undefined {
  if (v.kind === "interval") {
    const [low, high] = [realValue(v.low), realValue(v.high)];
    return low === undefined || high === undefined
      ? undefined
      : [[low, high, v.open[0] || low === -Infinity, v.open[1] || high === Infinity]];
  }
  if (v.kind === "set") {
    const points = v.items.map((item) => item.kind === "expr" ? realValue(item.expr) : undefined);
    return points.includes(undefined)
      ? undefined
      : united(points.map((x) => [x!, x!, false, false]));
  }
  if (v.kind !== "join") return undefined;
  const [first, ...rest] = v.parts.map(region);
  if (!first || rest.includes(undefined)) return undefined;
  const others = rest as Piece[][];
  switch (v.op) {
    case "\\cup":
      return united([...first, ...others.flat()]);
    case "\\cap":
      return others.reduce(common, first);
    default:
      return common(first, complement(united(others.flat())));
  }
}

function united(pieces: readonly Piece[]): Piece[] {
  const made: Piece[] = [];
  const order = [...pieces].sort((p, q) => p[0] - q[0] || Number(p[2]) - Number(q[2]));
  for (const piece of order) {
    const last = made.at(-1);
    const [low, high, openLow, openHigh] = piece;
    if (!last || low > last[1] || (low === last[1] && openLow && last[3])) made.push(piece);
    else if (high > last[1] || (high === last[1] && !openHigh)) {
      made[made.length - 1] = [last[0], high, last[2], openHigh];
    }
  }
  return made;
}

/** The rest of the line; of pieces in order. */
function complement(pieces: readonly Piece[]): Piece[] {
  const rest: Piece[] = [];
  let [from, open] = [-Infinity, true];
  for (const [low, high, openLow, openHigh] of pieces) {
    if (low > from || (low === from && openLow && !open)) rest.push([from, low, open, !openLow]);
    [from, open] = [high, !openHigh];
  }
  if (from < Infinity) rest.push([from, Infinity, open, true]);
  return rest;
}

function common(a: readonly Piece[], b: readonly Piece[]): Piece[] {
  return complement(united([...complement(a), ...complement(b)]));
}

function sameRegion(a: readonly Piece[], b: readonly Piece[]): boolean {
  const close = (x: number, y: number) => x === y || Math.abs(x - y) <= 1e-9 * Math.abs(x);
  return a.length === b.length && a.every((p, i) => {
    const q = b[i]!;
    return close(p[0], q[0]) && close(p[1], q[1]) && p[2] === q[2] && p[3] === q[3];
  });
}

/** The reals that bounds on one symbol leave, as a set; undefined for other relations. */
function solutions({ sides, ops }: Relation): Value | undefined {
  const name = sides.find((side) => side.kind === "expr" && side.expr.kind === "sym");
  if (!name) return undefined;
  const parts: Value[] = [];
  for (const [i, op] of ops.entries()) {
    const turned = keyOf(sides[i]!) !== keyOf(name);
    const [bounded, bound] = turned ? [sides[i + 1]!, sides[i]!] : [sides[i]!, sides[i + 1]!];
    if (keyOf(bounded) !== keyOf(name) || bound.kind !== "expr") return undefined;
    parts.push(bounds(turned ? TURNED[op] ?? op : op, bound.expr));
  }
  return parts.length === 1 ? parts[0] : { kind: "join", op: "\\cap", parts };
}

/** The interval below or above `end`; all but it. */
function bounds(op: string, end: Expr): Value {
  switch (op) {
    case "<":
    case "\\le":
      return { ...LINE, high: end, open: [true, op === "<"] };
    case ">":
    case "\\ge":
      return { ...LINE, low: end, open: [op === ">", true] };
    default: {
      const point: Value = { kind: "set", items: [{ kind: "expr", expr: end }] };
      return op === "=" ? point : { kind: "join", op: "\\setminus", parts: [LINE, point] };
    }
  }
}
