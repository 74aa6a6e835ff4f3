/** Words from names and numbers, in whole-number arithmetic: the same on every machine. */

/** FNV-1a over a name, begun from a seed. */
export function hashName(name: string, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) value = Math.imul(value ^ name.charCodeAt(i), 0x01000193);
  return value;
}

/** Spreads neighbouring numbers over all words but 0, from which xorshift never leaves. */
export function mix(value: number): number {
  let x = Math.imul(value ^ value >>> 16, 0x45d9f3b);
  x = Math.imul(x ^ x >>> 16, 0x45d9f3b);
  return (x ^ x >>> 16) || 1;
}
