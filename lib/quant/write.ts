/**
 * Edge: writes a model folder in a weight format, a few rows at a time. Files are written in order under a
 * temporary name, so that a killed run goes on behind the last whole tensor.
 */
import {
  inBlocks,
  rowBytes,
  type StoredRows,
  type WeightFormat,
} from "../../kernels/weights/weight.ts";
import { BLOCK, blocksOf } from "../../kernels/weights/blocks.ts";
import { differences, parseJson } from "../records/json.ts";
import { isFile, lockFolder, writeAll, writingTo } from "../folder.ts";
import { freeSpace } from "../hub/free_space.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import type { ModelConfig } from "../model/config.ts";
import { type Convert, Converters } from "../model/converters.ts";
import { formatOf, roleOf } from "../model/placement.ts";
import { encodeHeader, tensorBytes, type TensorEntry } from "../model/safetensors.ts";
import { CODE_DTYPES, expectedTensors, LAYOUT, LAYOUT_KEY, SCALES } from "../model/tensors.ts";
import { readAhead } from "../model/weight_rows.ts";
import { Refusal } from "../refusal.ts";

/** What is written, where, and who is told. */
export interface WriteOptions {
  /** New folder, or that of a stopped run. */
  readonly dir: string;
  /** Format of the projections. */
  readonly dtype: WeightFormat;
  /** Names the source and all that decides the bytes: a run goes on only from its own beginning. */
  readonly identity: string;
  /** Largest shard, in bytes; a single tensor may be larger. */
  readonly shardBytes?: number;
  /** Writes everything but the weights, before them. */
  readonly writeRest: (dir: string) => Promise<void>;
  /** Told of the bytes done, of how many, and the tensor in hand. */
  readonly onProgress?: (done: number, total: number, tensor: string) => void;
  /** Stops after the current piece; the next run goes on. */
  readonly signal?: AbortSignal;
}

/** Name of the file that says what an unfinished folder will be. */
const UNFINISHED = "unfinished.json";

/** Values converted at once. */
const PIECE_VALUES = 4 << 20;

const SHARD_BYTES = 4 * 2 ** 30;

/** One tensor of the model and what it becomes in the file: itself, or codes and scales. */
interface Item {
  readonly name: string;
  readonly format: WeightFormat;
  readonly shape: readonly number[];
  readonly entries: readonly (readonly [string, TensorEntry])[];
  readonly bytes: number;
}

/** Rows of an item as they are written; `last` ends it. */
interface Piece {
  readonly item: Item;
  readonly stored: StoredRows;
  readonly last: boolean;
}

/** Writes the folder; true when it is complete, false when the signal stopped it. One process at a time. */
export async function writeModel(source: Checkpoint, options: WriteOptions): Promise<boolean> {
  const { dir } = options;
  const lock = await lockFolder(dir);
  try {
    return await writingTo(dir, () => writeFolder(source, options));
  } finally {
    await lock.release();
  }
}

async function writeFolder(source: Checkpoint, options: WriteOptions): Promise<boolean> {
  const { dir, signal } = options;
  const items = itemsOf(source, options.dtype);
  const shards = shardsOf(items, options.shardBytes ?? SHARD_BYTES);
  const total = items.reduce((sum, { bytes }) => sum + bytes, 0);
  await begin(options, total);
  await options.writeRest(dir);
  const progress = new Progress(total, options.onProgress);
  using converters = new Converters();
  for (const [index, shard] of shards.entries()) {
    const path = `${dir}/${shardName(index, shards.length)}`;
    await new ShardWriter(source, { path, shard, progress, converters, signal }).write();
    if (signal?.aborted) return false;
  }
  if (shards.length > 1) await writeIndex(dir, shards, total);
  await Deno.remove(`${dir}/${UNFINISHED}`);
  return true;
}

/** Whether a folder is one that `writeModel` finished. */
export async function isWritten(dir: string): Promise<boolean> {
  return await isFile(`${dir}/config.json`) && !await isFile(`${dir}/${UNFINISHED}`);
}

