/** Spans of rows, read from the other side. */

/**
 * For each row the rows that see it, as up to `most` spans of rising rows; `spans` holds two spans
 * [from, to) a row. Rows are swept once: each row's spans enter a list of runs where they begin and
 * leave it where they end, so the work is the number of rows times the few runs.
 */
export function transposedSpans(spans: Uint32Array, most: number): Uint32Array {
  const count = spans.length / 4;
  const begins = seersBy(spans, { count, side: 0 });
  const ends = seersBy(spans, { count, side: 1 });
  const out = new Uint32Array(2 * most * count);
  const runs: [from: number, to: number][] = [];
  for (let row = 0; row < count; row++) {
    // Leaving first: a row whose one span ends where its other begins stays.
    for (const seer of ends(row)) remove(runs, seer);
    for (const seer of begins(row)) insert(runs, seer);
    if (runs.length > most) {
      throw new RangeError(
        `row ${row} is seen by ${runs.length} spans of rows, of ${most} at most`,
      );
    }
    runs.forEach((run, at) => out.set(run, 2 * (most * row + at)));
  }
  return out;
}

/** The rows with a span that begins (side 0) or ends (side 1) at a row, rising. */
function seersBy(spans: Uint32Array, { count, side }: { count: number; side: 0 | 1 }) {
  const starts = new Uint32Array(count + 2);
  const edges = (use: (edge: number, seer: number) => void) => {
    for (let at = 0; at < 2 * count; at++) {
      const from = spans[2 * at];
      const to = spans[2 * at + 1];
      if (to > count) throw new RangeError(`span ${from}..${to} ends beyond row ${count}`);
      if (to > from) use(side === 0 ? from : to, at >> 1);
    }
  };
  edges((edge) => starts[edge + 1]++);
  for (let edge = 0; edge <= count; edge++) starts[edge + 1] += starts[edge];
  const seers = new Uint32Array(starts[count + 1]);
  const next = starts.slice();
  edges((edge, seer) => seers[next[edge]++] = seer);
  return (edge: number) => seers.subarray(starts[edge], starts[edge + 1]);
}

/** Adds a number to sorted runs [from, to) that lack it. */
function insert(runs: [number, number][], value: number): void {
  let at = 0;
  while (at < runs.length && runs[at][1] < value) at++;
  const run = runs[at];
  if (run?.[1] === value) {
    run[1]++;
    if (runs[at + 1]?.[0] === run[1]) run[1] = runs.splice(at + 1, 1)[0][1];
  } else if (run?.[0] === value + 1) run[0]--;
  else runs.splice(at, 0, [value, value + 1]);
}

/** Takes a number out of sorted runs [from, to) that hold it. */
function remove(runs: [number, number][], value: number): void {
  const at = runs.findIndex(([, to]) => to > value);
  const [from, to] = runs[at];
  const left: [number, number][] = [];
  if (from < value) left.push([from, value]);
  if (value + 1 < to) left.push([value + 1, to]);
  runs.splice(at, 1, ...left);
}
