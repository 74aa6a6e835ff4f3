/** C-Eval (Huang et al., 2023). Default: OpenCompass on val, 5-shot from dev, first capital letter. */
import type { Message } from "../../records/record.ts";
import { firstOption } from "../choice/first_option.ts";
import { between, firstCapital } from "../choice/letters.ts";
import { bounded, PUNCTUATION, pythonPattern, strip, words } from "../choice/python_text.ts";
import {
  field,
  letterOf,
  optionLines,
  optionsOf,
  type PromptOptions,
  scoreLetters,
} from "../choice/row.ts";
import { CEVAL_SUBJECTS } from "./subjects.ts";
import type { Doc, Score } from "../task.ts";

/** Cues of the official zero-shot evaluator, in its order. */
const CUES = [
  "^选",
  "^选项",
  ..."答案是 答案为 答案应为 答案选 答案是: 答案应该是:".split(" ").map(withOption),
  "正确的一项是\\s?",
  ..."答案为: 答案应为: 答案: 答案是： 答案应该是： 答案为： 答案应为： 答案：".split(" ").map(
    withOption,
  ),
].map((cue) => pythonPattern(`${cue}([A-D])`, { global: true }));

function withOption(cue: string): string {
  return `${cue}\\s?选?项?\\s?`;
}

/**
 * `acc` by the first capital, `acc_first_option` by OpenCompass's zero-shot rule, and the official evaluator's
 * three modes: the whole reply (few-shot), the last hit of the first cue (zero-shot), the last closed
 * statement (with reasoning).
 */
export function scoreCeval(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const reply = strip(answer);
  const gold = letterOf(doc?.answer);
  const matches = (said: string | undefined) =>
    said !== undefined && said !== "" && normalized(said) === normalized(gold) ? gold : "";
  const scored = scoreLetters(gold, {
    acc: firstCapital(answer),
    acc_first_option: firstOption(answer, "ABCD"),
    acc_official_zero_shot: zeroShot(reply),
    acc_official_few_shot: matches(reply),
    acc_official_cot: matches(lastStatement(answer)),
  });
  // A capital that is no option ("IP 在网络层…") is no answer.
  const { extracted } = scored;
  return typeof extracted === "string" && !"ABCD".includes(extracted)
    ? { ...scored, unparsed: true }
    : scored;
}

function zeroShot(reply: string): string {
  if (/^[ABCD]/.test(reply)) return reply[0];
  for (const cue of CUES) {
    const last = [...reply.matchAll(cue)].at(-1);
    if (last) return last[1];
  }
  return "";
}

/** The last 答案是…。, else the last 答案为…。, else the last 选项…是正确的。 */
function lastStatement(text: string): string | undefined {
  const frames = [["答案是", "。"], ["答案为", "。"], ["选项", "是正确的。"]];
  for (const [head, tail] of frames) {
    const last = [...between(text, head, tail)].at(-1);
    if (last !== undefined) return last;
  }
  return undefined;
}

function normalized(text: string): string {
  return words(text.toLowerCase().replace(PUNCTUATION, "")).join(" ");
}

/** Few-shot turns and the question; without shots the wording that asks for reasoning. */
export function promptCeval(doc: Doc, { shots = [] }: PromptOptions = {}): Message[] {
  const subject = CEVAL_SUBJECTS[field(doc, "subject")] ?? field(doc, "subject");
  const reasoning = shots.length === 0 ? "让我们一步一步思考。" : "";
  const ask = (row: Doc): Message => ({
    role: "user",
    content: `以下是中国关于${subject}考试的单项选择题，请选出其中的正确答案。\n` +
      `${field(row, "question")}\n${optionLines(optionsOf(row), ". ")}\n${reasoning}答案: `,
  });
  return [
    ...shots.flatMap((row) => [ask(row), { role: "assistant", content: letterOf(row?.answer) }]),
    ask(doc),
  ];
}
