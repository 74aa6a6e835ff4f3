/** Scorers of the mathematics group: own cases, the shared golden cases, hostile answers. */
import assert from "@std/assert";
import fc from "fast-check";
import { scoreAime } from "../../../../lib/eval/math/aime.ts";
import { scoreCmath } from "../../../../lib/eval/math/cmath.ts";
import { scoreGsm8k } from "../../../../lib/eval/math/gsm8k.ts";
import { scoreGsmPlus } from "../../../../lib/eval/math/gsm_plus.ts";
import { scoreHardMath2 } from "../../../../lib/eval/math/hardmath2.ts";
import { scoreMath } from "../../../../lib/eval/math/math.ts";
import { equalOlympiad } from "../../../../lib/eval/math/olympiad.ts";
import { scoreOlympiadBench } from "../../../../lib/eval/math/olympiadbench.ts";
import { scoreOmniMath } from "../../../../lib/eval/math/omni_math.ts";
import { equalV2 } from "../../../../lib/eval/math/opencompass_v2.ts";
import { eed, scorePhyBench } from "../../../../lib/eval/math/phybench.ts";
import { equalQwen, stripQwen } from "../../../../lib/eval/math/qwen.ts";
import { scoreScibench } from "../../../../lib/eval/math/scibench.ts";
import type { Doc, Score } from "../../../../lib/eval/task.ts";

const SCORERS: Readonly<Record<string, (text: string, doc: Doc) => Score>> = {
  gsm8k: scoreGsm8k,
  gsm_plus: scoreGsmPlus,
  cmath: scoreCmath,
  scibench: scoreScibench,
  math: scoreMath,
  olympiadbench: scoreOlympiadBench,
  aime2025: scoreAime,
  omni_math: scoreOmniMath,
  hardmath2: scoreHardMath2,
  phybench: scorePhyBench,
};

/** Rows of our own in each benchmark's format. */
const DOCS: Readonly<Record<string, Doc>> = {
  gsm8k: { question: "How many?", answer: "6 times 7 is <<6*7=42>>42.\n#### 42" },
  gsm_plus: {
    question: "How much?",
    solution: "9 / 4 = 2.25\n#### 2.25",
    answer: "2.25",
    perturbation_type: "numerical substitution",
  },
  cmath: { grade: 3, input: "一共有多少个？", golden: "1200" },
  scibench: { answer_number: "4.2", unit: "$10^{3} \\mathrm{~J}$", source: "thermo" },
  math: { answer: "\\frac{3}{4}" },
  olympiadbench: {
    final_answer: ["$\\sqrt{2},-\\sqrt{2}$"],
    answer_type: "Numerical",
    error: null,
  },
  aime2025: { problem_idx: 1, answer: "42" },
  omni_math: { answer: "2^{10}", difficulty: 3 },
  hardmath2: {
    solution: "$\\boxed{y(x) \\sim e^{-x/\\epsilon}\\text{erf}(x)}$",
    parameters: "$x; \\epsilon$",
  },
  phybench: { content: "How fast?", answer: "\\sqrt{2 g h}" },
};

const UNKNOWN = { ...DOCS.gsm_plus, perturbation_type: "critical thinking", answer: "None" };

