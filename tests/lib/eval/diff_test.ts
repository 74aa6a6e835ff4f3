import assert from "@std/assert";
import { diffRuns, diffTable, intervalOfChanges, signTest } from "../../../lib/eval/diff.ts";
import { Rec } from "../../../lib/records/record.ts";
import { refuses } from "../../mutate.ts";

function run(scores: Record<string, number>, task = "t"): ReadableStream<Rec> {
  return ReadableStream.from(
    Object.entries(scores).map(([id, acc]) => Rec.from({ id, task, metrics: { acc } })),
  );
}

Deno.test("signTest() is McNemar's exact test", () => {
  // Two-sided binomial tails of n changes at one half.
  const cases: [number, number, number][] = [
    [0, 0, 1],
    [1, 0, 1],
    [5, 0, 0.0625],
    [8, 2, 0.109375],
    [2, 8, 0.109375],
    [7, 7, 1],
  ];
  for (const [up, down, p] of cases) {
    assert.ok(Math.abs(signTest(up, down) - p) < 1e-12, `${up} ${down}: ${signTest(up, down)}`);
  }
  assert.ok(signTest(3000, 2000) < 1e-20);
});

Deno.test("intervalOfChanges() is Agresti and Min's of matched pairs, else a bootstrap", () => {
  // 12 won, 3 lost of 100: (12 - 3) / 102, with a half added to each of the four cells.
  const changes = Array.from({ length: 100 }, (_, i) => i < 12 ? 1 : i < 15 ? -1 : 0);
  const [low, high] = intervalOfChanges(changes, "t");
  const half = 1.959963984540054 * Math.sqrt(16 - 81 / 102) / 102;
  assert.ok(Math.abs(low - (9 / 102 - half)) < 1e-12 && Math.abs(high - (9 / 102 + half)) < 1e-12);
  const [from, to] = intervalOfChanges([0, 0], "t");
  assert.ok(from < 0 && to > 0 && from === -to, "nothing changed, yet two items say little");
  const [a, b] = intervalOfChanges([0.5, -0.25, 0.25, 0, 0.5], "t");
  assert.ok(a < 0.2 && 0.2 < b);
});

Deno.test("diffRuns() averages the answers to an item", async () => {
  const before = run({ "a#1": 1, "a#2": 0, "b#1": 0, "b#2": 0 });
  const after = run({ "a#1": 1, "a#2": 1, "b#1": 0, "b#2": 0 });
  const [diff] = await diffRuns(before, after, () => undefined);
  assert.deepEqual([diff.items, diff.before, diff.after, diff.won], [2, 0.25, 0.5, ["a"]]);
  assert.match(diffTable([diff]), /^t won: a$/m);
});

Deno.test("diffRuns() pairs by id and names what was won and lost", async () => {
  const before = run({ a: 1, b: 0, c: 0, d: 1, only: 1 });
  const after = run({ d: 0, c: 1, b: 1, a: 1, other: 0 });
  const [diff] = await diffRuns(before, after, () => undefined);
  assert.deepEqual(diff.won, ["b", "c"]);
  assert.deepEqual(diff.lost, ["d"]);
  assert.deepEqual([diff.items, diff.unpaired, diff.before, diff.after], [4, 2, 0.5, 0.75]);
  assert.ok(diff.interval[0] <= 0.25 && 0.25 <= diff.interval[1]);
  assert.match(diffTable([diff]), /^t +4 +50\.0 +75\.0 +\+25\.0 .* 2 +1 +1\.000 +2 items/m);
});

Deno.test("diffRuns() names the tasks that only one run has", async () => {
  const both = { a: 1, b: 0 };
  const joined = async function* (...runs: ReadableStream<Rec>[]) {
    for (const one of runs) yield* one;
  };
  const before = joined(run(both, "t"), run(both, "u"), run({ c: 1 }, "w"));
  const after = joined(run(both, "t"), run(both, "v"), run({ d: 1 }, "w"));
  const notices: string[] = [];
  const notice = (line: string) => notices.push(line);
  const diffs = await diffRuns(before, after, () => undefined, notice);
  assert.deepEqual(diffs.map(({ task }) => task), ["t"]);
  assert.deepEqual(notices, ["left out, no item was scored in both runs: u, w, v"]);
});

Deno.test("diffRuns() refuses runs that share no item", async () => {
  await refuses(
    () => diffRuns(run({ a: 1 }), run({ b: 1 }), () => undefined),
    /no item was scored/,
  );
});

Deno.test("diffRuns() leaves out what is another question under the same id", async () => {
  const run = (rows: Record<string, unknown>) =>
    ReadableStream.from(
      Object.entries(rows).map(([id, doc]) =>
        Rec.from({ id, task: "t", metrics: { acc: 1 }, ...doc === null ? {} : { doc } })
      ),
    );
  const notices: string[] = [];
  const [diff] = await diffRuns(
    run({ a: { q: 1, z: 2 }, b: { q: 2 }, c: null, d: { q: 5 }, e: {} }),
    // Another file of the benchmark has its fields in another order, and more of them.
    run({ a: { z: 2, more: 0, q: 1 }, b: { q: 3 }, c: { q: 4 }, d: { other: 5 }, e: {} }),
    () => undefined,
    (line) => notices.push(line),
  );
  assert.equal(diff.items, 3);
  assert.deepEqual(notices, ['t: left out, as "doc" differs between the runs: 2']);
});

Deno.test("diffTable() has the mean of several tasks, each as much as any other", async () => {
  const joined = async function* (...runs: ReadableStream<Rec>[]) {
    for (const one of runs) yield* one;
  };
  const before = joined(run({ a: 0, b: 0 }, "t"), run({ c: 0, d: 1, e: 0, f: 0 }, "u"));
  const after = joined(run({ a: 1, b: 1 }, "t"), run({ c: 0, d: 0, e: 0, f: 0 }, "u"));
  const diffs = await diffRuns(before, after, () => undefined);
  assert.match(diffTable(diffs), /^mean +6 +12\.5 +50\.0 +\+37\.5 .* 2 +1$/m);
  assert.ok(!diffTable(diffs.slice(0, 1)).includes("mean"));
});
