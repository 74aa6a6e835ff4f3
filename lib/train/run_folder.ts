/** Edge: the folder of a run: what may be in it, who writes to it, and which run it is of. */
import { differences, summary } from "../records/json.ts";
import { lockFolder, writeWhole } from "../folder.ts";
import { parseObject } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import type { SavedCheckpoint } from "./checkpoints.ts";
import type { Recipe } from "./recipe.ts";

/** Files and folders of a run. */
const OURS: ReadonlySet<string> = new Set([
  "run.json",
  "metrics.jsonl",
  "timing.jsonl",
  "curves.html",
  "checkpoints",
  "references",
  "model",
  "lock",
]);

/** Does something in the folder of a run: one process at a time. Refuses foreign content. */
export async function withRunFolder<T>(dir: string, body: () => Promise<T>): Promise<T> {
  const lock = await lockFolder(dir);
  try {
    await checkFolder(dir);
    return await body();
  } finally {
    await lock.release();
  }
}

async function checkFolder(dir: string): Promise<void> {
  for await (const { name } of Deno.readDir(dir)) {
    if (!OURS.has(name) && !name.endsWith(".tmp")) {
      throw new Refusal(
        `Cannot use "${dir}": it holds "${name}", expected a training run or an empty folder`,
      );
    }
  }
}

/** Who claims a folder. */
export interface RunClaim {
  /** What decides the run's bits. */
  readonly identity: Readonly<Record<string, unknown>>;
  /** How the model is made of the checkpoints, which changes none of them. */
  readonly merge: Recipe["merge"];
  /** The newest checkpoint in the folder. */
  readonly latest?: SavedCheckpoint;
  /** Digest of what decides the run to the end of that checkpoint's phase. */
  readonly past?: string;
  /** Takes what the user should know. */
  readonly notice: (line: string) => void;
}

/**
 * Writes down which run the folder is of. Refuses another's, except where only phases differ that have not
 * begun: a run that turns out to need more is not lost.
 */
export async function claimRun(
  dir: string,
  { identity, merge, latest, past, notice }: RunClaim,
): Promise<void> {
  const path = `${dir}/run.json`;
  const { merge: mergeBefore, ...before } = await readRun(path) ?? { ...identity, merge };
  const changed = differences(before, identity);
  const foreign = latest && latest.state.recipe !== past;
  if (changed.length > 0 && (!latest || foreign)) {
    throw new Refusal(
      `Cannot continue the run in "${dir}": ${summary(changed)} (another folder starts anew)`,
    );
  }
  if (foreign) {
    throw new Refusal(
      `Cannot continue the run in "${dir}": "${latest.dir}" is of another recipe, expected its own`,
    );
  }
  changed.push(...differences(mergeBefore, merge, "merge"));
  if (changed.length > 0) {
    notice(`the recipe is another from here on: ${summary(changed)}`);
    // The model of the run as it was asked for before.
    await Deno.remove(`${dir}/model`, { recursive: true }).catch(ignoreAbsent);
  }
  await writeWhole(path, `${JSON.stringify({ ...identity, merge }, null, 2)}\n`);
}

/** Which run a run.json is of; undefined without one. */
async function readRun(path: string): Promise<Record<string, unknown> | undefined> {
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) return undefined;
  return parseObject(text, `"${path}"`);
}

function ignoreAbsent(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
