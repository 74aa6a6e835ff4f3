import assert from "@std/assert";
import { scoreHardMath2 } from "../../../../lib/eval/math/hardmath2.ts";

/** An answer's value where x is 1.3745401188473625 and t is 1.9507143064099162; undefined for none. */
function valueOf(latex: string): number | undefined {
  const doc = { solution: "\\boxed{x}", parameters: "$x; t$" };
  const { extracted } = scoreHardMath2(`\\boxed{${latex}}`, doc);
  return typeof extracted === "string" ? Number(extracted) : undefined;
}

const [x, t] = [1.3745401188473625, 1.9507143064099162];

Deno.test("parsePython() reads names and signs as sympy's transformations do", () => {
  const cases: [latex: string, value: number | undefined][] = [
    // A name that is none is a product, and what follows it concerns its last part.
    ["x2", 2 * x],
    ["x12t", 12 * x * t],
    ["xt^2", x * t ** 2],
    ["1/xt", t / x],
    ["x2^2", 4 * x],
    ["x2!", 4.418180918356371], // the factorial of the product
    ["3!", 6],
    ["3!!", 3],
    ["7!!", 105],
    ["3 !", undefined],
    // No sign, power sign or leading zero where Python has none.
    ["\\sin -x", undefined],
    ["\\ln ^2(x)", undefined],
    ["\\ln x", Math.log(x)],
    ["05x", undefined],
    ["0.5x", 0.5 * x],
    ["x+E1", undefined],
    ["\\int_0^1 t dt", 0.5],
    ["\\int_0^1 t dtt", undefined],
  ];
  for (const [latex, wanted] of cases) {
    const found = valueOf(latex);
    if (wanted === undefined) assert.equal(found, undefined, latex);
    else assert.ok(Math.abs(found! - wanted) < 1e-9 * Math.abs(wanted), `${latex}: ${found}`);
  }
});
