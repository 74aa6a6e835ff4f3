/** Golden scoring cases: whole beside a checkout of the workshop, else cut ones in the fixtures. */
import type { Doc, Score } from "../../../lib/eval/task.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../shared.ts";

/** An answer to a row with the values that published code gives it; null where it gives none. */
export interface Case {
  readonly doc: Doc;
  readonly output: string;
  readonly expected: Readonly<Record<string, unknown>>;
  /** What an official scorer was given in place of the answer. */
  readonly prediction?: string | string[];
}

/** The golden cases of a benchmark. */
export async function goldenCases(family: string, name: string): Promise<Case[]> {
  const path = sharedIsThere(`benchmarks/${name}/scoring.jsonl`)
    ? `${SHARED_BENCHMARKS}/${name}/scoring.jsonl`
    : new URL(`../../fixtures/${family}/${name}.jsonl`, import.meta.url).pathname;
  return (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
}

/** What is wrong with the scores of one golden case, "" when nothing is. */
export function fault({ expected }: Case, scored: Score): string {
  for (const [name, wanted] of Object.entries(expected)) {
    const found = scored.metrics[name];
    if (wanted === "random" && (found !== 0 || !scored.unparsed)) return `${name}: not unparsed`;
    if (wanted === null && found !== undefined) return `${name}: ${found}, expected none`;
    if (typeof wanted === "number" && !(Math.abs(found - wanted) < 1e-6)) {
      return `${name}: ${found}, expected ${wanted}`;
    }
  }
  return "";
}
