/** Names and summaries of the commands; each module loads when it is called, so help stays quick. */
import type { Command } from "./command.ts";

/** The commands, in the order of the pipe. */
export const COMMANDS: readonly {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ default: Command }>;
}[] = [
  {
    name: "tokenize",
    summary: "Add token ids to each record",
    load: () => import("./tokenize.ts"),
  },
  {
    name: "prefill",
    summary: "Compute and keep the KV cache of each prompt",
    load: () => import("./prefill.ts"),
  },
  {
    name: "denoise",
    summary: "Fill masked blocks until each answer is complete",
    load: () => import("./denoise.ts"),
  },
  {
    name: "sample",
    summary: "Turn records into text, doing what they still lack",
    load: () => import("./sample.ts"),
  },
  {
    name: "eval",
    summary: "Score answers, or run whole benchmarks",
    load: () => import("./eval.ts"),
  },
  {
    name: "tasks",
    summary: "List benchmarks, or write their items as records",
    load: () => import("./tasks.ts"),
  },
  {
    name: "detokenize",
    summary: "Turn token ids back into text",
    load: () => import("./detokenize.ts"),
  },
  {
    name: "doctor",
    summary: "Show what this machine can run",
    load: () => import("./doctor.ts"),
  },
];
