/** HARDMath2 (Roggeveen et al., 2025): values of boxed expressions at random parameters. */
import { bounded } from "../choice/python_text.ts";
import type { Complex } from "./complex.ts";
import { evaluate } from "./evaluate.ts";
import { type Expr, fn } from "./expr.ts";
import { latexToPython, rewriteIndices } from "./hardmath2_latex.ts";
import { parsePython } from "./python_expr.ts";
import { RandomState } from "./random_state.ts";
import { field } from "../choice/row.ts";
import { airyAi, beta, ei, erf, erfc, erfi } from "./special.ts";
import { bracePartners, stripSet } from "./text.ts";
import type { Doc, Score } from "../task.ts";

/** Scores an answer: `acc` when all values agree to 1e-6, `parsed` when both sides have values. */
export function scoreHardMath2(text: string, doc: Doc): Score {
  const parameters = parameterNames(field(doc, "parameters"));
  const gold = values(field(doc, "solution"), parameters);
  const found = values(bounded(text), parameters);
  const parsed = gold !== undefined && found !== undefined;
  return {
    metrics: { acc: parsed && agree(found, gold) ? 1 : 0, parsed: parsed ? 1 : 0 },
    unparsed: found === undefined,
    extracted: found?.map(([re, im]) => im === 0 ? `${re}` : `${re}+${im}i`).join("; ") ?? null,
  };
}

/** Names of parameters in the order of the list, indices joined to them. */
function parameterNames(list: string): string[] {
  const names = list.replaceAll("\\lambda", "\\lam").replaceAll("$", "").split(";")
    .map((name) => rewriteIndices(name.trim()).text.replaceAll("\\", "")).filter((n) => n !== "");
  return [...new Set(names)];
}

/** The published script seeds numpy with this before it draws the parameters from [1, 2). */
const SEED = 42;

function values(text: string, parameters: readonly string[]): Complex[] | undefined {
  const parts = solutions(text);
  if (!parts) return undefined;
  const random = new RandomState(SEED);
  const at = new Map(parameters.map((name) => [name, [random.uniform(1, 2), 0] as Complex]));
  const found: Complex[] = [];
  for (const part of parts) {
    const value = valueOf(part, parameters, at);
    if (!value) return undefined;
    found.push(value);
  }
  return found;
}

/** Solutions in the last box, separated by semicolons. */
function solutions(text: string): string[] | undefined {
  const partners = bracePartners(text);
  let box: string | undefined;
  const command = /(?:boxed|fbox)\{/g;
  for (let m = command.exec(text); m; m = command.exec(text)) {
    const close = partners[command.lastIndex - 1]!;
    if (close < 0) continue;
    box = text.slice(command.lastIndex, close);
    command.lastIndex = close + 1;
  }
  if (box === undefined || box.trim() === "") return undefined;
  const inside = /^\s*\\text\{([^]+)\}\s*$/.exec(box)?.[1]?.trim() ?? box;
  const parts = stripSet(inside, ".,").replaceAll("\\;", "").split(";")
    .map((part) => stripSet(part.split("\\quad")[0]!, " \n.,"));
  return parts.includes("") || parts.length > 100 ? undefined : parts;
}

const FUNCTIONS = Object.fromEntries([
  ..."sin cos tan csc sec cot sinh cosh tanh coth sech csch ln exp sqrt gamma max min abs erf erfc erfi Ei airyai beta betainc"
    .split(" ").map((name) => [name, name]),
  ["log", "ln"],
  ["E1", "E1"], // sympy's exponential integral, which has no value here
  ..."sin cos tan csc sec cot sinh cosh tanh coth sech csch".split(" ")
    .map((name) => [`a${name}`, `arc${name}`]),
]);

const STEPS = 500_000;

/** Value of the right side of the last equation; undefined when it has none, as with other symbols. */
function valueOf(
  latex: string,
  parameters: readonly string[],
  at: ReadonlyMap<string, Complex>,
): Complex | undefined {
  const converted = latexToPython(latex, parameters);
  if (!converted) return undefined;
  const right = converted.python.slice(converted.python.lastIndexOf("=") + 1);
  const symbols = [...parameters, ...converted.names].map((name) =>
    [name, { kind: "sym", name }] as [string, Expr]
  );
  const expr = parsePython(right, {
    functions: FUNCTIONS,
    values: {
      pi: fn("pi"),
      oo: fn("infinity"),
      E: fn("e"),
      I: fn("i"),
      ...Object.fromEntries(symbols),
    },
    caret: true,
  });
  if (!expr) return undefined;
  const value = evaluate(expr, { steps: { left: STEPS }, at, functions: SPECIAL });
  return Number.isNaN(value[0]) || Number.isNaN(value[1]) ? undefined : value;
}

const real = (f: (...xs: number[]) => number) => (...args: Complex[]): Complex =>
  args.every(([, im]) => im === 0) ? [f(...args.map(([re]) => re)), 0] : [NaN, NaN];

const SPECIAL = {
  infinity: (): Complex => [Infinity, 0],
  erf: real((x) => erf(x!)),
  erfc: real((x) => erfc(x!)),
  erfi: real((x) => erfi(x!)),
  Ei: real((x) => ei(x!)),
  airyai: real((x) => airyAi(x!)),
  beta: real((a, b) => beta(a!, b!)),
  factorial2: real((x) => Number.isInteger(x) && x! >= -1 && x! < 400 ? doubleFactorial(x!) : NaN),
};

function doubleFactorial(n: number): number {
  return n <= 1 ? 1 : n * doubleFactorial(n - 2);
}

const RELATIVE = 1e-6;
const ABSOLUTE = 1e-12;

/** Sorted values pairwise within numpy's `allclose`. */
function agree(found: Complex[], gold: Complex[]): boolean {
  const sorted = (list: Complex[]) => [...list].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const [x, y] = [sorted(found), sorted(gold)];
  return x.length === y.length && x.every((a, i) => {
    const b = y[i]!;
    if (a[0] === b[0] && a[1] === b[1]) return true;
    const distance = Math.hypot(a[0] - b[0], a[1] - b[1]);
    return distance <= ABSOLUTE + RELATIVE * Math.hypot(b[0], b[1]);
  });
}