/** Boxed answers beside MATH's gold ones, and what Math-Verify says of them. */
const VERIFIED: readonly (readonly [gold: string, box: string, acc: 0 | 1])[] = [
  // A unit is no factor, however short.
  ["8", "8\\text{ m}", 1],
  ["8", "8\\,\\mathrm{m}^2", 1],
  ["8", "8\\,\\text{m}/\\text{s}", 1],
  ["(1,2)", "(1,2) \\text{ m}", 1],
  ["120", "120^{\\circ}\\mathrm{F}", 1],
  ["8\\text{ m}", "9\\text{ m}", 0],
  // An approximation beside the value is left out.
  ["2\\sqrt{3}", "2\\sqrt{3} \\approx 3.46", 1],
  ["2\\sqrt{3}", "AB = 2\\sqrt{3} \\text{ cm} \\approx 3.46 \\text{ cm}", 1],
  ["\\pi", "\\pi \\approx 3.14", 1],
  ["3.46", "a+b \\approx 3.46", 1],
  ["2\\sqrt{3}", "3.46 \\approx 2\\sqrt{3}", 0],
  // The last side of equations is the value, unless they are asked for or calculate.
  ["70", "m+n=70", 1],
  ["70", "m + n = 49 + 21 = 70", 1],
  ["\\frac{1}{2}", "\\frac{AB}{CD} = \\frac{1}{2}", 1],
  ["(1,2,3)", "(x,y,z) = (1,2,3)", 1],
  ["4", "x^2=4", 0],
  ["y=70", "m+n=70", 0],
  ["70", "m+n < 70", 0],
  // Brackets around a list do not matter, its order then does; elsewhere a list is a set.
  ["(1,2,3)", "1,2,3", 1],
  ["1,2,3", "(1,2,3)", 1],
  ["(3,\\frac{\\pi}{2})", "r=3, \\theta=\\frac{\\pi}{2}", 1],
  ["1,2,3", "(3,2,1)", 0],
  ["[1,2]", "1,2", 0],
  ["\\frac{5}{2}", "\\frac{5}{2} \\text{ or } 2.5", 1],
  ["1,2", "1,2,1", 1],
  ["1,2", "1,2,3", 0],
  // Case is folded, and not that of the number sets.
  ["\\mathbb{R}", "(-\\infty,\\infty)", 1],
  // A text equal to the gold answer's is right though it is not read.
  ["(\\pm\\sqrt{2},0)", "(\\pm\\sqrt{2},0)", 1],
  // Units as plain words, of a list of its own; other words are factors.
  ["5", "5 m", 1],
  ["7\\pi", "7\\pi square units", 1],
  ["[0,1]", "[0,1] cm", 1],
  ["5", "5 dollars", 0],
  ["5", "5\\text{ cents} cm", 0],
  ["abc", "bca", 1],
  // Names, and equations of which one side alone is asked for.
  ["\\log 100", "\\log 100", 1],
  ["8", "P(X=3)=8", 1],
  ["70", "n \\equiv 70", 1],
  ["m+n=70", "70", 1],
  ["70", "2x+1=70", 0],
  // What its reader does not know.
  ["5", "5°", 0],
  ["5", "5~\\text{cm}", 0],
  ["\\sqrt{5}", "√5", 0],
  ["5", "\\approx 5", 0],
  ["3", "{\\bf 3}", 0],
  ["\\frac{3}{4}", "{3 \\over 4}", 1],
  // Relations keep their names and signs; equations are solved where there is more than one symbol.
  ["x \\le 5", "y \\le 5", 0],
  ["x \\le 5", "5 \\ge x", 1],
  ["1<x<3", "3>x>1", 0],
  ["x+2y=3", "2x+4y=6", 1],
  ["x=5", "2x=10", 0],
  ["f(x)=x", "f{\\left(x\\right)}=x", 1],
  ["y=5", "x=y=5", 1],
  // Sets of reals by what they hold.
  ["(2,\\infty)", "x>2", 1],
  ["x>2", "(2,\\infty)", 0],
  ["[1,3]", "[1,2]\\cup[2,3]", 1],
  ["\\mathbb{R}\\setminus\\{0\\}", "(-\\infty,0)\\cup(0,\\infty)", 1],
  ["3,-3", "x=\\pm 3", 1],
  ["(-\\sqrt{2},\\sqrt{2},0)", "(\\pm\\sqrt{2},0)", 1],
  ["5", "5,2+3", 1],
  // Brackets around the whole say nothing, braces make a set, text a name.
  ["(1,2)", "((1,2))", 1],
  ["x=3", "(x=3)", 1],
  ["(1,2)", "{(1,2)}", 0],
  ["(1,2)", "\\text{(1,2)}", 0],
  ["0,4", "\\text{0,4}", 0],
  ["5", "\\text{5}", 1],
  // Its grammar: numbers side by side are added, functions take products, factorials come last.
  ["5", "2(3)", 1],
  ["321", "\\frac{2(321)}{2}", 0],
  ["\\sin x\\cdot\\cos x", "\\sin(x)\\cos(x)", 0],
  ["24", "2^{2}!", 1],
  ["36", "3!^{2}", 0],
  ["(1,2)", "(1,2)\\,\\text{cm}", 1],
  ["(1,2)", "(1,2)^\\circ", 0],
  ["\\frac{1}{2}", "\\frac12", 0],
  ["\\begin{pmatrix}3/5\\\\1\\end{pmatrix}", "\\frac{1}{5}\\begin{pmatrix}3\\\\5\\end{pmatrix}", 1],
  ["(-\\infty,0]", "[-\\infty,0]", 1],
  // A number with commas is one where it stands alone.
  ["58,500", "58{,}500\\text{ m}", 1],
  ["58,500", "58,500\\,\\text{m}", 0],
  ["58,500", "x=58,500", 0],
  ["13535", "13\\,535", 0],
];

