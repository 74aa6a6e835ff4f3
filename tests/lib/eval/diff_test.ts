import assert from "@std/assert";
import { diffRuns, diffTable, signTest } from "../../../lib/eval/diff.ts";
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

Deno.test("diffRuns() refuses runs that share no item", async () => {
  await refuses(
    () => diffRuns(run({ a: 1 }), run({ b: 1 }), () => undefined),
    /no item was scored/,
  );
});
