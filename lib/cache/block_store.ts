/**
 * Edge: keys and values of whole prompt blocks on disk, by content. An entry is a safetensors file whose
 * name is chained from the model, dtype, device and all tokens so far; it is written beside and renamed, checked
 * by its own digest when read, and the least recently used ones make room.
 */
import { readHeader, type TensorData, writeSafetensors } from "../model/safetensors.ts";
import { sha256 } from "../digest.ts";
import { isFile, keepFile } from "../folder.ts";
import { reason, Refusal } from "../refusal.ts";
import { VERSION } from "../version.ts";

/** What decides a block's keys and values. */
export interface BlockIdentity {
  readonly model: string;
  readonly dtype: string;
  /** Adapter and kernels that computed it: others round otherwise. */
  readonly device: string;
  readonly blockLength: number;
  readonly tokens: readonly number[];
}

/**
 * Keys of all whole blocks of a prompt, each chained from the one before. Those of another version are
 * others: its kernels may round otherwise.
 */
export async function blockKeys(identity: BlockIdentity): Promise<string[]> {
  const { model, dtype, device, blockLength, tokens } = identity;
  const keys: string[] = [];
  let key = `${VERSION} ${model} ${dtype} ${device} ${blockLength}`;
  for (let end = blockLength; end <= tokens.length; end += blockLength) {
    key = await sha256(`${key} ${tokens.slice(end - blockLength, end)}`);
    keys.push(key);
  }
  return keys;
}

/** Options of a store. */
export interface BlockStoreOptions {
  readonly dir: string;
  /** Bytes above which the least recently used entries are removed. */
  readonly limitBytes?: number;
  /** Told, once each, of damage and of a folder that cannot be written. */
  readonly onNotice?: (line: string) => void;
}

/** Default size limit: 4 GiB. */
const LIMIT_BYTES = 4 * 2 ** 30;

/** Puts between two looks at the folder's size. */
const PUTS_PER_SWEEP = 256;

/** The store; an unwritable folder makes it forgetful, never wrong. */
export class BlockStore {
  #writable = true;
  #puts = 0;

  constructor(readonly options: BlockStoreOptions) {}

  /** The block's tensors; undefined when it is not there, or was damaged (and is then removed). */
  async get(key: string): Promise<Map<string, TensorData> | undefined> {
    const path = this.#path(key);
    const bytes = await Deno.readFile(path).catch(() => undefined);
    if (!bytes) return undefined;
    try {
      const { tensors: places, metadata } = await readHeader(
        path,
        bytes.length,
        (start, length) => Promise.resolve(bytes.slice(start, start + length)),
      );
      const tensors = new Map(
        Array.from(places, ([name, { dtype, shape, start, bytes: length }]) => [
          name,
          { dtype, shape, bytes: bytes.slice(start, start + length) },
        ]),
      );
      if (metadata.get("sha256") !== await seal(key, tensors)) {
        throw new Refusal(`Cannot use "${path}": its digest differs`);
      }
      const now = new Date();
      await Deno.utime(path, now, now).catch(() => {});
      return tensors;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.options.onNotice?.(`KV cache entry ${key.slice(0, 12)} is damaged: recomputed`);
      await Deno.remove(path).catch(() => {});
      return undefined;
    }
  }

  /** Whether an entry is there, without reading it. */
  async has(key: string): Promise<boolean> {
    return await isFile(this.#path(key));
  }

  /** Stores a block, whole or not at all. */
  async put(key: string, tensors: ReadonlyMap<string, TensorData>): Promise<void> {
    if (!this.#writable || await this.has(key)) return;
    try {
      const sha256 = await seal(key, tensors);
      await keepFile(this.#path(key), writeSafetensors(tensors, { sha256 }));
    } catch (error) {
      this.#writable = false;
      this.options.onNotice?.(`KV cache in "${this.options.dir}" is not written: ${reason(error)}`);
      return;
    }
    if (this.#puts++ % PUTS_PER_SWEEP === 0) await this.#sweep();
  }

  /** Removes the oldest entries above the limit. */
  async #sweep(): Promise<void> {
    const entries: { path: string; size: number; time: number }[] = [];
    for await (const path of files(this.options.dir)) {
      if (path.endsWith(".tmp")) continue; // of a writer, or of one that was killed (`keepFile`)
      const info = await Deno.stat(path).catch(() => undefined);
      if (info) entries.push({ path, size: info.size, time: info.mtime?.getTime() ?? 0 });
    }
    let total = entries.reduce((sum, { size }) => sum + size, 0);
    const limit = this.options.limitBytes ?? LIMIT_BYTES;
    for (const { path, size } of entries.sort((a, b) => a.time - b.time)) {
      if (total <= limit) break;
      await Deno.remove(path).catch(() => {});
      total -= size;
    }
  }

  #path(key: string): string {
    return `${this.options.dir}/${key.slice(0, 2)}/${key}.safetensors`;
  }
}

/** Digest of an entry: its key, and name, type, shape and bytes of each tensor in order. */
async function seal(key: string, tensors: ReadonlyMap<string, TensorData>): Promise<string> {
  const parts: unknown[] = [key];
  for (const [name, { dtype, shape, bytes }] of tensors) {
    parts.push([name, dtype, shape, await sha256(new Uint8Array(bytes))]);
  }
  return await sha256(JSON.stringify(parts));
}

/** All files below a folder; what another process removes meanwhile is not there. */
async function* files(dir: string): AsyncGenerator<string> {
  try {
    for await (const entry of Deno.readDir(dir)) {
      const path = `${dir}/${entry.name}`;
      if (entry.isDirectory) yield* files(path);
      else yield path;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
