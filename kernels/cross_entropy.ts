/** Cross-entropy and entropy of rows of logits, and their gradient in place. */
import gradSource from "./cross_entropy_grad.wgsl" with { type: "text" };
import source from "./cross_entropy.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher } from "./launch.ts";
import { logitsFile } from "./logits.ts";
import { type KernelSpec, uniform } from "./spec.ts";

/** Buffers of rows of logits with a label each. */
export interface LabelledLogits {
  readonly label: string;
  /** Its second number is the rows with a label. */
  readonly live: GPUBuffer;
  /** [rows, vocab] */
  readonly logits: GPUBuffer;
  /** [rows] */
  readonly labels: GPUBuffer;
  /** [rows] vec4f: cross-entropy, entropy, the label's logit, bits of the id of the largest logit. */
  readonly stats: GPUBuffer;
  readonly vocab: number;
}

/** Prepares the stats of every row: -ln p[label], -sum p ln p (nats), logits[label], argmax. */
export async function crossEntropyKernel(
  launcher: Launcher,
  { label, live, logits, labels, stats, vocab }: LabelledLogits,
): Promise<Dispatch[]> {
  return [
    await launcher.prepare({
      label,
      files: [logitsFile(vocab), { name: "kernels/cross_entropy.wgsl", text: source }],
      constants: { ...rowLanes(launcher), RUN: 4 },
      params: { vocab },
      bindings: [live, logits, labels, stats],
      groups: (rows) => [rows],
    }),
  ];
}

/**
 * Prepares the gradient of sum_i a_i cross-entropy_i + b_i entropy_i with respect to the logits, in
 * their place; `coefficients` holds (a_i, b_i). The entropy's is -p_j (ln p_j + entropy).
 */
export async function crossEntropyGradKernel(
  launcher: Launcher,
  { label, live, logits, labels, stats, coefficients, vocab }: LabelledLogits & {
    /** [rows] vec2f */
    readonly coefficients: GPUBuffer;
  },
): Promise<Dispatch[]> {
  return [
    await launcher.prepare({
      label,
      files: [logitsFile(vocab), { name: "kernels/cross_entropy_grad.wgsl", text: gradSource }],
      constants: rowLanes(launcher),
      params: { vocab },
      bindings: [live, logits, labels, stats, coefficients],
      groups: (rows) => [rows],
    }),
  ];
}

function rowLanes({ target }: Launcher): { LANES: number } {
  return { LANES: target === "gpu" ? 256 : CPU_LANES };
}

type Shape = { rows: number; vocab: number };

const SHAPES: Shape[] = [
  { rows: 3, vocab: 5 },
  { rows: 2, vocab: 132 },
  { rows: 5, vocab: 33 },
  { rows: 1, vocab: 1 },
  { rows: 17, vocab: 512 },
  { rows: 2, vocab: 4099 },
];

const BENCH_SHAPES: Shape[] = [{ rows: 1024, vocab: 512 }, { rows: 8, vocab: 157_184 }];

/** (cross-entropy, entropy, logit of the label, argmax) of every row in float64. */
function statsOf(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  { rows, vocab }: Shape,
): number[][] {
  return Array.from({ length: rows }, (_, r) => {
    const z = Array.from({ length: vocab }, (_, j) => logits[r * vocab + j]);
    const peak = z.reduce((a, b) => Math.max(a, b));
    const logSum = peak + Math.log(z.reduce((sum, v) => sum + Math.exp(v - peak), 0));
    const entropy = z.reduce((sum, v) => sum - Math.exp(v - logSum) * (v - logSum), 0);
    const ofLabel = z[labels[r]];
    return [logSum - ofLabel, entropy, ofLabel, z.indexOf(peak)];
  });
}

/** Every third row leaves no doubt, as trained models do. */
function inputs({ rows, vocab }: Shape) {
  const logits = uniform(rows * vocab, 1, 4);
  for (let r = 0; r < rows; r += 3) logits[r * vocab + (r * 31) % vocab] = 25;
  return {
    live: Uint32Array.of(rows + 9, rows, 1, 0),
    logits,
    labels: Uint32Array.from({ length: rows }, (_, r) => (r * 62) % vocab),
  };
}

/** Bits of an id as a float, as the device stores it. */
function idBits(id: number): number {
  return new Float32Array(Uint32Array.of(id).buffer)[0];
}

/** Checks and times the stats; the ids have a test of their own. */
export const crossEntropySpecs: KernelSpec<Shape>[] = [{
  name: "cross_entropy",
  shapes: SHAPES,
  benchShapes: BENCH_SHAPES,
  tolerance: 1e-6, // f32 sums of exponentials, one logarithm
  inputs: (shape) => ({ ...inputs(shape), stats: uniform(shape.rows * 4, 2) }),
  reference: (shape, { logits, labels }) => ({
    stats: statsOf(logits, labels, shape).flatMap(([c, h, z, id]) => [c, h, z, idBits(id)]),
  }),
  prepare: (launcher, { vocab }, { live, logits, labels, stats }) =>
    crossEntropyKernel(launcher, { label: "cross_entropy", live, logits, labels, stats, vocab }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, vocab }) => 4 * rows * (vocab + 6),
  flops: ({ rows, vocab }) => 5 * rows * vocab,
}];

/** Checks and times the gradient. */
export const crossEntropyGradSpecs: KernelSpec<Shape>[] = [{
  name: "cross_entropy_grad",
  shapes: SHAPES,
  benchShapes: BENCH_SHAPES,
  tolerance: 3e-6, // the cross-entropy's f32 rounding reaches every probability
  inputs: (shape) => {
    const given = inputs(shape);
    const stats = statsOf(given.logits, given.labels, shape);
    return {
      ...given,
      stats: Float32Array.from(stats.flatMap(([c, h, z, id]) => [c, h, z, idBits(id)])),
      coefficients: uniform(shape.rows * 2, 3),
    };
  },
  reference: (shape, { logits, labels, coefficients }) => {
    const { rows, vocab } = shape;
    const stats = statsOf(logits, labels, shape);
    return {
      logits: Float64Array.from({ length: rows * vocab }, (_, at) => {
        const [r, j] = [Math.floor(at / vocab), at % vocab];
        const [crossEntropy, entropy, ofLabel] = stats[r];
        const logP = logits[at] - ofLabel - crossEntropy;
        const p = Math.exp(logP);
        const ofCrossEntropy = p - (j === labels[r] ? 1 : 0);
        const ofEntropy = -p * (logP + entropy);
        return coefficients[2 * r] * ofCrossEntropy + coefficients[2 * r + 1] * ofEntropy;
      }),
    };
  },
  prepare: (launcher, { vocab }, { live, logits, labels, stats, coefficients }) =>
    crossEntropyGradKernel(launcher, {
      label: "cross_entropy_grad",
      live,
      logits,
      labels,
      stats,
      coefficients,
      vocab,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, vocab }) => 8 * rows * (vocab + 4),
  flops: ({ rows, vocab }) => 6 * rows * vocab,
  gradient: {
    forward: (shape, { logits, labels }) => ({
      losses: statsOf(logits, labels, shape).flatMap(([c, h]) => [c, h]),
    }),
    upstream: { losses: "coefficients" },
    of: { logits: "logits" },
  },
}];
