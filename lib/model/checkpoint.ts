/**
 * A Hugging Face model folder, opened and checked; tensors are read one at a time, or a range of
 * rows, by their canonical (per-expert) names whatever the layout of its files.
 */
import { kindOf, parseObject, shown } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import type { BlockFormat } from "../../kernels/weights/blocks.ts";
import type { StoredRows, WeightFormat } from "../../kernels/weights/weight.ts";
import { eosTokenIds, type ModelConfig, parameterCount, parseConfig } from "./config.ts";
import { type Convert, convertHere } from "./converters.ts";
import { missing, type ModelFolder, openExisting, textOf } from "./folder.ts";
import { folderOf } from "./disk_folder.ts";
import { WeightFile } from "./tensor_file.ts";
import {
  formatOfPlaces,
  placeOf,
  placeTensors,
  readF32,
  readRows,
  type RowRange,
} from "./tensors.ts";

/** generation_config.json: ids that end an answer, decode options, and keys without a meaning here. */
export interface GenerationConfig {
  readonly eos: readonly number[];
  readonly decode: Readonly<Record<string, unknown>>;
  readonly unknown: readonly string[];
}

/** An opened model folder. */
export interface Checkpoint {
  readonly dir: string;
  readonly config: ModelConfig;
  readonly generationConfig: GenerationConfig;
  readonly numParameters: number;
  /** Names of the weight files, for the digest. */
  readonly files: readonly string[];
  /** Canonical names of all tensors. */
  readonly names: readonly string[];
  /** Format of a quantized folder (docs/formats.md). */
  readonly format?: BlockFormat;
  /** Values as float32; `rows` is a range along axis 0. */
  readF32(name: string, rows?: RowRange): Promise<Float32Array>;
  /** Rows of a matrix in a format: as they are where the file has it, else converted, here unless told. */
  readRows(
    name: string,
    format: WeightFormat,
    rows: RowRange,
    convert?: Convert,
  ): Promise<StoredRows>;
  close(): void;
}

/** Decode options that generation_config.json may set; anything else there is not ours. */
const DECODE_KEYS = new Set([
  "block_length",
  "gen_length",
  "steps",
  "threshold",
  "edit_threshold",
  "temperature",
  "top_k",
  "top_p",
  "eos_early_stop",
  "minimal_topk",
  "num_to_transfer",
  "max_post_steps",
]);

/** Those that `"do_sample": false` switches off. */
const SAMPLING_KEYS = new Set(["temperature", "top_k", "top_p"]);

/** Opens a folder; refuses what is missing, extra or of another shape, by name. */
export async function openCheckpoint(model: string | ModelFolder): Promise<Checkpoint> {
  const folder = folderOf(model);
  const { dir } = folder;
  const text = await textOf(folder, "config.json");
  if (text === undefined) throw await missing(folder, "config.json");
  const config = parseConfig(text, `${dir}/config.json`);
  const files = await openWeights(folder);
  const opened = [...files.values()];
  try {
    const places = placeTensors(dir, config, opened);
    return {
      dir,
      config,
      generationConfig: await readGenerationConfig(folder, config),
      numParameters: parameterCount(config),
      files: [...files.keys()],
      names: [...places.keys()],
      format: formatOfPlaces(places),
      readF32: (name, rows) => readF32(placeOf(places, name), rows),
      readRows: (name, format, rows, convert = convertHere) =>
        readRows(placeOf(places, name), { format, rows, convert }),
      close: () => opened.forEach((file) => file.close()),
    };
  } catch (error) {
    opened.forEach((file) => file.close());
    throw error;
  }
}

/** Refuses when config, embedding and tokenizer disagree on the vocabulary. */
export function checkVocabulary(checkpoint: Checkpoint, tokenizerSize: number): void {
  const { vocabSize } = checkpoint.config;
  // Published vocabularies have unused rows at their end; a token without a row is the fault.
  if (tokenizerSize <= vocabSize) return;
  throw new Refusal(
    `Cannot use "${checkpoint.dir}": tokenizer.json has ${tokenizerSize} tokens, config.json says vocab_size ${vocabSize} and the embedding has ${vocabSize} rows, expected no more tokens than rows`,
  );
}