/** Bytes of the weights that `writeModel` writes. */
export function writtenBytes(source: Checkpoint, dtype: WeightFormat): number {
  return itemsOf(source, dtype).reduce((sum, { bytes }) => sum + bytes, 0);
}

function itemsOf({ config }: Checkpoint, dtype: WeightFormat): Item[] {
  return Array.from(expectedTensors(config), ([name, shape]) => {
    const role = isCut(name, config) && inBlocks(dtype) ? undefined : roleOf(name, shape);
    const format = role ? formatOf(role, dtype) : "f32";
    const entries = entriesOf(name, format, shape);
    const bytes = entries.reduce((sum, [, entry]) => sum + tensorBytes(entry), 0);
    return { name, format, shape, entries, bytes };
  });
}

/**
 * Whether shared experts share the blocks of a row. A device has each by itself, so these would be rounded
 * once more as they load.
 */
function isCut(name: string, { numSharedExperts, moeIntermediateSize }: ModelConfig): boolean {
  return name.endsWith(".shared_experts.down_proj.weight") && numSharedExperts > 1 &&
    moeIntermediateSize % BLOCK !== 0;
}

function entriesOf(
  name: string,
  format: WeightFormat,
  shape: readonly number[],
): [string, TensorEntry][] {
  if (!inBlocks(format)) return [[name, { dtype: format.toUpperCase(), shape }]];
  const [rows, columns] = shape;
  const codes = [rows, rowBytes(format, columns).values];
  return [
    [name, { dtype: CODE_DTYPES[format], shape: codes }],
    [name + SCALES, { dtype: "F16", shape: [rows, blocksOf(columns)] }],
  ];
}

function shardsOf(items: readonly Item[], most: number): Item[][] {
  const shards: Item[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    if (bytes > 0 && bytes + item.bytes > most) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(item);
    bytes += item.bytes;
  }
  return shards;
}

function shardName(index: number, count: number): string {
  if (count === 1) return "model.safetensors";
  const digits = (n: number) => String(n).padStart(5, "0");
  return `model-${digits(index + 1)}-of-${digits(count)}.safetensors`;
}

/** Claims an empty folder, or finds the beginning of this very run in it. */
async function begin({ dir, identity }: WriteOptions, total: number): Promise<void> {
  const mark = `${dir}/${UNFINISHED}`;
  const begun = await Deno.readTextFile(mark).catch(() => undefined);
  if (begun === identity) return;
  if (begun) { // a kill may leave it empty
    const changed = differences(parseJson(begun, `"${mark}"`), JSON.parse(identity));
    // Sizes and times of files tell nobody more than the names of other ones.
    const told = changed.filter((line) => !line.startsWith("files "));
    const what = told.length > 0 ? told.join("; ") : "the files that it reads have changed";
    throw new Refusal(`Cannot go on in "${dir}": ${what} (remove the folder to start over)`);
  }
  for await (const { name } of Deno.readDir(dir)) {
    if (name === "lock" || name === UNFINISHED) continue;
    throw new Refusal(
      `Cannot write "${dir}": it holds "${name}", expected an empty folder or an unfinished run`,
    );
  }
  const free = await freeSpace(mark);
  if (free !== undefined && free < total) {
    throw new Refusal(
      `Cannot write "${dir}": ${free} bytes are free, expected ${total} for the weights`,
    );
  }
  await Deno.writeTextFile(mark, identity);
}

async function writeIndex(dir: string, shards: readonly Item[][], total: number): Promise<void> {
  const map = shards.flatMap((shard, index) =>
    shard.flatMap(({ entries }) =>
      entries.map(([name]) => [name, shardName(index, shards.length)] as const)
    )
  );
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(map) };
  await Deno.writeTextFile(`${dir}/model.safetensors.index.json`, JSON.stringify(index, null, 1));
}

class Progress {
  #done = 0;

  constructor(
    readonly total: number,
    readonly tell?: (done: number, total: number, tensor: string) => void,
  ) {}

