/** A benchmark as a declaration, and what scoring needs. */
import type { OpenedSource, Source } from "../data/source.ts";
import { kindOf, type Message, Rec, wrong } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import type { CodeRunner } from "../exec/executors.ts";

/** Dimensions of the report's evaluation. */
export type Group = "knowledge" | "reasoning" | "coding" | "math" | "agent";

/** A dataset row. */
export type Doc = Readonly<Record<string, unknown>>;

/** One item of a benchmark. */
export interface Item<D = Doc> {
  /** Unique among all benchmarks. */
  readonly id: string;
  /** Its row. */
  readonly doc: D;
  /** Solved rows that the prompt shows first. */
  readonly shots?: readonly D[];
}

/** What a scorer found in one answer. */
export interface Score {
  /** Values by metric name, the headline metric among them. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The answer had nothing to score. */
  readonly unparsed?: boolean;
  /** A program did not end in time. */
  readonly timeout?: boolean;
  /** A program wanted more memory than it may have. */
  readonly memory?: boolean;
  /** Why the answer cannot be scored here (a library, toolchain or file is missing); no metrics then. */
  readonly not_run?: string;
  /** What the rule took as the answer. */
  readonly extracted?: unknown;
  /** Who ran the answer's program, with version. */
  readonly executor?: string;
}

/** What a model said in a dialogue: one answer, or the answers of one turn, step by step. */
export type Output = string | readonly string[];

/** What scorers may use. */
export interface ScoreTools {
  /** Runs programs; starts an executor when a task first needs it. */
  readonly code: CodeRunner;
  /** Folder of the benchmarks' data files, for rows that refer to other files. */
  readonly dataDir?: string;
  /** A language model that judges, where the user gave one. */
  readonly judge?: Judge;
}

/** A language model behind an OpenAI-compatible endpoint that grades answers. */
export interface Judge {
  /** Recorded with the results. */
  readonly name: string;
  /** Its answer to one prompt. */
  ask(prompt: string): Promise<string>;
}

/** Score of a part of a benchmark. */
export interface PartScore {
  /** Mean of the headline metric over the part. */
  readonly score: number;
  /** Items scored in it. */
  readonly items: number;
}

/** How parts make the whole: by items, every part alike, by weight, or by a rule. */
export type Mean =
  | "items"
  | "macro"
  | { readonly weights: Readonly<Record<string, number>> }
  | ((parts: ReadonlyMap<string, PartScore>) => number);

/** A figure made of two benchmarks' headline scores on 0..1. */
export interface Against {
  /** The other benchmark. */
  readonly task: string;
  /** The figure, from both scores. */
  of(own: number, other: number): number;
}

/** Published scores, in percent (LLaDA2.0 report, tables 1 and 2; baselines from the models' cards). */
export interface Reported {
  /** LLaDA2.0-mini */
  readonly mini: number;
  /** LLaDA2.0-flash */
  readonly flash: number;
  /** Qwen3-30B-A3B-Instruct-2507, autoregressive */
  readonly qwen?: number;
  /** Ling-flash-2.0, autoregressive */
  readonly ling?: number;
}

/** An answer with the score it must get. */
export interface Example<D> {
  /** The model's words. */
  readonly answer: string;
  /** The row it answers. */
  readonly doc: D;
  /** What the model said before, in a dialogue. */
  readonly earlier?: readonly string[];
  /** The headline metric it must get. */
  readonly score: number;
}

/** What another published form of a benchmark changes; `name:variant` on the command line. */
export type Variant<D = Doc> =
  & Pick<Task<D>, "summary">
  & Partial<
    Pick<
      Task<D>,
      | "source"
      | "items"
      | "prompt"
      | "next"
      | "decode"
      | "metric"
      | "score"
      | "weight"
      | "parts"
      | "aggregate"
      | "deviations"
      | "reported"
      | "examples"
    >
  >;

