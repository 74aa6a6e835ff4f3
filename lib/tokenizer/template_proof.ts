/** Edge: a chat template of unknown origin first renders in a process that can be killed. */
import { sha256 } from "../digest.ts";
import { isFile, keepFile } from "../folder.ts";
import type { Trial } from "./template_trial.ts";

/** What proving a template may use. */
export interface ProofOptions {
  /** Remembers which templates proved harmless. */
  readonly cacheDir?: string;
  /** Time the first rendering may take. */
  readonly deadlineMs?: number;
}

/** Characters a rendered prompt may have. */
const MAX_OUTPUT = 16 << 20;

const DEADLINE_MS = 10_000;

/** Memory the first rendering may take. */
const HEAP_FLAG = "--v8-flags=--max-old-space-size=256";

/** Signals that ask us to stop. */
const STOPS: readonly string[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Digests of templates we read ourselves: nano's. */
const KNOWN = new Set(["5894ae6a9fc14e88"]);

/** What is wrong with a template; undefined where nothing is, which is remembered. */
export async function problemOf(
  template: Pick<Trial, "source" | "input">,
  options: ProofOptions,
): Promise<string | undefined> {
  const { cacheDir, deadlineMs = DEADLINE_MS } = options;
  const digest = (await sha256(template.source)).slice(0, 16);
  const memo = cacheDir && `${cacheDir}/templates/${digest}`;
  if (KNOWN.has(digest) || memo && await isFile(memo)) return undefined;
  const problem = await trial(template, deadlineMs);
  // Without a cache every process tries the template once.
  if (!problem && memo) await keepFile(memo, "").catch(() => {});
  return problem;
}

/** Renders in a process without permissions; what went wrong, or undefined. */
async function trial(
  { source, input }: Pick<Trial, "source" | "input">,
  deadlineMs: number,
): Promise<string | undefined> {
  const script = new URL("./template_trial.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--cached-only", HEAP_FLAG, script.href],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, deadlineMs);
  const writer = child.stdin.getWriter();
  await writer.write(
    new TextEncoder().encode(JSON.stringify({ source, input, most: MAX_OUTPUT })),
  ).then(() => writer.close()).catch(() => {});
  const { stdout, signal } = await child.output();
  clearTimeout(timer);
  // A Ctrl-C reaches the whole group, and says nothing of the template: what is in hand is finished.
  if (signal && STOPS.includes(signal)) return await trial({ source, input }, deadlineMs);
  if (late) return `it ran longer than ${deadlineMs / 1000} s, expected less`;
  const answer = new TextDecoder().decode(stdout);
  if (answer === "ok") return undefined;
  return answer || "its process died, expected a rendered prompt";
}
