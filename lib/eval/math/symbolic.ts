/**
 * The shapes that sympy's `simplify` gives expressions: common factors out, one denominator or many, as is
 * shorter.
 */
import type { Expr } from "./expr.ts";
import {
  coefficientOf,
  factorsOf,
  type Form,
  isE,
  isNum,
  MAX_NODES,
  MINUS_ONE,
  must,
  negated,
  num,
  ONE_FORM,
  product,
  raise,
  split,
  sum,
  text,
  TooLarge,
  withCoefficient,
} from "./forms.ts";
import { gcd, ONE, ratio, type Rational } from "./rational.ts";
import { logShapes } from "./symbolic_logs.ts";

/** The simplified form of an expression; undefined when it is too large. */
export function formOf(e: Expr): Form | undefined {
  try {
    const form = shortest(logShapes(simplify(convert(e))));
    return size(form) <= MAX_NODES ? form : undefined;
  } catch (error) {
    if (error instanceof TooLarge) return undefined;
    throw error;
  }
}

function convert(e: Expr): Form {
  switch (e.kind) {
    case "num":
      return num(e.value);
    case "sym":
      return e.name === "gamma" || e.name === "Gamma"
        ? { kind: "const", name: "EulerGamma" }
        : { kind: "sym", name: spelled(e.name) };
    case "add":
      return sum(e.args.map(convert));
    case "mul":
      return product(e.args.map(convert));
    case "pow":
      return raise(convert(e.base), convert(e.exp));
    case "fn": {
      if (e.args.length === 0) return { kind: "const", name: e.name === "e" ? "E" : e.name };
      const args = e.args.map(convert);
      if (e.name === "exp") return raise({ kind: "const", name: "E" }, args[0]!);
      return { kind: "fn", name: e.name === "ln" ? "log" : e.name.replace(/^arc/, "a"), args };
    }
  }
}

/** A symbol with an accent as sympy spells and so orders it: `bar{I}_0`. */
function spelled(name: string): string {
  return name.replace(/^\\(bar|hat|vec|tilde|d{1,2}ot|overline)(.*?)(?=_|$)/, "$1{$2}");
}

/** Parts first; then what of its shapes has the fewest operations. */
function simplify(f: Form): Form {
  switch (f.kind) {
    case "pow": {
      const base = f.base.kind === "add" ? sum(f.base.args.map(simplify)) : simplify(f.base);
      return raise(base.kind === "add" ? takeOut(base.args) : base, simplify(f.exp));
    }
    case "fn":
      return clearedLog({ ...f, args: f.args.map(simplify) });
    case "mul":
      return negativeOver(
        simplifyProduct(product(doubleAngles(product(f.args.map(simplify))))),
      );
    case "add": {
      const plain = sum(f.args.map(simplify));
      return plain.kind === "add" ? simplifySum(plain.args, plain) : plain;
    }
    default:
      return f;
  }
}

/** `log(a + exp(-x))` as `log(a exp(x) + 1) - x`. */
function clearedLog(f: Form & { kind: "fn" }): Form {
  const [inside] = f.args;
  if (f.name !== "log" || inside?.kind !== "add") return f;
  const below = inside.args.flatMap(factorsOf).find((factor) =>
    factor.kind === "pow" && isE(factor.base) && coefficientOf(factor.exp).n < 0n
  );
  if (below?.kind !== "pow") return f;
  const args = [sum(inside.args.map((term) => product([term, powerParts(below).base])))];
  return sum([{ ...f, args }, below.exp]);
}

/** How much longer than a sum its form over one denominator may be. */
const RATIO = 1.7;

function simplifySum(terms: readonly Form[], plain: Form): Form {
  const most = operations(plain);
  const factored = product([takeOut(terms)]);
  // Fractions over sums are brought to one.
  if (terms.some(hasSumBelow)) {
    const shape = shortest([factored, product([takeOut(terms, { expand: true })])]);
    return operations(shape) > RATIO * most ? plain : shape;
  }
  const shapes = [factored, overOne(terms), takeOut(terms, { content: ONE })];
  const long = sum(terms.flatMap(multipliedOut));
  const length = operations(long);
  for (const shape of shapes.filter((shape) => shape !== undefined)) {
    if (operations(shape) <= Math.min(length, RATIO * most)) return shape;
  }
  return length <= RATIO * most ? long : plain;
}

