/** Runs the tool as a user would: a shell line with `unmask` in it, or one process to look at. */

/** Folder of the checkout, with a slash at its end. */
export const ROOT = new URL("../../", import.meta.url).pathname;

/** Arguments of Deno that run the tool with all permissions. */
export const RUN = ["run", "-A", "--no-check", "--quiet", `${ROOT}cli/main.ts`];

/** What shell lines may use: $ROOT, $UNMASK (the command), unmask ARGS, unmask_with "PERMISSIONS" ARGS. */
const PRELUDE = `
ROOT="${ROOT}"
export UNMASK="'${Deno.execPath()}' ${RUN.map((word) => `'${word}'`).join(" ")}"
unmask() { eval "$UNMASK" '"$@"'; }
unmask_with() { "${Deno.execPath()}" run --no-prompt --no-check --quiet $1 "$ROOT/cli/main.ts" "\${@:2}"; }
`;

/** What a shell line left behind. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `line` in bash. */
export async function shell(
  line: string,
  { stdin = "", cwd, env = {} }: {
    stdin?: string | Uint8Array;
    cwd?: string;
    env?: Record<string, string>;
  } = {},
): Promise<Outcome> {
  const child = new Deno.Command("bash", {
    args: ["-c", PRELUDE + line],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    cwd,
    env: { NO_COLOR: "1", ...env },
  }).spawn();
  const writer = child.stdin.getWriter();
  const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
  const writing = writer.write(bytes).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await writing;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** One process of the tool with its pipes. */
export function start(
  args: readonly string[],
  { deno = [], env = {} }: { deno?: readonly string[]; env?: Record<string, string> } = {},
) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [RUN[0], ...deno, ...RUN.slice(1), ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...env },
  }).spawn();
  return { child, stdin: child.stdin.getWriter(), stdout: child.stdout.getReader() };
}

/** Most memory a living process had, in MiB, and the files it holds open (Linux). */
export async function footprint(pid: number): Promise<{ peak: number; files: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const files = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  return { peak: Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024, files: files.length };
}
