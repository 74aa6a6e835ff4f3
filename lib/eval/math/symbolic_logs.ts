/** Logarithms in normal forms, parted and joined as sympy's `simplify` does. */
import {
  coefficientOf,
  factorsOf,
  type Form,
  isNum,
  isPositive,
  MINUS_ONE,
  product,
  raise,
  sum,
  ZERO_FORM,
} from "./forms.ts";

/** The form with its logarithms of products parted, and the one with those of sums joined. */
export function logShapes(f: Form): Form[] {
  return hasLog(f) ? [withParts(f, partedLog), withParts(f, joinedLogs)] : [f];
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
      // A product among others changes with them.
      return change(
        sum(f.args.map((arg) => arg.kind === "mul" ? product(arg.args.map(anew)) : anew(arg))),
      );
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

/**
 * `a log(b) - log(c)` as `log(b^a / c)`; terms of several logarithms stay. Beside others, what stands below the
 * bar stays out of a logarithm alone.
 */
function joinedLogs(f: Form): Form {
  if (f.kind !== "add" && f.kind !== "mul") return f;
  const rest: Form[] = [];
  const [above, below]: [Form[], Form[]] = [[], []];
  let single: { log: Log; others: Form } | undefined;
  for (const term of f.kind === "add" ? f.args : [f]) {
    const factors = factorsOf(term);
    const logs = factors.filter(isLog);
    if (logs.length !== 1) {
      rest.push(term);
      continue;
    }
    const others = product(factors.filter((factor) => factor !== logs[0]));
    const negative = coefficientOf(others).n < 0n;
    const power = negative ? product([MINUS_ONE, others]) : others;
    (negative ? below : above).push(raise(logs[0]!.args[0]!, power));
    single = { log: logs[0]!, others };
  }
  if (above.length + below.length === 0) return f;
  if (rest.length > 0 && single && above.length + below.length === 1) {
    const factors = factorsOf(single.others);
    const inside = factors.filter((factor) => factor.kind !== "num" && !isBelow(factor));
    const outside = factors.filter((factor) => !inside.includes(factor));
    const log = logOf(raise(single.log.args[0]!, product(inside)));
    return sum([...rest, product([...outside, log])]);
  }
  const [x, y] = [product(above), product(below)];
  const log = above.length === 0
    ? product([MINUS_ONE, logOf(y)])
    : logOf(product([x, raise(y, MINUS_ONE)]));
  return sum([...rest, log]);
}

function isBelow(f: Form): boolean {
  return f.kind === "pow" && coefficientOf(f.exp).n < 0n;
}