/** A sum over its denominator, if it has one; terms of one denominator stay together. */
function overOne(terms: readonly Form[]): Form | undefined {
  const content = contentOf(terms);
  const groups = new Map<string, { below: Form; above: Form[] }>();
  for (const term of terms) {
    const factors = factorsOf(product([term, raise(num(content), MINUS_ONE)]));
    const isBelow = (f: Form) => powerParts(f).exp.n < 0n;
    const below = product(factors.filter(isBelow));
    const group = groups.get(text(below)) ?? { below, above: [] };
    group.above.push(product(factors.filter((f) => !isBelow(f))));
    groups.set(text(below), group);
  }
  const all = [...groups.values()];
  const whole = product(all.map(({ below }) => below));
  if (isNum(whole)) return undefined;
  const above = all.map(({ below, above }) =>
    product([sum(above), below, raise(whole, MINUS_ONE)])
  );
  return product([num(content), whole, sum(above)]);
}

/** Greatest number that all terms are whole multiples of. */
function contentOf(terms: readonly Form[]): Rational {
  const values = terms.map(coefficientOf);
  return must(ratio(
    values.map(({ n }) => n).reduce(gcd),
    values.map(({ d }) => d).reduce((a, b) => a / gcd(a, b) * b),
  ));
}

/** A product of sums with their denominators out, or multiplied out where that is shorter. */
function simplifyProduct(f: Form): Form {
  if (f.kind !== "mul" || !f.args.some((arg) => arg.kind === "add")) return f;
  const cleared = product(f.args.map((arg) => arg.kind === "add" ? takeOut(arg.args) : arg));
  // Sums below the fraction bar stay there.
  const below = f.args.filter(hasSumBelow);
  const plain = sum(multipliedOut(product(f.args.filter((arg) => !below.includes(arg)))));
  const shapes = plain.kind === "add"
    ? [cleared, takeOut(plain.args, { below: true }), plain]
    : [cleared, plain];
  const [first, ...others] = shapes;
  return shortest([first!, ...others.map((shape) => product([...below, shape]))].map(withoutSign));
}

/** `-a (b - c)` as `a (c - b)`. */
function withoutSign(f: Form): Form {
  if (f.kind !== "mul" || coefficientOf(f).n > 0n) return f;
  const turns = f.args.findIndex((arg) =>
    arg.kind === "add" &&
    2 * arg.args.filter((term) => coefficientOf(term).n < 0n).length >= arg.args.length
  );
  const above = f.args.filter((arg) => !isInverse(arg));
  // A sign before a sum alone above the bar goes into it.
  const alone = above.length === 2 && isNum(above[0]!, -1n) && above[1]!.kind === "add"
    ? f.args.indexOf(above[1]!)
    : turns;
  if (alone < 0) return f;
  const { args } = f.args[alone] as Form & { kind: "add" };
  return product([MINUS_ONE, ...f.args.toSpliced(alone, 1, negated(args))]);
}

/** `-a / (2 (b + c))` as `-a / (2 b + 2 c)`, which sympy does behind a sign alone. */
function negativeOver(f: Form): Form {
  const { n, d } = coefficientOf(f);
  const below = factorsOf(f).filter((arg) => powerParts(arg).exp.n < 0n);
  const [only] = below;
  if (n >= 0n || d === 1n || below.length !== 1 || only?.kind !== "pow") return f;
  if (only.base.kind !== "add" || !isNum(only.exp, -1n)) return f;
  const whole = num({ n: d, d: 1n });
  const base = sum(only.base.args.map((term) => product([whole, term])));
  return product([
    whole,
    ...factorsOf(f).filter((arg) => arg !== only),
    { kind: "pow", base, exp: MINUS_ONE },
  ]);
}

/** The form with the fewest operations, the first of several. */
function shortest(forms: readonly Form[]): Form {
  const counts = forms.map(operations);
  return forms[counts.indexOf(Math.min(...counts))]!;
}

/** `sin x cos x` as half of `sin 2x`. */
function doubleAngles(f: Form): Form[] {
  if (f.kind !== "mul") return [f];
  const sine = f.args.find((arg) => arg.kind === "fn" && arg.name === "sin");
  if (sine?.kind !== "fn") return [f];
  const angle = sine.args[0]!;
  const cosine = f.args.find((arg) =>
    arg.kind === "fn" && arg.name === "cos" && text(arg.args[0]!) === text(angle)
  );
  if (!cosine) return [f];
  const twice: Form = { kind: "fn", name: "sin", args: [product([num({ n: 2n, d: 1n }), angle])] };
  return [...f.args.filter((arg) => arg !== sine && arg !== cosine), twice, num({ n: 1n, d: 2n })];
}

/**
 * A sum as its common factors, with lowest exponents, times what is left; the number taken out may be given, and
 * `below` takes out denominators alone.
 */