  add(bytes: number, tensor: string): void {
    this.#done += bytes;
    this.tell?.(this.#done, this.total, tensor);
  }
}

/** Writes one file of tensors. */
class ShardWriter {
  constructor(
    readonly source: Checkpoint,
    readonly options: {
      readonly path: string;
      readonly shard: readonly Item[];
      readonly progress: Progress;
      readonly converters: Converters;
      readonly signal?: AbortSignal;
    },
  ) {}

  async write(): Promise<void> {
    const { path, shard, progress, converters, signal } = this.options;
    const bytes = shard.reduce((sum, item) => sum + item.bytes, 0);
    if (await isFile(path)) return progress.add(bytes, path);
    const partial = `${path}.partial`;
    const whole = await writingTo(partial, async () => {
      using file = await Deno.open(partial, { read: true, write: true, create: true });
      const pieces = this.#pieces(shard.slice(await this.#resume(file)), converters.convert);
      const scales: Uint8Array<ArrayBuffer>[] = [];
      for await (const { item, stored, last } of readAhead(pieces, () => converters.atOnce)) {
        checkFinite(stored, item);
        if (stored.scales) scales.push(stored.scales);
        for (const bytes of last ? [stored.values, ...scales.splice(0)] : [stored.values]) {
          await writeAll(file, bytes);
          progress.add(bytes.length, item.name);
        }
        if (signal?.aborted) return false;
      }
      await file.sync();
      return true;
    });
    if (whole) await Deno.rename(partial, path);
  }

  /** Puts the file behind its last whole tensor; how many of them it has. */
  async #resume(file: Deno.FsFile): Promise<number> {
    const { shard, progress } = this.options;
    const entries = shard.flatMap((item) => item.entries);
    const quantized = shard.some(({ format }) => inBlocks(format));
    const header = encodeHeader(entries, quantized ? { [LAYOUT_KEY]: LAYOUT } : {});
    const { size } = await file.stat();
    let end = header.length;
    let whole = 0;
    while (whole < shard.length && end + shard[whole].bytes <= size) {
      end += shard[whole].bytes;
      progress.add(shard[whole].bytes, shard[whole].name);
      whole++;
    }
    if (whole === 0) {
      await file.seek(0, Deno.SeekMode.Start);
      await writeAll(file, header);
    }
    await file.truncate(end);
    await file.seek(end, Deno.SeekMode.Start);
    return whole;
  }

  /** Pieces of items in the order of the file, but for scales, which follow their item's codes. */
  *#pieces(items: readonly Item[], convert: Convert): Generator<() => Promise<Piece>> {
    for (const item of items) {
      const { name, format, shape: [rows, columns] } = item;
      if (columns === undefined) {
        yield async () => {
          const values = new Float32Array(await this.source.readF32(name));
          return { item, stored: { values: new Uint8Array(values.buffer) }, last: true };
        };
        continue;
      }
      const most = Math.max(1, Math.floor(PIECE_VALUES / columns));
      for (let start = 0; start < rows; start += most) {
        const count = Math.min(most, rows - start);
        yield async () => ({
          item,
          stored: await this.source.readRows(name, format, { start, count }, convert),
          last: start + count === rows,
        });
      }
    }
  }
}

/** Refuses NaN and infinite values: float16 has none above 65504, and a block with such a value no finite scale. */
function checkFinite({ values, scales }: StoredRows, { name, format }: Item): void {
  const { buffer, byteOffset, byteLength } = scales ?? values;
  const finite = format === "f32"
    ? new Float32Array(buffer, byteOffset, byteLength / 4).every(Number.isFinite)
    : new Uint16Array(buffer, byteOffset, byteLength / 2).every((half) => (half & 0x7c00) < 0x7c00);
  if (finite) return;
  const wide = format === "f32" ? "" : " or too large for float16";
  throw new Refusal(
    `Cannot write tensor "${name}" as ${format}: it has values that are not finite${wide}, expected finite weights (see "unmask doctor --weights")`,
  );
}
