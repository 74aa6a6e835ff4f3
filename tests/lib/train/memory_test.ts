import assert from "@std/assert";
import { DeviceMemory } from "../../../lib/gpu/memory.ts";
import { referenceBytes, runBytes, totalBytes } from "../../../lib/train/memory.ts";
import { parseRecipe } from "../../../lib/train/recipe.ts";
import { TINY_CONFIG } from "./fake.ts";

function recipeOf(...objectives: string[]) {
  const stages = objectives.map((objective) => ({
    name: objective,
    objective,
    ...objective === "ar" ? {} : { block: 8 },
  }));
  return parseRecipe(
    JSON.stringify({
      model: { config: "c.json", start: "random" },
      data: { train: ["a"], row_length: 64 },
      defaults: { lr: 0.1, steps: 1 },
      stages,
    }),
    "r.json",
  );
}

Deno.test("runBytes() keeps activations where they fit, the reference included", () => {
  const recipe = recipeOf("sft", "dpo");
  const kept = runBytes(recipe, TINY_CONFIG);
  assert.equal(kept.recompute, false);
  assert.equal(kept.total, totalBytes(kept) + referenceBytes(recipe, TINY_CONFIG));
  assert.ok(kept.reference > kept.weights && kept.reference < kept.total / 2);
  const on = (limit: number) => runBytes(recipe, TINY_CONFIG, { memory: new DeviceMemory(limit) });
  assert.deepEqual(on(kept.total), kept);
  const again = on(kept.total - 1);
  assert.ok(again.recompute && again.activations < kept.activations);
  assert.deepEqual({ ...again, recompute: false, activations: 0, total: 0 }, {
    ...kept,
    activations: 0,
    total: 0,
  });
});

Deno.test("referenceBytes() are those of DPO alone", () => {
  assert.equal(referenceBytes(recipeOf("ar", "sft"), TINY_CONFIG), 0);
  assert.equal(runBytes(recipeOf("ar"), TINY_CONFIG).reference, 0);
});
