/** Optimal one-to-one assignment (Kuhn, 1955), with potentials and shortest augmenting paths. */

/**
 * Largest sum of `gain[row][column]` over pairs of distinct rows and columns. O(rows² · columns) for rows
 * no more than columns.
 */
export function bestAssignment(gain: readonly (readonly number[])[]): number {
  const wide = gain.length > 0 && gain.length > gain[0].length;
  const rows = wide ? gain[0].map((_, column) => gain.map((row) => row[column])) : gain;
  const columns = rows[0]?.length ?? 0;
  // Rows and columns count from 1; column 0 holds the row being placed.
  const rowOf = new Array<number>(columns + 1).fill(0);
  const rowPotential = new Array<number>(rows.length + 1).fill(0);
  const columnPotential = new Array<number>(columns + 1).fill(0);
  for (let row = 1; row <= rows.length; row++) {
    rowOf[0] = row;
    const cost = (i: number, j: number) =>
      -rows[i - 1][j - 1] - rowPotential[i] - columnPotential[j];
    const slack = new Array<number>(columns + 1).fill(Infinity);
    const before = new Array<number>(columns + 1).fill(0);
    const visited = new Array<boolean>(columns + 1).fill(false);
    let column = 0;
    while (rowOf[column] !== 0) {
      visited[column] = true;
      let next = 0;
      for (let j = 1; j <= columns; j++) {
        if (visited[j]) continue;
        const reduced = cost(rowOf[column], j);
        if (reduced < slack[j]) [slack[j], before[j]] = [reduced, column];
        if (next === 0 || slack[j] < slack[next]) next = j;
      }
      const delta = slack[next];
      for (let j = 0; j <= columns; j++) {
        if (visited[j]) {
          rowPotential[rowOf[j]] += delta;
          columnPotential[j] -= delta;
        } else slack[j] -= delta;
      }
      column = next;
    }
    for (; column !== 0; column = before[column]) rowOf[column] = rowOf[before[column]];
  }
  let sum = 0;
  for (let j = 1; j <= columns; j++) if (rowOf[j] !== 0) sum += rows[rowOf[j] - 1][j - 1];
  return sum;
}
