import { promptTriviaqa, scoreTriviaqa } from "../../lib/eval/knowledge/triviaqa.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "Apache-2.0";

/** Trivia without context (Joshi et al., 2017): a gold alias inside the first line's answer. */
export default task({
  name: "triviaqa",
  title: "TriviaQA",
  group: "knowledge",
  summary: "short span, 0-shot",
  source: [
    {
      repo: "mandarjoshi/trivia_qa",
      files: [{ name: "rc.wikipedia.nocontext/validation-00000-of-00001.parquet", rows: 7993 }],
      licence: LICENCE,
      items: 7993,
    },
    {
      form: "json",
      files: [{ name: "wikipedia-dev.json", at: "Data", rows: 7993 }],
      licence: LICENCE,
      items: 7993,
    },
    {
      form: "sample",
      repo: "github:mandarjoshi90/triviaqa",
      revision: "ca43b5820b107f3970cf4b7d67f7db7a98117b79",
      files: [{ name: "triviaqa_sample.json", path: "samples/triviaqa_sample.json", at: "Data" }],
      licence: LICENCE,
      items: 1,
    },
  ],
  items: rowItems("triviaqa", { id: ({ QuestionId, question_id }) => QuestionId ?? question_id }),
  prompt: promptTriviaqa,
  decode: { gen_length: 1024 },
  metric: "acc",
  score: scoreTriviaqa,
  variants: { short: { summary: "OpenCompass's limit", decode: { gen_length: 50 } } },
  deviations: [
    "the Wikipedia validation questions: the report names no file",
    "no opened assistant turn: a chat template closes its own",
  ],
  reported: { mini: 51.33, flash: 66.88 },
  examples: [
    { answer: "The answer is Sunset Boulevard.", doc: doc(), score: 1 },
    { answer: "The answer is Cats.", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  const Answer = { Value: "Sunset Boulevard", Aliases: ["Sunset Boulevard", "Sunset Blvd"] };
  return { Question: "Which musical premiered in 1993?", Answer };
}
