/**
 * Edge: the process of one comparison of SQL queries. It may read one folder; the database is read-only, and
 * SQLite may attach nothing here.
 */
import { DatabaseSync } from "node:sqlite";
import { sameSet, sameTable, type SqlRow } from "./rows.ts";
import type { SqlRequest } from "./sqlite.ts";

const request: SqlRequest = JSON.parse(await new Response(Deno.stdin.readable).text());

/** Math functions of CPython's build that this one lacks; a domain error is NULL. */
const MATH: Record<string, (...values: number[]) => number> = {
  acos: Math.acos,
  acosh: Math.acosh,
  asin: Math.asin,
  asinh: Math.asinh,
  atan: Math.atan,
  atan2: Math.atan2,
  atanh: Math.atanh,
  ceil: Math.ceil,
  ceiling: Math.ceil,
  cos: Math.cos,
  cosh: Math.cosh,
  degrees: (x) => x * 180 / Math.PI,
  exp: Math.exp,
  floor: Math.floor,
  ln: Math.log,
  log: (base, x) => x === undefined ? Math.log10(base) : Math.log(x) / Math.log(base),
  log10: Math.log10,
  log2: Math.log2,
  mod: (x, y) => x % y,
  pi: () => Math.PI,
  pow: Math.pow,
  power: Math.pow,
  radians: (x) => x * Math.PI / 180,
  sin: Math.sin,
  sinh: Math.sinh,
  sqrt: Math.sqrt,
  tan: Math.tan,
  tanh: Math.tanh,
  trunc: Math.trunc,
};

/** Those that keep an INTEGER an INTEGER. */
const WHOLE = new Set(["ceil", "ceiling", "floor", "trunc"]);

function open(): DatabaseSync {
  const { database, schema } = request;
  const options = {
    enableDoubleQuotedStringLiterals: true,
    enableForeignKeyConstraints: false,
    readBigInts: true,
    returnArrays: true,
  };
  if (schema !== undefined) {
    const made = new DatabaseSync(":memory:", options);
    made.exec(schema);
    return made;
  }
  return new DatabaseSync(database!, { ...options, readOnly: true });
}

function register(database: DatabaseSync): void {
  for (const [name, compute] of Object.entries(MATH)) {
    const call = (...values: (number | bigint | string | null | Uint8Array)[]) => {
      if (WHOLE.has(name) && typeof values[0] === "bigint") return values[0];
      const numbers = values.map((value) =>
        value === null || value instanceof Uint8Array ? NaN : Number(value)
      );
      const found = compute(...numbers);
      return Number.isFinite(found) ? found : null;
    };
    database.function(name, { deterministic: true, varargs: true, useBigIntArguments: true }, call);
  }
}

/** Actions of a query that only reads, in sqlite3.h: READ, SELECT, FUNCTION, RECURSIVE. */
const READING = new Set([20, 21, 31, 33]);
const ALLOW = 0;
const DENY = 1;

/** Of Deno 2.9; its types do not have it yet. */
type Authorized = DatabaseSync & { setAuthorizer(allowed: (action: number) => number): void };

const database = open();
register(database);
(database as Authorized).setAuthorizer((action) => READING.has(action) ? ALLOW : DENY);
const results = new Map<string, SqlRow[] | string>();

/** Rows of a query, or why there are none. */
function rows(sql: string): SqlRow[] | string {
  let found = results.get(sql);
  if (found === undefined) {
    try {
      found = database.prepare(sql).all() as unknown as SqlRow[];
    } catch (error) {
      found = (error as Error).message;
    }
    results.set(sql, found);
  }
  return found;
}

const equal: Record<string, number | null> = {};
let message = "";
for (const { name, gold, answer, rule } of request.comparisons) {
  const wanted = rows(gold);
  const given = rows(answer);
  if (typeof wanted === "string") {
    message = `the reference query fails: ${wanted}`;
    equal[name] = null;
  } else if (typeof given === "string") {
    message = given;
    equal[name] = 0;
  } else if (rule === "set") equal[name] = sameSet(wanted, given) ? 1 : 0;
  else equal[name] = sameTable(wanted, given, { ordered: rule === "list" }) ? 1 : 0;
}
const bytes = new TextEncoder().encode(JSON.stringify({ equal, message }));
for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
