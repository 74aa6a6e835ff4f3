/** What the embedded model is worth: runs of `unmask eval nano`, and what they left behind. */
import { lines } from "../cli/itself.ts";

/** Root of the checkout. */
export const ROOT = new URL("..", import.meta.url).pathname;

/** The five tasks, without "nano_". */
export const SKILLS = ["knowledge", "reasoning", "coding", "math", "agent"];

/** Thresholds at which the model is measured. */
export const THRESHOLDS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/** Decoding as in the figures that are reported. */
export const AS_REPORTED = ["--policy", "hf-2.0", "--dtype", "f32", "--no-cache"];

/** Mean of some numbers. */
const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** A share as percent with one digit. */
export const percent = (share: number): string => (100 * share).toFixed(1);

/** A run of the five tasks. */
export interface NanoRun {
  readonly items: number;
  /** Scores in the order of SKILLS, and their mean; 0 to 1. */
  readonly scores: readonly number[];
  readonly mean: number;
  /** Completion tokens per denoising forward. */
  readonly tokensPerForward: number;
}

/** What a run of `unmask eval nano` left in its folder. */
export async function readRun(dir: string): Promise<NanoRun> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${dir}/results.json`));
  const samples = lines<{ usage: { completion_tokens: number; forwards: number } }>(
    await Deno.readTextFile(`${dir}/samples.jsonl`),
  );
  const scores = SKILLS.map((name) => tasks[`nano_${name}`].score as number);
  const total = (of: "completion_tokens" | "forwards") =>
    samples.reduce((sum, { usage }) => sum + usage[of], 0);
  return {
    items: samples.length,
    scores,
    mean: meanOf(scores),
    tokensPerForward: total("completion_tokens") / total("forwards"),
  };
}
