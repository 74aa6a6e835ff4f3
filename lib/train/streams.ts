/**
 * The rows of a training pass and who sees whom.
 *
 * A packed row of L tokens enters a pass as streams: one clean stream, then its noisy copies. With
 * b = floor(position / block), a noisy token sees its own block of its copy (M_BD) and the clean
 * tokens of earlier blocks (M_OBC); a clean token sees the clean tokens of its own and earlier
 * blocks (M_BC); all of it within one document (LLaDA2.0 eq. 3 and section 4.2). So every row of
 * the pass sees at most two spans of rows, and attention never looks at anything else.
 *
 * Rows that no prediction depends on are left out: noisy blocks without a target and clean tokens
 * that no kept noisy block sees. One block as long as the row therefore has no clean stream at all,
 * which is MDLM (eq. 4), here also called `"row"`.
 */
import { transposedSpans } from "./spans.ts";

/** Documents packed into one row. */
export interface PackedRow {
  /** Token ids [L]. */
  readonly tokens: Uint32Array;
  /** Document number of each token [L]; a document is one run of equal numbers. */
  readonly documents: Uint32Array;
  /** 1 where a token may be masked and predicted [L]; prompts are 0. */
  readonly maskable: Uint8Array;
}

/** One noisy copy of a packed row. */
export interface NoisyCopy {
  /** Which packed row. */
  readonly row: number;
  /** Token ids with noise [L]. */
  readonly tokens: Uint32Array;
  /** 1 where the clean token is to be predicted [L]. */
  readonly targets: Uint8Array;
  /** Mask ratio t that the noise was drawn with: one for all, or each position's [L]. */
  readonly t: number | Float64Array;
}

/** What each target of a pass is, in the order of `TrainBatch.labels`. */
export interface Targets {
  /** Number of the noisy copy; of the packed row where there are no copies. */
  readonly copy: Uint32Array;
  /** Position of the label in its packed row. */
  readonly position: Uint32Array;
  /** Mask ratio at the label; 1 where there is no noise. */
  readonly t: Float64Array;
  /** 1 where the label's own token was masked, 0 where it is seen: corrupted, or plain AR. */
  readonly masked: Uint8Array;
}

/** A training pass. */
export interface TrainBatch {
  /** [T, 4] packed row, position, token, 0. */
  readonly rows: Uint32Array;
  /** [T, 4] from0, to0, from1, to1: rows that a row sees; an empty span is (0, 0). */
  readonly spans: Uint32Array;
  /** [T, 8] up to four spans of the rows that see a row. */
  readonly queries: Uint32Array;
  /** T, the number of rows. */
  readonly count: number;
  /** [M] row whose logits predict each target, rising. */
  readonly targetRows: Uint32Array;
  /** [M] token to predict. */
  readonly labels: Uint32Array;
  /** What each target is. */
  readonly targets: Targets;
  /** Rows whose token is the mask, rising. */
  readonly masked: Uint32Array;
}

/** What a pass looks like. */
export interface BatchOptions {
  /**
   * Tokens of a block, a divisor of every row's length; "row" is one block a row (MDLM); "causal"
   * is plain next-token prediction on the clean rows, without copies.
   */
  readonly block: number | "row" | "causal";
  /** Documents do not see each other; otherwise a row counts as one document. */
  readonly documentMask: boolean;
  /** Logits of a row predict the next position's label, not its own (spec 8.3). */
  readonly shifted?: boolean;
  /** Id of the mask token. */
  readonly mask: number;
}

