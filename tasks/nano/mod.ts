/** Five small benchmarks, one per dimension of the report, that the embedded model was trained for. */
import { choiceLetter, firstObject, lastNumber, squeezed } from "../../lib/eval/answers.ts";
import { extractCode } from "../../lib/eval/coding/extract.ts";
import { type Score, type Task, task } from "../../lib/eval/task.ts";
import { distinctQuestions, type Reference, type Skill } from "./corpus.ts";

/** A nano row. */
export interface NanoDoc {
  readonly question: string;
  readonly reference: Reference;
}

/** Test questions of each task; the corpus has 82 programs alone in its test split. */
const ITEMS: Readonly<Record<Skill, number>> = {
  knowledge: 100,
  reasoning: 100,
  coding: 82,
  math: 100,
  agent: 100,
};

/** Time a generated function may take. */
const PYTHON_MS = 5000;

type Rest = Pick<Task<NanoDoc>, "title" | "summary" | "score" | "examples"> & { metric?: string };

function nano(skill: Skill, rest: Rest): Task {
  return task<NanoDoc>({
    name: `nano_${skill}`,
    group: skill,
    // Generated; the test split is decided by FNV-1a of the question.
    source: { files: [], licence: "Apache-2.0", items: ITEMS[skill] },
    metric: "acc",
    *items() {
      const found = distinctQuestions(skill, { split: "test", count: ITEMS[skill] });
      for (const [index, { question, reference }] of found.entries()) {
        yield { id: `nano_${skill}/${index}`, doc: { question, reference } };
      }
    },
    prompt: ({ question }) => [{ role: "user", content: question }],
    ...rest,
  });
}

/** 1 for the wanted value, 0 for another, unparsed for none. */
function compared<V>(found: V | undefined, right: (found: V) => boolean): Score {
  if (found === undefined) return { metrics: { acc: 0 }, unparsed: true };
  return { metrics: { acc: right(found) ? 1 : 0 } };
}

const letterDoc = { question: "Which?", reference: { answer: "B" } };
const wordDoc = { question: "Reverse these words: a b", reference: { answer: "b a" } };
const numberDoc = { question: "What is 1000 + 2?", reference: { answer: "1002" } };
const codeDoc = {
  question: "Write a Python function f(x) that returns x plus 2.",
  reference: { entry_point: "f", tests: ["assert f(0) == 2", "assert f(3) == 5"] },
};
const callDoc = {
  question: "Use the tool to add 1 and 2.",
  reference: { call: { name: "add", arguments: { a: 1, b: 2 } } },
};

/** Capitals, legs and sizes: a letter out of four. */
export const nanoKnowledge: Task = nano("knowledge", {
  title: "Nano knowledge",
  summary: "lettered choice",
  score: (text, { reference }) => compared(choiceLetter(text), (it) => it === reference.answer),
  examples: [
    { answer: "The answer is B.", doc: letterDoc, score: 1 },
    { answer: "(B)", doc: letterDoc, score: 1 },
    { answer: "The answer is C, not B... the answer is C.", doc: letterDoc, score: 0 },
    { answer: "", doc: letterDoc, score: 0 },
  ],
});

/** Sorting, reversing, comparing, counting, continuing: the exact words. */
export const nanoReasoning: Task = nano("reasoning", {
  title: "Nano reasoning",
  summary: "exact match",
  score: (text, { reference }) =>
    compared(squeezed(text) || undefined, (it) => it === squeezed(reference.answer!)),
  examples: [
    { answer: " b  a\n", doc: wordDoc, score: 1 },
    { answer: "a b", doc: wordDoc, score: 0 },
    { answer: "", doc: wordDoc, score: 0 },
  ],
});

/** A Python function run against its asserts. */
export const nanoCoding: Task = nano("coding", {
  title: "Nano coding",
  summary: "Python function run against asserts",
  metric: "pass",
  async score(text, { reference }, tools) {
    const code = extractCode(text, { language: "python" });
    if (code === undefined) return { metrics: { pass: 0 }, unparsed: true };
    const { status } = await tools.code.run({
      language: "python",
      files: { "main.py": code },
      entry: "main.py",
      check: reference.tests!.join("\n"),
      guard: true,
      timeoutMs: PYTHON_MS,
    }, { task: "nano_coding" });
    return { metrics: { pass: status === "passed" ? 1 : 0 }, timeout: status === "timeout" };
  },
  examples: [
    { answer: "```python\ndef f(x):\n    return x + 2\n```", doc: codeDoc, score: 1 },
    { answer: "def f(x):\n    return 2 + x", doc: codeDoc, score: 1 },
    { answer: "```python\ndef f(x):\n    return x + 1\n```", doc: codeDoc, score: 0 },
    { answer: "import sys\nsys.exit(0)", doc: codeDoc, score: 0 },
    { answer: "", doc: codeDoc, score: 0 },
  ],
});

/** One or two steps of arithmetic: the last number. */
export const nanoMath: Task = nano("math", {
  title: "Nano math",
  summary: "last number",
  score: (text, { reference }) =>
    compared(lastNumber(text), (it) => it === Number(reference.answer)),
  examples: [
    { answer: "1000 + 2 = 1002. The answer is 1002.", doc: numberDoc, score: 1 },
    { answer: "１，００２", doc: numberDoc, score: 1 },
    { answer: "The answer is 1,002.", doc: numberDoc, score: 1 },
    { answer: "1002, no, 1003", doc: numberDoc, score: 0 },
    { answer: "none", doc: numberDoc, score: 0 },
  ],
});

/** A function call as JSON: the name and every argument. */
export const nanoAgent: Task = nano("agent", {
  title: "Nano agent",
  summary: "function call as JSON",
  score: (text, { reference }) =>
    compared(firstObject(text), (it) => canonical(it) === canonical(reference.call)),
  examples: [
    { answer: '{"name": "add", "arguments": {"b": 2, "a": 1}}', doc: callDoc, score: 1 },
    { answer: 'Sure: {"arguments":{"a":1,"b":2},"name":"add"}', doc: callDoc, score: 1 },
    { answer: '{"name": "add", "arguments": {"a": 1, "b": "2"}}', doc: callDoc, score: 0 },
    { answer: '{"name": "add"', doc: callDoc, score: 0 },
  ],
});

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "undefined";
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${
    entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")
  }}`;
}
