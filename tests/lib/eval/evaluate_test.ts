import assert from "@std/assert";
import { evaluate, Tools } from "../../../lib/eval/evaluate.ts";
import { type Score, task } from "../../../lib/eval/task.ts";
import { Tally } from "../../../lib/eval/tally.ts";
import { Executors } from "../../../lib/exec/executors.ts";
import { Faults } from "../../../lib/records/faults.ts";
import { Rec } from "../../../lib/records/record.ts";
import { refuses } from "../../mutate.ts";

/** A benchmark whose rule does what the answer says. */
const TASK = task({
  name: "t",
  title: "T",
  group: "math",
  summary: "",
  source: { files: [], licence: "", items: 0 },
  items: () => [],
  prompt: () => [],
  metric: "acc",
  score(text): Score {
    if (text === "throw") throw new TypeError("no such field");
    if (text === "later") return Promise.reject(new Error("late")) as unknown as Score;
    const acc = { nan: NaN, infinite: Infinity, minus: -0 }[text] ?? 1;
    return { metrics: { acc }, unparsed: text === "" };
  },
  examples: [],
});
const taskOf = (name: string) => name === "t" ? TASK : undefined;

async function scored(lines: object[], faults: Faults): Promise<Rec[]> {
  const tools = new Tools(new Executors());
  const records = lines.map((line, i) => Rec.parse(JSON.stringify(line), `f:${i + 1}`));
  try {
    return await Array.fromAsync(
      evaluate(ReadableStream.from(records), { taskOf, tools, faults }),
    );
  } finally {
    await tools.close();
  }
}

const answer = (text: string, id = text) => ({ id, task: "t", doc: {}, text });

Deno.test("E2 a scorer that throws or gives no number: its record gets the error, the run goes on", async () => {
  for (const bad of ["throw", "later", "nan", "infinite"]) {
    const faults = new Faults();
    const records = await scored([answer("a"), answer(bad), answer("b")], faults);
    assert.deepEqual(records.map((rec) => rec.has("error")), [false, true, false], bad);
    assert.match((records[1].get("error") as { message: string }).message, /Cannot score record/);
    assert.equal(records[1].has("metrics"), false);
    assert.equal(faults.deferred, 1);
    const tally = new Tally(taskOf);
    for (const rec of records) tally.add(rec);
    const { complete, tasks } = tally.results();
    assert.deepEqual([complete, tasks.t.errors, tasks.t.items], [false, 1, 2]);
  }
});

Deno.test("E2 under --on-error record or skip the run does not fail for it", async () => {
  for (const [policy, left] of [["record", 3], ["skip", 2]] as const) {
    const faults = new Faults(policy);
    const records = await scored([answer("a"), answer("throw"), answer("b")], faults);
    assert.deepEqual([records.length, faults.count, faults.deferred], [left, 1, 0]);
  }
});

Deno.test("a record that no scorer can be asked about still stops", async () => {
  await refuses(() => scored([{ id: "x", task: "t", doc: {} }], new Faults()), /field "text" is/);
});

Deno.test("scores of an earlier evaluation are replaced, all else keeps its bytes", async () => {
  const before = {
    ...answer("b"),
    metrics: { acc: 0, old: 1 },
    flags: ["unparsed", "token_count"],
    extracted: "x",
    error: { stage: "eval", message: "then" },
  };
  const [rec] = await scored([before], new Faults());
  assert.equal(
    String(rec),
    '{"id":"b","task":"t","doc":{},"text":"b","flags":["token_count"],"metrics":{"acc":1}}',
  );
  const failed = { id: "c", task: "t", doc: {}, error: { stage: "sample", message: "no answer" } };
  assert.equal(String((await scored([failed], new Faults()))[0]), JSON.stringify(failed));
});

Deno.test("a verdict whose answer was left out counts as it stands", async () => {
  const verdict = { id: "c", task: "t", metrics: { acc: 1 }, flags: ["unparsed"] };
  assert.equal(String((await scored([verdict], new Faults()))[0]), JSON.stringify(verdict));
});

Deno.test("minus zero is zero", async () => {
  const [rec] = await scored([answer("minus")], new Faults());
  assert.match(String(rec), /"metrics":\{"acc":0\}/);
});
