import assert from "@std/assert";
import { diffRuns, diffTable } from "../../../lib/eval/diff.ts";
import { htmlPage } from "../../../lib/eval/report/html.ts";
import { junitXml } from "../../../lib/eval/report/junit.ts";
import { lmEvalResults, lmEvalSample } from "../../../lib/eval/report/lm_eval.ts";
import { markdownSummary } from "../../../lib/eval/report/markdown.ts";
import { writeReports } from "../../../lib/eval/report/mod.ts";
import { reportedTable, resultTable } from "../../../lib/eval/report/table.ts";
import { RunFolder } from "../../../lib/eval/output.ts";
import { legend, pointPlot, WIDTH } from "../../../lib/page/svg.ts";
import { Tally } from "../../../lib/eval/tally.ts";
import { type Task, task } from "../../../lib/eval/task.ts";
import { Rec } from "../../../lib/records/record.ts";

const TASK = task({
  name: "t",
  title: "T",
  group: "math",
  summary: "",
  source: { files: [], licence: "", items: 2 },
  items: () => [],
  prompt: () => [],
  metric: "acc",
  score: () => ({ metrics: {} }),
  parts: { kind: () => '<b>"part" & |' },
  reported: { mini: 50, flash: 61.5, qwen: 70 },
  deviations: ["no system text: the report names none"],
  examples: [],
});
const taskOf = (name: string) => name === "t" ? TASK : undefined;

function results() {
  const tally = new Tally(taskOf);
  const output = { finish_reason: "stop", confidence: [0.9, 0.7] };
  const usage = { completion_tokens: 8, forwards: 4 };
  tally.add(Rec.from({ id: "1", task: "t", doc: {}, metrics: { acc: 1 }, output, usage }));
  tally.add(Rec.from({ id: "2", task: "t", doc: {}, metrics: { acc: 0 }, flags: ["unparsed"] }));
  tally.notRun("gone", "no | data <here>", 0);
  return tally.results();
}

Deno.test("tables say score, interval, why, and what was not run", () => {
  const table = resultTable(results(), { t: 1.25 });
  assert.match(table, /^t +2 +50\.0 +9\.5 to 90\.5 +2\.00 +1\.3 +1 unparsed$/m);
  assert.match(table, /^gone +0 +- .* not run: no \| data <here>$/m);
  const reported = reportedTable(results(), taskOf);
  assert.match(reported, /^t +50\.00 +9\.5 to 90\.5 +50\.00 +61\.50 +70\.00 +- +no system text/m);
});

