/**
 * Normal forms of expressions over positive symbols, shaped as sympy shapes them: sums and products
 * flat, sorted and collected, common factors of a sum taken out where that is shorter.
 */
import type { Expr } from "./expr.ts";
import { gcd, ONE, plus, power, ratio, type Rational, times, toNumber } from "./rational.ts";

/** A normal form. */
export type Form =
  | { readonly kind: "num"; readonly value: Rational }
  | { readonly kind: "const" | "sym"; readonly name: string }
  | { readonly kind: "add" | "mul"; readonly args: readonly Form[] }
  | { readonly kind: "pow"; readonly base: Form; readonly exp: Form }
  | { readonly kind: "fn"; readonly name: string; readonly args: readonly Form[] };

/** Thrown for numbers and trees too large; caught by `formOf`. */
class TooLarge extends Error {}

const MAX_NODES = 600;

/** The simplified form of an expression; undefined when it is too large. */
export function formOf(e: Expr): Form | undefined {
  try {
    const form = simplifyLogs(simplify(convert(e)));
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

function num(value: Rational | undefined): Form {
  if (!value) throw new TooLarge();
  return { kind: "num", value };
}

const ZERO_FORM = num({ n: 0n, d: 1n });
const ONE_FORM = num(ONE);
const MINUS_ONE = num({ n: -1n, d: 1n });

function isNum(f: Form, n?: bigint): f is Form & { kind: "num" } {
  return f.kind === "num" && (n === undefined || (f.value.d === 1n && f.value.n === n));
}

/** Sum with like terms collected. */
function sum(terms: readonly Form[]): Form {
  let constant: Rational = { n: 0n, d: 1n };
  const collected = new Map<string, { coefficient: Rational; rest: Form }>();
  const flat = terms.flatMap((t) => t.kind === "add" ? t.args : [t]);
  if (flat.length > MAX_NODES) throw new TooLarge();
  for (const term of flat) {
    if (term.kind === "num") {
      constant = must(plus(constant, term.value));
      continue;
    }
    const { coefficient, rest } = split(term);
    const key = text(rest);
    const found = collected.get(key);
    const total = found ? must(plus(found.coefficient, coefficient)) : coefficient;
    collected.set(key, { coefficient: total, rest });
  }
  const args = [...collected.values()].filter(({ coefficient }) => coefficient.n !== 0n)
    .map(({ coefficient, rest }) => withCoefficient(coefficient, rest));
  if (constant.n !== 0n) args.push(num(constant));
  if (args.length === 0) return ZERO_FORM;
  return args.length === 1 ? args[0]! : { kind: "add", args: sorted(args) };
}

/** Rational factor and rest of a term. */
function split(term: Form): { coefficient: Rational; rest: Form } {
  if (term.kind !== "mul" || term.args[0]!.kind !== "num") return { coefficient: ONE, rest: term };
  const others = term.args.slice(1);
  return {
    coefficient: term.args[0]!.value,
    rest: others.length === 1 ? others[0]! : { kind: "mul", args: others },
  };
}

function withCoefficient(coefficient: Rational, rest: Form): Form {
  if (coefficient.n === coefficient.d) return rest;
  return {
    kind: "mul",
    args: [num(coefficient), ...(rest.kind === "mul" ? rest.args : [rest])],
  };
}

/** Product with powers of one base collected; a number alone is multiplied into a sum. */
function product(factors: readonly Form[]): Form {
  let coefficient: Rational = ONE;
  const bases = new Map<string, { base: Form; exps: Form[] }>();
  const pending = [...factors];
  for (let i = 0; i < pending.length; i++) {
    if (i > MAX_NODES) throw new TooLarge();
    const factor = pending[i]!;
    if (factor.kind === "mul") pending.push(...factor.args);
    else if (factor.kind === "num") coefficient = must(times(coefficient, factor.value));
    else {
      const [base, exp] = factor.kind === "pow" ? [factor.base, factor.exp] : [factor, ONE_FORM];
      const key = text(base);
      const found = bases.get(key);
      if (found) found.exps.push(exp);
      else bases.set(key, { base, exps: [exp] });
    }
  }
  if (coefficient.n === 0n) return ZERO_FORM;
  const roots = new Map<string, { exp: Rational; base: bigint }>();
  const args: Form[] = [];
  for (const { base, exps } of bases.values()) {
    const raised = exps.length === 1 && !isNum(base)
      ? powerOf(base, exps[0]!)
      : raise(base, sum(exps));
    for (const part of raised.kind === "mul" ? raised.args : [raised]) {
      if (part.kind === "num") coefficient = must(times(coefficient, part.value));
      else if (part.kind === "pow" && isNum(part.base) && part.exp.kind === "num") {
        const key = text(part.exp);
        const found = roots.get(key);
        roots.set(key, { exp: part.exp.value, base: (found?.base ?? 1n) * part.base.value.n });
      } else args.push(part);
    }
  }
  for (const { exp, base } of roots.values()) {
    const { outside, inside } = rootOf({ n: base, d: 1n }, exp);
    coefficient = must(times(coefficient, outside));
    if (inside > 1n) args.push({ kind: "pow", base: num({ n: inside, d: 1n }), exp: num(exp) });
  }
  if (args.length === 0) return num(coefficient);
  if (args.length === 1 && args[0]!.kind === "add" && coefficient.n !== coefficient.d) {
    return sum(args[0]!.args.map((term) => product([num(coefficient), term])));
  }
  if (coefficient.n !== coefficient.d) {
    return { kind: "mul", args: [num(coefficient), ...sorted(args)] };
  }
  return args.length === 1 ? args[0]! : { kind: "mul", args: sorted(args) };
}

function powerOf(base: Form, exp: Form): Form {
  return isNum(exp, 1n) ? base : { kind: "pow", base, exp };
}

/** Power of a form; one of a number is spread over products, since all symbols are positive. */
function raise(base: Form, exp: Form): Form {
  if (isNum(exp, 0n)) return ONE_FORM;
  if (isNum(exp, 1n) || isNum(base, 1n)) return base;
  if (base.kind === "mul" && exp.kind === "num") {
    return product(base.args.map((factor) => raise(factor, exp)));
  }
  if (base.kind === "pow") return raise(base.base, product([base.exp, exp]));
  if (base.kind === "num" && exp.kind === "num") return numberRoot(base.value, exp.value);
  if (base.kind === "add" && exp.kind === "num" && exp.value.d === 1n && leadsNegative(base.args)) {
    // Denominators and even powers start with a positive term.
    const turned: Form = { kind: "pow", base: negated(base.args), exp };
    if (exp.value.n % 2n === 0n) return turned;
    if (exp.value.n === -1n) return { kind: "mul", args: [MINUS_ONE, turned] };
  }
  return { kind: "pow", base, exp };
}

function negated(terms: readonly Form[]): Form {
  return sum(terms.map((term) => product([MINUS_ONE, term])));
}

/** Rational to a rational power: a rational times a root of a whole number. */
function numberRoot(base: Rational, exp: Rational): Form {
  if (exp.d === 1n) return num(power(base, exp));
  if (base.n <= 0n) return { kind: "pow", base: num(base), exp: num(exp) };
  // a^(k + r) = a^k a^r with 0 < r < 1; (n/d)^r = (n d^(q-1))^r / d for r = p/q brought to one root.
  const k = exp.n / exp.d - (exp.n < 0n ? 1n : 0n);
  const r = must(plus(exp, { n: -k, d: 1n }));
  const whole = must(power(base, { n: k, d: 1n }));
  const below = must(power({ n: 1n, d: base.d }, { n: r.n, d: 1n }));
  const lifted = must(times(base.d === 1n ? base : { n: base.n, d: 1n }, {
    n: base.d === 1n ? 1n : must(power({ n: base.d, d: 1n }, { n: r.d - 1n, d: 1n })).n,
    d: 1n,
  }));
  const { outside, inside } = rootOf(lifted, r);
  const coefficient = must(times(must(times(whole, base.d === 1n ? ONE : below)), outside));
  if (inside === 1n) return num(coefficient);
  const root: Form = { kind: "pow", base: num({ n: inside, d: 1n }), exp: num(r) };
  return coefficient.n === coefficient.d ? root : { kind: "mul", args: [num(coefficient), root] };
}

/** Perfect powers taken out of base^(p/q), for factors up to a thousand. */
function rootOf(base: Rational, exp: Rational): { outside: Rational; inside: bigint } {
  let outside = 1n;
  let inside = base.n;
  for (let p = 2n; p <= 1000n && p ** exp.d <= inside; p++) {
    const perfect = p ** exp.d;
    while (inside % perfect === 0n) {
      inside /= perfect;
      outside *= p ** exp.n;
    }
  }
  return { outside: { n: outside, d: 1n }, inside };
}

function must(value: Rational | undefined): Rational {
  if (!value) throw new TooLarge();
  return value;
}

/** Parts first; then what of its shapes has the fewest operations. */
function simplify(f: Form): Form {
  switch (f.kind) {
    case "pow": {
      const base = f.base.kind === "add" ? sum(f.base.args.map(simplify)) : simplify(f.base);
      return raise(base.kind === "add" ? takeOut(base.args) : base, simplify(f.exp));
    }
    case "fn":
      return { ...f, args: f.args.map(simplify) };
    case "mul":
      return simplifyProduct(product(doubleAngles(product(f.args.map(simplify)))));
    case "add": {
      const plain = sum(f.args.map(simplify));
      return plain.kind === "add" ? simplifySum(plain.args, plain) : plain;
    }
    default:
      return f;
  }
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
  return withoutSign(shortest([first!, ...others.map((shape) => product([...below, shape]))]));
}

/** `-a (b - c)` as `a (c - b)`. */
function withoutSign(f: Form): Form {
  if (f.kind !== "mul" || coefficientOf(f).n > 0n) return f;
  const turns = f.args.findIndex((arg) =>
    arg.kind === "add" &&
    2 * arg.args.filter((term) => coefficientOf(term).n < 0n).length >= arg.args.length
  );
  if (turns < 0) return f;
  const { args } = f.args[turns] as Form & { kind: "add" };
  return product([MINUS_ONE, ...f.args.toSpliced(turns, 1, negated(args))]);
}

/** The form with the fewest operations, the first of several. */
function shortest(forms: readonly Form[]): Form {
  const counts = forms.map(operations);
  return forms[counts.indexOf(Math.min(...counts))]!;
}

/** Logarithms of products parted or those of a sum brought together, as is shorter. */
function simplifyLogs(f: Form): Form {
  return hasLog(f) ? shortest([withParts(f, partedLog), withParts(f, joinedLogs)]) : f;
}

function hasLog(f: Form): boolean {
  return (f.kind === "fn" && f.name === "log") || partsOf(f).some(hasLog);
}

function partsOf(f: Form): readonly Form[] {
  if (f.kind === "pow") return [f.base, f.exp];
  return f.kind === "add" || f.kind === "mul" || f.kind === "fn" ? f.args : [];
}

/** A form made anew from its parts, innermost first. */
function withParts(f: Form, change: (f: Form) => Form): Form {
  const anew = (part: Form) => withParts(part, change);
  switch (f.kind) {
    case "pow":
      return change({ ...f, base: anew(f.base), exp: anew(f.exp) });
    case "fn":
      return change({ ...f, args: f.args.map(anew) });
    case "add":
      return change(sum(f.args.map(anew)));
    case "mul":
      return change(product(f.args.map(anew)));
    default:
      return f;
  }
}

type Log = Form & { kind: "fn" };

function isLog(f: Form): f is Log {
  return f.kind === "fn" && f.name === "log" && isPositive(f.args[0]!);
}

function isPositive(f: Form): boolean {
  switch (f.kind) {
    case "num":
      return f.value.n > 0n;
    case "pow":
      return isPositive(f.base);
    case "fn":
      return false;
    case "add":
    case "mul":
      return f.args.every(isPositive);
    default:
      return true;
  }
}

function logOf(f: Form): Form {
  return isNum(f, 1n) ? ZERO_FORM : { kind: "fn", name: "log", args: [f] };
}

/** `log(a b^c)` as `log(a) + c log(b)`. */
function partedLog(f: Form): Form {
  if (!isLog(f)) return f;
  return sum(
    factorsOf(f.args[0]!).map((factor) =>
      factor.kind === "pow" ? product([factor.exp, logOf(factor.base)]) : logOf(factor)
    ),
  );
}

/** `a log(b) - log(c)` as `log(b^a / c)`; terms of several logarithms stay. */
function joinedLogs(f: Form): Form {
  if (f.kind !== "add" && f.kind !== "mul") return f;
  const rest: Form[] = [];
  const [above, below]: [Form[], Form[]] = [[], []];
  for (const term of f.kind === "add" ? f.args : [f]) {
    const factors = factorsOf(term);
    const logs = factors.filter(isLog);
    if (logs.length !== 1) {
      rest.push(term);
      continue;
    }
    const others = product(factors.filter((factor) => factor !== logs[0]));
    const negative = split(others).coefficient.n < 0n || (isNum(others) && others.value.n < 0n);
    const power = negative ? product([MINUS_ONE, others]) : others;
    (negative ? below : above).push(raise(logs[0]!.args[0]!, power));
  }
  if (above.length + below.length === 0) return f;
  const [x, y] = [product(above), product(below)];
  const log = above.length === 0
    ? product([MINUS_ONE, logOf(y)])
    : logOf(product([x, raise(y, MINUS_ONE)]));
  return sum([...rest, log]);
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
  const parts = terms.map((term) => {
    const { coefficient, rest } = split(term.kind === "num" ? term : term);
    const factors = new Map<string, { base: Form; exp: Rational }>();
    const value = term.kind === "num" ? term.value : coefficient;
    for (const f of term.kind === "num" ? [] : rest.kind === "mul" ? rest.args : [rest]) {
      const { base, exp } = powerParts(f);
      factors.set(text(base), { base, exp });
    }
    return { value, factors };
  });
  const common: Form[] = [];
  const keys = new Map(
    parts.flatMap(({ factors }) => [...factors].map(([k, { base }]) => [k, base])),
  );
  for (const [key, base] of keys) {
    const exps = parts.map(({ factors }) => factors.get(key)?.exp ?? { n: 0n, d: 1n });
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

function coefficientOf(term: Form): Rational {
  return term.kind === "num" ? term.value : split(term).coefficient;
}

/** Whether the leading term, by powers of the symbols in order of name, has a negative coefficient. */
function leadsNegative(terms: readonly Form[]): boolean {
  const degree = (term: Form, name: string): number => {
    for (const f of factorsOf(term)) {
      const [base, exp] = f.kind === "pow" ? [f.base, f.exp] : [f, ONE_FORM];
      if (text(base) === name) return exp.kind === "num" ? toNumber(exp.value) : 1;
    }
    return 0;
  };
  const names = new Set(
    terms.flatMap((term) =>
      factorsOf(term).filter((f) => f.kind !== "num").map((f) =>
        text(f.kind === "pow" ? f.base : f)
      )
    ),
  );
  let leading = terms;
  // Symbols come before functions.
  const ordered = [...names].sort((a, b) =>
    Number(a.includes("(")) - Number(b.includes("(")) || (a < b ? -1 : 1)
  );
  for (const name of ordered) {
    const most = Math.max(...leading.map((term) => degree(term, name)));
    leading = leading.filter((term) => degree(term, name) === most);
  }
  const [first] = leading;
  return first !== undefined &&
    (first.kind === "num" ? first.value : split(first).coefficient).n < 0n;
}

function hasSumBelow(term: Form): boolean {
  return factorsOf(term).some((f) =>
    f.kind === "pow" && f.base.kind === "add" && f.exp.kind === "num" && f.exp.value.n < 0n &&
    f.exp.value.d === 1n
  );
}

function factorsOf(term: Form): readonly Form[] {
  return term.kind === "mul" ? term.args : [term];
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

/** One text for one form. */
export function text(f: Form): string {
  switch (f.kind) {
    case "num":
      return f.value.d === 1n ? `${f.value.n}` : `${f.value.n}/${f.value.d}`;
    case "const":
    case "sym":
      return f.name;
    case "pow":
      return `${text(f.base)}**(${text(f.exp)})`;
    default:
      return `${f.kind === "fn" ? f.name : f.kind}(${f.args.map(text).join(",")})`;
  }
}

const CLASSES = ["num", "const", "sym", "pow", "mul", "add", "fn"];

/** sympy's order of arguments: by class, functions by name, then by content. */
function compare(a: Form, b: Form): number {
  const [f, g] = [functionName(a), functionName(b)];
  const rank = (form: Form, name?: string) =>
    CLASSES.indexOf(name === undefined ? form.kind : "fn");
  const classes = rank(a, f) - rank(b, g);
  if (classes !== 0) return classes;
  if (f !== undefined && g !== undefined && f !== g) return f < g ? -1 : 1;
  const [x, y] = [content(a), content(b)];
  if (x.length !== y.length) return x.length - y.length;
  for (const [i, part] of x.entries()) {
    const other = y[i]!;
    const c = typeof part === "object" && typeof other === "object"
      ? compare(part, other)
      : part < other
      ? -1
      : part > other
      ? 1
      : 0;
    if (c !== 0) return c;
  }
  return 0;
}

/** The name of a function; a power of E is the function exp in sympy. */
function functionName(f: Form): string | undefined {
  if (f.kind === "fn") return f.name;
  return f.kind === "pow" && isE(f.base) ? "exp" : undefined;
}

/** Numbers that are classes of their own to sympy, before integers and fractions. */
const NUMBERS = ["0", "1", "1/2", "-1"];

function content(f: Form): (Form | string | bigint)[] {
  switch (f.kind) {
    case "num": {
      const rank = NUMBERS.indexOf(text(f));
      return [rank < 0 ? (f.value.d === 1n ? 4n : 5n) : BigInt(rank), f.value.n, f.value.d];
    }
    case "const":
    case "sym":
      return [f.name];
    case "pow":
      return [f.base, f.exp];
    default:
      return [...f.args];
  }
}

/** Whether a form is Euler's number. */
export function isE(f: Form): boolean {
  return f.kind === "const" && f.name === "E";
}

function sorted(args: readonly Form[]): Form[] {
  return [...args].sort(compare);
}
