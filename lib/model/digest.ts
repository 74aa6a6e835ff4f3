/**
 * What names a model in records and cache keys: SHA-256 over configuration, tokenizer files and the
 * SHA-256 of each weight file.
 */
import { sha256 } from "../digest.ts";
import type { ModelFolder } from "./folder.ts";
import { folderOf } from "./disk_folder.ts";

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

/** SHA-256 over the tokenizer's files; what `tokenize` records. */
export async function tokenizerDigest(model: string | ModelFolder): Promise<string> {
  const folder = folderOf(model);
  const parts: string[] = [];
  for (const name of TOKENIZER_FILES) {
    const bytes = await folder.read(name);
    if (bytes) parts.push(`${name} ${await sha256(bytes)}`);
  }
  return await sha256(parts.join("\n"));
}

/** The model's digest; `weights` names its weight files. */
export async function modelDigest(
  folder: ModelFolder,
  weights: readonly string[],
  cacheDir?: string,
): Promise<string> {
  const config = await folder.digest("config.json");
  const parts = [`config ${config}`, `tokenizer ${await tokenizerDigest(folder)}`];
  for (const name of weights.toSorted()) {
    parts.push(`weights ${await folder.digest(name, cacheDir)}`);
  }
  return await sha256(parts.join("\n"));
}
