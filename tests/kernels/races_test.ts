import assert from "@std/assert";
import { PHASE } from "../../kernels/decode/slots.ts";
import { KERNEL_SPECS, type KernelSpec } from "../../kernels/mod.ts";
import { resolveDecode } from "../../lib/diffusion/options.ts";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
import type { Gpu } from "../../lib/gpu/device.ts";
import { GOLDEN, goldenOptions, withConfig, withEngine } from "../fixtures.ts";
import { decodeAll, runStep } from "../lib/diffusion/drive.ts";
import { checkSpec } from "./check_spec.ts";
import { sanitizedGpu, type SanitizedOptions } from "./sanitizer/device.ts";
import { type Finding, takeFindings } from "./sanitizer/memory.ts";

/** The tiny model's mask. */
const MASK = 244;

/** Devices: their kernels' shape, subgroups, 64-bit integers. Orders of lanes take turns. */
const DEVICES: readonly SanitizedOptions[] = [
  { target: "cpu" },
  { target: "cpu", int64: true, order: "descending" },
  { target: "cpu", subgroupSize: 8, order: "shuffled" },
  { target: "cpu", subgroupSize: 8, int64: true },
  { target: "gpu", order: "shuffled" },
  { target: "gpu", subgroupSize: 8, order: "descending" },
  { target: "gpu", subgroupSize: 32 },
  { target: "gpu", subgroupSize: 64, int64: true, order: "shuffled" },
  { target: "gpu", subgroupSize: 32, leastSubgroup: 8, order: "descending" },
];

/** The one that a slice of the tests takes a model to. */
const ENGINE_DEVICE = DEVICES[2];

const FULL = Deno.env.has("UNMASK_FULL");

/** Something that runs kernels on a device, and throws at wrong values. */
interface Run {
  readonly name: string;
  run(gpu: Gpu): Promise<void>;
  /** Of a kernel alone: its operations, and what compiles it. */
  readonly flops?: number;
  prepare?(gpu: Gpu): Promise<void>;
}

/** Each kernel at the shapes of at most so many operations, and at least the smallest. */
function specRuns({ flops, values }: { flops: number; values: number }): Run[] {
  const size = (spec: KernelSpec, shape: Record<string, number>) =>
    Object.values(spec.inputs(shape)).reduce((sum, { length }) => sum + length, 0);
  return KERNEL_SPECS.flatMap((spec) =>
    spec.shapes.filter((shape, i) =>
      i === 0 || (spec.flops(shape) <= flops && size(spec, shape) <= values)
    ).map((shape) => ({
      name: `${spec.name} ${JSON.stringify(shape)}`,
      run: (gpu: Gpu) => checkSpec(gpu, spec, shape),
      flops: spec.flops(shape),
      async prepare(gpu: Gpu) {
        const pool = new BufferPool(gpu);
        const buffers = Object.entries(spec.inputs(shape))
          .map(([name, { byteLength }]) => [name, pool.empty(name, byteLength)]);
        await spec.prepare(gpu.launcher, shape, Object.fromEntries(buffers));
      },
    }))
  );
}

/** What no spec has: draws with ties and from what is left, credit, values that are not finite. */
const ENGINE_RUNS: readonly Run[] = [
  {
    name: "ties in a draw",
    run: (gpu) =>
      withEngine(gpu, {}, async (engine) => {
        const row = Array.from({ length: 256 }, (_, id) => id % 100 === 7 ? 60 : 0);
        const decode = { temperature: 1, top_k: 8, top_p: 0.5 };
        const { drawn } = await runStep(engine, { ids: [MASK], start: 0, logits: [row], decode });
        assert.equal(drawn[0].kept, 2);
      }),
  },
  {
    name: "logits that are not finite",
    run: (gpu) =>
      withEngine(gpu, {}, async (engine) => {
        const logits = [0, NaN, 1].map((z) => new Array<number>(256).fill(z));
        const ids = [MASK, MASK, MASK];
        const decode = { temperature: 1 };
        const { state } = await runStep(engine, { ids, start: 0, logits, decode });
        assert.equal(state.phase, PHASE.done);
      }),
  },
  ...[{ temperature: 0.8, top_k: 40, top_p: 0.9 }, { policy: "credit" }].map((extra) => ({
    name: `decoding with ${JSON.stringify(extra)}`,
    run: (gpu: Gpu) =>
      withEngine(gpu, {}, async (engine) => {
        const values = { block_length: 8, gen_length: 16, ...extra };
        const decode = resolveDecode([{ values, where: "test" }]);
        await decodeAll(engine, [{ tokens: GOLDEN.generation[0].prompt, decode, seed: 0 }]);
      }),
  })),
  {
    name: "edits that move rows, in blocks that share experts",
    run: (gpu) =>
      withConfig(
        { expert_capacity: 3, block_size: 4, delete_token_id: 48, split_token_id: 47 },
        (dir) =>
          withEngine(gpu, { dir }, async (engine) => {
            const values = { policy: "hf-2.2", block_length: 4, gen_length: 4, threshold: 0.3 };
            const decode = resolveDecode([{ values, where: "test" }]);
            await decodeAll(engine, [{ tokens: [3, 40, 77], decode, seed: 0 }]);
          }),
      ),
  },
];

