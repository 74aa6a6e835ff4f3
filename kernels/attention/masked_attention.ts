/** GQA attention of a training pass, whose masks are spans of its rows, and its gradient. */
import source from "./masked_attention.wgsl" with { type: "text" };
import gradSource from "./masked_attention_grad.wgsl" with { type: "text" };
import ownLanes from "./masked_own.wgsl" with { type: "text" };
import partLanes from "./masked_parts.wgsl" with { type: "text" };
import spansSource from "./masked_spans.wgsl" with { type: "text" };
import subgroupLanes from "./masked_subgroup.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher, MOST_TURNS, type WgslFile } from "../launch.ts";
import { maskRows, type MaskShape, maskSpans } from "./example_masks.ts";
import type { HeadShape } from "./qk_norm_rope.ts";
import { type KernelSpec, liveRows, uniform } from "../spec.ts";

const SPANS: WgslFile = { name: "kernels/attention/masked_spans.wgsl", text: spansSource };

/** How lanes walk and read, by name. */
const LANE_FILES = {
  own: { name: "kernels/attention/masked_own.wgsl", text: ownLanes },
  parts: { name: "kernels/attention/masked_parts.wgsl", text: partLanes },
  subgroup: { name: "kernels/attention/masked_subgroup.wgsl", text: subgroupLanes },
};

/** Buffers and sizes of the forward pass, which the backward pass has too. */
export interface MaskedAttentionOptions extends HeadShape {
  readonly label: string;
  readonly live: GPUBuffer;
  /** [rows] vec4u: a row sees the rows [x, y) and [z, w) of the pass, at least one; (0, 0) is empty. */
  readonly spans: GPUBuffer;
  /** [rows, heads + 2 kvHeads, headDim]: q and k normed and turned, v. */
  readonly qkv: GPUBuffer;
  /** [rows, heads, headDim] */
  readonly out: GPUBuffer;
  /** [rows, heads]: log of the sum of exp(q . k / sqrt(headDim)). */
  readonly lse: GPUBuffer;
}

/** Buffers and sizes of the backward pass. */
export interface MaskedAttentionGradOptions extends MaskedAttentionOptions {
  /** [rows, 2] vec4u: up to four spans of rows that see a row. */
  readonly queries: GPUBuffer;
  /** Gradient of `out`. */
  readonly dout: GPUBuffer;
  /** Scratch, [rows, heads]. */
  readonly dots: GPUBuffer;
  /** Gradient of `qkv`, written whole. */
  readonly dqkv: GPUBuffer;
}

/** Groups of four channels of which a lane's registers hold all that a kernel needs. */
const IN_REGISTERS = 8;

/** The same of the gradient, which has twice as many arrays, on GPUs; more spill (docs/performance-log.md). */
const GRAD_IN_REGISTERS = 4;

/** What all dispatches are compiled with and read. */
function common({ label, heads, kvHeads, headDim }: MaskedAttentionOptions) {
  return {
    label,
    params: { rows_at: 0, heads, kv_heads: kvHeads, scale: 1 / Math.sqrt(headDim) },
  };
}

/** Prepares softmax(q . k / sqrt(D)) . v over each row's spans (spec/model.md sections 3 and 8.2). */
export async function maskedAttentionKernel(
  launcher: Launcher,
  options: MaskedAttentionOptions,
): Promise<Dispatch[]> {
  const { live, spans, qkv, out, lse, heads } = options;
  const { lanes, constants, ...form } = formOf(launcher, options, IN_REGISTERS);
  const { D4, PARTS, ROWS } = constants;
  const each = D4 <= IN_REGISTERS ? form.heads : 1; // else compilers take seconds
  return [
    await launcher.prepare({
      ...common(options),
      files: [SPANS, lanes, { name: "kernels/attention/masked_attention.wgsl", text: source }],
      constants: { ...constants, PAIRS: 1, N: each, DP: Math.ceil(D4 / PARTS) },
      bindings: [live, spans, qkv, out, lse],
      groups: (rows) => [heads / each, Math.ceil(rows / ROWS)],
    }),
  ];
}

