/** Training steps that are timed: our own, and PyTorch's in a process that makes one whenever asked. */
import { readJsonl } from "../lib/records/jsonl.ts";
import { meanObjective } from "../lib/train/objectives.ts";
import type { TrainBatch } from "../lib/train/streams.ts";
import type { StepOptions, Trainer } from "../lib/train/trainer.ts";
import { cpuMs } from "./timing.ts";

/** Milliseconds, by either clock. */
export interface Times {
  readonly cpu: number;
  readonly wall: number;
}

/** The parts of a step. */
export const PARTS = ["forward", "backward", "optimizer"] as const;

/** One of `PARTS`. */
export type Part = typeof PARTS[number];

/** A step's times, and what shows that others made the same step. */
export interface TimedStep extends Readonly<Record<Part, Times>> {
  readonly loss: number;
  readonly gradientNorm: number;
}

/** What makes steps on one pass. */
export interface Stepper {
  readonly name: string;
  step(): Promise<TimedStep>;
  close(): Promise<void>;
}

/** The trainer's steps; `close` leaves it open. */
export function trainerSteps(trainer: Trainer, batch: TrainBatch, options: StepOptions): Stepper {
  const done = () => trainer.gpu.device.queue.onSubmittedWorkDone();
  return {
    name: "ours",
    async step() {
      const [stats, forward] = await timed(() => trainer.forward(batch));
      const { loss, coefficients } = meanObjective(batch, stats);
      const [, backward] = await timed(() => {
        trainer.backward(coefficients);
        return done();
      });
      const [{ gradientNorm }, optimizer] = await timed(async () => {
        const norm = await trainer.step(options);
        await done();
        return norm;
      });
      trainer.gpu.check();
      return { forward, backward, optimizer, loss, gradientNorm };
    },
    close: () => Promise.resolve(),
  };
}

async function timed<V>(run: () => Promise<V>): Promise<[V, Times]> {
  const [cpu, wall] = [cpuMs(), performance.now()];
  const value = await run();
  return [value, { cpu: cpuMs() - cpu, wall: performance.now() - wall }];
}

/**
 * Steps of bench/torch_train.py on the same pass, by an interpreter that has torch; else why not. One
 * thread: CPU time is what is compared where the device is the CPU, and threads that wait spend it.
 */
export async function torchSteps(
  python: string,
  { batch, checkpoint, optimizer }: {
    batch: TrainBatch;
    checkpoint: string;
    optimizer: StepOptions;
  },
): Promise<Stepper | string> {
  const every = (stride: number, from: number) =>
    Array.from({ length: batch.count }, (_, row) => batch.rows[stride * row + from]);
  const file = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(
    file,
    JSON.stringify({
      checkpoint,
      optimizer,
      row: every(4, 0),
      position: every(4, 1),
      token: every(4, 2),
      spans: [...batch.spans],
      targets: [...batch.targetRows],
      labels: [...batch.labels],
    }),
  );
  const script = new URL("torch_train.py", import.meta.url).pathname;
  const child = new Deno.Command(python, {
    args: [script, file],
    env: { OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const problem = new Response(child.stderr).text();
  const lines = readJsonl(child.stdout, { source: "torch_train.py" });
  const asked = child.stdin.getWriter();
  const close = async () => {
    await asked.close().catch(() => {}); // it may have ended
    await child.status;
    await Deno.remove(file);
  };
  const next = async () => (await lines.next()).value;
  const first = await next();
  if (!first) {
    await close();
    return (await problem).trim().split("\n").at(-1)!;
  }
  return {
    name: `PyTorch ${first.get("torch")}`,
    async step() {
      await asked.write(new TextEncoder().encode("\n"));
      const rec = await next();
      if (!rec) throw new Error(`torch_train.py ended: ${await problem}`);
      return Object.fromEntries(
        [...PARTS, "loss", "gradientNorm"].map((name) => [name, rec.get(name)]),
      ) as unknown as TimedStep;
    },
    close,
  };
}
