import type { BlockFormat } from "../kernels/weights/blocks.ts";
import { parameterCount } from "../lib/model/config.ts";
import { quantize } from "../lib/quant/quantize.ts";
import { writtenBytes } from "../lib/quant/write.ts";
import { Session } from "../lib/session.ts";
import type { Command } from "./command.ts";
import { MODEL_FLAGS } from "./flags.ts";
import { need } from "./parse.ts";

/** `unmask quantize`: a model folder with its weights in blocks. */
const command: Command = {
  summary: "Write a model's weights as q8 or q4 blocks",
  description:
    "Reads a few rows at a time. A run that was stopped goes on when it is started again.\nOnly experts become q4, other matrices q8; the router and the norms stay f32, the\nembedding is f16 (docs/formats.md).",
  examples: [
    "unmask quantize --model DIR --dtype q4 --output nano-q4",
    "unmask quantize --dtype q8 --output nano-q8 && unmask doctor --model ./nano-q8",
  ],
  flags: {
    model: MODEL_FLAGS.model,
    dtype: { type: "string", choices: ["q8", "q4"], help: "format of the experts; needed" },
    output: { type: "string", value: "DIR", help: "new folder, or that of a stopped run; needed" },
  },
  async run(context) {
    const dtype = need(context.flags, "dtype") as BlockFormat;
    const dir = need(context.flags, "output");
    const session = new Session({ model: context.flags.model as string | undefined });
    const source = await session.checkpoint();
    const done = await quantize(source, {
      dir,
      dtype,
      signal: context.signal,
      onProgress: (bytes, total, tensor) =>
        context.progress(`quantizing ${Math.floor(100 * bytes / total)}% ${tensor}`),
    });
    await session.close();
    context.progress("");
    if (!done) return;
    const bytes = writtenBytes(source, dtype);
    const bits = Number((8 * bytes / parameterCount(source.config)).toFixed(2));
    await context.print(
      `${JSON.stringify({ output: dir, dtype, bytes, bits_per_weight: bits })}\n`,
    );
  },
};
export default command;
