/** Results of SQL queries compared with Python's values: 1 = 1.0, '1' is not 1, NULL = NULL, blobs by bytes. */

import { pyFloatText } from "../py_float.ts";

/** What SQLite returns with big integers on. */
export type Value = null | number | bigint | string | Uint8Array;

/** One row. */
export type SqlRow = readonly Value[];

/** A value as a key: equal in Python, equal here. */
function keyOf(value: Value): string {
  if (value === null) return "n";
  if (typeof value === "string") return `s${value.length}:${value}`;
  if (typeof value === "bigint") return `i${value}`;
  if (typeof value === "number") {
    // A whole REAL equals the INTEGER of the same value, however large; -0.0 equals 0.
    return Number.isInteger(value) ? `i${BigInt(value)}` : `r${value}`;
  }
  return `b${value.toHex()}`;
}

function keysOf(row: SqlRow): string {
  return row.map(keyOf).join(",");
}

/** BIRD's rule: the sets of rows are the same; order and repetition do not count. */
export function sameSet(gold: readonly SqlRow[], found: readonly SqlRow[]): boolean {
  const wanted = new Set(gold.map(keysOf));
  const given = new Set(found.map(keysOf));
  return wanted.size === given.size && [...wanted].every((key) => given.has(key));
}

/** A value as Python prints it, with its type: what the test-suite evaluation sorts a row by. */
function printed(value: Value): string {
  if (value === null) return "None<class 'NoneType'>";
  if (typeof value === "string") return `${value}<class 'str'>`;
  if (typeof value === "bigint") return `${value}<class 'int'>`;
  if (typeof value === "number") return `${pyFloatText(value)}<class 'float'>`;
  return `${value.toHex()}<class 'bytes'>`;
}

/** A row without the order of its columns. `1` and `1.0` are equal, but may stand in different places. */
function unordered(row: SqlRow): string {
  const cells = row.map((value) => ({ key: keyOf(value), text: printed(value) }));
  cells.sort((a, b) => a.text < b.text ? -1 : Number(a.text > b.text));
  return cells.map(({ key }) => key).join(",");
}

/**
 * The rule of Spider's test-suite evaluation: some order of the columns makes the rows the same, as bags, or as
 * lists when order counts; two empty results are the same whatever their columns. Before that the rows must be
 * the same when each is sorted alone.
 */
export function sameTable(
  gold: readonly SqlRow[],
  found: readonly SqlRow[],
  { ordered }: { ordered: boolean },
): boolean {
  if (gold.length === 0 && found.length === 0) return true;
  if (gold.length !== found.length || gold[0].length !== found[0].length) return false;
  const [a, b] = [gold, found].map((rows) => rows.map(unordered)) as [string[], string[]];
  if (
    ordered ? a.some((row, i) => row !== b[i]) : new Set(a).symmetricDifference(new Set(b)).size
  ) {
    return false;
  }
  const width = gold[0].length;
  const columns = (rows: readonly SqlRow[]) =>
    Array.from({ length: width }, (_, i) => rows.map((row) => keyOf(row[i])));
  const wanted = columns(gold);
  const given = columns(found);
  const bag = (column: readonly string[]) => [...column].sort().join("\n");
  const wantedBags = wanted.map(bag);
  const givenBags = given.map(bag);
  if (bag(wantedBags) !== bag(givenBags)) return false;
  // Columns that can stand for a gold column hold the same values.
  const choices = wantedBags.map((it) => givenBags.flatMap((other, i) => it === other ? [i] : []));
  const goldRows = rowsOf(wanted, wanted.map((_, i) => i));
  const goldBag = ordered ? goldRows : goldRows.sort();
  for (const order of orders(choices, given.map((column) => column.join("\n")))) {
    const rows = rowsOf(given, order);
    if (!ordered) rows.sort();
    if (rows.every((row, i) => row === goldBag[i])) return true;
  }
  return false;
}

function rowsOf(columns: readonly string[][], order: readonly number[]): string[] {
  return columns[0].map((_, row) => order.map((column) => columns[column][row]).join("\n"));
}

/** Orders that are looked at: with many columns of the same values there are more than anyone can try. */
const MAX_ORDERS = 5000;

/** Ways to take one of each position's choices, none twice; of equal columns only the first is tried. */
function* orders(
  choices: readonly (readonly number[])[],
  columns: readonly string[],
): Generator<number[]> {
  const taken: number[] = [];
  let left = MAX_ORDERS * choices.length;
  function* extend(at: number): Generator<number[]> {
    if (at === choices.length) yield taken.slice();
    const tried = new Set<string>();
    for (const choice of choices[at] ?? []) {
      if (taken.includes(choice) || tried.has(columns[choice])) continue;
      if (left-- <= 0) return;
      tried.add(columns[choice]);
      taken.push(choice);
      yield* extend(at + 1);
      taken.pop();
    }
  }
  yield* extend(0);
}
