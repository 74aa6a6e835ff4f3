/** Edge: SQL queries compared on a database, in a process that is killed at the limit. */
import { dirname } from "node:path";
import { lastLine, type Status } from "./executor.ts";
import { confinedDeno, runProcess } from "./process.ts";

const HOST = new URL("./sqlite_host.ts", import.meta.url);

/** Heap for results. */
const MEMORY_MB = 2048;

/** Two queries whose results must be the same. */
export interface Comparison {
  /** Name of the metric. */
  readonly name: string;
  /** The reference query. */
  readonly gold: string;
  /** The model's query. */
  readonly answer: string;
  /** Rows as sets, as bags with free column order, or as lists with free column order. */
  readonly rule: "set" | "bag" | "list";
}

/** Comparisons on one database: a file, or a script that makes one in memory. */
export interface SqlRequest {
  /** Path of a database file. */
  readonly database?: string;
  /** Statements that make a database in memory. */
  readonly schema?: string;
  /** What is compared. */
  readonly comparisons: readonly Comparison[];
  /** For all queries together. */
  readonly timeoutMs: number;
}

/** What came of it. */
export interface SqlVerdict {
  /** How the process ended. */
  readonly status: Status;
  /** 1 or 0 by name; null where the reference query itself fails. */
  readonly equal: Readonly<Record<string, number | null>>;
  /** Why it did not pass. */
  readonly message: string;
  /** Engine and version. */
  readonly executor: string;
}

/** Compares queries with `node:sqlite`; the official harnesses use CPython's sqlite3. */
export async function compareSql(request: SqlRequest): Promise<SqlVerdict> {
  const executor = `node:sqlite of deno ${Deno.version.deno}`;
  const none = Object.fromEntries(request.comparisons.map(({ name }) => [name, 0]));
  const { command, ...process } = await confinedDeno(HOST, {
    // SQLite looks for journals beside the file.
    read: request.database === undefined ? [] : [dirname(request.database)],
    v8: [`--max-old-space-size=${MEMORY_MB}`],
  });
  const done = await runProcess(command, {
    ...process,
    stdin: JSON.stringify(request),
    timeoutMs: request.timeoutMs,
  });
  if (done.late) {
    const message = `longer than ${request.timeoutMs / 1000} s`;
    return { status: "timeout", equal: none, message, executor };
  }
  if (done.code !== 0) {
    return { status: "crash", equal: none, message: lastLine(done.stderr), executor };
  }
  const { equal, message } = JSON.parse(done.stdout);
  const passed = Object.values(equal).every((value) => value === 1);
  return { status: passed ? "passed" : "failed", equal, message, executor };
}
