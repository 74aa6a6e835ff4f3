import assert from "@std/assert";
import type { Encoder, TrainExample } from "../../../lib/train/examples.ts";
import { feed, take, type Unit } from "../../../lib/train/feed.ts";
import { passesOf, runPasses } from "../../../lib/train/passes.ts";
import { planOf, sizesOf } from "../../../lib/train/plan.ts";
import { parseRecipe, type Phase, type Recipe } from "../../../lib/train/recipe.ts";
import { FakeTrainer, TINY_CONFIG } from "./fake.ts";

const LENGTH = 16;
const IDS = { mask: 251, ordinary: [0, 250] } as const;
const KEY = { seed: 5, step: 7 };

const encoder: Encoder = {
  eos: 250,
  mask: 251,
  tokenizer: {
    vocabSize: 252,
    digest: "bytes",
    encode: (text) => [...new TextEncoder().encode(text)],
    decode: () => "",
    tokenId: () => undefined,
  },
};

function recipeOf(stage: Record<string, unknown>): Recipe {
  return parseRecipe(
    JSON.stringify({
      model: { config: "c.json", start: "random" },
      data: { train: ["a"], row_length: LENGTH },
      stages: [{ name: "s", lr: 0.1, steps: 2, batch: 6, ...stage }],
    }),
    "r.json",
  );
}

async function unitsOf(recipe: Recipe, from = 0, count = 6): Promise<Unit[]> {
  const [phase] = recipe.phases;
  const source = async function* (): AsyncGenerator<TrainExample> {
    for (let i = 0; i < 9; i++) {
      const where = `a:${i}`;
      const input = { prompt: `q${i}` };
      if (phase.objective === "dpo") {
        yield { where, kind: "pair", input, chosen: "good", rejected: "bad" };
      } else yield { where, kind: "answer", input, answer: "xyz".repeat(1 + i % 4) };
    }
  };
  const units = feed({ recipe, phase, source, encoder, from });
  const taken = await take(units, count);
  await units.return(undefined);
  return taken;
}

/** The gradient of a step: what the first AdamW step has for its first moment. */
async function gradientOf(phase: Phase, units: readonly Unit[]) {
  const trainer = await FakeTrainer.open(1);
  const passes = passesOf(units, { phase, ids: IDS, key: KEY });
  const { loss, targets } = await runPasses(passes, { trainer, phase });
  await trainer.step({ lr: 0, beta1: 0, beta2: 0, eps: 1 });
  return { loss, targets, passes: passes.length, m: trainer.tensors.m.get("lm_head.weight")! };
}

const STAGES: Record<string, Record<string, unknown>> = {
  ar: { objective: "ar" },
  bdlm: { objective: "bdlm", block: 4 },
  mdlm: { objective: "bdlm", block: "row", t2t: 0.3 },
  sft: { objective: "sft", block: 8, complementary: true },
  weighted: { objective: "sft", block: 8, weighting: "1/t", ratio_per: "block" },
  pairs: { objective: "bdlm", block: 4, weighting: "1/t", complementary: true },
};

for (const [name, stage] of Object.entries(STAGES)) {
  Deno.test(`passes: accumulated gradients are those of one pass: ${name}`, async () => {
    const recipe = recipeOf(stage);
    const [phase] = recipe.phases;
    const units = await unitsOf(recipe);
    const whole = await gradientOf(phase, units);
    assert.equal(whole.passes, 1);
    for (const micro_batch of [1, 4]) {
      const parts = await gradientOf({ ...phase, micro_batch }, units);
      assert.equal(parts.passes, Math.ceil(6 / micro_batch));
      assert.equal(parts.targets, whole.targets);
      assert.ok(Math.abs(parts.loss - whole.loss) < 1e-6 * whole.loss, `${parts.loss}`);
      const most = Math.max(...parts.m.map((value, i) => Math.abs(value - whole.m[i])));
      assert.ok(most < 1e-6, `${name}: gradient differs by ${most}`);
    }
  });

  Deno.test(`passes: fit the sizes stated before: ${name}`, async () => {
    const recipe = recipeOf({ ...stage, micro_batch: 4 });
    const { rows, targets } = sizesOf(recipe, recipe.phases);
    const [phase] = recipe.phases;
    for (const { batch } of passesOf(await unitsOf(recipe), { phase, ids: IDS, key: KEY })) {
      assert.ok(batch.count <= rows && batch.labels.length <= targets);
    }
  });
}

Deno.test("passes: 1/t with complementary copies is the mean of both bounds", async () => {
  const recipe = recipeOf(STAGES.pairs);
  const [phase] = recipe.phases;
  const units = await unitsOf(recipe);
  const trainer = await FakeTrainer.open(1);
  const [{ batch }] = passesOf(units, { phase, ids: IDS, key: KEY });
  const { crossEntropy } = await trainer.forward(batch);
  const { copy, t, position } = batch.targets;
  const bounds = [0, 0];
  crossEntropy.forEach((ce, i) => bounds[copy[i] % 2] += ce / t[i]);
  const maskable = units.reduce(
    (sum, { rows: [row] }) => sum + row.maskable.filter(Boolean).length,
    0,
  );
  const passes = passesOf(units, { phase, ids: IDS, key: KEY });
  const { loss, targets } = await runPasses(passes, { trainer, phase });
  assert.ok(Math.abs(loss - (bounds[0] + bounds[1]) / 2 / maskable) < 1e-9 * loss);
  // Every maskable token once, at t in one copy and 1 - t in the other.
  const seen = new Set([...position].map((at, i) => `${copy[i] >> 1} ${at}`));
  assert.deepEqual([targets, seen.size], [maskable, maskable]);
  for (let row = 0; row < units.length; row++) {
    const own = (number: number) => [...t].filter((_, i) => copy[i] === 2 * row + number);
    const ratios = new Set([...own(0), ...own(1).map((ratio) => 1 - ratio)].map(Math.fround));
    assert.equal(ratios.size, 1, `row ${row}`);
  }
});

