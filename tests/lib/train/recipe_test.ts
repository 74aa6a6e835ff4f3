import assert from "@std/assert";
import { Refusal } from "../../../lib/refusal.ts";
import { parseRecipe, type Phase, readRecipe, type Recipe } from "../../../lib/train/recipe.ts";

/** A small recipe that is right. */
function base(): Record<string, unknown> {
  return {
    model: { config: "config.json", start: "random" },
    data: { train: ["a.jsonl"], row_length: 64 },
    defaults: { lr: 0.001 },
    stages: [{ name: "one", objective: "bdlm", block: 32, steps: 10 }],
  };
}

/** The recipe with one field changed, named as in a refusal; undefined takes it away. */
function changed(path: string, value: unknown): Record<string, unknown> {
  const recipe = base();
  const names = path.split(/[.[\]]+/).filter(Boolean);
  // deno-lint-ignore no-explicit-any
  let at: any = recipe;
  for (const name of names.slice(0, -1)) at = at[name] ??= {};
  if (value === undefined) delete at[names.at(-1)!];
  else at[names.at(-1)!] = value;
  return recipe;
}

function parse(recipe: unknown, file = "dir/r.json"): Recipe {
  return parseRecipe(JSON.stringify(recipe), file);
}

function stage(fields: Record<string, unknown>): Phase[] {
  return parse({ ...base(), stages: [{ name: "s", objective: "bdlm", steps: 10, ...fields }] })
    .phases as Phase[];
}

Deno.test("recipe: every setting has a value", () => {
  assert.deepEqual(parse(base()), {
    model: {
      config: "dir/config.json",
      start: "random",
      tokenizer: "dir",
      initializer_range: 0.02,
      embedding_range: 0.02,
    },
    row_length: 64,
    rows_validation: 128,
    several_per_row: false,
    shuffle_window: 4096,
    seed: 42,
    checkpoints: { every: 200, keep: 5 },
    merge: undefined,
    phases: [{
      name: "one",
      stage: "one",
      objective: "bdlm",
      block: 32,
      steps: 10,
      data: { train: [{ file: "dir/a.jsonl" }], validation: [] },
      batch: 8,
      micro_batch: 8,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weight_decay: 0.1,
      max_grad_norm: 1,
      expert_bias_rate: 0,
      learn_prompts: true,
      document_mask: true,
      same_token_labels: true,
      weighting: "mean",
      bandwidth: [0, 1],
      ratio_per: "row",
      complementary: false,
      t2t: 0,
      cap: 0,
      beta: 0.1,
      embedding_noise: 0,
      embedding_noise_steps: 100,
      rate: {
        schedule: "cosine",
        lr: 0.001,
        lr_start: 0,
        lr_min: 1e-7,
        lr_warmup_ratio: 0.03,
        lr_stable_ratio: 0.8,
        lr_decay_ratio: 1,
        steps: 10,
        first_step: 0,
      },
    }],
  });
});

Deno.test("recipe: a stage with several block sizes is several phases on one schedule", () => {
  const outline = (phases: readonly Phase[]) =>
    phases.map(({ name, block, steps, rate }) => [name, block, steps, rate.first_step, rate.steps]);
  assert.deepEqual(outline(stage({ blocks: [1, 4, 64, "row"] })), [
    ["s-1", 1, 10, 0, 40],
    ["s-4", 4, 10, 10, 40],
    ["s-64", 64, 10, 20, 40],
    ["s-row", "row", 10, 30, 40],
  ]);
  assert.deepEqual(outline(stage({ blocks: [1, 4], steps: [7, 3] })), [
    ["s-1", 1, 7, 0, 10],
    ["s-4", 4, 3, 7, 10],
  ]);
  assert.deepEqual(outline(stage({ objective: "ar" })), [["s", "causal", 10, 0, 10]]);
});

Deno.test("recipe: a stage's own settings come before the defaults, these before ours", () => {
  const recipe = {
    ...base(),
    seed: 7,
    merge: { best: 3 },
    defaults: { lr: 0.1, batch: 32, micro_batch: 16, steps: 5, cap: 2, bandwidth: [0.1, 1] },
    stages: [
      { name: "ar", objective: "ar" },
      { name: "sft", objective: "sft", block: 8, batch: 4, lr: 0.01, bandwidth: [0.2, 0.9] },
      { name: "dpo", objective: "dpo", block: "row", steps: 2, beta: 0.5 },
    ],
  };
  const { phases, seed, merge } = parse(recipe);
  assert.deepEqual({ seed, merge }, { seed: 7, merge: { best: 3 } });
  const [ar, sft, dpo] = phases;
  assert.deepEqual([ar.rate.lr, ar.batch, ar.micro_batch, ar.steps, ar.cap], [0.1, 32, 16, 5, 0]);
  assert.deepEqual([sft.rate.lr, sft.batch, sft.micro_batch, sft.steps], [0.01, 4, 4, 5]);
  assert.deepEqual([sft.cap, sft.bandwidth], [2, [0.2, 0.9]]);
  assert.deepEqual([dpo.beta, dpo.steps, dpo.cap, dpo.bandwidth], [0.5, 2, 0, [0.1, 1]]);
  assert.deepEqual(stage({ objective: "sft", block: 8 })[0].bandwidth, [0.3, 0.8]);
});

