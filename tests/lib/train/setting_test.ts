import assert from "@std/assert";
import type { ExampleSource, TrainExample } from "../../../lib/train/examples.ts";
import { parseRecipe, type Recipe } from "../../../lib/train/recipe.ts";
import { type CorpusRequest, openSetting } from "../../../lib/train/setting.ts";
import { NANO, TINY } from "../../fixtures.ts";
import { refuses } from "../../mutate.ts";
import { inFolder } from "../../folder.ts";

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

const ANSWER: TrainExample = {
  where: "nano math:0",
  kind: "answer",
  input: { prompt: "1 + 1" },
  answer: "2",
};

const corpus = (_: CorpusRequest): ExampleSource =>
  async function* () {
    yield ANSWER;
  };

const open = (recipe: Recipe, from = corpus) => openSetting(recipe, { corpus: from });

Deno.test("openSetting() resolves model, tokens and data of a recipe", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"x"}\n');
    const asked: CorpusRequest[] = [];
    const recipe = recipeOf(dir);
    const setting = await open(recipe, (request) => {
      asked.push(request);
      return corpus(request);
    });
    assert.deepEqual([setting.encoder.eos, setting.encoder.mask], [506, 508]);
    assert.deepEqual(setting.ids, { mask: 508, ordinary: [0, 506] });
    assert.equal(setting.files.config.vocab_size, 512);
    assert.equal(setting.files.generation.threshold, 0.95);
    assert.equal((await setting.tensors.values("model.norm.weight", [128]))[0], 1);
    const [one, two] = recipe.phases;
    assert.equal(setting.source(one, "validation"), undefined);
    const examples = await Array.fromAsync(setting.source(two, "train")!());
    const text = { where: `${dir}/a.jsonl:1`, kind: "text", text: "x" };
    assert.deepEqual(examples, [text, ANSWER]);
    // Each phase trains on questions of its own; all are measured on the same.
    assert.deepEqual(asked.slice(0, 3).map(({ use, seed }) => [use, seed]), [
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
    for (const range of ["initializer_range", "embedding_range"]) {
      const other = recipeOf(dir, { model: { config: NANO, start: "random", [range]: 0.1 } });
      assert.notDeepEqual((await open(other)).digests.start, digests.start);
    }
  });
});

Deno.test("openSetting() draws first weights with the recipe's deviations", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"x"}\n');
    const head = "lm_head.weight";
    const embeddings = "model.word_embeddings.weight";
    const first = async (name: string, model: Record<string, unknown> = {}) => {
      const recipe = recipeOf(dir, { model: { config: NANO, start: "random", ...model } });
      return await (await open(recipe)).tensors.values(name, [4, 4]);
    };
    const cases: [string, Record<string, number>, number][] = [
      [head, { initializer_range: 0.05 }, 2.5],
      [embeddings, { initializer_range: 0.05 }, 2.5],
      [head, { embedding_range: 0.4 }, 1],
      [embeddings, { initializer_range: 0.05, embedding_range: 0.4 }, 20],
    ];
    for (const [name, ranges, factor] of cases) {
      const wanted = (await first(name)).map((value) => value * factor);
      const found = await first(name, ranges);
      const most = Math.max(...found.map((value, i) => Math.abs(value - wanted[i])));
      assert.ok(most < 4e-9 * factor, `${name} ${JSON.stringify(ranges)}: ${found}`);
    }
  });
});

Deno.test("openSetting() starts from a checkpoint", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"x"}\n');
    const setting = await open(recipeOf(dir, { model: { start: NANO } }));
    const values = await setting.tensors.values("model.norm.weight", [128]);
    assert.ok(values.some((value) => value !== 1));
    assert.equal((setting.digests.start as string[]).length, 1);
    setting.close();
    setting.close();
  });
});

