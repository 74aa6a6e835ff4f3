/**
 * Edge: what names a model in records and cache keys. SHA-256 over configuration, tokenizer files and the
 * SHA-256 of each weight file; the latter are remembered by path, size and time of change.
 */
import type { Checkpoint } from "./checkpoint.ts";

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

/** Hex SHA-256 of bytes or text. */
export async function sha256(data: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Hex SHA-256 of a value's JSON text. */
export async function sha256Json(value: unknown): Promise<string> {
  return await sha256(JSON.stringify(value));
}

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

/** SHA-256 of a file, remembered by its real path, size and time of change. */
export async function rememberedDigest(path: string, cacheDir?: string): Promise<string> {
  const real = await Deno.realPath(path);
  const { size, mtime } = await Deno.stat(real);
  const key = await sha256(`${real}\n${size}\n${mtime?.getTime()}`);
  const memo = cacheDir && `${cacheDir}/digests/${key}`;
  const known = memo && await Deno.readTextFile(memo).catch(() => undefined);
  if (known && /^[0-9a-f]{64}$/.test(known)) return known;
  const digest = await fileDigest(real);
  if (memo) {
    const beside = `${memo}.${crypto.randomUUID()}.tmp`;
    try {
      await Deno.mkdir(`${cacheDir}/digests`, { recursive: true });
      await Deno.writeTextFile(beside, digest);
      await Deno.rename(beside, memo);
    } catch {
      // A cache that cannot be written costs time, nothing else.
    }
  }
  return digest;
}

/** Hex SHA-256 of a file, or the id git gives to its bytes: SHA-1 over "blob <size>\0" and them. */
export async function fileDigest(path: string, kind: "sha256" | "git" = "sha256"): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash(kind === "git" ? "sha1" : "sha256");
  const file = await Deno.open(path);
  if (kind === "git") hash.update(`blob ${(await file.stat()).size}\0`);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}
