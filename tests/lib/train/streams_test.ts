import assert from "@std/assert";
import fc from "fast-check";
import {
  type BatchOptions,
  buildBatch,
  type NoisyCopy,
  type PackedRow,
  type TrainBatch,
} from "../../../lib/train/streams.ts";
import { GOLDEN } from "../../fixtures.ts";

const MASK = 99;
const runs = Deno.env.has("UNMASK_FULL") ? 5000 : 300;

/** A packed row of rising tokens, all maskable. */
function packed(documents: readonly number[]): PackedRow {
  return {
    tokens: Uint32Array.from(documents, (_, position) => position + 1),
    documents: Uint32Array.from(documents),
    maskable: new Uint8Array(documents.length).fill(1),
  };
}

/** A copy of a row with its targets masked. */
function masked(rows: readonly PackedRow[], row: number, targets: readonly number[]): NoisyCopy {
  return {
    row,
    tokens: rows[row].tokens.map((token, position) => targets[position] ? MASK : token),
    targets: Uint8Array.from(targets),
    t: 0.5,
  };
}

/** The rows each row sees, as sets. */
function seen({ spans, count }: TrainBatch): Set<number>[] {
  return Array.from({ length: count }, (_, row) => {
    const rows = new Set<number>();
    for (const at of [4 * row, 4 * row + 2]) {
      for (let key = spans[at]; key < spans[at + 1]; key++) {
        assert(!rows.has(key), "spans of a row overlap");
        rows.add(key);
      }
    }
    return rows;
  });
}

/** A token of the full, unpruned pass. */
interface Token {
  row: number;
  /** -1 is the clean stream. */
  copy: number;
  position: number;
}

/** All tokens of the definition's pass: per packed row the clean stream, then its copies. */
function allTokens(rows: readonly PackedRow[], copies: readonly NoisyCopy[]): Token[] {
  return rows.flatMap(({ tokens }, row) =>
    [-1, ...copies.keys()].filter((copy) => copy < 0 || copies[copy].row === row)
      .flatMap((copy) => Array.from(tokens, (_, position) => ({ row, copy, position })))
  );
}

/** M_BD | M_OBC | M_BC with document limits, straight from the definition. */
function maySee(
  rows: readonly PackedRow[],
  { block, documentMask }: { block: number; documentMask: boolean },
  [query, key]: [Token, Token],
): boolean {
  if (query.row !== key.row) return false;
  const { documents } = rows[query.row];
  if (documentMask && documents[query.position] !== documents[key.position]) return false;
  const [b, c] = [query, key].map(({ position }) => Math.floor(position / block));
  if (query.copy >= 0 && key.copy >= 0) return query.copy === key.copy && b === c;
  if (query.copy >= 0) return b > c;
  return key.copy < 0 && b >= c;
}

const ruled = fc.tuple(fc.constantFrom(1, 2, 3, 4, 6), fc.integer({ min: 1, max: 4 })).chain(
  ([block, blocks]) => {
    const length = block * blocks;
    const flags = fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: length, maxLength: length });
    return fc.record({
      block: fc.constant(block),
      rows: fc.array(
        fc.record({ ends: flags, copies: fc.array(flags, { maxLength: 3 }) }),
        { minLength: 1, maxLength: 3 },
      ),
      documentMask: fc.boolean(),
      shifted: fc.boolean(),
    });
  },
);

/** Rows, copies and options of a drawn case. */
function caseOf(drawn: typeof ruled extends fc.Arbitrary<infer T> ? T : never) {
  const rows = drawn.rows.map(({ ends }) => {
    let document = 7;
    return packed(ends.map((end) => end ? ++document : document));
  });
  const copies = drawn.rows.flatMap(({ copies }, row) =>
    copies.map((targets) => masked(rows, row, targets))
  );
  const { block, documentMask, shifted } = drawn;
  return { rows, copies, options: { block, documentMask, shifted, mask: MASK } };
}

