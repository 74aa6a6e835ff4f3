/** Edge: records from files or stdin, records and text to stdout; files that must not be one another. */
import { writeAll, writingTo } from "../lib/folder.ts";
import { endOfLines } from "../lib/records/end_of_lines.ts";
import { readJsonl, writeJsonl } from "../lib/records/jsonl.ts";
import type { Faults } from "../lib/records/faults.ts";
import type { Rec } from "../lib/records/record.ts";
import { reason, Refusal } from "../lib/refusal.ts";
import { usage } from "./parse.ts";

/** Options of `readRecords`. */
export interface InputOptions {
  readonly maxLine?: number;
  readonly faults: Faults;
  /** Ends the input, so that the records in hand are finished and no new one begins. */
  readonly signal: AbortSignal;
  readonly onNotice: (line: string) => void;
}

/** Records of files one after another; "-" and no files mean stdin. */
export async function* readRecords(
  files: readonly string[],
  { signal, ...options }: InputOptions,
): AsyncGenerator<Rec> {
  if (files.length === 0 && Deno.stdin.isTerminal()) {
    throw usage("Cannot read records: stdin is a terminal, expected a pipe or a file (see --help)");
  }
  const names = files.length > 0 ? files : ["-"];
  if (names.indexOf("-") !== names.lastIndexOf("-")) {
    throw usage('Cannot read "-" twice: stdin comes once, expected one "-"');
  }
  const output = await fileOf("/dev/stdout");
  for (const name of names) {
    if (output !== undefined && await fileOf(pathOf(name)) === output) {
      throw usage(`Cannot read "${name}": it is also the output, expected another file`);
    }
  }
  const stopped = new Promise<never>((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason))
  );
  stopped.catch(() => {}); // told where a file is waited for
  for (const name of names) {
    const source = name === "-" ? "stdin" : name;
    try {
      // A named pipe opens when somebody writes to it, maybe never.
      const stream = name === "-"
        ? Deno.stdin.readable
        : (await Promise.race([open(name), stopped])).readable;
      for await (
        const rec of readJsonl(untilStopped(stream, { source, signal }), { source, ...options })
      ) {
        if (signal.aborted) return;
        yield rec;
      }
    } catch (error) {
      // The end that we made is no end of the last line, which may be half there.
      if (error !== signal.reason || !signal.aborted) throw error;
      return;
    }
  }
}

/** Opens a file to write anew; refuses one that is also read, or stdout. */
export async function createFile(path: string, inputs: readonly string[]): Promise<Deno.FsFile> {
  if (path === "-") {
    throw usage('Cannot write "-": stdout has the records, expected a file (/dev/stderr is one)');
  }
  const found = await fileOf(path);
  for (const name of found === undefined ? [] : ["/dev/stdout", ...inputs, "-"]) {
    if (await fileOf(pathOf(name)) !== found) continue;
    throw usage(`Cannot write "${path}": it is also "${name}", expected another file`);
  }
  return await writingTo(
    path,
    () => Deno.open(path, { write: true, create: true, truncate: true }),
  );
}

/** Writes records to stdout; `onClosed` is told when its reader is gone before their end. */
export async function writeRecords(
  records: AsyncIterable<Rec>,
  onClosed: () => void,
): Promise<void> {
  const start = await Deno.stat("/dev/stdout").then(({ isFile, size }) => isFile ? size : undefined)
    .catch(() => undefined);
  const cut = start === undefined ? undefined : () => cutStdout(start);
  const write = (bytes: Uint8Array) =>
    Deno.stdout.write(bytes).catch((error) => {
      if (error instanceof Deno.errors.BrokenPipe) onClosed();
      throw error;
    });
  await writeJsonl(records, { write }, cut);
}

/** Writes text to stdout. */
export async function print(text: string): Promise<void> {
  try {
    await writeAll(Deno.stdout, text);
  } catch (cause) {
    if (cause instanceof Deno.errors.BrokenPipe) return;
    throw new Refusal(`Cannot write the output: ${reason(cause)}`, { cause });
  }
}

const pathOf = (name: string) => name === "-" ? "/dev/stdin" : name;

/** Device and number of a plain file; undefined for all else. */
export async function fileOf(path: string): Promise<string | undefined> {
  const info = await Deno.stat(path).catch(() => undefined);
  return info?.isFile && info.ino !== null ? `${info.dev}:${info.ino}` : undefined;
}

async function open(path: string): Promise<Deno.FsFile> {
  try {
    const file = await Deno.open(path);
    if (!(await file.stat()).isDirectory) return file;
    file.close();
    throw new Deno.errors.IsADirectory();
  } catch (cause) {
    throw new Refusal(`Cannot read "${path}": ${reason(cause)}`, { cause });
  }
}

/** The stream, failing with the signal's reason once it is aborted, and with a refusal where it cannot be read. */
function untilStopped(
  stream: ReadableStream<Uint8Array>,
  { source, signal }: { source: string; signal: AbortSignal },
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  const end = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", end);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new Refusal(`Cannot read "${source}": ${reason(cause)}`, { cause });
      });
      if (signal.aborted) return controller.error(signal.reason);
      if (!done) return controller.enqueue(value);
      signal.removeEventListener("abort", end);
      controller.close();
    },
    cancel: (cause) => reader.cancel(cause),
  }, { highWaterMark: 0 });
}

/**
 * Cuts a file that is stdout back to whole lines, not below `start`. Deno's stdout keeps up to 1 KiB of a
 * short write and tries it again when the process ends, which would follow the cut: let it out before.
 */
async function cutStdout(start: number): Promise<void> {
  try {
    using file = await Deno.open("/dev/stdout", { read: true, write: true });
    const end = await endOfLines(file, start);
    for (let kept = false; !kept;) {
      await file.truncate(end);
      kept = await Deno.stdout.write(new Uint8Array()).then(() => true, () => false);
      if ((await file.stat()).size === end) return;
    }
    await file.truncate(end);
  } catch {
    // A pipe or a device cannot be cut.
  }
}
