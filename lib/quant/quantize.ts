/** Edge: a model folder with its weights in blocks, from any folder that loads. */
import type { BlockFormat } from "../../kernels/weights/blocks.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { reason, Refusal } from "../refusal.ts";
import { writeModel, type WriteOptions } from "./write.ts";

/** Options of `quantize`. */
export type QuantizeOptions = Pick<WriteOptions, "dir" | "shardBytes" | "onProgress" | "signal"> & {
  readonly dtype: BlockFormat;
};

/** Weights of the source folder under any name, which are not copied. */
const WEIGHTS = /\.(safetensors|bin|pt|pth|gguf|ckpt|onnx|h5|msgpack)$|\.index\.json$/;

/** Writes `source` to a folder of its own, the other files with it; false when stopped before the end. */
export async function quantize(source: Checkpoint, options: QuantizeOptions): Promise<boolean> {
  const { dtype } = options;
  return await writeModel(source, {
    ...options,
    identity: JSON.stringify({ dtype, source: source.dir, files: await factsOf(source) }),
    writeRest: (dir) => copyRest(source.dir, dir),
  });
}

/** What changes when a weight file changes. */
export async function factsOf({ dir, files }: Checkpoint): Promise<unknown[]> {
  return await Promise.all(files.map(async (name) => {
    const { size, mtime } = await Deno.stat(`${dir}/${name}`);
    return [name, size, mtime?.getTime()];
  }));
}

async function copyRest(from: string, to: string): Promise<void> {
  for await (const { name } of Deno.readDir(from)) {
    if (WEIGHTS.test(name)) continue;
    const path = `${from}/${name}`; // perhaps a link into a cache
    try {
      if ((await Deno.stat(path)).isFile) await Deno.copyFile(path, `${to}/${name}`);
    } catch (cause) {
      throw new Refusal(`Cannot copy "${path}" to "${to}": ${reason(cause)}`, { cause });
    }
  }
}
