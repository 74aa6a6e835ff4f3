/**
 * `deno task plots`: draws docs/plots/*.svg and writes the tables of docs/performance.md between their
 * marks, from the budget, the newest rows of bench/results/*.json, and an answer of nano.
 */
import { shapeConfig } from "../lib/quant/shapes.ts";
import { stepBudget } from "./budget.ts";
import { replaceMarked } from "./marked.ts";
import type { Row } from "./report.ts";
import { barChart, type BarGroup } from "./svg.ts";
import { type Column, columnsTable, rowsTable, table } from "./tables.ts";
import { unmaskingFigure } from "./unmasking.ts";

/** Bytes a second of the GPU that the budget is held against. */
const READ_RATE = 4.3e12;

const DTYPES = ["f16", "q8", "q4"] as const;
const MODELS = ["mini", "flash"] as const;
const RESULTS = new URL("results/", import.meta.url);
const DOCS = new URL("../docs/", import.meta.url);

interface Result {
  readonly date: string;
  readonly commit: string;
  readonly machine: { readonly adapter: string; readonly cores: number };
  readonly rows: readonly Row[];
}

/** Every kept run, oldest first. */
const results: readonly Result[] = [...Deno.readDirSync(RESULTS)].map(({ name }) => name)
  .filter((name) => name.endsWith(".json")).sort()
  .map((name) => JSON.parse(Deno.readTextFileSync(new URL(name, RESULTS))));

/** The newest run on this kind of adapter that holds a group of rows, and where it was made. */
function newest(
  group: string,
  adapter = "llvmpipe",
): { rows: readonly Row[]; date: string; from: string } {
  const { rows, date, commit, machine } = results.findLast(({ machine, rows }) =>
    machine.adapter.includes(adapter) && rows.some((row) => row.group === group)
  )!;
  const from = `${date}, ${machine.adapter}, ${machine.cores} cores, commit ${commit}`;
  return { rows: rows.filter((row) => row.group === group), date, from };
}

/** Milliseconds of a step at the reference rate. */
function floorMs(model: string, dtype: (typeof DTYPES)[number], context = 0): number {
  const { config } = shapeConfig(model);
  const { weightBytes, cacheBytes } = stepBudget(config, { dtype, rows: 32, context });
  return 1e3 * (weightBytes + cacheBytes) / READ_RATE;
}

function budgetTable(): string {
  const rows = [...MODELS, ...MODELS.map((model) => `${model}-2.2`)].flatMap((model) => {
    const { config } = shapeConfig(model);
    return (["f32", ...DTYPES] as const).map((dtype) => {
      const at = (context: number) => stepBudget(config, { dtype, rows: 32, context });
      const [none, long] = [at(0), at(32768)];
      return [
        model,
        dtype,
        (none.weightBytes / 1e9).toFixed(2),
        (long.cacheBytes / 1e9).toFixed(2),
        (none.flops / 1e9).toFixed(0),
        (long.flops / 1e9).toFixed(0),
        String(none.dispatches),
        (1e3 * (none.weightBytes + none.cacheBytes) / READ_RATE).toFixed(1),
      ];
    });
  });
  const head = [
    "model",
    "dtype",
    "weights read, GB",
    "KV at 32k, GB",
    "GFLOP",
    "GFLOP at 32k",
    "dispatches",
    "floor at 4.3 TB/s, ms",
  ];
  return table(head, rows);
}

/** A run's rows as a table, under where they are from. */
function measured({ from, rows }: ReturnType<typeof newest>, some = rows): string {
  return `From ${from}.\n\n${rowsTable(some)}`;
}

/** The same side by side: a line for each name, a column for each shape. */
function compared(
  { from, rows }: ReturnType<typeof newest>,
  columns: readonly Column[],
  some = rows,
): string {
  return `From ${from}.\n\n${columnsTable(some, columns)}`;
}

/** Steps and prefill of a model's shape, whose `batch` blocks see so many keys before them. */
const STEPS: readonly Column[] = [
  { head: "step", shape: /batch=1 context=0$/ },
  { head: "of 4 blocks", shape: /batch=4 / },
  { head: "of 16 blocks", shape: /batch=16 / },
  { head: "behind 4,096 tokens", shape: /context=4096$/ },
  { head: "behind 32,736", shape: /context=32736$/ },
  { head: "prefill of 4,096 tokens", shape: /^prefill/ },
];

/** Parts of a training step. */
const TRAINING: readonly Column[] = ["forward", "backward", "optimizer", "step"].map((head) => ({
  head,
  shape: new RegExp(`^${head},`),
}));