Deno.test("MATH's headline metric is Math-Verify's verdict", () => {
  for (const [gold, box, acc] of VERIFIED) {
    const { metrics } = scoreMath(`$\\boxed{${box}}$`, { answer: gold });
    assert.equal(metrics.acc, acc, `${gold}: ${box}`);
  }
});

Deno.test("Math-Verify's percent sign behind a formula counts unless the texts are the same", () => {
  const acc = (gold: string, text: string) => scoreMath(text, { answer: gold }).metrics.acc;
  assert.equal(acc("50\\%", "Answer: $\\boxed{50}$%"), 1);
  assert.equal(acc("50", "Answer: $\\boxed{50}$%"), 1);
  assert.equal(acc("50", "Answer: $\\boxed{50.0}$%"), 0);
  assert.equal(acc("50", "Answer: $\\boxed{50\\%}$"), 0);
  assert.equal(acc("\\$18.90", "Answer: $\\$18.90$"), 1);
});

/** Gold, answer and the official score, which depends on the shape that sympy's `simplify` gives both. */
const SHAPES: readonly (readonly [gold: string, answer: string, score: number])[] = [
  // Roots and denominators have whole numbers.
  ["\\sqrt{\\frac{k}{m}-\\frac{b^2}{4m^2}}", "2\\sqrt{\\frac{k}{m}-\\frac{b^2}{4m^2}}", 54.117647],
  // A product is multiplied out where that is shorter.
  ["\\omega_0(1+\\frac{M}{2m})", "\\omega_0(1-\\frac{M}{2m})", 48.888889],
  // Over one denominator, terms of one denominator stay together.
  ["\\frac{nRT}{V-nb}-\\frac{an^2}{V^2}", "\\frac{nRT}{V-nb}+\\frac{an^2}{V^2}", 56.666667],
  ["\\frac{1}{2}kx^2+\\frac{p^2}{2m}", "\\frac{1}{2}kx^2+\\frac{p^2}{2m}+1", 26.666667],
  ["R_1+\\frac{R_2R_3}{R_2+R_3}", "\\frac{1}{2}(R_1+\\frac{R_2R_3}{R_2+R_3})", 53.333333],
  // Numbers stand in sympy's order of classes: -1 before -3.
  ["\\frac{c}{n}(1-\\frac{1}{n^2})", "\\frac{c}{n}(1+\\frac{1}{n^2})", 51.666667],
  // Factors go into logarithms.
  [
    "\\frac{\\lambda}{2\\pi\\epsilon_0}\\ln\\frac{b}{a}",
    "\\frac{\\lambda}{2\\pi\\epsilon_2}\\ln\\frac{b}{a}",
    53.75,
  ],
  ["\\ln\\frac{r_2}{r_1}", "2\\ln\\frac{r_2}{r_1}", 0],
  // Beside other terms the denominator stays out.
  [
    "\\frac{\\lambda}{2\\pi\\epsilon_0}\\ln\\frac{b}{a}",
    "\\frac{\\lambda}{2\\pi\\epsilon_0}\\ln\\frac{b}{a} + m g",
    0,
  ],
  // A falling exponential in a logarithm is cleared.
  [
    "N k_B \\ln(1+e^{-\\frac{\\epsilon}{k_B T}})",
    "2 N k_B \\ln(1+e^{-\\frac{\\epsilon}{k_B T}})",
    55.833333,
  ],
  // The root of a quotient stays one where the sign below is not known.
  [
    "\\frac{g}{\\cos\\theta+\\mu\\sin\\theta}",
    "\\sqrt{\\frac{g}{\\cos\\theta+\\mu\\sin\\theta}}",
    23.636364,
  ],
  // Signs go into sums.
  ["\\frac{F}{k}(1-\\cos\\omega t)", "-\\frac{F}{k}(1-\\cos\\omega t)", 44.615385],
  [
    "\\frac{(m_1-m_2) v_0 + 2 m_2 u}{m_1+m_2}",
    "-\\frac{(m_1-m_2) v_0 + 2 m_2 u}{m_1+m_2}",
    48.888889,
  ],
  ["\\frac{R}{2}\\frac{1}{n-1}", "-\\frac{R}{2}\\frac{1}{n-1}", 10],
];

