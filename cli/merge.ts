import { bestCheckpoints, merge } from "../lib/train/merge.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Command, Context } from "./command.ts";
import { need, usage } from "./parse.ts";

/** `unmask merge`: the mean of checkpoints. */
const command: Command = {
  summary: "Average checkpoints of one model",
  arguments: "DIR...",
  description:
    "Folders of one shape, averaged tensor by tensor; of one folder, a copy in another type. With --best\nthe argument is the folder of a training run.",
  examples: [
    "unmask merge DIR DIR --output mean",
    "unmask merge DIR --dtype f16 --output release && unmask doctor --model ./release",
    "unmask merge RUN --best 3 --output best",
  ],
  flags: {
    output: { type: "string", value: "DIR", help: "new folder, or that of a stopped run; needed" },
    dtype: {
      type: "string",
      choices: ["f32", "f16"],
      default: "f32",
      help: "type of the weights; router and norms stay f32",
    },
    best: {
      type: "integer",
      range: { min: 1, max: 1000, whole: true },
      help: "of a run, average the N checkpoints with the least validation loss",
    },
    phase: {
      type: "string",
      value: "NAME",
      help: "of --best, the phase to look at (default the run's last)",
    },
  },
  requires: [["phase", "best"]],
  async run(context) {
    const { flags, args } = context;
    const output = need(flags, "output");
    const dtype = (flags.dtype ?? "f32") as "f32" | "f16";
    const count = flags.best as number | undefined;
    if (args.length === 0) {
      throw usage("Cannot merge: no folder is named, expected DIR... (see --help)");
    }
    if (count !== undefined && args.length > 1) {
      throw usage(`Cannot use --best: ${args.length} folders are named, expected one run`);
    }
    const dirs = count === undefined ? args : await best(context, count);
    const bytes = await merge(dirs, {
      dir: output,
      dtype,
      signal: context.signal,
      onProgress: (done, total, tensor) =>
        context.progress(`merging ${Math.floor(100 * done / total)}% ${tensor}`),
    });
    context.progress("");
    if (bytes === undefined) return;
    await context.print(`${JSON.stringify({ output, merged: dirs, dtype, bytes })}\n`);
  },
};
export default command;

async function best({ args: [run], flags, notice }: Context, count: number): Promise<string[]> {
  const phase = flags.phase as string | undefined;
  const found = await bestCheckpoints(run, { count, phase, notice: (line) => notice(line) });
  if (found.length === count) return found.map(({ dir }) => dir);
  const of = phase === undefined ? "" : ` of phase "${phase}"`;
  throw new Refusal(
    `Cannot merge the best of "${run}": ${found.length} checkpoints${of} have a validation loss, expected ${count}`,
  );
}
