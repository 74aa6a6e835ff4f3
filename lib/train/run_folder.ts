/** Edge: the folder of a run: what may be in it, who writes to it, and which run it is of. */
import { sha256 } from "../digest.ts";
import { differences } from "../records/json.ts";
import { lockFolder, unlockFolder, writeWhole } from "../folder.ts";
import { Refusal } from "../refusal.ts";

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

/**
 * Does something in the folder of the run that `identity` names, by its digest: one process at a time. Refuses
 * foreign content and another run's.
 */
export async function withRunFolder<T>(
  dir: string,
  identity: Readonly<Record<string, unknown>>,
  body: (digest: string) => Promise<T>,
): Promise<T> {
  await lockFolder(dir);
  try {
    await checkFolder(dir, identity);
    return await body(await sha256(JSON.stringify(identity)));
  } finally {
    await unlockFolder(dir);
  }
}

async function checkFolder(
  dir: string,
  identity: Readonly<Record<string, unknown>>,
): Promise<void> {
  for await (const { name } of Deno.readDir(dir)) {
    if (!OURS.has(name) && !name.endsWith(".tmp")) {
      throw new Refusal(
        `Cannot use "${dir}": it holds "${name}", expected a training run or an empty folder`,
      );
    }
  }
  const path = `${dir}/run.json`;
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) return await writeWhole(path, `${JSON.stringify(identity, null, 2)}\n`);
  let known: unknown;
  try {
    known = JSON.parse(text);
  } catch (cause) {
    throw new Refusal(`Cannot read "${path}" as JSON: expected a run's identity`, { cause });
  }
  const changed = differences(known, identity);
  if (changed.length > 0) {
    throw new Refusal(
      `Cannot continue the run in "${dir}": ${changed.join("; ")} (another folder starts anew)`,
    );
  }
}
