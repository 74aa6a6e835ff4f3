import assert from "@std/assert";
import { parseConfig } from "../../../lib/model/config.ts";
import { expectedTensors } from "../../../lib/model/tensors.ts";
import { initialTensors } from "../../../lib/train/init.ts";
import { NANO } from "../../fixtures.ts";

const CONFIG = parseConfig(await Deno.readTextFile(`${NANO}/config.json`), "config.json");

function moments(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const power = (n: number) =>
    values.reduce((sum, value) => sum + (value - mean) ** n, 0) / values.length;
  return { mean, deviation: Math.sqrt(power(2)), kurtosis: power(4) / power(2) ** 2 };
}

Deno.test("initialTensors() draws matrices of the stated spread, norms of 1 and no bias", async () => {
  const tensors = initialTensors(CONFIG, { seed: 1 });
  for (const [name, shape] of expectedTensors(CONFIG)) {
    const values = await tensors.values(name, shape);
    assert.equal(values.length, shape.reduce((a, b) => a * b), name);
    if (shape.length === 1) {
      assert.ok(values.every((value) => value === (name.endsWith("expert_bias") ? 0 : 1)), name);
      continue;
    }
    const wanted = /dense\.weight|down_proj/.test(name) ? 0.02 / Math.sqrt(10) : 0.02;
    const { mean, deviation, kurtosis } = moments(values);
    const error = 1 / Math.sqrt(values.length);
    assert.ok(Math.abs(mean) < 4 * error * wanted, `${name}: mean ${mean}`);
    assert.ok(Math.abs(deviation / wanted - 1) < 4 * error, `${name}: deviation ${deviation}`);
    assert.ok(Math.abs(kurtosis - 2.9) < 20 * error, `${name}: kurtosis ${kurtosis}`);
  }
});

Deno.test("initialTensors() depends on seed and name alone", async () => {
  const first = async (seed: number, name: string, shape = [4, 4]) =>
    Array.from(await initialTensors(CONFIG, { seed }).values(name, shape));
  assert.deepEqual(await first(1, "a"), await first(1, "a"));
  assert.notDeepEqual(await first(1, "a"), await first(2, "a"));
  assert.notDeepEqual(await first(1, "a"), await first(1, "b"));
  // Written down once: other values would be another model from the same recipe.
  const bits = new Uint32Array(
    (await initialTensors(CONFIG, { seed: 7 }).values("lm_head.weight", [1, 3])).buffer,
  );
  assert.deepEqual([...bits], [1014724035, 1010870190, 1025399931]);
});
