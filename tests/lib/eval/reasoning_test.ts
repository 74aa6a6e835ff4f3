/** Scorers and prompts of the reasoning group: golden cases, own cases, hostile answers. */
import assert from "@std/assert";
import fc from "fast-check";
import { openTasks } from "../../../lib/eval/open_tasks.ts";
import { ANSWER_END } from "../../../lib/eval/choice/python_text.ts";
import type { Doc, Score } from "../../../lib/eval/task.ts";
import { tokenF1 } from "../../../lib/eval/choice/span.ts";
import { arithmetic } from "../../../lib/eval/reasoning/arithmetic.ts";
import { bestAssignment } from "../../../lib/eval/reasoning/assignment.ts";
import { adjustedHarmonic, bbehPrediction, scoreBbeh } from "../../../lib/eval/reasoning/bbeh.ts";
import { BBEH_TASKS, BBH_TASKS } from "../../../lib/eval/reasoning/bbh_tasks.ts";
import { scoreBbh } from "../../../lib/eval/reasoning/bbh.ts";
import { scoreBbhZh } from "../../../lib/eval/reasoning/bbh_zh.ts";
import {
  alignedF1,
  dropDocs,
  dropPrediction,
  officialDrop,
  scoreDrop,
} from "../../../lib/eval/reasoning/drop.ts";
import { scoreKorbench } from "../../../lib/eval/reasoning/korbench.ts";
import { unwrapped } from "../../../lib/eval/reasoning/markup.ts";
import { scoreMusr } from "../../../lib/eval/reasoning/musr.ts";
import {
  logicLmChoice,
  prontoqaDoc,
  prontoqaLabel,
  scoreProntoqa,
} from "../../../lib/eval/reasoning/prontoqa.ts";
import { scoreSquad2, squad2Prediction } from "../../../lib/eval/reasoning/squad2.ts";
import { scoreZebralogic, zebraClass } from "../../../lib/eval/reasoning/zebralogic.ts";
import { Tally } from "../../../lib/eval/tally.ts";
import { Rec } from "../../../lib/records/record.ts";
import { taskOf } from "../../../tasks/mod.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../shared.ts";
import { type Case, fault, goldenCases } from "./golden.ts";

const SCORERS: Readonly<Record<string, (text: string, doc: Doc) => Score>> = {
  squad2: scoreSquad2,
  drop: scoreDrop,
  korbench: scoreKorbench,
  bbh: scoreBbh,
  bbeh: scoreBbeh,
  bbh_zh: scoreBbhZh,
  musr: scoreMusr,
  zebralogic: scoreZebralogic,
  prontoqa: scoreProntoqa,
};

/** What the golden cases say beside metrics, by the rule that finds it here. */
const FINDINGS: Readonly<Record<string, (item: Case, scored: Score) => unknown>> = {
  extracted: (_, scored) => scored.extracted ?? "",
  prediction: (_, scored) => scored.extracted ?? "",
  response_text: (_, scored) => scored.extracted ?? "NULL",
  chat_choice: (_, scored) => scored.extracted,
  logic_lm_choice: ({ output }) => logicLmChoice(output) ?? null,
  prontoqa_label: ({ output }) => prontoqaLabel(output),
  // What the published script cannot score counts as not solved.
  error: (_, scored) => scored.metrics.solved === 0 ? "TypeError" : "scored",
};

/** The scores of a case; DROP's official scorer takes lists, which no answer can state. */
function scoresOf(name: string, { doc, output, prediction }: Case): Score {
  const scored = SCORERS[name](output, doc);
  if (name !== "drop" || !Array.isArray(prediction)) return scored;
  return { ...scored, metrics: { ...officialDrop(prediction, doc) } };
}

for (const name of Object.keys(SCORERS)) {
  Deno.test(`${name} scores every golden case`, async () => {
    const cases = await goldenCases("reasoning", name);
    const faults = cases.flatMap((item, i) => {
      const scored = scoresOf(name, item);
      const wrong = [fault(item, scored)].filter((text) => text !== "");
      for (const [key, find] of Object.entries(FINDINGS)) {
        const wanted = item.expected[key];
        if (wanted === undefined) continue;
        const found = find(item, scored);
        if (found !== wanted) wrong.push(`${key}: ${found}, expected ${wanted}`);
      }
      return wrong.map((text) => `case ${i} ${JSON.stringify(item.output).slice(0, 200)}: ${text}`);
    });
    assert.deepEqual(faults, []);
    assert.ok(cases.length >= 16);
  });
}

