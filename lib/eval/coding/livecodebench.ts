/** LiveCodeBench, code generation: contest problems with hidden tests (Jain et al., 2024). */
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { answerText } from "./extract.ts";
import { sameLines, sameValue } from "./outputs.ts";
import { unpickledString } from "./pickle.ts";
import driver from "./python/livecodebench.py" with { type: "text" };
import { nothing, scoreOf } from "./verdict.ts";

/** Official: 6 s a test, (6 + 1) s for each and 5 s more in all. */
const STEP_MS = 6000;

/** Longest decompressed private tests. */
const MAX_TESTS = 1 << 29;

const SYSTEM =
  "You are an expert Python programmer. You will be given a question (problem specification) and will generate a correct Python program that matches the specification and passes all tests.";
const WITH_STARTER =
  "You will use the following starter code to write the solution to the problem and enclose your code within delimiters.";
const FROM_STDIN =
  "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample inputs). Enclose your code within delimiters as follows. Ensure that when the python program runs, it reads the inputs, runs the algorithm and writes output to STDOUT.";

/** The official chat form. */
export function livecodebenchPrompt(doc: Doc): Message[] {
  const starter = String(doc.starter_code ?? "");
  const content = `### Question:\n${doc.question_content}\n\n### Format: ${
    starter ? WITH_STARTER : FROM_STDIN
  }\n\`\`\`python\n${
    starter || "# YOUR CODE HERE"
  }\n\`\`\`\n\n### Answer: (use the provided format with backticks)\n\n`;
  return [{ role: "system", content: SYSTEM }, { role: "user", content }];
}

/** One test of a problem. */
interface Test {
  readonly input: string;
  readonly output: string;
}

/** `pass`: the code between the last two fences answers every public and private test. */
export async function scoreLivecodebench(
  text: string,
  doc: Doc,
  tools: ScoreTools,
): Promise<Score> {
  const code = lastFenced(answerText(text));
  if (code === undefined) return nothing("pass");
  const tests = await testsOf(doc);
  const name = JSON.parse(String(doc.metadata || "{}")).func_name ?? null;
  const verdict = await tools.code.run({
    language: "python",
    files: { "main.py": code },
    entry: "main.py",
    check: driver,
    checkAs: "driver",
    data: { function: name, inputs: tests.map(({ input }) => input) },
    guard: true,
    timeoutMs: (STEP_MS + 1000) * tests.length + 5000,
    stepMs: STEP_MS,
  }, { system: "prefer", task: "livecodebench" });
  const answers = verdict.result as string[] | undefined;
  if (verdict.status !== "passed" || !Array.isArray(answers)) {
    return scoreOf(
      verdict.status === "passed" ? { ...verdict, status: "failed" } : verdict,
      { extracted: code },
    );
  }
  const same = name === null ? sameLines : sameValue;
  const right = tests.every(({ output }, i) => same(String(answers[i]), output));
  return scoreOf({ ...verdict, status: right ? "passed" : "failed" }, { extracted: code });
}

/** What stands between the last two lines that hold a fence; undefined when there are fewer. */
function lastFenced(text: string): string | undefined {
  const lines = text.split("\n");
  const fences = lines.flatMap((line, i) => line.includes("```") ? [i] : []);
  if (fences.length < 2) return undefined;
  return lines.slice(fences.at(-2)! + 1, fences.at(-1)).join("\n");
}

/** Public and private tests of a row. */
async function testsOf(doc: Doc): Promise<Test[]> {
  const shown: Test[] = JSON.parse(String(doc.public_test_cases));
  const hidden = String(doc.private_test_cases);
  return [...shown, ...JSON.parse(hidden.startsWith("[") ? hidden : await decoded(hidden))];
}

/** base64, then zlib, then a pickle of one string. */
async function decoded(text: string): Promise<string> {
  const packed = new Blob([Uint8Array.fromBase64(text)]).stream();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const part of packed.pipeThrough(new DecompressionStream("deflate"))) {
    size += part.length;
    if (size > MAX_TESTS) throw new RangeError(`private tests of more than ${MAX_TESTS} bytes`);
    parts.push(part);
  }
  return unpickledString(await new Blob(parts).bytes());
}
