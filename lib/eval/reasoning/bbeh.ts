/** BIG-Bench Extra Hard (Kazemi et al., 2025). Default: its own scorer; beside it OpenCompass's. */
import type { Message } from "../../records/record.ts";
import { bounded, strip } from "../choice/python_text.ts";
import { field } from "../choice/row.ts";
import { pyFloat, stripSet } from "../math/text.ts";
import type { Doc, PartScore, Score } from "../task.ts";
import { BBEH_CHOICE_TASKS } from "./bbh_tasks.ts";
import { unwrapped } from "./markup.ts";

/** `correct`: the official fuzzy match; `opencompass`: its variant. */
export function scoreBbeh(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const target = field(doc, "target");
  if (target === "") return { metrics: {} };
  const said = bbehPrediction(answer);
  const right = fuzzyMatch(said, strip(target).toLowerCase().replaceAll(", ", ","));
  const choice = BBEH_CHOICE_TASKS.has(field(doc, "task"));
  return {
    metrics: {
      correct: right ? 1 : 0,
      opencompass: openCompassMatch(answer, target, choice) ? 1 : 0,
    },
    extracted: said || null,
    ...(said === "" ? { unparsed: true } : {}),
  };
}

/** In the published order, in which they chain. */
const PREFIXES = [
  "The answer is:",
  "The final answer is ",
  "The final answer is: ",
  "The answer is ",
];

/** What the official scorer compares: after the last prefix, without LaTeX wrappers, the first line. */
export function bbehPrediction(text: string): string {
  let said = strip(text);
  for (const prefix of PREFIXES) {
    if (said.includes(prefix)) said = strip(said.split(prefix).at(-1)!);
  }
  const plain = withoutLatex(withoutStop(said)).toLowerCase();
  return withoutStop(plain.replaceAll(", ", ",").replaceAll("**", "").split("\n", 1)[0]);
}

function withoutStop(text: string): string {
  return text.endsWith(".") ? text.slice(0, -1) : text;
}

/** Dollar signs, then wrappers that end the text. */
function withoutLatex(text: string): string {
  let inner = text.startsWith("$") && text.endsWith("$") ? text.slice(1, -1) : text;
  for (const wrapper of ["boxed{", "text{", "texttt{"]) {
    if (inner.includes(wrapper) && inner.endsWith("}")) {
      inner = inner.slice(0, -1).split(wrapper)[1];
    }
  }
  return inner;
}

function fuzzyMatch(said: string, reference: string): boolean {
  if (said === reference) return true;
  // A bracketed character is compared with the other side's letter, and nothing else counts then.
  const [inSaid, inReference] = [bracketed(said), bracketed(reference)];
  if (inSaid !== undefined) return inSaid === reference;
  if (inReference !== undefined) return inReference === said;
  const [x, y] = [pyFloat(said), pyFloat(reference)];
  return (x !== undefined && x === y) ||
    said.replaceAll("'", "") === reference.replaceAll("'", "") ||
    `[${reference}]` === said || `[${said}]` === reference ||
    (said.endsWith("?") && said.slice(0, -1) === reference);
}

/** x of a text that is `(x)`. */
function bracketed(text: string): string | undefined {
  return /^\(([^])\)$/u.exec(text)?.[1];
}

const OPENCOMPASS_PREFIXES = [
  "The answer is: ",
  "The answer is ",
  "The final answer is: ",
  "The final answer is ",
];

/** The option rule on both sides, then equality or, for free form, some tolerance of markup. */
function openCompassMatch(answer: string, target: string, choice: boolean): boolean {
  const [said, reference] = [answer, target].map(openCompassOption);
  if (choice) return openCompassOption(said) === stripSet(reference, "()");
  const plain = strip(withoutMarkup(said));
  if (plain === reference || plain === stripSet(reference, "'\"()[]")) return true;
  return reference.includes(",") && tightCommas(plain) === tightCommas(reference);
}

function openCompassOption(text: string): string {
  const prefix = OPENCOMPASS_PREFIXES.find((each) => text.includes(each));
  const said = prefix === undefined ? text : text.split(prefix).at(-1)!;
  return strip(stripSet(said, "()").split("\n", 1)[0]).toLowerCase();
}

function withoutMarkup(line: string): string {
  return unwrapped(unwrapped(line, "boxed"), "text(?:tt)?").replace(/\*\*([^]*?)\*\*/g, "$1");
}

function tightCommas(text: string): string {
  return text.split(",").map(strip).join(",");
}

/**
 * The official mean over tasks: harmonic, of each task's percentage plus 1, so that a task without a hit
 * does not make it 0. On 0..1.
 */
export function adjustedHarmonic(parts: ReadonlyMap<string, PartScore>): number {
  let sum = 0;
  for (const { score } of parts.values()) sum += 1 / (100 * score + 1);
  return Math.min(1, parts.size / sum / 100);
}

/** An instruction on the form of the answer, and the question. */
export function promptBbeh(doc: Doc): Message[] {
  const content =
    "Think step by step, and when you provide the final answer, please use the prefix " +
    '"The answer is:"without any modification, and provide the answer directly, with no formatting, no ' +
    'bolding, and no markup. For instance: "The answer is: 42" or "The answer is: yes". If the question ' +
    "is multiple choice with a single correct answer, the final answer must only be the letter " +
    'corresponding to the correct answer. For example, "The answer is: (a)"\n\n' +
    `Q: ${field(doc, "input")}\nA: `;
  return [{ role: "user", content }];
}
