/** Names and summaries of the commands; each module loads when it is called, so help stays quick. */
import type { Command } from "./command.ts";

/** A command before it is loaded from the file of its name. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ default: Command }>;
}

/** The commands, in the order of the pipe. */
export const COMMANDS: readonly CommandEntry[] = Object.entries({
  tokenize: "Add token ids to each record",
  prefill: "Compute and keep the KV cache of each prompt",
  denoise: "Fill masked blocks until each answer is complete",
  sample: "Turn records into text, doing what they still lack",
  eval: "Score answers, or run whole benchmarks",
  tasks: "List benchmarks, or write their items as records",
  detokenize: "Turn token ids back into text",
  train: "Train a model by a recipe",
  merge: "Average checkpoints of one model",
  quantize: "Write a model's weights as q8 or q4 blocks",
  synth: "Write random weights of a real model's shape",
  doctor: "Show what this machine can run",
}).map(([name, summary]) => ({ name, summary, load: () => load(`./${name}.ts`) }));

/**
 * A path in a variable: with literal paths Deno reads every command and all that they import before the
 * first one runs, 10 ms for help and more with every module.
 */
function load(path: string): Promise<{ default: Command }> {
  return import(path);
}
