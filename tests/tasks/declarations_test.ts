/** Every benchmark, whatever its kind: its declaration, its examples, its samples and first prompts. */
import assert from "@std/assert";
import { taskRecords } from "../../lib/eval/harness.ts";
import { openTasks } from "../../lib/eval/open_tasks.ts";
import { lackingFields, sourcesOf } from "../../lib/eval/task.ts";
import { reasons } from "../../lib/eval/report/table.ts";
import { Tally } from "../../lib/eval/tally.ts";
import { Rec } from "../../lib/records/record.ts";
import { Tools } from "../../lib/eval/evaluate.ts";
import { CpythonExecutor } from "../../lib/exec/cpython.ts";
import { Executors } from "../../lib/exec/executors.ts";
import { baseName } from "../../lib/eval/variants.ts";
import { findTasks } from "../../cli/find_tasks.ts";
import { REPORT_TASKS, TASK_GROUPS, taskOf, TASKS, VARIANTS } from "../../tasks/mod.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../shared.ts";

const PROMPTS = new URL("./prompts/", import.meta.url);
const UPDATE = Deno.env.has("UNMASK_GOLDEN");

Deno.test("names are distinct, those of groups too, and each is found by its name and in a group", () => {
  const names = [...TASKS.map(({ name }) => name), ...Object.keys(TASK_GROUPS)];
  assert.equal(new Set(names).size, names.length);
  const { nano: _, report, ...dimensions } = TASK_GROUPS;
  assert.deepEqual(Object.values(dimensions).flat(), report);
  for (const task of REPORT_TASKS) {
    assert.equal(taskOf(task.name), task);
    assert.deepEqual(findTasks([task.name]), [task]);
  }
});

for (const task of [...REPORT_TASKS, ...VARIANTS]) {
  Deno.test(`${task.name} is declared whole`, () => {
    for (const { files, licence, items } of sourcesOf(task)) {
      assert.ok(files.length > 0 && licence !== "" && items > 0);
      assert.equal(new Set(files.map(({ name }) => name)).size, files.length, "file names");
    }
    // What is in no folder comes from the first form.
    const [{ repo, home, files }] = sourcesOf(task);
    const found = files.every(({ url, archive }) => repo ?? home ?? url ?? archive?.url);
    assert.ok(found, "a person can be told where its files are");
    const { mini, flash } = task.reported ?? {};
    if (task.reported || REPORT_TASKS.includes(task)) {
      for (const score of [mini!, flash!]) assert.ok(score >= 0 && score <= 100);
    }
    if (task.aggregate) {
      assert.ok(task.parts?.[task.aggregate.over], "the parts it aggregates over");
    }
    if (task.confidential) {
      assert.ok(!task.parts && !task.weight, "a run keeps nothing of its items to part them by");
    }
    assert.ok(task.examples.length > 1, "an answer that is right, and one that is not");
    for (const { doc } of task.examples) {
      assert.equal(lackingFields(task, doc), undefined, "its rule needs what its rows have");
    }
  });
}

/** Tasks whose programs run on the machine's own Python. */
const ON_CPYTHON = new Set(["bigcodebench_full"]);
const cpython = await new CpythonExecutor().available();

Deno.test("every task's examples get the score they state", async (t) => {
  const tools = new Tools(new Executors());
  try {
    const own = VARIANTS.filter((task) => task.examples !== taskOf(baseName(task))!.examples);
    for (const { name, metric, examples, score } of [...REPORT_TASKS, ...own]) {
      const why = ON_CPYTHON.has(name) && !cpython.ok ? cpython.why : "";
      await t.step({
        name: why ? `${name} (ignored: ${why})` : name,
        ignore: why !== "",
        // The executors outlive a step: they are started once for all.
        sanitizeOps: false,
        sanitizeResources: false,
        async fn() {
          for (const { answer, doc, earlier = [], score: wanted } of examples) {
            const { metrics, not_run } = await score(answer, doc, tools, [...earlier, answer]);
            if (not_run !== undefined) console.warn(`${name}: not run: ${not_run}`);
            else assert.equal(metrics[metric], wanted, answer.slice(0, 60));
          }
        },
      });
    }
  } finally {
    await tools.close();
  }
});

/** Answers that have none: nothing, cut before it comes, doubt in words. */
const NO_ANSWER = ["", "Let me work through this: first, we", "I cannot tell from what is given"];

/** Rules that take any text for an answer: a formula on the last line, a span. */
const TAKES_WORDS = new Set(["phybench", "triviaqa"]);

