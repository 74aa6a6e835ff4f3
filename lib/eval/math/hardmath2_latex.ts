/** HARDMath2's own reading of LaTeX: a cascade of text rules that ends in a Python expression. */

const FUNCTIONS =
  ("sin cos tan csc sec cot sinh cosh tanh coth sech csch asin acos atan acsc asec acot asinh acosh atanh " +
    "acoth asech acsch log ln exp sqrt gamma Ei erf erfc erfi abs max min airyai Ai").split(" ");
/** Functions whose powers are set aside while their arguments get brackets. */
const POWERED = "sin cos tan csc sec cot sinh cosh tanh coth sech csch ln".split(" ").sort(longer);

function longer(a: string, b: string): number {
  return b.length - a.length;
}

/** An expression in Python with the names that it brings along. */
export interface Converted {
  readonly python: string;
  /** Names with indices, which are symbols. */
  readonly names: readonly string[];
}

const DELETED =
  /\\left|\\right|\\Bigl|\\Bigr|\\bigl|\\bigr|\\biggl|\\biggr|\\Biggl|\\Biggr|\\Big|\\big|\\[hv]line|\\pm|\\langle|\\rangle|\\[,;:!]|~|\n|\\displaystyle|\\quad|\\qquad|\\begin\{aligned\}|\\end\{aligned\}/g;

/** Longest text read. */
const MAX_LATEX = 6000;

/** A LaTeX answer as a Python expression over the parameters, or undefined where the cascade raises. */
export function latexToPython(latex: string, parameters: readonly string[]): Converted | undefined {
  if (latex.trim() === "" || latex.length > MAX_LATEX) return undefined;
  const functions = [...FUNCTIONS];
  let s = latex.replace(DELETED, "");
  const known = [...functions].sort(longer).join("|");
  s = s.replace(
    new RegExp(`\\\\(?:text|mathrm|operatorname|displaystyle)\\{\\s*(${known})\\s*\\}`, "g"),
    "$1",
  );
  s = s.replace(/Ai\(([^)]+)\)/g, "airyai($1)");
  const betas = rewriteBeta(s);
  if (betas !== s) functions.push("betainc", "beta");
  const indexed = rewriteIndices(betas);
  s = indexed.text;
  const integrals = shieldIntegrals(s, parameters);
  if (!integrals) return undefined;
  s = integrals.text;
  if (integrals.templates.size > 0) functions.push("integrate", "Integral");
  s = functionRules(s);
  const powers = encodePowers(s);
  functions.push(...powers.names);
  s = nested(powers.text);
  s = bracketArguments(s, functions, powers.names);
  s = decodePowers(s);
  s = s.replaceAll("\\approx", "=").replaceAll("\\sim", "=").replaceAll("\\{", "(")
    .replaceAll("\\}", ")").replaceAll("[", "(").replaceAll("]", ")").replaceAll("{-}", "-")
    .replaceAll("{}", "+").replaceAll("\\lambda", "\\lam");
  const names = [
    ...functions,
    ...parameters,
    ...indexed.names,
    "pi",
    ...integrals.templates.keys(),
  ];
  s = separateNames(s, names);
  s = s.replace(/\\/g, " ").replace(/\s+/g, " ");
  s = integrals.restore(s);
  return s.trim() === "" ? undefined : { python: s, names: indexed.names };
}

function rewriteBeta(text: string): string {
  return text.replace(
    /\bB(?:_\{([^}]{0,80})\})?\s*\(\s*([^,()]{1,80}?)\s*,\s*([^,()]{1,80}?)\s*\)/g,
    (_, z: string | undefined, a: string, b: string) =>
      z === undefined ? `beta(${a},${b})` : `betainc(${a},${b},0,${z.trim()})`,
  );
}

