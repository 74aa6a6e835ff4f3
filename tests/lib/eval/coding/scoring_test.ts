/** Every official case of the thirteen coding benchmarks, from ../shared. */
import assert from "@std/assert";
import { scoreAider } from "../../../../lib/eval/coding/aider.ts";
import { scoreBigcodebench } from "../../../../lib/eval/coding/bigcodebench.ts";
import { scoreCruxeval } from "../../../../lib/eval/coding/cruxeval.ts";
import { scoreHumanevalPlus, scoreMbppPlus } from "../../../../lib/eval/coding/evalplus.ts";
import {
  scoreHumaneval,
  scoreHumanevalCn,
  scoreMbpp,
} from "../../../../lib/eval/coding/functions.ts";
import { scoreHumanevalfix } from "../../../../lib/eval/coding/humanevalfix.ts";
import { scoreLivecodebench } from "../../../../lib/eval/coding/livecodebench.ts";
import { scoreMultiplE } from "../../../../lib/eval/coding/multipl_e.ts";
import { scoreBird, scoreSpider } from "../../../../lib/eval/coding/sql.ts";
import type { Doc, Score, ScoreTools } from "../../../../lib/eval/task.ts";
import { CpythonExecutor } from "../../../../lib/exec/cpython.ts";
import { type CodeRunner, Executors, NoSandbox } from "../../../../lib/exec/executors.ts";

const SHARED = new URL("../../../../../shared/benchmarks", import.meta.url).pathname;
const FULL = Deno.env.get("UNMASK_FULL") !== undefined;

interface Case {
  readonly doc: Doc;
  readonly output?: string;
  readonly outputs?: string[];
  readonly expected: Record<string, number | null>;
  readonly note: string;
}

type Scorer = (
  text: string,
  doc: Doc,
  tools: ScoreTools,
  outputs: readonly string[],
) => Promise<Score>;

const SCORERS: Record<string, Scorer> = {
  humaneval: scoreHumaneval,
  humaneval_cn: scoreHumanevalCn,
  humaneval_plus: scoreHumanevalPlus,
  mbpp: scoreMbpp,
  mbpp_plus: scoreMbppPlus,
  cruxeval_o: scoreCruxeval,
  humanevalfix: scoreHumanevalfix,
  multipl_e: scoreMultiplE,
  bigcodebench_full: scoreBigcodebench,
  livecodebench: scoreLivecodebench,
  aider: scoreAider,
  spider: scoreSpider,
  bird_sql: scoreBird,
};

function casesOf(task: string): Case[] | undefined {
  try {
    const text = Deno.readTextFileSync(`${SHARED}/${task}/scoring.jsonl`);
    return text.trim().split("\n").map((line) => JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Programs that never end need not be waited for as long as the official limits say. */
function impatient(code: CodeRunner, note: string): CodeRunner {
  if (!/infinite|never|hog/.test(note)) return code;
  const limit = 1500;
  return {
    run: (job, options) =>
      code.run({
        ...job,
        timeoutMs: job.stepMs ? job.timeoutMs : limit,
        stepMs: job.stepMs && limit,
      }, options),
    sql: (request) => code.sql({ ...request, timeoutMs: limit }),
  };
}

/** Cases whose toolchain takes most of a minute to prepare, or whose libraries take seconds to load. */
function isSlow({ doc }: Case): boolean {
  return /^(Rust|Go)\//.test(String(doc.task_id)) ||
    /pandas|sklearn|threading|psutil/.test(String(doc.libs));
}

/** What runs on a toolchain is skipped where there is no sandbox for it. */
function withoutSandbox(cause: unknown): Score {
  if (cause instanceof NoSandbox) return { metrics: {}, not_run: cause.message };
  throw cause;
}

const cpython = await new CpythonExecutor().available();

for (const [task, score] of Object.entries(SCORERS)) {
  const cases = casesOf(task);
  const name = `${task}: every official case gets its score`;
  Deno.test(
    { name: cases ? name : `${name} (ignored: no ../shared)`, ignore: !cases },
    async (t) => {
      const executors = new Executors({ workers: 1 });
      const wrong: string[] = [];
      const skipped = new Map<string, number>();
      try {
        for (const one of cases!) {
          const code = impatient(executors, one.note);
          const tools: ScoreTools = { code, dataDir: SHARED };
          const outputs = one.outputs ?? [one.output!];
          const why = !FULL && isSlow(one)
            ? "slow: under UNMASK_FULL only"
            : task === "bigcodebench_full" && !cpython.ok
            ? cpython.why
            : undefined;
          const [name, wanted] = Object.entries(one.expected)[0];
          // A bare literal is an answer without tags.
          const metric = name === "pass_from_literal" ? "pass" : name;
          const found = why === undefined
            ? await score(outputs.at(-1)!, one.doc, tools, outputs).catch(withoutSandbox)
            : { metrics: {}, not_run: why };
          if (found.not_run !== undefined) {
            skipped.set(found.not_run, (skipped.get(found.not_run) ?? 0) + 1);
            continue;
          }
          const values = found.metrics as Record<string, number>;
          if (values[metric] !== wanted) {
            wrong.push(`${one.note}: ${metric} is ${values[metric]}, expected ${wanted}`);
          }
          for (const [other, value] of Object.entries(one.expected)) {
            if (other in values && value !== null && values[other] !== value) {
              wrong.push(`${one.note}: ${other} is ${values[other]}, expected ${value}`);
            }
          }
        }
      } finally {
        await executors.close();
      }
      for (const [why, count] of skipped) {
        await t.step({ name: `${count} cases (ignored: ${why})`, ignore: true, fn() {} });
      }
      assert.deepEqual(wrong, []);
    },
  );
}