function takeOut(
  terms: readonly Form[],
  { content: given, expand = false, below = false }: {
    content?: Rational;
    expand?: boolean;
    below?: boolean;
  } = {},
): Form {
  const parts = terms.map((term) =>
    new Map(
      factorsOf(term).filter((f) => f.kind !== "num").map((f) => {
        const { base, exp } = powerParts(f);
        return [text(base), { base, exp }];
      }),
    )
  );
  const common: Form[] = [];
  const keys = new Map(
    parts.flatMap((factors) => [...factors].map(([k, { base }]) => [k, base])),
  );
  for (const [key, base] of keys) {
    const exps = parts.map((factors) => factors.get(key)?.exp ?? { n: 0n, d: 1n });
    const least = exps.reduce((a, b) => b.n * a.d < a.n * b.d ? b : a);
    if (least.n < 0n || (least.n > 0n && !below)) common.push(raise(base, num(least)));
  }
  const content = given ?? contentOf(terms);
  const shared = product([num(content), ...common]);
  // One by one: their product could multiply the number into a sum.
  const inverse = [num(content), ...common].map((factor) => raise(factor, MINUS_ONE));
  const rest = terms.map((term) => product([term, ...inverse]));
  const left = sum(expand ? rest.flatMap(multipliedOut) : rest);
  // A number before a sum alone would be multiplied into it.
  return isNum(shared) && !isNum(shared, 1n) && left.kind === "add"
    ? { kind: "mul", args: [shared, left] }
    : product([shared, left]);
}

/** Base and number of a power; e to something negative is below the fraction bar. */
function powerParts(f: Form): { base: Form; exp: Rational } {
  if (f.kind !== "pow") return { base: f, exp: ONE };
  if (f.exp.kind === "num") return { base: f.base, exp: f.exp.value };
  return isE(f.base) && coefficientOf(f.exp).n < 0n
    ? { base: raise(f.base, product([MINUS_ONE, f.exp])), exp: { n: -1n, d: 1n } }
    : { base: f, exp: ONE };
}

function hasSumBelow(term: Form): boolean {
  return factorsOf(term).some((f) =>
    f.kind === "pow" && f.base.kind === "add" && f.exp.kind === "num" && f.exp.value.n < 0n &&
    f.exp.value.d === 1n
  );
}

/** Terms of a product of sums. */
function multipliedOut(term: Form): Form[] {
  let terms: Form[] = [ONE_FORM];
  for (const factor of factorsOf(term)) {
    const parts = factor.kind === "add" ? factor.args : [factor];
    terms = terms.flatMap((t) => parts.map((part) => product([t, part])));
    if (terms.length > MAX_NODES) throw new TooLarge();
  }
  return terms;
}

/** Number of operations as sympy counts them: a division or a sign counts like a product. */
function operations(f: Form): number {
  switch (f.kind) {
    case "add": {
      const sign = f.args.every((term) => coefficientOf(term).n < 0n);
      return f.args.length - 1 + total(f.args.map((term) => operations(unsigned(term)))) +
        Number(sign);
    }
    case "mul": {
      const above = f.args.some((arg) => !isInverse(arg));
      const inner = f.args.map((arg) =>
        arg.kind === "num"
          ? Number(arg.value.d !== 1n && arg.value.n !== 1n && arg.value.n !== -1n)
          : isInverse(arg)
          ? operations(arg) - 1
          : operations(arg)
      );
      const [first] = f.args;
      const sign = first?.kind === "num" && first.value.n < 0n && !isNum(first, -1n);
      return f.args.length - 1 + total(inner) + (above ? 0 : 1) + Number(sign);
    }
    case "pow":
      return 1 + operations(f.base) + (isNum(f.exp, -1n) ? 0 : operations(f.exp));
    case "fn":
      return 1 + total(f.args.map(operations));
    case "num":
      return f.value.d === 1n ? 0 : 1;
    default:
      return 0;
  }
}

function isInverse(f: Form): boolean {
  return f.kind === "pow" && isNum(f.exp, -1n);
}

function unsigned(term: Form): Form {
  const { coefficient, rest } = split(term);
  return coefficient.n < 0n ? withCoefficient({ n: -coefficient.n, d: coefficient.d }, rest) : term;
}

function total(counts: readonly number[]): number {
  return counts.reduce((a, b) => a + b, 0);
}

function size(f: Form): number {
  if (f.kind === "add" || f.kind === "mul" || f.kind === "fn") {
    return 1 + f.args.map(size).reduce((a, b) => a + b, 0);
  }
  return f.kind === "pow" ? 1 + size(f.base) + size(f.exp) : 1;
}
