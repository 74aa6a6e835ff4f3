/** What a bench run found: printed as it comes, kept as JSON with what produced it. */
import type { Gpu } from "../lib/gpu/device.ts";
import { clockOf } from "./timing.ts";

/** One line of the report. */
export interface Row {
  readonly group: string;
  readonly name: string;
  readonly shape?: string;
  readonly ms?: number;
  readonly gbps?: number;
  readonly gflops?: number;
  /** Of the measured copy rate or the best matmul, whichever is nearer. */
  readonly share?: number;
  readonly note?: string;
}

/** Collects rows. */
export class Report {
  readonly rows: Row[] = [];

  add(row: Row): void {
    this.rows.push(row);
    const number = (value: number | undefined, unit: string, digits: number) =>
      value === undefined
        ? "".padStart(9 + unit.length)
        : `${value.toFixed(digits).padStart(9)}${unit}`;
    const share = row.share === undefined ? "" : `${(100 * row.share).toFixed(0)}%`;
    console.log(
      [
        `${row.group.padEnd(8)} ${row.name.padEnd(26)} ${(row.shape ?? "").padEnd(52)}`,
        number(row.ms, " ms", 3),
        number(row.gbps, " GB/s", 2),
        number(row.gflops, " GFLOP/s", 2),
        share.padStart(5),
        row.note ? `  ${row.note}` : "",
      ].join("").trimEnd(),
    );
  }

  /** Writes the rows beside machine, date and commit; returns the path. */
  async write(gpu: Gpu, path?: string): Promise<string> {
    const git = new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"] });
    const commit = new TextDecoder().decode((await git.output()).stdout).trim();
    const machine = {
      adapter: gpu.adapter,
      backend: gpu.backend,
      kernels: gpu.launcher.target,
      features: gpu.features,
      clock: clockOf(gpu),
      cores: navigator.hardwareConcurrency,
      deno: Deno.version.deno,
    };
    const date = new Date().toISOString().slice(0, 10);
    const adapter = gpu.adapter.replace(/\(.*/, "").trim().toLowerCase().replace(/\W+/g, "-");
    const file = path ?? new URL(`results/${date}-${adapter}.json`, import.meta.url).pathname;
    await Deno.mkdir(new URL("results/", import.meta.url), { recursive: true });
    const rows = this.rows.map((row) => `  ${JSON.stringify(row, rounded)}`).join(",\n");
    const head = JSON.stringify({ date, commit, machine }, null, 1).slice(0, -2);
    await Deno.writeTextFile(file, `${head},\n "rows": [\n${rows}\n ]\n}\n`);
    return file;
  }
}

/** Four digits tell all that a timing knows. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}
