/** What to do with a record that a stage cannot process: stop, keep it with its error, or drop it. */
import { Refusal } from "../refusal.ts";
import { nameOf, type Rec } from "./record.ts";
import { endsWith, stoppable } from "./stoppable.ts";

/** `--on-error`. */
export type OnError = "stop" | "record" | "skip";

/** An error of ours, with the stage and the record it struck at. */
class StageError extends Error {
  /** Names both in the message. */
  constructor(rec: Rec, stage: string, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(`Cannot ${stage} ${nameOf(rec)}: ${message}`, { cause });
    this.name = "StageError";
  }
}

/** Decides about bad records and counts them. */
export class Faults {
  /** Records that failed. */
  count = 0;
  /** Records kept with an error of ours although bad records stop the run: it ends as failed. */
  deferred = 0;
  /** What the first of all these is. */
  first: string | undefined;
  /** Told of each record that is dropped, with its error. */
  onDrop?: (rec: Rec) => void;

  /** Starts with no failures. */
  constructor(readonly policy: OnError = "stop") {}

  /** The record with its `error`, nothing when it is dropped; throws under "stop", and what is fatal. */
  handle(rec: Rec, stage: string, error: unknown): Rec | undefined {
    if (!(error instanceof Refusal)) throw new StageError(rec, stage, error);
    if (this.policy === "stop" || error.fatal) throw error;
    this.count++;
    this.first ??= error.message;
    rec.set("error", { stage, message: error.message });
    if (this.policy === "record") return rec;
    this.onDrop?.(rec);
  }

  /** Keeps the record with its error and lets the run go on, to fail at its end. */
  defer(rec: Rec, stage: string, error: Refusal): void {
    this.deferred++;
    this.first ??= error.message;
    rec.set("error", { stage, message: error.message });
  }
}

/** What happens to each record of a stage. */
interface Steps {
  readonly stage: string;
  readonly faults: Faults;
  readonly signal?: AbortSignal;
  readonly step: (rec: Rec) => void | Promise<void>;
}

/** Applies a step to each record; records that carry an error pass untouched. */
export function eachRecord(records: AsyncIterable<Rec>, steps: Steps): AsyncGenerator<Rec> {
  const { signal } = steps;
  return endsWith(signal, stepped(stoppable(records, signal), steps));
}

async function* stepped(
  records: AsyncIterable<Rec>,
  { stage, faults, signal, step }: Steps,
): AsyncGenerator<Rec> {
  for await (const rec of records) {
    signal?.throwIfAborted();
    if (!rec.failed) {
      try {
        const waiting = step(rec);
        if (waiting) await waiting;
      } catch (error) {
        const kept = faults.handle(rec, stage, error);
        if (kept) yield kept;
        continue;
      }
    }
    yield rec;
  }
}
