/** Weights on the device: read a piece at a time, converted, split where a binding is too small. */
import {
  type ActivationFormat,
  encodeRows,
  inBlocks,
  rowBytes,
  type Weight,
  type WeightChunk,
  type WeightFormat,
} from "../../kernels/weights/weight.ts";
import { BufferPool, writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { ModelConfig } from "./config.ts";
import { Converters } from "./converters.ts";
import { chunksOf, formatOf, weightBytes, type WeightShape, weightShapes } from "./placement.ts";
import { columnsOf, interleaved, piecesOf, readAhead, type Rows } from "./weight_rows.ts";

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
  /** The model's format; `formatOf` tells what each weight has. */
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
  /** What the inputs of weights in blocks are rounded to. */
  readonly activations?: ActivationFormat;
  /** Called as pieces arrive, with bytes read and bytes in all (as stored on the device). */
  readonly onProgress?: (done: number, total: number) => void;
  /** Largest binding to use; by default what the device allows. */
  readonly maxBinding?: number;
}

/** Bytes submitted together: the device copies them while the next ones are read. */
const SUBMIT_BYTES = 16 << 20;

/** Bytes after which older ones are waited for, so that staged copies do not pile up. */
const FLUSH_BYTES = 128 << 20;

/** Reads every tensor of the forward pass onto the device. */
export async function loadWeights(
  gpu: Gpu,
  checkpoint: Checkpoint,
  options: LoadOptions,
): Promise<Weights> {
  using converters = new Converters();
  const loader = new Loader(gpu, checkpoint, options, converters);
  try {
    return await loader.load();
  } catch (error) {
    loader.pool.destroy();
    throw error;
  }
}

class Loader {
  readonly pool: BufferPool;
  readonly #config: ModelConfig;
  readonly #shapes: ReadonlyMap<string, WeightShape>;
  readonly #total: number;
  #done = 0;
  #unsubmitted = 0;
  #unflushed = 0;
  /** The end of what was flushed last. */
  #flushed: Promise<unknown> = Promise.resolve();

  constructor(
    readonly gpu: Gpu,
    readonly checkpoint: Checkpoint,
    readonly options: LoadOptions,
    readonly converters: Converters,
  ) {
    this.pool = new BufferPool(gpu);
    this.#config = checkpoint.config;
    this.#total = weightBytes(this.#config, options.format);
    const shapes = [...weightShapes(this.#config)].map((shape) => [shape.name, shape] as const);
    this.#shapes = new Map(shapes);
  }

  async load(): Promise<Weights> {
    const embedding = await this.#matrix("model.word_embeddings.weight");
    const layers: LayerWeights[] = [];
    for (let layer = 0; layer < this.#config.numHiddenLayers; layer++) {
      layers.push(await this.#layer(layer));
    }
    const norm = await this.#vector("model.norm.weight");
    const lmHead = await this.#matrix("lm_head.weight");
    await this.#flush();
    await this.#flushed;
    this.gpu.check();
    const { pool } = this;
    const { format } = this.options;
    const bytes = pool.bytes;
    return { format, embedding, layers, norm, lmHead, bytes, destroy: () => pool.destroy() };
  }

  async #layer(layer: number): Promise<LayerWeights> {
    const name = `model.layers.${layer}`;
    const attention = `${name}.attention`;
    const moe = layer >= this.#config.firstKDenseReplace;
    return {
      inputNorm: await this.#vector(`${name}.input_layernorm.weight`),
      qkv: await this.#matrix(`${attention}.query_key_value.weight`),
      qkNorm: await this.#qkNorm(attention),
      dense: await this.#matrix(`${attention}.dense.weight`),
      postNorm: await this.#vector(`${name}.post_attention_layernorm.weight`),
      ...(moe ? await this.#experts(`${name}.mlp`) : await this.#denseMlp(`${name}.mlp`)),
    };
  }

  async #denseMlp(name: string) {
    return {
      up: await this.#weight(`${name}.up`, (shape) => {
        const gate = this.#rows(`${name}.gate_proj.weight`, shape);
        return interleaved(gate, this.#rows(`${name}.up_proj.weight`, shape));
      }),
      down: await this.#weight(
        `${name}.down`,
        (shape) => this.#rows(`${name}.down_proj.weight`, shape),
      ),
    };
  }

