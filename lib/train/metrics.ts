/**
 * Edge: what a run writes down of each step. `metrics.jsonl` has no times, so two runs of one recipe write the
 * same bytes; times are in `timing.jsonl`. Both are cut back to the checkpoint that a run goes on from.
 */
import { writeAll } from "../folder.ts";
import { parseObject } from "../records/record.ts";
import { reason, Refusal } from "../refusal.ts";

/** One step. */
export interface StepMetrics {
  readonly step: number;
  readonly stage: string;
  /** The stage at one block size: a warm-up over block sizes has several. */
  readonly phase: string;
  /** Tokens of a block; "row" is MDLM, "causal" plain next-token prediction. */
  readonly block: number | "row" | "causal";
  /** Mean over the step's passes. */
  readonly loss: number;
  /** What the loss is made of, and counts beside it. */
  readonly parts: Readonly<Record<string, number>>;
  readonly lr: number;
  /** Global norm before clipping. */
  readonly gradient_norm: number;
  /** Tokens of the packed rows. */
  readonly tokens: number;
  /** Tokens that were predicted. */
  readonly targets: number;
  /** Loss on the validation rows, at steps that measure it. */
  readonly validation?: number;
}

/** Times of one step. */
export interface StepTiming {
  readonly step: number;
  readonly seconds: number;
  readonly tokens_per_second: number;
}

const METRICS = "metrics.jsonl";
const TIMING = "timing.jsonl";

const NEWLINE = 10;

/** Names of a run's logs. */
const LOGS = [METRICS, TIMING] as const;

/** The logs of a run, open for appending. */
export class RunLogs {
  private constructor(private readonly files: readonly Deno.FsFile[], readonly dir: string) {}

  /** Opens the logs in `dir`, cut to these sizes; what a file lacks of its size is told as a notice. */
  static async open(
    dir: string,
    sizes: Readonly<Record<string, number>>,
    notice: (line: string) => void,
  ): Promise<RunLogs> {
    const files: Deno.FsFile[] = [];
    for (const name of LOGS) {
      const path = `${dir}/${name}`;
      try {
        const file = await Deno.open(path, { read: true, write: true, create: true });
        files.push(file);
        const wanted = sizes[name] ?? 0;
        const { size } = await file.stat();
        if (size < wanted) {
          notice(`"${path}" lost its last ${wanted - size} bytes: it goes on behind a gap`);
        }
        // Of a line that was cut nothing stays, else the next one would be its end.
        const lines = size < wanted ? (await Deno.readFile(path)).lastIndexOf(NEWLINE) + 1 : wanted;
        await file.truncate(lines);
        await file.seek(0, Deno.SeekMode.End);
      } catch (cause) {
        for (const file of files) file.close();
        throw new Refusal(`Cannot write "${path}": ${reason(cause)}`, { cause });
      }
    }
    return new RunLogs(files, dir);
  }

  /** Appends a step to both. */
  async add(metrics: StepMetrics, timing: StepTiming): Promise<void> {
    try {
      const [first, second] = this.files;
      await writeAll(first, `${JSON.stringify(metrics)}\n`);
      await writeAll(second, `${JSON.stringify(timing)}\n`);
    } catch (cause) {
      throw new Refusal(`Cannot write "${this.dir}/${METRICS}": ${reason(cause)}`, { cause });
    }
  }

  /** Puts both on the disk; their sizes in bytes, by name. */
  async sizes(): Promise<Record<string, number>> {
    const sizes: Record<string, number> = {};
    for (const [index, name] of LOGS.entries()) {
      await this.files[index].syncData();
      sizes[name] = (await this.files[index].stat()).size;
    }
    return sizes;
  }

  close(): void {
    for (const file of this.files) file.close();
  }
}

/** The steps that a run has written down; a half line at the end is left out. */
export async function readMetrics(dir: string): Promise<StepMetrics[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(`${dir}/${METRICS}`);
  } catch (cause) {
    throw new Refusal(`Cannot read "${dir}/${METRICS}": ${reason(cause)}`, { cause });
  }
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").filter(Boolean).map((line, index) =>
    parseObject(line, `"${dir}/${METRICS}:${index + 1}"`) as unknown as StepMetrics
  );
}
