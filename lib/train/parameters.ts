/**
 * Everything that is trained: each weight as it lies on the device, with its gradient and AdamW's moments,
 * and the way between that layout and the tensors of a checkpoint.
 */
import type { Weight } from "../../kernels/weights/weight.ts";
import { BufferPool, readBuffer, writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { chunksOf, type WeightShape, weightShapes } from "../model/placement.ts";
import type { TensorSource } from "./init.ts";

/** The four arrays that a parameter has. */
export type ParameterKind = "weights" | "gradients" | "m" | "v";

/** One part of a parameter: all of it, unless a binding is too small. */
export interface ParameterChunk {
  /** First row or expert, and how many. */
  readonly start: number;
  readonly count: number;
  /** First value and number of values. */
  readonly at: number;
  readonly size: number;
  readonly buffers: Readonly<Record<ParameterKind, GPUBuffer | undefined>>;
}

/** Rows of a checkpoint's tensor among the values of a parameter. */
interface Piece {
  readonly tensor: string;
  /** Shape of the tensor. */
  readonly shape: readonly number[];
  /** First row and column of the tensor that the piece covers. */
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  /** Index of the piece's first value in the parameter, and values from one row to the next. */
  readonly at: number;
  readonly stride: number;
}

/** A weight matrix, a stack of experts, or a norm's vector. */
export interface Parameter {
  readonly name: string;
  readonly experts: number;
  readonly rows: number;
  readonly columns: number;
  readonly chunks: readonly ParameterChunk[];
  readonly pieces: readonly Piece[];
}

/** A checkpoint's tensor as float32. */
export interface Tensor {
  /** Canonical name. */
  readonly name: string;
  /** Sizes of its axes. */
  readonly shape: readonly number[];
  /** Row after row. */
  readonly values: Float32Array<ArrayBuffer>;
}

type Unplaced = Omit<Parameter, "chunks">;

/** Bytes on their way from a device. */
const READ_AHEAD = 64 << 20;

/** All parameters of a model on the device. */
export class Parameters {
  readonly all: readonly Parameter[];
  readonly #byName: ReadonlyMap<string, Parameter>;

  /** Makes room for weights and, unless `frozen`, for gradients and moments, zero at first. */
  constructor(
    readonly pool: BufferPool,
    config: ModelConfig,
    { frozen, maxBinding }: { frozen: boolean; maxBinding: number },
  ) {
    const kinds: ParameterKind[] = frozen ? ["weights"] : ["weights", "gradients", "m", "v"];
    this.all = Array.from(unplaced(config), (parameter) => {
      const chunks = chunksOf({ ...parameter, role: "projection" }, "f32", maxBinding).map(
        ({ start, count, values }) => {
          const perUnit = (parameter.experts > 1 ? parameter.rows : 1) * parameter.columns;
          const buffers = Object.fromEntries(
            kinds.map((kind) => [kind, pool.empty(`${parameter.name} ${kind}`, values)]),
          ) as Record<ParameterKind, GPUBuffer>;
          return { start, count, at: start * perUnit, size: count * perUnit, buffers };
        },
      );
      return { ...parameter, chunks };
    });
    this.#byName = new Map(this.all.map((parameter) => [parameter.name, parameter]));
  }

  /** A matrix or stack by name, as kernels take it. */
  matrix(name: string, kind: "weights" | "gradients" = "weights"): Weight {
    const { experts, rows, columns, chunks } = this.#named(name);
    return {
      format: "f32",
      experts,
      rows,
      columns,
      chunks: chunks.map(({ start, count, buffers }) => ({ start, count, buffer: buffers[kind]! })),
    };
  }

  /** A norm's vector by name. */
  vector(name: string, kind: "weights" | "gradients" = "weights"): GPUBuffer {
    return this.#named(name).chunks[0].buffers[kind]!;
  }

  #named(name: string): Parameter {
    const parameter = this.#byName.get(name);
    if (!parameter) throw new TypeError(`Cannot find parameter "${name}"`);
    return parameter;
  }

  /** Takes weights or moments from tensors. */
  async write(gpu: Gpu, kind: ParameterKind, source: TensorSource): Promise<void> {
    for (const { experts, rows, columns, chunks, pieces } of this.all) {
      // A vector that a model does not have (QK norms switched off) multiplies by one.
      const values = new Float32Array(experts * rows * columns).fill(kind === "weights" ? 1 : 0);
      for (const piece of pieces) {
        copyPiece(piece, values, await source.values(piece.tensor, piece.shape), "from tensor");
      }
      for (const { at, size, buffers } of chunks) {
        writeBuffer(gpu, buffers[kind]!, { data: values.subarray(at, at + size) });
      }
    }
  }

  /** Gives weights, gradients or moments back as tensors, in the order of a forward pass. */
  async *read(gpu: Gpu, kind: ParameterKind): AsyncGenerator<Tensor> {
    const partial = new Map<string, { tensor: Tensor; missing: number }>();
    for await (const [{ pieces }, values] of this.#valuesOf(gpu, kind)) {
      for (const piece of pieces) {
        const entry = partial.get(piece.tensor) ?? begun(piece);
        partial.set(piece.tensor, entry);
        copyPiece(piece, values, entry.tensor.values, "to tensor");
        entry.missing -= piece.rows * piece.columns;
        if (entry.missing > 0) continue;
        partial.delete(piece.tensor);
        yield entry.tensor;
      }
    }
  }

  /** Each parameter's values. Several are on their way at once, since Deno asks a device only every 10 ms. */
  async *#valuesOf(gpu: Gpu, kind: ParameterKind): AsyncGenerator<[Parameter, Float32Array]> {
    const reading: { parameter: Parameter; bytes: number; values: Promise<Float32Array> }[] = [];
    let bytes = 0;
    for (let next = 0; next < this.all.length || reading.length > 0;) {
      while (next < this.all.length && (reading.length === 0 || bytes < READ_AHEAD)) {
        const parameter = this.all[next++];
        const { experts, rows, columns } = parameter;
        const size = 4 * experts * rows * columns;
        const values = valuesOf(gpu, kind, parameter);
        values.catch(() => {}); // told when it is its turn
        reading.push({ parameter, bytes: size, values });
        bytes += size;
      }
      const first = reading.shift()!;
      bytes -= first.bytes;
      yield [first.parameter, await first.values];
    }
  }
}

