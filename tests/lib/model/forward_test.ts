import assert from "@std/assert";
import type { PassBuffers } from "../../../lib/model/pass_buffers.ts";
import { readBuffer } from "../../../lib/gpu/buffers.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { writeRows } from "../../../lib/diffusion/pass.ts";
import type { Engine } from "../../../lib/diffusion/engine.ts";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import type { ModelOptions } from "../../../lib/model/model.ts";
import { formatsName, PRODUCT_FORMATS } from "../../../kernels/weights/weight.ts";
import { type Distance, logitDistance, probeLogits } from "../../../bench/quality.ts";
import { parseConfig } from "../../../lib/model/config.ts";
import { ropeFrequencies, ropeTable } from "../../../lib/model/rope.ts";
import {
  GOLDEN,
  largestDifference,
  NANO,
  nanoProbe,
  type Probe,
  TINY,
  tinyProbe,
  withEngine,
  withRoundedNano,
} from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";

/** Golden values are float64; a plain float32 implementation stays within 2.4e-5. */
const LOGIT_TOLERANCE = 3e-4;

// deno-lint-ignore no-explicit-any
function checkLogits(logits: Float32Array, golden: any, tolerance = LOGIT_TOLERANCE): void {
  const vocab = 256;
  for (const [position, wanted] of Object.entries(golden.logits_at) as [string, number[]][]) {
    const found = logits.subarray(Number(position) * vocab, (Number(position) + 1) * vocab);
    const error = largestDifference(found, wanted);
    assert.ok(error < tolerance, `${golden.name} position ${position}: off by ${error}`);
  }
  for (const [position, wanted] of (golden.argmax ?? []).entries()) {
    const row = logits.subarray(position * vocab, (position + 1) * vocab);
    const top = Math.max(...row);
    assert.equal(row.indexOf(top), wanted, `${golden.name} argmax at ${position}`);
    const sum = row.reduce((total, z) => total + Math.exp(z - top), 0);
    const at = `${golden.name} position ${position}`;
    assert.ok(Math.abs(top + Math.log(sum) - golden.logsumexp[position]) < tolerance, at);
    assert.ok(Math.abs(1 / sum - golden.top1_prob[position]) < 1e-4, at);
  }
}

withGpu("logits() equals every golden forward case", {}, async (gpu) => {
  const engine = { slots: 2 };
  await withEngine(gpu, { engine }, async (tiny) => {
    for (const golden of GOLDEN.forward) {
      if (golden.position_start === 0) {
        checkLogits(await tiny.logits(golden.ids, golden.block), golden);
      }
    }
  });
  const shifted = GOLDEN.forward.filter((golden: { position_start: number }) =>
    golden.position_start
  );
  assert.ok(shifted.length > 0);
  for (const golden of shifted) {
    const options = { slots: 2, positionStart: golden.position_start };
    await withEngine(gpu, { engine: options }, async (tiny) => {
      checkLogits(await tiny.logits(golden.ids, golden.block), golden);
    });
  }
});

withGpu("logits() in the GPU shapes equals the golden cases", { target: "gpu" }, async (gpu) => {
  await withEngine(gpu, { engine: { slots: 2 } }, async (tiny) => {
    for (const golden of GOLDEN.forward.slice(0, 7)) {
      checkLogits(await tiny.logits(golden.ids, golden.block), golden);
    }
  });
});

withGpu(
  "logits() reads all three weight layouts, and splits tensors over bindings",
  {},
  async (gpu) => {
    const [golden] = GOLDEN.forward_bf16_weights;
    const engine = { slots: 1 };
    await withEngine(gpu, { dir: `${TINY}/bf16-sharded`, engine }, async (tiny) => {
      checkLogits(await tiny.logits(golden.ids, golden.block), golden);
    });
    const ids = GOLDEN.forward[2].ids;
    const plain = await withEngine(gpu, { engine }, (tiny) => tiny.logits(ids, 8));
    const merged = await withEngine(
      gpu,
      { dir: `${TINY}/merged`, engine },
      (tiny) => tiny.logits(ids, 8),
    );
    assert.deepEqual(merged, plain);
    // G4: a binding limit of 20 KB cuts the vocabulary and the experts into several chunks.
    const split = await withEngine(
      gpu,
      { engine, model: { maxBinding: 20_480 } },
      (tiny) => tiny.logits(ids, 8),
    );
    assert.deepEqual(split, plain);
  },
);

/**
 * Bounds of each format against float32 on the tiny model, about twice what is seen (docs/formats.md has the
 * figures). Its random weights have logits of standard deviation 3.4, which rounding hurts more than a
 * trained model's.
 */
