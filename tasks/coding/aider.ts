import { aiderNext, aiderPrompt, scoreAider } from "../../lib/eval/coding/aider.ts";
import type { OpenedSource } from "../../lib/data/source.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { type Item, task } from "../../lib/eval/task.ts";

const COMMIT = "cb75dfa7dfb936f75dbd44bffdc08767ecf42054";
const LICENCE = "MIT";
const FOLDER = "exercises/practice/";

/** Exercism's Python exercises as aider asks them: whole files, a second try after failing tests. */
export default task({
  name: "aider",
  title: "Aider",
  group: "coding",
  summary: "edited files run against unit tests, two tries",
  source: [
    {
      repo: "github:exercism/python",
      revision: COMMIT,
      files: [{
        name: FOLDER,
        path: `python-${COMMIT}/${FOLDER}`,
        archive: {
          path: "python.tar.gz",
          url: `https://codeload.github.com/exercism/python/tar.gz/${COMMIT}`,
        },
      }],
      licence: LICENCE,
      items: 133,
    },
    { form: "jsonl", files: [{ name: "exercises.jsonl" }], licence: LICENCE, items: 133 },
  ],
  items: (data) =>
    data.source.form === "jsonl"
      ? rowItems("aider", { id: ({ exercise }) => exercise })(data)
      : folderItems(data),
  prompt: aiderPrompt,
  next: aiderNext,
  decode: { gen_length: 4096 },
  metric: "pass_2",
  score: (text, doc, tools, outputs) =>
    scoreAider(text, doc, tools, outputs.flat().length > 0 ? outputs.flat() : [text]),
  deviations: [
    "two tries and whole files: the report says neither",
    "a linter's errors are not sent back within a try, as aider does up to three times",
    "an answer that is cut at its limit counts as far as it goes: aider drops it",
  ],
  reported: { mini: 39.85, flash: 66.92 },
  examples: [
    { answer: "twice.py\n```\ndef twice(x):\n    return 2 * x\n```", doc: doc(), score: 1 },
    { answer: "twice.py\n```\ndef twice(x):\n    return x\n```", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return {
    exercise: "twice",
    files: {
      ".docs/instructions.md": "Double a number.",
      "twice.py": "def twice(x):\n    pass\n",
      "twice_test.py": "import unittest\nfrom twice import twice\n\n" +
        "class TwiceTest(unittest.TestCase):\n    def test_two(self):\n" +
        "        self.assertEqual(twice(2), 4)\n",
    },
  };
}

/** An item for each folder of the repository's exercises. */
async function* folderItems(data: OpenedSource): AsyncGenerator<Item> {
  const exercises = new Map<string, Record<string, string>>();
  for await (const { path, text } of data.rows()) {
    const [exercise, ...rest] = String(path).replace(FOLDER, "").split("/");
    if (rest.length === 0) continue;
    const files = exercises.get(exercise) ?? {};
    files[rest.join("/")] = String(text);
    exercises.set(exercise, files);
  }
  for (const [exercise, files] of exercises) {
    yield { id: `aider/${exercise}`, doc: { exercise, files } };
  }
}
