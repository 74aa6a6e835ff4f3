/** Words from texts and numbers, in whole-number arithmetic: the same on every machine. */

/** FNV-1a over a text's UTF-8 bytes, begun from a seed: a word. */
export function fnv1a(text: string, seed = 0): number {
  let word = 0x811c9dc5 ^ seed;
  for (const byte of new TextEncoder().encode(text)) word = Math.imul(word ^ byte, 0x01000193);
  return word >>> 0;
}

/** Spreads neighbouring numbers over all words but 0, from which xorshift never leaves. */
export function mix(value: number): number {
  let x = Math.imul(value ^ value >>> 16, 0x45d9f3b);
  x = Math.imul(x ^ x >>> 16, 0x45d9f3b);
  return (x ^ x >>> 16) || 1;
}
