import assert from "@std/assert";
import { stepBudget } from "../../../bench/budget.ts";
import { sigmoid } from "../../../kernels/moe/route.ts";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { readBuffer } from "../../../lib/gpu/buffers.ts";
import type { PassBuffers } from "../../../lib/model/pass_buffers.ts";
import { parseConfig } from "../../../lib/model/config.ts";
import { GOLDEN, TINY, withConfig, withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { decodeAll } from "../diffusion/drive.ts";

const [EXPERTS, TOP_K, SHARED] = [8, 2, 1];
const FIELDS = { expert_capacity: 3, block_size: 4 };
const TOKENS: number[] = GOLDEN.trace.ids;

/** Choices of each row as LLaDA2.2 tells them: the block's best experts, then each row's own among them. */
function choicesOf(logits: Float32Array, bias: Float32Array): number[] {
  const rows = Array.from(
    { length: logits.length / EXPERTS },
    (_, r) =>
      Array.from(logits.subarray(r * EXPERTS, (r + 1) * EXPERTS), (z, e) => sigmoid(z) + bias[e]),
  );
  const best = (score: readonly number[], from: readonly number[], count: number) =>
    from.toSorted((a, b) => score[b] - score[a] || a - b).slice(0, count);
  return rows.flatMap((row, r) => {
    const start = r - r % FIELDS.block_size;
    const block = rows.slice(start, start + FIELDS.block_size);
    const most = row.map((_, e) => Math.max(...block.map((other) => other[e])));
    const pool = best(most, [...most.keys()], FIELDS.expert_capacity);
    return [...best(row, pool, TOP_K), EXPERTS];
  });
}

for (const target of ["cpu", "gpu"] as const) {
  withGpu(`blocks share the experts they should (${target} shapes)`, { target }, async (gpu) => {
    await withConfig(
      FIELDS,
      (dir) =>
        withEngine(gpu, { dir, engine: { slots: 1 } }, async (engine) => {
          const { layers } = engine.model.weights;
          const count = TOKENS.length - TOKENS.length % 4 - 1; // the last block is not whole
          let differ = 0;
          await engine.logits(TOKENS.slice(0, count), 4, async (label, b: PassBuffers) => {
            const layer = /^layers\.(\d+)\.route$/.exec(label);
            if (!layer) return;
            const { bias } = layers[Number(layer[1])].router!;
            const bytes = 4 * count * EXPERTS;
            const logits = new Float32Array(await readBuffer(gpu, b.routerLogits, { bytes }));
            const biases = new Float32Array(await readBuffer(gpu, bias, { bytes: 4 * EXPERTS }));
            const chosen = new Uint32Array(
              await readBuffer(gpu, b.chosen, { bytes: 4 * count * (TOP_K + SHARED) }),
            );
            assert.deepEqual(Array.from(chosen), choicesOf(logits, biases), label);
            for (let r = 0; r < count; r++) {
              const own = logits.subarray(r * EXPERTS, (r + 1) * EXPERTS)
                .map((z, e) => sigmoid(z) + biases[e]);
              const top = [...own.keys()].toSorted((a, c) => own[c] - own[a]).slice(0, TOP_K);
              if (top.join() !== chosen.slice(3 * r, 3 * r + TOP_K).join()) differ++;
            }
          });
          assert.ok(differ > 0, "no row chose otherwise than alone");
        }),
    );
  });
}

withGpu("a layer with block routing takes one dispatch more", {}, async (gpu) => {
  await withConfig(FIELDS, (dir) =>
    withEngine(gpu, { dir, engine: { slots: 1 } }, (engine) => {
      const labels = engine.internals.forward.map(({ label }) => label);
      assert.equal(labels.filter((label) => label.startsWith("layers.1.")).length, 12);
      const { config } = engine.model;
      const pass = labels.length + 4; // head, draw, plan and accept
      assert.equal(stepBudget(config, { dtype: "f32", rows: 32, context: 0 }).dispatches, pass);
      return Promise.resolve();
    }));
});

withGpu("blocks that share all experts are gates of one group, to the bit", {}, async (gpu) => {
  const logits = (fields: Record<string, unknown>) =>
    withConfig(
      fields,
      (dir) => withEngine(gpu, { dir, engine: { slots: 1 } }, (engine) => engine.logits(TOKENS, 8)),
    );
  const all = await logits({ expert_capacity: EXPERTS, block_size: 8, n_group: 4, topk_group: 2 });
  assert.deepEqual(all, await logits({ n_group: 1, topk_group: 1 }));
});

withGpu("a block that does not hold whole groups of tokens is refused", {}, async (gpu) => {
  await withConfig(FIELDS, (dir) =>
    withEngine(gpu, { dir }, async (engine) => {
      const job = (block_length: number) => ({
        tokens: [1, 2, 3, 4, 5, 6, 7],
        decode: resolveDecode([{ values: { block_length, gen_length: 8 }, where: "test" }]),
        seed: 0,
      });
      const refusal = /a block of 6 tokens, expected a multiple of the 4 that share their experts/;
      await assert.rejects(decodeAll(engine, [job(6)]), refusal);
      await assert.rejects(engine.prefill(job(6)), refusal);
      assert.equal((await decodeAll(engine, [job(8)])).length, 1);
    }));
});

Deno.test("config.json: block routing needs sizes that fit", () => {
  const config = JSON.parse(Deno.readTextFileSync(`${TINY}/config.json`));
  const parse = (fields: Record<string, unknown>) =>
    parseConfig(JSON.stringify({ ...config, ...fields }), "config.json");
  assert.deepEqual(parse(FIELDS).blockRouting, { rows: 4, capacity: 3 });
  for (const none of [null, 0]) {
    assert.equal(parse({ expert_capacity: none }).blockRouting, undefined);
  }
  assert.throws(() => parse({ expert_capacity: 3 }), /"block_size" is missing, expected a whole/);
  assert.throws(() => parse({ ...FIELDS, expert_capacity: 9 }), /"expert_capacity" is 9, expected/);
  assert.throws(
    () => parse({ ...FIELDS, expert_capacity: 1 }),
    /"num_experts_per_tok" is 2, expected at most the 1 experts of expert_capacity/,
  );
  assert.throws(() => parse({ delete_token_id: 1 }), /"split_token_id" is missing, expected an id/);
});