/** Golden generations of the tiny model, every pass of them. */
const GENERATIONS: readonly Run[] = (FULL ? GOLDEN.generation : GOLDEN.generation.slice(0, 1)).map((
  golden: (typeof GOLDEN)["generation"][number],
) => ({
  name: `generation ${golden.name}`,
  run: (gpu: Gpu) =>
    withEngine(gpu, {}, async (engine) => {
      const job = { tokens: golden.prompt, decode: goldenOptions(golden), seed: 0 };
      const [{ tokens }] = await decodeAll(engine, [job]);
      assert.deepEqual(tokens, golden.tokens);
    }),
}));

function lines(findings: readonly Finding[]): string[] {
  return findings.map(({ kind, where, message }) => `${kind} ${where}: ${message}`);
}

/** Kernels with one fault, on the line that says so, and twins without it. */
const FAULTS: readonly { name: string; kind: Finding["kind"]; fault: string; twin: string }[] = [
  {
    name: "a missing barrier",
    kind: "race",
    fault: "part[lane] = lane; // here\ny[at] = part[LANES - 1u - lane];",
    twin: "part[lane] = lane;\nworkgroupBarrier();\ny[at] = part[LANES - 1u - lane];",
  },
  {
    name: "a missing barrier between turns of a loop",
    kind: "race",
    fault: `for (var i = 0u; i < 2u; i++) {
part[lane] = lane + i; // here
workgroupBarrier();
y[at] += part[LANES - 1u - lane];
}`,
    twin: `for (var i = 0u; i < 2u; i++) {
part[lane] = lane + i;
workgroupBarrier();
y[at] += part[LANES - 1u - lane];
workgroupBarrier();
}`,
  },
  {
    name: "lanes that write the same value",
    kind: "race",
    fault: "part[0] = 7u; // here",
    twin: "if (lane == 0u) { part[0] = 7u; }",
  },
  {
    name: "lanes that write neighbouring bools",
    kind: "neighbours",
    fault: "flags[lane] = true; // here",
    twin: "if (lane % 4u == 0u) { flags[lane] = true; }",
  },
  {
    name: "lanes that write parts of one vector",
    kind: "race",
    fault: "fours[lane / 4u][lane % 4u] = 1.0; // here",
    twin: "fours[lane][lane % 4u] = 1.0;",
  },
  {
    name: "a load of an atomic beside its updates",
    kind: "order",
    fault: "atomicAdd(&count, 1u); // here\ny[at] = atomicLoad(&count);",
    twin: "atomicAdd(&count, 1u);\nworkgroupBarrier();\ny[at] = atomicLoad(&count);",
  },
  {
    name: "workgroups that write one word",
    kind: "race",
    fault: "if (lane == 0u) { y[0] = group.x; } // here",
    twin: "if (lane == 0u && group.x == 1u) { y[0] = group.x; }",
  },
  {
    name: "a workgroup that reads what another writes",
    kind: "race",
    fault: "let other = y[(at + LANES) % p.n];\ny[at] = other; // here",
    twin: "let other = y[at];\ny[at] = other;",
  },
  {
    name: "a storage buffer behind a barrier of workgroup memory alone",
    kind: "race",
    fault:
      "y[at] = lane; // here\nworkgroupBarrier();\nlet other = y[at ^ 1u];\npart[lane] = other;",
    twin: "y[at] = lane;\nstorageBarrier();\nlet other = y[at ^ 1u];\npart[lane] = other;",
  },
  {
    name: "an index past a binding's end",
    kind: "bounds",
    fault: "part[lane] = y[at + 1u]; // here",
    twin: "part[lane] = y[min(at + 1u, p.n - 1u)];",
  },
  {
    name: "an index past an array's end",
    kind: "bounds",
    fault: "var mine: array<u32, 4>;\ny[at] = mine[lane]; // here",
    twin: "var mine: array<u32, 4>;\ny[at] = mine[lane % 4u];",
  },
  {
    name: "a barrier that some lanes skip",
    kind: "divergence",
    fault: "if (lane < 3u) {\nworkgroupBarrier(); // here\n}",
    twin: "if (p.n > 3u) {\nworkgroupBarrier();\n}",
  },
  {
    name: "a subgroup operation that some lanes skip",
    kind: "divergence",
    fault: "if (lane % 2u == 0u) {\ny[at] = subgroupMax(lane); // here\n}",
    twin: "if (lane < 4u) {\ny[at] = subgroupMax(lane);\n}",
  },
  {
    name: "a shuffle from outside the subgroup",
    kind: "undefined",
    fault: "y[at] = subgroupShuffle(lane, 4u); // here",
    twin: "y[at] = subgroupShuffle(lane, 3u);",
  },
  {
    name: "a shift by more bits than there are",
    kind: "undefined",
    fault: "y[at] = 1u << (lane + 28u); // here",
    twin: "y[at] = 1u << (lane + 24u);",
  },
  {
    name: "a division by zero",
    kind: "undefined",
    fault: "y[at] = p.n / lane; // here",
    twin: "y[at] = p.n / (lane + 1u);",
  },
  {
    name: "a negative float as a u32",
    kind: "undefined",
    fault: "y[at] = u32(f32(lane) - 1.0); // here",
    twin: "y[at] = u32(f32(lane) - 0.5);",
  },
];

