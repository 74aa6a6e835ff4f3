import assert from "@std/assert";
import fc from "fast-check";
import { complement, embeddingNoise, noisyCopies } from "../../../lib/train/noise.ts";
import { buildBatch, type PackedRow } from "../../../lib/train/streams.ts";

const MASK = 99;
const ORDINARY = 90;

/** A row of one document. */
function packed(tokens: readonly number[], maskable: readonly number[]): PackedRow {
  return {
    tokens: Uint32Array.from(tokens),
    documents: new Uint32Array(tokens.length),
    maskable: Uint8Array.from(maskable),
  };
}

const base = { bandwidth: [0, 1], mask: MASK, ordinary: [0, ORDINARY] } as const;
const flags = fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 40 });
const places = fc.record({ seed: fc.maxSafeNat(), step: fc.nat(), row: fc.nat() });

Deno.test("noise: in a complementary pair every allowed token is a target exactly once", () => {
  fc.assert(fc.property(flags, places, fc.constantFrom(0, 0.4, 1), (maskable, key, t2t) => {
    const row = packed(maskable.map((_, at) => at + 1), maskable);
    const options = { ...base, ratioBlock: maskable.length, complementary: true, t2t, key };
    const copies = noisyCopies(row, 0, options);
    assert.equal(copies.length, 2);
    const batch = buildBatch([row], copies, { block: 1, documentMask: true, mask: MASK });
    const positions = [...batch.targets.position].sort((a, b) => a - b);
    assert.deepEqual(positions, maskable.flatMap((may, at) => may ? [at] : []));
    for (const { tokens, targets } of copies) {
      tokens.forEach((token, at) => {
        if (!targets[at]) assert.equal(token, row.tokens[at]);
        else if (token !== MASK) assert(t2t > 0 && token < ORDINARY && token !== row.tokens[at]);
      });
      if (t2t === 1) assert(!tokens.includes(MASK));
    }
    assert.equal(Number(copies[0].t) + Number(copies[1].t), 1);
  }));
});

Deno.test("noise: is the same for the same seed, step and row, and differs otherwise", () => {
  const row = packed(Array.from({ length: 64 }, (_, at) => at), new Array(64).fill(1));
  const copies = (key: { seed: number; step: number; row: number }) => {
    return noisyCopies(row, 0, { ...base, ratioBlock: 8, t2t: 0.5, key });
  };
  const key = { seed: 1, step: 2, row: 3 };
  assert.deepEqual(copies(key), copies(key));
  for (const other of [{ ...key, seed: 2 }, { ...key, step: 3 }, { ...key, row: 4 }]) {
    assert.notDeepEqual(copies(key), copies(other));
  }
});

Deno.test("noise: t stays in its bandwidth, is shared by a block, and is the share masked", () => {
  const length = 4000;
  const row = packed(new Array(length).fill(1), new Array(length).fill(1));
  const cases = [
    { bandwidth: [0.3, 0.8], ratioBlock: length },
    { bandwidth: [0.5, 0.5], ratioBlock: length },
    { bandwidth: [1, 1], ratioBlock: length },
    { bandwidth: [0, 1], ratioBlock: 1000 },
  ] as const;
  for (const { bandwidth, ratioBlock } of cases) {
    for (let step = 0; step < 4; step++) {
      const key = { seed: 9, step, row: 0 };
      const [{ targets, t }] = noisyCopies(row, 0, { ...base, bandwidth, ratioBlock, key });
      for (let start = 0; start < length; start += ratioBlock) {
        const ratio = typeof t === "number" ? t : t[start];
        assert(ratio >= bandwidth[0] && ratio <= bandwidth[1], `t ${ratio}`);
        const block = targets.subarray(start, start + ratioBlock);
        const share = block.reduce((sum, target) => sum + target, 0) / ratioBlock;
        // Four standard deviations of a share of 1000 draws.
        assert(Math.abs(share - ratio) < 0.065, `share ${share} at t ${ratio}`);
        if (typeof t !== "number") {
          assert(t.subarray(start, start + ratioBlock).every((other) => other === ratio));
        }
      }
      assert.equal(typeof t === "number", ratioBlock === length);
    }
  }
});

Deno.test("noise: wrong tokens take the share asked for and reach every ordinary id", () => {
  const length = 8000;
  const row = packed(new Array(length).fill(5), new Array(length).fill(1));
  const key = { seed: 3, step: 0, row: 0 };
  const options = {
    ...base,
    ordinary: [2, 8],
    bandwidth: [1, 1],
    ratioBlock: length,
    t2t: 0.25,
  } as const;
  const [{ tokens, targets }] = noisyCopies(row, 0, { ...options, key });
  assert(targets.every((target) => target === 1));
  const wrong = tokens.filter((token) => token !== MASK);
  assert(Math.abs(wrong.length / length - 0.25) < 0.02);
  assert.deepEqual([...new Set(wrong)].sort(), [2, 3, 4, 6, 7]);
});

Deno.test("noise: complement", () => {
  const cases = [
    { targets: [1, 0, 0], maskable: [1, 1, 0], expected: [0, 1, 0] },
    { targets: [0, 0], maskable: [0, 0], expected: [0, 0] },
    { targets: [1, 1], maskable: [1, 1], expected: [0, 0] },
  ];
  for (const { targets, maskable, expected } of cases) {
    const inverse = complement(Uint8Array.from(targets), Uint8Array.from(maskable));
    assert.deepEqual([...inverse], expected);
  }
});

Deno.test("noise: only masked rows get embedding noise, of the size asked for", () => {
  const row = packed(Array.from({ length: 32 }, (_, at) => at), new Array(32).fill(1));
  const key = { seed: 1, step: 0, row: 0 };
  const copies = noisyCopies(row, 0, { ...base, bandwidth: [0.5, 0.5], ratioBlock: 32, key });
  const batch = buildBatch([row], copies, { block: 8, documentMask: true, mask: MASK });
  const hidden = 64;
  const noise = embeddingNoise(batch, { sigma: 0.1, hidden, key });
  let squares = 0;
  for (let at = 0; at < batch.count; at++) {
    const own = noise.subarray(at * hidden, (at + 1) * hidden);
    if (!batch.masked.includes(at)) assert(own.every((value) => value === 0));
    else squares += own.reduce((sum, value) => sum + value * value, 0);
  }
  const deviation = Math.sqrt(squares / (batch.masked.length * hidden));
  assert(Math.abs(deviation - 0.1) < 0.01, `${deviation}`);
});
