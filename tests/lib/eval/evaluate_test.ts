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
const SECRET = { ...TASK, name: "secret", confidential: true };
const EXACT: typeof TASK = {
  ...TASK,
  name: "exact",
  exact: true,
  score: (text, doc) => ({ metrics: { acc: JSON.stringify(doc) === text ? 1 : 0 } }),
};
const taskOf = (name: string) => [TASK, SECRET, EXACT].find((task) => task.name === name);

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

Deno.test("the numbers of a row that came by a pipe are as its file has them, where a task wants that", async () => {
  const doc = '{"a":[3.0,1e-06,3,-1e999]}';
  const line = `{"id":"a","task":"exact","text":${JSON.stringify(doc)},"doc": ${doc} }`;
  const tools = new Tools(new Executors());
  const source = ReadableStream.from([Rec.parse(line, "f:1")]);
  const faults = new Faults();
  const [rec] = await Array.fromAsync(evaluate(source, { taskOf, tools, faults }));
  assert.deepEqual(rec.get("metrics"), { acc: 1 });
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

Deno.test("a verdict of a confidential item, whose answer was left out, counts as it stands", async () => {
  const verdict = { id: "c", task: "secret", metrics: { acc: 1 }, flags: ["unparsed"] };
  assert.equal(String((await scored([verdict], new Faults()))[0]), JSON.stringify(verdict));
  await refuses(
    () => scored([{ ...verdict, task: "t", doc: {} }], new Faults()),
    /field "text" is undefined, expected an answer \("unmask sample" gives one\)/,
  );
  await refuses(
    () => scored([{ id: "d", task: "t", doc: {}, outputs: [] }], new Faults()),
    /field "outputs" is empty, expected a list of strings/,
  );
});

Deno.test("J13 what a record brings for its task's figures is of the right kind", async () => {
  const bad: [Record<string, unknown>, RegExp][] = [
    [{ flags: 5 }, /field "flags" is number, expected a list/],
    [
      { usage: { completion_tokens: "12" } },
      /"usage.completion_tokens" is "12", expected a number/,
    ],
    [{ usage: { forwards: {} } }, /"usage.forwards" is {}, expected a number/],
    [{ output: { confidence: 5 } }, /"output.confidence" is 5, expected a list of shares/],
    [{ output: { confidence: [0.5, "0.5"] } }, /"output.confidence" is \[0.5,"0.5"\], expected/],
    [{ output: { confidence: [-1] } }, /"output.confidence" is \[-1\], expected/],
  ];
  for (const [fields, pattern] of bad) {
    await refuses(() => scored([{ ...answer("b"), ...fields }], new Faults()), pattern);
  }
  const verdict = { id: "c", task: "secret", metrics: { acc: "1" } };
  await refuses(() => scored([verdict], new Faults()), /"metrics.acc" is "1", expected a number/);
  // As other servers' clients write it.
  const usage = { completion_tokens: 3, forwards: null, completion_tokens_details: null };
  const others = { ...answer("b"), usage, flags: null, output: { confidence: null } };
  const [rec] = await scored([others], new Faults());
  const tally = new Tally(taskOf);
  tally.add(rec);
  assert.equal(tally.results().tasks.t.score, 1);
});

Deno.test("minus zero is zero", async () => {
  const [rec] = await scored([answer("minus")], new Faults());
  assert.match(String(rec), /"metrics":\{"acc":0\}/);
});
