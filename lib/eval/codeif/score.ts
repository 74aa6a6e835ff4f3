/** CodeIF-Bench's function tasks by the first turn alone (Wang et al., 2025): the official script's "way 1". */
import type { Verdict } from "../../exec/executor.ts";
import type { RunOptions } from "../../exec/executors.ts";
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

/** Asserts of a row: a list of texts, or one text. */
export function asserts(tests: unknown): string[] {
  return [tests ?? []].flat().map(String);
}

/** Runs the program, then the asserts in its names. */
export function runCodeif(
  program: string,
  { tests, tools, system }: {
    tests: readonly string[];
    tools: ScoreTools;
    system?: RunOptions["system"];
  },
): Promise<Verdict> {
  return tools.code.run({
    language: "python",
    // The runner compiles the entry as the file "program": some asserts read a function's source from there.
    files: { "main.py": program, program },
    entry: "main.py",
    check: tests.join("\n"),
    libraries: system !== undefined,
    timeoutMs: TIME_MS,
  }, { system, task: "codeif_bench" });
}

/** `passed`: the program, then the row's asserts. */
export async function scoreCodeif(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  if (text.trim() === "") return nothing("passed");
  const program = codeifProgram(text);
  const verdict = await runCodeif(program, { tests: asserts(doc.test), tools });
  return scoreOf(verdict, { metric: "passed", extracted: program });
}
