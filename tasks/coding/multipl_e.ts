import {
  MULTIPL_E_LANGUAGES,
  multiplELanguage,
  multiplEPrompt,
  scoreMultiplE,
} from "../../lib/eval/coding/multipl_e.ts";
import { partItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";
import { twiceExamples } from "./twice_examples.ts";

const LICENCE = "BSD-3-Clause with a restriction on machine learning";
const ITEMS = 1280;
const jsonl = (language: string) => `humaneval-${language}.jsonl`;
const parquet = (language: string) => `humaneval-${language}/test-00000-of-00001.parquet`;
/** The Python part is HumanEval itself. */
const PYTHON = "https://huggingface.co/datasets/openai/openai_humaneval/resolve/main/" +
  "openai_humaneval/test-00000-of-00001.parquet";

/** HumanEval in eight languages (Cassano et al., 2022): the mean of their pass rates. */
export default task({
  name: "multipl_e",
  title: "MultiPL-E",
  group: "coding",
  summary: "functions in eight languages run against tests",
  source: [
    {
      repo: "nuprl/MultiPL-E",
      files: MULTIPL_E_LANGUAGES.map((language) =>
        language === "python"
          ? { name: parquet(language), url: PYTHON }
          : { name: parquet(language) }
      ),
      licence: LICENCE,
      items: ITEMS,
    },
    {
      form: "jsonl",
      files: MULTIPL_E_LANGUAGES.map((language) => ({ name: jsonl(language) })),
      licence: LICENCE,
      items: ITEMS,
    },
  ],
  items: (data) =>
    partItems("multipl_e", {
      parts: MULTIPL_E_LANGUAGES,
      field: "language",
      file: data.source.form === "jsonl" ? jsonl : parquet,
    })(data),
  needs: ["prompt", ["tests", "test"]], // the Python part has HumanEval's own names
  prompt: multiplEPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreMultiplE,
  parts: { language: (doc) => multiplELanguage(doc) },
  aggregate: { over: "language", mean: "macro" },
  deviations: [
    "C# is compiled by Mono's mcs, not by csc: what C# 8 brought does not compile, nor do local functions",
  ],
  reported: { mini: 67.46, flash: 74.87, qwen: 70.67, ling: 65.76 },
  examples: twiceExamples({
    prompt: 'def twice(x):\n    """Twice x."""\n',
    entry_point: "twice",
    test: "def check(candidate):\n    assert candidate(2) == 4\n",
  }),
});
