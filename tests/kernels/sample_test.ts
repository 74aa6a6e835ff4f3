import assert from "@std/assert";
import { MAX_BLOCK, sampleKernel, type SlotBuffers } from "../../kernels/decode.ts";
import { packSlot, PHASE, SLOT_FIELDS, type SlotState } from "../../kernels/slots.ts";
import { liveRows } from "../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
import { withGpu } from "../gpu.ts";

const NONE = Object.fromEntries(Object.keys(SLOT_FIELDS).map((name) => [name, 0])) as SlotState;
const MASK = 1;

for (
  const [target, vocab] of [
    ["cpu", 32_768],
    ["cpu", 157_184],
    ["cpu", 600_000],
    ["gpu", 157_184],
  ] as const
) {
  // Mesa's CPU driver ends the loops of an invocation early where they turn too often.
  withGpu(`sampling sees the end of ${vocab} ids (${target} shape)`, {
    target,
  }, async (gpu) => {
    const ties = [vocab - 700, vocab - 300, vocab - 1];
    const logits = new Float32Array(vocab);
    for (const id of ties) logits[id] = 60;
    const cases = [
      { top_k: 0, top_p: 1, kept: vocab, drawn: ties },
      { top_k: 50, top_p: 1, kept: vocab, drawn: ties },
      { top_k: 0, top_p: 0.9, kept: 3, drawn: ties },
      { top_k: 3, top_p: 0.9, kept: 3, drawn: ties },
      { top_k: 0, top_p: 0.5, kept: 2, drawn: ties.slice(0, 2) },
      { top_k: 3, top_p: 0.1, kept: 1, drawn: ties.slice(0, 1) },
    ];
    for (const { kept, drawn: wanted, ...filter } of cases) {
      const pool = new BufferPool(gpu);
      const words = (label: string, count: number) => pool.empty(label, 4 * count);
      const slot = { ...NONE, phase: PHASE.denoise, block: 1, temperature: 1, ...filter };
      const buffers: SlotBuffers = {
        slots: 1,
        canvasLength: MAX_BLOCK,
        live: pool.upload("live", Uint32Array.of(...liveRows(1), 0, 0, 0, 0)),
        rows: pool.upload("rows", Uint32Array.of(0, 0, MASK, 1)),
        state: pool.upload("slots", packSlot(slot)),
        canvas: pool.upload("canvas", new Uint32Array(MAX_BLOCK).fill(MASK)),
        confidence: words("confidence", MAX_BLOCK),
        drawn: words("drawn", 4 * MAX_BLOCK),
        stats: words("stats", 2 * MAX_BLOCK),
        credit: words("credit", 2 * MAX_BLOCK * (1 + MAX_BLOCK)),
        trace: words("trace", 4),
      };
      const dispatch = await sampleKernel(gpu.launcher, buffers, {
        logits: pool.upload("logits", logits),
        vocab,
        mask: MASK,
      });
      const encoder = gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      dispatch.encode(pass, 1);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
      const drawn = await readBuffer(gpu, buffers.drawn, { bytes: 16 });
      const [token, , count] = new Uint32Array(drawn);
      const [, confidence] = new Float32Array(drawn);
      const what = `${JSON.stringify(filter)}: drew ${token} of ${count} at ${confidence}`;
      assert.ok(wanted.includes(token), what);
      assert.ok(Math.abs(confidence - 1 / wanted.length) < 1e-4, what);
      assert.equal(count, kept, what);
      pool.destroy();
    }
  });
}
