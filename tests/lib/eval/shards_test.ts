import assert from "@std/assert";
import { countRecords } from "../../../lib/eval/harness.ts";
import { htmlPage } from "../../../lib/eval/report/html.ts";
import { junitXml } from "../../../lib/eval/report/junit.ts";
import { markdownSummary } from "../../../lib/eval/report/markdown.ts";
import { Shards } from "../../../lib/eval/shards.ts";
import { Tally } from "../../../lib/eval/tally.ts";
import { Rec } from "../../../lib/records/record.ts";
import { select, shardOf } from "../../../lib/records/select.ts";

/** Records of shards, by [index, count, records found, size, items of all]. */
function shards(...parts: readonly [number, number, number, number?, number?][]): Shards {
  const found = new Shards();
  for (const [index, count, records, size, items = 1000] of parts) {
    const sizes = size === undefined ? {} : { items, records: size };
    for (let i = 0; i < records; i++) found.add(Rec.from({ shard: { index, count, ...sizes } }));
  }
  return found;
}

Deno.test("Shards names what a merged run lacks", () => {
  const cases: [Shards, lacking: string | undefined, alone: string | undefined][] = [
    [shards(), undefined, undefined],
    [shards([1, 2, 3], [2, 2, 3]), undefined, undefined],
    [shards([1, 3, 3], [3, 3, 3]), "shard 2 of 3 is missing", undefined],
    [shards([2, 4, 1], [4, 4, 1]), "shards 1, 3 of 4 are missing", undefined],
    [
      shards([1, 99, 1], [9, 99, 1]),
      "shards 2, 3, 4, 5, 6, 7, 8, 10 and 89 more of 99 are missing",
      undefined,
    ],
    [shards([2, 3, 3]), undefined, "shard 2 of 3"],
    [shards([1, 1, 3]), undefined, undefined],
    [shards([1, 2, 3, 3], [2, 2, 1, 3]), "shard 2 of 2 has 1 of 3 records", undefined],
    [
      shards([3, 3, 1, 3], [1, 3, 2, 4]),
      "shard 2 of 3 is missing; shard 1 of 3 has 2 of 4 records; shard 3 of 3 has 1 of 3 records",
      undefined,
    ],
    // Two runs, cut into as many parts, or not.
    [shards([1, 2, 3, 3], [2, 2, 3, 3], [1, 2, 5, 5], [2, 2, 4, 4]), undefined, undefined],
    [shards([1, 2, 3], [2, 2, 3], [1, 3, 3], [3, 3, 3]), "shard 2 of 3 is missing", undefined],
    [
      shards([1, 2, 3], [1, 3, 3]),
      "shard 2 of 2 is missing; shards 2, 3 of 3 are missing",
      undefined,
    ],
    // Fewer items than shards; where their number is not known, one of each first shard may be all.
    [shards([1, 8, 2, 2, 3], [2, 8, 2, 2, 3], [3, 8, 2, 2, 3]), undefined, undefined],
    [shards([1, 8, 2, 2, 3], [3, 8, 2, 2, 3]), "shard 2 of 8 is missing", undefined],
    [shards([1, 8, 1, 1, 1]), undefined, undefined],
    [shards([1, 8, 1, 1, 2]), undefined, "shard 1 of 8"],
    [shards([1, 4, 1], [2, 4, 1]), undefined, undefined],
    [shards([1, 4, 1], [3, 4, 1]), "shards 2, 4 of 4 are missing", undefined],
    [shards([1, 4, 2], [2, 4, 2]), "shards 3, 4 of 4 are missing", undefined],
  ];
  for (const [found, lacking, alone] of cases) {
    assert.equal(found.lacking, lacking);
    assert.equal(found.alone, alone);
  }
});

Deno.test("select() leaves the shard in its records, and a field of that name that is not ours", async () => {
  const lines = ['{"id":"a"}', '{"id":"b","shard":12}', '{"shard":{"index":1,"count":9},"id":"c"}'];
  const records = ReadableStream.from(lines.map((line) => Rec.parse(line, "in:1")));
  const chosen = [];
  for (const index of [1, 2]) {
    const again = ReadableStream.from(lines.map((line) => Rec.parse(line, "in:1")));
    for await (const rec of select(again, { shard: { index, count: 2 } })) chosen.push(`${rec}`);
  }
  assert.deepEqual(chosen, [
    '{"id":"a","shard":{"index":1,"count":2}}',
    '{"id":"c","shard":{"index":1,"count":2}}',
    lines[1],
  ]);
  const whole = [];
  for await (const rec of select(records, {})) whole.push(`${rec}`);
  assert.deepEqual(whole, lines);
});

Deno.test("shardOf() takes its own marks alone", () => {
  for (
    const shard of [null, 1, "1/2", [1, 2], {}, { index: 3, count: 2 }, { index: 0.5, count: 2 }]
  ) {
    assert.equal(shardOf(Rec.from({ shard })), undefined, JSON.stringify(shard));
  }
  assert.deepEqual(
    shardOf(Rec.from({ shard: { index: 2, count: 2, items: 3, records: "x", more: 1 } })),
    {
      index: 2,
      count: 2,
    },
  );
});

Deno.test("countRecords() is exact for each shard", () => {
  const tasks = [{ items: 5 }, { items: 2 }] as unknown as Parameters<
    typeof countRecords
  >[0]["tasks"];
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8].map((index) =>
    countRecords({ tasks, limit: 3, n: 2, shard: { index, count: 8 } })
  );
  assert.deepEqual(sizes, [2, 2, 2, 2, 2, 0, 0, 0]);
});

Deno.test("reports of a run that lacks a shard say so, and it is not complete", () => {
  const tally = new Tally(() => undefined);
  for (const index of [1, 3]) {
    tally.add(
      Rec.from({ id: `${index}`, task: "t", metrics: { acc: 1 }, shard: { index, count: 3 } }),
    );
  }
  const results = tally.results();
  assert.equal(results.complete, false);
  const lack = /shard 2 of 3 is missing/;
  assert.match(markdownSummary(results), lack);
  assert.match(junitXml(results), /failures="1".*<failure message="shard 2 of 3 is missing"/s);
  assert.match(htmlPage([{ label: "", results, identity: {} }], () => undefined), lack);
});