/** Prepares the gradient of `maskedAttentionKernel`: of the queries, then of keys and values. */
export async function maskedAttentionGradKernel(
  launcher: Launcher,
  options: MaskedAttentionGradOptions,
): Promise<Dispatch[]> {
  const { live, spans, queries, qkv, out, lse, dout, dots, dqkv, heads, kvHeads } = options;
  const { lanes, constants, shares, keys, ...form } = formOf(launcher, options, GRAD_IN_REGISTERS);
  const { D4, PARTS, ROWS, STEP } = constants;
  // Twice a forward pass's registers and more: a CPU driver takes minutes to compile whole heads of 128.
  const SLICES = launcher.target === "cpu" ? Math.ceil(D4 / IN_REGISTERS) : 1;
  // The code of all rows of a chunk does not fit a core's cache (docs/performance-log.md).
  const oneByOne = shares && SLICES === 1;
  const files = [SPANS, lanes, {
    name: "kernels/attention/masked_attention_grad.wgsl",
    text: gradSource,
  }];
  const { params, ...named } = common(options);
  const pass = (KEYS: boolean, { HEADS, each }: { HEADS: number; each: number }) => {
    const items = KEYS ? queries : spans;
    const sizes = {
      ...constants,
      ...{ KEYS, SLICES, HEADS },
      TURN: oneByOne ? 1 : STEP,
      DP: Math.ceil(D4 / PARTS / SLICES),
      N: HEADS * each,
    };
    const most = launcher.target === "cpu" ? mostRows(sizes) : Infinity;
    return Array.from({ length: Math.ceil(spans.size / 16 / most) || 1 }, (_, range) => {
      const start = range && range * most;
      return launcher.prepare({
        ...named,
        files,
        constants: { ...sizes, PAIRS: KEYS ? 2 : 1, FIRST: range === 0 },
        params: { ...params, start, end: Math.min(start + most, NO_ROW) },
        bindings: [live, items, qkv, out, lse, dout, dots, dqkv],
        groups: (rows) =>
          rows > start ? [KEYS ? kvHeads : heads / HEADS, Math.ceil(rows / (ROWS * each))] : [0],
      });
    });
  };
  return await Promise.all([
    ...pass(false, { HEADS: form.heads, each: oneByOne ? 2 : 1 }),
    ...pass(true, { HEADS: 1, each: keys }),
  ]);
}

/** NONE in masked_spans.wgsl. */
const NO_ROW = 0xffffffff;

/** Rows that a lane of the gradient meets in one dispatch, so that its loops stay below MOST_TURNS. */
function mostRows({ KEYS, SLICES, TURN, STEP, GROUP }: {
  readonly KEYS: boolean;
  readonly SLICES: number;
  readonly TURN: number;
  readonly STEP: number;
  readonly GROUP: number;
}): number {
  const turns = TURN < STEP ? STEP / TURN + 1 : 0;
  const slices = SLICES > 1 ? 2 * (SLICES + 1) : 0;
  const chunk = 2 + (KEYS ? GROUP : 1) * (1 + turns + slices);
  // Half of them: a driver's compiler that takes loops apart adds two turns a chunk.
  return Math.floor(MOST_TURNS / 2 / chunk) * STEP;
}

/**
 * How lanes share the work: on a CPU driver by subgroups where there are any, else each for itself; on a GPU
 * so many share an item that a lane holds at most `held` groups of four channels.
 */
function formOf(launcher: Launcher, { heads, kvHeads, headDim }: HeadShape, held: number) {
  const cpu = launcher.target === "cpu";
  const shares = cpu && launcher.subgroupSize === CPU_LANES;
  const D4 = headDim / 4;
  const LANES = cpu ? CPU_LANES : 32;
  const PARTS = cpu || D4 <= held ? 1 : Math.min(LANES, 2 ** Math.ceil(Math.log2(D4 / held)));
  const GROUP = heads / kvHeads;
  const STEP = shares ? LANES : 4; // rows that are read at a time: where lanes share them, each holds one
  return {
    lanes: LANE_FILES[shares ? "subgroup" : PARTS > 1 ? "parts" : "own"],
    constants: { LANES, PARTS, ROWS: LANES / PARTS, STEP, TURN: STEP, D4, GROUP },
    shares,
    /** Keys of a lane: two share what is heard. A GPU would rather have more lanes. */
    keys: shares ? 2 : 1,
    /** Query heads of a lane, of one KV head. */
    heads: shares && GROUP % 2 === 0 ? 2 : 1,
  };
}