/** A benchmark. Sections stand in this order in every declaration. */
export interface Task<D = Doc> {
  /** Name on the command line and in records. */
  readonly name: string;
  /** Name in the report's tables. */
  readonly title: string;
  /** Its dimension. */
  readonly group: Group;
  /** What is asked and how it is judged, in a few words. */
  readonly summary: string;
  /** Its published form, or several of which the first that is found is used. */
  readonly source: Source | readonly Source[];
  /** The items of opened data, in its order. */
  items(data: OpenedSource): AsyncIterable<Item<D>> | Iterable<Item<D>>;
  /** Numbers of its rows stay as they are written, `3.0` apart from `3` (see `parseExactJson`). */
  readonly exact?: boolean;
  /**
   * Fields of its rows without which no answer could be right, or none wrong, and one of several where there are: a
   * row that lacks one refuses. A rule that gives no figure without a key has no need to name it.
   */
  readonly needs?: readonly (string | readonly string[])[];
  /** Shown to the model: earlier turns for solved rows, then the question. */
  prompt(doc: D, options: { readonly shots: readonly D[] }): Message[];
  /**
   * What comes after the model's `outputs` in an interactive benchmark: the user's next message, or all messages
   * where earlier ones change; undefined when the dialogue is over. Such a benchmark runs only under `eval TASK`.
   */
  next?(
    doc: D,
    outputs: readonly string[],
    tools: ScoreTools,
  ): Promise<string | readonly Message[] | undefined>;
  /** Decode options that this benchmark needs, below the user's. */
  readonly decode?: Readonly<Record<string, unknown>>;
  /** Headline metric. */
  readonly metric: string;
  /** Value of a perfect headline score: 1, or 100. */
  readonly scale?: number;
  /** `text` is the last of the model's outputs. */
  score(
    text: string,
    doc: D,
    tools: ScoreTools,
    outputs: readonly Output[],
  ): Score | Promise<Score>;
  /** Items count alike unless this weighs them. */
  weight?(doc: D): number;
  /** Named ways to cut the items into parts, each with its own score in the results. */
  readonly parts?: Readonly<Record<string, (doc: D) => string>>;
  /** How the headline score comes from the parts of one way; the mean over items when absent. */
  readonly aggregate?: { readonly over: string; readonly mean: Mean };
  /** Other ways to make the whole of parts: figures beside the metrics, on 0..1, by their names. */
  readonly summaries?: Readonly<Record<string, { readonly over: string; readonly mean: Mean }>>;
  /** Figures against another benchmark's headline score, where that was run too, by their names. */
  readonly against?: Readonly<Record<string, Against>>;
  /** Other published forms, by their names. */
  readonly variants?: Readonly<Record<string, Variant<D>>>;
  /** What differs from the source's own prompt or metric, one line each, with the reason. */
  readonly deviations?: readonly string[];
  /** What the report gives for it. */
  readonly reported?: Reported;
  /** Answers with the score they must get, hostile ones among them. */
  readonly examples: readonly Example<D>[];
  /** All of its programs need libraries or languages of the system, and so a sandbox there. */
  readonly sandbox?: boolean;
  /** The authors ask that items are not published: run folders keep ids and verdicts only. */
  readonly confidential?: boolean;
}

/** Gives a declaration its row type, and the list of benchmarks one type for all. */
export function task<D = Doc>(declaration: Task<D>): Task {
  return declaration as unknown as Task;
}

/** The published forms of a benchmark's data, in order of preference. */
export function sourcesOf(task: Task): readonly Source[] {
  return "files" in task.source ? [task.source] : task.source;
}

/** A benchmark whose data is at hand. */
export interface ReadyTask {
  readonly task: Task;
  readonly data: OpenedSource;
  /** Items that the data has. */
  readonly items: number;
  /** They are fewer than were published. */
  readonly sample: boolean;
}

