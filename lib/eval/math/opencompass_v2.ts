/** OpenCompass' `MATHEvaluator(version="v2")` with its `math_postprocess_v2`: a pure string rule. */
import { strip } from "../choice/python_text.ts";
import { lastBoxed, unboxed } from "./boxed.ts";
import { fixFractions, fixQuotient, withoutShortName } from "./hendrycks.ts";
import { cleanMinerva, unwrap } from "./minerva.ts";
import { stripEnd } from "./text.ts";

/** The answer in a reply: the last box, else the first sentence with a cue, else the first sentence. */
export function extractV2(text: string): string {
  const box = unboxed(lastBoxed(text));
  if (box) return /^\{([^\n]*)\}\n?$/.exec(box)?.[1] || box;
  const sentences = text.split(".");
  const said = sentences.find((s) => /final answer|answer is/.test(s.toLowerCase()));
  return cleanMinerva(said ?? sentences[0]!, { cues: true });
}

/** Whether two answers are equal under the rule. */
export function equalV2(a: string, b: string): boolean {
  const x = normalForm(a);
  const y = normalForm(b);
  if (x !== undefined && y !== undefined) {
    if (x === y || clean(x) === clean(y)) return true;
  }
  return clean(a) === clean(b) || a === b;
}

const clean = (s: string) => cleanMinerva(s, { cues: true });

/** Text from the first `\text{` on, when the whole ends in a brace. */
export function withoutTextEnd(s: string): string {
  const start = s.indexOf("\\text{");
  if (start < 0 || !s.endsWith("}") || s.length < start + 7) return s;
  return strip(s.slice(0, start)) || s;
}

/** `3.000` as `3`: a run of zeros after a point, where no further digit follows. */
export function withoutZeros(s: string, least: 0 | 1): string {
  const zeros = least === 1 ? /\.0+([^\p{Nd}]|$)/gu : /\.0*([^\p{Nd}]|$)/gu;
  let taken = 0; // characters up to here belong to an earlier match
  const once = s.replace(zeros, (match, next: string, at: number) => {
    if (next === "" || at <= taken || !/\p{Nd}/u.test(s[at - 1]!)) return match;
    taken = at + match.length;
    return next;
  });
  return once.replace(least === 1 ? /(?<=\p{Nd})\.0+$/u : /(?<=\p{Nd})\.0*$/u, "");
}

/** What the later string rules do to infinities, joins and imaginary units. */
export function respell(text: string): string {
  let s = text.replaceAll("infinity", "\\infty");
  if (!s.includes("\\infty")) s = s.replaceAll("inf", "\\infty");
  s = s.replaceAll("+\\inity", "\\infty").replaceAll("and", "").replaceAll("\\mathbf", "");
  s = unwrap(s, "\\mbox{", { drop: true });
  return s.includes("j") && !s.includes("i") ? s.replaceAll("j", "i") : s;
}

/** `\sqrt3` with braces around the whole word that follows. */
export function fixRootWords(s: string): string {
  return s.replace(/\\sqrt([\p{L}\p{N}_]+)/gu, "\\sqrt{$1}");
}

function normalForm(text: string): string | undefined {
  let s = stripEnd(strip(text).replaceAll("\n", ""), ".");
  for (const gone of ["\\!", "\\ "]) s = s.replaceAll(gone, "");
  s = s.replaceAll("\\\\", "\\").replaceAll("\\\\", "\\");
  s = s.replaceAll("tfrac", "frac").replaceAll("dfrac", "frac");
  s = withoutTextEnd(s.replaceAll("\\left", "").replaceAll("\\right", ""));
  for (const gone of ["^{\\circ}", "^\\circ", "\\$", "$", "\\text", "x\\in", "\\%", "%"]) {
    s = s.replaceAll(gone, "");
  }
  s = s.replaceAll(" .", " 0.").replaceAll("{.", "{0.").replaceAll("\\cdot", "");
  s = withoutZeros(respell(s), 1);
  if (s === "") return s;
  if (s.startsWith(".")) s = `0${s}`;
  s = fixRootWords(withoutShortName(s)).replaceAll(" ", "");
  return fixQuotient(fixFractions(s)!, { raises: true });
}