type Shape = MaskShape & HeadShape & Record<string, number>;

const SMALL = { sequences: 1, block: 4 };
const NANO = { heads: 4, kvHeads: 2, headDim: 32, block: 32 };

/** Shapes of both directions; the first four are small. */
const SHAPES: Pick<KernelSpec<Shape>, "shapes" | "benchShapes"> = {
  shapes: [
    { ...SMALL, mask: 0, length: 8, heads: 2, kvHeads: 1, headDim: 4 },
    { ...SMALL, mask: 1, length: 11, heads: 3, kvHeads: 1, headDim: 4 },
    { ...SMALL, mask: 3, length: 7, heads: 2, kvHeads: 2, headDim: 8 },
    { ...SMALL, mask: 3, length: 7, heads: 2, kvHeads: 1, headDim: 36 }, // one past what registers hold
    { mask: 0, sequences: 3, length: 64, ...NANO },
    { mask: 1, sequences: 2, length: 83, ...NANO, block: 16 },
    { mask: 2, sequences: 3, length: 41, ...NANO },
    { mask: 3, sequences: 2, length: 45, ...NANO, headDim: 36 },
  ],
  benchShapes: [
    { mask: 0, sequences: 6, length: 64, ...NANO },
    { mask: 0, sequences: 32, length: 64, ...NANO },
    { mask: 0, sequences: 4, length: 512, ...NANO },
    { mask: 3, sequences: 12, length: 512, ...NANO },
    { mask: 0, sequences: 1, length: 256, block: 32, heads: 16, kvHeads: 4, headDim: 128 },
  ],
};

function inputsOf(shape: Shape) {
  const { heads, kvHeads, headDim } = shape;
  const rows = maskRows(shape);
  const qkv = uniform(rows * (heads + 2 * kvHeads) * headDim, 1, 2);
  qkv[0] = 8; // one sharp row
  return {
    live: liveRows(rows),
    ...maskSpans(shape),
    qkv,
    out: uniform(rows * heads * headDim, 2),
    lse: uniform(rows * heads, 3),
  };
}

/** Rows that row `r` sees. */
function* seenBy(spans: ArrayLike<number>, r: number): Generator<number> {
  for (const at of [4 * r, 4 * r + 2]) {
    for (let key = spans[at]; key < spans[at + 1]; key++) yield key;
  }
}

/** Calls `visit` for each row and query head with its keys' scores, exponentials summing to one. */
function attend(
  { heads, kvHeads, headDim }: HeadShape,
  { qkv, spans }: Readonly<Record<string, ArrayLike<number>>>,
  visit: (of: {
    /** Index in `out` and `lse`, in heads. */
    index: number;
    q: number;
    keys: { k: number; v: number; weight: number }[];
    lse: number;
  }) => void,
): void {
  const stride = heads + 2 * kvHeads;
  for (let r = 0; r < spans.length / 4; r++) {
    const seen = [...seenBy(spans, r)];
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads));
      const q = (r * stride + head) * headDim;
      const keys = seen.map((key) => {
        const k = (key * stride + heads + kvHead) * headDim;
        let score = 0;
        for (let i = 0; i < headDim; i++) score += qkv[q + i] * qkv[k + i];
        return { k, v: k + kvHeads * headDim, weight: score / Math.sqrt(headDim) };
      });
      const top = keys.reduce((most, { weight }) => Math.max(most, weight), -Infinity);
      const lse = top + Math.log(keys.reduce((sum, { weight }) => sum + Math.exp(weight - top), 0));
      for (const key of keys) key.weight = Math.exp(key.weight - lse);
      visit({ index: r * heads + head, q, keys, lse });
    }
  }
}