Deno.test("the official scorers of SQuAD and DROP are given the predictions that they were", async () => {
  for (const { output, prediction } of await goldenCases("reasoning", "squad2")) {
    assert.equal(squad2Prediction(output), prediction);
  }
  for (const { output, prediction } of await goldenCases("reasoning", "drop")) {
    if (!Array.isArray(prediction)) assert.equal(dropPrediction(output), prediction);
  }
});

const norway = { answers: [{ text: "The Norway-Sweden line" }], is_impossible: false };
const unanswered = { answers: [], is_impossible: true, plausible_answers: [{ text: "U.S. Army" }] };
const gold = (number: string) => ({ answer: { number, spans: [] } });
const spans = (...texts: string[]) => ({ answer: { number: "", spans: texts } });
const kor = (category: string, rule_id: string, answer: string, idx = "1") => ({
  category,
  rule_id,
  idx,
  answer,
});
const zebra = {
  solution: { header: ["House", "Name", "Pet"], rows: [["1", "Eric", "cat"], ["2", "Bob", "dog"]] },
};
const grid = (first: unknown, second: unknown) =>
  JSON.stringify({ solution: { "House 1": first, "House 2": second } });
const bob = { Name: "Bob", Pet: "dog" };

/** Rules that the golden cases do not reach. */
const CASES: readonly [name: string, answer: string, doc: Doc, wanted: Record<string, number>][] = [
  ["squad2", "It Norway.", norway, { opencompass: 0, exact: 0 }],
  ["squad2", "the ANSWER IS: Norway-Sweden line, so", norway, { opencompass: 1, exact: 0 }],
  ["squad2", "\n\nThe NorwaySweden line", norway, { opencompass: 0, exact: 1, f1: 1 }],
  ["squad2", "u", unanswered, { opencompass: 1, exact: 0, f1: 0 }],
  ["squad2", "It is impossible to answer this.", unanswered, { exact: 1, f1: 1, opencompass: 0 }],
  ["squad2", "Answer: none", norway, { exact: 0, f1: 0 }],
  ["drop", "Answer:\n\n 1,000 yards", gold("1000"), { em: 0, f1: 0.67, fuzzy: 1 }],
  ["drop", "Answer: ", gold("5"), { em: 0, fuzzy: 0 }],
  ["drop", "Answer:\n5.0", gold("5"), { em: 1, f1: 1, fuzzy: 1 }],
  ["drop", "five answer:\n", spans("five answer"), { fuzzy: 1, em: 1 }],
  ["drop", "a-b", spans("A b"), { em: 1, f1: 1 }],
  ["drop", "Answer: the", spans("a an"), { em: 1, f1: 1, fuzzy: 1 }],
  ["drop", "nan", { answer: { date: { day: "", month: "NaN", year: "" } } }, { em: 1 }],
  ["drop", "May", { answer: { date: { day: "", month: "", year: "" } } }, { em: 0, f1: 0 }],
  ["korbench", "$\\boxed{24}$ [3]", kor("operation", "1", "[[24]]"), { is_correct: 1 }],
  ["korbench", "$$\\boxed{24}$$", kor("operation", "1", "[[24]]"), { is_correct: 1 }],
  ["korbench", "[[ ]] [[24]]", kor("operation", "1", "[[24]]"), { is_correct: 0 }],
  ["korbench", "[[b;a]]", kor("logic", "5", "[[a;b]]"), { is_correct: 0 }],
  ["korbench", "[[a.b c]]", kor("logic", "2", "[[ab.c]]"), { is_correct: 1 }],
  ["korbench", "[[4 \\text{or} 2]]", kor("operation", "1", "[[2or4]]"), { is_correct: 1 }],
  ["korbench", "[[(1,02)]]", kor("operation", "23", "[[1 2]]"), { is_correct: 1 }],
  ["korbench", "[[x≥ 1.]]", kor("operation", "18", "[[{x≥1.}]]", "178"), { is_correct: 1 }],
  ["korbench", "[[2.0]]", kor("operation", "8", "[[2]]", "73"), { is_correct: 0 }],
  ["korbench", "[[\\sqrt{44}]]", kor("operation", "8", "[[2\\sqrt{11}]]", "73"), {
    is_correct: 1,
    is_correct_no_latex: 0,
    opencompass: 0,
  }],
  ["korbench", "[[e=(e-1)(e^2-1)]]", kor("operation", "21", "[[e^3-e^2-e+1]]", "209"), {
    is_correct: 0,
  }],
  ["korbench", "[[2√11]]", kor("operation", "8", "[[2]]", "73"), { is_correct: 0 }],
  ["korbench", "[[x<2]]", kor("operation", "8", "[[x]]", "73"), { is_correct: 0 }],
  ["korbench", "[[2x\\sqrt2]]", kor("operation", "8", "[[2x]]", "73"), { is_correct: 1 }],
  ["korbench", "[[2_{1}x]]", kor("operation", "8", "[[2x]]", "73"), { is_correct: 0 }],
  ["korbench", "[[\\right(2\\text{ or }]]", kor("operation", "8", "[[(2]]", "73"), {
    is_correct: 1,
  }],
  ["korbench", "[[T.]]", kor("puzzle", "2", "[[t,tal]]"), { is_correct: 1 }],
  ["korbench", "[[Ape, PEA]]", kor("puzzle", "3", "[[pea ape]]"), { is_correct: 1 }],
  ["korbench", "[[1]]", kor("puzzle", "4", "[[appel]]"), { is_correct: 1 }],
  ["korbench", "[[E=5, S=9]]", kor("puzzle", "5", "[[S=9,E=5]]"), { is_correct: 1 }],
  ["korbench", "[[3*2+4-1=10]]", kor("puzzle", "9", "[[2*3+5-1=10]]"), { is_correct: 0 }],
  ["korbench", "[[2*3+5−1]]", kor("puzzle", "9", "[[2*3+5-1=10]]"), { is_correct: 1 }],
  ["korbench", "[[2×(9+5-2) = 24]]", kor("puzzle", "10", "[[(9+5-2)×2]]"), { is_correct: 1 }],
  ["korbench", "[[2(9+5-2)]]", kor("puzzle", "10", "[[(9+5-2)×2]]"), { is_correct: 0 }],
  ["korbench", "[[← 9,→]]", kor("puzzle", "18", "[[←,9 →]]"), { is_correct: 1 }],
  ["bbh", "answer is (b) C answer is (D)", { task: "snarks", target: "(C)" }, { opencompass: 1 }],
  ["bbh", "The answer is : **TRUE** so\nno", { task: "navigate", target: "true" }, {
    opencompass: 1,
    paper_exact: 0,
  }],
  ["bbh", "answer is 1, 000", { task: "object_counting", target: "1 000" }, { opencompass: 0 }],
  ["bbh", "b ,a,", { task: "word_sorting", target: "B A" }, { opencompass: 1 }],
  ["bbh", "the answer is x..", { task: "word_sorting", target: "x" }, {
    opencompass: 0,
    paper_exact: 1,
  }],
  ["bbeh", "The answer is: why?", { target: "why" }, { correct: 1 }],
  ["bbeh", "The answer is: [why]", { target: "why" }, { correct: 1 }],
  ["bbeh", "The answer is: (7)", { target: "7.0" }, { correct: 0 }],
  ["bbeh", "The answer is: 1_0", { target: "10" }, { correct: 1 }],
  ["bbeh", "The answer is: nan", { target: "NaN!" }, { correct: 0 }],
  ["bbeh", "The answer is: \\boxed{\\text{$x$}}", { target: "$x$" }, { correct: 1 }],
  ["bbeh", "The answer is: **a** , b", { target: "a,b" }, { correct: 0, opencompass: 1 }],
  ["bbh_zh", "answer is: A", { target: "(A)" }, { correct: 1 }],
  ["bbh_zh", "答案为：（B）！", { target: "(B)" }, { correct: 1 }],
  ["bbh_zh", "真", { target: "True" }, { correct: 1 }],
  ["bbh_zh", "不是", { target: "是" }, { correct: 0 }],
  ["bbh_zh", "所以答案是：\n对 。\n完", { target: " 是 " }, { correct: 1 }],
  ["musr", "ANSWER: x ANSWER: 02", { answer: 1, choices: ["a", "b"] }, { opencompass: 1 }],
  ["musr", "ANSWER: none\nANSWER: 2", { answer: 1, choices: ["a", "b"] }, {
    opencompass: 0,
    official: 1,
  }],
  ["zebralogic", grid({ Name: "Eric", Pet: ["CAT ", 1] }, bob), zebra, { solved: 1 }],
  ["zebralogic", grid({ Name: true, Pet: {} }, bob), zebra, { solved: 0, correct_cells: 2 }],
  ["zebralogic", grid("Name", [bob]), zebra, { solved: 0, correct_cells: 0, parsed: 1 }],
  ["zebralogic", `{ ${grid({}, bob)}`, zebra, { parsed: 0, total_cells: 4 }],
  ["zebralogic", `} ${grid({}, bob)} {`, zebra, { parsed: 1, correct_cells: 2 }],
  ["zebralogic", '{"solution": null}', zebra, { parsed: 0 }],
  ["prontoqa", "The answer is\n(B).", { answer: "B" }, { chat: 1 }],
  ["prontoqa", "the answer is a true statement", { answer: "True" }, { chat: 1 }],
  ["prontoqa", "A is wrong, so B:", { answer: "False" }, { chat: 1 }],
  ["prontoqa", "It is. False.", { answer: "B" }, { prontoqa_label_acc: 0, chat: 1 }],
  ["prontoqa", "no\u3000", { answer: "(B)" }, { prontoqa_label_acc: 1 }],
];

