import assert from "@std/assert";
import { openTasks } from "../../../lib/eval/open_tasks.ts";
import { taskRecords } from "../../../lib/eval/harness.ts";
import { taskOf, VARIANTS } from "../../../tasks/mod.ts";
import { refuses } from "../../mutate.ts";

/** The records of a task over files made here. */
async function records(name: string, files: Record<string, string>) {
  const data = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(`${data}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${data}/${path}`, text);
    }
    const options = { data, env: { get: () => undefined }, notice() {} };
    const { ready } = await openTasks([taskOf(name)!], options);
    return await Array.fromAsync(taskRecords(ready));
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}

const row = (question: string, answer: string) => `${question},1,2,3,4,${answer}\n`;

Deno.test("more items than were published are other data", async () => {
  const lines = Array.from({ length: 165 }, (_, i) => `{"task_id":"${i}","prompt":"${i}"}\n`);
  await refuses(
    () => records("humaneval", { "humaneval/HumanEval.jsonl": lines.join("") }),
    /HumanEval.jsonl" for humaneval: its data has 165 items, expected 164$/,
  );
});

Deno.test("rows of another layout refuse: no prompt shows anything of them", async () => {
  const lines = Array.from({ length: 20 }, (_, i) => `{"task_id":"${i}","prompt":"${i}"}\n`);
  const file = "bigcodebench_full/BigCodeBench-v0.1.4.jsonl";
  await refuses(
    () => records("bigcodebench_full", { [file]: lines.join("") }),
    /BigCodeBench-v0.1.4.jsonl" for bigcodebench_full: its prompt shows none of the fields "task_id", "prompt", expected the published ones$/,
  );
});

Deno.test("data without an item of the benchmark refuses", async () => {
  const early = '{"question_id":"a","contest_date":"2023-08-21T00:00:00"}\n';
  await refuses(
    () => records("livecodebench", { "livecodebench/code_generation_lite.jsonl": early }),
    /code_generation_lite.jsonl" for livecodebench: none of its rows is an item, expected 1055$/,
  );
});

Deno.test("zebralogic refuses the copy whose solutions are blanked, before anything is asked", async () => {
  const solution = { header: ["House", "Name"], rows: [["___", "___"]] };
  const row = JSON.stringify({ id: "a", size: "1*1", puzzle: "There is 1 house.", solution });
  await refuses(
    () =>
      records("zebralogic", {
        "zebralogic/SOURCE.md": "",
        "zebralogic/grid_mode.jsonl": `${row}\n`,
      }),
    /^Cannot load "zebralogic": the solution of "a" is blanked, expected the rows of WildEval\/ZebraLogic$/,
  );
});

Deno.test("livecodebench refuses a copy without the hidden tests", async () => {
  const row = '{"question_id":"a","contest_date":"2024-09-01T00:00:00","public_test_cases":"[]"}\n';
  await refuses(
    () => records("livecodebench", { "livecodebench/code_generation_lite.jsonl": row }),
    /^Cannot load "livecodebench": problem "a" has no "private_test_cases", expected its hidden tests$/,
  );
});

Deno.test("ceval's prompt has line ends as Python reads them", async () => {
  const csv = 'id,question,A,B,C,D,answer\n0,"1\r\n2\r3",a,b,c,d,A\n1,4,a,b,c,d,B\n';
  const [rec] = await records("ceval:0shot", {
    "ceval/SOURCE.md": "",
    "ceval/val/accountant_val.csv": csv,
  });
  const [{ content }] = rec.get("messages") as { content: string }[];
  assert.match(content, /\n1\n2\n3\nA\. a\n/);
});

Deno.test("mmlu:5shot shows the solved questions of the subject as turns", async () => {
  const [rec, ...others] = await records("mmlu:5shot", {
    "mmlu/SOURCE.md": "",
    "mmlu/data/test/astronomy_test.csv": row("1+1?", "B"),
    "mmlu/data/dev/astronomy_dev.csv": row("0+1?", "A") + row("1+2?", "C"),
  });
  assert.equal(others.length, 0);
  assert.equal(rec.id, "mmlu:5shot/astronomy/0");
  assert.equal(rec.get("task"), "mmlu:5shot");
  const turns = rec.get("messages") as { role: string; content: string }[];
  assert.deepEqual(turns.map(({ role }) => role), [
    "user",
    "assistant",
    "user",
    "assistant",
    "user",
  ]);
  assert.deepEqual(turns.filter((_, i) => i % 2).map(({ content }) => content.trim()), ["A", "C"]);
  assert.match(turns.at(-1)!.content, /about astronomy[^]*1\+1\?/);
});

Deno.test("E13 a question among its own solved examples refuses when the data is opened", async () => {
  await refuses(
    () =>
      records("mmlu:5shot", {
        "mmlu/SOURCE.md": "",
        "mmlu/data/test/astronomy_test.csv": row("1+1?", "B") + row("1+2?", "C"),
        "mmlu/data/dev/astronomy_dev.csv": row("0+1?", "A") + row("1+2?", "C"),
      }),
    /Cannot load "mmlu:5shot": item "mmlu:5shot\/astronomy\/1" is one of its own solved examples/,
  );
});

Deno.test("a variant whose metric is another says nothing of the benchmark's own rule", async () => {
  const doc = { question: "q", answer: "B" };
  for (const [name, metric] of [["mmlu", "acc"], ["mmlu:5shot", "acc_first_option"]]) {
    const task = taskOf(name)!;
    const score = await task.score("The answer is B.", doc, {} as never, []);
    assert.deepEqual([task.metric, score.metrics[metric]], [metric, name === "mmlu" ? 0 : 1]);
    assert.equal(score.unparsed, name === "mmlu" ? true : undefined);
  }
  for (const { name } of VARIANTS) assert.equal(taskOf(name)?.name, name);
});