const WEIGHTS = "model.safetensors";
const INDEX = "model.safetensors.index.json";

async function openWeights(folder: ModelFolder): Promise<Map<string, WeightFile>> {
  const index = await textOf(folder, INDEX);
  if (index !== undefined) return await openShards(folder, index);
  const file = await folder.open(WEIGHTS);
  if (file) return new Map([[WEIGHTS, await WeightFile.open(file)]]);
  const others = (await folder.names()).filter((name) => /\.(bin|pt|pth|gguf|ckpt)$/.test(name));
  const found = others.length > 0
    ? `found ${others.sort().join(", ")}`
    : "no weights in the folder";
  throw new Refusal(`Cannot load "${folder.dir}": ${found}, expected ${WEIGHTS} or ${INDEX}`);
}

async function openShards(folder: ModelFolder, text: string): Promise<Map<string, WeightFile>> {
  const { dir } = folder;
  const index = `${dir}/${INDEX}`;
  const map = parseObject(text, `"${index}"`).weight_map as Record<string, unknown>;
  if (kindOf(map) !== "object") {
    throw new Refusal(`Cannot use "${index}": "weight_map" is ${kindOf(map)}, expected object`);
  }
  const files = new Map<string, WeightFile>();
  try {
    for (const shard of new Set(Object.values(map))) {
      if (typeof shard !== "string" || !/^(?!\.\.?$)[^/\\:]+$/.test(shard)) {
        throw new Refusal(
          `Cannot use "${index}": shard ${shown(shard)}, expected a file name in the same folder`,
        );
      }
      files.set(shard, await WeightFile.open(await openExisting(folder, shard)));
    }
    for (const [name, shard] of Object.entries(map)) {
      if (!files.get(shard as string)!.tensors.has(name)) {
        throw new Refusal(
          `Cannot use "${index}": it places tensor "${name}" in "${dir}/${shard}", which does not have it`,
        );
      }
    }
    for (const [shard, file] of files) {
      const stray = [...file.tensors.keys()].find((name) => map[name] !== shard);
      if (stray !== undefined) {
        throw new Refusal(
          `Cannot use "${file.path}": it has tensor "${stray}", which "${index}" places elsewhere`,
        );
      }
    }
  } catch (error) {
    for (const file of files.values()) file.close();
    throw error;
  }
  return files;
}

async function readGenerationConfig(
  folder: ModelFolder,
  config: ModelConfig,
): Promise<GenerationConfig> {
  const file = `${folder.dir}/generation_config.json`;
  const text = await textOf(folder, "generation_config.json");
  if (text === undefined) return { eos: [], decode: {}, unknown: [] };
  const json = parseObject(text, `"${file}"`);
  const entries = Object.entries(json);
  const isUsed = (key: string) =>
    DECODE_KEYS.has(key) && !(json.do_sample === false && SAMPLING_KEYS.has(key));
  return {
    eos: eosTokenIds(json, { file, vocabSize: config.vocabSize }),
    decode: Object.fromEntries(entries.filter(([key, value]) => isUsed(key) && value !== null)),
    unknown: entries.map(([key]) => key).filter((key) =>
      !isUsed(key) && !key.endsWith("_token_id")
    ),
  };
}

/** Counts NaN and infinite values of every tensor (`doctor --weights`). */
export async function* scanWeights(
  checkpoint: Checkpoint,
): AsyncGenerator<{ name: string; nan: number; infinite: number }> {
  for (const name of checkpoint.names) {
    let nan = 0;
    let infinite = 0;
    for (const value of await checkpoint.readF32(name)) {
      if (Number.isNaN(value)) nan++;
      else if (!Number.isFinite(value)) infinite++;
    }
    yield { name, nan, infinite };
  }
}
