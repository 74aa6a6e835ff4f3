/**
 * `deno task recipe [--only ID] [--seeds 1,2,3] [--steps N] [--items N] [--runs DIR] [--ar DIR --block DIR]`:
 * trains the arms of each experiment and measures them: score and tokens per forward on nano's items, loss
 * on held-out rows, gradient norm of the first steps. Starts are trained by models/nano/recipe.json's first
 * stages unless folders are given. A stopped run goes on; rows are kept in bench/results/.
 */
import { parseArgs } from "node:util";
import { type Arm, type Experiment, experiments, type Stage } from "./experiments.ts";

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
    json: { type: "string" },
  },
});

const ROOT = new URL("../..", import.meta.url);
const NANO = new URL("models/nano", ROOT).pathname;
const TASKS = ["knowledge", "reasoning", "coding", "math", "agent"];

/** Steps whose gradient norms tell how a run begins. */
const FIRST_STEPS = 30;

/** What one trained arm is worth. */
export interface ArmRow {
  readonly group: "recipe";
  readonly name: string;
  readonly arm: string;
  readonly seed: number;
  readonly steps: number;
  readonly items: number;
  /** Mean of the five tasks' scores, and each of them. */
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
  readonly tokens_per_forward: number;
  /** Loss on held-out rows at the end. */
  readonly validation: number | null;
  /** Mean and largest gradient norm of the first steps. */
  readonly first_gradient_norm: readonly [number, number];
}

interface Recipe {
  readonly model: Record<string, unknown>;
  readonly data: Record<string, unknown>;
  readonly defaults: Record<string, unknown>;
  readonly stages: readonly Stage[];
  readonly [key: string]: unknown;
}

const base: Recipe = JSON.parse(await Deno.readTextFile(`${NANO}/recipe.json`));

async function unmask(...args: string[]): Promise<string> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", new URL("cli/main.ts", ROOT).pathname, ...args],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) Deno.exit(1);
  return new TextDecoder().decode(stdout);
}

/** Trains a recipe in a folder, or goes on; gives the folder of the trained model. */
async function trained(dir: string, recipe: Recipe): Promise<string> {
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeTextFile(`${dir}/recipe.json`, JSON.stringify(recipe, null, 2));
  await unmask("train", `${dir}/recipe.json`, "--output", `${dir}/run`);
  return `${dir}/run/model`;
}

/** The recipe of the embedded model up to a stage. */
async function startAt(stage: string): Promise<string> {
  const upTo = base.stages.findIndex(({ name }) => name === stage);
  const dir = `${flags.runs}/start-${stage}`;
  return await trained(dir, {
    ...base,
    model: { ...base.model, config: `${NANO}/config.json` },
    stages: base.stages.slice(0, upTo + 1),
    merge: undefined,
  });
}

const starts: Record<Experiment["start"], () => Promise<string>> = {
  ar: () => once("ar", () => startAt("ar")),
  block: () => once("block", () => startAt("decay")),
};
const made = new Map<string, Promise<string>>();
function once(name: "ar" | "block", make: () => Promise<string>): Promise<string> {
  if (!made.has(name)) {
    const given = flags[name];
    made.set(name, given === undefined ? make() : Deno.realPath(given));
  }
  return made.get(name)!;
}

async function measured(
  experiment: Experiment,
  arm: Arm,
  { seed, start }: { seed: number; start: string },
): Promise<ArmRow> {
  const dir = `${flags.runs}/${experiment.id}/${arm.name.replace(/\W+/g, "-")}-seed-${seed}`;
  const steps = Number(flags.steps);
  const model = await trained(dir, {
    ...base,
    model: { start },
    seed,
    defaults: { ...base.defaults, batch: Number(flags.batch) },
    stages: arm.stages,
    checkpoints: { every: steps, keep: 1 },
    merge: undefined,
  });
  const scored = await scoresOf(model, `${dir}/eval`);
  const metrics = (await Deno.readTextFile(`${dir}/run/metrics.jsonl`)).trim().split("\n")
    .map((line) => JSON.parse(line));
  const norms = metrics.slice(0, FIRST_STEPS).map((step) => step.gradient_norm as number);
  return {
    group: "recipe",
    name: experiment.id,
    arm: arm.name,
    seed,
    steps,
    items: Number(flags.items),
    ...scored,
    validation: metrics.at(-1).validation ?? null,
    first_gradient_norm: [
      norms.reduce((sum, norm) => sum + norm, 0) / norms.length,
      Math.max(...norms),
    ],
  };
}

/** Scores of the five tasks and tokens per denoising forward at threshold 0.95. */
export async function scoresOf(
  model: string,
  output: string,
): Promise<Pick<ArmRow, "score" | "scores" | "tokens_per_forward">> {
  await unmask(
    "eval",
    "nano",
    "--model",
    model,
    "--limit",
    flags.items!,
    "--output",
    output,
    "--json",
  );
  const { tasks } = JSON.parse(await Deno.readTextFile(`${output}/results.json`));
  const scores = Object.fromEntries(TASKS.map((name) => [name, tasks[`nano_${name}`].score]));
  const usages = (await Deno.readTextFile(`${output}/samples.jsonl`)).trim().split("\n")
    .map((line) => JSON.parse(line).usage);
  const sum = (of: string) => usages.reduce((total, usage) => total + usage[of], 0);
  return {
    score: Object.values(scores).reduce((total, score) => total + score, 0) / TASKS.length,
    scores,
    tokens_per_forward: sum("completion_tokens") / sum("forwards"),
  };
}

const path = flags.json ?? new URL("../results/recipe.json", import.meta.url).pathname;
const kept: { date?: string; machine?: string; rows: ArmRow[] } = await Deno.readTextFile(path)
  .then(JSON.parse, () => ({ rows: [] }));
for (const experiment of experiments(Number(flags.steps))) {
  if (flags.only !== undefined && !flags.only.split(",").includes(experiment.id)) continue;
  const start = await starts[experiment.start]();
  for (const seed of flags.seeds!.split(",").map(Number)) {
    for (const arm of experiment.arms) {
      const row = await measured(experiment, arm, { seed, start });
      console.log(JSON.stringify(row));
      const others = kept.rows.filter((old) =>
        old.name !== row.name || old.arm !== row.arm || old.seed !== row.seed
      );
      kept.rows = [...others, row];
      kept.date = new Date().toISOString().slice(0, 10);
      const rows = kept.rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n");
      await Deno.writeTextFile(path, `{\n "date": "${kept.date}",\n "rows": [\n${rows}\n ]\n}\n`);
    }
  }
}
