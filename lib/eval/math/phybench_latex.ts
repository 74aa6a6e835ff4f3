/**
 * The text stage of PHYBench's EED as published, slips included: comparison signs are looked for as
 * substrings, so that `\left` counts as `\le`, and what stands before the last is thrown away.
 */

/** The part of an answer that is compared, ready to be read; undefined for unbalanced commands. */
export function prepare(latex: string): string {
  return secondStage(firstStage(latex));
}

function firstStage(latex: string): string {
  const s = latex.replaceAll("\\{", "(").replaceAll("\\}", ")");
  if (!balanced(s)) return s;
  let content = withoutBraces(withoutCommand(s, "\\boxed", true));
  content = content.split("\\quad")[0]!;
  return withoutBraces(afterComparison(content));
}

function balanced(text: string): boolean {
  const open: string[] = [];
  const partner: Record<string, string> = { ")": "(", "]": "[", "}": "{" };
  for (const c of text) {
    if ("([{".includes(c)) open.push(c);
    else if (c in partner && open.pop() !== partner[c]) return false;
  }
  return open.length === 0;
}

const COMPARISONS = ["=", "\\approx", "\\ge", "\\le", "\\geq", "\\leq", "<", ">"];

function afterComparison(text: string): string {
  let content = text;
  for (const sign of COMPARISONS) {
    const at = text.lastIndexOf(sign);
    if (at >= 0) content = text.slice(at + 1);
  }
  return content.trim();
}

/** Takes off braces around the whole, up to ten pairs. */
function withoutBraces(text: string): string {
  let s = text;
  for (let i = 0; i < 10; i++) {
    const open = s.search(/(?<!\\)\{/);
    if (open < 0 || hasCommand(s, open)) return s;
    const close = closing(s, open);
    if (close < 0 || s.slice(close + 1).includes("}")) return s;
    s = s.slice(open + 1, close);
  }
  return s;
}

/** Whether a brace belongs to a command, an exponent or an index. */
function hasCommand(text: string, brace: number): boolean {
  let i = brace - 1;
  let optional = false;
  for (; i >= 0; i--) {
    const c = text[i]!;
    if (!optional && (c === "^" || c === "_")) return true;
    if (!optional && !" \t][".includes(c)) break;
    if (c === "]") optional = true;
    if (c === "[" && optional) optional = false;
  }
  if (i < 0 || text[i] === "\\") return false;
  const end = i;
  i--;
  while (i >= 0 && /\p{L}/u.test(text[i]!)) i--;
  return text.at(i) === "\\" && text.slice(i + 1, end + 1) !== "";
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "{") depth++;
    else if (text[i] === "}" && depth-- === 0) return i;
  }
  return -1;
}

const MAX_ROUNDS = 200;

/** A command taken off everywhere, its braces too; without braces the next character goes with it. */
function withoutCommand(text: string, command: string, keep: boolean): string {
  let s = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const at = s.indexOf(command);
    if (at < 0) return s;
    const open = at + command.length;
    let end = open;
    if (s[open] === "{") {
      for (let depth = 0; end < s.length; end++) {
        if (s[end] === "{") depth++;
        else if (s[end] === "}" && --depth === 0) break;
      }
    }
    s = s.slice(0, at) + (keep ? s.slice(open + 1, end) : "") + s.slice(end + 1);
  }
  return s;
}

const KEPT = ["\\text", "\\mathbf", "\\mathrm", "\\pmb", "\\hat", "\\overline", "\\boldsymbol"];
const GONE = [
  "\\,",
  "'",
  "$",
  ",",
  "`",
  "latex",
  "\\left",
  "\\right",
  "\\text",
  "\\mathrm",
  "\\Bigr",
]
  .concat(["\\Bigl", "\n", "\\]", "\\[", "\\Big", "\\bigl", "\\bigr", "\\biggl", "\\biggr"])
  .concat(["\\displaystyle", "\\boldsymbol", "\\infty"]);
const REPLACED: readonly (readonly [string, string])[] = [
  ["\\operatorname{asin}", "\\asin"],
  ["\\operatorname{sech}", "\\sech"],
  ["\\operatorname{acos}", "\\acos"],
  ["\\operatorname{sinh}", "\\sinh"],
  ["\\dfrac", "\\frac"],
  ["\\tfrac", "\\frac"],
  ["\\Exp", "\\exp"],
  ["\\times", "\\bar{times}"],
  ["\\partial", "\\bar{partial}"],
  ["\\perp", "\\bar{perp}"],
  ["\\epsilon", "\\varepsilon"],
  ["\\varOmega", "\\Omega"],
  ["I", "\\bar{I}"],
  ["_e", "_{e}"],
  ["e_", "\\bar{e}_"],
  ["E_", "\\bar{E}_"],
  ["\\pm", "+"],
  ["\\mp", "-"],
  ["{+}", "{p}"],
  ["{-}", "{m}"],
  ["_+", "_p"],
  ["_-", "_m"],
];

function secondStage(text: string): string {
  let s = text;
  for (const command of ["\\begin", "\\end"]) s = withoutCommand(s, command, false);
  for (const command of KEPT) s = withoutCommand(s, command, true);
  for (const gone of GONE) s = s.replaceAll(gone, "");
  for (const [before, after] of REPLACED) s = s.replaceAll(before, after);
  const part = "(\\\\[a-zA-Z]+|\\d|[a-zA-Z]|\\{[^{}]*\\})";
  const braced = (x: string) => x.startsWith("{") ? x : `{${x}}`;
  s = s.replace(
    new RegExp(`\\\\frac${part}${part}`, "g"),
    (_, a, b) => `\\frac${braced(a)}${braced(b)}`,
  );
  s = s.replace(/\\vec\{([^{}]+)_\{([^{}]+)\}\}/g, "\\vec{$1}_{$2}");
  s = s.replace(/\\vec\s*(\\?[a-zA-Zα-ωΑ-Ω]+)/g, "\\vec{$1}");
  return s.endsWith(".") ? s.slice(0, -1) : s;
}
