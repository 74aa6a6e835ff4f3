/**
 * Edge: finds the command, parses its flags, connects it to the streams, and turns what goes wrong into
 * one line and an exit code. The only file of a command that touches Deno.args, signals and exit codes.
 */
import { cacheDir } from "../lib/cache_dir.ts";
import { Faults, type OnError } from "../lib/records/faults.ts";
import { select, type Shard } from "../lib/records/select.ts";
import { oneLine, Refusal } from "../lib/refusal.ts";
import { VERSION } from "../lib/version.ts";
import type { Command, Context, FlagValues } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { parseFlags, usage } from "./parse.ts";
import { checkRuntime, report, show, tell } from "./report.ts";
import { createFile, print, readRecords, writeRecords } from "./streams.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Shortest time between two progress lines: more would flicker. */
const PROGRESS_MS = 100;

/** How long a stop may take before it is said what it waits for. */
const STOP_MS = 1000;

const stop = new AbortController();
let signalCode = 0;
let progressShown = false;
let progressAt = -Infinity;
const noticed = new Set<string>();

if (import.meta.main) {
  const words = [...Deno.args];
  const code = await main(words).catch((error) => {
    clearProgress();
    for (const line of report(error, words.includes("--debug"))) tell(line);
    return error instanceof Refusal ? error.exitCode : 1;
  });
  Deno.exit(signalCode || code);
}

async function main(words: string[]): Promise<number> {
  checkRuntime(Deno.version.deno);
  const [first, ...rest] = words;
  if (first === "--version") {
    await print(`${VERSION}\n`);
    return 0;
  }
  const asked = first === undefined || ["help", "--help", "-h"].includes(first);
  const name = asked ? rest[0] : first;
  if (name === undefined) {
    const { overview } = await import("./help.ts");
    await print(overview(VERSION));
    return first === undefined ? 2 : 0;
  }
  const command = await commandNamed(name);
  const ownWords = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
  if (asked || ownWords.includes("--help") || ownWords.includes("-h")) {
    const { commandHelp } = await import("./help.ts");
    await print(commandHelp(name, command));
    return 0;
  }
  const { flags, args } = parseFlags(rest, command);
  const faults = new Faults(flags["on-error"] as OnError | undefined);
  const context = contextOf(flags, args, faults);
  listen(context);
  await command.run(context);
  clearProgress();
  if (faults.count > 0) {
    const [records, whose] = faults.count === 1 ? ["record", "its"] : ["records", "their"];
    const done = faults.policy === "skip" ? "skipped" : `written with ${whose} error`;
    tell(`${faults.count} bad ${records} ${done}`);
  }
  checkDeferred(faults);
  return 0;
}

/** A run that went on behind its faults fails at its end. */
function checkDeferred({ deferred, first }: Faults): void {
  if (deferred === 0) return;
  const more = deferred > 1 ? ` (and ${deferred - 1} more)` : "";
  throw new Refusal(`Cannot call the run complete: ${first}${more}`);
}

async function commandNamed(name: string): Promise<Command> {
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry) return (await entry.load()).default;
  const { nearest } = await import("../lib/suggest.ts");
  const near = nearest(name, COMMANDS.map((command) => command.name));
  const hint = near ? `did you mean "${near}"?` : 'see "unmask --help"';
  throw usage(`Cannot run "${name}": no such command, ${hint}`);
}

function listen({ notice }: Context): void {
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    Deno.addSignalListener(signal as keyof typeof SIGNALS, () => {
      // The second time at once: the user has waited long enough.
      if (signalCode) Deno.exit(exitCode);
      signalCode = exitCode;
      stop.abort();
      const last = () => notice("stopping behind what is in hand; the second time stops at once");
      Deno.unrefTimer(setTimeout(last, STOP_MS));
    });
  }
}

function contextOf(flags: FlagValues, args: string[], faults: Faults): Context {
  const quiet = flags.quiet === true;
  const plain = quiet || Deno.noColor || !Deno.stderr.isTerminal() ||
    Deno.env.get("TERM") === "dumb";
  const notice = (line: string) => {
    if (quiet || noticed.has(line)) return;
    noticed.add(line);
    clearProgress();
    tell(`note: ${oneLine(line)}`);
  };
  return {
    flags,
    args,
    faults,
    cacheDir: cacheOf(flags, notice),
    signal: stop.signal,
    piped: !Deno.stdin.isTerminal(),
    terminal: Deno.stdout.isTerminal(),
    records: (files = args) =>
      select(
        readRecords(files, {
          maxLine: flags["max-line"] as number | undefined,
          signal: stop.signal,
          faults,
          onNotice: notice,
        }),
        { shard: flags.shard as Shard | undefined, limit: flags.limit as number | undefined },
      ),
    // Without a reader a run is as interrupted as by the user, only that nothing went wrong.
    write: (records) => writeRecords(records, () => stop.abort()),
    create: (path) => createFile(path, args),
    print,
    notice,
    detail: flags.verbose ? notice : () => {},
    progress(line) {
      const now = performance.now();
      if (plain || (line !== "" && now - progressAt < PROGRESS_MS)) return;
      progressAt = now;
      showProgress(line);
    },
  };
}

function cacheOf(flags: FlagValues, notice: (line: string) => void): string | undefined {
  if (flags["no-cache"]) return undefined;
  const dir = cacheDir();
  if (dir === undefined) notice("no HOME and no XDG_CACHE_HOME: nothing is cached");
  return dir;
}

/** Shows a line in the place of the one before, short enough for the terminal not to wrap it. */
function showProgress(line: string): void {
  const shown = oneLine(line).slice(0, columns() - 1);
  show(`\r\x1b[K${shown}`);
  progressShown = shown !== "";
}

function clearProgress(): void {
  if (progressShown) showProgress("");
}

/** Width of the terminal; Deno has none to tell where only stderr is one. */
function columns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}