const MODS =
  /(\\?[A-Za-z]+)((?:_\{[^}]+\}|_\\[A-Za-z]+|_[^\^_{}\s]|\^\{\\(?:dagger|prime)\}|\^\\(?:dagger|prime)|'|\^\{[^}]+\}|\^[^\^_{}\s])+)/g;
const MOD =
  /('+)|_\{([^}]+)\}|_\\([A-Za-z]+)|_([^\^_{}\s])|\^\{\\(dagger|prime)\}|\^\\(dagger|prime)|\^\{([^}]+)\}|\^([^\^_{}\s])/g;

/** Indices and primes made part of names: `y_{WKB}` is `y_WKB`; exponents come last, in braces. */
export function rewriteIndices(text: string): { text: string; names: string[] } {
  const names = new Set<string>();
  const rewrite = (part: string, depth: number): string =>
    part.replace(MODS, (whole, base: string, mods: string) => {
      if (base.replace("\\", "") === "int" || depth > 8) return whole;
      const lower: string[] = [];
      const upper: string[] = [];
      const powers: string[] = [];
      for (const m of mods.matchAll(MOD)) {
        const index = m[2]?.split(/\s*,\s*/).map((i) => i.replace(/^\\+/, "")) ?? m[3] ?? m[4];
        if (m[1]) upper.push(...Array(m[1].length).fill("prime"));
        else if (index !== undefined) {
          lower.push(...[index].flat().map((i) => i.replace(/^\\+/, "")));
        } else if (m[5] ?? m[6]) upper.push((m[5] ?? m[6])!);
        else powers.push(rewrite((m[7] ?? m[8])!, depth + 1));
      }
      const marks = upper.filter((u, i) => u === "prime" || upper.indexOf(u) === i);
      const name = [base, ...new Set(lower), ...marks].join("_");
      if (name !== base) names.add(name);
      return name + powers.map((power) => `^{${power}}`).join("");
    });
  const rewritten = rewrite(text, 0).replace(/\\\\+/g, "\\").trim();
  return { text: rewritten, names: [...names] };
}

function functionRules(text: string): string {
  const all = "sinh|cosh|tanh|coth|sech|csch|sin|cos|tan|csc|sec|cot";
  return text.replaceAll("exp", "E^").replaceAll("\\cdot", "*").replaceAll("\\times", "*")
    .replaceAll("\\pi", "pi").replaceAll("\\i", " I")
    .replace(new RegExp(`\\\\(${all})\\^\\{-1\\}`, "g"), "arc$1")
    .replace(new RegExp(`arc(${all})`, "g"), "a$1")
    .replace(/\\Gamma\(([^)]*)\)/g, "gamma($1)");
}

/** `\sin^2`, `\sinh^{1/2}` as names such as `sin_2`, `sinh_1_2`. */
function encodePowers(text: string): { text: string; names: string[] } {
  const names = new Set<string>();
  const pattern = new RegExp(
    `\\\\?(${
      POWERED.join("|")
    })\\^\\{?(?:(\\d+)/(\\d+)|(\\d+)|\\\\frac\\{(\\d+)\\}\\{(\\d+)\\})\\}?`,
    "g",
  );
  const encoded = text.replace(pattern, (_, name, n1, d1, whole, n2, d2) => {
    const power = whole ?? `${n1 ?? n2}_${d1 ?? d2}`;
    names.add(`${name}_${power}`);
    return `${name}_${power}`;
  });
  return { text: encoded, names: [...names] };
}

const NESTED: readonly (readonly [RegExp, string])[] = [
  [/\\frac\{([^{}]*)\}\{([^{}]*)\}/g, "($1)/($2)"],
  [/\\dfrac\{([^{}]*)\}\{([^{}]*)\}/g, "($1)/($2)"],
  [/\\tfrac\{([^{}]*)\}\{([^{}]*)\}/g, "($1)/($2)"],
  [/\\tfrac(\d)(\d)/g, "($1)/($2)"],
  [/\\frac(\d)(\d)/g, "($1)/($2)"],
  [/\\sqrt\[([^\]]*)\]\{([^{}]*)\}/g, "($2)**(1/($1))"],
  [/\\sqrt\{([^{}]*)\}/g, "($1)**(1/2)"],
  [/\^\{([^{}]*)\}/g, "^($1)"],
  [/\\mathrm\{([^{}]*)\}/g, "$1"],
  [/\\text\{([^{}]*)\}/g, "$1"],
  [/\|([^{}]*)\|/g, "abs($1)"],
];

/** Fractions, roots and exponents from the inside out, five rounds at most. */
function nested(text: string): string {
  let s = text;
  for (let round = 0; round < 5; round++) {
    const before = s;
    for (const [pattern, by] of NESTED) s = s.replace(pattern, by);
    if (s === before) break;
  }
  return s;
}

/** Space before functions, brackets around their arguments. */
function bracketArguments(text: string, functions: string[], powers: readonly string[]): string {
  const names = [...new Set(functions)].sort(longer).join("|");
  let s = text.replace(new RegExp(`\\\\?(${names})(?![A-Za-z])`, "g"), " $1");
  if (powers.length > 0) {
    s = s.replace(new RegExp(`(${[...powers].sort(longer).join("|")})([a-zA-Z\\d])`, "g"), "$1 $2");
  }
  const applied = new RegExp(
    `(\\\\?(?:${names}))(?![A-Za-z_])\\s*(?:\\\\?\\{([^\\\\}]+)\\\\?\\}|\\[([^\\]]+)\\]|([^{}[\\]\\s()+\\-*/^]+))`,
    "g",
  );
  return s.replace(
    applied,
    (_, name, braces, brackets, bare) => `${name}(${braces ?? brackets ?? bare})`,
  );
}

