/**
 * `deno task release:nano RUN [--python PATH]`: puts the model of a finished training run in the place of the
 * embedded one, if it wins: at least as good on each of nano's tasks, better on average, more tokens per
 * forward at threshold 0.95. Writes models/nano's weights and the facts in its README, keeps the run's log and
 * curves in bench/results/nano, has PyTorch answer the held-out items anew where PATH (else python3) has torch,
 * and prints what is to be run next. A model that does not win changes nothing: what it lacks is said.
 */
import { parseArgs } from "node:util";
import { lines, unmask } from "../../cli/itself.ts";
import { differences, summary } from "../../lib/records/json.ts";
import { writeWhole } from "../../lib/folder.ts";
import { NANO } from "../../lib/hub/resolve.ts";
import { readRecipe } from "../../lib/train/recipe.ts";
import { Refusal } from "../../lib/refusal.ts";
import { replaceMarked } from "../marked.ts";
import { AS_REPORTED, type NanoRun, percent, readRun, ROOT, SKILLS } from "../nano.ts";
import { table } from "../tables.ts";

/** Exit code of bench/torch_reference.py where there is no torch. */
const NO_TORCH = 2;

const LOGS = `${ROOT}bench/results/nano`;

/** What follows on new weights; PyTorch's answers first, where they could not be made. */
const REFERENCE = "python3 bench/torch_reference.py models/nano";
const NEXT = [
  "deno task thresholds",
  "deno task formats",
  "deno task bench --only experts --json bench/results/$(date +%F)-ADAPTER-experts.json && deno task plots",
  "deno task recipe --only decoding && deno task recipe:report",
  "deno test -A tests/lib/diffusion/engine_test.ts tests/lib/model/forward_test.ts tests/lib/quant tests/cli/cases_test.ts",
];

/** A training run's own word on itself: run.json. */
interface RunFacts {
  readonly seed: number;
  readonly row_length: number;
  readonly phases: Readonly<Record<string, { stage: string; steps: number; batch: number }>>;
}

/** What keeps a model from taking the other's place; empty when nothing does. */
export function objections(before: NanoRun, after: NanoRun): string[] {
  const worse = SKILLS.flatMap((name, at) => {
    const [old, now] = [before.scores[at], after.scores[at]];
    return now < old ? [`${name} ${percent(now)}, expected at least ${percent(old)}`] : [];
  });
  const more = (name: string, old: number, now: number, text: (value: number) => string) =>
    now > old ? [] : [`${name} ${text(now)}, expected more than ${text(old)}`];
  return [
    ...worse,
    ...more("mean", before.mean, after.mean, percent),
    ...more(
      "tokens per forward",
      before.tokensPerForward,
      after.tokensPerForward,
      (value) => value.toFixed(3),
    ),
  ];
}

/** What models/nano's README says of a run and of its model beside the one before. */
export function madeSection(
  { seed, row_length, phases }: RunFacts,
  { seconds, before, after }: { seconds: number; before: NanoRun; after: NanoRun },
): string {
  const stages = Map.groupBy(Object.values(phases), ({ stage }) => stage);
  const steps = Array.from(stages, ([stage, own]) => {
    const total = own.reduce((sum, phase) => sum + phase.steps, 0);
    return `${stage} ${total.toLocaleString("en")}`;
  });
  const batches = [...new Set(Object.values(phases).map(({ batch }) => batch))].join(" or ");
  const row = (name: string, { scores, mean, tokensPerForward }: NanoRun) => [
    name,
    ...[...scores, mean].map(percent),
    tokensPerForward.toFixed(2),
  ];
  const head = ["model", ...SKILLS, "mean", "tokens per forward"];
  return [
    `How it was made: \`unmask train models/nano/recipe.json\`, from random weights of seed ${seed}; steps by stage: ` +
    `${steps.join(", ")}; ${batches} rows of ${row_length} tokens a step, ${
      (seconds / 3600).toFixed(1)
    } hours. ` +
    "`deno task release:nano` rounded it to f16, compared it with the model before and put it here; " +
    "the run's log and curves are in `bench/results/nano`. Percent of `unmask eval nano` at threshold 0.95, " +
    `${after.items} items, and completion tokens per denoising forward:`,
    table(head, [row("before", before), row("this one", after)], 1),
  ].join("\n\n");
}