Deno.test("E1 an answer without an answer scores 0 and counts as unparsed beside the score", async () => {
  const tally = new Tally(taskOf);
  const tasks = REPORT_TASKS.filter(({ group }) => group === "knowledge" || group === "math");
  for (const task of tasks) {
    const { doc } = task.examples.find(({ score }) => score > 0)!;
    for (const [i, text] of NO_ANSWER.entries()) {
      const score = await task.score(text, doc, {} as never, [text]);
      assert.equal(score.metrics[task.metric], 0, `${task.name}: ${text}`);
      if (text !== "" && TAKES_WORDS.has(task.name)) continue;
      assert.equal(score.unparsed, true, `${task.name}: ${text}`);
      const { metrics } = score;
      const flags = ["unparsed"];
      tally.add(Rec.from({ id: `${task.name}/${i}`, task: task.name, doc, metrics, flags }));
    }
  }
  for (const [name, result] of Object.entries(tally.results().tasks)) {
    assert.deepEqual([result.score, result.unparsed], [0, result.items], name);
    assert.ok(reasons(result).includes("always unparsed"), name);
  }
});

Deno.test("E1 an empty answer is unparsed, a right one is not", async () => {
  const tasks = REPORT_TASKS.filter(({ group }) => group !== "coding" && group !== "agent");
  for (const { name, examples, score } of tasks) {
    const { answer, doc } = examples.find(({ score }) => score > 0)!;
    for (const text of ["", answer]) {
      const { unparsed = false } = await score(text, doc, {} as never, [text]);
      assert.equal(unparsed, text === "", `${name}: ${text}`);
    }
  }
});

Deno.test("E1 of ten answers the rule's own counts, as published", async () => {
  const letters = [..."ABCDABCDAB"].map((letter) => `ANSWER: ${letter}`).join("\n");
  const numbers = Array.from({ length: 10 }, (_, i) => `The answer is ${i}.`).join("\n");
  const boxes = Array.from({ length: 10 }, (_, i) => `\\boxed{${i}}`).join(", ");
  const cases: [string, string, object, number][] = [
    ["mmlu", letters, { answer: "A" }, 1],
    ["mmlu", letters, { answer: "B" }, 0],
    ["gsm8k", numbers, { answer: "#### 9" }, 1],
    ["gsm8k", numbers, { answer: "#### 0" }, 0],
    ["math", boxes, { solution: "\\boxed{9}", answer: "9" }, 0],
  ];
  for (const [name, text, doc, wanted] of cases) {
    const { metric, score } = taskOf(name)!;
    const { metrics } = await score(text, { ...doc }, {} as never, [text]);
    assert.equal(metrics[metric], wanted, `${name} ${JSON.stringify(doc)}`);
  }
});

/** Items of each task that a sample is checked on. */
const CHECKED = 200;

/** Invented rows of benchmarks that have no sample, else the real samples. */
const FIXTURES = new URL("../fixtures/benchmarks", import.meta.url).pathname;
const NO_SAMPLE = new Set(["mmlu:5shot", "mmlu_pro:5shot", "arc_c:test"]);
const INVENTED = new Set(["arc_c", "ceval", "gpqa_diamond", "phybench"]);

// A variant that changes lengths alone has the prompts of its benchmark.
for (const task of [...REPORT_TASKS, ...VARIANTS.filter(({ name }) => !name.endsWith(":short"))]) {
  const base = baseName(task);
  Deno.test({
    name: `${task.name}: every row of its sample renders, the first one as its golden prompt`,
    ignore: NO_SAMPLE.has(task.name) ||
      (!INVENTED.has(base) && !sharedIsThere(`benchmarks/${base}`)),
    async fn() {
      const data = INVENTED.has(base) ? FIXTURES : SHARED_BENCHMARKS;
      const opened = await openTasks([task], { data, env: { get: () => undefined }, notice() {} });
      let first: string | undefined;
      const ids = new Set<string>();
      for await (const rec of taskRecords(opened.ready, { limit: CHECKED })) {
        assert.ok(!ids.has(rec.id), `id ${rec.id} stands twice`);
        ids.add(rec.id);
        const messages = rec.get("messages") as { role: string; content: string }[];
        assert.equal(messages.at(-1)!.role, "user");
        const holes = /undefined|\[object Object\]/;
        const own = holes.test(JSON.stringify(rec.get("doc")));
        for (const { content } of messages) {
          assert.ok(content.trim() !== "" && (own || !holes.test(content)), content);
        }
        first ??= messages.map(({ role, content }) => `[${role}]\n${content}\n`).join("\n");
      }
      assert.ok(ids.size > 0, "no item");
      if (task.confidential) return;
      const file = new URL(`${task.name.replace(":", "_")}.txt`, PROMPTS);
      if (UPDATE) await Deno.writeTextFile(file, first!);
      assert.equal(first, await Deno.readTextFile(file));
    },
  });
}
