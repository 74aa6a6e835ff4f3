import assert from "@std/assert";
import { exampleGroups, matmulKernel } from "../../../kernels/matmul/matmul.ts";
import type { Groups } from "../../../kernels/matmul/matmul_rows.ts";
import { FEW_CPU_ROWS, type TeamTile } from "../../../kernels/matmul/matmul_tiles.ts";
import { liveRows, uniform } from "../../../kernels/spec.ts";
import {
  type ActivationFormat,
  decodeRows,
  encodeRows,
  WEIGHT_FORMATS,
  type WeightFormat,
  wholeWeight,
} from "../../../kernels/weights/weight.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import { type Gpu, openGpu } from "../../../lib/gpu/device.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

/** A row of whole blocks, and one that ends inside a block. */
const WIDTHS = [96, 72];
const N = 52;

/** Rows that are computed together, and rows of a tile where they are an expert's. */
const COMPANY = [[1, undefined], [2, undefined], [1, 2], [3, 4], [17, 8], [40, undefined]] as const;

/** One seeded matrix as it is stored in `format`. */
const stored = (format: WeightFormat, k: number) => encodeRows(uniform(N * k, 2), format, k);

interface Product {
  readonly rows: number;
  readonly k: number;
  readonly format: WeightFormat;
  readonly activations?: ActivationFormat;
  /** Changes x before the run. */
  readonly spoil?: (x: Float32Array) => void;
  /** Rows of a tile, as those of one expert. */
  readonly tile?: number;
  readonly teams?: TeamTile;
  /** Multiply by the float32 values that the stored ones stand for. */
  readonly decoded?: boolean;
}

/** Rows in order as one expert's, in tiles of `tileRows`. */
function oneExpert(pool: BufferPool, rows: number, tileRows: number): Groups {
  const upload = (name: string, data: ArrayBufferView<ArrayBuffer>) => pool.upload(name, data);
  const { order, tiles } = exampleGroups(rows, 1, tileRows);
  return {
    order: upload("order", order),
    tiles: upload("tiles", tiles),
    routing: upload("routing", new Float32Array(rows)),
    choices: 1,
    tileRows,
    side: "up",
  };
}

/** y of the first rows of one seeded matrix. */
async function product(gpu: Gpu, options: Product): Promise<Uint32Array> {
  const { rows, k, activations, tile, teams, decoded = false } = options;
  const pool = new BufferPool(gpu);
  const y = pool.empty("y", 4 * rows * N);
  const format = decoded ? "f32" : options.format;
  const { values, scales } = decoded
    ? { values: decodeRows(stored(options.format, k), options.format, k) }
    : stored(format, k);
  const x = uniform(40 * k, 1);
  options.spoil?.(x);
  const dispatches = await matmulKernel(gpu.launcher, {
    label: "matmul",
    live: pool.upload("live", liveRows(rows)),
    x: pool.upload("x", x),
    w: wholeWeight(pool.upload("w", values), {
      format,
      activations,
      rows: N,
      columns: k,
      scales: scales && pool.upload("scales", scales),
    }),
    y,
    teams,
    few: rows <= FEW_CPU_ROWS,
    groups: tile === undefined ? undefined : oneExpert(pool, rows, tile),
  });
  submitPass(gpu, dispatches, rows);
  const bits = new Uint32Array(await readBuffer(gpu, y, { bytes: 4 * rows * N }));
  pool.destroy();
  return bits;
}

