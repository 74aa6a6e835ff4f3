/** DROP (Dua et al., 2019). Default: simple-evals' substring match; beside it the official exact match and F1. */
import type { Row } from "../../data/source.ts";
import type { Message } from "../../records/record.ts";
import { bounded, isSpace, PUNCTUATION, strip, words } from "../choice/python_text.ts";
import { field } from "../choice/row.ts";
import { normalizedSpan, withoutArticles } from "../choice/span.ts";
import { pyFloatText } from "../../py_float.ts";
import { pyFloat } from "../math/text.ts";
import { bestAssignment } from "./assignment.ts";
import { DROP_EXAMPLES } from "./drop_examples.ts";
import type { Doc, Score } from "../task.ts";

/** `fuzzy`: one of prediction and reference is part of the other; `em` and `f1`: official. */
export function scoreDrop(text: string, doc: Doc): Score {
  const prediction = dropPrediction(bounded(text));
  const references = referencesOf(doc);
  const said = normalizedSpan(prediction);
  const hit = references.some((reference) => contained(said, normalizedSpan(reference)));
  return {
    metrics: {
      ...(references.length > 0 ? { fuzzy: hit ? 1 : 0 } : {}),
      ...officialDrop(prediction, doc),
    },
    extracted: strip(prediction) || null,
    ...(said === "" ? { unparsed: true } : {}),
  };
}

/** The rest of the line after the first `Answer:` in any case; the whole answer when there is none. */
export function dropPrediction(answer: string): string {
  for (const { 0: label, index } of answer.matchAll(/answer\s*:/gi)) {
    const after = index + label.length;
    let start = after;
    while (isSpace(answer, start)) start++;
    if (start < answer.length) return answer.slice(start).split("\n", 1)[0];
    // Nothing but blanks to the end: one that is no line break still counts as an answer.
    if (/[^\n]/.test(answer.slice(after))) return "";
  }
  return answer;
}

/** An empty side is part of an empty side alone. */
function contained(a: string, b: string): boolean {
  if (a === "" || b === "") return a === b;
  return a.includes(b) || b.includes(a);
}

/** The alternatives of `ref_text`, as they are or joined from the answers. */
function referencesOf(doc: Doc): string[] {
  if (typeof doc?.ref_text === "string") return doc.ref_text.split("|");
  const texts = answersOf(doc).map((answer) =>
    words((goldStrings(answer) ?? []).join(", ")).join(" ")
  );
  return [...new Set(texts.filter((text) => text !== ""))];
}

function answersOf(doc: Doc): Doc[] {
  const validated = Array.isArray(doc?.validated_answers) ? doc.validated_answers : [];
  return [doc?.answer, ...validated].filter((answer) =>
    answer !== null && typeof answer === "object"
  ) as Doc[];
}

/** A gold answer's strings: the number, else the spans, else the date as day, month and year. */
function goldStrings({ number, spans, date }: Doc): string[] | undefined {
  if (number) return [String(number)];
  if (Array.isArray(spans) && spans.length > 0) return spans.map(String);
  if (date === null || typeof date !== "object") return undefined;
  const { day = "", month = "", year = "" } = date as Doc;
  return [`${day} ${month} ${year}`];
}

/** The official metrics of a prediction of one or several spans, the best over all gold answers. */
export function officialDrop(
  prediction: string | readonly string[],
  doc: Doc,
): { em: number; f1: number } | Record<string, never> {
  const golds = answersOf(doc).map(goldStrings).filter((gold) => gold !== undefined);
  if (golds.length === 0) return {};
  const said = [prediction].flat().map(normalized);
  let [em, f1] = [0, 0];
  for (const gold of golds) {
    if (strip(gold[0]) === "") continue;
    const truth = gold.map(normalized);
    em = Math.max(em, sameSpans(said, truth) ? 1 : 0);
    f1 = Math.max(f1, alignedF1(said, truth));
  }
  return { em, f1 };
}

function sameSpans(a: readonly string[], b: readonly string[]): boolean {
  const left = new Set(a);
  const right = new Set(b);
  return a.length === b.length && left.size === right.size && [...left].every((x) => right.has(x));
}

/** Mean over the longer side of the F1 of spans paired for the largest sum, to two decimals. */
export function alignedF1(said: readonly string[], truth: readonly string[]): number {
  if (said.length === 0 || truth.length === 0) return 0;
  const [predicted, gold] = [said, truth].map((spans) => spans.map((span) => new Set(words(span))));
  const gain = gold.map((g) => predicted.map((p) => numbersMatch(g, p) ? bagF1(p, g) : 0));
  const scaled = 100 * bestAssignment(gain) / Math.max(said.length, truth.length);
  const below = Math.floor(scaled);
  // Halves go to the even side, as numpy rounds.
  const up = scaled - below > 0.5 || (scaled - below === 0.5 && below % 2 === 1);
  return (below + (up ? 1 : 0)) / 100;
}

/** Gold numbers, where there are any, must have one in common with the prediction. */
function numbersMatch(gold: ReadonlySet<string>, said: ReadonlySet<string>): boolean {
  const numbers = [...gold].filter((word) => pyFloat(word) !== undefined);
  return numbers.length === 0 || numbers.some((word) => said.has(word));
}

/** F1 of two sets of words; an empty prediction is precise, an empty gold fully recalled. */
function bagF1(said: ReadonlySet<string>, gold: ReadonlySet<string>): number {
  let same = 0;
  for (const word of gold) if (said.has(word)) same++;
  const precision = said.size === 0 ? 1 : same / said.size;
  const recall = gold.size === 0 ? 1 : same / gold.size;
  return precision + recall === 0 ? 0 : 2 * precision * recall / (precision + recall);
}

/** Words split at blanks and hyphens; numbers as Python prints floats, others without punctuation. */
function normalized(span: string): string {
  return span.split(/[ -]/).map((token) => {
    const lower = token.toLowerCase();
    const plain = pyFloat(lower) === undefined ? lower.replace(PUNCTUATION, "") : lower;
    const value = pyFloat(plain);
    return withoutArticles(value === undefined ? plain : pyFloatText(value));
  }).filter((word) => word !== "").join(" ");
}

/** Three solved passages without reasoning, then the passage, and a request to reason. */
export function promptDrop(doc: Doc): Message[] {
  const asked = field(doc, "context") ||
    `Passage: ${field(doc, "passage")}\nQuestion: ${field(doc, "question")}\nAnswer:`;
  const content =
    "You will be asked to read a passage and answer a question. Some examples of passages and Q&A are " +
    `provided below.\n\n# Examples\n${DROP_EXAMPLES}\n# Your Task\n\n---\n${asked}\n\n` +
    'Think step by step, then write a line of the form "Answer: $ANSWER" at the end of your response.';
  return [{ role: "user", content }];
}

/** What is asked for: a number, a span, several or a date. */
export function dropKind({ answer }: Doc): string {
  if (answer === null || typeof answer !== "object") return "unknown";
  const { number, spans } = answer as Doc;
  if (number) return "number";
  if (!Array.isArray(spans) || spans.length === 0) return "date";
  return spans.length === 1 ? "span" : "spans";
}

/** The questions of a passage in the official file, whose key is in `_key`; a line of simple-evals' file. */
export function* dropDocs(row: Row): Generator<Doc> {
  if (typeof row.context === "string") yield row;
  const { _key, passage, qa_pairs } = row;
  for (const qa of (qa_pairs ?? []) as Doc[]) {
    const doc = { passage_id: _key, passage, validated_answers: [], ...qa };
    yield { ...doc, ref_text: referencesOf(doc).join("|") };
  }
}