/** `sin_2(...)` as `sin(...)^2`. */
function decodePowers(text: string): string {
  const open = new RegExp(`\\b(${POWERED.join("|")})_(\\d+(?:_\\d+)*)(?=\\()`, "g");
  let s = text;
  for (let rounds = 0; rounds < 50; rounds++) {
    open.lastIndex = 0;
    const m = open.exec(s);
    if (!m) break;
    const from = m.index + m[0].length;
    const to = closing(s, from);
    if (to < 0) break;
    const [n, d] = m[2]!.split("_");
    const power = d === undefined ? n : `(${n}/${m[2]!.slice(n!.length + 1)})`;
    s = `${s.slice(0, m.index)}${m[1]}${s.slice(from, to + 1)}^${power}${s.slice(to + 1)}`;
  }
  return s;
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "(") depth++;
    else if (text[i] === ")" && --depth === 0) return i;
  }
  return -1;
}

/** Names side by side get a `*`; other letters stand alone; `e` and `i` are constants. */
function separateNames(text: string, known: readonly string[]): string {
  const escaped = [...new Set(known)].sort(longer).map((name) => name.replace(/[^\w]/g, "\\$&"));
  const token = new RegExp(`(?:${escaped.join("|")}|[A-Za-z])`, "y");
  const names = new Set(known);
  let out = "";
  let afterName = false;
  for (let i = 0; i < text.length;) {
    token.lastIndex = i;
    const found = token.exec(text)?.[0];
    if (found === undefined) {
      const c = text[i]!;
      out += c === "{" ? "(" : c === "}" ? ")" : c;
      afterName = false;
      i++;
      continue;
    }
    i += found.length;
    const shielded = found.startsWith("<INT");
    const name = (found === "e" || found === "i") && !names.has(found)
      ? found.toUpperCase()
      : found;
    out += !shielded && afterName ? `*${name}` : name;
    afterName = !shielded;
  }
  return out;
}

interface Shielded {
  readonly text: string;
  readonly templates: ReadonlyMap<string, string>;
  restore(text: string): string;
}

const MAX_INTEGRALS = 8;

/** Definite integrals, last first, each as its body between two marks; undefined without an upper limit. */
function shieldIntegrals(text: string, parameters: readonly string[]): Shielded | undefined {
  const templates = new Map<string, string>();
  let s = text;
  for (let n = 0; n < MAX_INTEGRALS; n++) {
    const start = s.lastIndexOf("\\int_");
    if (start < 0) break;
    const low = argument(s, start + 5);
    if (!low || s[low.end] !== "^") return undefined;
    const high = argument(s, low.end + 1);
    if (!high) return undefined;
    const body = integrand(s, high.end);
    const limits = [low.text, high.text].map((limit) => bound(limit, parameters));
    if (limits.includes(undefined)) return undefined;
    const key = `<INT${n}>`;
    templates.set(key, `Integral({EXPR},(${body.variable},${limits.join(",")}))`);
    s = `${s.slice(0, start)}${key}${body.text}${key}${s.slice(body.end)}`;
  }
  const restore = (done: string) => {
    let restored = done;
    for (const [key, template] of templates) {
      const [before, body, ...after] = restored.split(key);
      if (body === undefined || after.length === 0) continue;
      restored = before + template.replace("{EXPR}", () => body) + after.join(key);
    }
    return restored;
  };
  return { text: s, templates, restore };
}

function argument(text: string, at: number): { text: string; end: number } | undefined {
  const command = /\\[A-Za-z]+/y;
  command.lastIndex = at;
  const found = command.exec(text)?.[0];
  if (found) return { text: found, end: at + found.length };
  if (text[at] !== "{") {
    return text[at] === undefined ? undefined : { text: text[at]!, end: at + 1 };
  }
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return { text: text.slice(at, i + 1), end: i + 1 };
  }
  return undefined;
}

/** Body up to the first differential outside brackets. */
function integrand(text: string, from: number): { text: string; variable: string; end: number } {
  let at = from;
  while (/\s/.test(text[at] ?? "")) at++;
  const over = /\\frac\{d([A-Za-z]\w*)\}/y;
  over.lastIndex = at;
  const m = over.exec(text);
  if (m) {
    const below = argument(text, over.lastIndex);
    const inside = below?.text.replace(/^\{+|\}+$/g, "") ?? "";
    return {
      text: below ? `1/(${inside})` : "",
      variable: m[1]!,
      end: below?.end ?? over.lastIndex,
    };
  }
  let depth = 0;
  const differential = /d([A-Za-z]\w*)/y;
  for (let i = at; i < text.length; i++) {
    if ("{(".includes(text[i]!)) depth++;
    else if ("})".includes(text[i]!)) depth--;
    else if (text[i] === "d" && depth === 0) {
      differential.lastIndex = i;
      const d = differential.exec(text);
      if (d) return { text: text.slice(at, i), variable: d[1]!, end: differential.lastIndex };
    }
  }
  return { text: text.slice(at), variable: "x", end: text.length };
}

function bound(limit: string, parameters: readonly string[]): string | undefined {
  if (/^\{?-?\\infty\}?$/.test(limit.trim())) return limit.includes("-") ? "-oo" : "oo";
  return limit.includes("\\infty") ? limit : latexToPython(limit, parameters)?.python;
}
