/** Rows of a fixed length from examples: an endless stream in a seeded order. */
import { Refusal } from "../refusal.ts";
import {
  type Encoded,
  encodeExample,
  encodePair,
  type Encoder,
  type ExampleSource,
  type TrainExample,
} from "./examples.ts";
import { Draws, shuffled } from "./random.ts";
import type { PackedRow } from "./streams.ts";

/** What a stream has packed so far. */
export interface PackCounts {
  examples: number;
  /** Tokens of examples, their fill not counted. */
  tokens: number;
  /** Examples that were cut to the row. */
  truncated: number;
  /** Of these, the ones whose prompt left no room for an answer. */
  unanswered: number;
}

/** Options of `packRows` and `packPairs`. */
export interface PackOptions {
  readonly encoder: Encoder;
  /** Tokens of a row. */
  readonly length: number;
  /** Answers are filled up to whole blocks of so many tokens, a divisor of `length`. */
  readonly block: number;
  /** Several answers share a row where they fit; otherwise each has its own. */
  readonly several?: boolean;
  /** Decides the order. */
  readonly seed: number;
  /** Examples that change places with each other; 1 keeps the order. */
  readonly window?: number;
  /** Rows (pairs) of the stream to leave out at its beginning. */
  readonly from?: number;
  /** Times the examples are gone through; without end by default. */
  readonly epochs?: number;
  /** Counted up as rows are made. */
  readonly counts?: PackCounts;
}

/** Examples held and shuffled at a time. */
const WINDOW = 4096;

/** Counts of nothing. */
export function packCounts(): PackCounts {
  return { examples: 0, tokens: 0, truncated: 0, unanswered: 0 };
}

/**
 * Rows of texts and answers. Texts follow each other, each closed by EOS, and go on in the next row.
 * An answer stays in one row: its prompt is never masked, EOS fills its last block and may be. The
 * rest of a row is a document of its own that nothing predicts. Row n is the same however the
 * stream was begun, as long as examples and options are.
 */
export async function* packRows(
  source: ExampleSource,
  options: PackOptions,
): AsyncGenerator<PackedRow> {
  const { encoder, several = false, counts = packCounts() } = options;
  const builder = new RowBuilder(options, counts);
  let skip = options.from ?? 0;
  function* made(): Generator<PackedRow> {
    for (const row of builder.take()) {
      if (skip > 0) skip--;
      else yield row;
    }
  }
  for await (const example of order(source, options)) {
    if (example.kind === "pair") {
      throw unfit(example, "a preference pair, expected a text or an answer");
    }
    if (skip > 0 && example.kind === "answer" && !several && builder.empty) {
      skip--; // Its row is known to be one, so nothing needs to be encoded.
      continue;
    }
    const encoded = await encodeExample(example, encoder);
    if (example.kind === "text") builder.addText(encoded);
    else builder.addAnswer(encoded, { alone: !several });
    yield* made();
  }
  builder.close();
  yield* made();
}

/** Both answers of a preference, a row each. */
export interface PackedPair {
  readonly chosen: PackedRow;
  readonly rejected: PackedRow;
}

/** Preference pairs, each answer packed as `packRows` packs one that has its own row. */
export async function* packPairs(
  source: ExampleSource,
  options: PackOptions,
): AsyncGenerator<PackedPair> {
  const builder = new RowBuilder(options, options.counts ?? packCounts());
  const row = (encoded: Encoded) => {
    builder.addAnswer(encoded, { alone: true });
    return builder.take()[0];
  };
  let skip = options.from ?? 0;
  for await (const example of order(source, options)) {
    if (example.kind !== "pair") {
      throw unfit(example, `${example.kind}, expected "chosen" and "rejected"`);
    }
    if (skip > 0) {
      skip--;
      continue;
    }
    const { chosen, rejected } = await encodePair(example, options.encoder);
    yield { chosen: row(chosen), rejected: row(rejected) };
  }
}

function unfit({ where }: TrainExample, problem: string): Refusal {
  return new Refusal(`Cannot train on record ${where}: it is ${problem}`);
}

