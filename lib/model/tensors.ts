/** Where a model's tensors lie in its files, whatever the layout, and how they are read. */
import { type BlockFormat, blocksOf } from "../../kernels/weights/blocks.ts";
import {
  decodeRows,
  rowBytes,
  type SourceFormat,
  type StoredRows,
  type WeightFormat,
} from "../../kernels/weights/weight.ts";
import { Refusal } from "../refusal.ts";
import type { ModelConfig } from "./config.ts";
import type { Convert } from "./converters.ts";
import type { TensorInfo } from "./safetensors.ts";

/** Rows `start .. start + count` of a tensor. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/** A file with tensors. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  read(start: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A tensor in its file. */
interface Stored {
  readonly file: TensorFile;
  readonly info: TensorInfo;
}

/** A tensor's place: a whole tensor of a file, one expert of a merged one, or codes with scales. */
export interface Place extends Stored {
  /** Shape of the values, without the axis of experts. */
  readonly shape: readonly number[];
  readonly expert?: number;
  readonly blocks?: { readonly format: BlockFormat; readonly scales: Stored };
}

/** Metadata key of a file with blocks. */
export const LAYOUT_KEY = "unmask.blocks";
/** Its value: the layout that this code reads and writes. */
export const LAYOUT = "32 along a row, float16 scales";

/** Names a tensor's scales; docs/formats.md. */
export const SCALES = ".scales";

/** Safetensors types of codes: int8, and two int4 to a byte. */
export const CODE_DTYPES: Readonly<Record<BlockFormat, string>> = { q8: "I8", q4: "U8" };

/** Safetensors types of weights that are in no blocks. */
const FLOATS: Readonly<Record<string, SourceFormat>> = { F32: "f32", F16: "f16", BF16: "bf16" };

/** Canonical name and shape of every tensor the forward pass needs. */
export function* expectedTensors(c: ModelConfig): Generator<[string, number[]]> {
  const { hiddenSize: h, headDim: d, moeIntermediateSize: m } = c;
  const heads = c.numAttentionHeads;
  yield ["model.word_embeddings.weight", [c.vocabSize, h]];
  for (let n = 0; n < c.numHiddenLayers; n++) {
    const layer = `model.layers.${n}`;
    yield [`${layer}.input_layernorm.weight`, [h]];
    yield [
      `${layer}.attention.query_key_value.weight`,
      [(heads + 2 * c.numKeyValueHeads) * d, h],
    ];
    if (c.useQkNorm) {
      yield [`${layer}.attention.query_layernorm.weight`, [d]];
      yield [`${layer}.attention.key_layernorm.weight`, [d]];
    }
    yield [`${layer}.attention.dense.weight`, [h, heads * d]];
    yield [`${layer}.post_attention_layernorm.weight`, [h]];
    if (n < c.firstKDenseReplace) {
      yield* swiglu(`${layer}.mlp`, c.intermediateSize, h);
      continue;
    }
    yield [`${layer}.mlp.gate.weight`, [c.numExperts, h]];
    if (c.moeRouterEnableExpertBias) yield [`${layer}.mlp.gate.expert_bias`, [c.numExperts]];
    for (let e = 0; e < c.numExperts; e++) yield* swiglu(`${layer}.mlp.experts.${e}`, m, h);
    if (c.numSharedExperts > 0) {
      yield* swiglu(`${layer}.mlp.shared_experts`, c.numSharedExperts * m, h);
    }
  }
  yield ["model.norm.weight", [h]];
  yield ["lm_head.weight", [c.vocabSize, h]];
}

function* swiglu(name: string, width: number, hidden: number): Generator<[string, number[]]> {
  yield [`${name}.gate_proj.weight`, [width, hidden]];
  yield [`${name}.up_proj.weight`, [width, hidden]];
  yield [`${name}.down_proj.weight`, [hidden, width]];
}

const EXPERT = /^(.*\.mlp\.experts)\.(\d+)\.(gate_proj|up_proj|down_proj)\.weight$/;