const TINY_BOUNDS: Readonly<Record<string, Distance>> = {
  f16: { kl: 0.02, top1: 0.98 },
  q8: { kl: 0.4, top1: 0.7 },
  q4: { kl: 0.8, top1: 0.5 },
};

/**
 * Of every format on nano, against float32 over the weights that the format keeps: f16's keys, values, embedding.
 * Beside agreement, the most that all positions but a share of them diverge by, since a row whose experts nearly
 * tie may choose another one: two positions of 1220 then diverge by 0.06, where half of them do by less than
 * 1e-10.
 */
const ARITHMETIC = {
  top1: 0.99,
  divergences: [{ but: 1 / 100, kl: 1e-4 }, { but: 1 / 20, kl: 1e-6 }],
};

/** The same where int8 activations round as well; about twice what is seen. */
const INT8 = {
  top1: 0.98,
  divergences: [{ but: 1 / 100, kl: 0.06 }, { but: 1 / 20, kl: 3.5e-4 }],
};

/** The largest divergence of a position, but for this share of them. */
function divergenceBut(
  outliers: number,
  exact: Float32Array,
  found: Float32Array,
  vocab: number,
): number {
  const each = Array.from({ length: exact.length / vocab }, (_, position) => {
    const part = [position * vocab, (position + 1) * vocab] as const;
    return logitDistance(exact.subarray(...part), found.subarray(...part), vocab).kl;
  });
  return each.toSorted((a, b) => b - a)[Math.floor(outliers * each.length)];
}

for (const formats of PRODUCT_FORMATS.slice(1)) {
  const { format: dtype, activations } = formats;
  const name = `logits() as ${formatsName(formats)} stay within their bounds, split or whole`;
  withGpu(name, {}, async (gpu) => {
    const check = async (probe: Probe, exactDir: string, bound: Distance | typeof ARITHMETIC) => {
      const run = (dir: string, model: ModelOptions) =>
        withEngine(
          gpu,
          { dir, engine: { slots: 2 }, model },
          (engine) => probeLogits(engine, probe.cases),
        );
      const found = await run(probe.dir, { dtype, activations });
      const exact = await run(exactDir, { dtype: "f32" });
      const { kl, top1 } = logitDistance(exact, found, probe.vocab);
      const right = "kl" in bound
        ? kl < bound.kl
        : bound.divergences.every(({ but, kl }) =>
          divergenceBut(but, exact, found, probe.vocab) < kl
        );
      assert.ok(right && top1 >= bound.top1, `${probe.dir}: KL ${kl}, top-1 ${top1}`);
      // A binding limit that cuts the vocabulary and the stacks of experts into several chunks.
      const split = { dtype, activations, maxBinding: 40_960 };
      assert.deepEqual(await run(probe.dir, split), found);
    };
    await check(tinyProbe(), TINY, TINY_BOUNDS[dtype]);
    const [arithmetic, every] = activations === "f32" ? [ARITHMETIC, 5] : [INT8, 12]; // int8 is slow
    await withRoundedNano(dtype, (dir) => check(nanoProbe(every), dir, arithmetic));
  });
}

withGpu("logits() follows YaRN", {}, async (gpu) => {
  const { config_override, case: golden } = GOLDEN.forward_yarn;
  const dir = await Deno.makeTempDir();
  const config = JSON.parse(await Deno.readTextFile(`${TINY}/config.json`));
  await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify({ ...config, ...config_override }));
  await Deno.copyFile(`${TINY}/model.safetensors`, `${dir}/model.safetensors`);
  await withEngine(gpu, { dir, engine: { slots: 1 } }, async (tiny) => {
    checkLogits(await tiny.logits(golden.ids, golden.block), golden);
  });
  await Deno.remove(dir, { recursive: true });
});