Deno.test("nothing makes a page wider than a phone but what scrolls by itself", () => {
  const html = htmlPage([{ label: "", results: results(), identity: {} }], taskOf);
  const [style] = /<style>.*<\/style>/s.exec(html)!;
  const rules = [...style.matchAll(/([^{}]+)\{[^{}]*min-width:\d{2,}(?:px|rem)/g)].map((
    [, selector],
  ) => selector.trim());
  assert.deepEqual(rules, [".scroll td:last-child", ".range", "svg"]);
  // Each of the two others stands within.
  const [apart, ...scrolled] = html.split('<div class="scroll">');
  assert.ok(!/<svg|class="range"/.test(apart));
  for (const part of scrolled) {
    assert.ok(!/<svg|class="range"/.test(part.replace(/^.*?(<\/svg>|<\/table>)<\/div>/s, "")));
  }
});

Deno.test("J12 what a terminal obeys is shown, not done", async () => {
  const tally = new Tally(taskOf);
  const id = "\u001b[31mred\n";
  tally.add(Rec.from({ id, task: id, metrics: { acc: 1 } }));
  const run = (acc: number) => ReadableStream.from([Rec.from({ id, task: id, metrics: { acc } })]);
  const diffs = await diffRuns(run(0), run(1), taskOf);
  const found = tally.results();
  for (const text of [resultTable(found), markdownSummary(found), diffTable(diffs)]) {
    assert.match(text, /\\u001b\[31mred/);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /\u001b|red\n/);
  }
});

Deno.test("Markdown and JUnit hold any text", () => {
  assert.match(
    markdownSummary(results()),
    /\| gone \| 0 (\| {2}){3}\| not run: no \\\| data <here> \|/,
  );
  const xml = junitXml(results());
  assert.match(xml, /tests="2" failures="0" skipped="1"/);
  assert.match(xml, /<skipped message="not run: no \| data &lt;here&gt;"\/>/);
  const found = results();
  const failed = junitXml({ ...found, mean: 0.4 }, { least: 0.5 });
  assert.match(failed, /tests="3" failures="1" skipped="1"/);
  assert.match(failed, /name="mean"><failure message="the mean is 0.4000, expected at least 0.5"/);
  const passed = junitXml({ ...found, mean: 0.5 }, { least: 0.5 });
  assert.match(passed, /failures="0"[^]*name="mean"><system-out>the mean is 0.5000<\/system-out>/);
});

Deno.test("the page is whole, self-contained and escapes what models and data wrote", () => {
  const run = { label: "", results: results(), identity: { adapter: "x", options: { a: "<i>" } } };
  const page = htmlPage([run], taskOf);
  assert.match(page, /^<!doctype html>[\s\S]*<\/html>\n$/);
  assert.ok(!/<b>"part"|<i>"|<here>|https?:|src=/.test(page.replaceAll("<i style", "")), page);
  assert.match(page, /&lt;b&gt;&quot;part&quot; &amp; \|/);
  assert.match(page, /LLaDA2\.0-flash, reported 61\.5/);
  const scored = { ...run, identity: { options: { records: "stdin" } } };
  assert.match(htmlPage([scored], taskOf), /; answers from stdin<\/p>/);
  const sweep = htmlPage(
    [{ ...run, label: "threshold 0.5" }, { ...run, label: "threshold 0.9" }],
    taskOf,
  );
  assert.match(sweep, /Score against tokens per forward<\/h2><div class="scroll"><svg/);
});

Deno.test("a sweep's points are joined in the order of its numbers, words behind them", () => {
  const labels = [
    "edit-threshold off",
    "edit-threshold 10",
    "edit-threshold 0",
    "edit-threshold 9",
  ];
  const runs = labels.map((label) => ({ label, results: results(), identity: {} }));
  const svg = /<svg[\s\S]*?<\/svg>/.exec(htmlPage(runs, taskOf))![0];
  const found = [...svg.matchAll(/>(off|0|9|10)<\/text>/g)].map(([, text]) => text);
  // The axis has a 0 of its own before them.
  assert.deepEqual(found.slice(-4), ["0", "9", "10", "off"]);
});

Deno.test("the report's mean is of the tasks that our mean of a dimension is of, or not there", () => {
  const known: Task[] = [
    TASK,
    { ...TASK, name: "t:v" },
    { ...TASK, name: "u", reported: { mini: 70, flash: 80 } },
    { ...TASK, name: "own", reported: undefined },
  ];
  const find = (name: string) => known.find((task) => task.name === name);
  const pageOf = (names: readonly string[]) => {
    const tally = new Tally(find);
    for (const task of names) {
      tally.add(Rec.from({ id: task, task, doc: {}, metrics: { acc: 1 } }));
    }
    return htmlPage([{ label: "", results: tally.results(), identity: {} }], find);
  };
  assert.match(pageOf(["t", "t:v", "u"]), /LLaDA2\.0-mini, reported 60\.0/);
  assert.doesNotMatch(pageOf(["t", "own"]), /LLaDA2\.0-mini, reported/);
});

Deno.test("lm-evaluation-harness's samples are in files of known tasks' names", async () => {
  const dir = await Deno.makeTempDir();
  const folder = await RunFolder.open(dir, { identity: {} });
  try {
    const tally = new Tally(taskOf);
    for (const task of ["t", "../../t"]) {
      const rec = Rec.from({ id: task, task, doc: {}, error: { stage: "eval", message: "" } });
      await folder.append(rec);
      tally.add(rec);
    }
    await writeReports(folder, { results: tally.results(), taskOf, lmEval: true });
    const names = (await Array.fromAsync(Deno.readDir(`${dir}/lm_eval`))).map(({ name }) => name);
    assert.deepEqual(names.sort(), ["results.json", "samples_no task.jsonl", "samples_t.jsonl"]);
  } finally {
    await folder.close();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("of many tasks the page plots dimensions, lists what was not run, and folds the rest", () => {
  const known = new Map<string, Task>(
    (["knowledge", "reasoning", "coding", "math", "agent"] as const).flatMap((group) =>
      [1, 2, 3].map((i) => [`${group}${i}`, { ...TASK, name: `${group}${i}`, group }] as const)
    ),
  );
  const tally = new Tally((name) => known.get(name));
  const output = { finish_reason: "stop", confidence: [0.9] };
  const usage = { completion_tokens: 8, forwards: 4 };
  for (const task of known.keys()) {
    tally.add(Rec.from({ id: task, task, metrics: { acc: 1, other: 2 }, output, usage }));
  }
  tally.notRun("gone", "its data is missing", 0);
  const results = tally.results();
  const identity = { options: { decode: { threshold: 0.5, steps: 8 } }, digests: { model: "d" } };
  const page = htmlPage([{ label: "", results, identity }], (name) => known.get(name));
  for (const pattern of [/of 15 of 16 tasks/, /<h2>Not run<\/h2>.*its data is missing/]) {
    assert.match(page, pattern);
  }
  assert.deepEqual([...page.matchAll(/class="line l(\d)"/g)].map(([, i]) => i), [..."01234"]);
  assert.match(page, /coding1: metrics, by kind/);
  const other = { options: { decode: { threshold: 0.9, steps: 8 } } };
  const sweep = htmlPage(
    [{ label: "threshold 0.5", results, identity }, {
      label: "threshold 0.9",
      results,
      identity: other,
    }],
    (name) => known.get(name),
  );
  assert.match(sweep, /&quot;threshold 0\.9&quot;/);
  assert.ok(!/&quot;threshold&quot;/.test(sweep), "one run's value is not said of all");
});

Deno.test("the lm-evaluation-harness shape has metrics with a filter and standard errors", () => {
  const { results: shaped } = lmEvalResults(results(), {}, taskOf) as {
    results: Record<string, unknown>;
  };
  const t = shaped.t as Record<string, number>;
  assert.equal(t["acc,none"], 0.5);
  assert.ok(t["acc_stderr,none"] > 0);
  const rec = Rec.from({ id: "1", task: "t", doc: { q: 1 }, text: "x", metrics: { acc: 1 } });
  const line = JSON.parse(String(lmEvalSample(rec, 3, TASK)));
  assert.deepEqual([line.doc_id, line.resps, line.acc, line.metrics], [3, [["x"]], 1, ["acc"]]);
});

Deno.test("pointPlot() writes no label over the legend", () => {
  const points = [{ x: 1, y: 1, label: "0.7" }];
  const svg = pointPlot({
    title: "",
    xLabel: "x",
    yLabel: "y",
    curves: [{ name: "a", points }, { name: "b", points: [{ x: 2, y: 0 }] }],
  });
  const baseline = (text: string) =>
    Number(new RegExp(`y="([\\d.]+)"[^>]*>${text}</text>`).exec(svg)![1]);
  const HEIGHT_OF_DIGITS = 9;
  assert.ok(baseline("0.7") - HEIGHT_OF_DIGITS > baseline("a"));
});

Deno.test("legend() cuts names that are too long for the plot", () => {
  const long = [
    "nano_knowledge",
    "bigcodebench_full",
    "gpqa_diamond:rotations",
    "humanevalfix",
    "math",
  ];
  const svg = legend(long);
  assert.match(svg, />gpqa_diamond…</);
  const [last] = [...svg.matchAll(/<text x="(\d+)"/g)].slice(-1);
  assert.ok(Number(last[1]) + 7 * "math".length <= WIDTH);
  assert.match(legend(long.slice(2, 4)), />gpqa_diamond:rotations</);
});
