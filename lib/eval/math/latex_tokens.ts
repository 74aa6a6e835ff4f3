/** LaTeX tokens, and the tables that say what they mean. */
import { div, type Expr, fn, mul } from "./expr.ts";

/** Most tokens read. */
const MAX_TOKENS = 8192;

const SPACE = /^(?:\\[,;:!> ]|\\q?quad|\\(?:thin|med|thick)space|~|\s)$/;

/** What sympy's lexer drops. */
const SYMPY_SKIPS =
  /^(?:\\[,;:!*./"(=-]|\\q?quad|\\(?:neg)?(?:thin|med|thick)space|\\(?:left|right)|\s)$/;

/** Tokens of `text`, spaces left out; undefined for too many. `sympy` splits numbers and drops as its lexer does. */
export function tokenize(text: string, sympy: boolean): string[] | undefined {
  const number = sympy ? /\d+(?:,\d{3})*(?:\.\d+)?/y : /\d+(?:\.\d+)?|\.\d+/y;
  const other = /\\[A-Za-z]+|\\.|[^]/uy;
  // sympy reads digits one by one, and what it drops does not part them: `1\,349` is one number.
  if (sympy) text = text.replace(/(?<=\d)(?:\\[,;:!]|\s)+(?=\d)/g, "");
  const tokens: string[] = [];
  for (let i = 0; i < text.length;) {
    number.lastIndex = other.lastIndex = i;
    const token = number.exec(text)?.[0] ?? other.exec(text)![0];
    i += token.length;
    const skipped = sympy ? SYMPY_SKIPS : SPACE;
    if (!skipped.test(token)) {
      tokens.push(sympy ? token.replace(/^\\[dt](?=frac$|binom$)/, "\\") : token);
    }
    if (tokens.length > MAX_TOKENS) return undefined;
  }
  return tokens;
}

/** Closing brackets by their opening ones. */
export const CLOSING: Record<string, string> = {
  "(": ")",
  "[": "]",
  "{": "}",
  "\\{": "\\}",
  "\\lbrace": "\\rbrace",
  "|": "|",
  "\\lvert": "\\rvert",
  "\\vert": "\\vert",
  "\\lfloor": "\\rfloor",
  "\\lceil": "\\rceil",
  "\\langle": "\\rangle",
};
/** Brackets that are functions. */
export const GROUP_FUNCTIONS: Record<string, string> = {
  "|": "abs",
  "\\lvert": "abs",
  "\\vert": "abs",
  "\\lfloor": "floor",
  "\\lceil": "ceil",
};

/** Signs between factors. */
export const JOINS: Partial<Record<string, (a: Expr, b: Expr) => Expr>> = {
  "*": mul,
  "\\cdot": mul,
  "\\times": mul,
  "\\ast": mul,
  "/": div,
  "\\div": div,
  ":": div,
  "\\bmod": (a, b) => fn("mod", a, b),
  "\\mod": (a, b) => fn("mod", a, b),
};

/** Functions written as commands; values are the names the evaluator knows. */
export const FUNCTIONS: Record<string, string> = {
  ...Object.fromEntries(
    ("sin cos tan cot sec csc sinh cosh tanh coth sech csch ln log lg exp " +
      "arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh arctanh " +
      "max min gcd lcm floor ceil").split(" ").map((name) => [`\\${name}`, name]),
  ),
  "\\arsinh": "arcsinh",
  "\\arcosh": "arccosh",
  "\\artanh": "arctanh",
  "\\Gamma": "gamma",
};
/** Tokens that sympy's lexer knows; it raises on others, even after what it reads. */
export const LEXED = /^(?:[\w+*/()[\]{}|^:=<>!',.-]|\\[A-Za-z{}])/;
/** Commands with a meaning of their own in sympy's grammar. */
export const SYMPY_COMMANDS = new Set(
  ("\\frac \\binom \\sqrt \\overline \\cdot \\times \\div \\int \\sum \\prod \\lim " +
    "\\to \\rightarrow \\mathit").split(" "),
);
/** Commands that make a symbol of what stands in the braces behind them. */
export const ACCENTS = new Set(
  ("acute bar overline breve check dot ddot grave hat tilde widetilde vec overrightarrow bm boldsymbol " +
    "text textit textbf textnormal mathbb mathbf mathcal mathfrak mathit mathring mathrm mathscr " +
    "mathsf mathtt mbox").split(" ").map((name) => `\\${name}`),
);
/** Commands that start a factor. */
export const COMMANDS = new Set([
  "\\frac",
  "\\binom",
  "\\sqrt",
  "\\operatorname",
  ...ACCENTS,
]);
/** Functions whose power of -1 is the inverse function. */
export const INVERSE = /^(?:sin|cos|tan|cot|sec|csc|sinh|cosh|tanh)$/;
/** Relation signs. */
export const RELATIONS =
  /^(?:[=<>]|\\(?:leqslant|geqslant|leq?|geq?|lt|gt|neq?|approx|sim|simeq|equiv))$/;
/** Commands that are symbols. */
export const GREEK =
  /^\\(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega|hbar|ell|infty|prime|partial|imath|jmath|nabla|triangle|angle|odot|emptyset)$/;
