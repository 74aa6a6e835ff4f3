/** What a trace makes of the canvas: which token stood at which position behind every step. */
import type { EditIds } from "../../kernels/decode/decode.ts";
import type { TraceStep } from "./trace.ts";

/** A value of a token. */
export interface Value {
  readonly id: number;
  readonly confidence: number;
  /** The step that gave it, by its index in the trace. */
  readonly at: number;
}

/** What stands in a row of a block. */
export interface Token {
  /** The value it was accepted with, then those it was edited to; none while it is masked. */
  readonly values: readonly Value[];
  /** Whether an edit put its mask in front of another token. */
  readonly inserted: boolean;
  /** How many tokens and masks that stood before it were deleted. */
  readonly deleted: number;
}

/** What happened to a token once it was there; `step` by its index in the trace, `position` before the step. */
export interface Change {
  readonly kind: "edited" | "inserted" | "deleted" | "pushed out";
  readonly at: number;
  readonly position: number;
  /** What stood there: nothing where that was a mask. */
  readonly from?: Value;
  /** What an edit made of it. */
  readonly to?: Value;
}

/** A block, from its first step on. */
export interface CanvasBlock {
  /** Position of its first row. */
  readonly start: number;
  /** Index of its first step in the trace. */
  readonly first: number;
  readonly steps: readonly TraceStep[];
  /** What came to stand in each row, behind so many steps of the trace; masks before. None in the prompt. */
  readonly rows: readonly (readonly { readonly since: number; readonly token: Token }[])[];
  readonly changes: readonly Change[];
}

/** What a record's trace is read with. */
export interface CanvasOptions {
  /** Tokens of a block. */
  readonly block: number;
  /** Ids that move rows, where the policy does what they say (hf-2.2). */
  readonly edits?: EditIds;
}

const MASKED: Token = { values: [], inserted: false, deleted: 0 };

/** The blocks of a record's trace, in order. */
export function canvasOf(trace: readonly TraceStep[], options: CanvasOptions): CanvasBlock[] {
  const blocks = Map.groupBy(trace.entries(), ([, { block }]) => block);
  return Array.from(blocks, ([block, own]) => {
    const start = block * options.block;
    const [[first]] = own;
    const changes: Change[] = [];
    const rows = Array.from(
      { length: options.block },
      (): CanvasBlock["rows"][number][number][] => [],
    );
    let now: readonly Token[] = rows.map(() => MASKED);
    for (const [at, step] of own) {
      const next = afterStep(now, step, { start, at, edits: options.edits, changes });
      for (const [row, token] of next.entries()) {
        if (token !== now[row]) rows[row].push({ since: at + 1, token });
      }
      now = next;
    }
    return { start, first, steps: own.map(([, step]) => step), rows, changes };
  });
}

/** A block's rows behind a step. */
function afterStep(
  before: readonly Token[],
  { accepted, edited }: TraceStep,
  { start, at, edits, changes }: {
    start: number;
    at: number;
    edits: CanvasOptions["edits"];
    changes: Change[];
  },
): Token[] {
  const rows = [...before];
  const moves = new Map<number, "remove" | "split">();
  const settle = (position: number, id: number, confidence: number) => {
    const row = position - start;
    if (id === edits?.remove) moves.set(row, "remove");
    else if (id === edits?.split) moves.set(row, "split");
    else {
      const token = rows[row];
      const to = { id, confidence, at };
      const from = token.values.at(-1);
      if (from) changes.push({ kind: "edited", at, position, from, to });
      rows[row] = { ...token, values: [...token.values, to] };
    }
  };
  for (const [position, id, confidence] of accepted) settle(position, id, confidence);
  for (const [position, , id, confidence] of edited) settle(position, id, confidence);
  return moves.size > 0 ? moved(rows, moves, { start, at, changes }) : rows;
}

/** Rows once those that go are gone and masks stand in front of those that were split (kernels/decode/indel.wgsl). */
function moved(
  rows: readonly Token[],
  moves: ReadonlyMap<number, "remove" | "split">,
  { start, at, changes }: { start: number; at: number; changes: Change[] },
): Token[] {
  const next: Token[] = [];
  let deleted = 0;
  const put = (token: Token) => {
    next.push(deleted > 0 ? { ...token, deleted: token.deleted + deleted } : token);
    deleted = 0;
  };
  for (const [row, token] of rows.entries()) {
    const position = start + row;
    const from = token.values.at(-1);
    const move = moves.get(row);
    if (move === "remove") {
      deleted += 1 + token.deleted;
      changes.push({ kind: "deleted", at, position, from });
      continue;
    }
    if (move === "split") {
      put({ ...MASKED, inserted: true });
      changes.push({ kind: "inserted", at, position });
    }
    put(token);
  }
  while (next.length < rows.length) put(MASKED);
  for (const { values } of next.splice(rows.length)) {
    // Masks make room where they can.
    if (values.length === 0) continue;
    const position = start + rows.length;
    changes.push({ kind: "pushed out", at, position, from: values.at(-1) });
  }
  return next;
}
