/** BigCodeBench: functions that use libraries, judged by unit tests (Zhuo et al., 2024). */
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { answerText, definesPython, escaped, extractCode } from "./extract.ts";
import { runUnitTests } from "./unittests.ts";
import { nothing } from "./verdict.ts";

/** The official evaluator's default, and its second of grace. */
const LIMIT_MS = 241_000;

/** The `instruct` form between the official instruction and response lines, all in the user's turn. */
export function bigcodebenchPrompt(doc: Doc): Message[] {
  const content =
    `Please provide a self-contained Python script that solves the following problem in a markdown code block:\n\`\`\`\n${doc.instruct_prompt}\`\`\`\n Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:\n\`\`\`python\n`;
  return [{ role: "user", content }];
}

/** `pass`: calibrated, the prompt's imports and an empty function stand before the answer. */
export async function scoreBigcodebench(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const entry = String(doc.entry_point);
  const code = continued(text, entry) ??
    extractCode(text, { language: "python", defines: definesPython(entry) });
  if (code === undefined) return nothing("pass");
  const { score } = await runUnitTests({
    language: "python",
    files: { "main.py": `${doc.code_prompt}\n    pass\n${code}\n` },
    entry: "main.py",
    libraries: true,
    processes: 256,
    // 30 GB as in the official evaluator: what counts is address space, and numeric libraries reserve much.
    memoryMb: 30 * 1024,
    timeoutMs: LIMIT_MS,
  }, {
    tools,
    task: "bigcodebench_full",
    system: "require",
    data: { test: doc.test, libraries: libraries(doc) },
  });
  return { ...score, extracted: code };
}

/** Code up to the end of the fence that the prompt has opened, where the answer goes on in it. */
function continued(text: string, entry: string): string | undefined {
  const [head, ...rest] = answerText(text).split(/^[ \t]*```[ \t]*$/m);
  const defines = new RegExp(`^def\\s+${escaped(entry)}\\s*\\(`, "m");
  return rest.length > 0 && !head.includes("```") && defines.test(head) ? head : undefined;
}

/** The libraries that a row names: a Python list written as text. */
function libraries(doc: Doc): string[] {
  const listed = [...String(doc.libs ?? "").matchAll(/['"]([\w.]+)['"]/g)];
  return listed.map(([, name]) => name.split(".")[0]);
}
