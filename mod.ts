/**
 * Unmask: diffusion language models in the shell, and this library under it.
 *
 * A record flows through stages, each an async generator that adds what the record still lacks:
 * `tokenize`, `prefill`, `denoise`, `sample`, `evaluate`. A `Session` opens tokenizer, weights and GPU
 * when a record first needs them. `break` ends a stage behind the record in hand, a `signal` among its options
 * before the next forward pass, and while it waits for its source.
 *
 * ```ts
 * import { Rec, sample, Session } from "unmask";
 *
 * await using session = new Session(); // the embedded nano model
 * const question = Rec.from({ messages: [{ role: "user", content: "What is 2 + 3?" }] });
 * for await (const answer of sample(ReadableStream.from([question]), { session })) {
 *   console.log(answer.get("text"));
 * }
 * ```
 *
 * `evaluate` scores answers by the rule of their benchmark, as `tasks` and `sample` leave them:
 *
 * ```ts
 * import { evaluate, Executors, readJsonl, taskOf } from "unmask";
 *
 * await using code = new Executors(); // runs the programs that answers hold
 * const { readable } = await Deno.open("answers.jsonl");
 * const answers = readJsonl(readable, { source: "answers.jsonl" });
 * for await (const scored of evaluate(answers, { taskOf, tools: { code } })) {
 *   console.log(scored.id, scored.get("metrics"));
 * }
 * ```
 *
 * `train` runs a recipe (docs/recipe.md); `openTrainer` with `buildBatch` and an objective is one training
 * step by hand.
 *
 * ```ts
 * import { openGpu, openSetting, openTrainer, readRecipe, train } from "unmask";
 *
 * const setting = await openSetting(await readRecipe("recipe.json"));
 * const gpu = await openGpu();
 * const { checkpoint } = await train({
 *   ...setting,
 *   openTrainer: (options) => openTrainer(gpu, setting.config, options),
 * }, { dir: "run", notice: console.error, progress: ({ loss }) => console.error(loss) });
 * ```
 *
 * @module
 */
export * from "./lib/web.ts";
export { evaluate, type EvaluateOptions } from "./lib/eval/evaluate.ts";
export type {
  Availability,
  Executor,
  Job,
  Language,
  Status,
  Verdict,
} from "./lib/exec/executor.ts";
export {
  type CodeRunner,
  type ExecutorOptions,
  Executors,
  type RunOptions,
} from "./lib/exec/executors.ts";
export type { PyodideOptions } from "./lib/exec/pyodide.ts";
export type { Comparison, SqlRequest, SqlVerdict } from "./lib/exec/sqlite.ts";
export type {
  Against,
  Doc,
  Example,
  Group,
  Item,
  Judge,
  Mean,
  Output,
  PartScore,
  Reported,
  Score,
  ScoreTools,
  Task,
  Variant,
} from "./lib/eval/task.ts";
export type {
  Archive,
  Format,
  OpenedFile,
  OpenedSource,
  Row,
  Source,
  SourceFile,
} from "./lib/data/source.ts";
export { taskOf, TASKS } from "./tasks/mod.ts";
export * from "./lib/train/mod.ts";