Deno.test("recipe: data of the run and of a stage", () => {
  const recipe = {
    ...base(),
    data: {
      train: ["a.jsonl", { nano: ["math", "coding"] }],
      validation: ["/v.jsonl"],
      row_length: 64,
    },
    stages: [
      { name: "one", objective: "bdlm", block: 32, steps: 1 },
      { name: "two", objective: "dpo", block: 32, steps: 1, data: { train: ["pairs.jsonl"] } },
    ],
  };
  const validation = [{ file: "/v.jsonl" }];
  assert.deepEqual(parse(recipe).phases.map(({ data }) => data), [
    { train: [{ file: "dir/a.jsonl" }, { corpus: "nano", parts: ["math", "coding"] }], validation },
    { train: [{ file: "dir/pairs.jsonl" }], validation },
  ]);
});

Deno.test("recipe: model, config and tokenizer are found beside the recipe", () => {
  const cases: [Record<string, unknown>, Omit<Recipe["model"], `${string}_range`>][] = [
    [{ start: "/m" }, { start: "/m", tokenizer: "/m" }],
    [{ start: "m", tokenizer: "t" }, { start: "dir/m", tokenizer: "dir/t" }],
    [
      { start: "random", config: "../c/config.json" },
      { config: "c/config.json", start: "random", tokenizer: "c" },
    ],
    [{ start: "random", config: "c" }, { config: "dir/c", start: "random", tokenizer: "dir/c" }],
    [{ start: "m", config: "/c.json" }, { config: "/c.json", start: "dir/m", tokenizer: "dir/m" }],
  ];
  for (const [model, expected] of cases) {
    const found = parse({ ...base(), model }).model;
    assert.deepEqual(found, { ...expected, initializer_range: 0.02, embedding_range: 0.02 });
  }
});

Deno.test("recipe: YAML says the same", () => {
  const yaml = `
model: { config: config.json, start: random }
data: { train: [a.jsonl], row_length: 64 }
defaults: { lr: 1e-3 } # a comment
stages:
  - { name: one, objective: bdlm, block: 32, steps: 10 }
`;
  assert.deepEqual(parseRecipe(yaml, "dir/r.yaml"), parse(base()));
  assert.throws(
    () => parseRecipe("a: [", "r.yml"),
    /^Refusal: Cannot read recipe "r.yml" as YAML: /,
  );
  assert.throws(
    () => parseRecipe("{", "r.json"),
    /^Refusal: Cannot read recipe "r.json" as JSON: /,
  );
});

