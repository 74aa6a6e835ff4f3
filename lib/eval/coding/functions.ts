/** Python functions run against published asserts: HumanEval, HumanEval-CN, MBPP. */
import type { Job } from "../../exec/executor.ts";
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { definesPython, extractCode } from "./extract.ts";
import { nothing, scoreOf } from "./verdict.ts";

/**
 * Wall time of a program in ms: twice HumanEval's official 3 s and OpenCompass's 10 s for MBPP, whose item 123 takes
 * a CPython that long. The embedded interpreter is 1.7 times slower and shares the machine.
 */
const HUMANEVAL_MS = 6000;
const MBPP_MS = 20_000;

/** A job under the official guard: the program, then its tests in the same names. */
export function guardedJob(program: string, check: string, timeoutMs: number): Job {
  return {
    language: "python",
    files: { "main.py": program },
    entry: "main.py",
    check,
    guard: true,
    timeoutMs,
  };
}

/** HumanEval's prompt: the task as a user turn, zero-shot. */
export function humanevalPrompt(doc: Doc): Message[] {
  return [{ role: "user", content: `Complete the following python code:\n${doc.prompt}` }];
}

/** The same in Chinese. */
export function humanevalCnPrompt(doc: Doc): Message[] {
  return [{ role: "user", content: `完成以下Python代码任务:\n${doc.prompt}` }];
}

/** The function that a HumanEval-style row asks for: the last one its prompt opens. */
export function entryPoint(doc: Doc): string {
  if (typeof doc.entry_point === "string") return doc.entry_point;
  return [...String(doc.prompt).matchAll(/^def[ \t]+(\w+)/gm)].at(-1)?.[1] ?? "";
}

/** `pass`: prompt + answer, then the tests. The prompt carries imports and helpers, and completes a bare body. */
export async function scoreHumaneval(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  return await scoreFunction(text, doc, {
    tools,
    check: `check(${entryPoint(doc)})`,
    task: "humaneval",
  });
}

/** The same; the tests of this file call themselves. */
export async function scoreHumanevalCn(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  return await scoreFunction(text, doc, { tools, check: "", task: "humaneval_cn" });
}

async function scoreFunction(
  text: string,
  doc: Doc,
  { tools, check, task }: { tools: ScoreTools; check: string; task: string },
): Promise<Score> {
  const code = extractCode(text, { language: "python", defines: definesPython(entryPoint(doc)) });
  if (code === undefined) return nothing("pass");
  // The Chinese file's prompts end without a line end.
  const prompt = String(doc.prompt).replace(/\n?$/, "\n");
  const job = guardedJob(`${prompt}${code}\n`, `${doc.test}\n${check}\n`, HUMANEVAL_MS);
  return scoreOf(await tools.code.run(job, { task }), { extracted: code });
}

/** MBPP's prompt: the task and its asserts, zero-shot (the usual shots belong to the 427 items). */
export function mbppPrompt(doc: Doc): Message[] {
  const question = doc.prompt ?? doc.text;
  const tests = (doc.test_list as string[]).join("\n");
  return [{
    role: "user",
    content: `${question}\nYour code should satisfy these tests:\n${tests}`,
  }];
}

/** `pass`: imports of the tests, the answer, then every assert. */
export async function scoreMbpp(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const code = extractCode(text, { language: "python" });
  if (code === undefined) return nothing("pass");
  const imports = doc.test_imports as string[] | undefined ?? [String(doc.test_setup_code ?? "")];
  const tests = (doc.test_list as string[]).join("\n");
  const job = guardedJob(`${imports.join("\n")}\n${code}\n`, tests, MBPP_MS);
  return scoreOf(await tools.code.run(job, { task: "mbpp" }), { extracted: code });
}
