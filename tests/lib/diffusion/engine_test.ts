import assert from "@std/assert";
import { readBuffer, writeBuffer } from "../../../lib/gpu/buffers.ts";
import type { Decoded, Engine, Job } from "../../../lib/diffusion/engine.ts";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { PHASE, SLOT_WORDS } from "../../../kernels/slots.ts";
import { GOLDEN, goldenOptions, largestDifference, NANO, withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";

async function decodeAll(engine: Engine, jobs: readonly Job[]): Promise<Decoded[]> {
  async function* source() {
    for (const job of jobs) yield { value: undefined, job };
  }
  const results: Decoded[] = [];
  for await (const { result } of engine.decode(source())) results.push(result!);
  return results;
}

const goldenJobs: Job[] = GOLDEN.generation.map((golden: { prompt: number[] }) => ({
  tokens: golden.prompt,
  decode: goldenOptions(golden),
  seed: 0,
}));

for (const target of ["cpu", "gpu"] as const) {
  withGpu(
    `decode() replays every golden generation (${target} shapes)`,
    { target },
    async (gpu) => {
      await withEngine(gpu, {}, async (engine) => {
        const results = await decodeAll(engine, goldenJobs);
        for (const [index, golden] of GOLDEN.generation.entries()) {
          const { tokens, trace, blocks, prefills } = results[index];
          assert.deepEqual(tokens, golden.tokens, golden.name);
          assert.equal(trace.length, golden.trajectory.length, golden.name);
          for (const [i, wanted] of golden.trajectory.entries()) {
            const { block, step, masked, fallback, accepted, edited } = trace[i];
            const at = `${golden.name} step ${i}`;
            assert.deepEqual(
              { block, step, masked, fallback },
              {
                block: wanted.block,
                step: wanted.step,
                masked: wanted.masked,
                fallback: wanted.fallback,
              },
              at,
            );
            checkChanges(accepted, wanted.accepted, at);
            checkChanges(edited, wanted.edited, at);
          }
          const steps = blocks.reduce((sum, block) => sum + block.steps, 0);
          const forwards = blocks.reduce((sum, block) => sum + block.forwards, 0);
          const counted = { denoise: steps, commit: forwards - steps, prefill: prefills };
          assert.deepEqual(counted, golden.forwards_cached, golden.name);
        }
      });
    },
  );
}

/** Positions and ids exactly, confidence (last) within 1e-4. */
function checkChanges(found: number[][], wanted: number[][], at: string): void {
  assert.deepEqual(found.map((row) => row.slice(0, -1)), wanted.map((row) => row.slice(0, -1)), at);
  for (const [i, row] of wanted.entries()) {
    assert.ok(Math.abs(found[i].at(-1)! - row.at(-1)!) < 1e-4, `${at}: confidence of ${row}`);
  }
}

const NANO_PROMPTS: number[][] = Deno.readTextFileSync(`${NANO}/items.jsonl`).trim().split("\n")
  .filter((_, index) => index % 13 === 0).map((line) => JSON.parse(line).prompt_tokens);

function nanoJobs(extra: Record<string, unknown> = {}): Job[] {
  const values = { gen_length: 64, ...extra };
  const decode = resolveDecode([{ values, where: "test" }]);
  return NANO_PROMPTS.map((tokens, seed) => ({ tokens, decode, seed }));
}

withGpu("G11: decode() gives each record the same bits in any company", {}, async (gpu) => {
  for (const extra of [{}, { temperature: 0.8, top_k: 40, top_p: 0.9 }]) {
    const jobs = nanoJobs(extra).slice(0, 12);
    const runs: Decoded[][] = [];
    for (const slots of [1, 2, 7]) {
      const engine = { slots, passesPerSubmit: slots === 2 ? 1 : undefined };
      runs.push(await withEngine(gpu, { dir: NANO, engine }, (nano) => decodeAll(nano, jobs)));
    }
    const reversed = await withEngine(
      gpu,
      { dir: NANO, engine: { slots: 5 } },
      (nano) => decodeAll(nano, jobs.toReversed()),
    );
    runs.push(reversed.toReversed());
    for (const run of runs.slice(1)) assert.deepEqual(run, runs[0]);
  }
});

withGpu("decode() equals the greedy tokens given beside nano", {}, async (gpu) => {
  const items = Deno.readTextFileSync(`${NANO}/items.jsonl`).trim().split("\n")
    .filter((_, index) => index % 13 === 0).map((line) => JSON.parse(line));
  await withEngine(gpu, { dir: NANO, engine: { slots: 16 } }, async (nano) => {
    const results = await decodeAll(nano, nanoJobs());
    for (const [index, item] of items.entries()) {
      const cut = results[index].tokens.filter((token) => token !== 506);
      assert.deepEqual(cut, item.greedy_tokens, item.question);
    }
    const { readBacks, blocks } = nano.counters;
    assert.ok(readBacks <= 2 * blocks, `${readBacks} read-backs for ${blocks} blocks`);
  });
});

withGpu(
  "decode() reads back at most twice a block, also alone and one token a step",
  {},
  async (gpu) => {
    for (const threshold of [0.95, 1.5]) {
      await withEngine(gpu, { dir: NANO, engine: { slots: 1 } }, async (nano) => {
        await decodeAll(nano, nanoJobs({ threshold }).slice(0, 8));
        const { readBacks, blocks } = nano.counters;
        assert.ok(readBacks <= 2 * blocks, `${readBacks} read-backs for ${blocks} blocks`);
      });
    }
  },
);

withGpu("G14: decode() from stored keys and values equals decoding without", {}, async (gpu) => {
  await withEngine(gpu, {}, async (engine) => {
    const [job] = goldenJobs;
    const parts = await engine.prefill(job);
    const [plain] = await decodeAll(engine, [job]);
    for (const tokens of [8, 16]) {
      const size = tokens / 16;
      const prefix = { tokens, parts: parts.map((part) => part.slice(0, part.length * size)) };
      const [cached] = await decodeAll(engine, [{ ...job, prefix }]);
      assert.deepEqual(cached, plain);
    }
  });
});

withGpu("prefill() gives the golden keys and values", {}, async (gpu) => {
  const { ids, block, cached_tokens, cache_at } = GOLDEN.kv_cache;
  await withEngine(gpu, {}, async (engine) => {
    const decode = resolveDecode([{ values: { block_length: block }, where: "test" }]);
    const parts = await engine.prefill({ tokens: ids.slice(0, cached_tokens), decode, seed: 0 });
    for (const { layer, kv_head, position, k_after_rope, v } of cache_at) {
      const at = (position * 2 + kv_head) * 16;
      const floats = (part: number) => new Float32Array(parts[part].buffer).subarray(at, at + 16);
      assert.ok(largestDifference(floats(2 * layer), k_after_rope) < 1e-4);
      assert.ok(largestDifference(floats(2 * layer + 1), v) < 1e-4);
    }
  });
});

withGpu("one step of each strategy equals the golden one", {}, async (gpu) => {
  const { ids, block, confidence, argmax } = GOLDEN.one_step;
  const masked = ids.flatMap((id: number, i: number) => i >= 16 && id === 244 ? [i] : []);
  await withEngine(gpu, {}, async (engine) => {
    const logits = await engine.logits(ids, block);
    for (let row = 0; row < block; row++) {
      const z = logits.subarray((16 + row) * 256, (17 + row) * 256);
      assert.ok(largestDifference(z, GOLDEN.one_step.logits[row]) < 3e-4);
    }
    // Every row masked or not is drawn; the loop shows what it accepted of the masked ones.
    const drawn = await drawRows(engine, GOLDEN.one_step.logits, { temperature: 0 });
    for (const [row, { token, confidence: c }] of drawn.entries()) {
      assert.equal(token, argmax[row]);
      assert.ok(Math.abs(c - confidence[row]) < 1e-4);
    }
  });
  assert.ok(masked.length > 0);
});

withGpu("credit fuses what was on top before, as the golden iterations", {}, async (gpu) => {
  const { iterations } = GOLDEN.one_step.credit_same_logits_3_iterations;
  const { ids } = GOLDEN.one_step;
  await withEngine(gpu, {}, async (engine) => {
    const maskedRows = Array.from({ length: 8 }, (_, row) => ids[16 + row] === 244);
    for (const [step, { top1_prob, argmax }] of iterations.entries()) {
      const drawn = await drawRows(engine, GOLDEN.one_step.logits, {
        credit: true,
        step,
        maskedRows,
      });
      for (const [row, { token, confidence }] of drawn.entries()) {
        assert.equal(token, argmax[row], `iteration ${step} row ${row}`);
        assert.ok(Math.abs(confidence - top1_prob[row]) < 1e-4, `iteration ${step} row ${row}`);
      }
    }
  });
});

withGpu("sampling keeps and weighs exactly the golden ids", {}, async (gpu) => {
  await withEngine(gpu, {}, async (engine) => {
    for (const golden of GOLDEN.sampling.cases) {
      // The goldens' temperature 0 means "not scaled"; ours would be greedy.
      const temperature = golden.temperature || 1;
      const seen = new Map<number, number>();
      for (let seed = 1; seed <= 60; seed++) {
        const drawn = await drawRows(engine, GOLDEN.one_step.logits, {
          temperature,
          top_k: golden.top_k ?? 0,
          top_p: golden.top_p ?? 1,
          seed,
        });
        const { token, confidence, kept } = drawn[golden.row];
        assert.equal(kept, golden.kept);
        seen.set(token, confidence);
        if (!golden.ids) continue;
        const index = golden.ids.indexOf(token);
        assert.ok(index >= 0, `drew ${token}, expected one of ${golden.ids}`);
        assert.ok(Math.abs(confidence - golden.probs[index]) < 1e-4);
      }
      assert.ok(seen.size > 1, "every draw was the same");
      const likeliest = seen.get(golden.argmax);
      assert.ok(likeliest === undefined || Math.abs(likeliest - golden.max_prob) < 1e-4);
    }
  });
});

/** Runs the sample kernel alone on given logits of one block of 8 rows at position 16. */
async function drawRows(
  engine: Engine,
  logits: number[][],
  options: {
    temperature?: number;
    top_k?: number;
    top_p?: number;
    seed?: number;
    credit?: boolean;
    step?: number;
    maskedRows?: boolean[];
  },
): Promise<{ token: number; confidence: number; kept: number }[]> {
  const { packSlot } = await import("../../../kernels/slots.ts");
  const { slotRules } = await import("../../../lib/diffusion/policies.ts");
  const { gpu } = engine.model;
  const { buffers, slots, sample } = engine.internals;
  const values = {
    policy: options.credit ? "credit" : "hf-2.0",
    block_length: 8,
    temperature: options.temperature ?? 0,
    top_k: options.top_k ?? 0,
    top_p: options.top_p ?? 1,
  };
  const state = packSlot({
    ...slotRules(resolveDecode([{ values, where: "test" }])),
    phase: PHASE.denoise,
    block_start: 16,
    step: options.step ?? 0,
    post: 0,
    masked: 8,
    draws: 0,
    denoised: 0,
    reason: 0,
    prompt: 0,
    end: 24,
    seed: options.seed ?? 0,
    committed: 0,
  });
  assert.equal(state.length, SLOT_WORDS);
  const rows = new Uint32Array(32);
  for (let row = 0; row < 8; row++) {
    rows.set([0, 16 + row, options.maskedRows?.[row] === false ? 1 : 244, 24], row * 4);
  }
  writeBuffer(gpu, slots.state, { data: state });
  writeBuffer(gpu, buffers.rows, { data: rows });
  writeBuffer(gpu, buffers.live, { data: Uint32Array.of(8, 8, 1, 0) });
  writeBuffer(gpu, buffers.logits, { data: Float32Array.from(logits.flat()) });
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  sample.encode(pass, 8);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const bytes = await readBuffer(gpu, slots.drawn, { bytes: 8 * 16 });
  const words = new Uint32Array(bytes);
  const floats = new Float32Array(bytes);
  return Array.from({ length: 8 }, (_, row) => ({
    token: words[row * 4],
    confidence: floats[row * 4 + 1],
    kept: words[row * 4 + 2],
  }));
}
