import assert from "@std/assert";
import { scoreMath } from "../../../../lib/eval/math/math.ts";

/** Gold answers and boxed ones of every kind beside each other, and what Math-Verify says of them. */
const PAIRS: readonly (readonly [gold: string, box: string, acc: 0 | 1])[] = [
  [String.raw`[1,2)`, String.raw`1\le x<2`, 1],
  ["x=1,y=2", "(x,y)=(1,2)", 1],
  ["x=3=y", "2x=2y", 1],
  [String.raw`[1,3)\cup\{3\}`, String.raw`[1,3)`, 0],
  [String.raw`\pi`, String.raw`3.141593`, 1],
  [String.raw`\{1\}\cup(1,3]`, String.raw`[1,3)\cup\{3\}`, 1],
  ["1,2", "x>1", 0],
  [String.raw`(1,2)`, String.raw`\{x>1,y>2\}`, 0],
  [String.raw`1\le x<2`, String.raw`1\le x\le 2`, 0],
  [String.raw`(1,2)\cup(2,3)`, String.raw`(1,3)`, 0],
  ["[1,2]", "(1,2]", 0],
  ["x=3", "y=3", 0],
  [String.raw`[1,4]\cup[2,3]`, String.raw`[1,3]`, 0],
  ["1,2", "[1,2)", 0],
  ["(1,2)", "2,1", 1],
  [String.raw`4`, String.raw`\begin{pmatrix}1&2\end{pmatrix}`, 0],
  [
    String.raw`\begin{pmatrix}1&2\\3&4\end{pmatrix}`,
    String.raw`\begin{pmatrix}1&2\\3&5\end{pmatrix}`,
    0,
  ],
  ["0.3", "1", 0],
  ["1", "1,1", 1],
  ["(1,1)", "1", 0],
  ["x<3", "x>3", 0],
  ["x>3", "3<x", 1],
  ["(1,2]", "[1,2]", 0],
  ["[1,2]", "[1,2)", 0],
  [String.raw`\{1,3\}`, String.raw`1,2`, 0],
  [String.raw`\{a,1\}`, String.raw`1,2`, 0],
  [String.raw`(1,\infty)`, String.raw`x>1`, 1],
  [String.raw`\pm\sqrt2`, String.raw`\{b,a\}`, 0],
  [String.raw`(1,4)\cup[2,3]`, String.raw`(1,4)`, 1],
  [String.raw`x\in[1,\infty)`, String.raw`x \in (1,2)`, 0],
  [String.raw`(2,3)\cup(1,2)`, String.raw`(1,2)\cup(2,3)`, 1],
  [String.raw`\begin{pmatrix}1&2\end{pmatrix}`, String.raw`4`, 0],
  [
    String.raw`\begin{pmatrix}1&2\\3&4\end{pmatrix}`,
    String.raw`\begin{pmatrix}1&2\end{pmatrix}`,
    0,
  ],
  [
    String.raw`\begin{pmatrix}1\\2\end{pmatrix}`,
    String.raw`\begin{pmatrix}1&2\\3&4\end{pmatrix}`,
    0,
  ],
  // Decimals are rounded to six places, and then are no whole numbers.
  ["1", "1.0000001", 0],
  ["1", "1.0", 1],
  ["2.0", "2.0000001", 1],
  [String.raw`\frac12`, "0.5000001", 1],
  [String.raw`\frac{4}{2}`, "2.0000001", 0],
  ["6.0000001", "3!", 0],
  [String.raw`\ln e`, "1.0000001", 0],
  ["0.0000001", "-0.0000001", 1],
];

Deno.test("equalValues() compares sets, intervals, relations and matrices as Math-Verify does", () => {
  for (const [gold, box, acc] of PAIRS) {
    const { metrics } = scoreMath(`$\\boxed{${box}}$`, { answer: gold });
    assert.equal(metrics.acc, acc, `${gold}: ${box}`);
  }
});