/** A fault: the field, its value, and the rest of the line. */
const faults: [string, unknown, string][] = [
  ["model.start", undefined, "is undefined, expected some text"],
  ["model.config", undefined, 'is undefined, expected a file or folder, for "start" is "random"'],
  ["model.strat", "random", 'is not known, expected "start"'],
  ["data", [], "is array, expected an object"],
  ["data.row_length", 0, "is 0, expected a whole number from 2 to 1048576"],
  ["data.row_length", "64", 'is "64", expected a whole number from 2 to 1048576'],
  [
    "data.train",
    undefined,
    'is undefined, expected a list of files or parts of a corpus such as {"nano": ["math"]}',
  ],
  [
    "data.train",
    [{ nano: "math" }],
    'is [{"nano":"math"}], expected a list of files or parts of a corpus such as {"nano": ["math"]}',
  ],
  ["data.rowlength", 5, 'is not known, expected "row_length"'],
  ["seed", -1, "is -1, expected a whole number from 0 to 4294967295"],
  ["sed", 1, 'is not known, expected "seed"'],
  ["stages", [], "is [], expected a list of stages"],
  ["stages[0]", 5, "is number, expected an object"],
  ["stages[0].name", undefined, "is undefined, expected some text"],
  ["stages[0].objective", "bdml", 'is "bdml", expected one of "ar", "bdlm", "sft", "dpo"'],
  ["stages[0].block", 24, 'is 24, expected a divisor of data.row_length = 64 or one of "row"'],
  ["stages[0].block", undefined, "BLOCKS"],
  ["stages[0].blocks", [4], 'is [4], expected none beside "block"'],
  [
    "stages[0].steps",
    undefined,
    "is undefined, expected a whole number from 1 or a list of a whole number from 1",
  ],
  ["stages[0].steps", [1, 2], "is [1,2], expected a list of 1: the steps of each block size"],
  ["stages[0].stpes", 1, 'is not known, expected "steps"'],
  ["stages[0].lr", 0, "is 0, expected a number above 0 to 10"],
  ["defaults.lr", "fast", 'is "fast", expected a number above 0 to 10'],
  ["defaults.learning", 1, "ONE_OF"],
  ["stages[0].lr_min", 1, "is 1, expected at most lr = 0.001"],
  ["defaults.lr_min", 1, "is 1, expected at most lr = 0.001"],
  ["defaults.lr_decay_ratio", 0.02, "is 0.02, expected at least lr_warmup_ratio = 0.03"],
  ["stages[0].micro_batch", 9, "is 9, expected at most batch = 8"],
  [
    "stages[0].bandwidth",
    [0.8, 0.3],
    "is [0.8,0.3], expected [low, high], low not above high, each a number from 0 to 1",
  ],
  ["stages[0].bandwidth", [0, 0], "is [0,0], expected a high end above 0, else nothing is noisy"],
  [
    "stages[0].schedule",
    "step",
    'is "step", expected one of "constant", "cosine", "linear", "wsd"',
  ],
  ["stages[0].complementary", 1, "is 1, expected true or false"],
  ["stages[0].betas", [0.9], "is [0.9], expected two numbers, each a number from 0 to below 1"],
  [
    "stages[0].betas",
    [0.9, 1],
    "is [0.9,1], expected two numbers, each a number from 0 to below 1",
  ],
  ["stages[0].beta", 0.1, 'is 0.1, expected none, for objective "bdlm" has no use for it'],
  ["stages[0].objective", "ar", "BLOCK"],
  ["merge.best", 9, "is 9, expected a whole number from 1 to 5"],
  ["checkpoints.evry", 9, 'is not known, expected "every"'],
];

/** What the fields of some faults are called, or how their lines begin. */
const otherwise: Record<string, string> = {
  BLOCKS: 'field "stages[0].blocks" is undefined, expected a list of a divisor of',
  BLOCK: 'field "stages[0].block" is 32, expected none, for objective "ar" has no blocks',
  ONE_OF: 'field "defaults.learning" is not known, expected one of ',
};

for (const [path, value, problem] of faults) {
  const begin = otherwise[problem] ?? `field "${path}" ${problem}`;
  Deno.test(`recipe: refused: ${path} = ${JSON.stringify(value)}`, () => {
    assert.throws(() => parse(changed(path, value)), (error: unknown) => {
      if (!(error instanceof Refusal)) return false;
      const line = `Cannot use recipe "dir/r.json": ${begin}`;
      assert.equal(error.message.slice(0, line.length), line);
      if (!(problem in otherwise)) assert.equal(error.message, line);
      return true;
    });
  });
}

Deno.test("recipe: two phases of one name are refused", () => {
  const cases = [
    [{ name: "a", objective: "ar" }, { name: "a", objective: "ar" }],
    [{ name: "a", objective: "bdlm", blocks: [4, 8, 4] }],
  ];
  for (const stages of cases) {
    const recipe = { ...base(), defaults: { lr: 1, steps: 1 }, stages };
    assert.throws(() => parse(recipe), /name" is "a", expected no second phase "a/);
  }
});

Deno.test("recipe: a key that stands twice is refused, with its line", () => {
  const json = JSON.stringify(base(), null, 2).replace(
    '"lr": 0.001',
    '"lr": 0.001,\n    "lr": 0.01',
  );
  assert.throws(
    () => parseRecipe(json, "r.json"),
    {
      name: "Refusal",
      message:
        'Cannot read recipe "r.json": key "lr" on line 14 stands twice, expected once (first on line 13)',
    },
  );
  assert.throws(() => parseRecipe("model: {}\nseed: 1\nseed: 2", "r.yaml"), {
    name: "Refusal",
    message: /^Cannot read recipe "r.yaml" as YAML: Map keys must be unique at line 3, column 1$/,
  });
});

Deno.test("recipe: a file that is not there is refused", async () => {
  await assert.rejects(readRecipe("/nowhere/r.json"), {
    name: "Refusal",
    message: 'Cannot read "/nowhere/r.json": no such file',
  });
});

Deno.test("recipe: a byte-order mark is passed over, bytes that are not UTF-8 are refused", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, `\ufeff${JSON.stringify(base())}`);
    assert.equal((await readRecipe(file)).row_length, parse(base()).row_length);
    await Deno.writeFile(file, Uint8Array.of(0x7b, 0xff, 0x7d));
    await assert.rejects(readRecipe(file), { message: `Cannot read "${file}": it is not UTF-8` });
  } finally {
    await Deno.remove(file);
  }
});
