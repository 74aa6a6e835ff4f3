import assert from "@std/assert";
import { saved } from "../../../lib/eval/rescore.ts";
import { parseSweep } from "../../../lib/eval/sweep.ts";
import { type ReadyTask, task } from "../../../lib/eval/task.ts";
import { Rec } from "../../../lib/records/record.ts";
import { refuses } from "../../mutate.ts";

const READY = {
  task: task({
    name: "t",
    title: "T",
    group: "math",
    summary: "",
    source: { files: [], licence: "", items: 3 },
    *items() {
      for (const id of ["a", "b", "c"]) yield { id, doc: { id } };
    },
    prompt: () => [{ role: "user", content: "?" }],
    metric: "acc",
    score: () => ({ metrics: { acc: 1 } }),
    examples: [],
  }),
  data: {},
} as unknown as ReadyTask;

function file(ids: string[]): () => ReadableStream<Rec> {
  return () =>
    ReadableStream.from(
      ids.map((id) => Rec.from({ id, text: id, metrics: { acc: 0 }, flags: ["unparsed"] })),
    );
}

Deno.test("E12 each id once passes, and several answers to each item do", async () => {
  for (const ids of [["a", "b", "c"], ["a#1", "a#2", "b#1", "b#2", "c#1", "c#2"]]) {
    const options = { file: "f", tasks: [READY] };
    const found = await Array.fromAsync(saved(file(ids), options));
    assert.deepEqual(found.map(({ id }) => id), ids);
  }
});

Deno.test("E12 predictions with missing, extra or double ids refuse with the counts", async () => {
  const cases: [string[], number | undefined, RegExp][] = [
    [["a", "b"], undefined, /"f": 1 missing, expected each of 3 ids once/],
    [["a", "b", "c", "d", "e"], undefined, /2 extra/],
    [["a", "a", "b", "b", "c"], undefined, /2 double/],
    [["x", "x"], undefined, /3 missing, 1 extra, 1 double/],
    [["a", "b", "c"], 2, /1 extra, expected each of 2/],
  ];
  for (const [ids, limit, pattern] of cases) {
    const options = { file: "f", tasks: [READY], limit };
    await refuses(() => Array.fromAsync(saved(file(ids), options)), pattern);
  }
});

Deno.test("C9 scoring again ends at the next record when the user interrupts", async () => {
  const stop = new AbortController();
  const found = [];
  for await (
    const { id } of saved(file(["a", "b", "c"]), { file: "f", tasks: [], signal: stop.signal })
  ) {
    found.push(id);
    if (id === "b") stop.abort();
  }
  assert.deepEqual(found, ["a", "b"]);
});

Deno.test("parseSweep() makes a run of each value", () => {
  assert.deepEqual(parseSweep("eos-early-stop=true,false").map(({ decode }) => decode), [
    { eos_early_stop: true },
    { eos_early_stop: false },
  ]);
  assert.deepEqual(parseSweep(undefined), [{ folder: "", label: "", decode: {} }]);
  assert.deepEqual(parseSweep("block-length=4,32").map(({ folder, decode }) => [folder, decode]), [
    ["/block-length=4", { block_length: 4 }],
    ["/block-length=32", { block_length: 32 }],
  ]);
  assert.deepEqual(parseSweep("edit-threshold=off,0.5")[0].decode, { edit_threshold: "off" });
});

Deno.test("C2 a sweep that makes no sense refuses", async () => {
  await refuses(() => parseSweep("0.5,0.9"), /expected NAME=A,B/);
  await refuses(() => parseSweep("threshold=0.5,,1"), /"threshold" is "", expected/);
  await refuses(() => parseSweep("thresh=1"), /"thresh" is not a decode option/);
});