Deno.test("eed() compares the shapes that sympy simplifies to", () => {
  for (const [gold, answer, score] of SHAPES) {
    assert.ok(Math.abs(eed(gold, answer) - score) < 1e-5, `${answer}: ${eed(gold, answer)}`);
  }
});

Deno.test("equalQwen() takes relations for equal whose sides are as far apart", () => {
  const equal = (gold: string, answer: string) => equalQwen(stripQwen(answer), stripQwen(gold));
  assert.equal(equal("x>2", "x<2"), true);
  assert.equal(equal("x<5", "x-5<0"), true);
  assert.equal(equal("y>2", "x>2"), false);
  assert.equal(equal("2x>4", "x>2"), false);
  const matrix = "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}";
  assert.equal(equal(matrix, `\\displaystyle ${matrix}`), true);
  assert.equal(equal(matrix, `${matrix} \\approx 2.5`), false);
});

Deno.test("equalOlympiad() finds no whole quotient of equations with decimals", () => {
  assert.equal(equalOlympiad("x=4", "x=4.0"), false);
  assert.equal(equalOlympiad("4", "4.0"), true);
  assert.equal(equalOlympiad("n+m=5", "2n+2m=10"), true);
  // A dollar sign that goes leaves its backslash, which sympy's reader does not know before another.
  assert.equal(equalOlympiad("\\frac{63}{4}", "\\boxed{\\$\\frac{63}{4}}"), false);
});