async function valuesOf(
  gpu: Gpu,
  kind: ParameterKind,
  { experts, rows, columns, chunks }: Parameter,
): Promise<Float32Array> {
  const values = new Float32Array(experts * rows * columns);
  await Promise.all(chunks.map(async ({ at, size, buffers }) => {
    values.set(new Float32Array(await readBuffer(gpu, buffers[kind]!, { bytes: 4 * size })), at);
  }));
  return values;
}

function begun({ tensor: name, shape }: Piece): { tensor: Tensor; missing: number } {
  const missing = shape.reduce((product, size) => product * size, 1);
  return { tensor: { name, shape, values: new Float32Array(missing) }, missing };
}

function copyPiece(
  { shape, row, column, rows, columns, at, stride }: Piece,
  values: Float32Array,
  tensor: Float32Array,
  direction: "from tensor" | "to tensor",
): void {
  const width = shape.at(-1)!;
  for (let r = 0; r < rows; r++) {
    const inTensor = (row + r) * width + column;
    const inValues = at + r * stride;
    if (direction === "from tensor") {
      values.set(tensor.subarray(inTensor, inTensor + columns), inValues);
    } else tensor.set(values.subarray(inValues, inValues + columns), inTensor);
  }
}

/** Values of all parameters; experts' biases are balanced, not trained. */
export function trainedCount(config: ModelConfig): number {
  let count = 0;
  for (const { experts, rows, columns } of unplaced(config)) count += experts * rows * columns;
  return count;
}

