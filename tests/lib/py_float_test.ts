import assert from "@std/assert";
import { pyFloatText } from "../../lib/py_float.ts";

Deno.test("pyFloatText() prints as Python does", () => {
  const cases: [number, string][] = [
    [2, "2.0"],
    [0.1, "0.1"],
    [-0, "-0.0"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.5e300, "1.5e+300"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [Infinity, "inf"],
    [-Infinity, "-inf"],
    [NaN, "nan"],
  ];
  for (const [value, wanted] of cases) assert.equal(pyFloatText(value), wanted);
});
