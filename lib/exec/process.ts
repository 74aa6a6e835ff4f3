/** Edge: processes that are fed, watched, limited and killed. */
import { concat } from "../concat.ts";
import { Refusal } from "../refusal.ts";
import { tail } from "./executor.ts";

/** What a finished process left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** It was killed for taking too long. */
  readonly late: boolean;
}

/** How to run a process. */
export interface ProcessOptions {
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly timeoutMs: number;
  /** Longest time without output on stdout. */
  readonly stepMs?: number;
  /** Bytes of each stream that are kept; the rest is read and dropped. */
  readonly keepBytes?: number;
}

/** Bytes kept of a program's output. */
const KEEP_BYTES = 1 << 16;

/** Runs a process to its end or its limit. */
export async function runProcess(command: string, options: ProcessOptions): Promise<Finished> {
  const { args, env, cwd, stdin = "", timeoutMs, stepMs } = options;
  const keep = options.keepBytes ?? KEEP_BYTES;
  const child = spawned({ command, args, env }, { cwd, stderr: "piped" });
  let late = false;
  const over = new AbortController();
  const stop = () => {
    late = true;
    killed(child);
    // A process that left the group may still hold the streams: nobody waits for it.
    over.abort();
  };
  const whole = setTimeout(stop, timeoutMs);
  let step = stepMs === undefined ? undefined : setTimeout(stop, stepMs);
  const beat = () => {
    if (stepMs === undefined || late) return;
    clearTimeout(step);
    step = setTimeout(stop, stepMs);
  };
  try {
    const [, stdout, stderr, { code }] = await Promise.all([
      feed(child.stdin, stdin),
      kept(child.stdout, { keep, until: over.signal, beat }),
      kept(child.stderr, { keep, until: over.signal }),
      child.status,
    ]);
    return { code, stdout, stderr, late };
  } finally {
    clearTimeout(whole);
    clearTimeout(step);
    // What it started may still run.
    killed(child);
  }
}

/** Starts a process in a session of its own: a Ctrl-C is for us, and says nothing of the program that runs. */
export function spawned(
  { command, args, env }: Command,
  { cwd = "/", stderr = "null" }: { cwd?: string; stderr?: "null" | "piped" } = {},
): Deno.ChildProcess {
  return new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    clearEnv: true,
    cwd,
    detached: true,
    stdin: "piped",
    stdout: "piped",
    stderr,
  }).spawn();
}

/** SIGKILL for the process and its group; those that are gone are fine. */
export function killed(child: Deno.ChildProcess): void {
  try {
    if (Deno.build.os === "windows") child.kill("SIGKILL");
    else Deno.kill(-child.pid, "SIGKILL");
  } catch {
    // They ended before.
  }
}

async function feed(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  try {
    const writer = stream.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // The process closed its stdin or died: its status says what matters.
  }
}

/** Reads to the end, or `until`; keeps the first half and the last half of `keep` bytes. */
async function kept(
  stream: ReadableStream<Uint8Array>,
  { keep, until, beat }: { keep: number; until: AbortSignal; beat?: () => void },
): Promise<string> {
  const reader = stream.getReader();
  until.addEventListener("abort", () => reader.cancel().catch(() => {}));
  const head: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  let headBytes = 0;
  let restBytes = 0;
  while (true) {
    const { value: chunk } = await reader.read();
    if (chunk === undefined) break;
    beat?.();
    if (headBytes < keep / 2) {
      head.push(chunk);
      headBytes += chunk.length;
      continue;
    }
    rest.push(chunk);
    restBytes += chunk.length;
    while (rest.length > 1 && restBytes - rest[0].length >= keep / 2) {
      restBytes -= rest.shift()!.length;
    }
  }
  const decoder = new TextDecoder();
  return decoder.decode(concat(head)) + decoder.decode(concat(rest));
}

