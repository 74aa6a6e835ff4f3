/** Edge: a model's name or folder to the folder that holds its files. */
import { Refusal } from "../refusal.ts";
import { cachedCommit, checkInside, type Repo, repoFolder } from "./cache.ts";
import { type Env, hubSettings } from "./settings.ts";

/** The embedded model. */
export const NANO: string = decodeURIComponent(
  new URL("../../models/nano", import.meta.url).pathname,
);

/** What finding a model may use. */
export interface ResolveOptions {
  /** The environment; `Deno.env` unless told otherwise. */
  readonly env?: Env;
  /** Takes lines for the user; stderr unless told otherwise. */
  readonly notice?: (line: string) => void;
}

/** A folder as it is; "nano" the embedded model; "org/name" its snapshot in the Hugging Face cache. */
export async function resolveModel(
  model: string | undefined,
  { env = Deno.env, notice = console.error }: ResolveOptions = {},
): Promise<string> {
  if (model === undefined || model === "nano") return NANO;
  const info = await Deno.stat(model).catch(() => undefined);
  if (info?.isDirectory) return model.replace(/\/+$/, "");
  if (info) throw new Refusal(`Cannot use model "${model}": it is a file, expected a folder`);
  if (!/^\w[\w.-]*\/\w[\w.-]*$/.test(model)) {
    throw new Refusal(
      `Cannot find model "${model}": no such folder, expected a folder or ORG/NAME`,
    );
  }
  const { cache } = hubSettings(env);
  if (!cache) {
    throw new Refusal(
      `Cannot find model "${model}": no home for a Hugging Face cache, expected a folder or HF_HOME`,
    );
  }
  return await snapshotOf({ kind: "model", name: model }, { cache, notice });
}

async function snapshotOf(
  repo: Repo,
  { cache, notice }: { cache: string; notice: (line: string) => void },
): Promise<string> {
  const folder = repoFolder(cache, repo);
  const known = await cachedCommit(folder, "main");
  const unfinished = await unfinishedBlobs(folder);
  const get = `a whole snapshot (get it with: hf download ${repo.name})`;
  if (!known) {
    const state = unfinished > 0 ? `${unfinished} files not yet whole` : "no snapshot for main";
    throw new Refusal(
      `Cannot find model "${repo.name}": ${state} in the Hugging Face cache "${cache}", expected ${get}`,
    );
  }
  const snapshot = `${folder}/snapshots/${known.commit}`;
  for await (const path of filesBelow(snapshot)) {
    if (!await Deno.stat(path).catch(() => undefined)) {
      throw new Refusal(
        `Cannot use model "${repo.name}": "${path}" leads to a file that is not there, expected ${get}`,
      );
    }
    await checkInside(cache, path);
  }
  if (known.assumed) {
    notice(`Using the one cached snapshot of ${repo.name}, ${known.commit}: refs/main is absent`);
  }
  if (unfinished > 0) {
    notice(
      `The cache of ${repo.name} has ${unfinished} unfinished files: hf download ${repo.name}`,
    );
  }
  return snapshot;
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

async function unfinishedBlobs(folder: string): Promise<number> {
  let count = 0;
  try {
    for await (const { name } of Deno.readDir(`${folder}/blobs`)) {
      if (name.endsWith(".incomplete")) count++;
    }
  } catch {
    return 0; // a cache without blobs: a file system without links
  }
  return count;
}
