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

/** Collects rows. With a path they are kept there as they come, so that a run that is stopped keeps what it has. */
export class Report {
  readonly rows: Row[] = [];
  readonly #head: string;

  constructor(gpu: Gpu, private readonly path?: string) {
    this.#head = headOf(gpu);
  }

  add(row: Row): void {
    this.rows.push(row);
    if (this.path !== undefined) this.write(this.path);
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

  /** Writes the rows beside machine, date and commit. */
  write(path: string): void {
    const rows = this.rows.map((row) => `  ${JSON.stringify(row, rounded)}`).join(",\n");
    Deno.writeTextFileSync(path, `${this.#head},\n "rows": [\n${rows}\n ]\n}\n`);
  }
}

/** The path of a whole run's rows. */
export function resultPath(gpu: Gpu): string {
  const adapter = gpu.adapter.replace(/\(.*/, "").trim().toLowerCase().replace(/\W+/g, "-");
  return new URL(`results/${today()}-${adapter}.json`, import.meta.url).pathname;
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** All but the rows, as JSON without its end. */
function headOf(gpu: Gpu): string {
  const machine = {
    adapter: gpu.adapter,
    backend: gpu.backend,
    kernels: gpu.launcher.target,
    features: gpu.features,
    clock: clockOf(gpu),
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
  };
  return JSON.stringify({ date: today(), commit: commitOf(), machine }, null, 1).slice(0, -2);
}

/** The checkout's commit; empty where there is no git. */
function commitOf(): string {
  try {
    const git = new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"] });
    return new TextDecoder().decode(git.outputSync().stdout).trim();
  } catch {
    return "";
  }
}

/** Four digits tell all that a timing knows. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}
