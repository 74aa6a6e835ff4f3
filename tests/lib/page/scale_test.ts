import assert from "@std/assert";
import { INKS, luminance, SCALE, shadeOf } from "../../../lib/page/scale.ts";

/** OKLab of a colour, by the inverse of the matrices that the scale is made with. */
function labOf(color: string): number[] {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

Deno.test("the scale's colours are equally far from each other, and each lighter than the last", () => {
  const colors = SCALE.map(labOf);
  const distances = colors.slice(1).map((color, i) =>
    Math.hypot(...color.map((value, axis) => value - colors[i][axis]))
  );
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
  for (const [i, distance] of distances.entries()) {
    // Bytes round by up to a tenth of a step; where the path bends, the way is cut short.
    assert.ok(Math.abs(distance / mean - 1) < 0.2, `shade ${i}: ${distance} of ${mean}`);
    assert.ok(colors[i + 1][0] > colors[i][0], `shade ${i + 1} is not lighter`);
  }
});

Deno.test("text has a contrast of 4.5 on every colour of the scale", () => {
  for (const [i, color] of SCALE.entries()) {
    const [own, ink] = [luminance(color) + 0.05, INKS[i] === "#fff" ? 1.05 : 0.05];
    assert.ok(Math.max(own / ink, ink / own) >= 4.5, color);
  }
});

Deno.test("shadeOf() spreads steps over the whole scale", () => {
  const last = SCALE.length - 1;
  assert.deepEqual([0, 1, 2].map((step) => shadeOf(step, 3)), [0, Math.round(last / 2), last]);
  assert.equal(shadeOf(0, 1), 0);
  assert.equal(shadeOf(999, 1000), last);
});
