import assert from "@std/assert";
import fc from "fast-check";
import type { Message } from "../../../lib/records/record.ts";
import { promptHellaswag, scoreHellaswag } from "../../../lib/eval/choice/hellaswag.ts";
import { promptOcnli, scoreOcnli } from "../../../lib/eval/choice/ocnli.ts";
import { promptPiqa, scorePiqa } from "../../../lib/eval/choice/piqa.ts";
import { ANSWER_END } from "../../../lib/eval/choice/python_text.ts";
import type { Doc, Score } from "../../../lib/eval/task.ts";
import { promptArcC, scoreArcC } from "../../../lib/eval/knowledge/arc_c.ts";
import { promptCeval, scoreCeval } from "../../../lib/eval/knowledge/ceval.ts";
import { promptCmmlu, scoreCmmlu } from "../../../lib/eval/knowledge/cmmlu.ts";
import { promptGaokaoBench, scoreGaokaoBench } from "../../../lib/eval/knowledge/gaokao_bench.ts";
import { GAOKAO_FILES } from "../../../lib/eval/knowledge/gaokao_files.ts";
import {
  promptGpqaDiamond,
  rotateGpqa,
  scoreGpqaDiamond,
} from "../../../lib/eval/knowledge/gpqa_diamond.ts";
import { promptMmlu, scoreMmlu } from "../../../lib/eval/knowledge/mmlu.ts";
import { promptMmluPro, scoreMmluPro } from "../../../lib/eval/knowledge/mmlu_pro.ts";
import { promptTriviaqa, scoreTriviaqa } from "../../../lib/eval/knowledge/triviaqa.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../shared.ts";
import { fault, goldenCases } from "./golden.ts";

type Scorer = (text: string, doc: Doc) => Score;

const SCORERS: Record<string, Scorer> = {
  mmlu: scoreMmlu,
  mmlu_pro: scoreMmluPro,
  cmmlu: scoreCmmlu,
  ceval: scoreCeval,
  gaokao_bench: scoreGaokaoBench,
  arc_c: scoreArcC,
  gpqa_diamond: scoreGpqaDiamond,
  triviaqa: scoreTriviaqa,
  hellaswag: scoreHellaswag,
  piqa: scorePiqa,
  ocnli: scoreOcnli,
};

for (const [name, score] of Object.entries(SCORERS)) {
  Deno.test(`${name} scores every golden case`, async () => {
    const cases = await goldenCases("knowledge", name);
    const faults = cases.flatMap((item, i) => {
      const wrong = fault(item, score(item.output, item.doc));
      return wrong === "" ? [] : [`case ${i} ${JSON.stringify(item.output)}: ${wrong}`];
    });
    assert.deepEqual(faults, []);
    assert.ok(cases.length >= 3);
  });
}

