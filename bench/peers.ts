/**
 * Races the model's kernels against other engines: `node race.mjs --ours 'deno run -A .../bench/peers.ts'`
 * in the folder that holds the peers and their `common.mjs` (or its path in PEERS). Prints one JSON line a
 * job of PEER_JOBS, in the peers' form.
 */
import { attentionKernel } from "../kernels/attention/attention.ts";
import { PAGE } from "../kernels/attention/kv_cache.ts";
import type { Dispatch } from "../kernels/launch.ts";
import { matmulKernel } from "../kernels/matmul/matmul.ts";
import { FEW_CPU_ROWS } from "../kernels/matmul/matmul_tiles.ts";
import { qkNormRopeKernel } from "../kernels/attention/qk_norm_rope.ts";
import { rmsNormKernel } from "../kernels/rms_norm.ts";
import {
  decodeRows,
  encodeRows,
  WEIGHT_FORMATS,
  type WeightFormat,
  wholeWeight,
} from "../kernels/weights/weight.ts";
import { BufferPool, readBuffer } from "../lib/gpu/buffers.ts";
import { type Gpu, openGpu } from "../lib/gpu/device.ts";
import { submitPass } from "../lib/gpu/submit.ts";
import { joined } from "./quality.ts";
import { timeDispatches } from "./timing.ts";

type Floats = Float32Array<ArrayBuffer>;

/** A job as `common.mjs` writes it: an operation, a format, and sizes. */
type Job = { op: string; dtype: string } & Record<string, number>;

/** What is used of the peers' `common.mjs`. */
interface Common {
  jobs(): Job[];
  jobKey(job: Job): string;
  flops(job: Job): number;
  emit(line: Record<string, unknown>): void;
  skip(peer: string, job: Job, why: unknown): void;
  matmulData(job: Job): { x: Floats; w: Floats };
  matmulCheck(job: Job, data: unknown, y: Floats, weights?: Floats): number;
  attnData(job: Job): { q: Floats; k: Floats; v: Floats };
  attnCheck(job: Job, data: unknown, y: Floats): number;
  layerData(job: Job): Record<"x" | "wq" | "wk" | "wv" | "wo" | "wg" | "wu" | "wd", Floats>;
  layerRef(job: Job, data: unknown): Float64Array;
  relErr(found: Floats, wanted: Float64Array): number;
}

/** Dispatches of a job, and the error of their first run. */
interface Work {
  readonly dispatches: readonly Dispatch[];
  readonly rows: number;
  readonly out: GPUBuffer;
  check(out: Floats): number;
}

const PEER = "ours";

async function matmulWork(gpu: Gpu, pool: BufferPool, job: Job): Promise<Work> {
  const { M, K, N } = job;
  const format = job.dtype as WeightFormat;
  const data = common.matmulData(job);
  const stored = encodeRows(data.w, format, K);
  const weights = decodeRows(stored, format, K);
  const y = pool.empty("y", 4 * M * N);
  const dispatches = await matmulKernel(gpu.launcher, {
    label: "matmul",
    live: pool.upload("live", Uint32Array.of(M, M, 1, 0)),
    x: pool.upload("x", data.x),
    w: wholeWeight(pool.upload("w", stored.values), {
      format,
      rows: N,
      columns: K,
      scales: stored.scales && pool.upload("scales", stored.scales),
    }),
    y,
    few: M <= FEW_CPU_ROWS,
  });
  const check = (out: Floats) => common.matmulCheck(job, data, out, weights);
  return { dispatches, rows: M, out: y, check };
}

/** A sequence of `count` tokens in pages in order, of which every row sees `visible`. */
function sequence(pool: BufferPool, { rows, visible }: { rows: number; visible: number }) {
  const pages = Math.ceil(visible / PAGE);
  const each = Array.from({ length: rows }, (_, row) => [0, row, 0, visible]);
  return {
    tablePages: pages,
    table: pool.upload("table", Uint32Array.from({ length: pages }, (_, page) => page)),
    rows: pool.upload("rows", Uint32Array.from(each.flat())),
    live: pool.upload("live", Uint32Array.of(rows, rows, 1, 0)),
  };
}

async function attentionWork(gpu: Gpu, pool: BufferPool, job: Job): Promise<Work> {
  const { T, C, H, KV, D } = job;
  const data = common.attnData(job);
  const { tablePages, table, rows, live } = sequence(pool, { rows: T, visible: C });
  const out = pool.empty("out", 4 * T * H * D);
  const dispatches = await attentionKernel(gpu.launcher, {
    label: "attention",
    live,
    rows,
    kv: {
      format: "f32",
      keys: pool.upload("keys", data.k),
      values: pool.upload("values", data.v),
      table,
      tablePages,
    },
    qkv: pool.upload("q", data.q),
    stride: H,
    out,
    heads: H,
    kvHeads: KV,
    headDim: D,
  });
  return { dispatches, rows: T, out, check: (out) => common.attnCheck(job, data, out) };
}

