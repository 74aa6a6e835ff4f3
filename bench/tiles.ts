/**
 * Tiles of a GPU's matmuls and of its attention side by side, at mini's shapes: rows of one block and of a long
 * prompt, weights larger than the caches. What suits another GPU than the one they were chosen on shows here.
 */
import { exampleGroups, matmulKernel, type MatmulOptions } from "../kernels/matmul/matmul.ts";
import { PAIR_ROWS } from "../kernels/matmul/matmul_rows.ts";
import type { TeamTile } from "../kernels/matmul/matmul_tiles.ts";
import { liveRows, uniform } from "../kernels/spec.ts";
import {
  bytesOfRow,
  formatsName,
  type ProductFormats,
  rowBytes,
  type Weight,
  wholeWeight,
} from "../kernels/weights/weight.ts";
import { BufferPool, writeBuffer } from "../lib/gpu/buffers.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import { benchAttentionTiles } from "./attention_tiles.ts";
import { type Ceilings, ceilings } from "./kernels.ts";
import type { Report } from "./report.ts";
import * as lists from "./tile_lists.ts";
import { manyRowsKernel } from "./many_rows.ts";
import { timeDispatches } from "./timing.ts";

/** Weights of a dense matmul that are read in turn, so that no cache holds them. */
const COPIES = 20;

/** How an expert matmul finds its rows, and how many times its rows it has workgroups for. */
interface Finding {
  readonly pairs: boolean;
  readonly room: number;
}

/** Tiles of two rows are a decoding step's, which has workgroups for twice the rows. */
function findings({ TM }: TeamTile, index: number): readonly Finding[] {
  const usual = { pairs: TM === PAIR_ROWS, room: 1 };
  const [roomy, listed] = [{ ...usual, room: 2 }, { ...usual, pairs: false }];
  return index === 0 && usual.pairs ? [usual, roomy, listed] : [usual];
}

/** Times each tile is timed. */
const TURNS = 3;

/** Choices of a row: 8 of 256 experts and a shared one. */
const [EXPERT_COUNT, CHOICES] = [257, 9];

/**
 * Times every tile of every shape, or of those whose name holds `match`, the ones that decide most first; only on
 * a GPU, since CPU drivers have loops of their own.
 */
export async function benchTiles(gpu: Gpu, report: Report, match = ""): Promise<void> {
  if (gpu.launcher.target === "cpu") {
    report.add({ group: "tiles", name: "matmul", note: "not measured: a CPU driver" });
    return;
  }
  const best = await ceilings(gpu);
  const dense = async (
    formats: ProductFormats,
    shape: [number, number, number],
    list: TeamTile[],
  ) => {
    const name = `matmul ${formatsName(formats)}`;
    if (name.includes(match)) await benchDense(gpu, report, { name, formats, shape, list, best });
  };
  const experts = async (formats: ProductFormats, rows: number, list: TeamTile[]) => {
    for (const side of ["up", "down"] as const) {
      const name = `experts ${side} ${formatsName(formats)}`;
      const trial = { name, formats, side, rows, list, best };
      if (name.includes(match)) await benchSide(gpu, report, trial);
    }
  };
  if ("attention f16".includes(match)) await benchAttentionTiles(gpu, report, best);
  await experts(of("q4"), 32, lists.EXPERTS);
  await experts(of("q4", "int8"), 32, lists.INT8_EXPERTS);
  for (const n of [3072, 2048]) {
    await dense(of("q8"), [32, 2048, n], lists.FEW);
    await dense(of("q8", "int8"), [32, 2048, n], lists.INT8);
  }
  await dense(of("f32"), [32, 2048, 256], lists.NARROW);
  await dense(of("f32"), [1024, 2048, 2048], lists.MANY);
  await dense(of("q8"), [32, 2048, 157_184], lists.MANY);
  await dense(of("q8", "int8"), [32, 2048, 157_184], lists.INT8_MANY);
  await dense(of("f16"), [32, 2048, 3072], lists.FEW);
  await dense(of("q8"), [1024, 2048, 3072], lists.MANY);
  await dense(of("q8", "int8"), [1024, 2048, 3072], lists.INT8_MANY);
  await experts(of("q8"), 32, lists.EXPERTS);
  await experts(of("f16"), 32, lists.EXPERTS);
  await experts(of("q4"), 1024, lists.EXPERTS_MANY);
  await experts(of("q4", "int8"), 1024, lists.INT8_EXPERTS_MANY);
}

