/** Edge: a model's name or folder to the folder that holds its files. */
import { Refusal } from "../refusal.ts";

/** The embedded model. */
export const NANO: string = decodeURIComponent(
  new URL("../../models/nano", import.meta.url).pathname,
);

/** A folder as it is; "nano" the embedded model; "org/name" its snapshot in the Hugging Face cache. */
export async function resolveModel(model: string | undefined): Promise<string> {
  if (model === undefined || model === "nano") return NANO;
  const info = await Deno.stat(model).catch(() => undefined);
  if (info?.isDirectory) return model.replace(/\/+$/, "");
  if (info) throw new Refusal(`Cannot use model "${model}": it is a file, expected a folder`);
  if (!/^[\w.-]+\/[\w.-]+$/.test(model)) {
    throw new Refusal(
      `Cannot find model "${model}": no such folder, expected a folder or ORG/NAME`,
    );
  }
  const repo = `${hubCache()}/models--${model.replace("/", "--")}`;
  const snapshots: string[] = [];
  try {
    for await (const { name } of Deno.readDir(`${repo}/snapshots`)) snapshots.push(name);
  } catch {
    // No such repository in the cache: refused below.
  }
  const main = await Deno.readTextFile(`${repo}/refs/main`).catch(() => undefined);
  const commit = snapshots.find((name) => name === main?.trim()) ??
    (snapshots.length === 1 ? snapshots[0] : undefined);
  if (commit) return `${repo}/snapshots/${commit}`;
  throw new Refusal(
    `Cannot find model "${model}": not in the Hugging Face cache "${hubCache()}", expected a downloaded snapshot`,
  );
}

function hubCache(): string {
  const { env } = Deno;
  const home = env.get("HF_HOME") ??
    `${env.get("XDG_CACHE_HOME") ?? `${env.get("HOME")}/.cache`}/huggingface`;
  return env.get("HF_HUB_CACHE") ?? `${home}/hub`;
}
