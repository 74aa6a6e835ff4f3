import assert from "@std/assert";
import { curvesPage } from "../../../lib/train/curves.ts";
import { readMetrics, RunLogs, type StepMetrics } from "../../../lib/train/metrics.ts";
import { refuses } from "../../mutate.ts";
import { inFolder } from "../../folder.ts";

function line(step: number, more: Partial<StepMetrics> = {}): StepMetrics {
  return {
    step,
    stage: "ar",
    phase: "ar",
    block: 4,
    loss: 6 / step,
    parts: { bdlm: 6 / step },
    lr: 1e-3,
    gradient_norm: 1,
    tokens: 64,
    targets: 20,
    ...more,
  };
}

const times = (step: number) => ({ step, seconds: Math.random(), tokens_per_second: 1 });

Deno.test("RunLogs are cut to a checkpoint's sizes, and end as if nothing had happened", async () => {
  await inFolder(async (dir) => {
    const none = () => assert.fail("no notice");
    const logs = await RunLogs.open(dir, {}, none);
    for (const step of [1, 2]) await logs.add(line(step), times(step));
    const sizes = await logs.sizes();
    for (const step of [3, 4]) await logs.add(line(step), times(step));
    logs.close();
    const whole = await Deno.readTextFile(`${dir}/metrics.jsonl`);
    await Deno.writeTextFile(`${dir}/metrics.jsonl`, `${whole}{"step": 5, "los`);
    assert.deepEqual(await readMetrics(dir), [1, 2, 3, 4].map((step) => line(step)));
    const again = await RunLogs.open(dir, sizes, none);
    for (const step of [3, 4]) await again.add(line(step), times(step));
    again.close();
    assert.equal(await Deno.readTextFile(`${dir}/metrics.jsonl`), whole);
    assert.equal((await Deno.readTextFile(`${dir}/timing.jsonl`)).split("\n").length, 5);
    const notices: string[] = [];
    await Deno.truncate(`${dir}/metrics.jsonl`, whole.length - 7); // within the fourth line
    const sizesNow = { "metrics.jsonl": whole.length };
    const behind = await RunLogs.open(dir, sizesNow, (notice) => notices.push(notice));
    assert.match(notices[0], /lost its last 7 bytes/);
    await behind.add(line(5), times(5));
    behind.close();
    assert.deepEqual(await readMetrics(dir), [1, 2, 3, 5].map((step) => line(step)));
    await Deno.writeTextFile(`${dir}/metrics.jsonl`, "{}\nnot JSON\n");
    await refuses(() => readMetrics(dir), /metrics.jsonl:2" as JSON/);
    await refuses(() => RunLogs.open(`${dir}/none`, {}, none), /no such file/);
    await Deno.remove(`${dir}/timing.jsonl`);
    await Deno.mkdir(`${dir}/timing.jsonl`);
    await refuses(
      () => RunLogs.open(dir, {}, none),
      /Cannot write ".*timing.jsonl": it is a folder/,
    );
  });
});

Deno.test("curvesPage() is one whole page for any run", () => {
  const many = Array.from({ length: 3000 }, (_, i) =>
    line(i + 1, {
      stage: i < 1000 ? "ar" : '<b>"sft"&',
      validation: i % 100 === 0 ? 0.5 : undefined,
    }));
  const cases: [string, readonly StepMetrics[]][] = [
    ["none", []],
    ["one step", [line(1)]],
    ["all zero", [line(1, { loss: 0, gradient_norm: 0, lr: 0 })]],
    ["not a number", [line(1, { loss: NaN }), line(2)]],
    ["many", many],
  ];
  for (const [what, metrics] of cases) {
    const html = curvesPage("run <1>", metrics);
    assert.match(html, /^<!doctype html>[\s\S]*<\/html>\n$/, what);
    assert.ok(!/NaN|Infinity|undefined|<b>|https?:|src=/.test(html), `${what}: ${html}`);
    assert.ok(html.length < 100_000, `${what}: ${html.length} characters`);
  }
  const small = curvesPage("x", [line(1, { lr: 1e-4 }), line(2, { lr: 1e-7 })]);
  const labels = [...small.matchAll(/text-anchor="end">([^<]*)</g)].map(([, label]) => label);
  assert.ok(labels.includes("5e-5"), labels.join(" "));
  assert.ok(labels.every((label) => label.length <= 6), "labels have their room");
  assert.equal(small.match(/<svg/g)!.length, small.match(/<div class="scroll"><svg/g)!.length);
  assert.match(curvesPage("x", many), /3000 steps, 192,000 tokens, loss 0.0020, validation 0.5000/);
});
