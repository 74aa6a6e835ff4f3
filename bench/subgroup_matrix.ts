/**
 * A trial: matmuls of a prompt's rows by subgroup matrices, the units that GPUs have for them. Deno's WebGPU does
 * not reach these, Dawn's does as an experiment. Beside this program's own matmul on the same device, whose
 * output it is compared with.
 */
import type { Dispatch } from "../kernels/launch.ts";
import { matmulKernel } from "../kernels/matmul/matmul.ts";
import { liveRows, uniform } from "../kernels/spec.ts";
import {
  bytesOfRow,
  encodeRows,
  storedColumns,
  WEIGHT_FILES,
  type WeightFormat,
  wholeWeight,
} from "../kernels/weights/weight.ts";
import { BufferPool, readBuffer } from "../lib/gpu/buffers.ts";
import { type Gpu, openGpu } from "../lib/gpu/device.ts";
import { engineGpu } from "../lib/gpu/engines.ts";
import { Refusal } from "../lib/refusal.ts";
import { type Ceilings, ceilings } from "./kernels.ts";
import type { Report } from "./report.ts";
import source from "./subgroup_matrix.wgsl" with { type: "text" };
import { timeDispatches } from "./timing.ts";

const FEATURE = "chromium-experimental-subgroup-matrix";

/** Dawn hands experiments out, and times by the nanosecond, only when asked to. */
const FLAGS = [
  "enable-dawn-features=allow_unsafe_apis",
  "disable-dawn-features=timestamp_quantization",
];

/** Rows of a pass over a prompt, channels, and weight rows: mini's projections. */
const SHAPES = [[1024, 2048, 2048], [1024, 2048, 3072]] as const;

const FORMATS = ["f16", "q4"] as const satisfies WeightFormat[];

/** Rows of x that a workgroup takes, the most that fit a device; rows of weights, and channels of a step. */
const [MOST_ROWS, TILE_COLUMNS, STAGE] = [[128, 64], 128, 32];

/** Lanes of a workgroup, of a subgroup, and subgroups beside each other. */
const [LANES, SUBGROUP, ACROSS] = [256, 32, 4];

/** Sizes of a product that a device has: M x K by K x N. */
export interface MatrixSizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What Dawn tells of an adapter beside the standard. */
interface MatrixInfo extends GPUAdapterInfo {
  readonly subgroupMatrixConfigs?: readonly (MatrixSizes & {
    readonly componentType: string;
    readonly resultComponentType: string;
  })[];
}

