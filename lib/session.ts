/**
 * A model as stages use it: each part is opened when a record first needs it, and only then. Modules that
 * only some stages need load with their part, so that a pipe of small commands starts quickly.
 */
import type { Target } from "../kernels/launch.ts";
import {
  ACTIVATION_FORMATS,
  type ActivationFormat,
  WEIGHT_FORMATS,
  type WeightFormat,
} from "../kernels/weights/weight.ts";
import { BlockStore } from "./cache/block_store.ts";
import type { Engine } from "./diffusion/engine.ts";
import type { DeviceLost, Gpu } from "./gpu/device.ts";
import { resolveModel } from "./hub/resolve.ts";
import { type Checkpoint, checkVocabulary, openCheckpoint } from "./model/checkpoint.ts";
import { modelDigest, tokenizerDigest } from "./model/digest.ts";
import type { ModelFolder } from "./model/folder.ts";
import { folderOf } from "./model/disk_folder.ts";
import type { Model } from "./model/model.ts";
import type { ChatTemplate } from "./tokenizer/chat_template.ts";
import { Refusal } from "./refusal.ts";
import { loadTokenizer, type Tokenizer } from "./tokenizer/mod.ts";

/** What decides a session. */
export interface SessionOptions {
  /** "nano", a folder by its path, a name in the Hugging Face cache; or a folder from elsewhere (`webFolder`). */
  readonly model?: string | ModelFolder;
  /** Weights on the device; by default a quantized folder's own, f32 up to 1B parameters, else f16. */
  readonly dtype?: WeightFormat;
  /** What the inputs of q8 and q4 weights are rounded to: float32 unless given. */
  readonly activations?: ActivationFormat;
  /** Records decoded together. */
  readonly batch?: number;
  /** Part of the adapter's name; any other is refused. */
  readonly adapter?: string;
  /** Implementation of WebGPU: Deno's own, or Dawn where the npm package "webgpu" is installed. */
  readonly engine?: "deno" | "dawn";
  /** Folder of caches; without one nothing is kept. */
  readonly cacheDir?: string;
  /** Whether the engine reads back every denoising step. */
  readonly trace?: boolean;
  /** Forward passes handed to the device at once; the default suits the model. */
  readonly passesPerSubmit?: number;
  /** Told of fallbacks, once each. */
  readonly onNotice?: (line: string) => void;
  /** Told of what is worth knowing only when something seems wrong. */
  readonly onDetail?: (line: string) => void;
  /** Told how much of the weights is loaded. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The `device` field of a record: adapter, backend, weights' format, and which kernel shapes ran. */
export interface DeviceFacts {
  /** The adapter's own name. */
  readonly adapter: string;
  /** The API below WebGPU: "vulkan", "metal", "dx12", "gl"; or another engine's name, "dawn". */
  readonly backend: string;
  /** Format of the weights. */
  readonly dtype: WeightFormat;
  /** What the inputs of weights are rounded to, where they are. */
  readonly activations?: ActivationFormat;
  /** Shape of the kernels. */
  readonly kernels: Target;
}

/** Records decoded together by default. */
export const DEFAULT_BATCH = 16;

/** Opens parts of one model on demand, each once. */
export class Session {
  readonly #parts = new Map<string, Promise<unknown>>();
  readonly #notices = new Set<string>();
  #store?: BlockStore;
  /** The loss that another device was opened for, and the end of what was on the lost one. */
  #loss?: { readonly error: DeviceLost; readonly closed: Promise<void> };

  /** Opens nothing yet; refuses options that no model could be opened with. */
  constructor(readonly options: SessionOptions = {}) {
    checkOptions(options);
  }