withGpu("logits() passes through every golden intermediate value", {}, async (gpu) => {
  const { trace } = GOLDEN;
  const tokens = trace.ids.length;
  const seen = new Map<string, Float32Array>();
  const chosen = new Map<string, Uint32Array>();
  const keep = async (name: string, buffer: GPUBuffer) => {
    seen.set(name, new Float32Array(await readBuffer(gpu, buffer)));
  };
  await withEngine(gpu, { engine: { slots: 1 } }, async (tiny) => {
    const after = async (label: string, b: PassBuffers) => {
      if (label === "embed") await keep("embed", b.x);
      if (label.endsWith("_norm")) {
        await keep(`${label}.h`, b.h);
        await keep(`${label}.x`, b.x);
      }
      if (label.endsWith("qk_norm_rope")) {
        await keep(label, b.qkv);
        const { kv, slots: { slots: beside } } = tiny.internals;
        const parts = await kv.read(beside, 0, tokens);
        const layer = Number(label.split(".")[1]);
        seen.set(`${label}.k`, new Float32Array(parts[2 * layer].buffer));
      }
      if (label.endsWith("dense")) await keep(label, b.projected);
      if (label.endsWith("router")) await keep(label, b.routerLogits);
      if (label.endsWith(".route")) {
        await keep(label, b.routing);
        chosen.set(label, new Uint32Array(await readBuffer(gpu, b.chosen)));
      }
      if (label === "norm") {
        await keep("norm.h", b.h);
        await keep("norm.x", b.x);
      }
    };
    checkLogits(await tiny.logits(trace.ids, trace.block, after), {
      name: "trace",
      ...trace,
      argmax: [],
    });
  });
  const check = (name: string, wanted: number[][], { stride = 64, first = 0 } = {}) => {
    const found = seen.get(name)!;
    for (const [token, row] of wanted.entries()) {
      const at = token * stride + first;
      const error = largestDifference(found.subarray(at, at + row.length), row);
      assert.ok(error < LOGIT_TOLERANCE, `${name} token ${token}: off by ${error}`);
    }
    assert.equal(wanted.length, tokens);
  };
  check("embed", trace.embed);
  for (const layer of trace.layers) {
    const name = `layers.${layer.layer}`;
    check(`${name}.input_norm.h`, layer.input_norm);
    check(`${name}.qk_norm_rope`, layer.q, { stride: 128 });
    check(`${name}.qk_norm_rope.k`, layer.k, { stride: 32 });
    check(`${name}.qk_norm_rope`, layer.v, { stride: 128, first: 96 });
    check(`${name}.dense`, layer.attn_out);
    check(`${name}.post_norm.x`, layer.after_attn);
    check(`${name}.post_norm.h`, layer.post_norm);
    const next = layer.layer === 2 ? "norm.x" : `layers.${layer.layer + 1}.input_norm.x`;
    check(next, layer.after_mlp);
  }
  for (const router of trace.router) {
    check(`layers.${router.layer}.router`, router.logits, { stride: 8 });
    check(`layers.${router.layer}.route`, router.topk_weights, { stride: 3 });
    const ids = chosen.get(`layers.${router.layer}.route`)!;
    for (const [token, wanted] of router.topk_ids.entries()) {
      assert.deepEqual(Array.from(ids.subarray(token * 3, token * 3 + 2)), wanted);
    }
  }
  check("norm.h", trace.final_norm);
});

Deno.test("ropeTable() equals the golden tables", () => {
  const real = { rotaryDim: 64, ropeTheta: 600000, maxPositionEmbeddings: 32768 };
  const cases = [
    [GOLDEN.rope.tiny, { ...real, rotaryDim: 8, ropeTheta: 10000, ropeScaling: undefined }],
    [GOLDEN.rope.llada2_real_float32, { ...real, ropeScaling: undefined }],
  ] as const;
  for (const [golden, config] of cases) {
    for (const [row, position] of golden.positions.entries()) {
      // The golden's float32 power is one unit in the last place off in 2 of 32 frequencies.
      const tolerance = 1e-6 + position * 6e-8;
      const { cos, sin } = ropeTable(config, 1, position);
      assert.ok(largestDifference(cos, golden.cos[row]) < tolerance, `cos at ${position}`);
      assert.ok(largestDifference(sin, golden.sin[row]) < tolerance, `sin at ${position}`);
    }
  }
  // Angles in float32, as the public code forms them, are off the exact ones by their own rounding.
  const exact = GOLDEN.rope.llada2_real_float64;
  for (const [row, position] of exact.positions.entries()) {
    const { cos } = ropeTable({ ...real, ropeScaling: undefined }, 1, position);
    assert.ok(largestDifference(cos, exact.cos[row]) < 1e-6 + position * 1.2e-7, `at ${position}`);
  }
  const yarn = GOLDEN.rope.llada2_yarn_64k;
  const { rope_scaling, max_position_embeddings } = yarn;
  const text = JSON.parse(Deno.readTextFileSync(`${TINY}/config.json`));
  const config = parseConfig(
    JSON.stringify({
      ...text,
      head_dim: 128,
      rope_theta: 600000,
      rope_scaling,
      max_position_embeddings,
    }),
    "config.json",
  );
  const { frequencies, scale } = ropeFrequencies(config);
  assert.ok(largestDifference(frequencies, yarn.inv_freq) < 1e-6);
  assert.ok(Math.abs(scale - yarn.attention_scaling) < 1e-6);
});

