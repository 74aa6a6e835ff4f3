/** Surface of a LaTeX answer: what changes its looks and not its meaning is taken off or made alike. */
import { plainText } from "../answers.ts";

/** Longer answers are compared as text alone. */
const MAX_ANSWER = 8192;

const UNICODE: Readonly<Record<string, string>> = {
  "×": "\\times ",
  "·": "\\cdot ",
  "⋅": "\\cdot ",
  "∙": "\\cdot ",
  "÷": "\\div ",
  "π": "\\pi ",
  "∞": "\\infty ",
  "√": "\\sqrt ",
  "≤": "\\le ",
  "≥": "\\ge ",
  "⩽": "\\le ",
  "⩾": "\\ge ",
  "≠": "\\ne ",
  "∪": "\\cup ",
  "∩": "\\cap ",
  "∈": "\\in ",
  "∅": "\\emptyset ",
  "±": "\\pm ",
  "∓": "\\mp ",
  "°": "^{\\circ}",
  "α": "\\alpha ",
  "β": "\\beta ",
  "γ": "\\gamma ",
  "θ": "\\theta ",
  "λ": "\\lambda ",
  "μ": "\\mu ",
  "φ": "\\phi ",
  "ω": "\\omega ",
  "²": "^{2}",
  "³": "^{3}",
  "½": "\\frac{1}{2}",
  "¼": "\\frac{1}{4}",
  "¾": "\\frac{3}{4}",
  "、": ",",
  "，": ",",
  "；": ";",
  "。": ".",
  "ℝ": "\\mathbb{R}",
  "′": "'",
};

/** Commands that only size, style or space; longest first where one starts another. */
const STYLE = new RegExp(
  "\\\\(?:" +
    "left|right|middle|bigl|bigr|Bigl|Bigr|biggl|biggr|Biggl|Biggr|big|Big|bigg|Bigg|" +
    "displaystyle|textstyle|scriptstyle|limits|nolimits|rm|bf|it|sf|mathstrut|" +
    "quad|qquad|thinspace|medspace|thickspace|negthinspace|hspace\\*?\\{[^{}]*\\}|phantom\\{[^{}]*\\}" +
    ")(?![A-Za-z])",
  "g",
);

const ALIKE: readonly (readonly [RegExp, string])[] = [
  [/\\(?:boxed|fbox)(?= ?\{)/g, ""],
  [/\\[dtc]frac(?![A-Za-z])/g, "\\frac"],
  [/\\[dt]binom(?![A-Za-z])/g, "\\binom"],
  [/\\leqslant(?![A-Za-z])|\\leqq?(?![A-Za-z])|<=/g, "\\le "],
  [/\\geqslant(?![A-Za-z])|\\geqq?(?![A-Za-z])|>=/g, "\\ge "],
  [/\\neq(?![A-Za-z])|!=/g, "\\ne "],
  [/\\lt(?![A-Za-z])/g, "<"],
  [/\\gt(?![A-Za-z])/g, ">"],
  [/\\lbrack(?![A-Za-z])/g, "["],
  [/\\rbrack(?![A-Za-z])/g, "]"],
  [/\\lbrace(?![A-Za-z])/g, "\\{"],
  [/\\rbrace(?![A-Za-z])/g, "\\}"],
  [/\\lvert(?![A-Za-z])|\\rvert(?![A-Za-z])|\\vert(?![A-Za-z])/g, "|"],
  [/\\(?:varnothing|empty)(?![A-Za-z])/g, "\\emptyset"],
  [/\\(?:bigcup)(?![A-Za-z])/g, "\\cup"],
  [/\\(?:land|wedge)(?![A-Za-z])|\\lor(?![A-Za-z])|\\vee(?![A-Za-z])/g, ","],
  [/\\(?:dots|ldots|cdots)(?![A-Za-z])/g, "\\ldots"],
  [/\\begin\{array\}\{[^{}]*\}/g, "\\begin{matrix}"],
  [/\\end\{array\}/g, "\\end{matrix}"],
  [/\\(begin|end)\{(?:small|[pbBvV])?matrix\}/g, "\\$1{matrix}"],
];

/** An answer with its surface taken off; the same for texts that look the same. */
export function surface(answer: string): string {
  let s = plainText(answer.length > MAX_ANSWER ? answer.slice(0, MAX_ANSWER) : answer)
    .replace(/[\u0080-\uffff]/g, (c) => UNICODE[c] ?? c);
  const tabular = /\\begin|\\substack/.test(s);
  // Rows of a table end in a doubled backslash; elsewhere it is a slip before a command, or a line end.
  s = tabular
    ? s.replaceAll("\\\\", "\\cr ")
    : s.replace(/\\\\(?=[A-Za-z{}[\](),;!])/g, "\\").replaceAll("\\\\", ",");
  s = s.replace(/\\[$£€]|[$£€¥]|\\[()[\]]/g, "");
  s = s.replace(STYLE, " ").replace(/(?:\{ ?, ?\}|,\\!) */g, ",").replace(/\\[,;:!> ]|~/g, " ");
  for (const [looks, same] of ALIKE) s = s.replace(looks, same);
  s = degrees(s).replace(/\\%/g, "%");
  return trimmed(words(s));
}

/** Degree signs go, except that under a trigonometric function they are a factor. */
function degrees(s: string): string {
  const sign =
    /\^ ?(?:\{ ?\\(?:circ|degree) ?\}|\\(?:circ|degree)(?![A-Za-z]))|\\degree(?![A-Za-z])/g;
  const angle = /\\(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])/.test(s);
  return s.replace(sign, angle ? "\\frac{\\pi}{180}" : " ");
}