/** Parts of a block's step in PyTorch, and the block made of them. */
const TORCH: readonly Column[] = [
  { head: "head", shape: /^head/ },
  { head: "dense layer", shape: /^dense/ },
  { head: "MoE layer, grouped experts", shape: /^MoE.*grouped/ },
  { head: "looped experts", shape: /^MoE.*looped/ },
  { head: "block, grouped", shape: /^block.*grouped/ },
  { head: "looped", shape: /^block.*looped/ },
];

/** Kernels at the real models' widths. */
const WIDE = /k=2048 n=2048|headDim=128.*(rotary|pages=2 )|vocab=157184|experts=256/;

function groupsOf(rows: readonly Row[], key: (row: Row) => string, name: (row: Row) => string) {
  const groups = new Map<string, BarGroup["bars"][number][]>();
  for (const row of rows) {
    const bars = groups.get(key(row)) ?? [];
    bars.push({ name: name(row), value: row.ms! });
    groups.set(key(row), bars);
  }
  return [...groups].map(([label, bars]) => ({ label, bars }));
}

const decode = newest("decode");
const loop = decode.rows.filter(({ shape }) => shape?.startsWith("batch="));
const step = decode.rows.filter(({ name }) => name.startsWith("step: "));
const context = newest("context");
const shapes = newest("shape");
const kernel = newest("kernel");
const trainKernels = newest("train kernel");
const gpu = (group: string) => newest(group, "NVIDIA");
const gpuSteps = gpu("shape");
/** A profile's rows of a block's step by what they are about: their notes begin with the kind of dispatch. */
const profileOf = (model: string) =>
  gpu("profile").rows
    .filter(({ name, shape }) => name === model && shape === "step, batch=1 context=0")
    .map((row) => {
      const [name, shape] = row.note!.split(": ");
      return { ...row, name, shape, note: undefined };
    });
const gpuProfile = profileOf("mini q4, 20 layers");
const wide = [
  ...newest("ceiling").rows,
  ...kernel.rows.filter(({ shape }) => WIDE.test(shape ?? "")),
];

const plots: Record<string, string> = {
  unmasking: await unmaskingFigure(),
  budget: barChart(
    MODELS.map((model) => ({
      label: model,
      bars: DTYPES.map((dtype) => ({ name: dtype, value: floorMs(model, dtype) })),
    })),
    { title: "Floor of one step of 32 rows at 4.3 TB/s (computed)", unit: "ms" },
  ),
  loop: barChart(groupsOf(loop, ({ shape }) => shape!, ({ name }) => name), {
    title: `nano: wall time of a record's step, least of several (${decode.date}, lavapipe)`,
    unit: "ms",
  }),
  step: barChart(
    groupsOf(step, ({ name }) => name.slice(6), () => "CPU time of all layers, 32 rows"),
    { title: `nano: where a step's time goes (${decode.date}, lavapipe)`, unit: "ms", digits: 2 },
  ),
  context: barChart(groupsOf(context.rows, ({ shape }) => shape!, ({ name }) => name), {
    title: `Long contexts, one small layer, logarithmic (${context.date}, lavapipe)`,
    unit: "ms",
    digits: 0,
    logarithmic: true,
  }),
  "gpu-step": barChart(
    gpuProfile.map(({ name, ms }) => {
      const before = profileOf("tiles of 8: mini q4, 20 layers").find((row) => row.name === name)!;
      const bars = [{ name: "tiles of 8 rows", value: before.ms! }, { name: "now", value: ms! }];
      return { label: name, bars };
    }),
    {
      title: `mini q4, a block's step in all 20 layers (${gpuSteps.date}, H100)`,
      unit: "ms",
      digits: 2,
    },
  ),
};
await Deno.mkdir(new URL("plots/", DOCS), { recursive: true });
for (const [name, svg] of Object.entries(plots)) {
  await Deno.writeTextFile(new URL(`plots/${name}.svg`, DOCS), svg);
}

const tables: Record<string, string> = {
  budget: budgetTable(),
  kernels: measured(kernel, wide),
  shapes: compared(shapes, STEPS),
  decode: measured(decode, loop),
  context: measured(context),
  experts: measured(newest("experts")),
  "gpu steps": compared(
    gpuSteps,
    STEPS,
    gpuSteps.rows.filter(({ name }) => !name.startsWith("tiles of 8")),
  ),
  "gpu profile flash": measured(gpuSteps, profileOf("flash q4, 32 layers")),
  "gpu profile": measured(gpuSteps, gpuProfile),
  torch: compared(gpu("torch"), TORCH),
  train: compared(newest("train"), TRAINING),
  "train kernels": measured(trainKernels, trainKernels.rows.slice(0, 12)),
};
const page = new URL("performance.md", DOCS);
let text = await Deno.readTextFile(page);
for (const [name, content] of Object.entries(tables)) text = replaceMarked(text, name, content);
await Deno.writeTextFile(page, text);
