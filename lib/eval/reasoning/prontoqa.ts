/** PrOntoQA (Saparov and He, 2023) in Logic-LM's multiple-choice form. Default: this project's rule for chat. */
import type { Row } from "../../data/source.ts";
import type { Message } from "../../records/record.ts";
import { bounded, isSpace, strip } from "../choice/python_text.ts";
import { field, listField } from "../choice/row.ts";
import { unwrapped } from "./markup.ts";
import { PRONTOQA_SHOTS } from "./prontoqa_shots.ts";
import type { Doc, Score } from "../task.ts";

/** `chat`: the last stated option; `logic_lm`: Logic-LM's rule; `prontoqa_label_acc`: the generator's. */
export function scoreProntoqa(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const gold = strip(field(doc, "answer").replace(/[()]/g, ""));
  const letter = { True: "A", False: "B" }[gold] ?? gold;
  if (letter === "") return { metrics: {} };
  const chat = chatChoice(answer);
  return {
    metrics: {
      chat: chat === letter ? 1 : 0,
      logic_lm: logicLmChoice(answer) === letter ? 1 : 0,
      prontoqa_label_acc: labelLetter(prontoqaLabel(answer)) === letter ? 1 : 0,
    },
    extracted: chat ?? null,
    ...(chat === undefined ? { unparsed: true } : {}),
  };
}

const KEYWORD =
  /(?:answer|option|choice|statement|conclusion)(?:\s+is)?(?:\s*:)?\s*\(?(A|B|true|false)(?![\p{L}\p{N}_])/giu;
const WORD = /(?<![\p{L}\p{N}_])(true|false)(?![\p{L}\p{N}_])/giu;
const LETTER = /(?<![\p{L}\p{N}_])([AB])(?=[).:\s]|$)/gu;

/** The last option after a keyword, else the last true or false, else the last A or B that stands alone. */
function chatChoice(answer: string): "A" | "B" | undefined {
  const plain = unwrapped(answer, "boxed").replace(/[*$]/g, "");
  for (const pattern of [KEYWORD, WORD, LETTER]) {
    // Small letters are articles, not options.
    const said = [...plain.matchAll(pattern)].map(([, word]) => word).filter((word) =>
      word !== "a" && word !== "b"
    ).at(-1);
    if (said) return said === "A" || said.toLowerCase() === "true" ? "A" : "B";
  }
  return undefined;
}

const INDICATORS = [
  "the correct option is",
  "the correct answer is",
  "The correct answer is",
  "The correct option is",
  "Thus, the answer is",
];

/** The letter that begins what follows the last label, else what follows the first indicator found. */
export function logicLmChoice(answer: string): string | undefined {
  const said = strip(answer.split("The correct option is:").at(-1)!);
  const indicator = INDICATORS.find((each) => said.includes(each));
  return openingLetter(said) ??
    (indicator === undefined ? undefined : openingLetter(strip(said.split(indicator)[1])));
}

function openingLetter(text: string): string | undefined {
  return /^[A-H]/.exec(text)?.[0];
}

const LABELS = {
  A: ["true", "t", "yes", "y", "correct", "right"],
  B: ["false", "f", "no", "n", "incorrect", "wrong"],
};

function labelLetter(label: string): string | undefined {
  return Object.entries(LABELS).find(([, words]) => words.includes(label))?.[0];
}

/** The last word before any next question, in lower case; "" after a sentence that is no label. */
export function prontoqaLabel(answer: string): string {
  const own = answer.split("Q:", 1)[0];
  let end = own.length;
  while (end > 0 && isSpace(own, end - 1)) end--;
  const text = own.slice(0, end);
  const blank = text.lastIndexOf(" ");
  const stop = text.lastIndexOf(".");
  const before = stop > blank && blank >= 0 ? strip(text.slice(blank, stop)).toLowerCase() : "";
  const start = stop > blank && labelLetter(before) === undefined ? stop + 1 : blank;
  return text.slice(start + 1).toLowerCase();
}

/** Logic-LM's two solved problems and the problem. */
export function promptProntoqa(doc: Doc): Message[] {
  const options = (listField(doc, "options") ?? []).map(strip).join("\n");
  const content = `${PRONTOQA_SHOTS}\n------\nContext:\n${strip(field(doc, "context"))}\n\n` +
    `Question: ${strip(field(doc, "question"))}\n\nOptions:\n${options}\n\nReasoning:`;
  return [{ role: "user", content }];
}

/** A row of Logic-LM's file as it is, or one of the generator's in that form. */
export function prontoqaDoc(row: Row): Doc {
  const test = row.test_example as Doc | undefined;
  if (!test) return row;
  return {
    id: row._key,
    context: test.question,
    question: field(test, "query").replace(
      /^True or false:/,
      "Is the following statement true or false?",
    ),
    options: ["A) True", "B) False"],
    answer: test.answer === "True" ? "A" : "B",
    explanation: test.chain_of_thought,
  };
}