const HEAD = `struct Params { n: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
var<workgroup> part: array<u32, LANES>;
var<workgroup> flags: array<bool, LANES>;
var<workgroup> fours: array<vec4f, LANES>;
var<workgroup> count: atomic<u32>;
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
let at = group.x * LANES + lane;
`;

/** Runs a body on two workgroups of 8 lanes, with subgroups of 4. */
async function runBody(body: string, order: SanitizedOptions["order"]) {
  const gpu = sanitizedGpu({ target: "gpu", subgroupSize: 4, order });
  const y = new BufferPool(gpu).upload("y", new Uint32Array(16).fill(1));
  const text = `${HEAD}${body}\n}`;
  const { encode } = await gpu.launcher.prepare({
    label: "case",
    files: [{ name: "case.wgsl", text }],
    constants: { LANES: 8 },
    params: { n: 16 },
    bindings: [y],
    groups: () => [2],
  });
  const encoder = gpu.device.createCommandEncoder();
  encode(encoder.beginComputePass(), 1);
  gpu.device.queue.submit([encoder.finish()]);
  const line = text.split("\n").findIndex((line) => line.endsWith("// here")) + 1;
  return { found: takeFindings(), line, values: [...new Uint32Array(await readBuffer(gpu, y))] };
}

for (const { name, kind, fault, twin } of FAULTS) {
  Deno.test(`the sanitizer reports ${name}, and not its twin`, async () => {
    const results: number[][] = [];
    for (const order of ["ascending", "descending", "shuffled"] as const) {
      const { found, line } = await runBody(fault, order);
      assert.ok(
        found.some((one) =>
          one.kind === kind && `${one.where} ${one.message} `.includes(`case.wgsl:${line} `)
        ),
        `${order}: found ${JSON.stringify(lines(found))}, expected ${kind} at line ${line}`,
      );
      const clean = await runBody(twin, order);
      assert.deepEqual(lines(clean.found), []);
      results.push(clean.values);
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
  });
}

for (const [i, device] of DEVICES.entries()) {
  const specs = specRuns(FULL ? { flops: 1.5e7, values: 2e6 } : { flops: 3e4, values: 1e4 });
  const engines = FULL || device === ENGINE_DEVICE ? [...ENGINE_RUNS, ...GENERATIONS] : [];
  const runs = [...specs.filter((_, k) => FULL || (i + k) % 3 === 0), ...engines];
  Deno.test(`kernels do nothing that differs by device on ${JSON.stringify(device)}`, async () => {
    for (const { name, run } of runs) {
      await run(sanitizedGpu(device));
      assert.deepEqual(lines(takeFindings()), [], name);
    }
  });
}

/** Barriers of a file, counted from 0, that order nothing which others do not, as callers are now. */
const NEEDLESS = [
  "kernels/decode/sample.wgsl 0", // whoever lists groups has passed a barrier since part_i was read
  "kernels/decode/sample.wgsl 2", // as before
  "kernels/matmul/head_memory.wgsl 1", // a row's last merge is the work of the lane that stores it
];

Deno.test({
  name: "without any barrier of our kernels something is found",
  ignore: !FULL,
  async fn() {
    const files = new Map<string, { text: string; reached: [Run, SanitizedOptions][] }>();
    for (const device of DEVICES.filter((_, i) => i % 2 === 0)) {
      for (const run of [...specRuns({ flops: 5e6, values: 3e5 }), ...ENGINE_RUNS]) {
        const gpu = sanitizedGpu(device);
        await (run.prepare ?? run.run)(gpu);
        for (const [name, text] of gpu.launcher.texts) {
          if (!files.has(name)) files.set(name, { text, reached: [] });
          files.get(name)!.reached.push([run, device]);
        }
      }
    }
    const needless: string[] = [];
    for (const [name, { text, reached }] of files) {
      reached.sort(([a], [b]) => (a.flops ?? Infinity) - (b.flops ?? Infinity) || 0);
      const barriers = [...text.matchAll(/(workgroup|storage)Barrier\(\);/g)];
      for (const [i, { index, 0: { length } }] of barriers.entries()) {
        const mutate = (given: string, file: string) =>
          file === name ? given.slice(0, index) + given.slice(index + length) : given;
        let needed = false;
        for (const [{ run }, device] of reached) {
          needed = await run(sanitizedGpu({ ...device, mutate })).then(() => false, () => true);
          needed = takeFindings().length > 0 || needed;
          if (needed) break;
        }
        if (!needed) needless.push(`${name} ${i}`);
      }
    }
    assert.deepEqual(needless.toSorted(), NEEDLESS);
  },
});
