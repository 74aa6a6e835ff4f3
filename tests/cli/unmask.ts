/** Runs the tool as a user would: a shell line with `unmask` in it. */

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;

/** What a shell line left behind. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `line` in bash; `unmask` is the tool from this checkout. */
export async function shell(
  line: string,
  { stdin = "", cwd, env = {} }: {
    stdin?: string | Uint8Array;
    cwd?: string;
    env?: Record<string, string>;
  } = {},
): Promise<Outcome> {
  const prelude = `unmask() { "${Deno.execPath()}" run -A --no-check --quiet "${MAIN}" "$@"; }\n`;
  const child = new Deno.Command("bash", {
    args: ["-c", prelude + line],
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
