/** A benchmark as a declaration, and what scoring needs. */
import { kindOf, type Message, type Rec, wrong } from "../records/record.ts";
import type { Executor } from "./executor.ts";

/** Dimensions of the report's evaluation. */
export type Group = "knowledge" | "reasoning" | "coding" | "math" | "agent";

/** One row of a benchmark. */
export interface Item<D> {
  /** Unique among all benchmarks: "<task>/<row>". */
  readonly id: string;
  /** The row. */
  readonly doc: D;
}

/** Scores of one answer, by metric name. */
export interface Score {
  /** By name, 0..1. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The answer had nothing to score. */
  readonly unparsed?: boolean;
  /** A program did not end in time. */
  readonly timeout?: boolean;
}

/** What scorers may use. */
export interface ScoreTools {
  /** Runs Python; started by the first task that needs it. */
  python(): Executor;
}

/** A benchmark. */
export interface Task<D = Record<string, unknown>> {
  /** As on the command line. */
  readonly name: string;
  /** Its dimension. */
  readonly group: Group;
  /** One line for \`unmask tasks\`. */
  readonly summary: string;
  /** Where the rows come from. */
  readonly source: string;
  /** Headline metric, 0..1. */
  readonly metric: string;
  /** Its rows, in order. */
  items(): Iterable<Item<D>>;
  /** What the model is asked. */
  prompt(doc: D): Message[];
  /** Decode options that this benchmark needs, below the user's. */
  readonly decode?: Readonly<Record<string, unknown>>;
  /** Scores an answer; never throws on a bad one. */
  score(text: string, doc: D, tools: ScoreTools): Score | Promise<Score>;
  /** Answers with the score they must get, hostile ones among them. */
  readonly examples: readonly { answer: string; doc: D; score: number }[];
}

/** A row as the record that goes through the pipe. */
export function itemFields<D>(task: Task<D>, item: Item<D>): Record<string, unknown> {
  return {
    id: item.id,
    task: task.name,
    doc: item.doc,
    messages: task.prompt(item.doc),
    ...(task.decode ? { task_defaults: task.decode } : {}),
  };
}

/** The `doc` of a record, as an object. */
export function docOf(rec: Rec): Record<string, unknown> {
  const doc = rec.get("doc");
  if (kindOf(doc) !== "object") throw wrong(rec, `field "doc" is ${kindOf(doc)}, expected object`);
  return doc as Record<string, unknown>;
}
