import assert from "@std/assert";
import { squaresParts } from "../../kernels/adamw.ts";
import { CPU_LANES, MOST_TURNS } from "../../kernels/launch.ts";

Deno.test("squaresParts() leaves no lane more turns than a CPU driver takes", () => {
  for (const count of [1, 1 << 14, 1 << 20, 1 << 26, (1 << 26) + 1, 2 ** 29, 2 ** 33]) {
    const turns = Math.ceil(count / squaresParts(count) / (4 * CPU_LANES));
    assert.ok(turns < MOST_TURNS / 1.5, `${turns} turns for ${count} values`);
  }
  // What a run adds up, and in which order, stays as it was.
  assert.deepEqual([1, 128 * 192, 1 << 22, 1 << 26].map(squaresParts), [1, 2, 64, 64]);
});