  /** Routed experts with the shared experts behind them: one more expert each, chosen by all rows. */
  async #experts(name: string) {
    const c = this.#config;
    const { moeIntermediateSize: width } = c;
    const shared = `${name}.shared_experts`;
    const rowsOf = (projection: string, shape: WeightShape, expert: number): Rows => {
      if (expert < c.numExperts) {
        return this.#rows(`${name}.experts.${expert}.${projection}.weight`, shape);
      }
      const all = this.#rows(`${shared}.${projection}.weight`, shape);
      return (start, count) => all((expert - c.numExperts) * width + start, count);
    };
    const downOf = (shape: WeightShape, expert: number): Rows => {
      if (expert < c.numExperts || c.numSharedExperts === 1) {
        return rowsOf("down_proj", shape, Math.min(expert, c.numExperts));
      }
      const columns = c.numSharedExperts * width;
      const from = (expert - c.numExperts) * width;
      const format = this.#formatOf(shape);
      return async (start, count) => {
        const all = await this.checkpoint.readF32(`${shared}.down_proj.weight`, { start, count });
        return encodeRows(columnsOf(all, { columns, from, count: width }), format, width);
      };
    };
    return {
      router: {
        gate: await this.#weight(
          `${name}.gate`,
          (shape) => this.#rows(`${name}.gate.weight`, shape),
        ),
        bias: await this.#bias(`${name}.gate.expert_bias`),
      },
      up: await this.#weight(
        `${name}.experts.up`,
        (shape, expert) =>
          interleaved(rowsOf("gate_proj", shape, expert), rowsOf("up_proj", shape, expert)),
      ),
      down: await this.#weight(`${name}.experts.down`, downOf),
    };
  }

  async #bias(name: string): Promise<GPUBuffer> {
    if (this.#config.moeRouterEnableExpertBias) return await this.#vector(name);
    return await this.#upload(name, new Float32Array(this.#config.numExperts));
  }

  async #qkNorm(attention: string): Promise<GPUBuffer> {
    const { headDim, useQkNorm } = this.#config;
    const both = new Float32Array(2 * headDim).fill(1);
    if (useQkNorm) {
      both.set(await this.checkpoint.readF32(`${attention}.query_layernorm.weight`), 0);
      both.set(await this.checkpoint.readF32(`${attention}.key_layernorm.weight`), headDim);
    }
    return await this.#upload(`${attention}.qk_norm`, both);
  }

  async #vector(name: string): Promise<GPUBuffer> {
    return await this.#upload(name, new Float32Array(await this.checkpoint.readF32(name)));
  }

  async #upload(name: string, data: Float32Array<ArrayBuffer>): Promise<GPUBuffer> {
    const buffer = this.pool.upload(name, data);
    await this.#count(data.byteLength);
    return buffer;
  }

  #formatOf({ role }: WeightShape): WeightFormat {
    return formatOf(role, this.options.format);
  }

  #rows(name: string, shape: WeightShape): Rows {
    const format = this.#formatOf(shape);
    const { convert } = this.converters;
    return (start, count) => this.checkpoint.readRows(name, format, { start, count }, convert);
  }

  #matrix(name: string): Promise<Weight> {
    return this.#weight(name, (shape) => this.#rows(name, shape));
  }

  /** One weight from the rows of each of its experts (a plain matrix has one). */
  async #weight(
    name: string,
    rowsOf: (shape: WeightShape, expert: number) => Rows,
  ): Promise<Weight> {
    const shape = this.#shapes.get(name)!;
    const { experts, rows, columns } = shape;
    const format = this.#formatOf(shape);
    const chunks: WeightChunk[] = [];
    for (const { start, count, ...bytes } of chunksOf(shape, format, this.#maxBinding())) {
      const buffer = this.pool.empty(name, bytes.values);
      const scales = bytes.scales > 0 ? this.pool.empty(`${name} scales`, bytes.scales) : undefined;
      const row = rowBytes(format, columns);
      const pieces = piecesOf(shape, { start, count }, rowsOf);
      for await (const { at, stored } of readAhead(pieces, () => this.converters.atOnce)) {
        writeBuffer(this.gpu, buffer, { data: stored.values, offset: at * row.values });
        if (scales) {
          writeBuffer(this.gpu, scales, { data: stored.scales!, offset: at * row.scales });
        }
        await this.#count(stored.values.length + (stored.scales?.length ?? 0));
      }
      chunks.push({ buffer, scales, start, count });
    }
    const activations = inBlocks(format) ? this.options.activations : undefined;
    return { format, activations, experts, rows, columns, chunks };
  }

  async #count(bytes: number): Promise<void> {
    this.#done += bytes;
    this.#unsubmitted += bytes;
    this.#unflushed += bytes;
    if (this.#unsubmitted >= SUBMIT_BYTES) this.#submit();
    if (this.#unflushed >= FLUSH_BYTES) await this.#flush();
    this.options.onProgress?.(this.#done, this.#total);
  }

  #submit(): void {
    this.#unsubmitted = 0;
    this.gpu.device.queue.submit([]);
  }

  async #flush(): Promise<void> {
    this.#unflushed = 0;
    this.#submit();
    const before = this.#flushed;
    this.#flushed = this.gpu.device.queue.onSubmittedWorkDone();
    this.#flushed.catch(() => {}); // told where it is awaited
    await before;
    this.gpu.check();
  }

  #maxBinding(): number {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.gpu.device.limits;
    return this.options.maxBinding ?? Math.min(maxStorageBufferBindingSize, maxBufferSize);
  }
}