/** A dense layer as lib/model/forward.ts makes it, closed by the norm that adds the MLP's output. */
async function layerWork(gpu: Gpu, pool: BufferPool, job: Job): Promise<Work> {
  const { T, D, H, F } = job;
  const { launcher } = gpu;
  const data = common.layerData(job);
  const { tablePages, table, rows, live } = sequence(pool, { rows: T, visible: T });
  const empty = (label: string, width: number) => pool.empty(label, 4 * T * width);
  const [h, qkv, attention] = [empty("h", D), empty("qkv", 3 * D), empty("attention", D)];
  const [projected, activation, mlp] = [empty("projected", D), empty("act", F), empty("mlp", D)];
  const x = pool.upload("x", data.x);
  const ones = pool.upload("ones", new Float32Array(D).fill(1));
  const headDim = D / H;
  const heads = { heads: H, kvHeads: H, headDim };
  const cached = 4 * tablePages * PAGE * D;
  const kv = {
    format: "f32" as const,
    keys: pool.empty("keys", cached),
    values: pool.empty("values", cached),
    table,
    tablePages,
  };
  const weight = (rows: number, columns: number, ...parts: Floats[]) =>
    wholeWeight(pool.upload("w", joined(parts)), { format: "f32", rows, columns });
  const norm = { live, x, h, w: ones, width: D, eps: 1e-6 };
  const flat = new Float32Array(tablePages * PAGE * headDim); // cos 1, sin 0: no rotation
  for (let i = 0; i < flat.length; i++) flat[i] = i % headDim < headDim / 2 ? 1 : 0;
  const qkvWeight = weight(3 * D, D, data.wq, data.wk, data.wv);
  const upWeight = weight(2 * F, D, alternated(data.wg, data.wu, D));
  const parts = [
    rmsNormKernel(launcher, { label: "input_norm", ...norm, add: mlp, addends: 0 }),
    matmulKernel(launcher, { label: "qkv", live, x: h, w: qkvWeight, y: qkv }),
    qkNormRopeKernel(launcher, {
      label: "rope",
      live,
      rows,
      kv,
      qkv,
      norm: ones,
      rope: pool.upload("rope", flat),
      rotaryDim: headDim,
      qkNorm: false,
      eps: 1e-6,
      ...heads,
    }),
    attentionKernel(launcher, {
      label: "attention",
      live,
      rows,
      kv,
      qkv,
      stride: 3 * H,
      out: attention,
      ...heads,
    }),
    matmulKernel(launcher, {
      label: "dense",
      live,
      x: attention,
      w: weight(D, D, data.wo),
      y: projected,
    }),
    rmsNormKernel(launcher, { label: "post_norm", ...norm, add: projected, addends: 1 }),
    matmulKernel(launcher, { label: "up", live, x: h, w: upWeight, y: activation, pair: true }),
    matmulKernel(launcher, {
      label: "down",
      live,
      x: activation,
      w: weight(D, F, data.wd),
      y: mlp,
    }),
    rmsNormKernel(launcher, { label: "next_norm", ...norm, add: mlp, addends: 1 }),
  ];
  return {
    dispatches: (await Promise.all(parts)).flat(),
    rows: T,
    out: x,
    check: (out) => common.relErr(out, common.layerRef(job, data)),
  };
}

/** Rows of two matrices in turn, as the model stores gate and up. */
function alternated(gate: Floats, up: Floats, columns: number): Floats {
  const rows = Array.from({ length: gate.length / columns }, (_, row) => {
    const [from, to] = [row * columns, (row + 1) * columns];
    return [gate.subarray(from, to), up.subarray(from, to)];
  });
  return joined(rows.flat());
}

const WORK: Readonly<Record<string, typeof matmulWork>> = {
  matmul: matmulWork,
  attention: attentionWork,
  layer: layerWork,
};

async function race(gpu: Gpu, job: Job): Promise<void> {
  const make = WORK[job.op];
  if (!make) return common.skip(PEER, job, `no "${job.op}" here: kernels are raced, not models`);
  const formats: readonly string[] = job.op === "matmul" ? WEIGHT_FORMATS : ["f32"];
  if (!formats.includes(job.dtype)) {
    return common.skip(PEER, job, `${job.op} has no weights of ${job.dtype} here`);
  }
  const pool = new BufferPool(gpu);
  const { dispatches, rows, out, check } = await make(gpu, pool, job);
  submitPass(gpu, dispatches, rows);
  const err = check(new Float32Array(await readBuffer(gpu, out)));
  const timing = await timeDispatches(gpu, dispatches, { rows, targetMs: 40, samples: 5 });
  pool.destroy();
  common.emit({
    peer: PEER,
    job: common.jobKey(job),
    wall_ms: timing.wallMedian,
    cpu_ms: timing.cpuMedian,
    wall_min: timing.wall,
    cpu_min: timing.cpu,
    gflop: common.flops(job) / 1e9,
    err,
  });
}

const folder = Deno.env.get("PEERS") ?? Deno.cwd();
const common: Common = await import(`file://${folder}/common.mjs`);
const gpu = await openGpu();
for (const job of common.jobs()) await race(gpu, job);
gpu.destroy();