/** Examples epoch by epoch, each window of them in a random order. */
async function* order(
  source: ExampleSource,
  { seed, window = WINDOW, epochs = Infinity }: PackOptions,
): AsyncGenerator<TrainExample> {
  for (let epoch = 0; epoch < epochs; epoch++) {
    let number = 0;
    let held: TrainExample[] = [];
    const mixed = function* () {
      const draws = new Draws({ seed, use: "shuffle", step: epoch, row: number++ });
      for (const at of shuffled(held.length, draws)) yield held[at];
      held = [];
    };
    for await (const example of source()) {
      held.push(example);
      if (held.length === window) yield* mixed();
    }
    if (number === 0 && held.length === 0) {
      throw new Refusal("Cannot train: the data holds no example, expected at least one");
    }
    yield* mixed();
  }
}

/** Puts documents into rows. */
class RowBuilder {
  readonly #length: number;
  readonly #block: number;
  readonly #eos: number;
  readonly #counts: PackCounts;
  #made: PackedRow[] = [];
  #row: PackedRow;
  #at = 0;
  #document = 0;

  constructor({ length, block, encoder }: PackOptions, counts: PackCounts) {
    if (!(block > 0 && length > 0 && length % block === 0)) {
      throw new RangeError(`block ${block} does not divide the row's ${length} tokens`);
    }
    this.#length = length;
    this.#block = block;
    this.#eos = encoder.eos;
    this.#counts = counts;
    this.#row = this.#fresh();
  }

  /** Whether no row is begun or waits. */
  get empty(): boolean {
    return this.#at === 0 && this.#made.length === 0;
  }

  /** The rows finished since. */
  take(): PackedRow[] {
    const made = this.#made;
    this.#made = [];
    return made;
  }

  /** Adds a text, over as many rows as it takes. */
  addText({ tokens }: Encoded): void {
    this.#count(tokens.length);
    for (let from = 0; from < tokens.length;) {
      const to = Math.min(tokens.length, from + this.#length - this.#at);
      this.#put(tokens.slice(from, to), { prompt: 0, size: to - from });
      from = to;
      if (this.#at === this.#length) this.close();
    }
  }

  /** Adds an answer to the row, or to the next where it does not fit or is to be alone. */
  addAnswer({ tokens, prompt }: Encoded, { alone }: { alone: boolean }): void {
    this.#count(tokens.length);
    const filled = () => {
      return Math.ceil((this.#at + tokens.length) / this.#block) * this.#block - this.#at;
    };
    if (alone || this.#at + filled() > this.#length) this.close();
    if (tokens.length > this.#length) {
      this.#counts.truncated++;
      if (prompt >= this.#length) this.#counts.unanswered++;
    }
    const size = Math.min(filled(), this.#length);
    this.#put(tokens.slice(0, size), { prompt: Math.min(prompt, size), size });
    if (alone || this.#at === this.#length) this.close();
  }

  /** Finishes the row, if one is begun. */
  close(): void {
    if (this.#at === 0) return;
    this.#row.documents.fill(this.#document, this.#at);
    this.#made.push(this.#row);
    this.#row = this.#fresh();
    this.#at = 0;
    this.#document = 0;
  }

  #count(tokens: number): void {
    this.#counts.examples++;
    this.#counts.tokens += tokens;
  }

  /** Puts a document of `size` tokens into the row; what its tokens leave is filled with EOS. */
  #put(tokens: readonly number[], { prompt, size }: { prompt: number; size: number }): void {
    this.#row.tokens.set(tokens, this.#at);
    this.#row.documents.fill(this.#document++, this.#at, this.#at + size);
    this.#row.maskable.fill(1, this.#at + prompt, this.#at + size);
    this.#at += size;
  }

  #fresh(): PackedRow {
    return {
      tokens: new Uint32Array(this.#length).fill(this.#eos),
      documents: new Uint32Array(this.#length),
      maskable: new Uint8Array(this.#length),
    };
  }
}
