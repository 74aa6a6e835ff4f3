import assert from "@std/assert";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { Pacing } from "../../../lib/diffusion/pacing.ts";

const decodeOf = (values: Record<string, unknown>) => resolveDecode([{ values, where: "test" }]);
const NONE = { readBacks: 0, blocks: 1 };

Deno.test("Pacing: a submit hides what the host takes to notice the one before", () => {
  let time = 0;
  const pacing = new Pacing({ target: "gpu", weightBytes: 2e6, now: () => time });
  assert.equal(pacing.passes(1, NONE), 12); // a millisecond a pass, by the weights' bytes
  assert.equal(pacing.passes(4, NONE), 3);
  pacing.collect({ passes: 3, slots: 4, followed: true });
  for (let i = 0; i < 20; i++) {
    time += 3 * 4 * 5; // five milliseconds a record
    pacing.collect({ passes: 3, slots: 4, followed: true });
  }
  assert.equal(pacing.passes(1, NONE), 3);
  time += 1e6; // nothing was behind this one
  pacing.collect({ passes: 3, slots: 4, followed: false });
  assert.equal(pacing.passes(1, NONE), 3);
});

Deno.test("Pacing: a submit holds a block's passes where read-backs were too many", () => {
  const pacing = new Pacing({ target: "gpu", weightBytes: 200e6 });
  pacing.admit(decodeOf({ block_length: 32, steps: 32, threshold: 1 }));
  assert.equal(pacing.passes(1, NONE), 1);
  const frugal = { readBacks: 3, blocks: 2 };
  assert.equal(pacing.passes(4, frugal), 1); // 0.7 s at most
  const fast = new Pacing({ target: "gpu", weightBytes: 20e6 });
  fast.admit(decodeOf({ block_length: 32, steps: 32, threshold: 1 }));
  assert.equal(fast.passes(1, frugal), 32);
  assert.equal(fast.passes(4, frugal), 8);
});

Deno.test("Pacing: a CPU driver stores blocks of many steps alone", () => {
  for (const target of ["cpu", "gpu"] as const) {
    const pacing = new Pacing({ target, weightBytes: 2e6 });
    pacing.admit(decodeOf({ block_length: 32, steps: 32, threshold: 1 }));
    assert.equal(pacing.storesAlone, target === "cpu");
    for (let i = 0; i < 10; i++) pacing.endBlock(2, false);
    assert.equal(pacing.stepsPerBlock.toFixed(1), "2.0");
    assert.equal(pacing.storesAlone, false);
  }
});

Deno.test("Pacing: records that mostly stop in their first block are not run ahead of", () => {
  const pacing = new Pacing({ target: "cpu", weightBytes: 2e6 });
  assert.ok(pacing.goesOn);
  for (let i = 0; i < 4; i++) pacing.endBlock(2, true);
  assert.ok(!pacing.goesOn);
  for (let i = 0; i < 40; i++) pacing.endBlock(2, i % 8 === 7);
  assert.ok(pacing.goesOn);
});
