/** What a user reads on stderr; when something went wrong one line, and a trace only when asked for. */
import { oneLine, Refusal } from "../lib/refusal.ts";
import { VERSION } from "../lib/version.ts";

/** Oldest Deno that the WebGPU facts hold for. */
const MIN_DENO = [2, 9] as const;

/** Refuses an older Deno than this tool was made for. */
export function checkRuntime(version: string): void {
  const [major, minor] = version.split(".").map(Number);
  if (major > MIN_DENO[0] || (major === MIN_DENO[0] && minor >= MIN_DENO[1])) return;
  throw new Refusal(`Cannot run on Deno ${version}: expected ${MIN_DENO.join(".")} or newer`);
}

/** Writes lines to stderr. Where it is full or gone nobody can be told, and that is no reason to stop. */
export function tell(lines: string): void {
  show(`${lines}\n`);
}

/** The same without the end of a line. */
export function show(text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let done = 0; done < bytes.length;) done += Deno.stderr.writeSync(bytes.subarray(done));
  } catch {
    // As above.
  }
}

/** Lines for stderr about an error. */
export function report(error: unknown, debug: boolean): string[] {
  const trace = debug && error instanceof Error ? [error.stack ?? "", ...causes(error)] : [];
  return [`unmask: ${summary(error)}`, ...trace];
}

function summary(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  const message = oneLine(error instanceof Error ? error.message : String(error));
  // NotCapable, or a TypeError where the file is a module.
  const [, flag] = /run again with the (--allow-\w+) flag/.exec(message) ?? [];
  if (flag) return `Cannot go on: a permission is missing, expected deno run ${flag}`;
  return `${message} (this is a bug in unmask ${VERSION}; --debug shows where)`;
}

/** Traces of the errors behind an error. */
function causes(error: Error): string[] {
  const { cause } = error;
  if (cause === undefined) return [];
  if (!(cause instanceof Error)) return [`Caused by: ${oneLine(String(cause))}`];
  return [`Caused by: ${cause.stack}`, ...causes(cause)];
}
