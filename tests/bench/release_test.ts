import assert from "@std/assert";
import { replaceMarked } from "../../bench/marked.ts";
import type { NanoRun } from "../../bench/nano.ts";
import { madeSection, objections } from "../../bench/recipe/release.ts";

/** Scores in percent: knowledge, reasoning, coding, math, agent. */
function run(scores: readonly number[], tokensPerForward: number): NanoRun {
  const shares = scores.map((score) => score / 100);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return { items: 482, scores: shares, mean, tokensPerForward };
}

const BEFORE = run([64, 84, 84, 19, 97], 4.77);

Deno.test("objections() asks for every task, the mean and speed", () => {
  const cases: [scores: number[], tokensPerForward: number, wanted: string[]][] = [
    [[64, 84, 84, 20, 97], 4.78, []],
    [[64, 84, 84, 19, 97], 4.78, ["mean 69.6, expected more than 69.6"]],
    [[64, 84, 84, 20, 97], 4.77, ["tokens per forward 4.770, expected more than 4.770"]],
    [[90, 84, 84, 90, 96], 5, ["agent 96.0, expected at least 97.0"]],
    [[63, 84, 84, 19, 97], 4, [
      "knowledge 63.0, expected at least 64.0",
      "mean 69.4, expected more than 69.6",
      "tokens per forward 4.000, expected more than 4.770",
    ]],
  ];
  for (const [scores, tokensPerForward, wanted] of cases) {
    assert.deepEqual(objections(BEFORE, run(scores, tokensPerForward)), wanted, `${scores}`);
  }
});

Deno.test("madeSection() tells a run's steps by stage and both models' scores", () => {
  const phases = {
    "warmup-1": { stage: "warmup", steps: 1600, batch: 16 },
    "warmup-4": { stage: "warmup", steps: 150, batch: 16 },
    cap: { stage: "cap", steps: 600, batch: 32 },
  };
  const after = run([65, 84, 84, 20, 97], 5);
  const facts = { seed: 3, row_length: 96, phases };
  const text = madeSection(facts, { seconds: 5400, before: BEFORE, after });
  assert.match(
    text,
    /seed 3; steps by stage: warmup 1,750, cap 600; 16 or 32 rows of 96 .* 1\.5 hours/,
  );
  assert.match(text, /\| before \| 64\.0 \| 84\.0 \| 84\.0 \| 19\.0 \| 97\.0 \| 69\.6 \| 4\.77 \|/);
  assert.match(
    text,
    /\| this one \| 65\.0 \| 84\.0 \| 84\.0 \| 20\.0 \| 97\.0 \| 70\.0 \| 5\.00 \|/,
  );
});

Deno.test("replaceMarked() changes what stands between the marks alone", () => {
  const page = "a\n<!-- x -->old<!-- /x -->\n<!-- y --><!-- /y -->";
  const once = replaceMarked(page, "x", "$& new");
  assert.equal(once, "a\n<!-- x -->\n\n$& new\n\n<!-- /x -->\n<!-- y --><!-- /y -->");
  assert.equal(replaceMarked(once, "x", "$& new"), once);
  assert.throws(() => replaceMarked(page, "z", ""), RangeError);
});
