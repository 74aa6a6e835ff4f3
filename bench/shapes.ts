/**
 * Steps and prefill at the published models' shapes, random weights: a few layers, the first one dense, with
 * the whole embedding and head. Bytes and operations are the budget's; rates are held against the ceilings.
 */
import type { Dispatch } from "../kernels/launch.ts";
import { formatsName, PRODUCT_FORMATS, type ProductFormats } from "../kernels/weights/weight.ts";
import { engineParts } from "../lib/diffusion/pass.ts";
import { spanRows } from "../lib/diffusion/rows.ts";
import { BufferPool, writeBuffer } from "../lib/gpu/buffers.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import { type Model, openModel } from "../lib/model/model.ts";
import { weightBytes } from "../lib/model/placement.ts";
import { shapeConfig } from "../lib/quant/shapes.ts";
import { syntheticCheckpoint } from "../lib/quant/synthetic.ts";
import { kindBudgets, stepBudget } from "./budget.ts";
import { timePrefill } from "./context.ts";
import { distinctChosen } from "./experts.ts";
import { type Ceilings, ceilings } from "./kernels.ts";
import type { Report } from "./report.ts";
import { profile } from "./profile.ts";
import { clockOf, timeDispatches } from "./timing.ts";

const BLOCK = 32;

/** Part of a machine's free memory that weights on a software device may take; what is larger is left out. */
const SOFTWARE_SHARE = 0.9;

/** Batch and context of each step, and the tokens of a prefill. */
const STEPS = [[1, 0], [4, 0], [16, 0], [1, 4096], [1, 32768 - BLOCK]] as const;
const PREFILL = 4096;

/** Formats that are timed unless told: on a CPU driver int8 activations save nothing (docs/formats.md). */
function formatsFor({ launcher }: Gpu): readonly ProductFormats[] {
  const { target } = launcher;
  return PRODUCT_FORMATS.filter(({ activations }) => target === "gpu" || activations === "f32");
}

/** Times mini and flash in the formats of these names, or in all that pay there, `layers` layers of each. */
export async function benchShapes(
  gpu: Gpu,
  report: Report,
  { layers, shapes, names }: {
    layers: number;
    shapes: readonly string[];
    names?: readonly string[];
  },
): Promise<void> {
  const best = await ceilings(gpu);
  const software = gpu.launcher.target === "cpu";
  for (const shape of shapes) {
    const { config } = shapeConfig(shape, layers);
    const wanted = names &&
      PRODUCT_FORMATS.filter((formats) => names.includes(formatsName(formats)));
    for (const { format: dtype, activations } of wanted ?? formatsFor(gpu)) {
      const name = `${shape} ${formatsName({ format: dtype, activations })}, ${layers} layers`;
      const bytes = weightBytes(config, dtype);
      if (software && bytes > SOFTWARE_SHARE * Deno.systemMemoryInfo().available) {
        const note = `not measured: ${(bytes / 2 ** 30).toFixed(1)} GiB of weights`;
        report.add({ group: "shape", name, note });
        continue;
      }
      const checkpoint = syntheticCheckpoint(config, { name: shape });
      const model = await openModel(gpu, checkpoint, { dtype, activations });
      await benchModel(model, report, { name, dtype, best });
      model.destroy();
    }
  }
}

async function benchModel(
  model: Model,
  report: Report,
  { name, dtype, best }: { name: string; dtype: ProductFormats["format"]; best: Ceilings },
): Promise<void> {
  const { gpu, config } = model;
  // On a software device a step of one layer takes a second.
  const samples = gpu.launcher.target === "cpu" ? 1 : 3;
  for (const [batch, context] of STEPS) {
    const pool = new BufferPool(gpu);
    const parts = await engineParts(model, { slots: batch }, pool);
    const rows = batch * BLOCK;
    const shape = `step, batch=${batch} context=${context}`;
    if (rows > parts.logitRows) {
      const note =
        `not measured: the adapter's bindings hold logits of ${parts.logitRows} rows a pass`;
      report.add({ group: "shape", name, shape, note });
      pool.destroy();
      continue;
    }
    const to = context + BLOCK;
    const spans = Array.from({ length: batch }, (_, slot) => {
      // Other tokens in each record: equal ones choose the same experts.
      const tokens = Uint32Array.from({ length: to }, (_, i) => 100 + BLOCK * slot + i);
      parts.kv.allocate(slot, to);
      return [...spanRows(tokens, { slot, blockLength: BLOCK, from: context, to })];
    });
    writeBuffer(gpu, parts.buffers.rows, { data: Uint32Array.from(spans.flat()) });
    writeBuffer(gpu, parts.buffers.live, { data: Uint32Array.of(rows, rows, 0, 0) });
    const experts = await distinctChosen(parts, { rows, config });
    const timing = { rows, keys: to, targetMs: 60, samples };
    const whole = [...parts.forward, ...parts.greedy];
    const times = await timeDispatches(gpu, whole, timing);
    const ms = times[clockOf(gpu)];
    const { weightBytes, cacheBytes, flops } = stepBudget(config, {
      dtype,
      rows,
      context,
      experts,
    });
    const [gbps, gflops] = [(weightBytes + cacheBytes) / ms / 1e6, flops / ms / 1e6];
    const share = Math.max(gbps / best.gbps, gflops / best.gflops);
    const note = `${experts.toFixed(0)} distinct experts a layer`;
    report.add({ group: "shape", name, shape, ms, gbps, gflops, share, note });
    if (batch === 1 && gpu.launcher.target === "gpu") {
      // As decoding encodes it: with workgroups for the commit of the block before.
      const roomy = { ...timing, rows: 2 * rows, usual: rows };
      const draw = parts.greedy.map(({ label, encode }): Dispatch => ({
        label,
        encode: (pass, most, keys, usual = most) => encode(pass, usual, keys),
      }));
      const { wall } = await timeDispatches(gpu, [...parts.forward, ...draw], roomy);
      const room = `${shape}, room for ${2 * rows} rows`;
      report.add({ group: "shape", name, shape: room, ms: wall });
      const budgets = kindBudgets(config, { dtype, rows, context, experts });
      await profile(gpu, report, { name, shape, dispatches: whole, rows, keys: to, budgets });
    }
    pool.destroy();
  }
  const pool = new BufferPool(gpu);
  const parts = await engineParts(model, { slots: 1 }, pool);
  const ms = await timePrefill(parts, PREFILL);
  const shape = `prefill, ${PREFILL} tokens`;
  report.add({ group: "shape", name, shape, ms });
  if (gpu.launcher.target === "gpu") {
    const rows = parts.prefillRows;
    const dispatches = parts.forward;
    const last = `the last ${rows} tokens of a ${shape}`;
    const budgets = kindBudgets(config, { dtype, rows, context: PREFILL - rows });
    await profile(gpu, report, { name, shape: last, dispatches, rows, keys: PREFILL, budgets });
  }
  pool.destroy();
}
