/**
 * Random models of real shapes, for timing and for memory: weights are drawn in their stored format, so
 * that no format costs more than its own bytes. Values of two formats are not roundings of each other.
 */
import { blocksOf } from "../../kernels/weights/blocks.ts";
import {
  inBlocks,
  rowBytes,
  type StoredRows,
  type WeightFormat,
} from "../../kernels/weights/weight.ts";
import { fnv1a, mix } from "../hash.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { type ModelConfig, parameterCount } from "../model/config.ts";
import { expectedTensors, type RowRange } from "../model/tensors.ts";

/** Standard deviation of matrices: `initializer_range` of the published models. */
const SPREAD = 0.02;

/**
 * Standard deviation of embeddings: large, so that a row's own token outweighs what rows have in common. With
 * small ones all rows of a block soon choose the same experts, and a step reads fewer than it should.
 */
const EMBEDDING = "model.word_embeddings.weight";
const EMBEDDING_SPREAD = 8;

/** Standard deviation of uniform codes: -128 .. 127, and -7 .. 7. */
const CODE_SPREAD = { q8: Math.sqrt((256 ** 2 - 1) / 12), q4: Math.sqrt((15 ** 2 - 1) / 12) };

/** Bytes of random values in a format that rows are cut from, at a place of their own. */
const POOL_BYTES = 1 << 22;

/** What decides a random model. */
export interface SyntheticOptions {
  /** Names it in messages. */
  readonly name: string;
  readonly seed?: number;
}

/**
 * A model of `config` whose rows are cut from a pool of random values as they are read: a row depends on its
 * tensor, index and the seed.
 */
export function syntheticCheckpoint(
  config: ModelConfig,
  { name: dir, seed = 0 }: SyntheticOptions,
): Checkpoint {
  const shapes = new Map(expectedTensors(config));
  const columnsOf = (name: string) => shapes.get(name)!.at(-1)!;
  const draw = (name: string, format: WeightFormat, rows: RowRange) =>
    drawRows(fnv1a(name, seed), {
      format,
      columns: columnsOf(name),
      rows,
      spread: name === EMBEDDING ? EMBEDDING_SPREAD : SPREAD,
    });
  return {
    dir,
    config,
    generationConfig: { eos: [], decode: {}, unknown: [] },
    numParameters: parameterCount(config),
    files: [],
    names: [...shapes.keys()],
    readF32(name, rows) {
      const shape = shapes.get(name)!;
      if (shape.length === 1) {
        const value = name.endsWith(".expert_bias") ? 0 : 1; // norms do not scale
        return Promise.resolve(new Float32Array(shape[0]).fill(value));
      }
      const { values } = draw(name, "f32", rows ?? { start: 0, count: shape[0] });
      return Promise.resolve(new Float32Array(values.buffer));
    },
    readRows: (name, format, rows) => Promise.resolve(draw(name, format, rows)),
    close() {},
  };
}

function drawRows(
  seed: number,
  { format, columns, rows, spread }: {
    format: WeightFormat;
    columns: number;
    rows: RowRange;
    spread: number;
  },
): StoredRows {
  const bytes = rowBytes(format, columns).values;
  const values = new Uint8Array(rows.count * bytes);
  const pool = poolOf(format, inBlocks(format) ? 1 : spread);
  // Drawing each value would take longer than all else about a model of gigabytes.
  const places = (pool.length - bytes) / 16;
  for (let row = 0; row < rows.count; row++) {
    const at = 16 * Math.floor((mix(seed + rows.start + row) >>> 0) / 2 ** 32 * places);
    values.set(pool.subarray(at, at + bytes), row * bytes);
  }
  if (!inBlocks(format)) return { values };
  const scales = new Float16Array(rows.count * blocksOf(columns)).fill(
    spread / CODE_SPREAD[format],
  );
  return { values, scales: new Uint8Array(scales.buffer) };
}

const pools = new Map<string, Uint8Array<ArrayBuffer>>();

/** Codes, whose spread is in their scales, or numbers of this spread. */
function poolOf(format: WeightFormat, spread: number): Uint8Array<ArrayBuffer> {
  const key = `${format} ${spread}`;
  let pool = pools.get(key);
  if (!pool) {
    pool = new Uint8Array(POOL_BYTES);
    if (inBlocks(format)) fillCodes(pool, format, 1);
    else fillFloats(pool, format, { seed: 1, spread });
    pools.set(key, pool);
  }
  return pool;
}

function fillCodes(part: Uint8Array<ArrayBuffer>, format: "q8" | "q4", seed: number): void {
  const words = new Uint32Array(part.buffer, part.byteOffset, part.length / 4);
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    let word = state;
    if (format === "q4") {
      // Code 0 would be -8 and shift the mean: such nibbles become 8, which is zero.
      const some = word | word >>> 1 | word >>> 2 | word >>> 3;
      word |= (~some & 0x11111111) << 3;
    }
    words[i] = word;
  }
}

/** Uniform numbers. */
function fillFloats(
  part: Uint8Array<ArrayBuffer>,
  format: "f32" | "f16",
  { seed, spread }: { seed: number; spread: number },
): void {
  const type = format === "f32" ? Float32Array : Float16Array;
  const values = new type(part.buffer, part.byteOffset, part.length / type.BYTES_PER_ELEMENT);
  const scale = spread * Math.sqrt(3) / 2 ** 31;
  let state = seed;
  for (let i = 0; i < values.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = state * scale; // a signed 32-bit number
  }
}