const TEXT =
  /\\(?:text|mbox|textbf|textit|textrm|textnormal|mathrm|mathbf|mathit|mathsf|emph)\s?\{([^{}]{0,200})\}/g;
/** Text commands that join what stands beside them. */
const JOINS = /^\s?,?\s?(?:and|or|以及|和|或)\s?,?\s?$/;

/** Text commands: joining words to commas, the rest to a mark that later rules read. */
function words(s: string): string {
  s = s.replace(TEXT, (_, inside: string) => {
    if (JOINS.test(inside)) return ",";
    const word = inside.trim();
    if (/^[A-Za-z]$/.test(word) || /^[\d\s.,+*/()-]*$/.test(word)) return ` ${inside} `;
    return `\\text{${word}}`;
  });
  return s.replace(/(?<=[\s\d)}\]])(?:and|or)(?=[\s\d({\\[-])/g, ",");
}

function trimmed(s: string): string {
  s = s.replace(/\s+/g, " ").trim();
  let end = s.length;
  while (end > 0 && ".,;:。 ".includes(s[end - 1]!)) end--;
  if (end > 0 && s[end - 1] === "\\") end = s.length;
  return s.slice(0, end).trim();
}

/** Units that may follow a number as plain words. */
const UNIT = new RegExp(
  "^(?:" +
    ("degrees?|deg|radians?|rad|percent|dollars?|cents?|usd|euros?|pounds?|lbs?|" +
      "(?:milli|centi|deci|kilo)?met(?:er|re)s?|feet|foot|ft|inch(?:es)?|in|yards?|yd|miles?|mi|mph|kph|" +
      "km|cm|mm|dm|nm|kg|grams?|mg|(?:milli)?lit(?:er|re)s?|ml|ounces?|oz|gallons?|quarts?|cups?|" +
      "seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|yrs?|" +
      "units?|square|sq|cubic|per|an|the|of|points?|ways?|times?|people|students?|children|boys|girls|" +
      "men|women|numbers?|integers?|digits?|books?|apples?|pages?|coins?|balls?|cards?|" +
      "hz|m/s|km/h|元|米|个|度|千米|厘米|平方米") +
    ")$",
  "i",
);
const UNIT_LETTER = /[A-Za-z/ \u4e00-\u9fff]/;

/** `s` without units after its number: text commands with letters, and plain words. */
export function withoutUnits(s: string): string {
  const marked = s.replace(
    /(?<=[^\s,([]) ?(?:\\text\{[^{}]*\}(?: ?\^ ?(?:\d|\{ ?\d ?\}))? ?\/? ?)+/g,
    " ",
  );
  const text = marked.trim() || s;
  const exponent = /\^ ?(?:\d|\{\d\})$/.exec(text)?.index ?? text.length;
  let end = exponent;
  while (end > 0 && UNIT_LETTER.test(text[end - 1]!)) end--;
  const words = text.slice(end, exponent).trim();
  if (words === "" || !/[\d}%)!]/.test(text[end - 1] ?? "")) return text;
  return words.split(" ").every((word) => UNIT.test(word)) ? text.slice(0, end) : text;
}

/** Letters and digits of an answer in words, articles and case aside. */
export function plainWords(s: string): string {
  return s.replace(/\\text\{([^{}]*)\}/g, " $1 ").replace(/\\[A-Za-z]+|[^\p{L}\p{N}\s]/gu, " ")
    .toLowerCase().replace(/\b(?:an?|the)\b/g, " ").replace(/\s+/g, " ").trim();
}
