import { promptGaokaoBench, scoreGaokaoBench } from "../../lib/eval/knowledge/gaokao_bench.ts";
import { GAOKAO_FILES } from "../../lib/eval/knowledge/gaokao_files.ts";
import { partItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

/** Points of each file, by which OpenCompass weighs it. */
const WEIGHTS = {
  "2010-2022_Math_II_MCQs": 1090,
  "2010-2022_Math_I_MCQs": 1070,
  "2010-2022_History_MCQs": 1148,
  "2010-2022_Biology_MCQs": 900,
  "2010-2022_Political_Science_MCQs": 1280,
  "2010-2022_Physics_MCQs": 384,
  "2010-2022_Chemistry_MCQs": 744,
  "2010-2013_English_MCQs": 105,
  "2010-2022_Chinese_Modern_Lit": 261,
  "2010-2022_English_Fill_in_Blanks": 900,
  "2012-2022_English_Cloze_Test": 260,
  "2010-2022_Geography_MCQs": 380,
  "2010-2022_English_Reading_Comp": 940,
  "2010-2022_Chinese_Lang_and_Usage_MCQs": 240,
};
const FILES = Object.keys(GAOKAO_FILES);
const file = (name: string) => `Data/Objective_Questions/${name}.json`;

/** China's university entrance exam (Zhang et al., 2023): objective questions, each file by its own form. */
export default task({
  name: "gaokao_bench",
  title: "GAOKAO-Bench",
  group: "knowledge",
  summary: "exam questions in Chinese, one or several letters",
  source: {
    repo: "github:OpenLMLab/GAOKAO-Bench",
    revision: "6dbb24f8d8439041e5431c4c184a582182a6ce9c",
    files: FILES.map((name) => ({ name: file(name), at: "example" })),
    licence: "Apache-2.0",
    items: 1781,
  },
  items: partItems("gaokao_bench", { parts: FILES, field: "keyword", file }),
  prompt: promptGaokaoBench,
  decode: { gen_length: 4096 },
  metric: "score",
  scale: 100,
  score: scoreGaokaoBench,
  weight: ({ answer }) => Array.isArray(answer) ? Math.max(1, answer.length) : 1,
  parts: { file: ({ keyword }) => String(keyword) },
  aggregate: { over: "file", mean: { weights: WEIGHTS } },
  variants: { short: { summary: "OpenCompass's limit", decode: { gen_length: 1024 } } },
  deviations: ["objective questions alone: the open ones need a marker"],
  reported: { mini: 84.3, flash: 93.9, qwen: 94.53, ling: 93.24 },
  examples: [
    {
      answer: "【解析】略<eoe>\n【答案】 C <eoa>",
      doc: { question_type: "single_choice", answer: ["C"], score: 5 },
      score: 100,
    },
    {
      answer: "【解析】略<eoe>\n【答案】 A <eoa>",
      doc: { question_type: "multi_choice", answer: ["AC"], score: 6 },
      score: 50,
    },
    { answer: "", doc: { question_type: "single_choice", answer: ["C"], score: 5 }, score: 0 },
  ],
});