/** Lays out packed rows and their noisy copies as one pass, row after row. */
export function buildBatch(
  rows: readonly PackedRow[],
  copies: readonly NoisyCopy[],
  options: BatchOptions,
): TrainBatch {
  const copiesOf = Array.from(rows, (): number[] => []);
  copies.forEach((copy, at) => {
    const tokens = rows[copy.row]?.tokens;
    if (!tokens) throw new RangeError(`copy ${at} is of row ${copy.row}, of ${rows.length} rows`);
    if (copy.tokens.length !== tokens.length || copy.targets.length !== tokens.length) {
      throw new RangeError(`copy ${at} is not as long as its row, ${tokens.length}`);
    }
    if (options.block === "causal") throw new RangeError("a causal pass has no noisy copies");
    copiesOf[copy.row].push(at);
  });
  const pass = new Pass(
    rows.reduce((sum, row, at) => sum + row.tokens.length * (1 + copiesOf[at].length), 0),
    options.mask,
  );
  rows.forEach((row, at) => {
    const edges = edgesOf(row, options);
    if (options.block === "causal") addCausal(pass, { row, at, edges });
    else {
      const own = copiesOf[at].map((copy) => {
        return { ...copies[copy], copy, labels: labelsOf(copies[copy], edges, options) };
      });
      addDiffusion(pass, { row, at, edges, copies: own });
    }
  });
  return pass.finish();
}

/** First position, and the one after the last, of each position's document and block. */
interface Edges {
  readonly documentStart: Uint32Array;
  readonly documentEnd: Uint32Array;
  readonly block: number;
}

function edgesOf(row: PackedRow, { block, documentMask }: BatchOptions): Edges {
  const { tokens: { length }, documents } = row;
  if (documents.length !== length || row.maskable.length !== length) {
    throw new RangeError("a packed row's arrays differ in length");
  }
  const size = typeof block === "number" ? block : Math.max(1, length);
  if (!(Number.isInteger(size) && size > 0 && length % size === 0)) {
    throw new RangeError(`block ${block} does not divide the row's ${length} tokens`);
  }
  const documentStart = new Uint32Array(length);
  const documentEnd = new Uint32Array(length);
  const seen = new Set<number>();
  for (let start = 0; start < length;) {
    let end = documentMask ? start + 1 : length;
    while (end < length && documents[end] === documents[start]) end++;
    if (seen.has(documents[start])) {
      throw new RangeError(`document ${documents[start]} is in two places of a row`);
    }
    seen.add(documents[start]);
    documentStart.fill(start, start, end);
    documentEnd.fill(end, start, end);
    start = end;
  }
  return { documentStart, documentEnd, block: size };
}

/** Position of the label that each position's logits predict, or -1 [L]. */
function labelsOf(
  { targets }: NoisyCopy,
  { documentStart }: Edges,
  { shifted }: BatchOptions,
): Int32Array {
  const labels = new Int32Array(targets.length).fill(-1);
  for (let label = 0; label < targets.length; label++) {
    const asked = shifted ? label - 1 : label;
    if (targets[label] && asked >= documentStart[label]) labels[asked] = label;
  }
  return labels;
}

/** Next-token prediction: each row sees its document so far. */
function addCausal(
  pass: Pass,
  { row, at, edges: { documentEnd } }: { row: PackedRow; at: number; edges: Edges },
): void {
  const { tokens, maskable } = row;
  for (let start = 0; start < tokens.length; start = documentEnd[start]) {
    // Nothing depends on what follows a document's last prediction.
    let last = documentEnd[start] - 1;
    while (last > start && !maskable[last]) last--;
    const first = pass.count;
    for (let position = start; position < last; position++) {
      pass.add({ at, position, token: tokens[position] }, [[first, pass.count + 1]]);
      const label = position + 1;
      if (!maskable[label]) continue;
      pass.predict({ label: tokens[label], copy: at, position: label, t: 1, masked: false });
    }
  }
}

/** A noisy copy, its number, and the labels that its positions predict. */
interface AskingCopy extends NoisyCopy {
  readonly copy: number;
  readonly labels: Int32Array;
}

