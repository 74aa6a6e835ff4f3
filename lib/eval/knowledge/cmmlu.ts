/** CMMLU (Li et al., 2023). Default: OpenCompass, 0-shot reasoning in Chinese. */
import type { Message } from "../../records/record.ts";
import { firstOption } from "../choice/first_option.ts";
import { firstCapital } from "../choice/letters.ts";
import { bounded, pythonPattern } from "../choice/python_text.ts";
import {
  field,
  letterOf,
  optionLines,
  optionsOf,
  type PromptOptions,
  scoreLetters,
} from "../choice/row.ts";
import { CMMLU_SUBJECTS } from "./subjects.ts";
import type { Doc, Score } from "../task.ts";

/** An ASCII colon alone; 答案：B is missed, as published. */
const LABELLED = pythonPattern("答案\\s*:\\W*([A-D])", { ignoreCase: true });

/** Cues of the official script, in its order; `L` is the letter. */
const CUES = [
  "答案(?:选项)?[是为]：? ?L",
  "答案[是为]选项 ?L",
  "故?选择?：? ?L",
  "L ?选?项[是为]?正确",
  "正确的?选项[是为] ?L",
  "答案(?:应该)?[是为]L",
  "选项 ?L ?[是为]?正确",
  "选择答案 ?L",
  "答案?：?L",
  "L(?:选?项)?是?符合题意",
  "答案选项：? ?L",
].map((cue) => pythonPattern(cue.replace("L", "([ABCD])")));

const SAID_LATER = /答案(?:选项)?为/g;
const WEAK = pythonPattern("[^不]是：? ?([ABCD])");

/**
 * `acc` by the default pattern; `acc_first_capital` and `acc_first_option` by OpenCompass's other two;
 * `acc_official` by the repository's cascade. Where the cascade would guess it is 0 and the answer unparsed.
 */
export function scoreCmmlu(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const official = officialChoice(answer);
  const scored = scoreLetters(letterOf(doc?.Answer ?? doc?.answer), {
    acc: LABELLED.exec(answer)?.[1] ?? "",
    acc_first_capital: firstCapital(answer),
    acc_first_option: firstOption(answer, "ABCD"),
    acc_official: official,
  });
  return official === null && "acc" in scored.metrics ? { ...scored, unparsed: true } : scored;
}

/** The official cascade; null where it draws a letter (or stumbles over an empty answer). */
function officialChoice(text: string): string | null {
  if (/^[ABCD]/.test(text)) return text[0];
  for (const cue of CUES) {
    const found = cue.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  return letterAfter(text) ?? lastBefore(text, "当选") ?? lastBefore(text, "正确") ??
    WEAK.exec(text)?.[1] ?? onlyLetter(text);
}

/** The first letter on the same line after 答案为 or 答案选项为. */
function letterAfter(text: string): string | undefined {
  for (const line of text.split("\n")) {
    SAID_LATER.lastIndex = 0;
    if (!SAID_LATER.test(line)) continue;
    const found = /[ABCD]/.exec(line.slice(SAID_LATER.lastIndex));
    if (found) return found[0];
  }
  return undefined;
}

/** On the first line that has a letter and `word` after it: the last letter before that `word`. */
function lastBefore(text: string, word: string): string | undefined {
  for (const line of text.split("\n")) {
    const first = line.search(/[ABCD]/);
    const end = first < 0 ? -1 : line.indexOf(word, first + 1);
    if (end > 0) return line.slice(first, end).match(/[ABCD]/g)!.at(-1);
  }
  return undefined;
}

function onlyLetter(text: string): string | null {
  const letters = text.match(/[ABCD]/g) ?? [];
  return letters.length === 1 ? letters[0] : null;
}

/** The question for an answer with reasoning; with shots the direct few-shot form. */
export function promptCmmlu(doc: Doc, { shots = [] }: PromptOptions = {}): Message[] {
  const subject = CMMLU_SUBJECTS[field(doc, "subject")] ?? field(doc, "subject");
  const question = (row: Doc) => field(row, "Question", "question");
  if (shots.length === 0) {
    const request = `请回答以下关于${subject}的单项选择题, ` +
      "你回答的最后一行**必须**是以下格式 '答案: $选项' (不带引号), 其中选项是ABCD之一. 请在回答之前一步步思考.";
    const content = `${request}\n\n${question(doc)}\n\n${optionLines(optionsOf(doc), ") ")}`;
    return [{ role: "user", content }];
  }
  const ask = (row: Doc): Message => ({
    role: "user",
    content: `以下是关于${subject}的单项选择题，请直接给出正确答案的选项。\n` +
      `题目：${question(row)}\n${optionLines(optionsOf(row), ". ")}`,
  });
  const answer = (row: Doc) => `答案是: ${letterOf(row?.Answer ?? row?.answer)}`;
  return [
    ...shots.flatMap((row) => [ask(row), { role: "assistant", content: answer(row) }]),
    ask(doc),
  ];
}
