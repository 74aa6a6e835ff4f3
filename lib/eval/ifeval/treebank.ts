/** Words as the Penn Treebank writes them, by the rules of NLTK 3.8's `NLTKWordTokenizer`. */
import { pythonPattern, words } from "../choice/python_text.ts";

type Rule = readonly [pattern: RegExp, by: string];

const rule = (source: string, by: string, ignoreCase = false): Rule => [
  pythonPattern(source, { global: true, ignoreCase }),
  by,
];

const OPENING: readonly Rule[] = [
  rule("[«“‘„]|`+", " $& "),
  rule('^"', "``"),
  rule("``", " $& "),
  rule("([ (\\[{<])(?:\"|'{2})", "$1 `` "),
  rule("'(?!re|ve|ll|m|t|s|d|n)(\\w)\\b", "' $1", true),
];

const MARKS: readonly Rule[] = [
  rule("([:,])([^\\d])", " $1 $2"),
  rule("([:,])$", " $1 "),
  rule("\\.{2,}", " $& "),
  rule("[;@#$%&]", " $& "),
  rule("([^.])(\\.)([\\])}>\"']*)\\s*$", "$1 $2$3 "),
  rule("[?!]", " $& "),
  rule("([^'])' ", "$1 ' "),
  rule("\\*", " $& "),
  rule("[\\][(){}<>]", " $& "),
  rule("--", " $& "),
];

const CLOSING: readonly Rule[] = [
  rule("[»”’]", " $& "),
  rule("''", " $& "),
  rule('"', " '' "),
  rule("([^' ])('[sS]|'[mM]|'[dD]|') ", "$1 $2 "),
  rule("([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "$1 $2 "),
];

const CONTRACTIONS: readonly Rule[] = [
  ...["(can)(not)", "(d)('ye)", "(gim)(me)", "(gon)(na)", "(got)(ta)", "(lem)(me)", "(more)('n)"]
    .map((source) => rule(`\\b${source}\\b`, " $1 $2 ", true)),
  rule("\\b(wan)(na)(?=\\s)", " $1 $2 ", true),
  rule(" ('t)(is)\\b", " $1 $2 ", true),
  rule(" ('t)(was)\\b", " $1 $2 ", true),
];

/** The words and marks of one sentence. */
export function treebankWords(sentence: string): string[] {
  const marked = replaced(withFinalPeriod(replaced(sentence, OPENING)), MARKS);
  return words(replaced(replaced(` ${marked} `, CLOSING), CONTRACTIONS));
}

function replaced(text: string, rules: readonly Rule[]): string {
  return rules.reduce((now, [pattern, by]) => now.replace(pattern, by), text);
}

/**
 * The last period apart, and so what closes behind it. As a pattern `([^.])(\.)([\])}>"'»”’ ]*)\s*$`, whose
 * repeats take more than linear time.
 */
function withFinalPeriod(text: string): string {
  const at = text.lastIndexOf(".");
  if (at < 1 || text[at - 1] === ".") return text;
  const [closing] = /^[\])}>"'»”’ ]*/.exec(text.slice(at + 1))!;
  const rest = text.slice(at + 1 + closing.length);
  return words(rest).length > 0 ? text : `${text.slice(0, at)} . ${closing} `;
}