/** Refuses an item that is among the solved rows that its own prompt shows. */
export function checkShots(task: Task, { id, doc, shots = [] }: Item): void {
  const own = JSON.stringify(doc);
  if (shots.some((shot) => JSON.stringify(shot) === own)) {
    throw new Refusal(`Cannot load "${task.name}": item "${id}" is one of its own solved examples`);
  }
}

/** An item as the record that goes through the pipe. */
export function itemRecord(task: Task, item: Item): Rec {
  checkShots(task, item);
  const { id, doc, shots = [] } = item;
  const messages = task.prompt(doc, { shots });
  const defaults = task.decode ? { task_defaults: task.decode } : {};
  return Rec.from({ id, task: task.name, doc, messages, ...defaults }, id);
}

/** Fields of a confidential item's record that tell nothing of the item. */
const VERDICT = "task model decode usage metrics not_run flags extracted error".split(" ");

/** What leaves an evaluation of a record: all of it; of a confidential item the verdict alone. */
export function published(rec: Rec, task: Task | undefined): Rec {
  if (!task?.confidential) return rec;
  // Of one that failed nothing else counts, and what was wrong with it may be a figure.
  const kept = new Set(rec.failed ? ["id", "task", "error"] : ["id", "output", ...VERDICT]);
  const names = rec.entries().map(([name]) => name);
  const bare = rec.without(new Set(names.filter((name) => !kept.has(name))));
  if (!bare.has("output")) return bare;
  const { finish_reason, confidence } = (rec.get("output") ?? {}) as Record<string, unknown>;
  const output = {
    ...(typeof finish_reason === "string" ? { finish_reason } : {}),
    ...(confidence ? { confidence } : {}),
  };
  if (Object.keys(output).length === 0) return bare.without(new Set(["output"]));
  bare.set("output", output);
  return bare;
}

/** Names of the fields of which the task's rule needs one, where a row has none of them, or null there. */
export function lackingFields({ needs = [] }: Task, doc: Doc): readonly string[] | undefined {
  return needs.map((names) => [names].flat())
    .find((names) => names.every((name) => (doc[name] ?? null) === null));
}

/** The `doc` of a record, as an object, in the form in which the task's items have it. */
export function docOf(rec: Rec, task: Task): Record<string, unknown> {
  const doc = task.exact ? rec.exact("doc") : rec.get("doc");
  if (kindOf(doc) !== "object") throw wrong(rec, `field "doc" is ${kindOf(doc)}, expected object`);
  const lacking = lackingFields(task, doc as Doc);
  if (lacking === undefined) return doc as Record<string, unknown>;
  const field = lacking.map((name) => `"doc.${name}"`).join(" or ");
  const found = lacking.some((name) => Object.hasOwn(doc as Doc, name)) ? "null" : "undefined";
  throw wrong(rec, `field ${field} is ${found}, expected an item of ${task.name}`);
}

/** The model's outputs in a record, in order: `outputs` of a dialogue, else its one `text`. */
export function outputsOf(rec: Rec): Output[] {
  const outputs = rec.get("outputs");
  if (outputs === undefined) {
    const text = rec.get("text");
    if (typeof text === "string") return [text];
    const wanted = text === undefined ? 'an answer ("unmask sample" gives one)' : "a string";
    throw wrong(rec, `field "text" is ${kindOf(text)}, expected ${wanted}`);
  }
  if (!Array.isArray(outputs) || outputs.length === 0) {
    const found = Array.isArray(outputs) ? "empty" : kindOf(outputs);
    throw wrong(rec, `field "outputs" is ${found}, expected a list of strings`);
  }
  const isOutput = (output: unknown) => [output].flat().every((text) => typeof text === "string");
  const bad = outputs.findIndex((output) => !isOutput(output));
  if (bad < 0) return outputs;
  throw wrong(
    rec,
    `field "outputs[${bad}]" is ${kindOf(outputs[bad])}, expected a string or a list of strings`,
  );
}