withGpu(
  "matmul gives a row the same bits in any tile, loop, format and company",
  { target: "cpu" },
  async (cpu) => {
    for (const target of ["cpu", "gpu"] as const) {
      for (const features of [undefined, []]) {
        const gpu = await openGpu({ target, features, selfChecks: [] });
        const first = target === "cpu" ? cpu : gpu; // loops of CPU drivers and of GPUs add in other orders
        try {
          for (const format of WEIGHT_FORMATS) {
            for (const k of WIDTHS) {
              const wanted = await product(first, { rows: 40, k, format, decoded: true });
              for (const [rows, tile] of COMPANY) {
                const found = await product(gpu, { rows, k, format, tile });
                const where = `${format}, k ${k}, ${target}, ${
                  features ?? "all features"
                }, ${rows} rows`;
                assert.deepEqual(found, wanted.subarray(0, rows * N), where);
              }
            }
          }
        } finally {
          gpu.destroy();
        }
      }
    }
  },
);

/** Rows, lanes, weight rows of a team, rows skipped together, and loads ahead. */
const TEAMS = [
  [4, 64, 1, 2, 1],
  [4, 64, 1, 4, 4],
  [2, 128, 1, 2, 2],
  [2, 128, 2, 1, 3],
  [8, 64, 4, 4, 1],
  [16, 128, 4, 16, 1],
  [8, 128, 8, 8, 1],
  [12, 128, 6, 12, 1],
];

/** Formats of weights in blocks and of x. */
const INT8 = [["q8", "int8"], ["q4", "int8"]] as const;

withGpu("matmul gives a row the same bits by any teams", { target: "gpu" }, async (gpu) => {
  const exact = WEIGHT_FORMATS.map((format) => [format, "f32"] as const);
  for (const [format, activations] of [...exact, ...INT8]) {
    const shape = { rows: 39, k: 328, format, activations }; // more than a step, and no whole number of blocks
    const wanted = await product(gpu, shape);
    for (const [TM, lanes, NW, guarded, ahead] of TEAMS) {
      const found = await product(gpu, { ...shape, teams: { TM, lanes, NW, guarded, ahead } });
      const where =
        `${format}, ${activations}, ${TM} rows, ${lanes} lanes, ${NW} weight rows, ${ahead} ahead`;
      assert.deepEqual(found, wanted, where);
    }
  }
});

withGpu("int8 rows are the same bits on any target, in any tile and company", {}, async (gpu) => {
  for (const [format, activations] of INT8) {
    for (const k of WIDTHS) {
      const wanted = await product(gpu, { rows: 40, k, format, activations });
      for (const options of [{ target: "cpu", features: [] }, { target: "gpu" }] as const) {
        const other = await openGpu({ ...options, selfChecks: [] });
        for (const [rows, tile] of COMPANY) {
          const found = await product(other, { rows, k, format, activations, tile });
          const where = `${format}, k ${k}, ${options.target} shape, ${rows} rows`;
          assert.deepEqual(found, wanted.subarray(0, rows * N), where);
        }
        other.destroy();
      }
    }
  }
});

withGpu("int8 rows show what is not finite, and others nothing of it", {}, async (gpu) => {
  for (const [format, activations] of INT8) {
    const shape = { rows: 9, k: 96, format, activations };
    const wanted = await product(gpu, shape);
    for (const odd of [NaN, Infinity, -Infinity]) {
      const spoil = (x: Float32Array) => x.set([odd], 3 * 96 + 5);
      const found = await product(gpu, { ...shape, spoil });
      const values = new Float32Array(found.buffer, 0, found.length);
      assert.ok(
        values.subarray(3 * N, 4 * N).every((y) => !Number.isFinite(y)),
        `${format} ${odd}`,
      );
      found.set(wanted.subarray(3 * N, 4 * N), 3 * N);
      assert.deepEqual(found, wanted, `${format} ${odd}`);
    }
  }
});

withGpu("int8 rows of zeros and of tiny values give zeros", {}, async (gpu) => {
  for (const [format, activations] of INT8) {
    const spoil = (x: Float32Array) => x.fill(0, 0, 96).fill(1e-38, 96);
    const found = await product(gpu, { rows: 2, k: 96, format, activations, spoil });
    assert.deepEqual(new Float32Array(found.buffer), new Float32Array(2 * N), format);
  }
});