Deno.test("openSetting() refuses what does not fit together", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"x"}\n');
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
    await Deno.writeTextFile(`${dir}/empty.jsonl`, "\n");
    const pair = { prompt: "a", chosen: "b", rejected: "c" };
    await Deno.writeTextFile(`${dir}/pairs.jsonl`, JSON.stringify(pair));
    await Deno.writeTextFile(`${dir}/late.jsonl`, `{"text":"x"}\n${JSON.stringify(pair)}`);
    const wrong = '{"text":"x"}\n{"prompt":"x","answer":7}';
    await Deno.writeTextFile(`${dir}/bad.jsonl`, wrong);
    await Deno.writeTextFile(
      `${dir}/mask.jsonl`,
      '{"text":"x"}\n{"prompt":"x","answer":"<|mask|>"}',
    );
    const nano = JSON.parse(await Deno.readTextFile(`${NANO}/config.json`));
    const unbiased = { ...nano, moe_router_enable_expert_bias: false };
    await Deno.writeTextFile(`${dir}/unbiased.json`, JSON.stringify(unbiased));
    const sharing = { ...nano, expert_capacity: 8, block_size: 32 };
    await Deno.writeTextFile(`${dir}/sharing.json`, JSON.stringify(sharing));
    const dpo = { name: "dpo", objective: "dpo", block: 8 };
    const later: [Record<string, unknown>, RegExp][] = [
      [{ data: { train: ["a.jsonl"], row_length: 1024 } }, /row_length is 1024, .* at most .* 512/],
      [
        { model: { config: "sharing.json", start: "random", tokenizer: NANO } },
        /field "expert_capacity" is 8 in config.json, expected none/,
      ],
      [
        {
          model: { config: "unbiased.json", start: "random", tokenizer: NANO },
          defaults: { lr: 0.1, steps: 1, expert_bias_rate: 0.1 },
        },
        /stage "one": expert_bias_rate is 0.1, expected 0/,
      ],
      [
        { data: { train: ["a.jsonl", "empty.jsonl"], row_length: 16 } },
        /stage "one": its train data ".*empty.jsonl" holds no example/,
      ],
      [
        { data: { train: ["pairs.jsonl"], row_length: 16 } },
        /holds "chosen" and "rejected" \(.*pairs.jsonl:1\), expected texts or answers$/,
      ],
      [
        { data: { train: ["late.jsonl"], row_length: 16 } },
        /holds "chosen" and "rejected" \(.*late.jsonl:2\)/,
      ],
      [
        { data: { train: ["a.jsonl"], validation: ["bad.jsonl"], row_length: 16 } },
        /^Cannot use record .*bad.jsonl:2: field "answer" is number/,
      ],
      [
        { data: { train: ["mask.jsonl"], row_length: 16 } },
        /^Cannot use record .*mask.jsonl:2: its text holds the mask token, expected none$/,
      ],
      [
        { stages: [{ ...dpo, data: { train: ["a.jsonl"] } }] },
        /stage "dpo": its train data ".*a.jsonl" holds a "text" \(.*a.jsonl:1\), expected/,
      ],
      [
        {
          data: { train: ["pairs.jsonl"], validation: [{ nano: ["math"] }], row_length: 16 },
          stages: [dpo],
        },
        /validation data corpus "nano" holds an answer \(nano.*\), .* \(or \[\] for none\)$/,
      ],
    ];
    for (const [change, message] of later) {
      await refuses(() => open(recipeOf(dir, change)), message);
    }
    await Deno.writeTextFile(`${dir}/one.json`, JSON.stringify({ ...nano, mask_token_id: 506 }));
    await refuses(
      () =>
        open(recipeOf(dir, { model: { config: "one.json", start: "random", tokenizer: NANO } })),
      /token 506 is the mask and the end of sequence/,
    );
    const none = { train: ["pairs.jsonl"], validation: [], row_length: 16 };
    (await open(recipeOf(dir, { data: none, stages: [dpo] }))).close();
    await Deno.writeTextFile(`${dir}/config.json`, "[]");
    const model = { config: "config.json", start: "random", tokenizer: NANO };
    await refuses(() => open(recipeOf(dir, { model })), /found array, expected object/);
    await refuses(
      () => openSetting(recipeOf(dir)),
      /corpus "nano": it is not known, expected files/,
    );
    await Deno.writeTextFile(`${dir}/config.json`, "{");
    await refuses(() => open(recipeOf(dir, { model })), /config.json" as JSON: column/);
  });
});

Deno.test("openSetting() draws wrong tokens behind special tokens that are the first", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"x"}\n');
    const nano = JSON.parse(await Deno.readTextFile(`${NANO}/config.json`));
    const first = { ...nano, pad_token_id: 0, eos_token_id: 1, mask_token_id: 4 };
    await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(first));
    const model = { config: "config.json", start: "random", tokenizer: NANO };
    const { ids } = await open(recipeOf(dir, { model }));
    assert.deepEqual(ids, { mask: 4, ordinary: [5, 512] });
  });
});

Deno.test("openSetting() finds generation_config.json beside a configuration of any name", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"x"}\n');
    await Deno.copyFile(`${NANO}/config.json`, `${dir}/small.json`);
    const model = { config: "small.json", start: "random", tokenizer: NANO };
    const opened = async (generation: Record<string, unknown>) => {
      await Deno.writeTextFile(`${dir}/generation_config.json`, JSON.stringify(generation));
      return await open(recipeOf(dir, { model }));
    };
    const plain = await opened({ threshold: 0.5 });
    assert.deepEqual(plain.files.generation, { threshold: 0.5 });
    // The end of sequence that it names closes examples, so a run depends on it.
    const { encoder, digests } = await opened({ eos_token_id: [507, 506] });
    assert.equal(encoder.eos, 507);
    assert.deepEqual(digests, { ...plain.digests, eos: 507 });
    for (const eos_token_id of [512, "x"]) {
      await refuses(
        () => opened({ eos_token_id }),
        /generation_config.json": field "eos_token_id" is .*, expected at most 4 ids below 512/,
      );
    }
  });
});
