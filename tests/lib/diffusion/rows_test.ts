import assert from "@std/assert";
import fc from "fast-check";
import { packSlot, PHASE, SLOT_WORDS } from "../../../kernels/decode/slots.ts";
import { readBuffer, writeBuffer } from "../../../lib/gpu/buffers.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { spanRows } from "../../../lib/diffusion/rows.ts";
import { GOLDEN, withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { slotState } from "./drive.ts";

/** Keys that each row sees, as 0 and 1. */
function maskOf(rows: Uint32Array, length: number): string[] {
  return Array.from({ length: rows.length / 4 }, (_, i) => {
    const keys = rows[4 * i + 3];
    return "1".repeat(keys) + "0".repeat(length - keys);
  });
}

Deno.test("spanRows() gives the golden block-causal mask", () => {
  const golden = GOLDEN.masks.find(({ name }: { name: string }) =>
    name === "inference_block_causal"
  );
  const tokens = new Array(golden.length).fill(5);
  const rows = spanRows(tokens, { slot: 0, blockLength: golden.block, from: 0, to: tokens.length });
  assert.deepEqual(maskOf(rows, tokens.length), golden.rows);
});

Deno.test("property: spanRows() shows a row all keys of its block and before, no other", () => {
  const cases = fc.record({
    tokens: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 80 }),
    blockLength: fc.integer({ min: 1, max: 256 }),
    slot: fc.integer({ min: 0, max: 31 }),
    start: fc.nat(),
  });
  fc.assert(
    fc.property(cases, ({ tokens, blockLength, slot, start }) => {
      const from = start % tokens.length;
      const rows = spanRows(tokens, { slot, blockLength, from, to: tokens.length });
      assert.equal(rows.length, 4 * (tokens.length - from));
      for (let i = from; i < tokens.length; i++) {
        const [inSlot, position, token, keys] = rows.subarray(4 * (i - from));
        assert.deepEqual([inSlot, position, token], [slot, i, tokens[i]]);
        for (let j = 0; j < tokens.length; j++) {
          const allowed = Math.floor(i / blockLength) >= Math.floor(j / blockLength);
          assert.equal(j < keys, allowed, `${i} sees ${j}`);
        }
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});

withGpu(
  "property: plan lists the block of every slot with work, then those that slots have finished",
  {},
  async (gpu) => {
    const slot = fc.record({
      phase: fc.constantFrom(PHASE.idle, PHASE.denoise, PHASE.commit, PHASE.done),
      block: fc.integer({ min: 1, max: 20 }),
      index: fc.integer({ min: 1, max: 5 }),
    });
    const cases = fc.sample(fc.array(slot, { minLength: 6, maxLength: 6 }), {
      seed: 4,
      numRuns: 40,
    });
    await withEngine(gpu, { engine: { slots: 6 } }, async (engine) => {
      const { buffers, slots, plan } = engine.internals;
      const canvas = Uint32Array.from({ length: 6 * slots.canvasLength }, (_, i) => (i * 7) % 240);
      writeBuffer(gpu, slots.canvas, { data: canvas });
      for (const states of cases) {
        for (const [s, { phase, block, index }] of states.entries()) {
          const ids = new Array(block).fill(0);
          const data = packSlot(slotState({ ids, start: index * block, state: { phase } }));
          writeBuffer(gpu, slots.state, { data, offset: s * SLOT_WORDS * 4 });
        }
        writeBuffer(gpu, buffers.live, { data: new Uint32Array(4) });
        submitPass(gpu, [plan], 1);
        const [live, rows] = (await Promise.all([
          readBuffer(gpu, buffers.live),
          readBuffer(gpu, buffers.rows),
        ])).map((bytes) => new Uint32Array(bytes));
        const wanted: number[][] = [];
        const firsts = new Map<number, number>();
        const list = (s: number, index: number) => {
          const { block } = states[s];
          for (let position = index * block; position < (index + 1) * block; position++) {
            const token = canvas[s * slots.canvasLength + position];
            wanted.push([s, position, token, (index + 1) * block]);
          }
        };
        for (const [s, { phase, index }] of states.entries()) {
          if (phase !== PHASE.denoise && phase !== PHASE.commit) continue;
          firsts.set(s, wanted.length);
          list(s, index);
        }
        const needLogits = wanted.length;
        for (const [s, { phase, index }] of states.entries()) {
          if (phase === PHASE.commit) list(s, index - 1);
        }
        assert.deepEqual(Array.from(live.subarray(0, 2)), [wanted.length, needLogits]);
        assert.deepEqual(Array.from(rows.subarray(0, 4 * wanted.length)), wanted.flat());
        for (const [s, first] of firsts) assert.equal(live[4 + s], first);
      }
    });
  },
);
