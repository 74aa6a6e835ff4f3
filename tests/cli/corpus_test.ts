import assert from "@std/assert";
import { corpusExamples } from "../../cli/corpus.ts";
import { isTest } from "../../tasks/nano/corpus.ts";
import type { TrainExample } from "../../lib/train/examples.ts";

async function first(
  count: number,
  use: "train" | "validation",
  seed = 1,
  corpus = "nano",
): Promise<TrainExample[]> {
  const source = corpusExamples({ corpus, parts: ["math", "agent"], use, seed });
  const taken: TrainExample[] = [];
  for await (const example of source()) {
    taken.push(example);
    if (taken.length === count) break;
  }
  return taken;
}

function questionOf(example: TrainExample): string {
  if (example.kind !== "answer" || !("messages" in example.input)) throw new TypeError("no answer");
  return example.input.messages[0].content;
}

Deno.test("corpusExamples() keeps test questions out, and validation apart from training", async () => {
  const train = (await first(4000, "train")).map(questionOf);
  const validation = (await first(200, "validation")).map(questionOf);
  assert.ok([...train, ...validation].every((question) => !isTest(question)));
  const seen = new Set(train);
  assert.ok(validation.every((question) => !seen.has(question)));
  assert.ok(new Set(validation).size > 100);
});

Deno.test("corpusExamples() is the same for a seed, each epoch, with its parts in turn", async () => {
  assert.deepEqual(await first(20, "train"), await first(20, "train"));
  assert.notDeepEqual(await first(20, "train"), await first(20, "train", 2));
  const [math, agent] = await first(2, "train");
  assert.deepEqual([math.where, agent.where], ["nano math:0", "nano agent:0"]);
});

Deno.test('corpusExamples() of "nano_whole" trains on what "nano" keeps to measure on', async () => {
  const kept = new Set((await first(200, "validation")).map(questionOf));
  const whole = (await first(4000, "train", 1, "nano_whole")).map(questionOf);
  assert.ok(whole.some((question) => kept.has(question)));
  assert.ok(whole.every((question) => !isTest(question)));
  assert.throws(
    () => corpusExamples({ corpus: "nano_whole", parts: ["math"], use: "validation", seed: 1 }),
    /Cannot measure on corpus "nano_whole": it keeps nothing from training, expected "nano"/,
  );
});