Deno.test("streams: rows and spans are the definition's, less what no target depends on", () => {
  fc.assert(
    fc.property(ruled, (drawn) => {
      const { rows, copies, options } = caseOf(drawn);
      const tokens = allTokens(rows, copies);
      const sees = tokens.map((query) =>
        tokens.flatMap((key, at) => maySee(rows, options, [query, key]) ? [at] : [])
      );
      const asked = tokens.flatMap(({ row, copy, position }, at) => {
        const label = options.shifted ? position + 1 : position;
        if (copy < 0 || !copies[copy].targets[label]) return [];
        const { documents } = rows[row];
        const same = !options.documentMask || documents[label] === documents[position];
        return same ? [{ at, label }] : [];
      });
      const kept = new Set(asked.map(({ at }) => at));
      for (const at of kept) sees[at].forEach((key) => kept.add(key));
      const order = [...kept].sort((a, b) => a - b);

      const batch = buildBatch(rows, copies, options);
      assert.equal(batch.count, order.length);
      order.forEach((at, own) => {
        const { row, copy, position } = tokens[at];
        const token = (copy < 0 ? rows[row] : copies[copy]).tokens[position];
        assert.deepEqual([...batch.rows.subarray(4 * own, 4 * own + 4)], [row, position, token, 0]);
      });
      assert.deepEqual(
        seen(batch).map((keys) => [...keys].sort((a, b) => a - b)),
        order.map((at) => sees[at].map((key) => order.indexOf(key))),
      );
      assert.deepEqual(
        [...batch.targetRows].map((row) => order[row]),
        asked.map(({ at }) => at),
      );
      assert.deepEqual([...batch.targets.position], asked.map(({ label }) => label));
      assert.deepEqual([...batch.targets.copy], asked.map(({ at }) => tokens[at].copy));
      assert.deepEqual(
        [...batch.labels],
        asked.map(({ at, label }) => rows[tokens[at].row].tokens[label]),
      );
      assert.deepEqual(
        [...batch.masked],
        order.flatMap((at, own) => {
          const { copy, position } = tokens[at];
          return copy >= 0 && copies[copy].targets[position] ? [own] : [];
        }),
      );
    }),
    { numRuns: runs },
  );
});

Deno.test("streams: queries are the transpose of spans", () => {
  fc.assert(
    fc.property(ruled, fc.boolean(), (drawn, causal) => {
      const { rows, copies, options } = caseOf(drawn);
      const batch = causal
        ? buildBatch(rows, [], { ...options, block: "causal" })
        : buildBatch(rows, copies, options);
      const keys = seen(batch);
      for (let key = 0; key < batch.count; key++) {
        const spans = batch.queries.subarray(8 * key, 8 * key + 8);
        const seers: number[] = [];
        for (let at = 0; at < 8; at += 2) {
          for (let query = spans[at]; query < spans[at + 1]; query++) seers.push(query);
        }
        assert.deepEqual(seers, [...keys.keys()].filter((query) => keys[query].has(key)));
      }
    }),
    { numRuns: runs },
  );
});

Deno.test("streams: a row that more than four spans of rows see is a RangeError", () => {
  const rows = [packed([0, 0, 0, 0])];
  const copies = (count: number) =>
    Array.from({ length: count }, () => masked(rows, 0, [0, 1, 0, 1]));
  const options: BatchOptions = { block: 2, documentMask: true, mask: MASK };
  assert.equal(buildBatch(rows, copies(3), options).count, 14);
  assert.throws(() => buildBatch(rows, copies(5), options), RangeError);
});

interface GoldenMask {
  name: string;
  length: number;
  block?: number;
  doc?: number[] | null;
  rows: string[];
}
const goldenMasks = (GOLDEN.masks as GoldenMask[]).filter(({ name }) => name.startsWith("train_"));

for (const { name, length, block = length, doc, rows: expected } of goldenMasks) {
  Deno.test(`streams: ${name} of golden.json`, () => {
    const row = packed(doc ?? new Array(length).fill(0));
    const every = new Array(length).fill(1);
    const batch = buildBatch([row], [masked([row], 0, every)], {
      block: name.includes("mdlm") ? "row" : block,
      documentMask: doc != null,
      mask: MASK,
    });
    // golden.json's rows: the noisy half, then the clean half.
    const half = batch.count - length;
    const place = Array.from({ length: batch.count }, (_, own) => {
      return batch.rows[4 * own + 1] + (own < half ? length : 0);
    });
    const keys = seen(batch);
    place.forEach((query, own) => {
      const line = Array.from(expected[query], Number);
      place.forEach((key, other) => {
        assert.equal(keys[own].has(other) ? 1 : 0, line[key], `${query} sees ${key}`);
        line[key] = 0;
      });
      assert(!line.includes(1), `${query} sees a row that is left out`);
    });
    assert(expected.slice(0, length).every((_, query) => place.includes(query)));
  });
}

