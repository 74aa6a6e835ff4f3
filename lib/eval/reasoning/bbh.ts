/** BIG-Bench Hard (Suzgun et al., 2022). Default: OpenCompass's 3-shot rule; beside it the paper's exact match. */
import type { Message } from "../../records/record.ts";
import { bounded, strip, words } from "../choice/python_text.ts";
import { field, type PromptOptions } from "../choice/row.ts";
import { stripEnd } from "../math/text.ts";
import { BBH_CHOICE_TASKS } from "./bbh_tasks.ts";
import type { Doc, Score } from "../task.ts";

/** `opencompass`: by the task's kind, option or free form; `paper_exact`: what follows "the answer is". */
export function scoreBbh(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const target = field(doc, "target");
  if (target === "") return { metrics: {} };
  const choice = BBH_CHOICE_TASKS.has(field(doc, "task"));
  const read = choice ? bbhOption : bbhFreeForm;
  const said = read(answer);
  const right = choice ? said === read(target) : folded(said) === folded(read(target));
  const exact = stripEnd(strip(answer.split("the answer is").at(-1)!), ".") === target;
  return {
    metrics: { opencompass: right ? 1 : 0, paper_exact: exact ? 1 : 0 },
    extracted: said || null,
    ...(said === "" ? { unparsed: true } : {}),
  };
}

/** Between the first two "answer is ": the first bracketed capital, else the first capital, else all. */
function bbhOption(text: string): string {
  const parts = text.split("answer is ");
  const said = parts.length > 1 ? strip(parts[1]) : text;
  return (/\(([A-Z])/.exec(said) ?? /([A-Z])/.exec(said))?.[1] ?? said;
}

const YES_OR_NO = /^(?:yes|no|true|false)(?![\p{L}\p{N}_])/iu;

/** The first line after the last "answer is", without full stop and bold; yes, no, true, false alone. */
function bbhFreeForm(text: string): string {
  const at = [...text.matchAll(/answer is/gi)].at(-1);
  const rest = at ? strip(strip(text.slice(at.index + at[0].length)).replace(/^:/, "")) : text;
  let said = strip(rest.split("\n", 1)[0]);
  if (said.endsWith(".")) said = strip(said.slice(0, -1));
  const bold = /\*\*([^]*?)\*\*/.exec(said);
  if (bold) said = strip(bold[1]);
  const word = YES_OR_NO.exec(said)?.[0];
  if (word) return word[0].toUpperCase() + word.slice(1).toLowerCase();
  const line = words(said).join(" ");
  // Commas are kept where one parts digits.
  return /\p{Nd} ?, ?\p{Nd}/u.test(line) ? line : words(line.replaceAll(",", " ")).join(" ");
}

/** `str.casefold()`, near enough: "ß" and "SS" are the same. */
export function folded(text: string): string {
  return text.toUpperCase().toLowerCase();
}

/** The task's solved examples and the question; without them OpenCompass's 0-shot form. */
export function promptBbh(doc: Doc, { shots = [] }: PromptOptions = {}): Message[] {
  const input = field(doc, "input");
  const solved = field(shots[0], "cot_prompt");
  const content = solved === ""
    ? `Question: ${input}\n You must give your final answer by starting with 'So the answer is' `
    : `Follow the given examples and answer the question.\n${solved}\n\n` +
      `Q: ${input}\nA: Let's think step by step.`;
  return [{ role: "user", content }];
}

/** A file of solved examples without its two lines on contamination. */
export function cotPrompt(text: string): string {
  return text.split("\n").slice(2).join("\n");
}