/** Finds every expected tensor, in the per-expert or the merged layout, and nothing else. */
export function placeTensors(
  dir: string,
  config: ModelConfig,
  files: readonly TensorFile[],
): Map<string, Place> {
  const stored = new Map<string, Stored>();
  for (const file of files) {
    for (const [name, info] of file.tensors) stored.set(name, { file, info });
  }
  const places = new Map<string, Place>();
  const used = new Set<string>();
  const faults: string[] = [];
  for (const [name, shape] of expectedTensors(config)) {
    const [, experts, index, projection] = EXPERT.exec(name) ?? [];
    const merged = [`${experts}.${projection}`, `${experts}.${projection}.weight`]
      .find((candidate) => stored.has(candidate));
    const found = stored.has(name) ? name : merged;
    if (found === undefined) {
      faults.push(`tensor "${name}" is missing, expected shape [${shape}]`);
      continue;
    }
    const { file, info } = stored.get(found)!;
    const expert = found === name ? undefined : Number(index);
    const scales = expert === undefined ? stored.get(name + SCALES) : undefined;
    const blocks = scales && blocksIn(info, shape, scales);
    const wanted = expert === undefined ? shape : [config.numExperts, ...shape];
    if (scales && !blocks) {
      faults.push(
        `tensor "${found}" of shape [${shape}] is ${info.dtype} [${info.shape}] with scales ${scales.info.dtype} [${scales.info.shape}], expected q8 or q4 blocks (docs/formats.md)`,
      );
    } else if (!scales && info.shape.join() !== wanted.join() && !used.has(found)) {
      faults.push(`tensor "${found}" has shape [${info.shape}], expected [${wanted}]`);
    } else if (!scales && !Object.hasOwn(FLOATS, info.dtype)) {
      faults.push(`tensor "${found}" has dtype ${info.dtype}, expected F32, F16 or BF16`);
    }
    used.add(found);
    if (scales) used.add(name + SCALES);
    places.set(name, { file, info, shape, expert, blocks });
  }
  for (const [name, { info }] of stored) {
    // Published code saves the weights of no shared experts, too: tensors without values.
    if (used.has(name) || info.bytes === 0) continue;
    faults.push(`tensor "${name}" is not part of this architecture`);
  }
  if (faults.length > 0) {
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
    throw new Refusal(`Cannot load "${dir}": ${faults[0]}${more}`);
  }
  return places;
}

/** The format of codes and scales that fit a matrix's shape, if they do. */
function blocksIn(
  codes: TensorInfo,
  shape: readonly number[],
  scales: Stored,
): Place["blocks"] | undefined {
  const [rows, columns] = shape;
  if (shape.length !== 2 || scales.info.dtype !== "F16") return undefined;
  if (scales.info.shape.join() !== [rows, blocksOf(columns)].join()) return undefined;
  for (const format of ["q8", "q4"] as const) {
    const wanted = [rows, rowBytes(format, columns).values];
    if (codes.dtype === CODE_DTYPES[format] && codes.shape.join() === wanted.join()) {
      return { format, scales };
    }
  }
  return undefined;
}

/** The format of a quantized folder: that of its experts, or where there are none, of its projections. */
export function formatOfPlaces(places: ReadonlyMap<string, Place>): BlockFormat | undefined {
  const expert = places.keys().find((name) => EXPERT.test(name));
  return places.get(expert ?? "model.layers.0.attention.query_key_value.weight")?.blocks?.format;
}

/** The place of a tensor by its canonical name. */
export function placeOf(places: ReadonlyMap<string, Place>, name: string): Place {
  const place = places.get(name);
  if (!place) throw new TypeError(`Cannot read tensor "${name}": not in the checkpoint`);
  return place;
}

/** Values as float32. */
export async function readF32(place: Place, rows?: RowRange): Promise<Float32Array> {
  const stored = await readStored(place, rows ?? { start: 0, count: place.shape[0] });
  return decodeRows(stored, formatOfPlace(place), place.shape.at(-1)!);
}

/** Rows of a matrix in a format: as they are where the file has it, else converted. */
export async function readRows(
  place: Place,
  { format: to, rows: range, convert }: RowsWanted,
): Promise<StoredRows> {
  const rows = await readStored(place, range);
  const from = formatOfPlace(place);
  return from === to ? rows : await convert({ rows, from, to, columns: place.shape[1] });
}

/** Which rows of a matrix, in what format, and who converts them. */
interface RowsWanted {
  readonly format: WeightFormat;
  readonly rows: RowRange;
  readonly convert: Convert;
}

function formatOfPlace({ info, blocks }: Place): SourceFormat {
  return blocks?.format ?? FLOATS[info.dtype];
}

async function readStored(place: Place, rows: RowRange): Promise<StoredRows> {
  const values = await readBytes(place, rows);
  if (!place.blocks) return { values };
  return { values, scales: await readBytes({ ...place.blocks.scales, shape: place.shape }, rows) };
}

/** Bytes of rows; every row of a tensor has as many. */
async function readBytes(
  { file, info, shape, expert = 0 }: Place,
  { start, count }: RowRange,
): Promise<Uint8Array<ArrayBuffer>> {
  const stacked = info.shape.length > shape.length ? info.shape[0] : 1;
  const row = info.bytes / (stacked * shape[0]);
  return await file.read(info.start + (expert * shape[0] + start) * row, count * row);
}

/** Values of a float tensor's bytes. */
export function toF32(values: Uint8Array<ArrayBuffer>, dtype: string): Float32Array<ArrayBuffer> {
  return decodeRows({ values }, FLOATS[dtype], 1); // rows do not matter
}