Deno.test("rules that the golden cases do not reach", () => {
  for (const [name, answer, doc, wanted] of CASES) {
    const { metrics } = SCORERS[name](answer, doc);
    for (const [metric, value] of Object.entries(wanted)) {
      assert.equal(metrics[metric], value, `${name} ${JSON.stringify(answer)}: ${metric}`);
    }
  }
});

Deno.test("rows that cannot be scored have no metrics", () => {
  const blanked = { solution: { header: ["House", "Name"], rows: [["1", "___"]] } };
  const rows: [string, Doc][] = [
    ["squad2", {}],
    ["drop", {}],
    ["korbench", {}],
    ["bbh", {}],
    ["bbeh", {}],
    ["bbh_zh", {}],
    ["musr", { answer: "x" }],
    ["zebralogic", blanked],
    ["prontoqa", {}],
  ];
  for (const [name, doc] of rows) assert.deepEqual(SCORERS[name]("A 1", doc).metrics, {}, name);
  assert.deepEqual(Object.keys(scoreDrop("1", { ref_text: "1" }).metrics), ["fuzzy"]);
  assert.deepEqual(Object.keys(scoreMusr("1", { answer: 0, choices: ["a"] }).metrics), [
    "opencompass",
  ]);
});

const ODD: readonly Doc[] = [
  {},
  { answer: null, answers: [null, 3], target: 7, solution: { header: 1, rows: [] } },
  { answer: {}, validated_answers: [null, { spans: [1, ""] }], is_impossible: true, choices: 3 },
  { solution: { header: ["House", "Name"], rows: [null, []] }, target: "(A)", task: "toString" },
  { answer: "[[", category: "puzzle", rule_id: "9", idx: "x", real_life_answer: "]]" },
  { answer: "[[1=", category: "operation", rule_id: "8", idx: "73" },
];