Deno.test("rules that the golden cases do not reach", () => {
  const physics = { question_type: "multi_choice", answer: ["ABD"], score: 6 };
  const judge = { kind: "judge_reply", score: 10 };
  const metrics: [string, string, Doc, Record<string, number>][] = [
    ["cmmlu", "答案（略）为（B）", { Answer: "B" }, { acc_official: 1 }],
    ["cmmlu", "答案选项为：较好的\n答案为最好的 C，D", { Answer: "C" }, { acc_official: 1 }],
    ["cmmlu", "由 A 和 B 得 C 当选，D 不当选", { Answer: "C" }, { acc_official: 1 }],
    ["cmmlu", "不是：B，而是：C", { Answer: "C" }, { acc_official: 1 }],
    ["ceval", "选项 A？答案应该是： 选项C 答案应该是：D", { answer: "D" }, {
      acc_official_zero_shot: 1,
    }],
    ["ceval", "答案是\nB。答案为 C 。", { answer: "C" }, { acc_official_cot: 1 }],
    ["ceval", " [b] ", { answer: "B" }, { acc_official_few_shot: 1 }],
    ["mmlu_pro", "Answer:\n(B)\nanswer: C, answer: D\nanswer: E", { answer: "D" }, {
      acc_official: 1,
    }],
    ["mmlu", "ANSWER: C", { choices: ["a", "b", "c", "d"], answer: 2 }, { acc: 1 }],
    ["arc_c", "C", {
      question: { choices: ["1", "2", "3"].map((label) => ({ label })) },
      answerKey: "3",
    }, { acc: 1 }],
    ["gpqa_diamond", "ANSWER: C", { "Correct Answer": "x", row_number: 2 }, { acc: 1 }],
    ["gpqa_diamond", "the Correct Answer is ()(D\n)", { answer: "D" }, {
      acc_correct_answer_is: 0,
    }],
    ["gpqa_diamond", "The correct answer is ( D\n)", { answer: "D" }, { acc_correct_answer_is: 1 }],
    ["gaokao_bench", "【答案】AB", physics, { score: 50, points: 3, max_points: 6 }],
    ["gaokao_bench", "先【答案】BDA", physics, { score: 50, points: 3, max_points: 6 }],
    ["gaokao_bench", "D", { keyword: "2010-2022_Math_I_MCQs", answer: ["D"], score: 5 }, {
      score: 100,
      points: 5,
    }],
    ["gaokao_bench", "【总分】\n3 + 4.5= 7.5 分", judge, { judge_score: 7.5 }],
    ["gaokao_bench", "【总分】2分，【总分】3+1=４分", judge, { judge_score: 4 }],
    ["triviaqa", "An answer: The Sunset_Blvd!", { answer: ["sunset_blvd"] }, { acc: 1, em: 0 }],
    [
      "triviaqa",
      "So long",
      { answer: { aliases: ["...And Justice"], normalized_aliases: ["x"] } },
      { acc: 1, em: 0 },
    ],
    ["triviaqa", "café au lait", { Answer: { Value: "Café" } }, { acc: 1, f1: 0.5 }],
  ];
  for (const [name, text, doc, wanted] of metrics) {
    const found = SCORERS[name](text, doc).metrics;
    for (const [metric, value] of Object.entries(wanted)) {
      assert.ok(
        Math.abs(found[metric] - value) < 1e-9,
        `${name} ${text}: ${metric} ${found[metric]}`,
      );
    }
  }
  const none: [string, string, Doc][] = [
    ["ocnli", "A", { label: "-" }],
    ["ocnli", "A", { label: "constructor" }],
    ["gaokao_bench", "【总分】11分", judge],
    ["gaokao_bench", "【总分】1分\n【总分】1分", judge],
    ["gaokao_bench", "A", { question_type: "toString", answer: ["A"] }],
    ["triviaqa", "x", {}],
  ];
  for (const [name, text, doc] of none) assert.deepEqual(SCORERS[name](text, doc).metrics, {});
});

/** Golden docs of every scorer and rows that are none. */
async function someDocs(name: string): Promise<Doc[]> {
  const path = new URL(`../../fixtures/knowledge/${name}.jsonl`, import.meta.url).pathname;
  const docs = (await Deno.readTextFile(path)).trim().split("\n").map((line) =>
    JSON.parse(line).doc
  );
  const odd = [{}, { answer: [] }, { answer: null, label: {} }, { choices: 3, question: null }];
  return [...new Map(docs.map((doc) => [JSON.stringify(doc), doc])).values(), ...odd];
}

const FRAGMENTS = fc.constantFrom(
  ..."答案是 答案选项为 【答案】 【总分】 ANSWER: answer\u00a0is The\u00a0correct\u00a0answer\u00a0is\u00a0( Answer: 选项 当选 正确 1 ７ = 分 。 \n 😀 \ud800 $ ** { } a: A Ｂ C b ) ："
    .split(" "),
);
const ANSWERS = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(FRAGMENTS, { maxLength: 40 }).map((parts) => parts.join("")),
);

