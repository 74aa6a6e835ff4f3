/** Kernels that are run now. */
import type { Dispatch } from "../../kernels/launch.ts";
import type { Gpu } from "./device.ts";

/**
 * Hands dispatches to the device in order, as one pass over at most `rows` rows that see at most `keys` keys
 * (`Dispatch.encode`).
 */
export function submitPass(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  rows: number,
  keys?: number,
): void {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const dispatch of dispatches) dispatch.encode(pass, rows, keys);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}
