/** "Did you mean": the nearest of some names, if it is near. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  const wanted = name.toLowerCase();
  let prefix: string | undefined;
  for (const candidate of names) {
    const own = candidate.toLowerCase();
    const distance = editDistance(wanted, own);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
    // `evaluate` is far from `eval`, and `detok` from `detokenize`, but for their beginnings.
    const shared = Math.min(wanted.length, own.length);
    if (shared > 2 && wanted.slice(0, shared) === own.slice(0, shared)) prefix ??= candidate;
  }
  return best ?? prefix;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
