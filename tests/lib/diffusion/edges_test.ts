import assert from "@std/assert";
import fc from "fast-check";
import type { Decoded, Job } from "../../../lib/diffusion/sequence.ts";
import { POLICY_NAMES, resolveDecode } from "../../../lib/diffusion/options.ts";
import { withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { checkAgainstReference, decodeAll } from "./drive.ts";

const MASK = 244;
const EOS = 241;
const FULL = Deno.env.get("UNMASK_FULL") !== undefined;

function job(tokens: number[], values: Record<string, unknown>): Job {
  return { tokens, decode: resolveDecode([{ values, where: "test" }]), seed: 7 };
}

/** Prompts of `length` ids that mean nothing. */
const prompt = (length: number, first = 3) =>
  Array.from({ length }, (_, i) => (first + 37 * i) % 240);

const EDGES: [string, Job][] = [
  ["a prompt shorter than a block", job(prompt(3), { block_length: 8, gen_length: 13 })],
  ["a prompt that ends at a block", job(prompt(16), { block_length: 8, gen_length: 16 })],
  ["a prompt of one token", job(prompt(1), { block_length: 4, gen_length: 7 })],
  ["one token to generate", job(prompt(7), { block_length: 8, gen_length: 1, steps: 32 })],
  ["blocks of one", job(prompt(5), { block_length: 1, gen_length: 6 })],
  ["blocks of four", job(prompt(6), { block_length: 4, gen_length: 9, threshold: 0.3 })],
  ["blocks of seven", job(prompt(9), { block_length: 7, gen_length: 15, threshold: 0.4 })],
  ["blocks of 33", job(prompt(40), { block_length: 33, gen_length: 20, threshold: 0.3 })],
  ["more steps than a block has", job(prompt(4), { block_length: 8, gen_length: 12, steps: 999 })],
  ["a threshold above one", job(prompt(4), { block_length: 8, gen_length: 12, threshold: 1.5 })],
  [
    "end-of-sequence in the prompt",
    job([EOS, ...prompt(9), EOS], { block_length: 8, gen_length: 14, eos_early_stop: true }),
  ],
  [
    "editing without a budget",
    job(prompt(11), {
      policy: "hf-2.1",
      block_length: 8,
      gen_length: 12,
      edit_threshold: 0,
      max_post_steps: 0,
    }),
  ],
  [
    "editing everything, for ever",
    job(prompt(11), {
      policy: "hf-2.1",
      block_length: 8,
      gen_length: 20,
      threshold: 0.2,
      edit_threshold: 0,
    }),
  ],
  [
    "editing off",
    job(prompt(11), {
      policy: "joint-threshold",
      block_length: 8,
      gen_length: 12,
      edit_threshold: "off",
    }),
  ],
];

withGpu("decode() handles every edge as the plain loop does", {}, async (gpu) => {
  await withEngine(gpu, {}, (engine) => checkAgainstReference(engine, EDGES.map(([, job]) => job)));
});

withGpu("decode() takes the largest block", {}, async (gpu) => {
  const largest = job(prompt(20), { block_length: 256, gen_length: 300, threshold: 0.2, steps: 8 });
  await withEngine(gpu, { engine: { slots: 1, trace: true } }, async (engine) => {
    const [{ tokens, blocks }] = await decodeAll(engine, [largest]);
    assert.ok(tokens.length === 300 || tokens.at(-1) === EOS);
    assert.ok(blocks.every(({ steps }) => steps <= 8));
    assert.ok(!tokens.includes(MASK));
  });
});

const OPTIONS = fc.record({
  policy: fc.constantFrom("hf-2.0", "hf-2.1", "low-confidence", "joint-threshold", "hierarchy"),
  block_length: fc.constantFrom(1, 2, 4, 5, 8, 12, 32),
  gen_length: fc.integer({ min: 1, max: 30 }),
  steps: fc.integer({ min: 1, max: 40 }),
  threshold: fc.constantFrom(0.1, 0.4, 0.7, 0.95, 2),
  minimal_topk: fc.integer({ min: 1, max: 8 }),
  num_to_transfer: fc.integer({ min: 1, max: 6 }),
  edit_threshold: fc.constantFrom<number | "off">("off", 0, 0.3, 0.9),
  max_post_steps: fc.integer({ min: 0, max: 4 }),
  penalty_lambda: fc.constantFrom(0, 1, 5),
  low_threshold: fc.constantFrom(0, 0.1, 0.4),
  eos_early_stop: fc.boolean(),
});

withGpu("property: decode() equals the plain loop on random options", {}, async (gpu) => {
  const length = fc.integer({ min: 1, max: 40 });
  const random = fc.tuple(length, OPTIONS).map(([count, values]) =>
    job(prompt(count, count), values)
  );
  const jobs = fc.sample(random, { seed: 11, numRuns: FULL ? 300 : 16 });
  await withEngine(gpu, {}, (engine) => checkAgainstReference(engine, jobs));
});

/** What holds for every policy, greedy or not. */
function checkShape({ tokens: prompt, decode }: Job, found: Decoded, at: string): void {
  const { block_length: block, gen_length } = decode;
  const { tokens, confidence, blocks, trace, finishReason } = found;
  assert.equal(finishReason === "stop", tokens.at(-1) === EOS, at);
  assert.equal(tokens.indexOf(EOS), finishReason === "stop" ? tokens.length - 1 : -1, at);
  if (finishReason === "length") assert.equal(tokens.length, gen_length, at);
  assert.ok(!tokens.includes(MASK), at);
  assert.equal(confidence.length, tokens.length, at);
  assert.ok(confidence.every((c) => c >= 0 && c <= 1 + 1e-6), at);
  const filled = trace.flatMap(({ accepted }) => accepted.map(([position]) => position));
  assert.equal(new Set(filled).size, filled.length, `${at}: a position was filled twice`);
  for (let i = 0; i < tokens.length; i++) {
    assert.ok(filled.includes(prompt.length + i), `${at}: position ${i} was never filled`);
  }
  const first = Math.floor(prompt.length / block);
  for (const [index, { steps, forwards }] of blocks.entries()) {
    const mine = trace.filter((step) => step.block === first + index);
    assert.ok(mine.every(({ masked, accepted }) => masked === 0 || accepted.length > 0), at);
    assert.ok(steps <= block + decode.max_post_steps + 1, `${at}: ${steps} steps`);
    assert.equal(forwards - steps, index + 1 < blocks.length ? 1 : 0, at);
    const masks = mine[0].masked;
    const inPrompt = Math.max(0, prompt.length - (first + index) * block);
    assert.equal(masks, block - inPrompt, at);
  }
}

withGpu("property: every mask gets filled, once, in bounded steps", {}, async (gpu) => {
  const random = fc.record({
    length: fc.integer({ min: 1, max: 50 }),
    options: OPTIONS,
    // Where rows move, masks are filled more than once: indel_test.ts.
    policy: fc.constantFrom(...POLICY_NAMES.filter((name) => name !== "hf-2.2")),
    temperature: fc.constantFrom(0, 0.5, 1.5),
    top_k: fc.constantFrom(0, 1, 5),
    top_p: fc.constantFrom(0.1, 0.9, 1),
  }).map(({ length, options, policy, ...drawing }) =>
    job(prompt(length, length), {
      ...options,
      policy,
      ...drawing,
      temperature: policy === "credit" ? 0 : drawing.temperature,
    })
  );
  const jobs = fc.sample(random, { seed: 5, numRuns: FULL ? 1000 : 48 });
  await withEngine(gpu, { engine: { slots: 8, trace: true } }, async (engine) => {
    const results = await decodeAll(engine, jobs);
    for (const [index, found] of results.entries()) {
      checkShape(jobs[index], found, JSON.stringify([index, jobs[index].decode]));
    }
  });
});

withGpu("decode() draws by the record's seed alone", {}, async (gpu) => {
  await withEngine(gpu, {}, async (engine) => {
    const values = { block_length: 8, gen_length: 24, temperature: 1.2, top_k: 50, top_p: 0.95 };
    const base = job(prompt(10), values);
    const seeds = [1, 2, 3, 1];
    const drawn = await decodeAll(engine, seeds.map((seed) => ({ ...base, seed })));
    assert.deepEqual(drawn[3], drawn[0]);
    assert.notDeepEqual(drawn[1].tokens, drawn[0].tokens);
    assert.notDeepEqual(drawn[2].tokens, drawn[1].tokens);
  });
});
