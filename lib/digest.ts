/** Edge: digests of bytes, values and files; those of files are remembered by path, size and time of change. */
import { keepFile } from "./folder.ts";

/** Hex SHA-256 of bytes or text. */
export async function sha256(data: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A SHA-256 of texts that come one after the other. */
export async function growingSha256(): Promise<{ add(text: string): void; hex(): string }> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  return { add: (text) => void hash.update(text), hex: () => hash.digest("hex") };
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
    // A cache that cannot be written costs time, nothing else.
    await keepFile(memo, digest).catch(() => {});
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