/** Times both, or says what is missing for it. */
export async function benchMatrices(report: Report): Promise<void> {
  const absent = (why: string) =>
    report.add({ group: "matrices", name: "subgroup matrices", note: `not measured: ${why}` });
  let gpu: Gpu;
  try {
    gpu = await openGpu({
      engine: "dawn",
      gpu: await engineGpu("dawn", { flags: FLAGS }),
      features: ["shader-f16", "subgroups", "timestamp-query", FEATURE],
      target: "gpu",
      selfChecks: [],
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return absent(error.message);
  }
  try {
    const info = gpu.device.adapterInfo as MatrixInfo;
    const sizes = info.subgroupMatrixConfigs?.find((config) =>
      config.componentType === "f16" && config.resultComponentType === "f32"
    );
    if (!gpu.features.includes(FEATURE)) return absent(`"${gpu.adapter}" has no ${FEATURE}`);
    if (!sizes) return absent(`"${gpu.adapter}" has none of float16 with float32 sums`);
    if (gpu.launcher.subgroupSize !== SUBGROUP) {
      return absent(`subgroups are not ${SUBGROUP} lanes`);
    }
    const best = await ceilings(gpu);
    for (const format of FORMATS) {
      for (const shape of SHAPES) await benchShape(gpu, report, { format, shape, sizes, best });
    }
  } finally {
    gpu.destroy();
  }
}

interface Trial {
  readonly format: WeightFormat;
  readonly shape: readonly [rows: number, k: number, n: number];
  readonly sizes: MatrixSizes;
  readonly best: Ceilings;
}

async function benchShape(gpu: Gpu, report: Report, trial: Trial): Promise<void> {
  const { format, shape: [rows, k, n], best } = trial;
  const pool = new BufferPool(gpu);
  const { values, scales } = encodeRows(uniform(n * k, 2), format, k);
  const live = pool.upload("live", liveRows(rows));
  const x = pool.upload("x", uniform(rows * k, 1));
  const w = wholeWeight(pool.upload("w", values), {
    format,
    rows: n,
    columns: k,
    scales: scales && pool.upload("scales", scales),
  });
  const [own, other] = [pool.empty("y", 4 * rows * n), pool.empty("matrices", 4 * rows * n)];
  const ways: readonly [string, Dispatch[], GPUBuffer][] = [
    ["matmul", await matmulKernel(gpu.launcher, { label: "matmul", live, x, w, y: own }), own],
    [
      "subgroup matrices",
      [await matricesKernel(gpu, { ...trial, x, y: other, ...w.chunks[0] })],
      other,
    ],
  ];
  const found: Float32Array[] = [];
  for (const [name, dispatches, y] of ways) {
    const { wall: ms } = await timeDispatches(gpu, dispatches, { rows });
    found.push(new Float32Array(await readBuffer(gpu, y)));
    const gbps = n * bytesOfRow(format, k) / ms / 1e6;
    const gflops = 2 * rows * k * n / ms / 1e6;
    report.add({
      group: "matrices",
      name: `${name} ${format}`,
      shape: `m=${rows} k=${k} n=${n}`,
      ms,
      gbps,
      gflops,
      share: Math.max(gbps / best.gbps, gflops / best.gflops),
      note: found.length > 1 ? apart(found) : "",
    });
  }
  pool.destroy();
}

/** How far two outputs are apart: x is rounded to float16 on its way into subgroup matrices. */
function apart([wanted, found]: readonly Float32Array[]): string {
  let [squares, all] = [0, 0];
  for (const [i, value] of wanted.entries()) {
    squares += (found[i] - value) ** 2;
    all += value ** 2;
  }
  return `apart by ${Math.sqrt(squares / all).toExponential(1)} of the values' root mean square`;
}

/** Prepares y = x w^T by subgroup matrices; tests compile it, too. */
export function matricesKernel(
  { launcher }: Pick<Gpu, "launcher">,
  { format, shape: [rows, k, n], sizes: { M, N, K }, ...buffers }:
    & Pick<Trial, "format" | "shape" | "sizes">
    & {
      readonly x: GPUBuffer;
      readonly y: GPUBuffer;
      /** Weights, and scales of formats in blocks. */
      readonly buffer: GPUBuffer;
      readonly scales?: GPUBuffer;
    },
): Promise<Dispatch> {
  const quads = STAGE / 4;
  const room = launcher.device.limits.maxComputeWorkgroupStorageSize;
  const TILE_ROWS = MOST_ROWS.find((most) => 2 * (most + TILE_COLUMNS) * (STAGE + 8) <= room)!;
  return launcher.prepare({
    label: "subgroup matrices",
    extensions: ["f16", "chromium_experimental_subgroup_matrix"],
    files: [...WEIGHT_FILES[format], { name: "bench/subgroup_matrix.wgsl", text: source }],
    constants: {
      TILE_ROWS,
      TILE_COLUMNS,
      STAGE,
      LANES,
      ACROSS,
      M,
      N,
      K,
      LEFTS: TILE_ROWS / (LANES / SUBGROUP / ACROSS) / M,
      RIGHTS: TILE_COLUMNS / ACROSS / N,
      STEPS: STAGE / K,
      X_LOADS: TILE_ROWS * quads / LANES,
      W_LOADS: TILE_COLUMNS * quads / LANES,
    },
    params: { n, k_runs: k / 4, w_runs: storedColumns(format, k) / 4 },
    bindings: [
      undefined,
      buffers.buffer,
      buffers.x,
      buffers.y,
      undefined,
      undefined,
      buffers.scales,
    ],
    groups: () => [n / TILE_COLUMNS, rows / TILE_ROWS],
  });
}
