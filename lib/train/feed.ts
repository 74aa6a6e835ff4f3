/** The rows of a phase: examples packed as its objective asks, from any place of the stream on. */
import type { Encoder, ExampleSource } from "./examples.ts";
import { type PackCounts, type PackedPair, packPairs, packRows } from "./pack.ts";
import type { Phase, Recipe } from "./recipe.ts";
import type { PackedRow } from "./streams.ts";

/** What a step consumes one of: a row, or both sides of a preference. */
export type Unit = { readonly rows: readonly PackedRow[] };

/** Where units come from. */
export interface FeedOptions {
  readonly recipe: Recipe;
  readonly phase: Phase;
  readonly source: ExampleSource;
  readonly encoder: Encoder;
  /** Units of the stream to leave out at its beginning. */
  readonly from?: number;
  /** Times the examples are gone through; without end by default. */
  readonly epochs?: number;
  readonly counts?: PackCounts;
}

/** Units of a phase; unit n is the same wherever the stream is begun. */
export async function* feed(options: FeedOptions): AsyncGenerator<Unit> {
  const { recipe, phase, source, encoder, from, epochs, counts } = options;
  const packing = {
    encoder,
    length: recipe.row_length,
    block: fillBlock(phase, recipe.row_length),
    several: recipe.several_per_row,
    window: recipe.shuffle_window,
    seed: phaseSeed(recipe, phase),
    from,
    epochs,
    counts,
  };
  if (phase.objective === "dpo") {
    for await (const pair of packPairs(source, packing)) yield { rows: sidesOf(pair) };
    return;
  }
  const whole = phase.objective !== "sft" && phase.learn_prompts;
  for await (const row of packRows(source, packing)) {
    yield { rows: [whole ? predictWhole(row) : row] };
  }
}

/** Each phase reads in an order of its own. */
export function phaseSeed({ seed, phases }: Recipe, phase: Phase): number {
  return seed * 1000 + phases.indexOf(phase);
}

/** Answers are filled up to whole blocks; where there are none, closed by one token. */
function fillBlock({ block }: Phase, length: number): number {
  if (block === "causal") return 1;
  return block === "row" ? length : block;
}

function sidesOf({ chosen, rejected }: PackedPair): PackedRow[] {
  return [chosen, rejected];
}

/**
 * Continued pre-training may learn the prompts of conversations too: all of each document that has something to
 * predict.
 */
function predictWhole(row: PackedRow): PackedRow {
  const { documents, maskable } = row;
  const learned = new Set(documents.filter((_, at) => maskable[at]));
  return { ...row, maskable: maskable.map((_, at) => learned.has(documents[at]) ? 1 : 0) };
}

/** The next `count` units; fewer where they end. */
export async function take(units: AsyncGenerator<Unit>, count: number): Promise<Unit[]> {
  const taken: Unit[] = [];
  while (taken.length < count) {
    const { done, value } = await units.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}
