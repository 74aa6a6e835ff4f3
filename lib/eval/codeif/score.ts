/** CodeIF-Bench's function tasks by the first turn alone (Wang et al., 2025): the official script's "way 1". */
import type { Message } from "../../records/record.ts";
import { nothing, scoreOf } from "../coding/verdict.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";

/** Longest part of an answer that is looked at. */
const MAX_ANSWER = 200_000;
/** Wall time in ms: twice the official limit, for an interpreter that starts and runs slower. */
const TIME_MS = 6000;

/** The task as the only user turn. */
export function codeifPrompt(doc: Doc): Message[] {
  const content = `You are an expert Python programmer, and here is your task: ${doc.prompt}`;
  return [{ role: "user", content }];
}

/** The first block that opens with "```python" and a line end and is closed; else the whole text. */
export function codeifProgram(answer: string): string {
  const text = answer.slice(0, MAX_ANSWER);
  const opening = /```python\r?\n/.exec(text);
  const start = opening ? opening.index + opening[0].length : 0;
  const end = opening ? text.indexOf("```", start) : -1;
  return end < 0 ? text : text.slice(start, end);
}

/** `passed`: the program, then the row's asserts. */
export async function scoreCodeif(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  if (text.trim() === "") return nothing("passed");
  const program = codeifProgram(text);
  const tests = Array.isArray(doc.test) ? doc.test.map(String) : [];
  const verdict = await tools.code.run({
    language: "python",
    files: { "main.py": program },
    entry: "main.py",
    check: tests.join("\n"),
    timeoutMs: TIME_MS,
  }, { task: "codeif_bench" });
  return scoreOf(verdict, { metric: "passed", extracted: program });
}
