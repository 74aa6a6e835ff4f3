/** Reference solutions pass, buggy ones fail: on the published items under ../shared. */
import assert from "@std/assert";
import { scoreAider } from "../../../../lib/eval/coding/aider.ts";
import { scoreBigcodebench } from "../../../../lib/eval/coding/bigcodebench.ts";
import { scoreHumanevalPlus, scoreMbppPlus } from "../../../../lib/eval/coding/evalplus.ts";
import { entryPoint, guardedJob } from "../../../../lib/eval/coding/functions.ts";
import { fixLanguage, scoreHumanevalfix } from "../../../../lib/eval/coding/humanevalfix.ts";
import type { Doc, Score, ScoreTools } from "../../../../lib/eval/task.ts";
import { CpythonExecutor } from "../../../../lib/exec/cpython.ts";
import type { Executor, Job } from "../../../../lib/exec/executor.ts";
import { Executors } from "../../../../lib/exec/executors.ts";
import { PyodideExecutor } from "../../../../lib/exec/pyodide.ts";

const SHARED = new URL("../../../../../shared/benchmarks", import.meta.url).pathname;
const FULL = Deno.env.get("UNMASK_FULL") !== undefined;

function rows(path: string): Doc[] | undefined {
  try {
    const text = Deno.readTextFileSync(`${SHARED}/${path}`).trim();
    return text.startsWith("[")
      ? JSON.parse(text)
      : text.split("\n").map((line) => JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** All rows, or every n-th. */
function chosen(all: readonly Doc[] | undefined, every: number): readonly Doc[] {
  return (all ?? []).filter((_, i) => FULL || i % every === 0);
}

function humaneval(doc: Doc): Job {
  const check = `${doc.test}\ncheck(${entryPoint(doc)})\n`;
  return guardedJob(`${doc.prompt}${doc.canonical_solution}`, check, 60_000);
}

function mbpp(doc: Doc): Job {
  const imports = doc.test_imports as string[] ?? [doc.test_setup_code];
  const tests = (doc.test_list as string[]).join("\n");
  return guardedJob(`${imports.join("\n")}\n${doc.code}\n`, tests, 60_000);
}

/** Ids of the programs that do not pass. */
async function failing(executor: Executor, jobs: [string, Job][]): Promise<string[]> {
  const verdicts = await Promise.all(
    jobs.map(async ([id, job]) => [id, await executor.run(job)] as const),
  );
  return verdicts.flatMap(([id, { status, message }]) =>
    status === "passed" ? [] : [`${id}: ${status} ${message}`]
  );
}

const human = rows("humaneval/HumanEval.jsonl");
const sanitized = rows("mbpp/sanitized-mbpp.sample.json");
const full = rows("mbpp/mbpp.sample.jsonl");
const here = human !== undefined;
const ignored = here ? "" : " (ignored: no ../shared)";
const cpython = await new CpythonExecutor().available();

for (const id of ["pyodide", "cpython"]) {
  const runs = id === "pyodide" || cpython.ok;
  const reason = runs ? ignored : " (ignored: no CPython in a sandbox)";
  Deno.test({
    name: `${id}: reference solutions of HumanEval and MBPP pass${reason}`,
    ignore: !here || !runs,
    async fn() {
      const executor = id === "pyodide" ? new PyodideExecutor() : new CpythonExecutor();
      const jobs: [string, Job][] = [
        ...chosen(human, 4).map((doc): [string, Job] => [String(doc.task_id), humaneval(doc)]),
        ...chosen(sanitized, 4).map((doc): [string, Job] => [`mbpp ${doc.task_id}`, mbpp(doc)]),
        ...chosen(full, 4).map((doc): [string, Job] => [`mbpp ${doc.task_id}`, mbpp(doc)]),
      ];
      try {
        assert.deepEqual(await failing(executor, jobs), []);
      } finally {
        await executor.close();
      }
    },
  });
}

type Scorer = (text: string, doc: Doc, tools: ScoreTools) => Promise<Score>;

function fenced(code: unknown): string {
  return `\`\`\`\n${code}\n\`\`\``;
}

/** Scores of answers; rows that cannot be run here are left out. */
async function scores(
  docs: readonly Doc[],
  answer: (doc: Doc) => string,
  score: Scorer,
): Promise<[id: string, pass: number][]> {
  const executors = new Executors();
  try {
    const found: [string, number][] = [];
    for (const doc of docs) {
      const { metrics, not_run } = await score(answer(doc), doc, { code: executors });
      if (not_run === undefined) {
        found.push([String(doc.task_id ?? doc.exercise), metrics.pass ?? metrics.pass_2]);
      }
    }
    return found;
  } finally {
    await executors.close();
  }
}

Deno.test({
  name: `EvalPlus: reference solutions pass base and extra inputs${ignored}`,
  ignore: !here,
  async fn() {
    const plus = rows("humaneval_plus/humanevalplus.prerelease.sample.jsonl");
    const mbppPlus = rows("mbpp_plus/MbppPlus.v0.1.0.sample.jsonl");
    for (
      const [docs, score] of [[plus, scoreHumanevalPlus], [mbppPlus, scoreMbppPlus]] as const
    ) {
      const found = await scores(
        chosen(docs, 7),
        (doc) =>
          fenced(`${score === scoreHumanevalPlus ? doc.prompt : ""}${doc.canonical_solution}`),
        score,
      );
      assert.deepEqual(found.filter(([, pass]) => pass !== 1), []);
      assert.ok(found.length > 0);
    }
  },
});

/** Languages whose programs are quick to build; the others run under UNMASK_FULL. */
const QUICK = ["python", "js"];

for (const [kind, wanted] of [["canonical", 1], ["buggy", 0]] as const) {
  Deno.test({
    name: `HumanEvalFix: ${kind} solutions score ${wanted}${ignored}`,
    ignore: !here,
    async fn() {
      const all = ["python", "js", "java", "go", "cpp", "rust"]
        .flatMap((language) => rows(`humanevalfix/humanevalpack_${language}.sample.jsonl`)!)
        .filter((doc) => FULL || QUICK.includes(fixLanguage(doc)!));
      const found = await scores(
        chosen(all, 4),
        (doc) => fenced(`${doc.declaration}${doc[`${kind}_solution`]}`),
        scoreHumanevalfix,
      );
      assert.deepEqual(found.filter(([, pass]) => pass !== wanted), []);
    },
  });
}

Deno.test({
  name: `Aider: reference solutions pass their tests${ignored}`,
  ignore: !here,
  async fn() {
    const exercises = chosen(rows("aider/exercises.sample.jsonl"), 7);
    const found = await scores(exercises, (doc) => {
      const files = doc.files as Record<string, string>;
      const solution = Object.keys(files).find((name) =>
        /^\w+\.py$/.test(name) && !/test/.test(name)
      );
      return `${solution}\n\`\`\`\n${files[".meta/example.py"]}\`\`\``;
    }, (text, doc, tools) => scoreAider(text, doc, tools));
    assert.deepEqual(found.filter(([, pass]) => pass !== 1), []);
  },
});

Deno.test({
  name: `BigCodeBench: reference solutions pass where their libraries are${ignored}`,
  ignore: !here || !cpython.ok || !FULL,
  async fn(t) {
    const found = await scores(
      rows("bigcodebench_full/bigcodebench.sample.jsonl")!,
      (doc) => fenced(`${doc.complete_prompt}${doc.canonical_solution}`),
      scoreBigcodebench,
    );
    const passed = found.filter(([, pass]) => pass === 1).length;
    await t.step(`${passed} of ${found.length} that can run here`, () => {
      // Some need the network, which no program has.
      assert.ok(passed >= 0.75 * found.length, `${passed} of ${found.length}`);
    });
  },
});
