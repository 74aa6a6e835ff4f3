/** GAOKAO-Bench (Zhang et al., 2023): objective files as in OpenCompass, official points beside them. */
import type { Message } from "../../records/record.ts";
import { bounded, isSpace, pythonPattern, withoutSpaces } from "../choice/python_text.ts";
import { field, listField } from "../choice/row.ts";
import { GAOKAO_FILES } from "./gaokao_files.ts";
import type { Doc, Score } from "../task.ts";

const MARK = "【答案】";
const MARKED = pythonPattern(`${MARK}\\s*(?:[:：]+\\s*)?([A-Z])`, { global: true });

/** Official points of a physics question: all letters right, or some of them and none wrong. */
const PHYSICS_FULL = 6;
const PHYSICS_PART = 3;

/**
 * `score`: share of the row's sub-questions, 0..100; `points` of `max_points`: official marks. A row of kind
 * `judge_reply` instead reads a marker's reply: `judge_score`, absent unless exactly one valid mark stands in it.
 */
export function scoreGaokaoBench(text: string, doc: Doc): Score {
  const answer = bounded(text);
  if (doc?.kind === "judge_reply") return judged(answer, Number(field(doc, "score")));
  const type = questionType(doc);
  const gold = goldOf(doc, type);
  const extract = Object.hasOwn(EXTRACTORS, type) ? EXTRACTORS[type] : undefined;
  if (gold.length === 0 || !extract) return { metrics: {} };
  const found = extract(answer, gold.length);
  const marks = found.length === gold.length
    ? gold.map((key, i) => markOf(found[i], key, type))
    : gold.map(() => 0);
  const share = marks.reduce<number>((sum, mark) => sum + mark, 0) / gold.length;
  const worth = Number(field(doc, "score")) || 0;
  return {
    metrics: { score: share * 100, ...points(marks, { type, worth }) },
    extracted: found.length > 0 ? found.join(" ") : null,
    ...(found.length === 0 ? { unparsed: true } : {}),
  };
}

/** What each type of question reads from an answer to `count` sub-questions. */
const EXTRACTORS: Readonly<Record<string, (text: string, count: number) => string[]>> = {
  single_choice: (text) => text.match(/[A-D]/g)?.slice(-1) ?? [],
  multi_question_choice: (text, count) => {
    const marked = [...text.matchAll(MARKED)].map((match) => match[1]);
    return marked.length === count ? marked : (text.match(/[A-Z]/g) ?? []).slice(0, count);
  },
  multi_choice: (text) => {
    const dense = withoutSpaces(text);
    const at = dense.indexOf(MARK);
    // A mark at the very beginning counts as none, as published.
    const part = at > 0 ? dense.slice(at) : [...dense.slice(-20)].slice(-10).join("");
    const letters = (part.match(/[A-D]/g) ?? []).join("");
    return letters === "" ? [] : [letters];
  },
  five_out_of_seven: (text) => (text.match(/[A-G]/g) ?? []).slice(0, 5),
};

/** 1 for the key itself; half where several letters are asked for and only right ones are given. */
function markOf(found: string, key: string, type: string): number {
  if (found === key) return 1;
  return type === "multi_choice" && [...found].every((letter) => key.includes(letter)) ? 0.5 : 0;
}

function points(
  marks: readonly number[],
  { type, worth }: { type: string; worth: number },
): Record<string, number> {
  const full = type === "multi_choice" ? PHYSICS_FULL : worth;
  const part = type === "multi_choice" ? PHYSICS_PART : 0;
  const earned = marks.map((mark) => mark === 1 ? full : mark > 0 ? part : 0);
  return {
    points: earned.reduce((sum, each) => sum + each, 0),
    max_points: worth * marks.length,
  };
}

/** Stated type, else the type of the file that the row came from. */
function questionType(doc: Doc): string {
  return field(doc, "question_type") || (fileOf(doc)?.type ?? "");
}

function fileOf(doc: Doc) {
  const name = field(doc, "keyword", "keywords");
  return Object.hasOwn(GAOKAO_FILES, name) ? GAOKAO_FILES[name] : undefined;
}

/** One key per sub-question; data files say `answer`, result files `standard_answer`. */
function goldOf(doc: Doc, type: string): string[] {
  const list = listField(doc, "answer", "standard_answer");
  if (list) return list;
  const key = field(doc, "answer", "standard_answer");
  return type === "multi_choice" && key !== "" ? [key] : [...key];
}

const TOTAL = "【总分】";
const MARK_OF = "(\\d+(?:\\.\\d*)?)\\s*分";
const SUM = pythonPattern(`=\\s*${MARK_OF}`, { global: true });
const ALONE = pythonPattern(`${TOTAL}\\s*${MARK_OF}`, { global: true });

/** A marker's reply: `【总分】7.5分` or `【总分】3+4.5=7.5分`, once and not above full marks. */
function judged(reply: string, full: number): Score {
  const marks = marksIn(reply);
  if (marks.length !== 1 || !(marks[0] <= full)) return { metrics: {}, unparsed: true };
  return { metrics: { judge_score: marks[0] }, extracted: String(marks[0]) };
}

/** Every mark: after the last `=` with a mark on the line where text follows 【总分】, else right after it. */
function marksIn(reply: string): number[] {
  const sums = [...reply.matchAll(SUM)];
  const alone = new Map([...reply.matchAll(ALONE)].map((match) => [match.index, match]));
  const marks: number[] = [];
  let lineEnd = -1;
  let passed = 0;
  let at = reply.indexOf(TOTAL);
  while (at >= 0) {
    let start = at + TOTAL.length;
    while (isSpace(reply, start)) start++;
    if (lineEnd < start) lineEnd = (reply.indexOf("\n", start) + 1 || reply.length + 1) - 1;
    while (passed < sums.length && sums[passed].index < lineEnd) passed++;
    const sum = passed > 0 && sums[passed - 1].index >= start ? sums[passed - 1] : undefined;
    const match = sum ?? alone.get(at);
    if (match) marks.push(Number(match[1].normalize("NFKC")));
    at = reply.indexOf(TOTAL, match ? match.index + match[0].length : start);
  }
  return marks;
}

/** The file's fixed instruction and the question. */
export function promptGaokaoBench(doc: Doc): Message[] {
  const content = `${fileOf(doc)?.instruction ?? ""}${field(doc, "question")}`;
  return [{ role: "user", content }];
}
