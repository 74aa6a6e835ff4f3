/**
 * `deno task recipe [--only ID,ID] [--seeds 1,2,3] [--steps N] [--items N] [--runs DIR] [--ar DIR] [--block DIR]`:
 * trains the arms of each experiment and measures them: score and tokens per forward on nano's items, loss
 * on held-out rows, gradient norm of the first steps. Starts are trained by models/nano/recipe.json's first
 * stages unless folders are given. A stopped run goes on; rows are kept in bench/recipe/results.json, beside
 * the arms measured before. Experiments "merge" and "decoding" are `merged` and `decoding` below.
 */
import { parseArgs } from "node:util";
import { lines, unmask } from "../../cli/itself.ts";
import { sha256 } from "../../lib/digest.ts";
import { NANO } from "../../lib/hub/resolve.ts";
import { readRun, SKILLS, THRESHOLDS } from "../nano.ts";
import { type Arm, type Experiment, experiments, type Stage } from "./experiments.ts";
import type { ArmRow } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "1" },
    steps: { type: "string", default: "150" },
    items: { type: "string", default: "40" },
    batch: { type: "string", default: "16" },
    runs: { type: "string", default: "runs/recipe" },
    ar: { type: "string" },
    block: { type: "string" },
    model: { type: "string" },
    json: { type: "string" },
    note: { type: "string" },
  },
});

const STEPS = Number(flags.steps);

/** Steps whose gradient norms tell how a run begins. */
const FIRST_STEPS = 30;

interface Recipe {
  readonly model: Record<string, unknown>;
  readonly defaults: Record<string, unknown>;
  readonly stages: readonly Stage[];
  readonly [key: string]: unknown;
}

const base: Recipe = JSON.parse(await Deno.readTextFile(`${NANO}/recipe.json`));

/** Trains a recipe in a folder, or goes on; gives the folder of the trained model. */
async function trained(dir: string, recipe: Recipe): Promise<string> {
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeTextFile(`${dir}/recipe.json`, JSON.stringify(recipe, null, 2));
  await unmask(["train", `${dir}/recipe.json`, "--output", `${dir}/run`]);
  return `${dir}/run/model`;
}

/** The embedded model's recipe as far as it is autoregressive, or until its blocks are narrow again. */
async function startAt(start: Experiment["start"]): Promise<string> {
  const upTo = base.stages.findLastIndex(({ name, objective }) =>
    start === "ar" ? objective === "ar" : name === "decay"
  );
  return await trained(`${flags.runs}/start-${start}`, {
    ...base,
    model: { ...base.model, config: `${NANO}/config.json` },
    stages: base.stages.slice(0, upTo + 1),
    merge: undefined,
  });
}

const made = new Map<string, Promise<string>>();

/** The folder that an experiment's arms start from: as given, or trained once. */
function startOf(start: Experiment["start"]): Promise<string> {
  const given = flags[start];
  if (!made.has(start)) {
    made.set(start, given ? Deno.realPath(given) : startAt(start));
  }
  return made.get(start)!;
}

/** An arm's recipe behind a start. */
function recipeOf(
  arm: Arm,
  { seed, start, every }: { seed: number; start: string; every: number },
): Recipe {
  return {
    ...base,
    model: { start },
    seed,
    defaults: { ...base.defaults, batch: Number(flags.batch) },
    stages: arm.stages,
    checkpoints: { every, keep: 5 },
    merge: undefined,
  };
}

/** The folder of a recipe: arms of two experiments that are the same are trained once. */
async function folderOf(recipe: Recipe): Promise<string> {
  return `${flags.runs}/${(await sha256(JSON.stringify(recipe))).slice(0, 12)}`;
}

async function measured(experiment: Experiment, arm: Arm, seed: number): Promise<ArmRow> {
  const start = await startOf(experiment.start);
  const recipe = recipeOf(arm, { seed, start, every: experiment.steps });
  const dir = await folderOf(recipe);
  const model = await trained(dir, recipe);
  const metrics = lines<{ gradient_norm: number; validation?: number }>(
    await Deno.readTextFile(`${dir}/run/metrics.jsonl`),
  );
  const norms = metrics.slice(0, FIRST_STEPS).map((step) => step.gradient_norm);
  const mean = norms.reduce((sum, norm) => sum + norm, 0) / norms.length;
  return {
    experiment: experiment.id,
    arm: arm.name,
    seed,
    steps: experiment.steps,
    ...await scoresOf(model, `${dir}/eval`),
    validation: metrics.at(-1)!.validation,
    first_gradient_norm: [mean, Math.max(...norms)],
  };
}

