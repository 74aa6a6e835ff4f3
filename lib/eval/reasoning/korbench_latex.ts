/** KOR-Bench's comparison of expressions: sympy's `parse_latex`, `simplify` and `==`. */
import { strip } from "../choice/python_text.ts";
import { type Expr, hasDecimal, symbols } from "../math/expr.ts";
import { parseRelation } from "../math/parse.ts";
import { equalScalars } from "../math/scalars.ts";

/** Tree nodes visited in one comparison before it is given up as unequal. */
const MAX_STEPS = 200_000;

/** Longest expression read; golds have at most 40 characters. */
const MAX_EXPRESSION = 2048;

/** What sympy takes a text for: an expression, a comparison (which equals no gold), or unreadable. */
type Reading = Expr | "relation" | undefined;

/** Whether two texts are the same expression, in any order where both list alternatives with "or". */
export function sameExpressions(said: string, gold: string): boolean {
  const [a, b] = [said, gold].map((text) =>
    (gold.includes("or") ? text.split("or") : [text]).map((part) => read(strip(part)))
  );
  // One part that cannot be read leaves the comparison of the texts.
  if ([...a, ...b].includes(undefined)) return said === gold;
  const within = (xs: Reading[], ys: Reading[]) => xs.every((x) => ys.some((y) => same(x, y)));
  return within(a, b) && within(b, a);
}

function read(text: string): Reading {
  if (text.length > MAX_EXPRESSION || /[^\x20-\x7e\t\r]/.test(text)) return undefined;
  const found = parseRelation(text, { prefix: true, grammar: "sympy" });
  return found && (found.relations.length > 0 ? "relation" : found.sides[0]);
}

function same(a: Reading, b: Reading): boolean {
  if (typeof a !== "object" || typeof b !== "object") return false;
  // To sympy 2 and 2.0 are not the same, nor what simplifying leaves factored and what it leaves expanded.
  return hasDecimal(a) === hasDecimal(b) && factored(a) === factored(b) &&
    equalScalars(a, b, { left: MAX_STEPS });
}

/** A product of several sums with symbols. */
function factored(expr: Expr): boolean {
  if (expr.kind !== "mul") return false;
  const sum = (e: Expr): boolean => e.kind === "add" && symbols(e).length > 0;
  return expr.args.filter((e) => sum(e) || (e.kind === "pow" && sum(e.base))).length > 1;
}