  /** The model's folder. */
  folder(): Promise<ModelFolder> {
    const { model } = this.options;
    return this.#once("folder", async () => {
      if (typeof model === "object") return model;
      return folderOf(await resolveModel(model, { notice: (line) => this.notice(line) }));
    });
  }

  /** Name in records: what the user asked for, or "nano". */
  get name(): string {
    const { model = "nano" } = this.options;
    const path = typeof model === "object" ? model.dir : model;
    return path.split("/").filter(Boolean).at(-1) ?? "nano";
  }

  /** Config and tensors on disk.
   * @internal */
  checkpoint(): Promise<Checkpoint> {
    return this.#once("checkpoint", async () => {
      const checkpoint = await openCheckpoint(await this.folder());
      const { unknown } = checkpoint.generationConfig;
      if (unknown.length > 0) {
        this.options.onDetail?.(`generation_config.json: not used: ${unknown.join(", ")}`);
      }
      return checkpoint;
    });
  }

  /** Turns text into ids and back. */
  tokenizer(): Promise<Tokenizer> {
    return this.#once(
      "tokenizer",
      async () => await loadTokenizer(await this.folder(), this.#kept),
    );
  }

  /** The chat template, if the model has one.
   * @internal */
  template(): Promise<ChatTemplate | undefined> {
    return this.#once("template", async () => {
      const { loadChatTemplate } = await import("./tokenizer/chat_template.ts");
      return await loadChatTemplate(await this.folder(), this.#kept);
    });
  }

  /** SHA-256 over everything that decides results. */
  digest(): Promise<string> {
    const { cacheDir } = this.options;
    return this.#once("digest", async () => {
      const { files: weights } = await this.checkpoint();
      return await modelDigest(await this.folder(), weights, cacheDir);
    });
  }

  /** Refuses a tokenizer with tokens that the model does not have; for where both are open.
   * @internal */
  checkTokenizer(): Promise<void> {
    return this.#once("vocabulary", async () => {
      checkVocabulary(await this.checkpoint(), (await this.tokenizer()).vocabSize);
    });
  }

  /** SHA-256 over the tokenizer files alone. */
  tokenizerDigest(): Promise<string> {
    return this.#once("tokenizer digest", async () => await tokenizerDigest(await this.folder()));
  }

  /** The device.
   * @internal */
  gpu(): Promise<Gpu> {
    const { adapter, engine, cacheDir } = this.options;
    return this.#once("gpu", async () => {
      const { fallbacksOf, openGpu } = await import("./gpu/device.ts");
      const gpu = await openGpu({ adapter, engine, cacheDir });
      if (gpu.software && !adapter) {
        this.notice(`no GPU found: runs on software adapter "${gpu.adapter}" (${gpu.backend})`);
      }
      for (const line of fallbacksOf(gpu)) this.notice(line);
      return gpu;
    });
  }

  /** What may make a result differ from another machine's. */
  async device(): Promise<DeviceFacts> {
    const dtype = await this.dtype();
    const { adapter, backend, launcher } = await this.gpu();
    const { activations } = this.options;
    const rounded = activations === "int8" ? { activations } : {};
    return { adapter, backend, dtype, ...rounded, kernels: launcher.target };
  }

  /**
   * After the device was lost: drops what was on it, so that the next use opens another; once. Throws a second
   * loss on, and any other error. Stages that share the session come upon the same loss.
   * @internal
   */
  async reopen(error: unknown): Promise<void> {
    const { DeviceLost } = await import("./gpu/device.ts");
    if (!(error instanceof DeviceLost)) throw error;
    if (!this.#loss) {
      this.notice("the GPU device was lost: trying a new one");
      this.#loss = { error, closed: this.#closeDevice() };
    }
    await this.#loss.closed;
    if (this.#loss.error !== error) throw error;
  }

  /** Format of the weights on the device; refuses one that the activations do not go with. */
  dtype(): Promise<WeightFormat> {
    return this.#once("dtype", async () => {
      const { activations } = this.options;
      if (this.options.dtype && activations !== "int8") return this.options.dtype;
      const { checkActivations, defaultDtype } = await import("./model/model.ts");
      const dtype = this.options.dtype ?? defaultDtype(await this.checkpoint());
      checkActivations(this.name, { dtype, activations });
      return dtype;
    });
  }

  /** Weights on the device.
   * @internal */
  model(): Promise<Model> {
    return this.#once("model", async () => {
      const checkpoint = await this.checkpoint();
      const { activations, onProgress } = this.options;
      const tokenizerMaskId = await this.#tokenizerMaskId(checkpoint);
      const dtype = await this.dtype();
      const { openModel } = await import("./model/model.ts");
      const gpu = await this.gpu();
      if (gpu.software && activations === "int8") {
        this.notice("int8 activations save a GPU work, but cost a software adapter time");
      }
      const { checkFit } = await import("./quant/fit.ts");
      checkFit(checkpoint.config, dtype, {
        model: this.name,
        slots: this.options.batch ?? DEFAULT_BATCH,
        maxBinding: gpu.device.limits.maxStorageBufferBindingSize,
        target: gpu.launcher.target,
        memory: gpu.memory.limit,
      });
      return await openModel(gpu, checkpoint, { dtype, activations, tokenizerMaskId, onProgress });
    });
  }

  /** The unmasking loop over the model.
   * @internal */
  engine(): Promise<Engine> {
    const { batch = DEFAULT_BATCH, trace, passesPerSubmit } = this.options;
    return this.#once("engine", async () => {
      const { Engine } = await import("./diffusion/engine.ts");
      const model = await this.model();
      const engine = await Engine.create(model, { slots: batch, trace, passesPerSubmit });
      const { config: { maxPositionEmbeddings: whole } } = model;
      if (engine.context < whole) {
        this.notice(
          `the model's context is ${whole} tokens, of which this adapter holds ${engine.context}`,
        );
      }
      return engine;
    });
  }

  /** Ids that end an answer, and the mask's. */
  specialIds(): Promise<{ mask: number; eos: readonly number[] }> {
    return this.#once("special", async () => {
      const { eosIdsOf, maskIdOf } = await import("./model/model.ts");
      const checkpoint = await this.checkpoint();
      const mask = maskIdOf(checkpoint, await this.#tokenizerMaskId(checkpoint));
      return { mask, eos: eosIdsOf(checkpoint) };
    });
  }

  /**
   * Keys and values on disk; undefined without a cache folder. One store, since it knows when it last looked
   * at the folder's size, and whether it can be written.
   * @internal
   */
  get store(): BlockStore | undefined {
    const { cacheDir } = this.options;
    if (cacheDir) this.#store ??= this.storeAt(`${cacheDir}/kv`);
    return this.#store;
  }

  /** The store in a folder that a record names.
   * @internal */
  storeAt(dir: string): BlockStore {
    return new BlockStore({ dir, onNotice: (line) => this.notice(line) });
  }

  /** Says something once. */
  notice(line: string): void {
    if (this.#notices.has(line)) return;
    this.#notices.add(line);
    this.options.onNotice?.(line);
  }

  /** Frees the device and closes files. */
  async close(): Promise<void> {
    await this.#closeDevice();
    const checkpoint = await this.#parts.get("checkpoint")?.catch(() => undefined);
    (checkpoint as Checkpoint | undefined)?.close();
    this.#parts.clear();
  }

  /** `await using session = new Session()` closes it at the end of the scope. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #closeDevice(): Promise<void> {
    for (const name of ["engine", "model", "gpu"]) {
      const part = await this.#parts.get(name)?.catch(() => undefined);
      (part as { destroy(): void } | undefined)?.destroy();
      this.#parts.delete(name);
    }
  }

  get #kept() {
    return { cacheDir: this.options.cacheDir, onNotice: (line: string) => this.notice(line) };
  }

  /** The tokenizer is opened for its mask id only where config.json names none. */
  async #tokenizerMaskId(checkpoint: Checkpoint): Promise<number | undefined> {
    if (checkpoint.config.maskTokenId !== undefined) return undefined;
    await this.checkTokenizer();
    return (await this.tokenizer()).tokenId("<|mask|>");
  }

  #once<V>(name: string, make: () => Promise<V>): Promise<V> {
    let part = this.#parts.get(name) as Promise<V> | undefined;
    if (!part) {
      part = make().catch((error) => {
        if (error instanceof Refusal) error.fatal = true;
        throw error;
      });
      this.#parts.set(name, part);
    }
    return part;
  }
}

function checkOptions({ batch, passesPerSubmit, dtype, activations }: SessionOptions): void {
  const fail = (name: string, value: unknown, expected: string): never => {
    throw new Refusal(`Cannot open a session: ${name} is ${value}, expected ${expected}`);
  };
  for (const [name, value = 1] of Object.entries({ batch, passesPerSubmit })) {
    if (!Number.isSafeInteger(value) || value < 1) fail(name, value, "a whole number from 1");
  }
  const named = [
    ["dtype", dtype, WEIGHT_FORMATS],
    ["activations", activations, ACTIVATION_FORMATS],
  ] as const;
  for (const [name, value, known] of named) {
    if (value !== undefined && !(known as readonly string[]).includes(value)) {
      fail(name, `"${value}"`, `one of ${known.join(", ")}`);
    }
  }
}