const FRAGMENTS = fc.constantFrom(
  ...'answer|answer is |Answer:|ANSWER: |The answer is: |The final answer is |the correct option is:| |\n|[[|]]|[|]|$\\boxed{|}$|\\boxed{|\\text{|}|{|"solution":|House 1|答案是|（A）|(B)|A|1|２|.|,|;|or|=|*|**|/|-|(|)|\\frac|\\sqrt|^|_|\ud800|😀|nan|1e5|impossible to answer|Q:|True|\\'
    .split("|"),
);
const ANSWERS = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(FRAGMENTS, { maxLength: 30 }).map((parts) => parts.join("")),
);

Deno.test("E4 scorers never throw and stay in range, whatever the answer and the row", async () => {
  for (const [name, score] of Object.entries(SCORERS)) {
    const docs = [...(await goldenCases("reasoning", name)).map(({ doc }) => doc), ...ODD];
    fc.assert(
      fc.property(ANSWERS, fc.constantFrom(...docs), (text, doc) => {
        const { metrics, extracted } = score(text, doc);
        for (const [metric, value] of Object.entries(metrics)) {
          const most = metric.endsWith("_cells") ? metrics.total_cells : 1;
          assert.ok(value >= 0 && value <= most, `${name} ${metric} ${value}`);
        }
        assert.equal(typeof (extracted ?? ""), "string");
      }),
      { numRuns: 400, seed: 1 },
    );
  }
});

