import assert from "@std/assert";
import { Pace } from "../../../lib/train/pace.ts";
import { parseRecipe } from "../../../lib/train/recipe.ts";

Deno.test("Pace tells the time left by the rows still to come", () => {
  const recipe = parseRecipe(
    JSON.stringify({
      model: { config: "c.json", start: "random" },
      data: { train: ["a"], row_length: 8 },
      defaults: { lr: 0.1, batch: 2 },
      stages: [
        { name: "ar", objective: "ar", steps: 30 },
        { name: "sft", objective: "sft", block: 4, complementary: true, steps: 10 },
      ],
    }),
    "r.json",
  );
  const [ar, sft] = recipe.phases;
  const pace = new Pace(recipe);
  assert.equal(pace.steps, 40);
  pace.add({ phase: ar, seconds: 2, tokens: 16 });
  // A step of complementary pairs has three streams, three times the rows of a causal one.
  assert.deepEqual(pace.at(10), { tokensPerSecond: 8, secondsLeft: 2 * (20 + 10 * 3) });
  assert.deepEqual(pace.at(40), { tokensPerSecond: 8, secondsLeft: 0 });
  // Only the latest twenty steps count.
  for (let i = 0; i < 20; i++) pace.add({ phase: sft, seconds: 12, tokens: 16 });
  assert.deepEqual(pace.at(35), { tokensPerSecond: 16 / 12, secondsLeft: 60 });
});
