import assert from "@std/assert";
import { WEIGHT_FORMATS, type WeightFormat } from "../../../kernels/weights/weight.ts";
import type { Decoded, Job } from "../../../lib/diffusion/sequence.ts";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { readBuffer, writeBuffer } from "../../../lib/gpu/buffers.ts";
import {
  GOLDEN,
  goldenOptions,
  largestDifference,
  NANO,
  withEngine,
  withRoundedNano,
} from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { decodeAll } from "./drive.ts";

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
          const { tokens, trace, blocks } = results[index];
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
          const { denoise, commit } = golden.forwards_cached;
          assert.deepEqual([steps, forwards - steps], [denoise, commit], golden.name);
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
  const drawn = { temperature: 0.8, top_k: 40, top_p: 0.9 };
  // Greedy records keep no logits, the others do: both ways share passes in the second round.
  for (const extras of [[{}], [{}, drawn, drawn]]) {
    const kinds = extras.map((extra) => nanoJobs(extra));
    const jobs = kinds[0].slice(0, 12).map((_, i) => kinds[i % kinds.length][i]);
    const runs: Decoded[][] = [];
    for (const slots of [1, 2, 7, 32]) {
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

withGpu("decode() runs the heads that its records need alone", {}, async (gpu) => {
  await withEngine(gpu, {}, async (engine) => {
    const { partials, stored } = engine.internals;
    const heads = { greedy: partials, drawn: (await stored()).logits };
    const poison = new Uint32Array(64).fill(0xdeadbeef);
    const jobs = {
      greedy: nanoJobs().slice(0, 1),
      drawn: nanoJobs({ temperature: 1 }).slice(0, 1),
    };
    for (const [kind, alone] of Object.entries(jobs)) {
      for (const buffer of Object.values(heads)) writeBuffer(gpu, buffer, { data: poison });
      await decodeAll(engine, alone);
      for (const [head, buffer] of Object.entries(heads)) {
        const words = new Uint32Array(await readBuffer(gpu, buffer, { bytes: poison.byteLength }));
        assert.equal(words.some((word) => word !== 0xdeadbeef), head === kind, `${kind}: ${head}`);
      }
    }
  });
});

withGpu(
  "decode() gives small blocks the same bits alone and beside a large one",
  {},
  async (gpu) => {
    const [large] = nanoJobs();
    const small = [1, 2].map((block_length) => {
      const values = { policy: "hf-2.1", block_length, gen_length: 12, edit_threshold: "off" };
      return { ...large, decode: resolveDecode([{ values, where: "test" }]) };
    });
    await withEngine(gpu, { dir: NANO, engine: { slots: 2 } }, async (nano) => {
      for (const job of small) {
        const [alone] = await decodeAll(nano, [job]);
        assert.deepEqual((await decodeAll(nano, [job, large]))[0], alone);
        assert.deepEqual((await decodeAll(nano, [large, job]))[1], alone);
      }
    });
  },
);

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

withGpu("decode() as f16, q8 and q4 answers as f32 over the rounded weights", {}, async (gpu) => {
  const run = (dir: string, dtype: WeightFormat) =>
    withEngine(
      gpu,
      { dir, engine: { slots: 16 }, model: { dtype } },
      (nano) => decodeAll(nano, nanoJobs()),
    );
  for (const dtype of ["f16", "q8", "q4"] as const) {
    const found = await run(NANO, dtype);
    const exact = await withRoundedNano(dtype, (dir) => run(dir, "f32"));
    const same = found.filter(({ tokens }, i) => tokens.join() === exact[i].tokens.join()).length;
    // Keys and values are f16, so a draw near a tie may fall the other way; seen: all of 24.
    assert.ok(same >= 0.95 * exact.length, `${dtype}: ${same} of ${exact.length}`);
  }
});

withGpu(
  "decode() reads back at most twice a block, also alone and one token a step",
  {},
  async (gpu) => {
    // The engine learns how many passes a block takes: over few blocks of very different length it may miss.
    for (
      const { threshold, records } of [{ threshold: 0.95, records: 24 }, {
        threshold: 1.5,
        records: 8,
      }]
    ) {
      // A machine that is busy with other things may cut submits short: this clock is a calm one's.
      let clock = 0;
      const engine = { slots: 1, now: () => clock += 12 };
      await withEngine(gpu, { dir: NANO, engine }, async (nano) => {
        await decodeAll(nano, nanoJobs({ threshold }).slice(0, records));
        const { readBacks, blocks } = nano.counters;
        assert.ok(readBacks <= 2 * blocks, `${readBacks} read-backs for ${blocks} blocks`);
      });
    }
  },
);

/** A record of `blocks` blocks of eight, behind two of a prompt that means nothing. */
function blocksJob(
  blocks: number,
  { answer = [], threshold = 0.2, seed = 0 }: {
    answer?: readonly number[];
    threshold?: number;
    seed?: number;
  } = {},
): Job {
  const prompt = Array.from({ length: 16 }, (_, i) => 3 + (37 * i + 11 * seed) % 240);
  const values = {
    policy: "low-confidence",
    block_length: 8,
    gen_length: 8 * blocks,
    threshold,
  };
  const decode = resolveDecode([{ values, where: "test" }]);
  return { tokens: [...prompt, ...answer], decode, seed };
}

for (const target of ["cpu", "gpu"] as const) {
  withGpu(`a block takes a pass for each of its steps (${target} shapes)`, {
    target,
  }, async (gpu) => {
    for (const threshold of [0.2, 1.5]) {
      await withEngine(gpu, { engine: { slots: 1, passesPerSubmit: 1 } }, async (engine) => {
        const [{ blocks }] = await decodeAll(engine, [blocksJob(12, { threshold })]);
        assert.equal(blocks.length, 12);
        const steps = blocks.reduce((sum, block) => sum + block.steps, 0);
        // With a token a step, a CPU driver stores blocks by passes of their own.
        const stored = target === "cpu" && threshold > 1 ? 11 : 0;
        // One more is on its way when the record is seen to be done.
        const spare = engine.counters.passes - steps - stored;
        assert.ok(spare === 0 || spare === 1, `${spare} passes more than the ${steps} steps`);
      });
    }
  });

  withGpu(`keys and values stored on the way are those of a prefill (${target} shapes)`, {
    target,
  }, async (gpu) => {
    // Seven blocks are as many rows as GPUs take small tiles for, and fewer than they are with those to store.
    await withEngine(gpu, { engine: { slots: 7 } }, async (engine) => {
      const [whole] = await decodeAll(engine, [blocksJob(12)]);
      assert.equal(whole.tokens.length, 96);
      const parts = Array.from({ length: 11 }, (_, i) => {
        return blocksJob(11 - i, { answer: whole.tokens.slice(0, 8 * (i + 1)) });
      });
      for (
        const [i, { tokens, confidence, blocks }] of (await decodeAll(engine, parts)).entries()
      ) {
        assert.deepEqual(tokens, whole.tokens.slice(8 * (i + 1)));
        assert.deepEqual(confidence, whole.confidence.slice(8 * (i + 1)));
        assert.deepEqual(blocks, whole.blocks.slice(i + 1));
      }
    });
  });
}

for (const dtype of WEIGHT_FORMATS) {
  // Keys and values are kept as they are computed, so that f16 loses nothing on the way either. Against
  // f32 its logits are off by at most 0.1 (standard deviation 3.4); see forward_test.ts.
  withGpu(
    `G14: decode() from stored keys and values equals decoding without (${dtype})`,
    {},
    async (gpu) => {
      const model = { dtype };
      await withEngine(gpu, { model }, async (engine) => {
        const [job] = goldenJobs;
        const parts = await engine.prefill(job);
        const [plain] = await decodeAll(engine, [job]);
        for (const tokens of [8, 16]) {
          const size = tokens / 16;
          const prefix = { tokens, parts: parts.map((part) => part.slice(0, part.length * size)) };
          assert.deepEqual(await engine.prefill({ ...job, prefix }), parts);
          const [cached] = await decodeAll(engine, [{ ...job, prefix }]);
          assert.deepEqual(cached, plain);
        }
      });
    },
  );
}

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

withGpu("records that nobody waits for any more change nothing of later ones", {}, async (gpu) => {
  await withEngine(gpu, { engine: { slots: 4 } }, async (engine) => {
    const later = [blocksJob(12, { seed: 5 }), blocksJob(12, { seed: 6 })];
    const wanted = await decodeAll(engine, later);
    async function* jobs() {
      for (const seed of [1, 2, 3, 4]) {
        yield { value: seed, job: blocksJob(seed === 1 ? 1 : 60, { seed }) };
      }
    }
    for await (const _ of engine.decode(jobs())) break; // three are on their way
    assert.deepEqual(await decodeAll(engine, later), wanted);
  });
});

withGpu("prefill() between passes of records gives what it gives alone", {}, async (gpu) => {
  await withEngine(gpu, { engine: { slots: 1 } }, async (engine) => {
    const { canvasLength } = engine.internals.slots;
    const prompt = (length: number) => Array.from({ length }, (_, i) => 3 + 29 * i % 240);
    const short = { ...blocksJob(1), tokens: prompt(24) };
    // More than a record leaves of the pages: it waits until this one is done.
    const long = { ...blocksJob(1), tokens: prompt(canvasLength - 64) };
    const record = blocksJob(12);
    const wanted = {
      record: await decodeAll(engine, [record]),
      prefills: [await engine.prefill(short), await engine.prefill(long)],
    };
    async function* jobs() {
      yield { value: 0, job: record };
      prefills = Promise.all([engine.prefill(short), engine.prefill(long)]);
      await prefills;
      yield { value: 1, job: record };
    }
    let prefills: Promise<Uint8Array[][]> | undefined;
    const found = await Array.fromAsync(engine.decode(jobs()));
    assert.deepEqual(found.map(({ result }) => result), [...wanted.record, ...wanted.record]);
    assert.deepEqual(await prefills, wanted.prefills);
  });
});

withGpu("prefill() inside a loop over results does not wait for it", {}, async (gpu) => {
  await withEngine(gpu, { engine: { slots: 2 } }, async (engine) => {
    const { kv, slots: { slots, canvasLength } } = engine.internals;
    const tokens = Array.from({ length: canvasLength - 64 }, (_, i) => 3 + 29 * i % 240);
    kv.allocate(slots, canvasLength); // half of the pages, for ever: long contexts have fewer for a slot, too
    // The second record leaves too few pages for it, and goes on while the first one's reader waits.
    const long = { ...blocksJob(1), tokens };
    const jobs = [blocksJob(1), { ...blocksJob(40), tokens: tokens.slice(0, canvasLength / 2) }];
    const wanted = { records: await decodeAll(engine, jobs), parts: await engine.prefill(long) };
    async function* source() {
      for (const job of jobs) yield { value: undefined, job };
    }
    const records = [];
    for await (const { result } of engine.decode(source())) {
      records.push(result);
      assert.deepEqual(await engine.prefill(long), wanted.parts);
    }
    assert.deepEqual(records, wanted.records);
    let beside: Promise<Uint8Array[]> | undefined;
    for await (const _ of engine.decode(source())) {
      beside = engine.prefill(long);
      break; // the second record leaves while the prefill works on it
    }
    assert.deepEqual(await beside, wanted.parts);
    assert.deepEqual(await decodeAll(engine, jobs), wanted.records);
  });
});

withGpu("decode() refuses a second loop over results", {}, async (gpu) => {
  await withEngine(gpu, {}, async (engine) => {
    const [wanted] = await decodeAll(engine, [blocksJob(2)]);
    async function* jobs() {
      for (let value = 0; value < 2; value++) yield { value, job: blocksJob(2) };
    }
    const first = engine.decode(jobs());
    assert.deepEqual((await first.next()).value!.result, wanted);
    await assert.rejects(decodeAll(engine, [blocksJob(2)]), {
      name: "Refusal",
      message: /^Cannot decode: the session is decoding other records/,
    });
    assert.deepEqual((await first.next()).value!.result, wanted);
    assert.equal((await first.next()).done, true);
    assert.deepEqual(await decodeAll(engine, [blocksJob(2)]), [wanted]);
  });
});
