/** HumanEval+ and MBPP+: more inputs, expected outputs from the reference solution (Liu et al., 2023). */
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { definesPython, extractCode } from "./extract.ts";
import { humanevalPrompt } from "./functions.ts";
import driver from "./python/evalplus.py" with { type: "text" };
import { nothing, scoreAll } from "./verdict.ts";

/** Official: 4 s an input, 60 s in all; twice that, because the embedded interpreter is slower. */
const STEP_MS = 8000;
const TOTAL_MS = 121_000;

/** HumanEval+ asks as HumanEval does. */
export const humanevalPlusPrompt = humanevalPrompt;

/** MBPP+ asks as MBPP does; its prompt already holds a test. */
export function mbppPlusPrompt(doc: Doc): Message[] {
  return [{
    role: "user",
    content: `${doc.prompt}\nYour code should satisfy these tests:\n${doc.assertion}`,
  }];
}

/** `pass`: base and extra inputs; `pass_base`: the base inputs alone. */
export async function scoreHumanevalPlus(
  text: string,
  doc: Doc,
  tools: ScoreTools,
): Promise<Score> {
  const code = extractedFor(text, doc);
  if (code === undefined) return nothing("pass", "pass_base");
  const { pass, pass_base } = await runPlus(`${doc.prompt}${code}\n`, doc, {
    tools,
    task: "humaneval_plus",
  });
  return scoreAll({ pass, pass_base }, { extracted: code });
}

/** The same, and `pass_oc`: the extra inputs alone, as OpenCompass counts. */
export async function scoreMbppPlus(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const code = extractedFor(text, doc);
  if (code === undefined) return nothing("pass", "pass_base", "pass_oc");
  return scoreAll(await runPlus(`${code}\n`, doc, { tools, task: "mbpp_plus" }), {
    extracted: code,
  });
}

function extractedFor(text: string, doc: Doc): string | undefined {
  const defines = definesPython(String(doc.entry_point));
  return extractCode(text, { language: "python", defines });
}

async function runPlus(
  program: string,
  doc: Doc,
  { tools, task }: { tools: ScoreTools; task: string },
) {
  const reference = task === "mbpp_plus"
    ? String(doc.canonical_solution)
    : `${doc.prompt}${doc.canonical_solution}`;
  const run = (code: string, data: { inputs: unknown; found?: unknown }) =>
    tools.code.run({
      language: "python",
      files: { "main.py": code },
      entry: "main.py",
      check: driver,
      checkAs: "driver",
      data: { task_id: doc.task_id, entry_point: doc.entry_point, atol: doc.atol ?? 0, ...data },
      guard: true,
      timeoutMs: TOTAL_MS,
      stepMs: STEP_MS,
    }, { task });
  const judged = async (inputs: unknown) => {
    const answered = await run(program, { inputs });
    if (answered.status !== "passed") return answered;
    return await run(reference, { inputs, found: answered.result });
  };
  const [base, plus] = await Promise.all([judged(doc.base_input), judged(doc.plus_input)]);
  return { pass: base.status === "passed" ? plus : base, pass_base: base, pass_oc: plus };
}
