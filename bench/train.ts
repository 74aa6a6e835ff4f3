/**
 * A whole training step of nano in its parts, the same step in PyTorch in turns with it, and the step kernel
 * by kernel. Rates are of the operations that `passProducts` counts.
 */
import { lines } from "../cli/itself.ts";
import type { Dispatch } from "../kernels/launch.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import { type Checkpoint, openCheckpoint } from "../lib/model/checkpoint.ts";
import type { ModelConfig } from "../lib/model/config.ts";
import { noisyCopies } from "../lib/train/noise.ts";
import { buildBatch, type PackedRow, type TrainBatch } from "../lib/train/streams.ts";
import { openTrainer, type Trainer } from "../lib/train/trainer.ts";
import { passProducts, type Product } from "./budget.ts";
import { type Ceilings, ceilings } from "./kernels.ts";
import type { Report } from "./report.ts";
import { clockOf, timeDispatches } from "./timing.ts";
import {
  type Part,
  PARTS,
  type Stepper,
  type TimedStep,
  torchSteps,
  trainerSteps,
} from "./train_steps.ts";

const NANO = new URL("../models/nano/", import.meta.url);

/** Packed rows of a step, their tokens, and those of the prompt. */
const ROWS = 32;
const LENGTH = 64;
const PROMPT = 28;

/** Timed steps. One before them compiles and fills caches. */
const ROUNDS = 4;

const OPTIMIZER = {
  lr: 1e-4,
  beta1: 0.9,
  beta2: 0.98,
  eps: 1e-8,
  weightDecay: 0.05,
  maxGradNorm: 1,
};

const CASES: Readonly<Record<string, number | "causal">> = {
  "AR": "causal",
  "block 32, pair": 32,
  "block 4, pair": 4,
};

/** Bytes of a weight that the optimizer touches: the norm reads g, AdamW all and writes w, m, v; g is cleared. */
const OPTIMIZER_BYTES = 4 + 28 + 4;

/** Times each case, beside torch's if `python` has it; then the kernels of one. */
export async function benchTrain(gpu: Gpu, report: Report, python: string): Promise<void> {
  const best = await ceilings(gpu);
  const checkpoint = await openCheckpoint(NANO.pathname);
  const packed = await packedItems(checkpoint.config);
  for (const [name, block] of Object.entries(CASES)) {
    const batch = batchOf(packed, { block, mask: checkpoint.config.maskTokenId! });
    const trainer = await openNano(gpu, checkpoint, batch);
    const torch = await torchSteps(python, {
      batch,
      checkpoint: NANO.pathname,
      optimizer: OPTIMIZER,
    });
    const ours = trainerSteps(trainer, batch, OPTIMIZER);
    const peers = typeof torch === "string" ? [] : [torch];
    const shape = `T=${batch.count} M=${batch.targetRows.length}`;
    await benchSteps([ours, ...peers], report, { name, shape, cost: costOf(trainer, batch), best });
    if (typeof torch === "string") {
      report.add({ group: "train", name: `torch: ${name}`, note: `not measured: ${torch}` });
    }
    if (block === 32) await benchKernelsOf(trainer, report, { batch, shape, best });
    trainer.destroy();
  }
  checkpoint.close();
}

/** Rows as in training: a prompt (its end), its answer, and the end of text that fills the row. */
async function packedItems({ padTokenId }: ModelConfig): Promise<PackedRow[]> {
  const text = await Deno.readTextFile(new URL("items.jsonl", NANO));
  const items = lines<{ prompt_tokens: number[]; greedy_tokens: number[] }>(text);
  const step = Math.floor(items.length / ROWS);
  return Array.from({ length: ROWS }, (_, row) => {
    const { prompt_tokens: prompt, greedy_tokens: answer } = items[row * step];
    const tokens = new Uint32Array(LENGTH).fill(padTokenId);
    tokens.set([...prompt.slice(-PROMPT), ...answer].slice(0, LENGTH));
    return {
      tokens,
      documents: new Uint32Array(LENGTH),
      maskable: Uint8Array.from(tokens, (_, at) => at >= PROMPT ? 1 : 0),
    };
  });
}

function batchOf(
  packed: readonly PackedRow[],
  { block, mask }: { block: number | "causal"; mask: number },
): TrainBatch {
  const options = { block, documentMask: true, mask };
  if (block === "causal") return buildBatch(packed, [], options);
  const copies = packed.flatMap((row, number) =>
    noisyCopies(row, number, {
      bandwidth: [0.1, 1],
      ratioBlock: block,
      complementary: true,
      mask,
      ordinary: [0, mask],
      key: { seed: 1, step: 0, row: number },
    })
  );
  return buildBatch(packed, copies, options);
}

function openNano(
  gpu: Gpu,
  checkpoint: Checkpoint,
  { count, targetRows }: TrainBatch,
): Promise<Trainer> {
  return openTrainer(gpu, checkpoint.config, {
    tensors: { values: (name) => checkpoint.readF32(name) },
    rows: count,
    targets: targetRows.length,
    length: LENGTH,
  });
}

/** What a step has to do: operations by part, bytes of the optimizer, rows. */
interface Cost {
  readonly clock: "cpu" | "wall";
  readonly flops: Readonly<Record<Part, number>>;
  readonly bytes: number;
  readonly rows: number;
}

function costOf({ config, gpu, bytes }: Trainer, batch: TrainBatch): Cost {
  const products = Object.values(productsOf(config, batch)).reduce((a, b) => a + b);
  return {
    clock: clockOf(gpu),
    flops: { forward: 2 * products, backward: 4 * products, optimizer: 0 },
    bytes: OPTIMIZER_BYTES / 4 * bytes.weights,
    rows: batch.count,
  };
}

