import assert from "@std/assert";
import { parseRecipe, type Recipe } from "../../../lib/train/recipe.ts";
import { type CorpusRequest, openSetting } from "../../../lib/train/setting.ts";
import { NANO, TINY } from "../../fixtures.ts";
import { refuses } from "../../mutate.ts";
import { inFolder } from "./fake.ts";

function recipeOf(dir: string, change: Record<string, unknown> = {}): Recipe {
  const recipe = {
    model: { config: NANO, start: "random" },
    data: { train: ["a.jsonl", { nano: ["math"] }], row_length: 16 },
    seed: 3,
    defaults: { lr: 0.1, steps: 1 },
    stages: [
      { name: "one", objective: "ar" },
      { name: "two", objective: "sft", block: 8, data: { validation: [{ nano: ["math"] }] } },
    ],
    ...change,
  };
  return parseRecipe(JSON.stringify(recipe), `${dir}/r.json`);
}

const open = (recipe: Recipe, corpus = (_: CorpusRequest) => async function* () {}) =>
  openSetting(recipe, { corpus });

Deno.test("openSetting() resolves model, tokens and data of a recipe", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"x"}\n');
    const asked: CorpusRequest[] = [];
    const recipe = recipeOf(dir);
    const setting = await open(recipe, (request) => {
      asked.push(request);
      return async function* () {};
    });
    assert.deepEqual([setting.encoder.eos, setting.encoder.mask], [506, 508]);
    assert.deepEqual(setting.ids, { mask: 508, ordinary: 506 });
    assert.equal(setting.files.config.vocab_size, 512);
    assert.equal(setting.files.generation.threshold, 0.95);
    assert.equal((await setting.tensors.values("model.norm.weight", [128]))[0], 1);
    const [one, two] = recipe.phases;
    assert.equal(setting.source(one, "validation"), undefined);
    const examples = await Array.fromAsync(setting.source(two, "train")!());
    assert.deepEqual(examples, [{ where: `${dir}/a.jsonl:1`, kind: "text", text: "x" }]);
    // Each phase trains on questions of its own; all are measured on the same.
    assert.deepEqual(asked.map(({ use, seed }) => [use, seed]), [
      ["train", 3000],
      ["train", 3001],
      ["validation", 3],
    ]);
    // What decides the result changes its digests: the data's bytes, not their place.
    const { digests } = setting;
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"y"}\n');
    const changed = (await open(recipe)).digests;
    assert.notDeepEqual(changed.data, digests.data);
    assert.deepEqual({ ...changed, data: digests.data }, digests);
  });
});

Deno.test("openSetting() draws first weights with the recipe's deviation", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, "");
    const first = async (model: Record<string, unknown>) => {
      const recipe = recipeOf(dir, { model: { config: NANO, start: "random", ...model } });
      return await (await open(recipe)).tensors.values("lm_head.weight", [4, 4]);
    };
    const wanted = (await first({})).map((value) => value * 2.5);
    const found = await first({ initializer_range: 0.05 });
    const most = Math.max(...found.map((value, i) => Math.abs(value - wanted[i])));
    assert.ok(most < 1e-8, `${found}`);
  });
});

Deno.test("openSetting() starts from a checkpoint", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, "");
    const setting = await open(recipeOf(dir, { model: { start: NANO } }));
    const values = await setting.tensors.values("model.norm.weight", [128]);
    assert.ok(values.some((value) => value !== 1));
    assert.equal((setting.digests.start as string[]).length, 1);
    setting.close();
  });
});

Deno.test("openSetting() refuses what does not fit together", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, "");
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ model: { config: `${dir}/none`, start: "random" } }, /none\/config.json": no such file/],
      [
        { model: { config: TINY, start: "random", tokenizer: NANO } },
        /tokenizer.json has 512 tokens, expected at most vocab_size 256/,
      ],
      [
        { model: { config: TINY, start: NANO } },
        /Cannot start from .*: ".*config.json" has other shapes, expected the checkpoint's/,
      ],
      [{ data: { train: ["b.jsonl"], row_length: 16 } }, /b.jsonl": no such file/],
    ];
    for (const [change, message] of cases) {
      await refuses(() => open(recipeOf(dir, change)), message);
    }
    await Deno.writeTextFile(`${dir}/config.json`, "[]");
    const model = { config: "config.json", start: "random", tokenizer: NANO };
    await refuses(() => open(recipeOf(dir, { model })), /found array, expected object/);
    await Deno.writeTextFile(`${dir}/config.json`, "{");
    await refuses(() => open(recipeOf(dir, { model })), /it is not JSON/);
  });
});
