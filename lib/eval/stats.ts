/** Intervals for scores. */

/** z of a two-sided 95% interval. */
const Z95 = 1.959963984540054;

/** Wilson's 95% interval of a share of `n` items. */
export function wilson(share: number, n: number): [number, number] {
  const z2 = Z95 * Z95;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = Z95 / (1 + z2 / n) * Math.sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}