Deno.test("feed: pre-training predicts prompts too, fine-tuning answers alone", async () => {
  const learned = async (objective: string) => {
    const [{ rows: [row] }] = await unitsOf(recipeOf({ objective, block: 4 }), 0, 1);
    const shown = [...row.tokens].map((token) => token === 250 ? "." : String.fromCharCode(token));
    return shown.map((letter, at) => row.maskable[at] ? letter : "_").join("");
  };
  assert.match(await learned("sft"), /^__(xyz)+[.]+_*$/);
  assert.match(await learned("bdlm"), /^q\d(xyz)+[.]+_*$/);
});

Deno.test("feed: unit n is the same wherever the stream begins", async () => {
  for (const stage of [...Object.values(STAGES), { objective: "dpo", block: 8 }]) {
    const recipe = recipeOf(stage);
    assert.deepEqual(await unitsOf(recipe, 7), (await unitsOf(recipe, 0, 13)).slice(7));
  }
});

Deno.test("passes: DPO starts at ln 2, and prefers what is chosen after a step", async () => {
  const recipe = recipeOf({ objective: "dpo", block: 8, complementary: true, beta: 1 });
  const [phase] = recipe.phases;
  const units = await unitsOf(recipe);
  const trainer = await FakeTrainer.open(1);
  const reference = await FakeTrainer.open(1);
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    const passes = passesOf(units, { phase: { ...phase, micro_batch: 4 }, ids: IDS, key: KEY });
    losses.push((await runPasses(passes, { trainer, phase, reference })).loss);
    await trainer.step({ lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8 });
  }
  assert.ok(Math.abs(losses[0] - Math.LN2) < 1e-6, `${losses}`);
  assert.ok(losses[2] < losses[1] && losses[1] < losses[0], `${losses}`);
});

Deno.test("passes: DPO counts pairs without a noisy token as undecided", async () => {
  const recipe = recipeOf({ objective: "dpo", block: 8, beta: 1 });
  const [phase] = recipe.phases;
  const trainer = await FakeTrainer.open(1);
  const reference = await FakeTrainer.open(1);
  const clean: Phase = { ...phase, bandwidth: [0, 0], micro_batch: 1 };
  const passes = passesOf(await unitsOf(recipe), { phase: clean, ids: IDS, key: KEY });
  const { loss, targets, parts } = await runPasses(passes, { trainer, phase, reference });
  assert.equal(targets, 0);
  assert.ok(Math.abs(loss - Math.LN2) < 1e-12, `${loss}`);
  assert.deepEqual(parts, { margin: 0, preferred: 0 });
});

Deno.test("passes: noise on embeddings is where masks are, and a measurement leaves no gradient", async () => {
  const recipe = recipeOf({ objective: "bdlm", block: 4, embedding_noise: 0.5, cap: 3 });
  const [phase] = recipe.phases;
  const units = await unitsOf(recipe);
  const [{ batch, noise }] = passesOf(units, {
    phase,
    ids: IDS,
    key: KEY,
    embedding: { hidden: 4 },
  });
  const rows = new Set([...noise!].flatMap((value, i) => value === 0 ? [] : [Math.floor(i / 4)]));
  assert.deepEqual([...rows], [...batch.masked]);
  const trainer = await FakeTrainer.open(1);
  const passes = passesOf(units, { phase, ids: IDS, key: KEY });
  const measured = await runPasses(passes, { trainer, phase, measure: true });
  assert.equal(measured.parts.confidence, undefined);
  assert.equal((await trainer.step({ lr: 1, beta1: 0, beta2: 0, eps: 1 })).gradientNorm, 0);
});

Deno.test("planOf() counts tokens and operations", () => {
  const recipe = recipeOf({ objective: "sft", block: 8, complementary: true });
  const [{ tokens, flops }] = planOf(recipe, TINY_CONFIG);
  assert.equal(tokens, 2 * 6 * LENGTH);
  const c = TINY_CONFIG;
  const attention = c.hiddenSize * c.headDim *
    (2 * c.numAttentionHeads + 2 * c.numKeyValueHeads);
  const expert = 3 * c.hiddenSize * c.moeIntermediateSize;
  const moe = (c.numExpertsPerTok + c.numSharedExperts) * expert + c.numExperts * c.hiddenSize;
  const dense = c.firstKDenseReplace * 3 * c.hiddenSize * c.intermediateSize;
  const body = c.numHiddenLayers * attention + dense +
    (c.numHiddenLayers - c.firstKDenseReplace) * moe;
  const rows = 6 * LENGTH * 3;
  const wanted = 2 * 6 * (rows * body + 6 * LENGTH * c.hiddenSize * c.vocabSize);
  assert.ok(Math.abs(flops - wanted) < 1, `${flops}, expected ${wanted}`);
});