Deno.test("E4 scorers never throw and stay in range, whatever the answer and the row", async () => {
  for (const [name, score] of Object.entries(SCORERS)) {
    const docs = await someDocs(name);
    fc.assert(
      fc.property(ANSWERS, fc.constantFrom(...docs), (text, doc) => {
        const scored = score(text, doc);
        for (const [metric, value] of Object.entries(scored.metrics)) {
          const most = name === "gaokao_bench" ? 100 : 1;
          assert.ok(value >= 0 && value <= most, `${name} ${metric} ${value}`);
        }
        assert.equal(typeof (scored.extracted ?? ""), "string");
      }),
      { numRuns: 300, seed: 1 },
    );
  }
});

Deno.test("E3 an answer of a megabyte is scored by its ends", async () => {
  for (const [name, score] of Object.entries(SCORERS)) {
    const [doc] = await someDocs(name);
    for (
      const part of [
        "答案是 ",
        "答案为",
        "【答案】 :",
        "Answer:",
        "The correct answer is (",
        "\n",
        "= ",
      ]
    ) {
      const text = part.repeat(1_000_000 / part.length);
      const ends = `${text.slice(0, ANSWER_END)}\n${text.slice(-ANSWER_END)}`;
      assert.deepEqual(score(text, doc), score(ends, doc), `${name} ${part}`);
    }
  }
});

Deno.test("prompts are worded as published", () => {
  const options = { A: "w", B: "x", C: "y", D: "z" };
  const told =
    "Answer the following multiple choice question. The last line of your response should be of the " +
    "following format: 'ANSWER: $LETTER' (without quotes) where LETTER is one of ";
  const reasoned =
    `${told}ABCD. Think step by step before answering.\n\nQ\n\nA) w\nB) x\nC) y\nD) z`;
  const listed = "A. w\nB. x\nC. y\nD. z";
  const gpqa = {
    Question: "Q",
    "Correct Answer": "z",
    "Incorrect Answer 1": "w",
    "Incorrect Answer 2": "x",
    "Incorrect Answer 3": "y",
    row_number: 1,
  };
  const cases: [Message[], ...string[]][] = [
    [promptMmlu({ question: "Q", ...options }), reasoned],
    [promptGpqaDiamond(gpqa), reasoned],
    [
      promptMmlu({ question: "Q", subject: "us_law", ...options }, {
        shots: [{ question: "P", choices: ["w", "x", "y", "z"], answer: 1 }],
      }),
      "There is a single choice question about us law. Answer the question by replying A, B, C or D.\n" +
      `Question: P\n${listed}\nAnswer: `,
      "B\n",
      "There is a single choice question about us law. Answer the question by replying A, B, C or D.\n" +
      `Question: Q\n${listed}\nAnswer: `,
    ],
    [
      promptMmluPro({ question: "Q", options: ["w", "N/A", "x", "N/A"] }),
      `${told}Options(e.g. one of ABCDEFGHIJKLMNOP). Think step by step before answering.\n\nQuestion:\n\nQ\n\n` +
      "Options:\n\nA. w\nC. x",
    ],
    [
      promptMmluPro({ question: "Q", options: ["w"], category: "law" }, {
        shots: [{
          question: "P",
          options: ["N/A", "v"],
          cot_content: "A: Let's think step by step. The answer is (A).",
        }],
      }),
      "The following are multiple choice questions (with answers) about law. Think step by step and then finish " +
      'your answer with "the answer is (X)" where X is the correct letter choice.\n\n\n\n' +
      "Question:\nP\nOptions:\nA. v\nAnswer: Let's think step by step. The answer is (A).\n\n" +
      "Question:\nQ\nOptions:\nA. w\nAnswer: Let's think step by step.",
    ],
    [
      promptCmmlu({ Question: "Q", subject: "agronomy", ...options }),
      "请回答以下关于农学的单项选择题, 你回答的最后一行**必须**是以下格式 '答案: $选项' (不带引号), 其中选项是ABCD之一. " +
      "请在回答之前一步步思考.\n\nQ\n\nA) w\nB) x\nC) y\nD) z",
    ],
    [
      promptCeval({ question: "Q", subject: "law", ...options }, {
        shots: [{ question: "P", answer: "C", ...options }],
      }),
      `以下是中国关于法学考试的单项选择题，请选出其中的正确答案。\nP\n${listed}\n答案: `,
      "C",
      `以下是中国关于法学考试的单项选择题，请选出其中的正确答案。\nQ\n${listed}\n答案: `,
    ],
    [
      promptArcC({
        question: "Q",
        choices: { text: ["w", "x", "y", "z"], label: ["1", "2", "3", "4"] },
      }),
      `Question: Q\n${listed}\nAnswer:`,
    ],
    [
      promptHellaswag({
        activity_label: "Baking",
        ctx_a: "[title] Mix  it.",
        ctx_b: "the Bowl",
        endings: ["[step] w", "x [title] y", "y  z", " z "],
      }),
      "Baking:. Mix it. The bowl\nQuestion: Which ending makes the most sense?\nA.  w\nB. x. y\nC. y z\nD. z\n" +
      "You may choose from 'A', 'B', 'C', 'D'.\nAnswer:",
    ],
    [
      promptTriviaqa({ Question: "Who?" }),
      "Answer these questions, your answer should be as simple as possible, start your answer with the prompt " +
      "'The answer is '.\nQ: Who??",
    ],
  ];
  for (const [messages, ...wanted] of cases) {
    assert.deepEqual(messages.map(({ content }) => content), wanted);
    const roles = messages.map((_, i) => i % 2 === 0 ? "user" : "assistant");
    assert.deepEqual(messages.map(({ role }) => role), roles);
  }
  assert.deepEqual([1, 2, 3, 4].map((row) => rotateGpqa(gpqa, { row }).indexOf("z")), [3, 2, 1, 0]);
  assert.equal(rotateGpqa(gpqa, { row: 1, rotation: 1 }).indexOf("z"), 2);
});

