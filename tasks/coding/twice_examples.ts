import type { Doc, Example } from "../../lib/eval/task.ts";

/** Answers to an item that asks for `twice(x)` in Python, with the scores they must get. */
export function twiceExamples(doc: Doc): Example<Doc>[] {
  return [
    { answer: "```python\ndef twice(x):\n    return 2 * x\n```", doc, score: 1 },
    { answer: "```python\ndef twice(x):\n    return x\n```", doc, score: 0 },
    { answer: "import os\nos._exit(0)", doc, score: 0 },
    { answer: "", doc, score: 0 },
  ];
}