Deno.test("E3 an answer of a megabyte is scored by its ends", async () => {
  const parts = ["answer is ", "Answer:", "\\boxed{", "\\text{", "**", "[[", "{", "\n", " ", ", "];
  for (const [name, score] of Object.entries(SCORERS)) {
    const [{ doc }] = await goldenCases("reasoning", name);
    for (const part of parts) {
      const text = part.repeat(1_000_000 / part.length);
      const ends = `${text.slice(0, ANSWER_END)}\n${text.slice(-ANSWER_END)}`;
      assert.deepEqual(score(text, doc), score(ends, doc), `${name} ${part}`);
    }
  }
});

const WORDS = fc.array(fc.constantFrom("a1", "b", "c", "d"), { maxLength: 5 });

Deno.test("tokenF1() and alignedF1() are symmetric where they should be", () => {
  fc.assert(fc.property(WORDS, WORDS, (a, b) => {
    assert.equal(tokenF1(a, b), tokenF1(b, a));
    assert.equal(tokenF1(a, a), a.length > 0 ? 1 : 0);
    assert.equal(alignedF1(a, b), alignedF1(b, a));
    assert.equal(alignedF1(a, a), a.length > 0 ? 1 : 0);
    assert.equal(alignedF1(a, [...a].reverse()), a.length > 0 ? 1 : 0);
  }));
  // A gold number binds the prediction, not the other way round.
  assert.equal(alignedF1(["yards"], ["5.0 yards"]), 0);
  assert.equal(alignedF1(["5.0 yards"], ["yards"]), 0.67);
  // 1/8 lies half-way: numpy rounds to the even side.
  assert.equal(alignedF1(["x"], ["x", "p", "q", "r", "s", "t", "u", "v"]), 0.12);
});

Deno.test("bestAssignment() finds what trying all assignments finds", () => {
  const all = (gain: number[][], row = 0, used = new Set<number>()): number => {
    if (row === gain.length) return 0;
    let best = all(gain, row + 1, used);
    for (let column = 0; column < gain[0].length; column++) {
      if (used.has(column)) continue;
      best = Math.max(best, gain[row][column] + all(gain, row + 1, new Set([...used, column])));
    }
    return best;
  };
  const matrices = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })).chain((
    [rows, columns],
  ) =>
    fc.array(
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: columns, maxLength: columns }),
      { minLength: rows, maxLength: rows },
    )
  );
  fc.assert(fc.property(matrices, (gain) => assert.equal(bestAssignment(gain), all(gain))), {
    seed: 1,
  });
  assert.equal(bestAssignment([]), 0);
});

Deno.test("arithmetic() reads what Python reads", () => {
  const cases: [string, number | undefined][] = [
    [" 1+2*3", 7],
    ["(9+5-2)*2", 24],
    ["-2**2", -4],
    ["2**3**2", 512],
    ["2**-1", 0.5],
    ["7//2*2%4", 2],
    ["-7//2", -4],
    ["-7%3", 2],
    ["+-+3", -3],
    ["(1+\n2)", 3],
    ["8/8/.5", 2],
    ["1+2\n3", undefined],
    ["2(3)", undefined],
    ["3 4", undefined],
    ["1/0", undefined],
    ["0**-1", undefined],
    ["07", undefined],
    ["1..2", undefined],
    ["2*", undefined],
    ["()", undefined],
    ["x", undefined],
    ["2，3", undefined],
    ["", undefined],
    ["(".repeat(1000) + "1" + ")".repeat(1000), undefined],
  ];
  for (const [text, wanted] of cases) assert.equal(arithmetic(text), wanted, text.slice(0, 40));
});

Deno.test("small parts read as the rules say", () => {
  assert.equal(
    unwrapped("\\text{a}\\texttt{b\\text{c} \\text{", "text(?:tt)?"),
    "ab\\text{c \\text{",
  );
  assert.equal(bbehPrediction("x The answer is 4. The final answer is: **5**, 6.\nso"), "5,6");
  assert.equal(BBH_TASKS.length, 27);
  assert.equal(BBEH_TASKS.length, 23);
  const sides = [2, 3, 4, 5, 6];
  const sizes = sides.flatMap((houses) => sides.map((wide) => `${houses}*${wide}`));
  // Of the paper's 25 sizes, from 2*2 to 6*6, houses first.
  assert.equal(
    sizes.map((size) => zebraClass({ size })[0]).join(""),
    "sssss" + "ssmmm" + "smmll" + "mllxx" + "mlxxx",
  );
  assert.equal(zebraClass({ size: "9*9" }), "other");
  const blanked = { header: ["House", "Name"], rows: [["1", "Eric"], ["2", "___"]] };
  assert.deepEqual(scoreZebralogic("{}", { solution: blanked }).metrics, {});
  const part = (score: number) => ({ score, items: 10 });
  // 2 / (1/51 + 1/1) percent.
  const harmonic = adjustedHarmonic(new Map([["a", part(0.5)], ["b", part(0)]]));
  assert.ok(Math.abs(harmonic - 2 / (1 / 51 + 1) / 100) < 1e-12);
});

