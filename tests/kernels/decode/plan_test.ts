import assert from "@std/assert";
import { planKernel, type SlotBuffers } from "../../../kernels/decode/decode.ts";
import {
  packSlot,
  PHASE,
  SLOT_FIELDS,
  SLOT_WORDS,
  type SlotState,
} from "../../../kernels/decode/slots.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

const NONE = Object.fromEntries(Object.keys(SLOT_FIELDS).map((name) => [name, 0])) as SlotState;
const SLOTS = 1027;
const CANVAS = 16;

for (const [target, alone] of [["cpu", 0], ["cpu", 1], ["gpu", 0]] as const) {
  // Mesa's CPU driver ends the loops of an invocation early where they turn too often.
  withGpu(
    `a pass over ${SLOTS} slots has all their rows (${target} shape${
      alone ? ", blocks stored alone" : ""
    })`,
    {
      target,
    },
    async (gpu) => {
      const states = Array.from({ length: SLOTS }, (_, s) => {
        const phase = Object.values(PHASE)[(s * s + (s >> 3)) % 4];
        return { ...NONE, phase, block: 1 + s % 5, block_start: 5 + s % 7 };
      });
      const rows: number[] = [];
      const firsts = new Array(SLOTS).fill(9);
      const list = (s: number, from: number, to: number) => {
        for (let position = from; position < to; position++) {
          rows.push(s, position, 3 * (s * CANVAS + position), to);
        }
      };
      for (const [s, { phase, block, block_start }] of states.entries()) {
        if (phase !== PHASE.denoise && phase !== PHASE.commit) continue;
        firsts[s] = rows.length / 4;
        if (phase === PHASE.commit && alone) continue;
        list(s, block_start, block_start + block);
      }
      const denoised = rows.length / 4;
      for (const [s, { phase, block, block_start }] of states.entries()) {
        if (phase === PHASE.commit) list(s, block_start - block, block_start);
      }
      const packed = new Uint32Array(SLOTS * SLOT_WORDS);
      for (const [s, state] of states.entries()) {
        packed.set(packSlot(state), s * SLOT_WORDS);
      }
      const pool = new BufferPool(gpu);
      const unused = pool.empty("unused", 16);
      const live = pool.upload("live", new Uint32Array(4 + SLOTS).fill(9).fill(alone, 3, 4));
      const listed = pool.empty("rows", 4 * rows.length);
      const buffers: SlotBuffers = {
        slots: SLOTS,
        canvasLength: CANVAS,
        live,
        rows: listed,
        state: pool.upload("slots", packed),
        canvas: pool.upload(
          "canvas",
          Uint32Array.from({ length: SLOTS * CANVAS }, (_, i) => 3 * i),
        ),
        confidence: unused,
        drawn: unused,
        stats: unused,
        notes: unused,
        trace: unused,
      };
      const dispatch = await planKernel(gpu.launcher, buffers);
      submitPass(gpu, [dispatch], 1);
      const read = async (buffer: GPUBuffer, { length }: readonly number[]) => {
        return Array.from(new Uint32Array(await readBuffer(gpu, buffer, { bytes: 4 * length })));
      };
      const wanted = [rows.length / 4, denoised, 10, alone, ...firsts];
      assert.deepEqual(await read(live, wanted), wanted);
      assert.deepEqual(await read(listed, rows), rows);
      pool.destroy();
    },
  );
}
