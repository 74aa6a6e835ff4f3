/** What WGSL's numbers do, for translated kernels: float32, wrapping integers, bits; odd cases are reported. */
import { report } from "./memory.ts";

const bits = new DataView(new ArrayBuffer(8));
const half = new Float16Array(1);
const halfBits = new Uint16Array(half.buffer);

/** The index itself where it is in bounds, else the nearest that is. */
export function within(index: number, count: number, at: number): number {
  if (index >= 0 && index < count) return index;
  report("bounds", at, `index ${index} of ${count}`);
  return index < 0 || count === 0 ? 0 : count - 1;
}

/** The amount of a shift of a 32-bit number. */
export function shift(by: number, at: number): number {
  if (by >= 32) report("undefined", at, `shift by ${by}`);
  return by & 31;
}

/** Quotient and remainder of whole numbers: WGSL's for zero, which not all compilers see to. */
export function divide(a: number, b: number, at: number): number {
  if (b === 0) report("undefined", at, `${a} / 0`);
  return b === 0 ? a : Math.trunc(a / b);
}
export function remainder(a: number, b: number, at: number): number {
  if (b === 0) report("undefined", at, `${a} % 0`);
  return b === 0 ? 0 : a % b;
}

/** A quotient in float32. Compilers may do as they like with infinite ones: NaN shows where a result has one. */
export function quotient(a: number, b: number): number {
  return b === 0 ? NaN : Math.fround(a / b);
}

/** A float as whole number of a range. */
export function whole(a: number, least: number, most: number, at: number): number {
  const cut = Math.trunc(a);
  if (cut >= least && cut <= most) return cut;
  report("undefined", at, `${a} as a whole number from ${least} to ${most}`);
  return cut > most ? most : cut < least ? least : 0;
}

export function u32OfF32(a: number): number {
  bits.setFloat32(0, a);
  return bits.getUint32(0);
}
export function i32OfF32(a: number): number {
  bits.setFloat32(0, a);
  return bits.getInt32(0);
}
export function f32OfBits(a: number): number {
  bits.setUint32(0, a);
  return bits.getFloat32(0);
}

export function unpack2x16float(word: number): number[] {
  halfBits[0] = word & 0xffff;
  const low = half[0];
  halfBits[0] = word >>> 16;
  return [low, half[0]];
}
export function pack2x16float([low, high]: number[], at: number): number {
  half[0] = low;
  const first = halfBits[0];
  half[0] = high;
  if (!(Math.abs(low) < 65520) || !(Math.abs(high) < 65520)) {
    report("undefined", at, `${low} or ${high} as float16`);
  }
  return (halfBits[0] << 16 | first) >>> 0;
}
export function pack4xU8([a, b, c, d]: number[]): number {
  return (a & 255 | (b & 255) << 8 | (c & 255) << 16 | d << 24) >>> 0;
}
export function dot4I8Packed(a: number, b: number): number {
  let sum = 0;
  for (let at = 24; at >= 0; at -= 8) sum += (a << at >> 24) * (b << at >> 24);
  return sum;
}
export function countOneBits(a: number): number {
  let count = 0;
  for (let rest = a; rest !== 0; rest &= rest - 1) count++;
  return count;
}
export function firstTrailingBit(a: number): number {
  return a === 0 ? 0xffffffff : 31 - Math.clz32(a & -a);
}

/** Of a u32. */
export function extractBits(a: number, offset: number, count: number): number {
  const from = Math.min(offset, 32);
  const bits = Math.min(count, 32 - from);
  return bits === 0 ? 0 : a << (32 - from - bits) >>> (32 - bits);
}
export function any(parts: readonly boolean[]): boolean {
  return parts.includes(true);
}

/** Makes what a pointer points at equal to `values`. */
export function assign(to: unknown[], values: readonly unknown[]): void {
  for (let i = 0; i < to.length; i++) to[i] = values[i];
}
