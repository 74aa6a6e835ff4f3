import assert from "@std/assert";
import { KERNEL_SPECS } from "../../kernels/mod.ts";
import type { KernelSpec } from "../../kernels/spec.ts";

/** Step of the central differences: their error is of its square. */
const STEP = 1e-4;

/** Most inputs that are moved, one at a time. */
const MOST = 400;

for (const spec of KERNEL_SPECS.filter(({ gradient }) => gradient)) {
  for (const shape of spec.shapes.slice(0, 3)) {
    Deno.test(`${spec.name} ${JSON.stringify(shape)}: reference equals finite differences`, () => {
      for (const [name, of] of Object.entries(spec.gradient!.of)) {
        checkGradient(spec, shape, name, of);
      }
    });
  }
}

/** Compares the reference of the output `name` with differences of the loss in the input `of`. */
function checkGradient(
  spec: KernelSpec,
  shape: Record<string, number>,
  name: string,
  of: string,
): void {
  const { added = [] } = spec.gradient!;
  const inputs = spec.inputs(shape);
  const wanted = spec.reference(shape, inputs)[name];
  const moved: Record<string, ArrayLike<number>> = { ...inputs };
  const values = moved[of] = Float64Array.from(inputs[of]);
  const loss = () => lossOf(spec, shape, inputs, moved);
  const stride = Math.ceil(values.length / MOST);
  const scale = Array.from(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  for (let i = 0; i < values.length; i += stride) {
    const middle = values[i];
    values[i] = middle + STEP;
    const above = loss();
    values[i] = middle - STEP;
    const below = loss();
    values[i] = middle;
    const found = (above - below) / (2 * STEP) + (added.includes(name) ? inputs[name][i] : 0);
    assert.ok(
      Math.abs(found - wanted[i]) <= 1e-5 * scale,
      `${name}[${i}]: differences say ${found}, the reference ${wanted[i]}`,
    );
  }
}

/** Sum of all outputs of the forward function, each times its upstream gradient. */
function lossOf(
  { gradient }: KernelSpec,
  shape: Record<string, number>,
  inputs: Record<string, ArrayLike<number>>,
  moved: Record<string, ArrayLike<number>>,
): number {
  const outputs = gradient!.forward(shape, moved);
  let sum = 0;
  for (const [output, upstream] of Object.entries(gradient!.upstream)) {
    for (let i = 0; i < outputs[output].length; i++) {
      sum += outputs[output][i] * inputs[upstream][i];
    }
  }
  return sum;
}
