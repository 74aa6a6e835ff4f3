/** How Math-Verify cleans LaTeX before it reads it, and what its reader knows at all. */

/** Commands and signs that are written otherwise first, in this order. */
const REWRITTEN: readonly (readonly [RegExp, string])[] = [
  [/\\mathrm\{(?=[Td]\})([Td])\}/g, "$1"],
  [
    /\\m?(?:left|right)(?=[[\](){}|]|\\[{}|]|\\[lr](?:brace|brack|group|vert|ceil|floor)|\\vert|\\[lr]angle)/g,
    "",
  ],
  [/\\mathrm\{th\}|\\!\s*|\\text\s*\{\s*\}|\\?\$|(?<!\\)["']|\\displaystyle/g, ""],
  [/\\math(?:rm|it|bf)|\\text(?:normal|bf|it|rm)/g, "\\text"],
  [/\\[dtc]frac/g, "\\frac"],
  [/(\s|\{)\./g, "$10."],
  [/~=/g, "\\approx"],
  [/\s*\{\s*,\s*\}/g, ","],
  [/,?\s*\\text\{\s*(?:and|or)\s*\}|(?<![A-Za-z]),?\s*(?:and|or)(?![A-Za-z])/g, ","],
  [/(?<!\\)\\\s/g, " "],
  [/infinity|(?<!\\)inf(?!ty)/g, "\\infty"],
  [/,?\\ldots/g, " "],
  [/\\text\{(?:percentage|percent|pct)\}|\s*\b(?:percentage|percent|pct)\b/g, "\\%"],
  [/ sqrt/g, "\\sqrt"],
];

/** Words that are units at an end, also with s or es behind them. */
const UNITS = new Set(
  ("ab acre am apple are bc by c cc cent cm coin cube cubic d day decrease deg degree dm east edge " +
    "excess feet ft g gain gal gallon gm h hectare hour hr inch inches increase kg km kmh kmph l lb " +
    "less liter litre loss lt m man mark meal men meter metre mile min minute minw mm monkey month " +
    "more mp mph mt mtr multiple noon number o ohm per pie pm pound prime profit pure ratio rd rise " +
    "rounds rs rupee s sec second soldier sq square st student sue Surface t th tile toy unit way " +
    "west women woman yard year yr digit").split(" "),
);

/** An answer as Math-Verify reads it: styles, spaces, joining words and units are off. */
export function normalized(latex: string): string {
  let s = latex.replace(/\s+/g, " ");
  for (const [pattern, replacement] of REWRITTEN) s = s.replace(pattern, replacement);
  if (!s.includes("matrix")) s = s.replace(/\\\\(?=[A-Za-z])/g, "\\");
  s = withoutText(s).trim();
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
export function lastSide(s: string): string {
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
/** Commands that make a symbol of what stands in the braces behind them, whatever that is. */
const ACCENTS =
  "acute|bar|overline|breve|check|dot|ddot|grave|hat|tilde|widetilde|vec|overrightarrow|bm|" +
  "boldsymbol|text|textit|textbf|textnormal|mathbb|mathbf|mathcal|mathfrak|mathit|mathring|mathrm|" +
  "mathscr|mathsf|mathtt|mbox";
const SIGNS = "−×⋅∗∘∙÷∕≡≈≃≅≪≫≤≥≦≧≠∪∩∖±∓∅⊆⊇∉ℕℤℚℝℂℙαβγΓδΔεϵζηθΘϑικλΛμνξΞοπΠϖρϱσΣςτυΥφΦϕχψΨωΩ";
const TOKEN = new RegExp(
  `\\\\(?:${ACCENTS})\\s?\\{[^}]*\\}|\\^\\{?(?:\\\\circ|\\\\degree|°)\\}?|\\\\([A-Za-z]+|[^])|[\\d.]+|[^]`,
  "gu",
);

/** Whether the reader knows every mark of a cleaned answer, and none is left over at its end. */
export function isReadable(s: string): boolean {
  if (/(?<!\\)[.,;:=]$|^(?:[,;:=≈]|\\approx)/.test(s) || !isBalanced(s)) return false;
  for (const [token, command] of s.matchAll(TOKEN)) {
    // Accents with their braces, and degree signs.
    if (command === undefined && /^[\\^]./.test(token)) continue;
    if (command !== undefined) {
      if (!COMMANDS.has(command)) return false;
    } else if (/^[\d.]/.test(token)) {
      if (!/^(?:\d+|\d*\.\d+)$/.test(token)) return false;
    } else if (!/^[\w\s+*/()[\]{}|^:;,<>=!%&-]$/.test(token) && !SIGNS.includes(token)) {
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