/** The forward pass in float64. */
function attended(shape: Shape, inputs: Readonly<Record<string, ArrayLike<number>>>) {
  const { qkv, spans } = inputs;
  const { heads, headDim } = shape;
  const out = new Float64Array(spans.length / 4 * heads * headDim);
  const lse = new Float64Array(spans.length / 4 * heads);
  attend(shape, inputs, (row) => {
    lse[row.index] = row.lse;
    for (const { v, weight } of row.keys) {
      for (let i = 0; i < headDim; i++) out[row.index * headDim + i] += weight * qkv[v + i];
    }
  });
  return { out, lse };
}

/** Pairs of a row and a row that it sees. */
function pairs(shape: Shape): number {
  const { spans } = maskSpans(shape);
  let count = 0;
  for (let i = 0; i < spans.length; i += 2) count += spans[i + 1] - spans[i];
  return count;
}

/** Checks and times the forward pass. */
export const maskedAttentionSpecs: KernelSpec<Shape>[] = [{
  name: "masked_attention",
  ...SHAPES,
  tolerance: 3e-6, // f32 dots of headDim terms under an exp, averaged over the keys
  inputs: inputsOf,
  reference: attended,
  prepare: (launcher, { heads, kvHeads, headDim }, { live, spans, qkv, out, lse }) =>
    maskedAttentionKernel(launcher, {
      label: "masked_attention",
      ...{ live, spans, qkv, out, lse, heads, kvHeads, headDim },
    }),
  rows: maskRows,
  bytes: (shape) => 4 * maskRows(shape) * shape.headDim * 2 * (shape.heads + shape.kvHeads),
  flops: (shape) => 4 * pairs(shape) * shape.heads * shape.headDim,
}];

/** Checks and times the backward pass. */
export const maskedAttentionGradSpecs: KernelSpec<Shape>[] = [{
  name: "masked_attention_grad",
  ...SHAPES,
  tolerance: 5e-6, // as forward, and sums of such weights over the rows that see a key
  inputs: (shape) => {
    const { out: dout, lse: dots, ...inputs } = inputsOf(shape);
    const { out, lse } = attended(shape, inputs);
    return {
      ...inputs,
      out: Float32Array.from(out),
      lse: Float32Array.from(lse),
      dout,
      dots,
      dqkv: uniform(inputs.qkv.length, 4),
    };
  },
  reference: (shape, inputs) => {
    const { qkv, dout } = inputs;
    const { headDim } = shape;
    const { out } = attended(shape, inputs);
    const dqkv = new Float64Array(qkv.length);
    const dots = new Float64Array(inputs.dots.length);
    attend(shape, inputs, ({ index, q, keys }) => {
      const at = index * headDim;
      for (let i = 0; i < headDim; i++) dots[index] += out[at + i] * dout[at + i];
      for (const { k, v, weight } of keys) {
        let slope = -dots[index];
        for (let i = 0; i < headDim; i++) slope += dout[at + i] * qkv[v + i];
        for (let i = 0; i < headDim; i++) {
          dqkv[q + i] += weight * slope * qkv[k + i] / Math.sqrt(headDim);
          dqkv[k + i] += weight * slope * qkv[q + i] / Math.sqrt(headDim);
          dqkv[v + i] += weight * dout[at + i];
        }
      }
    });
    return { dqkv, dots };
  },
  gradient: {
    forward: (shape, inputs) => ({ out: attended(shape, inputs).out }),
    upstream: { out: "dout" },
    of: { dqkv: "qkv" },
  },
  prepare: (launcher, { heads, kvHeads, headDim }, buffers) => {
    const { live, spans, queries, qkv, out, lse, dout, dots, dqkv } = buffers;
    return maskedAttentionGradKernel(launcher, {
      label: "masked_attention_grad",
      ...{ live, spans, queries, qkv, out, lse, dout, dots, dqkv, heads, kvHeads, headDim },
    });
  },
  rows: maskRows,
  bytes: (shape) => 4 * maskRows(shape) * shape.headDim * 4 * (shape.heads + shape.kvHeads),
  flops: (shape) => 14 * pairs(shape) * shape.heads * shape.headDim,
}];
