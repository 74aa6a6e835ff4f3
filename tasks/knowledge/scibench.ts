import { partItems } from "../../lib/eval/items.ts";
import { promptScibench } from "../../lib/eval/math/prompts.ts";
import { scoreScibench } from "../../lib/eval/math/scibench.ts";
import { task } from "../../lib/eval/task.ts";

const BOOKS = [
  "atkins",
  "calculus",
  "chemmc",
  "class",
  "diff",
  "fund",
  "matter",
  "quan",
  "stat",
  "thermo",
];
const file = (book: string) => `original/${book}.json`;

/** Textbook problems of science (Wang et al., 2023): a number, equal to the letter as OpenCompass has it. */
export default task({
  name: "scibench",
  title: "SciBench",
  group: "knowledge",
  summary: "final number, 0-shot",
  source: {
    repo: "github:mandyyyyii/scibench",
    revision: "e14e0ca3d3db0f02928a18d435b9c3d15656a7c5",
    files: BOOKS.map((book) => ({ name: file(book), path: `dataset/${file(book)}` })),
    licence: "MIT",
    items: 580,
  },
  items: partItems("scibench", { parts: BOOKS, field: "book", file }),
  needs: ["answer_number"],
  prompt: promptScibench,
  decode: { gen_length: 4096 },
  metric: "acc",
  score: scoreScibench,
  parts: { book: ({ book, source }) => String(book ?? source) },
  aggregate: { over: "book", mean: "macro" },
  variants: { short: { summary: "OpenCompass's limit", decode: { gen_length: 512 } } },
  deviations: [
    "string equality, as the report's 3 to 5 percent show: acc_official has the authors' 5% tolerance",
  ],
  reported: { mini: 3.53, flash: 4.13 },
  examples: [
    { answer: "Therefore, the answer is \\boxed{50.7}.", doc: doc(), score: 1 },
    { answer: "Therefore, the answer is \\boxed{50.700}.", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { answer_number: "50.7", unit: "$\\mathrm{atm}$ " };
}
