import assert from "@std/assert";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
import { sanitizedGpu, type SanitizedOptions } from "./sanitizer/device.ts";
import { type Finding, takeFindings } from "./sanitizer/memory.ts";
import {
  DEVICES,
  ENGINE_RUNS,
  generations,
  ROUNDED,
  type Run,
  specRuns,
  TRAINING_STEPS,
} from "./sanitizer/runs.ts";

const FULL = Deno.env.has("UNMASK_FULL");

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

/** What a slice of the tests takes to a device beside kernels alone. */
const SLICES = new Map<SanitizedOptions, readonly Run[]>([
  [DEVICES[2], [...ENGINE_RUNS, generations(1)]],
  [DEVICES[6], ROUNDED.slice(0, 1)],
  [DEVICES[8], TRAINING_STEPS.slice(0, 1)],
]);

/** Those that all golden generations run on: the others get what devices differ in from four. */
const ALL_GENERATIONS = [DEVICES[2], DEVICES[8]];

/** What runs on a device. */
function runsOn(device: SanitizedOptions): readonly Run[] {
  if (FULL) {
    const golden = generations(ALL_GENERATIONS.includes(device) ? undefined : 4);
    return [
      ...specRuns({ flops: 1.5e7, values: 2e6 }),
      ...ENGINE_RUNS,
      golden,
      ...ROUNDED,
      ...TRAINING_STEPS,
    ];
  }
  const third = DEVICES.indexOf(device) % 3;
  const specs = specRuns({ flops: 3e4, values: 1e4 }).filter((_, i) => (i + third) % 3 === 0);
  return [...specs, ...SLICES.get(device) ?? []];
}

for (const device of DEVICES) {
  Deno.test(`kernels do nothing that differs by device on ${JSON.stringify(device)}`, async () => {
    for (const { name, run } of runsOn(device)) {
      await run(sanitizedGpu(device));
      assert.deepEqual(lines(takeFindings()), [], name);
    }
  });
}