function of(
  format: ProductFormats["format"],
  activations: ProductFormats["activations"] = "f32",
): ProductFormats {
  return { format, activations };
}

interface Shared {
  readonly name: string;
  readonly formats: ProductFormats;
  readonly list: readonly TeamTile[];
  readonly best: Ceilings;
}

/** A tile of teams or another kernel, what it multiplies in turn, and what else is to be said of it. */
interface Trial {
  readonly teams?: TeamTile;
  readonly kernel?: typeof manyRowsKernel;
  readonly calls: readonly MatmulOptions[];
  readonly rows: number;
  readonly note?: string;
}

async function benchDense(
  gpu: Gpu,
  report: Report,
  { name, formats, shape: [rows, k, n], list, best }: Shared & { shape: [number, number, number] },
): Promise<void> {
  const pool = new BufferPool(gpu);
  const copies = Math.max(1, Math.ceil(COPIES * 32 * 3072 / (rows * Math.max(n, 3072))));
  const weights = Array.from(
    { length: copies },
    () => weight(pool, { ...formats, rows: n, columns: k }),
  );
  const shared = {
    label: "matmul",
    live: upload(pool, liveRows(rows)),
    x: upload(pool, uniform(rows * k, 1)),
    y: pool.empty("y", 4 * rows * n),
  };
  const calls = weights.map((w) => ({ ...shared, w }));
  const trials: Pick<Trial, "teams" | "kernel" | "note">[] = list.map((teams) => ({ teams }));
  if (rows > 64 && formats.activations === "f32") {
    trials.push({
      kernel: manyRowsKernel,
      note: "64 rows by 128 weight rows (bench/many_rows.wgsl)",
    });
  }
  await benchTrials(gpu, report, {
    best,
    name,
    shape: `m=${rows} k=${k} n=${n}`,
    bytes: n * bytesOfRow(formats.format, k),
    flops: 2 * rows * k * n,
    trials: trials.map((trial) => ({ ...trial, rows, calls })),
  });
  pool.destroy();
}

async function benchSide(
  gpu: Gpu,
  report: Report,
  { name, formats, side, rows, list, best }: Shared & { side: "up" | "down"; rows: number },
): Promise<void> {
  const pool = new BufferPool(gpu);
  const [hidden, width] = [2048, 512];
  const [n, k] = side === "up" ? [2 * width, hidden] : [hidden, width];
  const assignments = rows * CHOICES;
  const shared = {
    label: `experts ${side}`,
    live: upload(pool, liveRows(rows)),
    x: upload(pool, uniform((side === "up" ? rows : assignments) * k, 1)),
    y: pool.empty("y", 4 * assignments * (side === "up" ? width : hidden)),
    w: weight(pool, { ...formats, rows: n, columns: k, experts: EXPERT_COUNT }),
    pair: side === "up",
  };
  const routing = upload(pool, uniform(assignments, 2));
  const chosen = independentChoices(rows);
  const distinct = new Set(chosen).size;
  const trials = list.flatMap((teams, index) => {
    const { TM } = teams;
    const made = exampleGroups(assignments, EXPERT_COUNT, TM, chosen);
    const groups = {
      order: upload(pool, made.order),
      tiles: upload(pool, made.tiles),
      routing,
      choices: CHOICES,
      tileRows: TM,
      side,
    };
    return findings(teams, index).map(({ pairs, room }): Trial => {
      const found = upload(pool, new Uint32Array(4 * room * assignments));
      writeBuffer(gpu, found, { data: made.pairs });
      const by = pairs ? { chosen: upload(pool, made.chosen), found } : undefined;
      const note = `rows by ${pairs ? "choices" : "lists"}, workgroups for ${room * rows}`;
      return {
        teams,
        rows: room * rows,
        note,
        calls: [{ ...shared, groups: { ...groups, pairs: by } }],
      };
    });
  });
  await benchTrials(gpu, report, {
    best,
    trials,
    name,
    shape: `rows=${rows} distinct=${distinct}`,
    bytes: distinct * n * bytesOfRow(formats.format, k),
    flops: 2 * assignments * n * k,
  });
  pool.destroy();
}

