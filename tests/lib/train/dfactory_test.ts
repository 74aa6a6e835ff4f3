import assert from "@std/assert";
import { parse } from "yaml";
import { openCheckpoint } from "../../../lib/model/checkpoint.ts";
import {
  dfactorySections,
  type DfactoryStage,
  exportDfactory,
  toYaml,
} from "../../../lib/train/dfactory.ts";
import type { TrainExample } from "../../../lib/train/examples.ts";
import { NANO, TINY } from "../../fixtures.ts";
import { refuses } from "../../mutate.ts";
import { TINY_CONFIG, TINY_JSON } from "./fake.ts";
import { inFolder } from "../../folder.ts";

const STAGE: DfactoryStage = {
  name: "sft",
  steps: 3,
  batch: 2,
  length: 2048,
  block: 32,
  bandwidth: [0.3, 0.8],
  cap: 0,
  shifted: false,
  seed: 1,
  betas: [0.9, 0.999],
  weight_decay: 0.1,
  max_grad_norm: 1,
  schedule: "cosine",
  lr: 1e-5,
  lr_start: 0,
  lr_min: 1e-7,
  lr_warmup_ratio: 0.03,
  lr_decay_ratio: 1,
};

const user = (content: string) => ({ role: "user", content });
const EXAMPLES: readonly TrainExample[] = [
  { where: "a:1", kind: "answer", input: { messages: [user("1")] }, answer: "one" },
  {
    where: "a:2",
    kind: "answer",
    input: { messages: [user("2"), { role: "assistant", content: "two" }] },
  },
];

function source(examples: readonly TrainExample[]) {
  return async function* () {
    yield* examples;
  };
}

async function exported(dir: string, stage = STAGE, examples = EXAMPLES, signal?: AbortSignal) {
  const tiny = await openCheckpoint(TINY);
  try {
    return await exportDfactory(dir, {
      model: {
        json: TINY_JSON,
        config: TINY_CONFIG,
        tensors: { values: (name) => tiny.readF32(name) },
        tokenizer: NANO,
        mask: 244,
      },
      stage,
      examples: source(examples),
      signal,
    });
  } finally {
    tiny.close();
  }
}

Deno.test("exportDfactory() writes YAML, conversations and merged weights that read back", async () => {
  await inFolder(async (dir) => {
    assert.deepEqual(await exported(`${dir}/out`), { records: 6 });
    const read = (name: string) => Deno.readTextFile(`${dir}/out/${name}`);
    // A YAML 1.1 reader, as PyYAML is one, takes numbers for numbers.
    const yaml = parse(await read("train.yaml"), { version: "1.1" });
    assert.deepEqual(yaml, dfactorySections(STAGE));
    assert.match(await read("train.yaml"), /^ {2}lr: 1\.0e-5$/m);
    const lines = (await read("train.jsonl")).trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.length, 6);
    assert.deepEqual(lines[0], { messages: [user("1"), { role: "assistant", content: "one" }] });
    assert.deepEqual(lines[1], { messages: [user("2"), { role: "assistant", content: "two" }] });
    assert.deepEqual(lines.slice(2, 4), lines.slice(0, 2));
    const [merged, tiny, fixture] = await Promise.all(
      [`${dir}/out/model`, TINY, `${TINY}/merged`].map((path) => openCheckpoint(path)),
    );
    for (const name of tiny.names) {
      assert.deepEqual(await merged.readF32(name), await tiny.readF32(name), name);
      assert.deepEqual(await merged.readF32(name), await fixture.readF32(name), name);
    }
    for (const checkpoint of [merged, tiny, fixture]) checkpoint.close();
    assert.equal(JSON.parse(await read("model/config.json")).model_type, "llada2_moe_veomni");
    assert.match(await read("train.sh"), /tasks\/train_llada2_bd.py" train.yaml/);
    assert.match(await read("train.sh"), /masks with token 156895, this model with 244:/);
    assert.ok([...Deno.readDirSync(`${dir}/out/model`)].some((e) => e.name === "tokenizer.json"));
    await exported(`${dir}/out`); // over its own files
  });
});

Deno.test("train.sh starts dFactory, without offload where gradients add up", async () => {
  await inFolder(async (dir) => {
    await exported(`${dir}/out`);
    await Deno.mkdir(`${dir}/df`);
    await Deno.writeTextFile(`${dir}/df/train.sh`, '[[ -n $PYTHONPATH ]] && echo "$PWD" "$@"\n');
    const started = async (processes: string, ...args: string[]) => {
      const { stdout } = await new Deno.Command("sh", {
        args: [`${dir}/out/train.sh`, ...args],
        env: { DFACTORY: `${dir}/df`, NPROC_PER_NODE: processes },
      }).output();
      return new TextDecoder().decode(stdout).trim();
    };
    const line = `${await Deno.realPath(
      `${dir}/out`,
    )} ${dir}/df/tasks/train_llada2_bd.py train.yaml`;
    assert.equal(await started("2"), line);
    assert.equal(
      await started("1", "--train.lr", "1.0e-5"),
      `${line} --train.enable_fsdp_offload false --train.lr 1.0e-5`,
    );
  });
});

