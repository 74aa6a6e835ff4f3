import assert from "@std/assert";
import { Executors } from "../../lib/exec/executors.ts";
import { Tools } from "../../lib/eval/evaluate.ts";
import { distinctQuestions, isTest, questions, type Skill } from "../../tasks/nano/corpus.ts";
import { TASKS } from "../../tasks/mod.ts";
import { NANO } from "../fixtures.ts";

const SKILLS: Skill[] = ["knowledge", "reasoning", "coding", "math", "agent"];

/** A question with its numbers, names and choices taken out. */
function shape(question: string): string {
  return question
    .replace(/\n[A-D]\. [^\n]+/g, "\n@")
    .replace(/(Sort these numbers|Reverse these words|What comes next\?|appear\?)(.*)/, "$1 ...")
    .replace(/times does \w+ appear/, "times does @ appear")
    .replace(/capital of \w+/, "capital of @")
    .replace(/does a \w+ have/, "does a @ have")
    .replace(/weather in [\w ]+\?/, "weather in @?")
    .replace(/lamp \w+/, "lamp @")
    .replace(/function \w+\(x\)/, "function @(x)")
    .replace(/\b(Tom|Ana|Ben|Mia|Leo|Zoe|Sam|Eva|Max|Ida|Kai|Noa)\b/g, "@")
    .replace(/\b(apples|pens|books|coins|cards|shells|stamps|eggs|keys|cups)\b/g, "#")
    .replace(/\d+/g, "0");
}

Deno.test("the wording of every skill is that of the items beside the model, and no other", async () => {
  const lines = (await Deno.readTextFile(`${NANO}/items.jsonl`)).trim().split("\n");
  const items = lines.map((line) => JSON.parse(line));
  for (const skill of SKILLS) {
    const ours = new Set<string>();
    let drawn = 0;
    for (const { question } of questions(skill, { split: "train", seed: 7 })) {
      ours.add(shape(question));
      if (++drawn === 4000) break;
    }
    const theirs = items.filter(({ task }) => task === `nano_${skill}`);
    assert.equal(theirs.length, 60);
    for (const { question } of theirs) assert.ok(ours.has(shape(question)), question);
  }
});

Deno.test("the split is the model's: every item given beside it is a test question", async () => {
  const lines = (await Deno.readTextFile(`${NANO}/items.jsonl`)).trim().split("\n");
  for (const line of lines) assert.ok(isTest(JSON.parse(line).question));
});

Deno.test("no test question is a train question, and each is there once", () => {
  for (const skill of SKILLS) {
    const test = distinctQuestions(skill, { split: "test", count: 100 });
    const names = new Set(test.map(({ question }) => question));
    assert.equal(names.size, test.length);
    assert.ok(test.length >= 15, `${skill}: ${test.length}`);
    for (const { question } of distinctQuestions(skill, { split: "train", count: 500 })) {
      assert.ok(!names.has(question) && !isTest(question));
    }
  }
});

Deno.test("references of the items given beside the model score their own answers", async () => {
  const tools = new Tools(new Executors());
  try {
    const lines = (await Deno.readTextFile(`${NANO}/items.jsonl`)).trim().split("\n");
    for (const [index, line] of lines.entries()) {
      const { task: name, question, answer, reference } = JSON.parse(line);
      if (name === "nano_coding" && index % 5 !== 0) continue;
      const task = TASKS.find((candidate) => candidate.name === name)!;
      const { metrics } = await task.score(answer, { question, reference }, tools, [answer]);
      assert.equal(metrics[task.metric], 1, question);
    }
  } finally {
    await tools.close();
  }
});

Deno.test("every task's examples get the score they state", async () => {
  const tools = new Tools(new Executors());
  try {
    for (const task of TASKS.filter(({ name }) => name.startsWith("nano_"))) {
      for (const { answer, doc, score } of task.examples) {
        const { metrics } = await task.score(answer, doc, tools, [answer]);
        assert.equal(metrics[task.metric], score, `${task.name}: ${answer}`);
      }
    }
  } finally {
    await tools.close();
  }
});