/** Lines of a stream as they come; a line longer than `limit` ends the stream. */
export async function* streamLines(
  stream: ReadableStream<Uint8Array>,
  { limit = 64 << 20 }: { limit?: number } = {},
): AsyncGenerator<string> {
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of stream.pipeThrough(new TextDecoderStream() as never)) {
    const lines = (chunk as string).split("\n");
    for (const [i, text] of lines.entries()) {
      parts.push(text);
      length += text.length;
      if (length > limit) return;
      if (i === lines.length - 1) break;
      yield parts.join("");
      parts = [];
      length = 0;
    }
  }
}

/** A process that is asked by lines on stdin and answers by lines on stdout. */
export interface Host {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly lines: AsyncIterator<string>;
}

/** Starts such a process. */
export function startHost(command: Command): Host {
  const child = spawned(command);
  return { child, writer: child.stdin.getWriter(), lines: streamLines(child.stdout) };
}

/** Kills it and waits for its end. */
export async function endHost({ child, writer, lines }: Host): Promise<void> {
  killed(child);
  await writer.close().catch(() => {});
  await lines.return?.();
  await child.status;
}

/** Memory of a Deno process in KB: V8 limits its own heap, and neither buffers nor SQLite. */
const DENO_KB = 4 << 20;

/** Sets the limit where the system has one, then becomes the command that follows. */
const LIMITED = ["-c", `ulimit -d ${DENO_KB} 2>/dev/null; exec "$@"`, "sh"];

/** Becomes a command that the kernel kills with its parent: a program that loops would outlive it. */
const WITH_PARENT = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"];

let tried: Promise<string[]> | undefined;

/** What stands before such a command; nothing where util-linux has it not. */
export function withParent(): Promise<string[]> {
  return tried ??= tryWithParent();
}

async function tryWithParent(): Promise<string[]> {
  if (Deno.build.os !== "linux") return [];
  const [command, ...args] = [...WITH_PARENT, Deno.execPath(), "--version"];
  try {
    const { success } = await new Deno.Command(command, { args, stderr: "null" }).output();
    return success ? WITH_PARENT : [];
  } catch {
    return [];
  }
}

/** A command with its arguments and its whole environment. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A folder beside an npm package's entry, from what its name resolves to: processes are given it to read. Under
 * another project's configuration packages have no folder.
 */
export function packageFolder(entry: string, path: string): URL {
  if (entry.startsWith("file:")) return new URL(path, entry);
  throw new Refusal(
    `Cannot run programs: "${entry}" is in no node_modules folder, expected Unmask's own deno.json (deno run -c)`,
  );
}

/** A Deno process that can do nothing but compute and read the named paths. */
export async function confinedDeno(
  script: URL,
  { read = [], v8 = [], args = [], env = false }: {
    read?: string[];
    v8?: string[];
    args?: string[];
    /** The environment may be read: it is empty. */
    env?: boolean;
  } = {},
): Promise<Command> {
  const shell = Deno.build.os === "windows" ? [] : ["/bin/sh", ...LIMITED];
  const [command, ...before] = [
    ...shell,
    ...await withParent(),
    Deno.execPath(),
  ];
  return {
    command,
    args: [
      ...before,
      "run",
      "--quiet",
      "--no-prompt",
      "--no-npm",
      "--no-remote",
      "--no-config",
      "--no-lock",
      "--cached-only",
      "--no-check",
      ...(read.length > 0 ? [`--allow-read=${read.join(",")}`] : []),
      ...(env ? ["--allow-env"] : []),
      ...(v8.length > 0 ? [`--v8-flags=${v8.join(",")}`] : []),
      script.href,
      ...args,
    ],
    env: emptyEnv(),
  };
}

/**
 * Nothing of ours. Without a folder Deno keeps no `localStorage` and no `caches`, which need no permission and
 * would outlive the program; without a backend it finds no GPU.
 */
function emptyEnv(): Record<string, string> {
  return {
    PATH: "",
    HOME: "/nonexistent",
    NO_COLOR: "1",
    DENO_DIR: Deno.build.os === "windows" ? "NUL\\none" : "/dev/null/none",
    DENO_WEBGPU_BACKEND: "none",
  };
}

/** What a process printed, for a message. */
export function said({ stdout, stderr }: Finished): string {
  return tail(`${stdout}\n${stderr}`.trim());
}
