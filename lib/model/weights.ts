/** Weights on the device: read a piece at a time, converted, split where a binding is too small. */
import { MAX_GROUPS } from "../../kernels/launch.ts";
import {
  encodeWeight,
  type Weight,
  WEIGHT_BYTES,
  type WeightFormat,
} from "../../kernels/weight.ts";
import { BufferPool, writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { Refusal } from "../refusal.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { ModelConfig } from "./config.ts";

/** Weights of one layer; gate and up rows alternate in `up`. */
export interface LayerWeights {
  readonly inputNorm: GPUBuffer;
  readonly qkv: Weight;
  /** [2, headDim]: q norm, then k norm. */
  readonly qkNorm: GPUBuffer;
  readonly dense: Weight;
  readonly postNorm: GPUBuffer;
  readonly up: Weight;
  readonly down: Weight;
  /** Absent in dense layers. */
  readonly router?: { readonly gate: Weight; readonly bias: GPUBuffer };
}

/** All weights of a model, in the order of a forward pass. */
export interface Weights {
  readonly format: WeightFormat;
  readonly embedding: Weight;
  readonly layers: readonly LayerWeights[];
  readonly norm: GPUBuffer;
  readonly lmHead: Weight;
  /** Bytes on the device. */
  readonly bytes: number;
  destroy(): void;
}

/** Options of `loadWeights`. */
export interface LoadOptions {
  readonly format: WeightFormat;
  /** Called as pieces arrive, with bytes read and bytes in all (as stored on the device). */
  readonly onProgress?: (done: number, total: number) => void;
  /** Largest binding to use; by default what the device allows. */
  readonly maxBinding?: number;
}

/** Rows `start .. start + count` of a matrix, as float32. */
type Rows = (start: number, count: number) => Promise<Float32Array>;

/** Values read, converted and written at once: bounds the host memory beside the model. */
const PIECE_VALUES = 4 << 20;

/** Bytes written before waiting for the device, so that staged copies do not pile up. */
const FLUSH_BYTES = 256 << 20;

/** Rows of a chunk that one dispatch covers: a workgroup has at least 8. */
const MOST_ROWS = 8 * MAX_GROUPS;

/** Reads every tensor of the forward pass onto the device. */
export async function loadWeights(
  gpu: Gpu,
  checkpoint: Checkpoint,
  options: LoadOptions,
): Promise<Weights> {
  const loader = new Loader(gpu, checkpoint, options);
  try {
    return await loader.load();
  } catch (error) {
    loader.pool.destroy();
    throw error;
  }
}

class Loader {
  readonly pool: BufferPool;
  #done = 0;
  #unflushed = 0;
  readonly #config: ModelConfig;

  constructor(readonly gpu: Gpu, readonly checkpoint: Checkpoint, readonly options: LoadOptions) {
    this.pool = new BufferPool(gpu);
    this.#config = checkpoint.config;
  }

  async load(): Promise<Weights> {
    const { vocabSize, hiddenSize, numHiddenLayers } = this.#config;
    const vocabulary = { rows: vocabSize, columns: hiddenSize };
    const embedding = await this.#matrix("model.word_embeddings.weight", vocabulary);
    const layers: LayerWeights[] = [];
    for (let layer = 0; layer < numHiddenLayers; layer++) layers.push(await this.#layer(layer));
    const norm = await this.#vector("model.norm.weight");
    const lmHead = await this.#matrix("lm_head.weight", vocabulary);
    await this.#flush();
    const { pool } = this;
    const { format } = this.options;
    const bytes = pool.bytes;
    return { format, embedding, layers, norm, lmHead, bytes, destroy: () => pool.destroy() };
  }

  async #layer(layer: number): Promise<LayerWeights> {
    const c = this.#config;
    const name = `model.layers.${layer}`;
    const attention = `${name}.attention`;
    const queries = c.numAttentionHeads * c.headDim;
    const qkvRows = queries + 2 * c.numKeyValueHeads * c.headDim;
    const moe = layer >= c.firstKDenseReplace;
    return {
      inputNorm: await this.#vector(`${name}.input_layernorm.weight`),
      qkv: await this.#matrix(`${attention}.query_key_value.weight`, {
        rows: qkvRows,
        columns: c.hiddenSize,
      }),
      qkNorm: await this.#qkNorm(attention),
      dense: await this.#matrix(`${attention}.dense.weight`, {
        rows: c.hiddenSize,
        columns: queries,
      }),
      postNorm: await this.#vector(`${name}.post_attention_layernorm.weight`),
      ...(moe ? await this.#experts(`${name}.mlp`) : await this.#denseMlp(`${name}.mlp`)),
    };
  }

  async #denseMlp(name: string) {
    const { hiddenSize, intermediateSize } = this.#config;
    const gate = this.#rows(`${name}.gate_proj.weight`);
    const up = this.#rows(`${name}.up_proj.weight`);
    return {
      up: await this.#weight(`${name}.up`, () => interleaved(gate, up, hiddenSize), {
        rows: 2 * intermediateSize,
        columns: hiddenSize,
      }),
      down: await this.#matrix(`${name}.down_proj.weight`, {
        rows: hiddenSize,
        columns: intermediateSize,
      }),
    };
  }

  /** Routed experts with the shared experts behind them: one more expert each, chosen by all rows. */
  async #experts(name: string) {
    const c = this.#config;
    const { hiddenSize, moeIntermediateSize: width } = c;
    const experts = c.numExperts + c.numSharedExperts;
    const shared = `${name}.shared_experts`;
    const rowsOf = (projection: "gate_proj" | "up_proj", expert: number): Rows => {
      if (expert < c.numExperts) {
        return this.#rows(`${name}.experts.${expert}.${projection}.weight`);
      }
      const all = this.#rows(`${shared}.${projection}.weight`);
      return (start, count) => all((expert - c.numExperts) * width + start, count);
    };
    const downOf = (expert: number): Rows => {
      if (expert < c.numExperts) return this.#rows(`${name}.experts.${expert}.down_proj.weight`);
      const all = this.#rows(`${shared}.down_proj.weight`);
      const columns = c.numSharedExperts * width;
      const from = (expert - c.numExperts) * width;
      return async (start, count) =>
        columnsOf(await all(start, count), { columns, from, count: width });
    };
    return {
      router: {
        gate: await this.#weight(`${name}.gate`, () => this.#rows(`${name}.gate.weight`), {
          rows: c.numExperts,
          columns: hiddenSize,
          format: "f32",
        }),
        bias: await this.#bias(`${name}.gate.expert_bias`),
      },
      up: await this.#weight(
        `${name}.experts.up`,
        (expert) => interleaved(rowsOf("gate_proj", expert), rowsOf("up_proj", expert), hiddenSize),
        {
          experts,
          rows: 2 * width,
          columns: hiddenSize,
        },
      ),
      down: await this.#weight(`${name}.experts.down`, downOf, {
        experts,
        rows: hiddenSize,
        columns: width,
      }),
    };
  }

  async #bias(name: string): Promise<GPUBuffer> {
    if (this.#config.moeRouterEnableExpertBias) return await this.#vector(name);
    return this.pool.empty(name, this.#config.numExperts * 4);
  }

  async #qkNorm(attention: string): Promise<GPUBuffer> {
    const { headDim, useQkNorm } = this.#config;
    const both = new Float32Array(2 * headDim).fill(1);
    if (useQkNorm) {
      both.set(await this.checkpoint.readF32(`${attention}.query_layernorm.weight`), 0);
      both.set(await this.checkpoint.readF32(`${attention}.key_layernorm.weight`), headDim);
    }
    return this.pool.upload(`${attention}.qk_norm`, both);
  }

  async #vector(name: string): Promise<GPUBuffer> {
    return this.pool.upload(name, new Float32Array(await this.checkpoint.readF32(name)));
  }

  #rows(name: string): Rows {
    return (start, count) => this.checkpoint.readF32(name, { start, count });
  }

  #matrix(name: string, shape: { rows: number; columns: number }): Promise<Weight> {
    return this.#weight(name, () => this.#rows(name), shape);
  }

  /** One weight from the rows of each of its experts (a plain matrix has one). */
  async #weight(
    label: string,
    rowsOf: (expert: number) => Rows,
    shape: { rows: number; columns: number; experts?: number; format?: WeightFormat },
  ): Promise<Weight> {
    const { rows, columns, experts = 1, format = this.options.format } = shape;
    const rowBytes = columns * WEIGHT_BYTES[format];
    const unit = experts > 1 ? rows * rowBytes : 2 * rowBytes;
    const most = this.#maxBinding();
    if (unit > most) {
      throw new Refusal(
        `Cannot place "${label}" on the device: its smallest part has ${unit} bytes, expected at most ${most}`,
      );
    }
    const fitting = Math.floor(most / unit) * (experts > 1 ? 1 : 2);
    const perChunk = experts > 1 ? fitting : Math.min(fitting, MOST_ROWS);
    const total = experts > 1 ? experts : rows;
    const chunks = [];
    for (let start = 0; start < total; start += perChunk) {
      const count = Math.min(perChunk, total - start);
      const buffer = this.pool.empty(label, count * (experts > 1 ? rows : 1) * rowBytes);
      if (experts > 1) {
        for (let e = 0; e < count; e++) {
          const whole = { first: 0, rows, columns, format, offset: e * unit };
          await this.#fill(buffer, rowsOf(start + e), whole);
        }
      } else {
        const part = { first: start, rows: count, columns, format, offset: 0 };
        await this.#fill(buffer, rowsOf(0), part);
      }
      chunks.push({ buffer, start, count });
    }
    return { format, experts, rows, columns, chunks };
  }

  async #fill(
    buffer: GPUBuffer,
    source: Rows,
    at: { first: number; rows: number; columns: number; format: WeightFormat; offset: number },
  ): Promise<void> {
    const rowBytes = at.columns * WEIGHT_BYTES[at.format];
    const piece = Math.max(2, Math.floor(PIECE_VALUES / at.columns / 2) * 2);
    for (let row = 0; row < at.rows; row += piece) {
      const count = Math.min(piece, at.rows - row);
      const data = encodeWeight(await source(at.first + row, count), at.format);
      writeBuffer(this.gpu, buffer, { data, offset: at.offset + row * rowBytes });
      this.#done += data.byteLength;
      this.#unflushed += data.byteLength;
      if (this.#unflushed >= FLUSH_BYTES) await this.#flush();
      const { numParameters } = this.checkpoint;
      this.options.onProgress?.(this.#done, numParameters * WEIGHT_BYTES[this.options.format]);
    }
  }

  async #flush(): Promise<void> {
    this.#unflushed = 0;
    this.gpu.device.queue.submit([]);
    await this.gpu.device.queue.onSubmittedWorkDone();
    this.gpu.check();
  }

  #maxBinding(): number {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.gpu.device.limits;
    return this.options.maxBinding ?? Math.min(maxStorageBufferBindingSize, maxBufferSize);
  }
}

/** Rows of gate and up in turn: row 2n is gate n, row 2n + 1 is up n. */
function interleaved(gate: Rows, up: Rows, columns: number): Rows {
  return async (start, count) => {
    const both = new Float32Array(count * columns);
    const [g, u] = [await gate(start / 2, count / 2), await up(start / 2, count / 2)];
    for (let row = 0; row < count / 2; row++) {
      both.set(g.subarray(row * columns, (row + 1) * columns), 2 * row * columns);
      both.set(u.subarray(row * columns, (row + 1) * columns), (2 * row + 1) * columns);
    }
    return both;
  };
}

function columnsOf(
  values: Float32Array,
  { columns, from, count }: { columns: number; from: number; count: number },
): Float32Array {
  if (columns === count) return values;
  const rows = values.length / columns;
  const part = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    part.set(values.subarray(row * columns + from, row * columns + from + count), row * count);
  }
  return part;
}
