import assert from "@std/assert";
import { sameSet, sameTable, type SqlRow } from "../../../lib/exec/rows.ts";

const blob = (...bytes: number[]) => Uint8Array.from(bytes);

/** Gold, found; equal as sets, as bags, as lists. */
const CASES: [string, SqlRow[], SqlRow[], boolean, boolean, boolean][] = [
  ["the same", [[1n, "a"]], [[1n, "a"]], true, true, true],
  ["a whole REAL", [[1n]], [[1]], true, true, true],
  ["a huge REAL", [[2n ** 60n]], [[2 ** 60]], true, true, true],
  ["one off a huge REAL", [[2n ** 60n + 1n]], [[2 ** 60]], false, false, false],
  ["text is no number", [["1"]], [[1n]], false, false, false],
  ["NULL is NULL", [[null]], [[null]], true, true, true],
  ["NULL is no text", [[null]], [["n"]], false, false, false],
  ["minus zero", [[0n]], [[-0]], true, true, true],
  ["blobs by bytes", [[blob(1, 2)]], [[blob(1, 2)]], true, true, true],
  ["another blob", [[blob(1, 2)]], [[blob(1, 3)]], false, false, false],
  ["another order of rows", [[1n], [2n]], [[2n], [1n]], true, true, false],
  ["a row twice", [[1n]], [[1n], [1n]], true, false, false],
  ["another order of columns", [[1n, "a"]], [["a", 1n]], false, true, true],
  [
    "columns that swap in one row only",
    [[1n, 2n], [3n, 4n]],
    [[1n, 2n], [4n, 3n]],
    false,
    false,
    false,
  ],
  ["a whole REAL beside a REAL, sorted elsewhere", [[1n, 1.5]], [[1, 1.5]], true, false, false],
  ["a whole REAL beside a text", [[1n, "a"]], [[1, "a"]], true, true, true],
  ["one column more", [[1n]], [[1n, 1n]], false, false, false],
  ["both empty", [], [], true, true, true],
  ["one empty", [], [[1n]], false, false, false],
  ["a comma in a text", [["a,b", "c"]], [["a", "b,c"]], false, false, false],
];

Deno.test("sameSet() and sameTable() compare rows as the official harnesses do", () => {
  for (const [name, gold, found, set, bag, list] of CASES) {
    assert.equal(sameSet(gold, found), set, `${name}: set`);
    assert.equal(sameTable(gold, found, { ordered: false }), bag, `${name}: bag`);
    assert.equal(sameTable(gold, found, { ordered: true }), list, `${name}: list`);
  }
});

Deno.test("sameTable() ends soon with many equal columns", () => {
  const row = (last: bigint): SqlRow => [...Array(24).fill(1n), last];
  const gold = [row(1n), row(2n)];
  assert.equal(sameTable(gold, [row(2n), row(1n)], { ordered: false }), true);
  const found = [[...Array(24).fill(1n), 2n], [2n, ...Array(24).fill(1n)]];
  assert.equal(sameTable(gold, found, { ordered: false }), false);
});