Deno.test("dfactorySections() has every field of dFactory's own files, and what a stage asks for", () => {
  const { model, data, train } = dfactorySections({ ...STAGE, cap: 2, shifted: true, block: 8 });
  assert.deepEqual(Object.keys(model), [
    "config_path",
    "model_path",
    "tokenizer_path",
    "attn_implementation",
    "moe_implementation",
  ]);
  assert.equal(data.noise_range_low, 0.3);
  assert.equal(data.noise_range_high, 0.8);
  assert.equal(train.confidence_beta, 2);
  assert.equal(train.same_token_labels, false);
  assert.equal(train.block_size, 8);
  assert.ok(!("confidence_beta" in dfactorySections(STAGE).train));
  const listed =
    "output_dir data_parallel_mode tensor_parallel_size ulysses_parallel_size expert_parallel_size global_batch_size micro_batch_size num_train_epochs rmpad rmpad_with_pos_ids bsz_warmup_ratio dyn_bsz_margin dyn_bsz_buffer_size optimizer beta1 beta2 lr lr_warmup_ratio lr_decay_style lr_decay_ratio weight_decay max_grad_norm enable_mixed_precision enable_gradient_checkpointing enable_full_shard enable_fsdp_offload enable_activation_offload init_device broadcast_model_weights_from_rank0 enable_full_determinism empty_cache_steps ckpt_manager load_checkpoint_path save_epochs save_hf_weights block_diffusion_mode block_size same_token_labels use_wandb log_steps lr_min lr_start seed save_steps max_steps";
  for (const field of listed.split(" ")) assert.ok(field in train, field);
});

Deno.test("toYaml() keeps every scalar what it is", () => {
  const values = {
    a: 1e-5,
    b: -2.5e-7,
    c: 0,
    d: 1,
    e: 0.1,
    f: true,
    g: "",
    h: "a: #\"'\\",
    i: "no",
  };
  assert.deepEqual(parse(toYaml({ s: values }), { version: "1.1" }), { s: values });
});

Deno.test("exportDfactory() refuses what dFactory cannot take", async () => {
  await inFolder(async (dir) => {
    const text: TrainExample = { where: "a:3", kind: "text", text: "x" };
    await refuses(() => exported(`${dir}/a`, STAGE, [text]), /record a:3: it is no conversation/);
    await refuses(() => exported(`${dir}/b`, STAGE, []), /the data holds no example/);
    await Deno.mkdir(`${dir}/c`);
    await Deno.writeTextFile(`${dir}/c/notes`, "");
    await refuses(() => exported(`${dir}/c`), /it holds "notes", expected a new folder/);
    const names = Array.from(Deno.readDirSync(`${dir}/c`), ({ name }) => name);
    assert.deepEqual(names, ["notes"], "nothing is written beside it");
    // A model of someone's, as against an export that is written again.
    await Deno.mkdir(`${dir}/d/model`, { recursive: true });
    await refuses(() => exported(`${dir}/d`), /it holds "model", expected a new folder/);
    // One that fails leaves what was there before it: nothing, or the export before.
    assert.deepEqual([...Deno.readDirSync(`${dir}/a`)], []);
    await exported(`${dir}/a`);
    const before = await Deno.readTextFile(`${dir}/a/train.jsonl`);
    await refuses(() => exported(`${dir}/a`, STAGE, [...EXAMPLES, text]), /record a:3/);
    assert.equal(await Deno.readTextFile(`${dir}/a/train.jsonl`), before);
    assert.equal([...Deno.readDirSync(`${dir}/a`)].length, 4);
    assert.equal(await exported(`${dir}/a`, STAGE, EXAMPLES, AbortSignal.abort()), undefined);
    assert.equal(await Deno.readTextFile(`${dir}/a/train.jsonl`), before);
    // What a killed one leaves is made anew.
    await Deno.mkdir(`${dir}/e/export.partial/model`, { recursive: true });
    await Deno.mkdir(`${dir}/e/model`);
    await exported(`${dir}/e`);
    assert.equal([...Deno.readDirSync(`${dir}/e`)].length, 4);
    await Deno.writeTextFile(`${dir}/file`, "");
    await refuses(() => exported(`${dir}/file`), /it is a file, expected a folder/);
  });
});