/** Answers to those rows with all metrics they must get. */
const CASES:
  readonly (readonly [id: string, answer: string, expected: Record<string, number>, doc?: Doc])[] =
    [
      ["gsm8k", "So \\boxed{42}.", {
        acc: 1,
        acc_boxed_v2: 1,
        acc_qwen: 1,
        exact_match_strict: 0,
        exact_match_flexible: 1,
      }],
      ["gsm8k", "#### 42\nQuestion: what is 3?", {
        acc: 1,
        acc_boxed_v2: 0,
        acc_qwen: 0,
        exact_match_strict: 1,
        exact_match_flexible: 0,
      }],
      ["gsm_plus", "Each gets 2.250.", { acc: 1, exact_match_strict: 0, exact_match_flexible: 0 }],
      ["gsm_plus", "#### 9/4", { acc: 1, exact_match_strict: 0, exact_match_flexible: 0 }],
      ["gsm_plus", "#### 2", { acc: 0, exact_match_strict: 0, exact_match_flexible: 0 }, UNKNOWN],
      ["gsm_plus", "It is 2.", { acc: 1, exact_match_strict: 0, exact_match_flexible: 0 }, UNKNOWN],
      ["cmath", "答：一共有1,205个。", { acc: 0 }],
      ["cmath", "答：一共有1,205.5个。", { acc: 1 }],
      ["cmath", "The answer is 1200.", { acc: 0 }],
      ["cmath", "1200\x1c", { acc: 1 }], // a line end of Python's
      ["cmath", "timeout 1200", { acc: 0 }],
      ["scibench", "The answer is \\boxed{4.2}.", { acc: 1, acc_official: 0 }],
      ["scibench", "The answer is \\boxed{4.1 \\times 10^{3}}.", { acc: 0, acc_official: 1 }],
      // Blanks as Python strips them.
      ["scibench", "The answer is \\boxed{\x1c4.2 \\times 10^{3}}.", { acc: 0, acc_official: 1 }],
      ["math", "Thus $\\boxed{\\frac{6}{8}}$.", {
        acc: 1,
        acc_hendrycks: 0,
        acc_opencompass_v2: 0,
        acc_qwen: 1,
        acc_prm800k: 0,
      }],
      ["math", "I think 0.75.", {
        acc: 0,
        acc_hendrycks: 0,
        acc_opencompass_v2: 0,
        acc_qwen: 1,
        acc_prm800k: 0,
      }],
      ["math", "The final answer is $\\frac{3}{4}$. One of them is $3$ more.", {
        acc: 1,
        acc_hendrycks: 0,
        acc_opencompass_v2: 1,
        acc_qwen: 0,
        acc_prm800k: 0,
      }],
      ["omni_math", "\\boxed{1\\,024}", { acc_rule: 1, acc_math_verify: 0 }],
      ["olympiadbench", "So the final answer is \\boxed{\\pm\\sqrt{2}}.", {
        acc: 1,
        acc_official: 1,
        acc_math_verify: 1,
      }],
      ["aime2025", "\\boxed{042}", { acc: 1, acc_lm_eval: 0, acc_opencompass_v2: 0 }],
      ["omni_math", "\\boxed{1024}", { acc_rule: 1, acc_math_verify: 1 }],
      ["hardmath2", "\\boxed{\\frac{2}{\\sqrt{\\pi}}\\exp(-x/\\epsilon)\\int_0^x e^{-t^2} dt}", {
        acc: 1,
        parsed: 1,
      }],
      ["hardmath2", "\\boxed{x e^{-x/\\varepsilon}}", { acc: 0, parsed: 0 }],
      ["hardmath2", "\\boxed{1; 2}", { acc: 0, parsed: 1 }],
      ["phybench", "\\boxed{v=(2gh)^{1/2}}", { eed: 100, acc: 1, eed_clean: 100 }],
      ["phybench", "\\boxed{\\sqrt{2\\left(gh\\right)}}", { eed: 0, acc: 0, eed_clean: 100 }],
      // cos stands before exp in sympy's product, sin after it: nothing stays in its place.
      ["phybench", "2 a e^{b} \\cos(c)", { eed: 0, acc: 0, eed_clean: 0 }, {
        answer: "a e^{b} \\sin(c)",
      }],
      ["phybench", "v = \\sqrt{3 g h}", { eed: 50, acc: 0, eed_clean: 50 }],
    ];

Deno.test("equalV2() takes for blanks what Python strips", () => {
  assert.ok(equalV2("\x1c42.\x85", "42"));
  assert.ok(!equalV2("\ufeff42", "42"));
});

Deno.test("mathematics scorers give every metric", () => {
  for (const [id, answer, expected, doc = DOCS[id]!] of CASES) {
    assert.deepEqual(SCORERS[id]!(answer, doc).metrics, expected, `${id}: ${answer}`);
  }
});

/** Golden cases of the published judges that are missed, with the reason; they must stay under 10% of a file. */
const MISSED: Readonly<Record<string, string>> = {};