/** Checkpoints of one run alone, and their mean (section 4.3). */
async function* merged(seed: number): AsyncGenerator<ArmRow> {
  const arm = experiments(STEPS).find(({ id }) => id === "complementary")!.arms[0];
  const start = await startOf("block");
  const recipe = recipeOf(arm, { seed, start, every: Math.max(1, Math.round(STEPS / 5)) });
  const dir = await folderOf(recipe);
  await trained(dir, recipe);
  const checkpoints = `${dir}/run/checkpoints`;
  const newest = [...Deno.readDirSync(checkpoints)].map(({ name }) => name).sort().slice(-3)
    .map((name) => `${checkpoints}/${name}`);
  const mean = `${dir}/mean`;
  await Deno.remove(mean, { recursive: true }).catch(() => {});
  await unmask(["merge", ...newest, "--output", mean]);
  const models = [...newest.map((dir, at) => [`checkpoint ${at + 1} of 3`, dir]), [
    "their mean",
    mean,
  ]];
  for (const [arm, model] of models) {
    const scored = await scoresOf(model, `${dir}/eval-${arm.replace(/\W+/g, "-")}`);
    yield { experiment: "merge", arm, seed, steps: STEPS, ...scored };
  }
}

/** The embedded model over thresholds and block lengths (the report's Fig. 4). */
async function* decoding(): AsyncGenerator<ArmRow> {
  const settings = [
    ...THRESHOLDS.map((value) => ["threshold", String(value)]),
    ...[4, 8, 16, 32, 64].map((value) => ["block-length", String(value)]),
  ];
  for (const [name, arm] of settings) {
    const output = `${flags.runs}/decoding/${name}-${arm}`;
    const scored = await scoresOf(flags.model ?? NANO, output, `--${name}`, arm);
    yield { experiment: `decoding: ${name}`, arm, seed: 0, steps: 0, ...scored };
  }
}

/** Scores of the five tasks, and tokens per denoising forward at threshold 0.95. */
async function scoresOf(
  model: string,
  output: string,
  ...more: string[]
): Promise<Pick<ArmRow, "items" | "score" | "scores" | "tokens_per_forward">> {
  const options = ["--model", model, "--limit", flags.items!, "--output", output, ...more];
  await unmask(["eval", "nano", ...options, "--json"]);
  const run = await readRun(output);
  return {
    items: run.items,
    score: run.mean,
    scores: Object.fromEntries(SKILLS.map((name, at) => [name, run.scores[at]])),
    tokens_per_forward: run.tokensPerForward,
  };
}

const path = flags.json ?? new URL("results.json", import.meta.url).pathname;
const kept: { note?: string; rows: ArmRow[] } = await Deno.readTextFile(path).then(
  JSON.parse,
  () => ({ rows: [] }),
);

/** Keeps a row in the place of an older one of the same arm and seed. */
async function keep(row: ArmRow): Promise<void> {
  console.log(JSON.stringify(row));
  const key = ({ experiment, arm, seed }: ArmRow) => JSON.stringify([experiment, arm, seed]);
  kept.rows = [...kept.rows.filter((old) => key(old) !== key(row)), row];
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}`;
  const note = flags.note ?? kept.note; // what a reader has to know about this measurement
  const head = JSON.stringify({ date, machine, note }).slice(0, -1);
  const rows = kept.rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n");
  await Deno.writeTextFile(path, `${head},\n "rows": [\n${rows}\n ]\n}\n`);
}

const seeds = flags.seeds!.split(",").map(Number);
const asked = (id: string) => flags.only === undefined || flags.only.split(",").includes(id);
for (const seed of seeds) {
  for (const experiment of experiments(STEPS).filter(({ id }) => asked(id))) {
    for (const arm of experiment.arms) await keep(await measured(experiment, arm, seed));
  }
  if (!asked("merge")) continue;
  for await (const row of merged(seed)) await keep(row);
}
if (asked("decoding")) {
  for await (const row of decoding()) await keep(row);
}