/** What the run says of itself; refuses one that is not finished, or of another recipe than the one beside nano. */
async function factsOf(run: string): Promise<RunFacts> {
  const read = async (name: string) =>
    JSON.parse(
      await Deno.readTextFile(`${run}/${name}`).catch((cause) => {
        throw new Refusal(`Cannot release "${run}": it has no ${name}, expected a finished run`, {
          cause,
        });
      }),
    );
  const known: RunFacts = await read("run.json");
  await read("model/config.json");
  const recipe = await readRecipe(`${NANO}/recipe.json`);
  const phases = Object.fromEntries(recipe.phases.map(({ data: _, ...own }) => [own.name, own]));
  const { seed, row_length } = recipe;
  const told = { seed: known.seed, row_length: known.row_length, phases: known.phases };
  const changed = differences(told, { seed, row_length, phases });
  if (changed.length > 0) {
    throw new Refusal(
      `Cannot release "${run}": models/nano/recipe.json is another's (${
        summary(changed)
      }), expected the recipe that made it`,
    );
  }
  return known;
}

/** Refuses a model that the files beside nano's weights do not fit. */
async function checkAlike(model: string): Promise<void> {
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    const [known, found] = await Promise.all(
      [NANO, model].map(async (dir) => JSON.parse(await Deno.readTextFile(`${dir}/${name}`))),
    );
    const changed = differences(known, found);
    if (changed.length === 0) continue;
    throw new Refusal(
      `Cannot release "${model}": ${name} differs (${changed[0]}), expected models/nano's`,
    );
  }
}

/** Answers to the held-out items by PyTorch; false where there is none. */
async function torchAnswers(python: string): Promise<boolean> {
  const args = [`${ROOT}bench/torch_reference.py`, NANO];
  const command = new Deno.Command(python, { args, stdout: "inherit", stderr: "inherit" });
  const { code } = await command.output().catch((error) => {
    if (error instanceof Deno.errors.NotFound) return { code: NO_TORCH };
    throw error;
  });
  if (code !== 0 && code !== NO_TORCH) {
    throw new Refusal(`Cannot answer the items: ${python} ended with ${code}, expected 0`);
  }
  return code === 0;
}

async function release(run: string, { python, work }: { python: string; work: string }) {
  const facts = await factsOf(run);
  const model = `${work}/model`;
  await unmask(["merge", `${run}/model`, "--dtype", "f16", "--output", model]);
  await checkAlike(model);
  const options = [...AS_REPORTED, "--threshold", "0.95", "--json"];
  for (const [name, dir] of [["before", NANO], ["after", model]]) {
    await unmask(["eval", "nano", "--model", dir, ...options, "--output", `${work}/${name}`]);
  }
  console.log(await unmask(["eval", "diff", `${work}/before`, `${work}/after`]));
  const [before, after] = [await readRun(`${work}/before`), await readRun(`${work}/after`)];
  const against = objections(before, after);
  if (against.length > 0) {
    throw new Refusal(`Cannot release "${run}": ${against.join("; ")}; models/nano is as it was`);
  }
  const times = lines<{ seconds: number }>(await Deno.readTextFile(`${run}/timing.jsonl`));
  const seconds = times.reduce((sum, step) => sum + step.seconds, 0);
  const readme = await Deno.readTextFile(`${NANO}/README.md`);
  await Deno.mkdir(LOGS, { recursive: true });
  for (const name of ["metrics.jsonl", "curves.html"]) {
    await Deno.copyFile(`${run}/${name}`, `${LOGS}/${name}`);
  }
  const section = madeSection(facts, { seconds, before, after });
  await writeWhole(`${NANO}/README.md`, replaceMarked(readme, "made", section));
  await Deno.copyFile(`${model}/model.safetensors`, `${NANO}/model.safetensors`);
  const next = await torchAnswers(python) ? NEXT : [REFERENCE, ...NEXT];
  console.log(`models/nano is the model of ${run}. Next:\n${next.join("\n")}`);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { python: { type: "string", default: "python3" } },
  });
  const work = await Deno.makeTempDir();
  try {
    if (positionals.length !== 1) throw new Refusal("Cannot release: expected one folder of a run");
    await release(positionals[0], { python: values.python, work });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(error.message);
    Deno.exitCode = 1;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}