Deno.test("streams: plain AR predicts the next token of the same document", () => {
  const row: PackedRow = {
    tokens: Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    documents: Uint32Array.of(0, 0, 0, 1, 1, 1, 1, 2),
    maskable: Uint8Array.of(1, 1, 1, 0, 0, 1, 0, 1),
  };
  const cases = [
    {
      documentMask: true,
      labels: [2, 3, 6],
      rows: [0, 1, 3],
      spans: [[0, 1], [0, 2], [2, 3], [2, 4]],
    },
    {
      documentMask: false,
      labels: [2, 3, 6, 8],
      rows: [0, 1, 4, 6],
      spans: [[0, 1], [0, 2], [0, 3], [0, 4], [0, 5], [0, 6], [0, 7]],
    },
  ];
  for (const { documentMask, labels, rows, spans } of cases) {
    const batch = buildBatch([row], [], { block: "causal", documentMask, mask: MASK });
    assert.deepEqual([...batch.labels], labels);
    assert.deepEqual([...batch.targetRows], rows);
    assert.deepEqual([...batch.spans], spans.flatMap((span) => [...span, 0, 0]));
    assert.deepEqual([...batch.targets.t], labels.map(() => 1));
    assert.equal(batch.masked.length, 0);
  }
});

Deno.test("streams: block 1 with every token a target sees what plain AR sees", () => {
  const row = packed([0, 0, 0, 1, 1, 1]);
  const noisy = buildBatch([row], [masked([row], 0, [1, 1, 1, 1, 1, 1])], {
    block: 1,
    documentMask: true,
    mask: MASK,
  });
  // The clean tokens before it, and itself masked.
  const clean = [...noisy.targetRows].map((own) =>
    [...seen(noisy)[own]].filter((key) => key !== own).map((key) => noisy.rows[4 * key + 2])
  );
  assert.deepEqual(clean, [[], [1], [1, 2], [], [4], [4, 5]]);
});

Deno.test("streams: one block a row has no clean stream", () => {
  const row = packed([0, 0, 1, 1]);
  const options = { documentMask: true, mask: MASK };
  const copies = [masked([row], 0, [0, 1, 1, 0])];
  const mdlm = buildBatch([row], copies, { block: "row", ...options });
  assert.equal(mdlm.count, 4);
  assert.deepEqual(mdlm, buildBatch([row], copies, { block: 4, ...options }));
});

Deno.test("streams: mask ratios by position, and which targets are seen", () => {
  const row = packed([0, 0, 0, 0]);
  const copy: NoisyCopy = {
    row: 0,
    tokens: Uint32Array.of(1, MASK, 50, 4),
    targets: Uint8Array.of(0, 1, 1, 0),
    t: Float64Array.of(0.1, 0.2, 0.3, 0.4),
  };
  const { targets, masked } = buildBatch([row], [copy], {
    block: 2,
    documentMask: true,
    mask: MASK,
  });
  assert.deepEqual([...targets.t], [0.2, 0.3]);
  assert.deepEqual([...targets.masked], [1, 0]);
  assert.deepEqual([...masked], [3]); // after two clean rows and the unmasked first
});

Deno.test("streams: what does not fit together is a RangeError", () => {
  const rows = [packed([0, 0, 0, 0])];
  const fine = masked(rows, 0, [1, 0, 0, 0]);
  const options = { documentMask: true, mask: MASK };
  const cases: [string, () => unknown][] = [
    ["block", () => buildBatch(rows, [fine], { ...options, block: 3 })],
    ["block 0", () => buildBatch(rows, [fine], { ...options, block: 0 })],
    ["row", () => buildBatch(rows, [{ ...fine, row: 1 }], { ...options, block: 2 })],
    ["length", () => {
      buildBatch(rows, [{ ...fine, tokens: new Uint32Array(3) }], { ...options, block: 2 });
    }],
    ["causal", () => buildBatch(rows, [fine], { ...options, block: "causal" })],
    ["documents", () => buildBatch([packed([0, 1, 0, 0])], [], { ...options, block: 2 })],
  ];
  for (const [name, build] of cases) assert.throws(build, RangeError, name);
});