Deno.test({
  name: "prompts equal those filled from the published templates",
  ignore: !sharedIsThere("benchmarks"),
  fn: async () => {
    const read = (path: string) => Deno.readTextFile(`${SHARED_BENCHMARKS}/${path}`);
    const rows = async (path: string) =>
      (await read(path)).trim().split("\n").map((line) => JSON.parse(line));
    const cases: [string, string, (doc: Doc) => Message[], string][] = [
      ["hellaswag", "fixture-val.jsonl", promptHellaswag, "ind"],
      ["piqa", "valid.jsonl", promptPiqa, "line"],
      ["ocnli", "dev.json", promptOcnli, "id"],
    ];
    for (const [name, file, prompt, key] of cases) {
      const docs = (await rows(`${name}/${file}`)).map((doc, line) => ({ line, ...doc }));
      const published = (await rows(`${name}/prompts.jsonl`)).filter(({ via }) =>
        !via.includes("51e956")
      );
      for (const wanted of published) {
        const doc = docs.find((row) => row[key] === wanted[key]);
        assert.deepEqual(prompt(doc), wanted.messages, `${name} ${wanted[key]}`);
      }
    }
    const { examples } = JSON.parse(await read("gaokao_bench/Bench/Obj_Prompt.json"));
    for (const { keyword, type, prefix_prompt } of examples) {
      assert.equal(GAOKAO_FILES[keyword].type, type);
      const [message] = promptGaokaoBench({ keyword, question: "Q" });
      assert.equal(message.content, `${prefix_prompt}Q`);
    }
    assert.equal(examples.length, Object.keys(GAOKAO_FILES).length);
  },
});