Deno.test("ropeFrequencies() are PyTorch's to the bit, of sizes that are no power of two and with YaRN", () => {
  const plain = { rotaryDim: 24, ropeTheta: 600000, maxPositionEmbeddings: 84000 };
  const yarn = {
    factor: 2.625,
    originalMaxPositionEmbeddings: 32000,
    betaFast: 32,
    betaSlow: 1,
    attentionFactor: undefined,
  };
  // transformers' default and yarn rules in PyTorch 1.13, float32 on a CPU.
  const high = [
    1.0,
    0.3299798369407654,
    0.10888668149709702,
    0.03593041002750397,
    0.01185630913823843,
  ];
  const low = [
    0.003912344109266996,
    0.0012909944634884596,
    0.00042600222514010966,
    0.0001405720686307177,
    4.6385961468331516e-05,
    1.530643567093648e-05,
    5.0508124331827275e-06,
  ];
  const stretched = [
    0.003306862199679017,
    0.0008914009667932987,
    0.00022821547463536263,
    5.355126631911844e-05,
    1.767084359016735e-05,
    5.831023372593336e-06,
    1.9241190329921665e-06,
  ];
  for (const [ropeScaling, wanted] of [[undefined, low], [yarn, stretched]] as const) {
    const { frequencies } = ropeFrequencies({ ...plain, ropeScaling });
    assert.deepEqual(frequencies, Float32Array.from([...high, ...wanted]));
  }
});

/** Logits of the block behind cached keys and values, seen through the cache alone. */
async function logitsBehind(
  engine: Engine,
  parts: Uint8Array<ArrayBuffer>[],
  { ids, block, cached_tokens: cached }: { ids: number[]; block: number; cached_tokens: number },
): Promise<Float32Array> {
  const { kv, forward } = engine.internals;
  const stored = await engine.internals.stored();
  const { gpu } = engine.model;
  assert.ok(kv.allocate(0, ids.length));
  kv.write(0, 0, parts);
  const span = { slot: 0, blockLength: block, from: cached, to: ids.length };
  writeRows(engine.internals, ids, { ...span, logits: true });
  submitPass(gpu, [...forward, ...stored.head], block);
  const logits = new Float32Array(await readBuffer(gpu, stored.logits, { bytes: block * 1024 }));
  kv.release(0);
  return logits;
}

withGpu(
  "a cached block equals the whole pass, and a stale cache the golden wrong one",
  {},
  async (gpu) => {
    const { ids, block, cached_tokens: cached, logits_at, stale } = GOLDEN.kv_cache;
    await withEngine(gpu, { engine: { slots: 1 } }, async (tiny) => {
      const decode = resolveDecode([{ values: { block_length: block }, where: "test" }]);
      const cases = [
        [ids.slice(0, cached), logits_at],
        [[...ids.slice(0, cached - block), ...stale.stale_block_1], stale.logits_at],
      ] as const;
      for (const [tokens, wanted] of cases) {
        const parts = await tiny.prefill({ tokens, decode, seed: 0 });
        const logits = await logitsBehind(tiny, parts, GOLDEN.kv_cache);
        for (const [position, row] of Object.entries(wanted) as [string, number[]][]) {
          const at = (Number(position) - cached) * 256;
          assert.ok(largestDifference(logits.subarray(at, at + 256), row) < LOGIT_TOLERANCE);
        }
      }
    });
  },
);

/** A pass that counts what is dispatched. */
function countingPass() {
  let count = 0;
  const pass = {
    setPipeline: () => {},
    setBindGroup: () => {},
    dispatchWorkgroups: () => count++,
  } as unknown as GPUComputePassEncoder;
  return { pass, count: () => count };
}

for (const target of ["cpu", "gpu"] as const) {
  withGpu(`a layer takes at most 14 dispatches (${target} shapes)`, { target }, async (gpu) => {
    for (const dir of [TINY, NANO]) {
      await withEngine(gpu, { dir, engine: { slots: 1 } }, (engine) => {
        const { internals, model: { config } } = engine;
        const perLayer = new Array(config.numHiddenLayers).fill(0);
        for (const dispatch of internals.forward) {
          const { pass, count } = countingPass();
          dispatch.encode(pass, 32);
          const layer = /^layers\.(\d+)\./.exec(dispatch.label);
          if (layer) perLayer[Number(layer[1])] += count();
        }
        // Attention over a long context is split on GPUs where it pays: two dispatches instead of one.
        const split = internals.split ? 1 : 0;
        for (const [layer, found] of perLayer.entries()) {
          const dense = layer < config.firstKDenseReplace;
          assert.equal(found, (dense ? 8 : 11) + split, `layer ${layer}`);
          assert.ok(found <= 14);
        }
        const { pass, count } = countingPass();
        for (const dispatch of internals.greedy) dispatch.encode(pass, 32);
        assert.equal(count(), 2, "head and draw");
        return Promise.resolve();
      });
    }
  });
}
