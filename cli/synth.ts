import { WEIGHT_FORMATS, type WeightFormat } from "../kernels/weights/weight.ts";
import { parameterCount } from "../lib/model/config.ts";
import { SHAPE_NAMES, shapeConfig } from "../lib/quant/shapes.ts";
import { syntheticCheckpoint } from "../lib/quant/synthetic.ts";
import { writeModel, writtenBytes } from "../lib/quant/write.ts";
import type { Command } from "./command.ts";
import { need } from "./parse.ts";

/** `unmask synth`: a folder of random weights in a real shape. */
const command: Command = {
  summary: "Write random weights of a real model's shape",
  description:
    "For timing and for memory: the folder loads like any other, what it says is noise. It has no\ntokenizer, so records need `tokens`.",
  examples: [
    "unmask synth --shape nano --dtype q4 --output noise",
    `unmask synth --shape nano --layers 2 --output noise && echo '{"tokens":[1,2,3]}' | unmask denoise --model ./noise --gen-length 32 | jq -c .output.blocks`,
  ],
  flags: {
    shape: { type: "string", value: "NAME", choices: SHAPE_NAMES, help: "whose shape; needed" },
    layers: {
      type: "integer",
      range: { min: 1, max: 1000, whole: true },
      default: "the shape's",
      help: "number of layers, the first one dense",
    },
    dtype: {
      type: "string",
      choices: WEIGHT_FORMATS,
      default: "q4",
      help: "format of the weights",
    },
    seed: {
      type: "integer",
      range: { min: 0, max: 2 ** 31 - 1, whole: true },
      default: 0,
      help: "seed of the weights",
    },
    output: { type: "string", value: "DIR", help: "new folder, or that of a stopped run; needed" },
  },
  async run(context) {
    const { flags } = context;
    const shape = need(flags, "shape");
    const dir = need(flags, "output");
    const dtype = (flags.dtype ?? "q4") as WeightFormat;
    const layers = flags.layers as number | undefined;
    const seed = (flags.seed ?? 0) as number;
    const { json, config } = shapeConfig(shape, layers);
    const source = syntheticCheckpoint(config, { name: shape, seed });
    const done = await writeModel(source, {
      dir,
      dtype,
      identity: JSON.stringify({ shape, layers, dtype, seed }),
      writeRest: (dir) => Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(json, null, 2)),
      signal: context.signal,
      onProgress: (bytes, total, tensor) =>
        context.progress(`writing ${Math.floor(100 * bytes / total)}% ${tensor}`),
    });
    context.progress("");
    if (!done) return;
    const facts = { output: dir, dtype, parameters: parameterCount(config) };
    await context.print(`${JSON.stringify({ ...facts, bytes: writtenBytes(source, dtype) })}\n`);
  },
};
export default command;
