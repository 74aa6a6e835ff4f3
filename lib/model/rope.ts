/** Rotary tables, made on the CPU: shaders are inexact on large angles (spec/model.md 3.3, 3.4). */
import type { ModelConfig } from "./config.ts";

/** The configuration's part that decides the rotary frequencies. */
export type RopeConfig = Pick<
  ModelConfig,
  "rotaryDim" | "ropeTheta" | "ropeScaling" | "maxPositionEmbeddings"
>;

/** Angle per position of each channel pair, and the factor on cos and sin (YaRN). */
export function ropeFrequencies(config: RopeConfig): { frequencies: Float32Array; scale: number } {
  const { rotaryDim: r, ropeTheta: theta, ropeScaling: yarn } = config;
  // Every step is rounded to float32, as PyTorch does: a unit in the last place shows at far positions.
  const powers = Float32Array.from({ length: r / 2 }, (_, i) => theta ** Math.fround(2 * i / r));
  const plain = powers.map((power) => 1 / power);
  if (!yarn) return { frequencies: plain, scale: 1 };
  const length = yarn.originalMaxPositionEmbeddings ?? config.maxPositionEmbeddings;
  const s = yarn.originalMaxPositionEmbeddings === undefined
    ? yarn.factor
    : config.maxPositionEmbeddings / length;
  const correction = (n: number) =>
    r * Math.log(length / (2 * Math.PI * n)) / (2 * Math.log(theta));
  const low = Math.max(Math.floor(correction(yarn.betaFast)), 0);
  const high = Math.min(Math.ceil(correction(yarn.betaSlow)), r - 1);
  const width = high === low ? 0.001 : high - low;
  const frequencies = plain.map((frequency, i) => {
    const ramp = Math.min(1, Math.max(0, (i - low) / width));
    const kept = Math.fround(1 - Math.fround(ramp));
    const stretched = Math.fround(1 / Math.fround(Math.fround(s) * powers[i]));
    return Math.fround(stretched * Math.fround(1 - kept)) + Math.fround(frequency * kept);
  });
  return { frequencies, scale: yarn.attentionFactor ?? (s > 1 ? 0.1 * Math.log(s) + 1 : 1) };
}

/** cos and sin of positions `start .. start + length`: each [length, rotaryDim / 2]. */
export function ropeTable(
  config: RopeConfig,
  length: number,
  start = 0,
): { cos: Float32Array; sin: Float32Array } {
  const { frequencies, scale } = ropeFrequencies(config);
  const half = frequencies.length;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let p = 0; p < length; p++) {
    for (let i = 0; i < half; i++) {
      // The public code multiplies in float32; cos and sin of that product are exact.
      const angle = Math.fround((start + p) * frequencies[i]);
      cos[p * half + i] = Math.cos(angle) * scale;
      sin[p * half + i] = Math.sin(angle) * scale;
    }
  }
  return { cos, sin };
}

/** The same as kernels read it, [length, 2, rotaryDim / 2]: cos, then sin. */
export function packedRopeTable(
  config: RopeConfig,
  length: number,
  start = 0,
): Float32Array<ArrayBuffer> {
  const { rotaryDim } = config;
  const half = rotaryDim / 2;
  const { cos, sin } = ropeTable(config, length, start);
  const table = new Float32Array(length * rotaryDim);
  for (let position = 0; position < length; position++) {
    const row = position * half;
    table.set(cos.subarray(row, row + half), position * rotaryDim);
    table.set(sin.subarray(row, row + half), position * rotaryDim + half);
  }
  return table;
}
