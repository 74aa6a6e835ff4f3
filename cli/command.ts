/** What a subcommand declares, and what it is given to run with. */
import type { Range } from "../lib/range.ts";
import type { Faults } from "../lib/records/faults.ts";
import type { Rec } from "../lib/records/record.ts";
import type { Shard } from "../lib/records/select.ts";

/** One flag; help, parsing and range checks come from this declaration. */
export interface Flag {
  readonly type: "string" | "boolean" | "integer" | "number" | "shard" | "threshold";
  readonly help: string;
  /** Shown in help; the command applies it. */
  readonly default?: string | number;
  readonly range?: Range;
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly many?: boolean;
  /** Name of the value in help. */
  readonly value?: string;
}

/** Values of flags by name; absent when not given. */
export type FlagValues = Readonly<Record<string, FlagValue | undefined>>;

/** A parsed flag. */
export type FlagValue = string | number | boolean | readonly string[] | Shard;

/** What a command runs with. */
export interface Context {
  readonly flags: FlagValues;
  /** Positional arguments. */
  readonly args: readonly string[];
  /** Bad records: stop, keep or skip. */
  readonly faults: Faults;
  /** Folder of caches, if there is one. */
  readonly cacheDir: string | undefined;
  /** Ends when the user interrupts, or stdout's reader is gone. */
  readonly signal: AbortSignal;
  /** Records of the files named, or of stdin. */
  records(files?: readonly string[]): AsyncIterable<Rec>;
  /** Whether records wait on stdin, that is, it is not a terminal. */
  readonly piped: boolean;
  /** Whether stdout is a terminal. */
  readonly terminal: boolean;
  /** Writes records to stdout. */
  write(records: AsyncIterable<Rec>): Promise<void>;
  /** Opens a file to write anew; refuses one that is also an input or stdout. */
  create(path: string): Promise<Deno.FsFile>;
  /** Writes text to stdout. */
  print(text: string): Promise<void>;
  /** A line on stderr, once each. */
  notice(line: string): void;
  /** A notice under --verbose only. */
  detail(line: string): void;
  /** The progress line on stderr; terminals only. */
  progress(line: string): void;
}

/** A subcommand. */
export interface Command {
  readonly summary: string;
  /** Arguments after the flags, in help; a command without them refuses any. */
  readonly arguments?: string;
  readonly description?: string;
  readonly examples: readonly string[];
  readonly flags: Readonly<Record<string, Flag>>;
  /** Pairs of flags that exclude each other. */
  readonly conflicts?: readonly (readonly [string, string])[];
  /** Pairs of a flag and another that it means nothing without. */
  readonly requires?: readonly (readonly [string, string])[];
  run(context: Context): Promise<void>;
}