for (const [id, score] of Object.entries(SCORERS)) {
  const path = new URL(`../../../../../shared/benchmarks/${id}/scoring.jsonl`, import.meta.url);
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) console.warn(`Skipped: ../shared/benchmarks/${id} is absent`);
  Deno.test({
    name: `${id} scores its golden cases`,
    ignore: text === undefined,
    fn: () => {
      const missed = text!.trim().split("\n").flatMap((line, i) => {
        const { doc, output, expected } = JSON.parse(line);
        const got = score(output, doc);
        return Object.entries(expected)
          .filter(([metric, value]) => !agrees(got, metric, value))
          .map(([metric, value]) => ({ case: `${id}/${i} ${metric}`, output, wanted: value, got }));
      });
      assert.deepEqual(missed.filter((miss) => !(miss.case in MISSED)), []);
    },
  });
}

function agrees({ metrics, unparsed }: Score, metric: string, value: unknown): boolean {
  if (value === null) return metrics[metric] === undefined;
  if (value === "random") return metrics[metric] === 0 && unparsed === true;
  return Math.abs((metrics[metric] ?? NaN) - Number(value)) < 1e-6;
}

const EXAMPLES = new URL(
  "../../../../../shared/benchmarks/olympiadbench/scoring_examples.official.json",
  import.meta.url,
);
const examples = await Deno.readTextFile(EXAMPLES).catch(() => undefined);

Deno.test({
  name: "equalOlympiad() passes the official judger's own examples",
  ignore: examples === undefined,
  fn: () => {
    for (const { GT, Ans } of JSON.parse(examples!)) {
      for (const { answer, precision = 1e-8, equal } of Ans) {
        const errors = [precision].flat().map(Number);
        assert.equal(equalOlympiad(GT, answer, errors), equal, `${GT} | ${answer}`);
      }
    }
  },
});

const PIECES = fc.oneof(
  fc.constantFrom(
    ..."\\boxed{ } $ $$ \\[ \\] #### The answer is final answer is 答案是 答： \\frac{1}{2} ４２ 42 , . % = \\text{ cm } ( [ ] ) \\pm \\sqrt2 {} \\\\ Question: ## million -1e400 NaN Infinity １／２ \\times10^{3} x^2+1 元 分之"
      .split(" "),
  ),
  fc.string({ unit: "binary", maxLength: 8 }),
);
const ANSWERS = fc.array(PIECES, { maxLength: 30 }).map((parts) => parts.join(" "));

Deno.test("E4 mathematics scorers never throw and stay in range", () => {
  for (const [id, score] of Object.entries(SCORERS)) {
    const names = Object.keys(score("", DOCS[id]!).metrics).sort();
    fc.assert(
      fc.property(ANSWERS, (answer) => {
        const { metrics } = score(answer, DOCS[id]!);
        assert.deepEqual(Object.keys(metrics).sort(), names);
        for (const value of Object.values(metrics)) assert.ok(value >= 0 && value <= 100, id);
      }),
      { seed: 7, numRuns: 60 },
    );
  }
});

Deno.test("E3 mathematics scorers take long hostile answers and rows without fields", () => {
  const long = [
    "\\boxed{".repeat(100_000),
    "1".repeat(1_000_000),
    "$".repeat(1_000_000),
    "\\frac{".repeat(150_000) + "}".repeat(100),
    "{".repeat(500_000) + "}".repeat(500_000),
    "答案是1，".repeat(150_000),
    "the answer is ".repeat(70_000) + "$x$",
    "#### 1 ".repeat(140_000),
    "\\text{a".repeat(150_000),
    "9^{".repeat(300) + "9" + "}".repeat(300),
    `\\boxed{${"分之".repeat(50_000)}}`,
    "\\[".repeat(150_000),
    "answer $".repeat(40_000),
    "\\boxed{1} ".repeat(30_000),
  ];
  for (const score of Object.values(SCORERS)) {
    for (const answer of long) score(answer, {});
    score("\\boxed{1}", { answer: 1, final_answer: "x", golden: null, unit: 3 });
  }
  for (const [id, score] of Object.entries(SCORERS)) score(long[0]!, DOCS[id]!);
});
