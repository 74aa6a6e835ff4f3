/** Prompt wording that several sets share. */
import { optionLines } from "../choice/row.ts";

/** simple-evals' request to reason and to end with a line `ANSWER: $LETTER`. */
export function reasonThenLetter(question: string, options: readonly string[]): string {
  return `${lastLineRequest("ABCD")}\n\n${question}\n\n${optionLines(options, ") ")}`;
}

/** The request alone; `letters` says which letters are allowed. */
export function lastLineRequest(letters: string): string {
  return "Answer the following multiple choice question. The last line of your response should be " +
    "of the following format: 'ANSWER: $LETTER' (without quotes) where LETTER is one of " +
    `${letters}. Think step by step before answering.`;
}
