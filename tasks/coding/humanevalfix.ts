import { humanevalfixPrompt, scoreHumanevalfix } from "../../lib/eval/coding/humanevalfix.ts";
import { partItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";
import { twiceExamples } from "./twice_examples.ts";

const LANGUAGES = ["python", "js", "java", "go", "cpp", "rust"];
const file = (language: string) => `humanevalpack_${language}.jsonl`;

/** Buggy functions in six languages (Muennighoff et al., 2023): mended ones pass the tests. */
export default task({
  name: "humanevalfix",
  title: "HumanEvalFix",
  group: "coding",
  summary: "mended functions in six languages",
  source: {
    repo: "github:bigcode-project/octopack",
    revision: "e17a8f6470264286bc6a52eb8263582083bf3bf6",
    files: LANGUAGES.map((language) => ({
      name: file(language),
      path: `evaluation/create/humaneval-x/data/${language}/data/humanevalpack.jsonl`,
      rows: 164,
    })),
    licence: "MIT",
    items: 984,
  },
  items: partItems("humanevalfix", { parts: LANGUAGES, field: "lang", file }),
  needs: ["test"],
  prompt: humanevalfixPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreHumanevalfix,
  parts: { language: ({ lang }) => String(lang) },
  reported: { mini: 74.9, flash: 90.24 },
  examples: twiceExamples({
    task_id: "Python/0",
    lang: "python",
    prompt: 'def twice(x):\n    """Twice x."""\n',
    declaration: "def twice(x):\n",
    buggy_solution: "    return x\n",
    entry_point: "twice",
    test: "def check(twice):\n    assert twice(2) == 4\n\ncheck(twice)\n",
  }),
});
