import assert from "@std/assert";
import { bootstrap, combine, intervalOf, intervalOfMean, wilson } from "../../../lib/eval/stats.ts";
import { Tally } from "../../../lib/eval/tally.ts";
import { type Task, task } from "../../../lib/eval/task.ts";
import { Rec } from "../../../lib/records/record.ts";

function close(found: number | null, wanted: number, what = ""): void {
  assert.ok(found !== null && Math.abs(found - wanted) < 1e-12, `${what} ${found}, not ${wanted}`);
}

const BASE = {
  title: "T",
  summary: "",
  source: { files: [], licence: "", items: 0 },
  *items() {},
  prompt: () => [],
  score: () => ({ metrics: {} }),
  examples: [],
} as const;

const TASKS: Task[] = [
  task({ ...BASE, name: "plain", group: "math", metric: "acc" }),
  task<{ book: string }>({
    ...BASE,
    name: "macro",
    group: "math",
    metric: "acc",
    parts: { book: ({ book }) => book },
    aggregate: { over: "book", mean: "macro" },
  }),
  task<{ points: number }>({
    ...BASE,
    name: "percent",
    group: "knowledge",
    metric: "score",
    scale: 100,
    weight: ({ points }) => points,
  }),
  task({ ...BASE, name: "plain:other", group: "math", metric: "acc" }),
];
const taskOf = (name: string) => TASKS.find((task) => task.name === name);

function record(task: string, fields: Record<string, unknown>): Rec {
  return Rec.from({ id: crypto.randomUUID(), task, ...fields });
}

Deno.test("Tally counts a plain share with Wilson's interval, and says why items lost", () => {
  const tally = new Tally(taskOf);
  for (const acc of [1, 1, 0]) tally.add(record("plain", { metrics: { acc, other: 4 } }));
  tally.add(record("plain", { metrics: { acc: 0 }, flags: ["unparsed"] }));
  tally.add(record("plain", { metrics: { acc: 0 }, output: { finish_reason: "length" } }));
  tally.add(record("plain", { metrics: { acc: 0 }, flags: ["memory"] }));
  tally.add(record("plain", { not_run: "no mono" }));
  tally.add(record("plain", { error: { stage: "eval", message: "x" } }));
  const { plain } = tally.results().tasks;
  close(plain.score, 2 / 6);
  assert.deepEqual(plain.interval, wilson(2 / 6, 6));
  const { items, wrong, unparsed, cut, out_of_memory, errors, not_run } = plain;
  assert.deepEqual(
    { items, wrong, unparsed, cut, out_of_memory, errors, not_run },
    {
      items: 6,
      wrong: 1,
      unparsed: 1,
      cut: 1,
      out_of_memory: 1,
      errors: 1,
      not_run: { "no mono": 1 },
    },
  );
  close(plain.metrics.other, 4);
  assert.equal(tally.items, 8);
});

Deno.test("Tally means parts and weights as the task declares, on 0..1", () => {
  const tally = new Tally(taskOf);
  for (const [book, acc] of [["a", 1], ["a", 1], ["a", 0], ["b", 0]] as const) {
    tally.add(record("macro", { doc: { book }, metrics: { acc } }));
  }
  tally.add(record("percent", { doc: { points: 3 }, metrics: { score: 100 } }));
  tally.add(record("percent", { doc: { points: 1 }, metrics: { score: 20 } }));
  const { tasks, groups, mean } = tally.results();
  close(tasks.macro.score, 1 / 3);
  assert.deepEqual(tasks.macro.parts.book.b, { score: 0, items: 1 });
  close(tasks.percent.score, 0.8);
  close(tasks.percent.metrics.score, 60);
  close(groups.knowledge!.score, 0.8);
  close(mean, (1 / 3 + 0.8) / 2);
});

Deno.test("E11 E23 tasks that were not run are in no mean", () => {
  const tally = new Tally(taskOf);
  tally.notRun("macro", "its data is missing", 0);
  assert.equal(tally.results().mean, null);
  tally.add(record("plain", { metrics: { acc: 1 } }));
  const { tasks, mean } = tally.results();
  assert.equal(tasks.macro.score, null);
  assert.deepEqual(tasks.macro.not_run, { "its data is missing": 0 });
  close(mean, 1);
});

Deno.test("figures do not depend on the order of records", () => {
  const records = Array.from(
    { length: 40 },
    (_, i) => [`${"abc"[i % 3]}`, (i * 7) % 5 / 4] as const,
  );
  const results = [records, records.toReversed()].map((list) => {
    const tally = new Tally(taskOf);
    for (const [book, acc] of list.toSorted((x, y) => x[0] < y[0] ? -1 : 1)) {
      tally.add(record("macro", { doc: { book }, metrics: { acc } }));
    }
    return tally.results().tasks.macro;
  });
  close(results[0].score, results[1].score!);
});

