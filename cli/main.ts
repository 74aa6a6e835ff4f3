/**
 * Edge: finds the command, parses its flags, connects stdin or files to stdout, and turns what goes wrong
 * into one line and an exit code. The only file that touches Deno.args, stdin and exit codes.
 */
import { cacheDir } from "../lib/cache_dir.ts";
import { Faults, type OnError } from "../lib/records/faults.ts";
import { readJsonl, writeJsonl } from "../lib/records/jsonl.ts";
import type { Rec } from "../lib/records/record.ts";
import { select, type Shard } from "../lib/records/select.ts";
import { Refusal } from "../lib/refusal.ts";
import { VERSION } from "../lib/version.ts";
import type { Context, FlagValues } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { parseFlags, usage } from "./parse.ts";

/** Oldest Deno that the WebGPU facts hold for. */
const MIN_DENO = [2, 9];

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const stop = new AbortController();
let signalCode = 0;
let lastRecord: string | undefined;
let progressShown = false;
const noticed = new Set<string>();

if (import.meta.main) {
  const words = [...Deno.args];
  const code = await main(words).catch((error) => {
    report(error, words.includes("--debug"));
    return error instanceof Refusal ? error.exitCode : 1;
  });
  Deno.exit(signalCode || code);
}

async function main(words: string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const { overview } = await import("./help.ts");
    await print(overview(VERSION));
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    await print(`${VERSION}\n`);
    return 0;
  }
  const entry = COMMANDS.find((command) => command.name === name);
  if (!entry) {
    const { nearest } = await import("./suggest.ts");
    const near = nearest(name, COMMANDS.map((command) => command.name));
    const hint = near ? `did you mean "${near}"?` : 'see "unmask --help"';
    throw usage(`Cannot run "${name}": no such command, ${hint}`);
  }
  checkRuntime();
  const { default: command } = await entry.load();
  if (rest.includes("--help") || rest.includes("-h")) {
    const { commandHelp } = await import("./help.ts");
    await print(commandHelp(name, command));
    return 0;
  }
  const { flags, args } = parseFlags(rest, command);
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    Deno.addSignalListener(signal as keyof typeof SIGNALS, () => {
      // The second time at once: the user has waited long enough.
      if (signalCode) Deno.exit(exitCode);
      signalCode = exitCode;
      stop.abort();
    });
  }
  const faults = new Faults(flags["on-error"] as OnError | undefined);
  await command.run(contextOf(flags, args, faults));
  clearProgress();
  if (faults.count > 0) {
    const done = faults.policy === "skip" ? "skipped" : "written with their error";
    console.error(`${faults.count} bad records ${done}`);
  }
  return 0;
}

function contextOf(flags: FlagValues, args: string[], faults: Faults): Context {
  const quiet = flags.quiet === true;
  const fancy = !quiet && Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb";
  const notice = (line: string) => {
    if (quiet || noticed.has(line)) return;
    noticed.add(line);
    clearProgress();
    console.error(`note: ${line}`);
  };
  return {
    flags,
    args,
    faults,
    cacheDir: cacheOf(flags, notice),
    signal: stop.signal,
    piped: !Deno.stdin.isTerminal(),
    terminal: Deno.stdout.isTerminal(),
    records: (files = args) => select(inputs(files, flags), { ...selection(flags) }),
    async write(records) {
      await writeJsonl(remembered(records), Deno.stdout, cutStdout);
    },
    print,
    notice,
    progress(line) {
      if (!fancy) return;
      Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${line}`));
      progressShown = line !== "";
    },
  };
}

function selection(flags: FlagValues): { shard?: Shard; limit?: number } {
  return { shard: flags.shard as Shard | undefined, limit: flags.limit as number | undefined };
}

function cacheOf(flags: FlagValues, notice: (line: string) => void): string | undefined {
  if (flags["no-cache"]) return undefined;
  const dir = cacheDir();
  if (dir === undefined) notice("no HOME and no XDG_CACHE_HOME: nothing is cached");
  return dir;
}

/** Records of files one after another; "-" and no files mean stdin. */
async function* inputs(files: readonly string[], flags: FlagValues): AsyncGenerator<Rec> {
  if (files.length === 0 && Deno.stdin.isTerminal()) {
    throw usage("Cannot read records: stdin is a terminal, expected a pipe or a file (see --help)");
  }
  const maxLine = flags["max-line"] as number | undefined;
  for (const file of files.length > 0 ? files : ["-"]) {
    const source = file === "-" ? "stdin" : file;
    const stream = file === "-" ? Deno.stdin.readable : (await openInput(file)).readable;
    yield* readJsonl(untilStopped(stream), { source, maxLine });
    if (stop.signal.aborted) return;
  }
}

async function openInput(file: string): Promise<Deno.FsFile> {
  try {
    const handle = await Deno.open(file);
    const info = await handle.stat();
    if (info.isDirectory) throw new Deno.errors.IsADirectory();
    const out = await Deno.stat("/dev/stdout").catch(() => undefined);
    if (out?.isFile && out.ino !== null && out.ino === info.ino && out.dev === info.dev) {
      throw usage(`Cannot read "${file}": it is also the output, expected another file`);
    }
    return handle;
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    const { reason } = await import("../lib/model/checkpoint.ts");
    throw new Refusal(`Cannot read "${file}": ${reason(cause)}`, { cause });
  }
}

/** Input ends when the user interrupts, so that records in hand are finished. */
function untilStopped(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  stop.signal.addEventListener("abort", () => void reader.cancel().catch(() => {}));
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done || stop.signal.aborted) controller.close();
      else controller.enqueue(value);
    },
    cancel: (cause) => reader.cancel(cause),
  }, { highWaterMark: 0 });
}

async function* remembered(records: AsyncIterable<Rec>): AsyncGenerator<Rec> {
  for await (const rec of records) {
    lastRecord = rec.where;
    yield rec;
  }
}

/** After a failed write to a file, the last line is cut back to a whole one. */
async function cutStdout(bytes: number): Promise<void> {
  try {
    const file = await Deno.open("/dev/stdout", { write: true, append: true });
    const { isFile, size } = await file.stat();
    if (isFile && bytes > 0) await file.truncate(size - bytes);
    file.close();
  } catch {
    // A pipe or a device cannot be cut.
  }
}

async function print(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return;
    throw new Refusal(`Cannot write the output: ${(error as Error).message}`, { cause: error });
  }
}

function clearProgress(): void {
  if (progressShown) Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[K"));
  progressShown = false;
}

function checkRuntime(): void {
  const [major, minor] = Deno.version.deno.split(".").map(Number);
  if (major < MIN_DENO[0] || (major === MIN_DENO[0] && minor < MIN_DENO[1])) {
    throw new Refusal(
      `Cannot run on Deno ${Deno.version.deno}: expected ${MIN_DENO.join(".")} or newer`,
    );
  }
}

/** One line for the user; a trace only when asked for. */
function report(error: unknown, debug: boolean): void {
  clearProgress();
  if (error instanceof Refusal) console.error(`unmask: ${error.message}`);
  else if (error instanceof Deno.errors.NotCapable) {
    const flag = /--allow-\w+/.exec(error.message)?.[0] ?? "-A";
    console.error(`unmask: Cannot go on: a permission is missing, expected deno run ${flag}`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    const at = lastRecord ? ` after record ${lastRecord}` : "";
    console.error(
      `unmask: ${
        message.replace(/\s+/g, " ")
      } (this is a bug in unmask ${VERSION}${at}; --debug shows where)`,
    );
  }
  if (debug && error instanceof Error) console.error(error.stack, error.cause ?? "");
}
