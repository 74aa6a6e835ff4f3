/** Each stage of the pipe over nano's arithmetic, each command's start, and the tokenizer alone. */
import { COMMANDS } from "../cli/commands.ts";
import { denoise } from "../lib/denoise.ts";
import { prefill } from "../lib/prefill.ts";
import { sample } from "../lib/sample.ts";
import { taskRecords } from "../lib/eval/harness.ts";
import type { ReadyTask } from "../lib/eval/task.ts";
import { evaluate, Tools } from "../lib/eval/evaluate.ts";
import { Executors } from "../lib/exec/executors.ts";
import { readJsonl } from "../lib/records/jsonl.ts";
import type { Rec } from "../lib/records/record.ts";
import { Session } from "../lib/session.ts";
import { detokenize, tokenize } from "../lib/tokenize.ts";
import { taskOf } from "../tasks/mod.ts";
import type { Report } from "./report.ts";

/** Records that go through all stages. */
const RECORDS = 16;

/** Times the stages one after the other on the same records, then plain throughputs. */
export async function benchStages(report: Report, tasks: readonly ReadyTask[]): Promise<void> {
  const cacheDir = await Deno.makeTempDir();
  const session = new Session({ cacheDir });
  const math = tasks.filter(({ task }) => task.name === "nano_math");
  const warm = taskRecords(math, { limit: 1 });
  for await (const rec of sample(ReadableStream.from(warm), { session })) void rec;
  const tools = new Tools(new Executors());
  const stages: Record<string, (records: AsyncIterable<Rec>) => AsyncIterable<Rec>> = {
    tokenize: (records) => tokenize(records, { session }),
    prefill: (records) => prefill(records, { session }),
    denoise: (records) => denoise(records, { session }),
    sample: (records) => sample(records, { session }),
    eval: (records) => evaluate(records, { taskOf, tools }),
    detokenize: (records) => detokenize(records, { session }),
  };
  let records = await Array.fromAsync(taskRecords(math, { limit: RECORDS }));
  for (const [name, stage] of Object.entries(stages)) {
    const start = performance.now();
    records = await Array.fromAsync(stage(ReadableStream.from(records)));
    const ms = (performance.now() - start) / records.length;
    report.add({
      group: "stage",
      name,
      shape: `${RECORDS} records of nano_math`,
      ms,
      note: "a record",
    });
  }
  await tools.close();
  await benchText(report, session);
  await session.close();
  await Deno.remove(cacheDir, { recursive: true });
}

async function benchText(report: Report, session: Session): Promise<void> {
  const count = 200_000;
  const line = '{"id":"a","prompt":"Tom has 12 apples and buys 30 more."}\n';
  const source = new Blob([line.repeat(count)]);
  const read = () => readJsonl(source.stream(), { source: "bench" });
  const time = async (name: string, run: () => AsyncIterable<unknown>) => {
    const start = performance.now();
    for await (const rec of run()) String(rec);
    const ms = performance.now() - start;
    const note = `${(count / ms).toFixed(0)}k records/s`;
    report.add({ group: "stage", name, ms: ms / count, note });
  };
  await time("JSON Lines in and out", read);
  await time("JSON Lines and tokenize", () => tokenize(read(), { session }));
  const tokenizer = await session.tokenizer();
  const text = "The quick brown fox has 42 apples; how many are left?\n".repeat(2000);
  const start = performance.now();
  const ids = tokenizer.encode(text);
  const middle = performance.now();
  tokenizer.decode(ids);
  const end = performance.now();
  for (const [name, ms] of [["encode", middle - start], ["decode", end - middle]] as const) {
    const note = `${(ids.length / ms).toFixed(0)}k tokens/s, ${
      (text.length / ms / 1e3).toFixed(1)
    } MB/s`;
    report.add({
      group: "text",
      name: `tokenizer ${name}`,
      shape: `${text.length} bytes`,
      ms,
      note,
    });
  }
}

/** Milliseconds from nothing to a command's help, least of five. */
export async function benchStartup(report: Report): Promise<void> {
  const main = new URL("../cli/main.ts", import.meta.url).pathname;
  const empty = await Deno.makeTempFile({ suffix: ".ts" });
  const time = async (name: string, args: string[]) => {
    let ms = Infinity;
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      await new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", ...args] })
        .output();
      ms = Math.min(ms, performance.now() - start);
    }
    report.add({ group: "startup", name, ms });
  };
  await time("empty script", [empty]);
  await time("unmask --help", [main, "--help"]);
  for (const { name } of COMMANDS) await time(`unmask ${name} --help`, [main, name, "--help"]);
  await Deno.remove(empty);
}