Deno.test("rows of other published forms become the scorers' rows", () => {
  const answer = { number: "", date: { day: "", month: "May", year: "2001" }, spans: [] };
  const qa = {
    question: "When?",
    query_id: "q",
    answer,
    validated_answers: [spans("in May").answer],
  };
  const [doc] = dropDocs({ _key: "p", passage: "P", qa_pairs: [qa] });
  assert.equal(doc.ref_text, "May 2001|in May");
  assert.equal(doc.passage, "P");
  const line = { context: "Passage: P", ref_text: "1" };
  assert.deepEqual([...dropDocs(line)], [line]);
  const test_example = {
    question: "Each a is b.",
    query: "True or false: x is b.",
    answer: "True",
  };
  const made = prontoqaDoc({ _key: "example1", test_example });
  assert.equal(made.answer, "A");
  assert.equal(made.question, "Is the following statement true or false? x is b.");
});

for (const name of Object.keys(SCORERS).filter((each) => each !== "bbh_zh")) {
  const path = `benchmarks/${name}/prompts.jsonl`;
  Deno.test({
    name: `${name}: prompts equal those filled from the published templates`,
    ignore: !sharedIsThere(path),
    async fn() {
      const task = taskOf(name)!;
      const options = { data: SHARED_BENCHMARKS, env: { get: () => undefined }, notice() {} };
      const { ready: [{ data }] } = await openTasks([task], options);
      const made = new Set<string>();
      for await (const { doc, shots = [] } of task.items(data)) {
        // BBH's form without solved examples is published too.
        for (const solved of [shots, []]) {
          made.add(JSON.stringify(task.prompt(doc, { shots: solved })));
        }
      }
      const text = await Deno.readTextFile(`${SHARED_BENCHMARKS}/${name}/prompts.jsonl`);
      const published = text.trim().split("\n").map((line) => JSON.parse(line));
      for (const { messages, via } of published) {
        assert.ok(made.has(JSON.stringify(messages)), `${via}: ${messages.at(-1).content}`);
      }
    },
  });
}

Deno.test("BBEH's results have the official harmonic mean beside the arithmetic one", () => {
  const tally = new Tally(taskOf);
  const scores: [string, number][] = [["bbeh_nycc", 1], ["bbeh_nycc", 0], ["bbeh_sportqa", 0]];
  for (const [i, [task, correct]] of scores.entries()) {
    const rec = { id: `${i}`, task: "bbeh", doc: { task }, metrics: { correct } };
    tally.add(Rec.from(rec, "here"));
  }
  const { score, metrics } = tally.results().tasks.bbeh;
  assert.equal(score, 0.25);
  assert.ok(Math.abs(metrics.harmonic - 2 / (1 / 51 + 1) / 100) < 1e-12);
});

const OFFICIAL_RUNS = ["date_understanding", "object_counting", "ruin_names"];
Deno.test({
  name: "the authors' stored BBH predictions get the accuracies that were published for them",
  ignore: !sharedIsThere("benchmarks/bbh/official-run"),
  async fn() {
    for (const task of OFFICIAL_RUNS) {
      const path = `${SHARED_BENCHMARKS}/bbh/official-run/${task}.json`;
      const run = JSON.parse(await Deno.readTextFile(path));
      for (
        const [metric, wanted] of [["paper_exact", run.official_accuracy], [
          "opencompass",
          run.opencompass,
        ]]
      ) {
        let hits = 0;
        for (const { prediction, target } of run.outputs) {
          hits += scoreBbh(prediction, { task, target }).metrics[metric];
        }
        assert.ok(
          Math.abs(100 * hits / run.n - wanted) < 0.05,
          `${task} ${metric}: ${hits} of ${run.n}`,
        );
      }
    }
  },
});