/** The clean stream as far as it is seen, then the copies' blocks that predict something. */
function addDiffusion(
  pass: Pass,
  source: { row: PackedRow; at: number; edges: Edges; copies: readonly AskingCopy[] },
): void {
  const { row: { tokens }, at, edges: { documentStart, documentEnd, block } } = source;
  const blockStart = (position: number) => position - position % block;

  // Clean positions of a document are seen up to the start of its last block with a target.
  const seenEnd = new Uint32Array(tokens.length); // by document start
  for (const { labels } of source.copies) {
    for (let position = 0; position < tokens.length; position++) {
      const start = documentStart[position];
      if (labels[position] >= 0) seenEnd[start] = Math.max(seenEnd[start], blockStart(position));
    }
  }
  const cleanRow = new Uint32Array(tokens.length); // by document start
  const cleanSpan = (start: number, end: number): Span => {
    return end > start ? [cleanRow[start], cleanRow[start] + end - start] : [0, 0];
  };
  for (let position = 0; position < tokens.length; position++) {
    const start = documentStart[position];
    if (position >= seenEnd[start]) continue;
    if (position === start) cleanRow[start] = pass.count;
    const seen = cleanSpan(start, blockStart(position) + block);
    pass.add({ at, position, token: tokens[position] }, [seen]);
  }

  for (const { copy, tokens: noisy, labels, t } of source.copies) {
    let end = 0;
    for (let start = 0; start < tokens.length; start = end) {
      end = Math.min(blockStart(start) + block, documentEnd[start]);
      if (!labels.subarray(start, end).some((label) => label >= 0)) continue;
      const before = cleanSpan(documentStart[start], blockStart(start));
      const own: Span = [pass.count, pass.count + end - start];
      for (let position = start; position < end; position++) {
        pass.add({ at, position, token: noisy[position], noisy: true }, [before, own]);
        const label = labels[position];
        if (label < 0) continue;
        pass.predict({
          label: tokens[label],
          copy,
          position: label,
          t: typeof t === "number" ? t : t[label],
          masked: pass.isMask(noisy[label]),
        });
      }
    }
  }
}

/** Rows [from, to) of a pass. */
type Span = readonly [from: number, to: number];

/** A token's place in the pass. */
interface Place {
  /** Packed row. */
  readonly at: number;
  readonly position: number;
  readonly token: number;
  readonly noisy?: boolean;
}

/** What a row predicts. */
interface Target {
  readonly label: number;
  readonly copy: number;
  readonly position: number;
  readonly t: number;
  readonly masked: boolean;
}

/** A pass as it grows. */
class Pass {
  count = 0;
  readonly #rows: Uint32Array;
  readonly #spans: Uint32Array;
  readonly #targetRows: number[] = [];
  readonly #targets: Target[] = [];
  readonly #masked: number[] = [];
  readonly #mask: number;

  /** A pass of at most `most` rows. */
  constructor(most: number, mask: number) {
    this.#rows = new Uint32Array(4 * most);
    this.#spans = new Uint32Array(4 * most);
    this.#mask = mask;
  }

  isMask(token: number): boolean {
    return token === this.#mask;
  }

  /** Adds a row that sees the spans, at most two. */
  add({ at, position, token, noisy }: Place, spans: readonly Span[]): void {
    let next = 4 * this.count;
    this.#rows[next] = at;
    this.#rows[next + 1] = position;
    this.#rows[next + 2] = token;
    for (const [from, to] of spans) {
      if (to <= from) continue;
      this.#spans[next++] = from;
      this.#spans[next++] = to;
    }
    if (noisy && this.isMask(token)) this.#masked.push(this.count);
    this.count++;
  }

  /** The row last added predicts this. */
  predict(target: Target): void {
    this.#targetRows.push(this.count - 1);
    this.#targets.push(target);
  }

  finish(): TrainBatch {
    const spans = this.#spans.slice(0, 4 * this.count);
    const targets = this.#targets;
    return {
      rows: this.#rows.slice(0, 4 * this.count),
      spans,
      queries: transposedSpans(spans, 4),
      count: this.count,
      targetRows: Uint32Array.from(this.#targetRows),
      labels: Uint32Array.from(targets, ({ label }) => label),
      targets: {
        copy: Uint32Array.from(targets, ({ copy }) => copy),
        position: Uint32Array.from(targets, ({ position }) => position),
        t: Float64Array.from(targets, ({ t }) => t),
        masked: Uint8Array.from(targets, ({ masked }) => masked ? 1 : 0),
      },
      masked: Uint32Array.from(this.#masked),
    };
  }
}
