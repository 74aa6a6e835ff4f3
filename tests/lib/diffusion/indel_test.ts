import assert from "@std/assert";
import fc from "fast-check";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { withConfig, withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { checkAgainstReference, decodeAll, runBlock, runStep } from "./drive.ts";

const FULL = Deno.env.get("UNMASK_FULL") !== undefined;
const [MASK, VOCAB] = [244, 256];

/** Ids that the tiny model draws often, so that its blocks shrink, grow and go round in circles. */
const EDITS = [[72, 27], [48, 47], [121, 254]] as const;

const OPTIONS = fc.record({
  policy: fc.constant("hf-2.2"),
  block_length: fc.constantFrom(1, 2, 5, 8, 16),
  gen_length: fc.integer({ min: 1, max: 24 }),
  steps: fc.constantFrom(1, 3, 8, 32),
  threshold: fc.constantFrom(0.05, 0.3, 0.5, 2),
  edit_threshold: fc.constantFrom<number | "off">("off", 0, 0.1, 0.4),
  max_post_steps: fc.constantFrom(0, 1, 5, 16),
  eos_early_stop: fc.boolean(),
});

/** Whether blocks share experts, which wants blocks of whole groups of tokens. */
const SHARING = { expert_capacity: 3, block_size: 4 };

const CASES = [...EDITS.map((ids) => ({ ids, more: {} })), { ids: EDITS[1], more: SHARING }];

for (const { ids: [remove, split], more } of CASES) {
  const name = `edits ${remove} and ${split} ${JSON.stringify(more)}`;
  withGpu(`hf-2.2 decodes as the plain loop does, ${name}`, {}, async (gpu) => {
    const length = fc.integer({ min: 1, max: 30 });
    const options = more === SHARING
      ? OPTIONS.map((values) => ({ ...values, block_length: values.block_length > 8 ? 8 : 4 }))
      : OPTIONS;
    const random = fc.tuple(length, options, fc.nat(2 ** 32 - 1)).map((
      [count, values, seed],
    ) => ({
      tokens: Array.from({ length: count }, (_, i) => (count + 37 * i) % 240),
      decode: resolveDecode([{ values, where: "test" }]),
      seed,
    }));
    const jobs = fc.sample(random, { seed: remove, numRuns: FULL ? 100 : 10 });
    await withConfig(
      { delete_token_id: remove, split_token_id: split, ...more },
      (dir) => withEngine(gpu, { dir }, (engine) => checkAgainstReference(engine, jobs)),
    );
  });
}

const [REMOVE, SPLIT] = EDITS[0];

for (const target of ["cpu", "gpu"] as const) {
  withGpu(
    `hf-2.2 removes and inserts as drawn edits say (${target} shapes)`,
    { target },
    async (gpu) => {
      const fields = { delete_token_id: REMOVE, split_token_id: SPLIT };
      await withConfig(fields, (dir) =>
        withEngine(gpu, { dir }, async (engine) => {
          const [M, D, S] = [MASK, REMOVE, SPLIT];
          const after = async (options: Parameters<typeof runBlock>[1]) =>
            (await runBlock(engine, options)).map(({ ids }) => ids);
          const all = [M, M, M, M];
          // Removed rows close up and masks fill the end; what is split keeps its id behind a mask.
          assert.deepEqual(await after({ ids: [10, 11, 12, 13], draws: [[10, D, 12, 13]] }), [
            [10, 12, 13, M],
          ]);
          assert.deepEqual(await after({ ids: [10, 11, 12, 13], draws: [[10, S, 12, 13]] }), [
            [10, M, 11, 12],
          ]);
          assert.deepEqual(await after({ ids: [10, 11, 12, 13], draws: [[D, 11, S, 13]] }), [
            [11, M, 12, 13],
          ]);
          // A mask may be filled with an edit too.
          assert.deepEqual(await after({ ids: all, draws: [[D, 11, S, 13]] }), [[11, M, M, 13]]);
          // The prompt stays where it is, edits in it too, and masks in it get no edits.
          assert.deepEqual(
            await after({ ids: [D, S, M, 13, 14, 15], prompt: 3, draws: [[D, D, D, D, 14, S]] }),
            [[D, S, 1, 14, M, 15]],
          );
          // A last round takes the best ids that are no edits, for masks below the threshold too.
          const last = { max_post_steps: 1, threshold: 0.9 };
          assert.deepEqual(
            await after({ ids: [10, 11, 12, 13], decode: last, draws: [[10, D, S, 14]] }),
            [[10, 1, 1, 14]],
          );
          // So does the thousandth step, whatever the budget.
          const cap = { max_post_steps: 1e6 };
          for (const [first, wanted] of [[998, [11, M]], [999, [1, 11]]] as const) {
            assert.deepEqual(await after({ ids: [10, 11], first, decode: cap, draws: [[D, 11]] }), [
              wanted,
            ]);
          }
          // Two ids in turns: what was there before is drawn again, and stays where that was there too.
          const turns = [[20], [21], [20], [21]];
          assert.deepEqual(await after({ ids: [M], draws: turns }), [[20], [21], [1], [1]]);
          // It takes as long as it takes to find something new.
          const pairs = [[20, 30], [1, 30], [20, 1], [21, 31], [20, 30]];
          assert.deepEqual((await after({ ids: [M, M], draws: pairs })).at(-1), [1, 1]);
        }));
    },
  );
}

withGpu(
  "hf-2.2 shares its masks out over the steps, and those that edits made come on top",
  {},
  async (gpu) => {
    const fields = { delete_token_id: REMOVE, split_token_id: SPLIT };
    await withConfig(fields, (dir) =>
      withEngine(gpu, { dir }, async (engine) => {
        const decode = { threshold: 0.9, steps: 4, edit_threshold: 0.9 };
        const masked = async (options: Parameters<typeof runBlock>[1]) =>
          (await runBlock(engine, { ...options, decode })).map(({ trace }) =>
            trace!.accepted.length
          );
        const ids = new Array(10).fill(MASK);
        const same = ids.map((_, i) => 10 + i);
        // 10 masks over 4 steps.
        assert.deepEqual(await masked({ ids, draws: [same, same, same, same] }), [3, 3, 2, 2]);
        // The first row is removed: 2 of the schedule and the one that fills the end.
        const removed = [REMOVE, ...same.slice(1)];
        assert.deepEqual(await masked({ ids, draws: [same, removed, same] }), [3, 3, 3]);
      }));
  },
);

withGpu("hf-2.2 draws ids for masks, and edits settled ones to the likeliest", {}, async (gpu) => {
  const fields = { delete_token_id: REMOVE, split_token_id: SPLIT };
  await withConfig(fields, (dir) =>
    withEngine(gpu, { dir }, async (engine) => {
      const even = Array.from({ length: VOCAB }, (_, id) => id === 20 ? 0.1 : id < 30 ? 0 : -20);
      const ids = Array.from({ length: 256 }, (_, i) => i % 2 ? MASK : 10);
      const { drawn } = await runStep(engine, {
        ids,
        start: 0,
        logits: ids.map(() => even),
        decode: { policy: "hf-2.2", temperature: 1 },
      });
      const share = Math.exp(0.1) / (Math.exp(0.1) + 29);
      const settled = drawn.filter((_, i) => ids[i] !== MASK);
      assert.ok(settled.every(({ token }) => token === 20));
      assert.ok(settled.every(({ confidence }) => Math.abs(confidence - share) < 1e-5));
      assert.ok(new Set(drawn.map(({ token }) => token)).size > 10);
    }));
});

withGpu("hf-2.2 leaves neither masks nor edits in answers that are drawn", {}, async (gpu) => {
  const drawing = fc.record({
    temperature: fc.constantFrom(0.5, 1.5),
    top_k: fc.constantFrom(0, 5),
    top_p: fc.constantFrom(0.9, 1),
  });
  const random = fc.tuple(OPTIONS, drawing, fc.nat(2 ** 32 - 1)).map(([options, more, seed]) => ({
    tokens: [3, 40, 77, 114],
    decode: resolveDecode([{ values: { ...options, ...more }, where: "test" }]),
    seed,
  }));
  const jobs = fc.sample(random, { seed: 3, numRuns: FULL ? 300 : 24 });
  const [remove, split] = EDITS[1];
  await withConfig(
    { delete_token_id: remove, split_token_id: split },
    (dir) =>
      withEngine(gpu, { dir, engine: { slots: 8, trace: true } }, async (engine) => {
        const results = await decodeAll(engine, jobs);
        for (const [i, { tokens, blocks }] of results.entries()) {
          const at = JSON.stringify(jobs[i].decode);
          assert.ok([MASK, remove, split].every((id) => !tokens.includes(id)), at);
          assert.ok(tokens.length > 0, at);
          assert.ok(blocks.every(({ steps }) => steps < 100), at);
        }
        assert.deepEqual(await decodeAll(engine, [jobs[1]]), [results[1]]);
      }),
  );
});

withGpu("hf-2.2 refuses a model without edits", {}, async (gpu) => {
  await withEngine(gpu, {}, async (engine) => {
    const values = { policy: "hf-2.2", gen_length: 8 };
    const decode = resolveDecode([{ values, where: "test" }]);
    await assert.rejects(
      decodeAll(engine, [{ tokens: [1, 2], decode, seed: 0 }]),
      /policy "hf-2.2" with a model that has no edits, expected "delete_token_id"/,
    );
  });
});
