/** How far an evaluation is: one line for people, and seconds by task. */
import type { Rec } from "../records/record.ts";
import { percent } from "./report/table.ts";
import { type Tally, taskNameOf } from "./tally.ts";

/** Time between two progress lines. */
const EVERY_MS = 200;

/** Follows an evaluation. */
export class Progress {
  /** Items in all, where that is known. */
  total: number | undefined;
  /** Seconds since the last scored record count for the record's task. */
  readonly seconds: Record<string, number> = {};
  #start = 0;
  #before = 0;
  #last = 0;
  #shown = 0;

  constructor(readonly tally: Tally, readonly show: (line: string) => void) {}

  /** Starts the clock; items added before are not of this part of the run. */
  begin(): void {
    this.#start = this.#last = performance.now();
    this.#before = this.tally.items;
  }

  /** Counts one scored record. */
  lap(rec: Rec): void {
    const now = performance.now();
    const task = taskNameOf(rec);
    this.seconds[task] = (this.seconds[task] ?? 0) + (now - this.#last) / 1000;
    this.#last = now;
    if (now - this.#shown < EVERY_MS) return;
    this.#shown = now;
    this.show(this.#line(task));
  }

  /** Items done and time left first, which narrow terminals show; the current task's score, and rates. */
  #line(task: string): string {
    const done = this.tally.items;
    const { score, share, tokensPerForward } = this.tally.soFar(task);
    const rate = (done - this.#before) / (performance.now() - this.#start) * 1000;
    const total = this.total;
    return [
      `${task} ${done}${total === undefined ? "" : `/${total}`}`,
      total === undefined || rate === 0 ? "" : `${timeLeft((total - done) / rate)} left`,
      score === null
        ? ""
        : `score ${percent(score)}${share ? ` (${share.map(percent).join("-")})` : ""}`,
      tokensPerForward === null ? "" : `${tokensPerForward.toFixed(2)} tok/fwd`,
      `${rate.toFixed(1)} items/s`,
    ].filter(Boolean).join(", ");
  }
}

/** A duration as a person would say it. */
export function timeLeft(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
