/** What training reads from outside, damaged: read or refused in one line, nothing else. */
import assert from "@std/assert";
import { stringify } from "yaml";
import { sha256 } from "../../../lib/digest.ts";
import { readExamples } from "../../../lib/train/examples.ts";
import { listCheckpoints } from "../../../lib/train/checkpoints.ts";
import { readMetrics } from "../../../lib/train/metrics.ts";
import { parseRecipe, type Recipe } from "../../../lib/train/recipe.ts";
import { sizesOf } from "../../../lib/train/plan.ts";
import { learningRate } from "../../../lib/train/schedule.ts";
import { NANO } from "../../fixtures.ts";
import { checkMutations } from "../../mutate.ts";
import { inFolder } from "../../folder.ts";

const CASES = { slice: 400, full: 10_000 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A wrong success: a recipe that no run could hold to. */
function checkRecipe({ phases, row_length, ...recipe }: Recipe): void {
  for (const phase of phases) {
    const sizes = sizesOf({ phases, row_length, ...recipe }, [phase]);
    const numbers = [...Object.values(sizes), phase.steps, learningRate(0, phase.rate)];
    if (!numbers.every((number) => Number.isFinite(number) && number >= 0)) {
      throw new Error(`${phase.name}: ${numbers}`);
    }
    if (typeof phase.block === "number" && row_length % phase.block !== 0) throw new Error("block");
  }
}

for (const kind of ["json", "yaml"] as const) {
  Deno.test(`damaged recipes (${kind}) are read or refused`, async () => {
    const text = await Deno.readTextFile(`${NANO}/recipe.json`);
    const good = encoder.encode(kind === "json" ? text : stringify(JSON.parse(text)));
    const cases = kind === "json" ? CASES : { slice: 100, full: 10_000 };
    await checkMutations(
      good,
      cases,
      (bytes) => checkRecipe(parseRecipe(decoder.decode(bytes), `r.${kind}`)),
    );
  });
}

Deno.test("damaged training data is read or refused", async () => {
  const lines = [
    { text: "abc" },
    { prompt: "a", answer: "b" },
    { messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }] },
    { messages: [{ role: "user", content: "a" }], chosen: "b", rejected: "c" },
  ];
  const good = encoder.encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await checkMutations(good, CASES, async (bytes) => {
    const stream = ReadableStream.from([bytes]);
    for await (const { where, kind } of readExamples(stream, { source: "a" })) {
      if (!/^a:\d$/.test(where) || !["text", "answer", "pair"].includes(kind)) {
        throw new Error(where);
      }
    }
  });
});

Deno.test("a damaged state of a checkpoint, or log of a run, is read or refused", async () => {
  await inFolder(async (dir) => {
    const place = `${dir}/step-00000003`;
    await Deno.mkdir(place);
    const state = { step: 3, phase: "a", moments: 3, position: 9, recipe: "d", validation: 0.5 };
    const logs = { "metrics.jsonl": 5 };
    const json = { ...state, logs, files: { "config.json": "e" } };
    const digest = await sha256(JSON.stringify(json));
    const good = encoder.encode(JSON.stringify({ ...json, digest }));
    await Deno.writeFile(`${place}/state.json`, good);
    assert.deepEqual(await listCheckpoints(dir), [{ dir: place, state: { ...state, logs } }]);
    await checkMutations(good, CASES, async (bytes) => {
      await Deno.writeFile(`${place}/state.json`, bytes);
      for (const found of await listCheckpoints(dir)) {
        assert.deepEqual(found.state, { ...state, logs });
      }
    });
    const line = encoder.encode('{"step":1,"loss":0.5}\n{"step":2,"loss":0.25}\n');
    await checkMutations(line, CASES, async (bytes) => {
      await Deno.writeFile(`${dir}/metrics.jsonl`, bytes);
      await readMetrics(dir);
    });
  });
});
