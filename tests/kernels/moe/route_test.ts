import assert from "@std/assert";
import { routeKernel } from "../../../kernels/moe/route.ts";
import { liveRows, uniform } from "../../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

const GATE = {
  experts: 256,
  groups: 8,
  topGroups: 4,
  topK: 8,
  sharedExperts: 1,
  normalize: true,
  scaling: 2.5,
};
const CHOICES = GATE.topK + GATE.sharedExperts;

for (const target of ["cpu", "gpu"] as const) {
  withGpu(
    `routeKernel() keeps rows of NaN in range and to themselves (${target} shape)`,
    { target },
    async (gpu) => {
      const route = async (logits: Float32Array) => {
        const rows = logits.length / GATE.experts;
        const bytes = 4 * rows * CHOICES;
        const pool = new BufferPool(gpu);
        const chosen = pool.upload("chosen", new Uint32Array(rows * CHOICES).fill(999));
        const routing = pool.empty("routing", bytes);
        const dispatches = await routeKernel(gpu.launcher, {
          label: "route",
          live: pool.upload("live", new Uint32Array(liveRows(rows))),
          logits: pool.upload("logits", new Float32Array(logits)),
          bias: pool.upload("bias", new Float32Array(uniform(GATE.experts, 2, 0.3))),
          chosen,
          routing,
          ...GATE,
        });
        submitPass(gpu, dispatches, rows);
        const found = {
          chosen: Array.from(new Uint32Array(await readBuffer(gpu, chosen, { bytes }))),
          routing: Array.from(new Float32Array(await readBuffer(gpu, routing, { bytes }))),
        };
        pool.destroy();
        return found;
      };
      const whole = uniform(GATE.experts, 1, 4);
      const logits = new Float32Array(3 * GATE.experts);
      logits.fill(NaN, 0, GATE.experts);
      logits.set(whole.map((z, i) => i % 3 === 0 ? NaN : z), GATE.experts);
      logits.set(whole, 2 * GATE.experts);
      const { chosen, routing } = await route(logits);
      assert.ok(chosen.every((expert) => expert < GATE.experts + GATE.sharedExperts));
      const alone = await route(whole);
      assert.deepEqual(chosen.slice(2 * CHOICES), alone.chosen);
      assert.deepEqual(routing.slice(2 * CHOICES), alone.routing);
    },
  );
}