async function benchTrials(
  gpu: Gpu,
  report: Report,
  { trials, best, name, shape, bytes, flops }: Pick<Shared, "best" | "name"> & {
    readonly trials: readonly Trial[];
    readonly shape: string;
    readonly bytes: number;
    readonly flops: number;
  },
): Promise<void> {
  const prepared = await Promise.all(trials.map(async (trial) => {
    const { calls, teams, kernel = matmulKernel } = trial;
    const kernels = calls.map((call) => kernel(gpu.launcher, { ...call, teams }));
    return { ...trial, dispatches: (await Promise.all(kernels)).flat(), ms: Infinity };
  }));
  // In turns: a device's clock may change while they are timed.
  for (let turn = 0; turn < TURNS; turn++) {
    for (const trial of prepared) {
      const timing = { rows: trial.rows, targetMs: 15, samples: 2, heatMs: 50 };
      const { wall } = await timeDispatches(gpu, trial.dispatches, timing);
      trial.ms = Math.min(trial.ms, wall / trial.calls.length);
    }
  }
  for (const { teams, ms, note } of prepared) {
    const [gbps, gflops] = [bytes / ms / 1e6, flops / ms / 1e6];
    const share = Math.max(gbps / best.gbps, gflops / best.gflops);
    const all = [teams && told(teams), note].filter(Boolean).join("; ");
    report.add({ group: "tiles", name, shape, ms, gbps, gflops, share, note: all });
  }
}

function told({ TM, lanes, NW, guarded, ahead }: TeamTile): string {
  return `${TM} rows, ${guarded} skipped together, ${lanes} lanes, ${NW} weight rows a team, ${ahead} loads ahead`;
}

/** Experts of each row in turn: others than its own each time, and the shared one. */
function independentChoices(rows: number): number[] {
  const random = uniform(64 * rows * CHOICES, 3);
  let at = 0;
  return Array.from({ length: rows }, () => {
    const mine = new Set<number>();
    while (mine.size < CHOICES - 1) {
      mine.add(Math.floor((random[at++] + 1) / 2 * (EXPERT_COUNT - 1)) % (EXPERT_COUNT - 1));
    }
    return [...mine, EXPERT_COUNT - 1];
  }).flat();
}

function upload(pool: BufferPool, data: ArrayBufferView<ArrayBuffer>): GPUBuffer {
  return pool.upload("tiles", data);
}

/** Random codes, or small numbers all alike. */
function weight(
  pool: BufferPool,
  shape: ProductFormats & { rows: number; columns: number; experts?: number },
): Weight {
  const { format, rows, columns, experts = 1 } = shape;
  const { values, scales } = rowBytes(format, columns);
  const filled = (bytes: number, part: Uint8Array<ArrayBuffer>) => {
    const buffer = pool.empty("weights", bytes);
    for (let at = 0; at < bytes; at += part.length) {
      const data = part.subarray(0, Math.min(part.length, bytes - at));
      writeBuffer(pool.gpu, buffer, { data, offset: at });
    }
    return buffer;
  };
  const halves = new Uint8Array(new Uint16Array(1 << 19).fill(0x1c00).buffer); // 2 ** -8 in float16
  const floats = new Uint8Array(new Float32Array(1 << 18).fill(2 ** -8).buffer);
  const codes = new Uint8Array(1 << 20);
  for (let at = 0; at < codes.length; at += 65536) {
    crypto.getRandomValues(codes.subarray(at, at + 65536));
  }
  const part = format === "f32" ? floats : format === "f16" ? halves : codes;
  return wholeWeight(filled(experts * rows * values, part), {
    ...shape,
    scales: scales > 0 ? filled(experts * rows * scales, halves) : undefined,
  });
}