Deno.test("several answers to an item count as their mean, and narrow no interval", () => {
  const tally = new Tally(taskOf);
  const answers = [[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]];
  for (const [item, values] of answers.entries()) {
    for (const [i, acc] of values.entries()) {
      tally.add(Rec.from({ id: `${item}#${i + 1}`, task: "plain", metrics: { acc } }));
    }
  }
  const { plain } = tally.results().tasks;
  assert.deepEqual([plain.score, plain.items, plain.answers, plain.wrong], [0.5, 3, 12, 6]);
  assert.deepEqual(
    plain.interval,
    bootstrap(new Map([["", { values: [0.5, 1, 0] }]]), "items", "plain"),
  );
  // Two answers to each of two rotations of three questions tell as much.
  const rotated = new Tally(taskOf);
  for (const [item, values] of answers.entries()) {
    for (const [i, acc] of values.entries()) {
      const id = `${item}#${1 + (i >> 1)}#${1 + i % 2}`;
      rotated.add(Rec.from({ id, task: "plain", metrics: { acc } }));
    }
  }
  assert.deepEqual(rotated.results().tasks.plain, plain);
  // Greedy answers are all alike: the interval is that of the items.
  const greedy = new Tally(taskOf);
  for (const [item, acc] of [1, 0, 1].entries()) {
    for (let i = 1; i <= 9; i++) {
      greedy.add(Rec.from({ id: `${item}#${i}`, task: "plain", metrics: { acc } }));
    }
  }
  assert.deepEqual(greedy.results().tasks.plain.interval, wilson(2 / 3, 3));
});

Deno.test("intervalOf() has width wherever the items are few", () => {
  const part = (...values: number[]) => ({ values });
  const cases: [string, ReturnType<typeof part>[], "macro" | "items", [number, number]][] = [
    ["one part of right and wrong", [part(1, 0, 1)], "items", wilson(2 / 3, 3)],
    ["all right", [part(1, 1), part(1)], "macro", wilson(1, 1 / (0.25 / 2 + 0.25))],
    ["parts of one", [part(1), part(0)], "macro", wilson(0.5, 2)],
    ["parts that are alike inside", [part(1, 1, 1), part(0, 0, 0)], "macro", wilson(0.5, 6)],
  ];
  for (const [what, list, mean, wanted] of cases) {
    const parts = new Map(list.map((one, i) => [String(i), one]));
    const score = combine(
      new Map(list.map(({ values }, i) => [
        String(i),
        { score: values.reduce((a, b) => a + b) / values.length, items: values.length },
      ])),
      mean,
    );
    const found = intervalOf(parts, { score, mean, seed: "s" });
    for (const end of [0, 1]) close(found[end], wanted[end], what);
  }
  const partial = new Map([["a", part(0.25)], ["b", part(0.75, 0.5)]]);
  const [low, high] = intervalOf(partial, { score: 0.4375, mean: "macro", seed: "s" });
  assert.ok(low < 0.4375 && 0.4375 < high);
});

Deno.test("intervalOfMean() adds the distances to the ends squared", () => {
  const interval: [number, number] = [0.4, 0.6];
  const [low, high] = intervalOfMean([{ score: 0.5, interval }, { score: 0.5, interval }]);
  close(low, 0.5 - 0.1 / Math.SQRT2);
  close(high, 0.5 + 0.1 / Math.SQRT2);
});

Deno.test("a figure against another benchmark is there when both were run", () => {
  const own = { ...TASKS[0], name: "own", against: { pdr: { task: "plain", of: drop } } };
  const tally = new Tally((name) => name === "own" ? own : taskOf(name));
  tally.add(record("own", { metrics: { acc: 0 } }));
  tally.add(record("own", { metrics: { acc: 1 } }));
  assert.equal("pdr" in tally.results().tasks.own.metrics, false);
  tally.add(record("plain", { metrics: { acc: 1 } }));
  close(tally.results().tasks.own.metrics.pdr, 0.5);
});

function drop(own: number, original: number): number {
  return 1 - own / original;
}

Deno.test("combine() makes one score of parts", () => {
  const parts = new Map([
    ["a", { score: 0.5, items: 10 }],
    ["b", { score: 1, items: 30 }],
  ]);
  close(combine(parts, "items"), 0.875);
  close(combine(parts, "macro"), 0.75);
  close(combine(parts, { weights: { a: 3, b: 1 } }), 0.625);
  close(combine(parts, { weights: { a: 1 } }), 0.5);
  close(combine(parts, { weights: { other: 1 } }), 0.875, "no part has a weight: by items");
  close(combine(parts, (all) => all.get("b")!.score), 1);
});

Deno.test("bootstrap() is the same every time and holds the mean", () => {
  const parts = new Map([["a", { values: Array.from({ length: 100 }, (_, i) => i % 4 / 3) }]]);
  const [low, high] = bootstrap(parts, "items", "seed");
  assert.deepEqual(bootstrap(parts, "items", "seed"), [low, high]);
  assert.ok(low < 0.5 && 0.5 < high && high - low < 0.2, `${low} to ${high}`);
  assert.notDeepEqual(bootstrap(parts, "items", "other"), [low, high]);
});

Deno.test("Tally counts a variant in the mean of all, and for no dimension", () => {
  const tally = new Tally(taskOf);
  tally.add(record("plain", { metrics: { acc: 1 } }));
  tally.add(record("plain:other", { metrics: { acc: 0 } }));
  const { groups, mean } = tally.results();
  assert.deepEqual([groups.math?.score, groups.math?.tasks, mean], [1, 1, 0.5]);
});

Deno.test("parts that are all right make exactly 1, however many they are", () => {
  for (const count of [3, 57, 67]) {
    const parts = new Map(
      Array.from({ length: count }, (_, i) => [`${i}`, { score: 1, items: i + 1 }]),
    );
    for (const mean of ["macro", "items"] as const) {
      assert.equal(combine(parts, mean), 1, `${mean} of ${count}`);
    }
  }
});