/** Parameters in the order of a forward pass, named as in lib/model/placement.ts. */
function* unplaced(c: ModelConfig): Generator<Unplaced> {
  const shapes = new Map([...weightShapes(c)].map((shape) => [shape.name, shape]));
  const matrix = (name: string) => placed(shapes.get(name)!, c);
  yield matrix("model.word_embeddings.weight");
  for (let n = 0; n < c.numHiddenLayers; n++) {
    const layer = `model.layers.${n}`;
    yield vector(`${layer}.input_layernorm.weight`, c.hiddenSize);
    yield matrix(`${layer}.attention.query_key_value.weight`);
    yield qkNorm(`${layer}.attention`, c);
    yield matrix(`${layer}.attention.dense.weight`);
    yield vector(`${layer}.post_attention_layernorm.weight`, c.hiddenSize);
    const moe = n >= c.firstKDenseReplace;
    if (moe) yield matrix(`${layer}.mlp.gate`);
    yield matrix(`${layer}.mlp.${moe ? "experts." : ""}up`);
    yield matrix(`${layer}.mlp.${moe ? "experts." : ""}down`);
  }
  yield vector("model.norm.weight", c.hiddenSize);
  yield matrix("lm_head.weight");
}

function vector(name: string, columns: number): Unplaced {
  const whole = { tensor: name, shape: [columns], row: 0, column: 0, rows: 1, columns };
  return { name, experts: 1, rows: 1, columns, pieces: [{ ...whole, at: 0, stride: columns }] };
}

/** [2, headDim]: q norm, then k norm. */
function qkNorm(attention: string, { headDim, useQkNorm }: ModelConfig): Unplaced {
  const names = useQkNorm ? ["query_layernorm", "key_layernorm"] : [];
  const pieces = names.map((name, index) => ({
    tensor: `${attention}.${name}.weight`,
    shape: [headDim],
    row: 0,
    column: 0,
    rows: 1,
    columns: headDim,
    at: index * headDim,
    stride: headDim,
  }));
  return { name: `${attention}.qk_norm`, experts: 1, rows: 1, columns: 2 * headDim, pieces };
}

/** A matrix or stack with its pieces: gate and up rows in turn, shared experts behind the others. */
function placed({ name, experts, rows, columns }: WeightShape, c: ModelConfig): Unplaced {
  const shape = { name, experts, rows, columns };
  if (name.endsWith(".mlp.gate")) return { ...shape, pieces: [whole(`${name}.weight`, shape)] };
  const [, mlp, , side] = /^(.*\.mlp\.)(experts\.)?(up|down)$/.exec(name) ?? [];
  if (!mlp) return { ...shape, pieces: [whole(name, shape)] };
  const isStack = name.includes(".experts.");
  const pieces = Array.from({ length: experts }, (_, expert) => {
    const at = expert * rows * columns;
    const shared = expert - c.numExperts;
    const folder = !isStack
      ? mlp
      : shared < 0
      ? `${mlp}experts.${expert}.`
      : `${mlp}shared_experts.`;
    const copies = isStack && shared >= 0 ? c.numSharedExperts : 1;
    const index = isStack ? Math.max(0, shared) : 0;
    if (side === "down") {
      const tensor = `${folder}down_proj.weight`;
      const column = index * columns;
      return [{
        tensor,
        shape: [rows, copies * columns],
        row: 0,
        column,
        rows,
        columns,
        at,
        stride: columns,
      }];
    }
    const half = rows / 2;
    return ["gate_proj", "up_proj"].map((projection, turn) => ({
      tensor: `${folder}${projection}.weight`,
      shape: [copies * half, columns],
      row: index * half,
      column: 0,
      rows: half,
      columns,
      at: at + turn * columns,
      stride: 2 * columns,
    }));
  });
  return { ...shape, pieces: pieces.flat() };
}

function whole(tensor: string, { rows, columns }: { rows: number; columns: number }): Piece {
  return {
    tensor,
    shape: [rows, columns],
    row: 0,
    column: 0,
    rows,
    columns,
    at: 0,
    stride: columns,
  };
}
