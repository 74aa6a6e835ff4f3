/** How Math-Verify cleans LaTeX before it reads it, and what its reader knows at all. */
import { fixFractions } from "./hendrycks.ts";
import { ACCENTS } from "./latex_tokens.ts";

/** What goes first, in this order. */
const REMOVED: readonly (readonly [RegExp, string])[] = [
  [/\\mathrm\{([Td])\}/g, "$1"],
  [
    /\\m?(?:left|right)(?=[[\](){}|]|\\[{}|]|\\[lr](?:brace|brack|group|vert|ceil|floor)|\\vert|\\[lr]angle)/g,
    "",
  ],
  [/\\mathrm\{th\}|\\!\s*|\\text\s*\{\s*\}|\\?\$|(?<!\\)["']|\\displaystyle/g, ""],
];
/** What is then written otherwise, the leftmost first. */
const REWRITTEN: readonly (readonly [RegExp, string])[] = [
  [/\\(?:math(?:rm|it|bf)|text(?:normal|bf|it|rm))/, "\\text"],
  [/\\[dtc]frac/, "\\frac"],
  [/\s\./, " 0."],
  [/\{\./, "{0."],
  [/~=/, "\\approx"],
  [/\s*\{\s*,\s*\}/, ","],
  [/,?\s*\\text\{\s*(?:and|or)\s*\}|(?<![a-zA-Z]),?\s*(?:and|or)(?![a-zA-Z])/, ","],
  [/(?<!\\)\\\s/, " "],
  [/,?\\ldots/, " "],
  [/\\text\{(?:percentage|percent|pct)\}|\s*\b(?:percentage|percent|pct)\b/, "\\%"],
  [/infinity|(?<!\\)inf(?!inity)/, "\\infty"],
  [/ sqrt/, "\\sqrt"],
];
const ANY_REWRITTEN = new RegExp(REWRITTEN.map(([{ source }]) => `(${source})`).join("|"), "g");

/** Words that are units at an end, also with s or es behind them. */
const UNITS = new Set(
  ("ab acre am apple are bc by c cc cent cm coin cube cubic d day decrease deg degree dm east edge " +
    "excess feet ft g gain gal gallon gm h hectare hour hr inch inches increase kg km kmh kmph l lb " +
    "less liter litre loss lt m man mark meal men meter metre mile min minute minw mm monkey month " +
    "more mp mph mt mtr multiple noon number o ohm per pie pm pound prime profit pure ratio rd rise " +
    "rounds rs rupee s sec second soldier sq square st student sue Surface t th tile toy unit way " +
    "west women woman yard year yr digit").split(" "),
);

/**
 * An answer as Math-Verify reads it: styles, spaces, joining words and units are off, and of
 * `a = b = c` the last side is left; a gold answer keeps its sides.
 */
export function normalized(latex: string, { gold = false } = {}): string {
  let s = latex.replace(/[ \t\r\n]+/g, " ");
  for (const [pattern, replacement] of REMOVED) s = s.replace(pattern, replacement);
  s = s.replace(
    ANY_REWRITTEN,
    (_, ...groups) => REWRITTEN[groups.findIndex((group) => group !== undefined)]![1],
  );
  if (!s.includes("matrix")) s = s.replace(/\\\\(?=[A-Za-z])/g, "\\");
  s = withoutText(gold ? s : lastSide(s)).trim();
  return withoutUnit(withoutUnit(s)).trim();
}

/** A text command and all behind it go where the text ends in one; a text command alone stays. */
function withoutText(s: string): string {
  const start = /\}(?:\^\d)?$/.test(s) ? s.search(/\\(?:text|mbox)\{/) : -1;
  return start > 0 && s.slice(0, start).trim() !== "" ? s.slice(0, start) : s;
}

function withoutUnit(s: string): string {
  const word = /(?<=[\d}\s])[A-Za-z]+$/.exec(s)?.[0];
  const known = word !== undefined &&
    [word, word.replace(/s$/, ""), word.replace(/es$/, "")].some((unit) => UNITS.has(unit));
  return known ? s.slice(0, -word.length).trimEnd() : s;
}

/** The last side of `a = b = c`, unless it is a list. */
function lastSide(s: string): string {
  const sides = /[,;]/.test(s) ? [s] : s.split(/(?<![\\<!>])=/);
  return sides.length > 2 ? sides.at(-1)!.trim() : s;
}

const COMMANDS = new Set(
  (", : ; ! $ ( ) { } | \\ % " +
    "thinspace medspace thickspace quad qquad negthinspace negmedspace negthickspace over lgroup " +
    "rgroup lbrace rbrace lbrack rbrack phantom boxed lvert rvert vert langle rangle lfloor rfloor " +
    "llcorner lrcorner lceil rceil ulcorner urcorner lim to rightarrow Rightarrow int sum prod log " +
    "ln exp sin cos tan csc sec cot arcsin arccos arctan arccsc arcsec arccot sinh cosh tanh arsinh " +
    "arcosh artanh arcsinh arccosh arctanh sqrt gcd lcm floor ceil max min det times cdot div frac " +
    "dfrac tfrac cfrac binom tbinom dbinom choose mod operatorname begin end in equiv approx lt leq " +
    "le leqslant gt geq ge geqslant ne neq alpha beta gamma Gamma delta Delta epsilon varepsilon " +
    "zeta eta theta Theta vartheta iota kappa lambda Lambda mu nu xi Xi omicron pi Pi varpi rho " +
    "varrho sigma Sigma varsigma tau upsilon Upsilon phi Phi varphi chi psi Psi omega Omega nabla " +
    "angle triangle varnothing imath jmath ell hbar prime Im Re square surd infty partial cup cap " +
    "setminus pm mp emptyset supseteq subseteq notin").split(" "),
);
const SIGNS = "−×⋅∗∘∙÷∕≡≈≃≅≪≫≤≥≦≧≠∪∩∖±∓∅⊆⊇∉ℕℤℚℝℂℙαβγΓδΔεϵζηθΘϑικλΛμνξΞοπΠϖρϱσΣςτυΥφΦϕχψΨωΩ";
const DEGREE = "\\\\circ|\\\\degree|°";
const TOKEN = new RegExp(
  `(?:${
    [...ACCENTS].map((name) => `\\${name}`).join("|")
  })\\s?\\{[^}]*\\}|\\^\\{(?:${DEGREE})\\}|\\^(?:${DEGREE})|\\\\([A-Za-z]+|[^])|[\\d.]+|[^]`,
  "gu",
);

/** Whether the reader knows every mark of a cleaned answer, and none is left over at its end. */
export function isReadable(s: string): boolean {
  if (/(?<!\\)[.,;:=]$|^(?:[,;:=≈]|\\approx)/.test(s) || !isBalanced(s)) return false;
  for (const [token, command] of s.matchAll(TOKEN)) {
    // Accents with their braces, and degree signs.
    if (command === undefined && /^[\\^]./.test(token)) {
      if (token.startsWith("\\") && token.lastIndexOf("{") !== token.indexOf("{")) return false;
      continue;
    }
    if (command !== undefined) {
      if (!COMMANDS.has(command)) return false;
    } else if (/^[\d.]/.test(token)) {
      if (!/^(?:\d+|\d*\.\d+)$/.test(token)) return false;
    } else if (!/^[\w \t\r\n+*/()[\]{}|^:;,<>=!%&-]$/.test(token) && !SIGNS.includes(token)) {
      return false;
    }
  }
  return true;
}

function isBalanced(s: string): boolean {
  let depth = 0;
  for (const [mark] of s.matchAll(/\\[^]|[{}]/g)) {
    if (mark === "{") depth++;
    else if (mark === "}" && --depth < 0) return false;
  }
  return depth === 0;
}

const UNICODE: Readonly<Record<string, string>> = Object.fromEntries(
  ("− -|∕ /|÷ /|× \\times|⋅ \\cdot|∙ \\cdot|∘ \\cdot|∗ \\cdot|∪ \\cup|∩ \\cap|∖ \\setminus|± \\pm|∓ \\mp|" +
    "∅ \\emptyset|≤ \\le|≦ \\le|≥ \\ge|≧ \\ge|≪ <|≫ >|≠ \\ne|≡ =|≈ \\approx|≃ \\approx|≅ \\approx|" +
    "ℕ \\mathbb{N}|ℤ \\mathbb{Z}|ℚ \\mathbb{Q}|ℝ \\mathbb{R}|ℂ \\mathbb{C}|ℙ \\mathbb{P}|α \\alpha|β \\beta|" +
    "γ \\gamma|Γ \\Gamma|δ \\delta|Δ \\Delta|ϵ \\varepsilon|ε \\epsilon|ζ \\zeta|η \\eta|θ \\theta|Θ \\Theta|" +
    "ϑ \\vartheta|ι \\iota|κ \\kappa|λ \\lambda|Λ \\Lambda|μ \\mu|ν \\nu|ξ \\xi|Ξ \\Xi|ο \\omicron|π \\pi|" +
    "Π \\Pi|ϖ \\varpi|ρ \\rho|ϱ \\varrho|σ \\sigma|Σ \\Sigma|ς \\varsigma|τ \\tau|υ \\upsilon|Υ \\Upsilon|" +
    "φ \\phi|Φ \\Phi|ϕ \\varphi|χ \\chi|ψ \\psi|Ψ \\Psi|ω \\omega|Ω \\Omega").split("|")
    .map((pair) => pair.split(" ")),
);

/** Readable LaTeX with one spelling of each sign and of blanks. */
export function ordinary(s: string): string {
  return s.replace(/\\(?:[,:;!$]|(?:q?quad|(?:neg)?(?:thin|med|thick)space)(?![A-Za-z]))/g, " ")
    .replace(/\\over(?![A-Za-z])/g, "/").replace(/\\(?=[()])/g, "")
    .replace(/[\u0080-\uffff]/g, (c) => c in UNICODE ? `${UNICODE[c]} ` : c);
}

/** Shorthand written out, which is done in gold answers alone. */
export function repaired(s: string): string {
  const powers = s.replace(/\^\s?\(([^)]*)\)/g, "^{$1}").replace(
    /sqrt\s?\(([^)]*)\)/g,
    "\\sqrt{$1}",
  );
  const fractions = powers.replace(/\\frac\s+/g, "\\frac")
    .replace(/(\\frac\{[^{}]*\}) ?(\d)/g, "$1{$2}");
  return fixFractions(fractions.replace(/\\sqrt\s*([^\s{[])/g, "\\sqrt{$1}"))!;
}
