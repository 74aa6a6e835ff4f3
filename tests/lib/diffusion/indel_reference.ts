/** Decoding of one block with Levenshtein editing (HF 2.2), told by lists that grow and shrink. */
import type { EditIds } from "../../../kernels/decode/decode.ts";
import type { DecodeOptions } from "../../../lib/diffusion/options.ts";
import type { ReferenceStep } from "./reference.ts";

/** Ids of a row by falling logit, the mask left out, and the probability of each. */
export interface Ranked {
  readonly ids: readonly number[];
  probability(id: number): number;
}

/** What a block is decoded by. */
export interface IndelBlock {
  /** Ids of the block as it begins, masks included. */
  readonly ids: readonly number[];
  /** How many of them belong to the prompt. */
  readonly protectedIds: number;
  readonly decode: DecodeOptions;
  readonly mask: number;
  readonly edits: EditIds;
  readonly seed: number;
  /** Steps of earlier blocks. */
  readonly draws: number;
  /** Logits of the block's rows. */
  rank(ids: readonly number[]): Promise<Ranked[]>;
}

interface Cell {
  id: number;
  /** A mask that was there when the block began, or what has filled it. */
  original: boolean;
}

const MOST_STEPS = 1000;

/** Decodes a block; positions in the steps count from its start. */
export async function referenceIndel(
  block: IndelBlock,
): Promise<{ ids: number[]; steps: ReferenceStep[] }> {
  const { decode, mask, edits, protectedIds } = block;
  let cells: Cell[] = block.ids.map((id) => ({ id, original: id === mask }));
  const initial = cells.filter(({ original }) => original).length;
  const seen = new Set<string>();
  const steps: ReferenceStep[] = [];
  let post = 0;
  for (let step = 0;; step++) {
    const rows = await block.rank(cells.map(({ id }) => id));
    const drawn = rows.map(({ ids }) => ids[0]);
    const sure = (i: number) => rows[i].probability(drawn[i]);
    const masked = [...cells.keys()].filter((i) => cells[i].id === mask);
    const original = masked.filter((i) => cells[i].original);
    post = original.length === 0 ? post + 1 : 0;
    const quota = Math.floor(initial / decode.steps) + (step < initial % decode.steps ? 1 : 0);
    const need = quota + masked.length - original.length;
    const high = masked.filter((i) => sure(i) > decode.threshold);
    const best = masked.toSorted((i, j) => sure(j) - sure(i) || i - j);
    let accepted = step >= decode.steps ? masked : high.length >= need ? high : best.slice(0, need);
    const last = step + 1 >= MOST_STEPS ||
      (decode.max_post_steps > 0
        ? post >= decode.max_post_steps
        : original.length > 0 && original.every((i) => accepted.includes(i)));
    if (last) accepted = masked;
    const threshold = decode.edit_threshold === "off" ? Infinity : decode.edit_threshold;
    const edited = [...cells.keys()].filter((i) =>
      i >= protectedIds && cells[i].id !== mask && drawn[i] !== cells[i].id && sure(i) > threshold
    );
    const isEdit = (id: number) => id === edits.remove || id === edits.split;
    const written = cells.map(({ id }, i) => {
      if (!accepted.includes(i) && !edited.includes(i)) return id;
      if (!isEdit(drawn[i]) || (!last && i >= protectedIds)) return drawn[i];
      return rows[i].ids.find((other) => !isEdit(other))!;
    });
    for (let trial = 0; trial < 5 && !last && seen.has(written.join()); trial++) {
      const changed = [...cells.keys()].filter((i) =>
        i >= protectedIds && written[i] !== cells[i].id
      );
      if (changed.length === 0) break;
      const at = changed[someBelow(block, { step, trial, count: changed.length })];
      written[at] = rows[at].ids.find((id) => id !== written[at])!;
    }
    seen.add(written.join());
    steps.push({
      accepted: masked.filter((i) => accepted.includes(i)).map((i) => [i, written[i]]),
      edited: edited.filter((i) => written[i] !== cells[i].id).map((i) => [i, written[i]]),
    });
    const moved = cells.flatMap(({ id, original }, i): Cell[] => {
      const now = { id: written[i], original };
      if (i < protectedIds || !isEdit(now.id)) return [now];
      return now.id === edits.remove ? [] : [{ id: mask, original: false }, { id, original }];
    });
    while (moved.length < cells.length) moved.push({ id: mask, original: false });
    const next = moved.slice(0, cells.length);
    const still = next.every(({ id }, i) => id === cells[i].id);
    const open = next.some(({ id }) => id === mask);
    cells = next;
    const spent = still || threshold === Infinity || decode.max_post_steps === 0;
    if (last || (!open && spent)) break;
  }
  return { ids: cells.map(({ id }) => id), steps };
}

/** Which of so many changes is drawn again; some_below in kernels/decode/indel.wgsl. */
function someBelow(
  { seed, draws }: IndelBlock,
  { step, trial, count }: { step: number; trial: number; count: number },
): number {
  let h = seed ^ (Math.imul(draws + step, 0x632be5ab) + Math.imul(trial, 0x85157af5));
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return ((h ^ (h >>> 15)) >>> 0) % count;
}