function productsOf(config: ModelConfig, { count, targetRows, spans }: TrainBatch) {
  let pairs = 0;
  for (let at = 0; at < spans.length; at += 2) pairs += spans[at + 1] - spans[at];
  return passProducts(config, { rows: count, targets: targetRows.length, pairs });
}

/** Steps of all sides in turns, so that they meet the same load; the least time of each part counts. */
async function benchSteps(
  sides: readonly Stepper[],
  report: Report,
  { name, shape, cost, best }: { name: string; shape: string; cost: Cost; best: Ceilings },
): Promise<void> {
  const steps = sides.map((): TimedStep[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, side] of sides.entries()) steps[index].push(await side.step());
  }
  const { clock, flops, bytes, rows } = cost;
  for (const [index, side] of sides.entries()) {
    await side.close();
    const made = steps[index].slice(1);
    const least = (part: Part) => Math.min(...made.map((step) => step[part][clock]));
    const row = (part: string, ms: number, operations: number) => {
      const gflops = operations / ms / 1e6;
      const share = gflops / best.gflops;
      return {
        group: "train",
        name: `${side.name}: ${name}`,
        shape: `${part}, ${shape}`,
        ms,
        gflops,
        share,
      };
    };
    for (const part of PARTS) {
      const ms = least(part);
      const gbps = bytes / ms / 1e6;
      const moved = { gbps, gflops: undefined, share: gbps / best.gbps };
      report.add({ ...row(part, ms, flops[part]), ...part === "optimizer" && moved });
    }
    const ms = PARTS.reduce((sum, part) => sum + least(part), 0);
    const rate = (count: number) => (1e3 * count / ms).toFixed(0);
    const walls = made.map((step) => PARTS.reduce((sum, part) => sum + step[part].wall, 0));
    const notes = [
      `${rate(ROWS * LENGTH)} clean tokens, ${rate(rows)} rows a ${clock} second`,
      `wall ${Math.min(...walls).toFixed(0)} ms at load ${Deno.loadavg()[0].toFixed(1)}`,
      ...index > 0 ? [agreement(steps[0], steps[index])] : [],
    ];
    const operations = flops.forward + flops.backward;
    report.add({ ...row("step", ms, operations), note: notes.join("; ") });
  }
}

/** How far two sides' losses and gradient norms lie apart: in the first step, and over all of them. */
function agreement(ours: readonly TimedStep[], theirs: readonly TimedStep[]): string {
  const apart = (index: number) => Math.abs(ours[index].loss - theirs[index].loss);
  const norm = Math.abs(theirs[0].gradientNorm / ours[0].gradientNorm - 1);
  const most = Math.max(...ours.map((_, index) => apart(index)));
  return `loss ${ours[0].loss.toFixed(4)} apart by ${apart(0).toExponential(1)}, after ${
    ours.length - 1
  } steps by at most ${most.toExponential(1)}, gradient norm by ${norm.toExponential(1)} of it`;
}

/** The product that a kernel of the trainer computes, and how often; others only move bytes. */
const KERNEL_PRODUCTS: readonly (readonly [RegExp, Product])[] = [
  [/^qkv$|^attention\.query_key_value/, "qkv"],
  [/^attention( gradient)?$/, "attention"],
  [/^(attention\.)?dense/, "projection"],
  [/^mlp\.up/, "dense up"],
  [/^mlp\.down/, "dense down"],
  [/^mlp\.(router|gate)/, "router"],
  [/^mlp\.experts\.up/, "experts up"],
  [/^mlp\.experts\.down/, "experts down"],
  [/^lm_head/, "head"],
];

/** A kernel's name without its layer; the optimizer's kernels are one for all tensors. */
function kernelName(part: Part, label: string): string {
  return part === "optimizer"
    ? label.split(" ").at(-1)!
    : label.replace(/^model\.layers\.\d+\./, "");
}

/**
 * Each kernel of a step, all of its dispatches together. They run on what the last step left and spoil it:
 * the trainer is of no use afterwards.
 */
async function benchKernelsOf(
  trainer: Trainer,
  report: Report,
  { batch, shape, best }: { batch: TrainBatch; shape: string; best: Ceilings },
): Promise<void> {
  await trainer.forward(batch);
  const kernels = new Map<string, { rows: number; dispatches: Dispatch[] }>();
  for (const { part, rows, dispatches } of trainer.kernels(batch)) {
    for (const dispatch of dispatches) {
      const name = kernelName(part, dispatch.label);
      const kernel = kernels.get(name) ?? { rows, dispatches: [] };
      kernel.dispatches.push(dispatch);
      kernels.set(name, kernel);
    }
  }
  const products = productsOf(trainer.config, batch);
  const found: { name: string; count: number; ms: number; gflops?: number }[] = [];
  for (const [name, { rows, dispatches }] of kernels) {
    const times = await timeDispatches(trainer.gpu, dispatches, { rows, targetMs: 20 });
    const ms = times[clockOf(trainer.gpu)];
    const product = KERNEL_PRODUCTS.find(([pattern]) => pattern.test(name))?.[1];
    const operations = product && (name.endsWith("attention gradient") ? 4 : 2) * products[product];
    found.push({
      name,
      count: dispatches.length,
      ms,
      gflops: operations && operations / ms / 1e6,
    });
  }
  const whole = found.reduce((sum, { ms }) => sum + ms, 0);
  for (const { name, count, ms, gflops } of found.toSorted((a, b) => b.ms - a.ms)) {
    report.add({
      group: "train kernel",
      name,
      shape: `${count} dispatches, ${shape}`,
      ms,
      gflops,
      share: gflops && gflops / best.gflops,
      note: `${(100 * ms / whole).toFixed(1)}% of a step`,
    });
  }
}
