/**
 * Edge: the mean of several checkpoints of one model (LLaDA2.0 report, section 4.3), tensor by tensor. Of one
 * checkpoint it is a copy, which is how a run's float32 becomes a release's float16.
 */
import { encodeRows } from "../../kernels/weights/weight.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { openCheckpoint } from "../model/checkpoint.ts";
import { tokenizerDigest } from "../model/digest.ts";
import { expectedTensors, type RowRange } from "../model/tensors.ts";
import { factsOf } from "../quant/quantize.ts";
import { writeModel, type WriteOptions, writtenBytes } from "../quant/write.ts";
import { shown } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import {
  bestOf,
  configText,
  copyTokenizer,
  damageOf,
  listCheckpoints,
  type SavedCheckpoint,
} from "./checkpoints.ts";

/** Options of `merge`. */
export type MergeOptions = Pick<WriteOptions, "dir" | "onProgress" | "signal"> & {
  readonly dtype: "f32" | "f16";
};

/** Writes the mean of the model folders `dirs`; bytes of its weights, or undefined when stopped. */
export async function merge(
  dirs: readonly string[],
  options: MergeOptions,
): Promise<number | undefined> {
  const sources: Checkpoint[] = [];
  try {
    for (const dir of dirs) sources.push(await openCheckpoint(dir));
    for (const source of sources.slice(1)) await checkAlike(sources[0], source);
    const mean = meanOf(sources);
    const facts = await Promise.all(sources.map(factsOf));
    const done = await writeModel(mean, {
      ...options,
      identity: JSON.stringify({ dtype: options.dtype, sources: dirs, files: facts }),
      writeRest: (dir) => writeRest(sources[0], dir, options.dtype),
    });
    return done ? writtenBytes(mean, options.dtype) : undefined;
  } finally {
    for (const source of sources) source.close();
  }
}

/** Refuses another shape, by its first tensor, and another model of the same shape. */
async function checkAlike(first: Checkpoint, other: Checkpoint): Promise<void> {
  const fail = (found: string, wanted: string): never => {
    throw new Refusal(
      `Cannot merge "${other.dir}": ${found}, expected ${wanted} as in "${first.dir}"`,
    );
  };
  const own = new Map(expectedTensors(other.config));
  for (const [name, shape] of expectedTensors(first.config)) {
    const found = own.get(name);
    own.delete(name);
    if (!found) fail(`tensor "${name}" is missing`, `shape [${shape}]`);
    if (`${found}` !== `${shape}`) fail(`tensor "${name}" has shape [${found}]`, `[${shape}]`);
  }
  for (const name of own.keys()) fail(`it has tensor "${name}"`, "none");
  for (const [field, value] of Object.entries(first.config)) {
    const found = other.config[field as keyof typeof other.config];
    if (JSON.stringify(found) !== JSON.stringify(value)) {
      fail(`its configuration has ${field} ${shown(found)}`, shown(value));
    }
  }
  if (await tokenizerDigest(other.dir) !== await tokenizerDigest(first.dir)) {
    fail("its tokenizer is another", "the same");
  }
}

/** The mean as a checkpoint that is computed as it is read. */
function meanOf(sources: readonly Checkpoint[]): Checkpoint {
  const [first] = sources;
  const columns = new Map(
    Array.from(expectedTensors(first.config), ([name, shape]) => [name, shape.at(-1)!]),
  );
  const readF32 = async (name: string, rows?: RowRange) => {
    const sum = Float64Array.from(await first.readF32(name, rows));
    for (const source of sources.slice(1)) {
      const values = await source.readF32(name, rows);
      for (let i = 0; i < sum.length; i++) sum[i] += values[i];
    }
    return Float32Array.from(sum, (value) => value / sources.length);
  };
  return {
    ...first,
    readF32,
    readRows: async (name, format, rows) =>
      encodeRows(await readF32(name, rows), format, columns.get(name)!),
  };
}

/** config.json with the type that is written, generation_config.json and the tokenizer. */
async function writeRest({ dir }: Checkpoint, to: string, dtype: "f32" | "f16"): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(`${dir}/config.json`));
  const type = dtype === "f16" ? "float16" : "float32";
  await Deno.writeTextFile(`${to}/config.json`, configText(config, type));
  const name = "generation_config.json";
  const text = await Deno.readTextFile(`${dir}/${name}`).catch(() => undefined);
  if (text !== undefined) await Deno.writeTextFile(`${to}/${name}`, text);
  await copyTokenizer(dir, to);
}

/**
 * The `count` checkpoints of a run with the least validation loss, damaged ones left out. Phases measure
 * different losses, so they are of one: the last that has any, unless one is named.
 */
export async function bestCheckpoints(
  run: string,
  { count, phase, notice = () => {} }: {
    count: number;
    phase?: string;
    notice?: (line: string) => void;
  },
): Promise<SavedCheckpoint[]> {
  const dir = `${run}/checkpoints`;
  const all = await listCheckpoints(dir, notice);
  const measured = all.filter(({ state }) => state.validation !== null);
  const named = phase ?? measured.at(-1)?.state.phase;
  const found: SavedCheckpoint[] = [];
  if (named === undefined) return found;
  for (const checkpoint of bestOf(all, { phase: named, count: all.length })) {
    if (found.length === count) break;
    const damage = await damageOf(checkpoint.dir);
    if (damage === undefined) found.push(checkpoint);
    else notice(`"${checkpoint.dir}" is damaged (${damage}): left out`);
  }
  return found;
}
