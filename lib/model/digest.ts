/**
 * Edge: what names a model in records and cache keys: SHA-256 over configuration, tokenizer files and the
 * SHA-256 of each weight file.
 */
import { rememberedDigest, sha256 } from "../digest.ts";
import type { Checkpoint } from "./checkpoint.ts";

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

/** SHA-256 over the tokenizer's files; what `tokenize` records. */
export async function tokenizerDigest(dir: string): Promise<string> {
  const parts: string[] = [];
  for (const name of TOKENIZER_FILES) {
    const bytes = await Deno.readFile(`${dir}/${name}`).catch(() => undefined);
    if (bytes) parts.push(`${name} ${await sha256(bytes)}`);
  }
  return await sha256(parts.join("\n"));
}

/** The model's digest. */
export async function modelDigest(checkpoint: Checkpoint, cacheDir?: string): Promise<string> {
  const config = await sha256(await Deno.readFile(`${checkpoint.dir}/config.json`));
  const parts = [`config ${config}`, `tokenizer ${await tokenizerDigest(checkpoint.dir)}`];
  for (const path of checkpoint.files.toSorted()) {
    parts.push(`weights ${await rememberedDigest(path, cacheDir)}`);
  }
  return await sha256(parts.join("\n"));
}
