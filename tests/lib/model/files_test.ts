import assert from "@std/assert";
import { checkVocabulary, openCheckpoint, scanWeights } from "../../../lib/model/checkpoint.ts";
import { parameterCount, parseConfig } from "../../../lib/model/config.ts";
import { eosIdsOf } from "../../../lib/model/model.ts";
import { readHeader, writeSafetensors } from "../../../lib/model/safetensors.ts";
import { TINY } from "../../fixtures.ts";
import { checkDamaged, refuses } from "../../mutate.ts";

const CONFIG = JSON.parse(Deno.readTextFileSync(`${TINY}/config.json`));
const WEIGHTS = Deno.readFileSync(`${TINY}/model.safetensors`);

/** A safetensors file from a header's text and a number of data bytes. */
function file(header: string | Uint8Array, data: number, length?: bigint): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function parse(bytes: Uint8Array<ArrayBuffer>) {
  return readHeader(
    "f",
    bytes.length,
    (start, length) => Promise.resolve(bytes.slice(start, start + length)),
  );
}

const one = (fields: string) => `{"a":{"dtype":"F32","shape":[2],${fields}}}`;

const BAD: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
  ["M3 metadata null", file('{"__metadata__":null}', 0), /"__metadata__" holds null/],
  ["M3 metadata not text", file('{"__metadata__":{"a":[1]}}', 0), /"__metadata__" holds .* as "a"/],
  ["M2 over 100 MB", file("{}", 0, (100n << 20n) + 1n), /header length is 104857601/],
  ["M1 empty", new Uint8Array(), /0 bytes, expected at least 8/],
  ["M1 short", new Uint8Array(7), /7 bytes/],
  ["M2 beyond the file", file("{}", 0, 100n), /header length is 100, expected at most 2/],
  ["M2 2^64-1", file("{}", 0, 2n ** 64n - 1n), /header length is 18446744073709551615/],
  ["M3 not UTF-8", file(Uint8Array.of(0x7b, 0xff, 0x7d), 0), /not UTF-8/],
  ["M3 not JSON", file("{a}", 0), /not JSON/],
  ["M3 not an object", file("[1]", 0), /starts with "\["/],
  [
    "M4 a name twice",
    file(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      8,
    ),
    /"a" stands twice/,
  ],
  ["M6 reversed", file(one('"data_offsets":[8,0]'), 8), /data_offsets \[8,0\]/],
  ["M6 negative", file(one('"data_offsets":[-8,0]'), 8), /data_offsets/],
  ["M6 fractional", file(one('"data_offsets":[0,8.0]'), 8), /data_offsets/],
  ["M6 above 2^53", file(one('"data_offsets":[0,9007199254740993]'), 8), /9007199254740993/],
  ["M6 past the end", file(one('"data_offsets":[0,8]'), 4), /ends at byte/],
  [
    "M7 size differs",
    file('{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', 8),
    /needs 12 bytes, expected its range of 8/,
  ],
  [
    "M7 overflow",
    file('{"a":{"dtype":"F32","shape":[4398046511105,4398046511105],"data_offsets":[0,8]}}', 8),
    /needs/,
  ],
  [
    "M8 overlap",
    file(
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
      12,
    ),
    /"b" overlaps "a"/,
  ],
  ["M8 a hole", file(one('"data_offsets":[4,12]'), 12), /unused/],
  ["M8 a rest", file(one('"data_offsets":[0,8]'), 12), /belong to no tensor/],
  [
    "M9 unknown dtype",
    file('{"a":{"dtype":"F12","shape":[2],"data_offsets":[0,8]}}', 8),
    /dtype "F12", expected one of BOOL/,
  ],
];

for (const [name, bytes, pattern] of BAD) {
  Deno.test(`${name}: safetensors refuse`, () => refuses(() => parse(bytes), pattern));
}

Deno.test("M3 M5 M8 odd but legal safetensors are read", async () => {
  const tensors = new Map(["__proto__", "constructor", "10", "b"].map((name, i) => [
    name,
    { dtype: "F32", shape: [i === 3 ? 0 : 1], bytes: new Uint8Array(i === 3 ? 0 : 4) },
  ]));
  const header = [...tensors].map(([name, { dtype, shape }], i) =>
    `${JSON.stringify(name)}:${
      JSON.stringify({ dtype, shape, data_offsets: [4 * i, Math.min(12, 4 * i + 4)] })
    }`
  );
  const found = await parse(file(`{${header.join(",")}}   `, 12));
  assert.deepEqual([...found.tensors.keys()], [...tensors.keys()]);
  const written = writeSafetensors(
    new Map([["x", { dtype: "U8", shape: [3], bytes: Uint8Array.of(1, 2, 3) }]]),
    { k: "v" },
  );
  const back = await parse(written);
  assert.equal(back.metadata.get("k"), "v");
  assert.deepEqual(written.slice(back.tensors.get("x")!.start), Uint8Array.of(1, 2, 3));
});

const CONFIGS: [string, Record<string, unknown>, RegExp][] = [
  ["M14 missing", { hidden_size: undefined }, /field "hidden_size" is missing/],
  ["M14 a string", { hidden_size: "64" }, /field "hidden_size" is "64", expected a whole number/],
  ["M14 1e9 layers", { num_hidden_layers: 1e9 }, /"num_hidden_layers" is 1000000000/],
  ["M14 no experts", { num_experts: 0 }, /"num_experts" is 0/],
  [
    "M14 top-k above experts",
    { num_experts_per_tok: 9 },
    /at most the 4 experts of the kept groups/,
  ],
  [
    "M14 heads that do not divide",
    { num_key_value_heads: 3 },
    /a divisor of num_attention_heads = 4/,
  ],
  ["M14 groups that do not divide", { n_group: 3 }, /a divisor of num_experts/],
  ["M14 rotary", { partial_rotary_factor: 0.3 }, /multiple of 8/],
  [
    "M16 another architecture",
    { model_type: "llama" },
    /"model_type" is "llama", expected one of llada2_moe/,
  ],
  ["M16 a mask outside the vocabulary", { mask_token_id: 256 }, /"mask_token_id" is 256/],
  ["M16 an end outside the vocabulary", { eos_token_id: 300 }, /"eos_token_id" is 300/],
  [
    "M14 a width that is no multiple of 4",
    { hidden_size: 66 },
    /"hidden_size" is 66, .*multiple of 4/,
  ],
  ["M14 an infinite eps", { rms_norm_eps: 1e400 }, /"rms_norm_eps" is null/],
  ["M14 YaRN without a factor", { rope_scaling: { type: "yarn" } }, /"factor" to be a positive/],
  ["M16 an activation", { hidden_act: "gelu" }, /expected silu/],
  [
    "M14 heads wider than kernels take",
    { hidden_size: 2400, head_dim: null },
    /"head_dim" is null, expected hidden_size \/ num_attention_heads \(600\) to be .* up to 512/,
  ],
  [
    "M16 YaRN of another kind",
    { rope_scaling: { type: "yarn", factor: 2, mscale: 0.7 } },
    /expected no "mscale" in it/,
  ],
  [
    "M16 YaRN whose factor is not that of its lengths",
    { rope_scaling: { type: "yarn", factor: 2, original_max_position_embeddings: 512 } },
    /expected "factor" to be max_position_embeddings .* = 1$/,
  ],
  [
    "M16 rope_parameters that say otherwise",
    { rope_parameters: { rope_theta: 5 } },
    /"rope_parameters" is .*, expected the same rope_theta as beside it, 10000/,
  ],
];

for (const [name, change, pattern] of CONFIGS) {
  Deno.test(`${name}: config.json refuses`, () =>
    refuses(() => parseConfig(JSON.stringify({ ...CONFIG, ...change }), "config.json"), pattern));
}

/** A copy of the tiny model's folder that `change` then damages. */
async function withFolder(
  from: string,
  change: (dir: string) => Promise<unknown>,
  check: (dir: string) => Promise<unknown>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile) await Deno.copyFile(`${from}/${name}`, `${dir}/${name}`);
  }
  try {
    await change(dir);
    await check(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const open = async (dir: string) => (await openCheckpoint(dir)).close();

const FOLDERS: [string, string, (dir: string) => Promise<unknown>, RegExp][] = [
  [
    "M10 another shape",
    TINY,
    (dir) =>
      Deno.writeTextFile(
        `${dir}/config.json`,
        JSON.stringify({ ...CONFIG, intermediate_size: 92 }),
      ),
    /mlp.gate_proj.weight" has shape \[96,64\], expected \[92,64\] \(and 2 more\)/,
  ],
  [
    "M10 a tensor missing",
    TINY,
    (dir) =>
      Deno.writeTextFile(`${dir}/config.json`, JSON.stringify({ ...CONFIG, num_hidden_layers: 4 })),
    /tensor "model.layers.3.input_layernorm.weight" is missing/,
  ],
  [
    "M10 a tensor too many",
    TINY,
    (dir) =>
      Deno.writeTextFile(`${dir}/config.json`, JSON.stringify({ ...CONFIG, num_hidden_layers: 2 })),
    /is not part of this architecture/,
  ],
  ...["/etc/passwd", "../x", "a\\b", ".."].map((shard): (typeof FOLDERS)[number] => [
    `M11 shard ${shard}`,
    `${TINY}/bf16-sharded`,
    (dir) =>
      Deno.writeTextFile(
        `${dir}/model.safetensors.index.json`,
        JSON.stringify({ weight_map: { a: shard } }),
      ),
    /expected a file name in the same folder/,
  ]),
  [
    "M11 a shard that is absent",
    `${TINY}/bf16-sharded`,
    (dir) => Deno.remove(`${dir}/model-00002-of-00002.safetensors`),
    /model-00002-of-00002.safetensors": no such file/,
  ],
  [
    "M12 a shard cut short",
    `${TINY}/bf16-sharded`,
    (dir) => Deno.truncate(`${dir}/model-00001-of-00002.safetensors`, 50_000),
    /model-00001-of-00002.safetensors" as safetensors: .*ends at byte/,
  ],
  ...[
    ["lm_head.weight", "model-00001-of-00002.safetensors", /which does not have it/],
    ["lm_head.weight", undefined, /has tensor "lm_head.weight", which .* places elsewhere/],
  ].map(([tensor, shard, pattern]): (typeof FOLDERS)[number] => [
    `M12 the index ${shard ? "moves" : "forgets"} a tensor`,
    `${TINY}/bf16-sharded`,
    async (dir) => {
      const path = `${dir}/model.safetensors.index.json`;
      const index = JSON.parse(await Deno.readTextFile(path));
      index.weight_map[tensor as string] = shard;
      await Deno.writeTextFile(path, JSON.stringify(index));
    },
    pattern as RegExp,
  ]),
  [
    "M17 a GGUF only",
    TINY,
    async (dir) => {
      await Deno.remove(`${dir}/model.safetensors`);
      await Deno.writeTextFile(`${dir}/model-Q4_K_M.gguf`, "");
    },
    /found model-Q4_K_M.gguf, expected model.safetensors/,
  ],
  [
    "M24 a generation_config.json that is no object",
    TINY,
    (dir) => Deno.writeTextFile(`${dir}/generation_config.json`, "null"),
    /generation_config.json": found null, expected object/,
  ],
  [
    "M24 more ends than are looked for",
    TINY,
    (dir) =>
      Deno.writeTextFile(
        `${dir}/generation_config.json`,
        JSON.stringify({ eos_token_id: [1, 2, 3, 4, 5] }),
      ),
    /"eos_token_id" is \[1,2,3,4,5\], expected at most 4 ids below \d+/,
  ],
  [
    "M17 pickles only",
    TINY,
    async (dir) => {
      await Deno.remove(`${dir}/model.safetensors`);
      await Deno.writeTextFile(`${dir}/pytorch_model.bin`, "");
    },
    /found pytorch_model.bin, expected model.safetensors/,
  ],
];

for (const [name, from, change, pattern] of FOLDERS) {
  Deno.test(`${name}: a model folder refuses`, () =>
    withFolder(from, change, (dir) => refuses(() => open(dir), pattern)));
}

Deno.test("openCheckpoint() passes over the empty tensors that stand for no shared experts", () =>
  withFolder(TINY, async (dir) => {
    const { tensors } = await parse(WEIGHTS.slice());
    const kept = Array.from(tensors, ([name, { dtype, shape, start, bytes }]) => {
      const empty = name.includes(".shared_experts.");
      const data = WEIGHTS.subarray(start, start + (empty ? 0 : bytes));
      return [name, { dtype, shape: empty ? [0, 64] : shape, bytes: data }] as const;
    });
    await Deno.writeFile(`${dir}/model.safetensors`, writeSafetensors(new Map(kept)));
    const config = JSON.stringify({ ...CONFIG, num_shared_experts: 0 });
    await Deno.writeTextFile(`${dir}/config.json`, config);
  }, async (dir) => {
    const checkpoint = await openCheckpoint(dir);
    assert.ok(!checkpoint.names.some((name) => name.includes(".shared_experts.")));
    checkpoint.close();
  }));

Deno.test("M13 scanWeights() counts what is not finite", () =>
  withFolder(TINY, async (dir) => {
    const bytes = WEIGHTS.slice();
    new DataView(bytes.buffer).setUint32(bytes.length - 4, 0x7fc00000, true);
    await Deno.writeFile(`${dir}/model.safetensors`, bytes);
  }, async (dir) => {
    const checkpoint = await openCheckpoint(dir);
    const bad = (await Array.fromAsync(scanWeights(checkpoint))).filter(({ nan }) => nan > 0);
    checkpoint.close();
    assert.equal(bad.length, 1);
    assert.equal(bad[0].nan, 1);
  }));

Deno.test("M15 a tokenizer larger than the embedding refuses", async () => {
  const checkpoint = await openCheckpoint(TINY);
  await refuses(() => checkVocabulary(checkpoint, 300), /300 tokens.*vocab_size 256.*256 rows/);
  checkVocabulary(checkpoint, 250);
  checkpoint.close();
});

Deno.test("parseConfig() takes rotary fields from rope_parameters, and null for a switch that is off", () => {
  const parsed = (change: Record<string, unknown>) =>
    parseConfig(JSON.stringify({ ...CONFIG, ...change }), "config.json");
  const rope_scaling = { rope_type: "yarn", factor: 2 };
  const moved = { rope_theta: undefined, partial_rotary_factor: undefined };
  const rope_parameters = { ...rope_scaling, rope_theta: 5, partial_rotary_factor: 1 };
  assert.deepEqual(
    parsed({ ...moved, rope_parameters }),
    parsed({ rope_theta: 5, partial_rotary_factor: 1, rope_scaling }),
  );
  const off = { score_function: null, use_bias: null, norm_head: null, num_shared_experts: null };
  assert.deepEqual(parsed(off), parsed({ num_shared_experts: 0 }));
});

Deno.test("M24 generation_config.json: eos as number or list, unknown keys listed", () =>
  withFolder(TINY, (dir) =>
    Deno.writeTextFile(
      `${dir}/generation_config.json`,
      JSON.stringify({ eos_token_id: [241, 7], threshold: 0.8, do_sample: true }),
    ), async (dir) => {
    const checkpoint = await openCheckpoint(dir);
    assert.deepEqual(checkpoint.generationConfig, {
      eos: [241, 7],
      decode: { threshold: 0.8 },
      unknown: ["do_sample"],
    });
    checkpoint.close();
  }));

Deno.test("M24 generation_config.json: null is not set, and without sampling nothing is drawn", () =>
  withFolder(TINY, (dir) =>
    Deno.writeTextFile(
      `${dir}/generation_config.json`,
      JSON.stringify({
        do_sample: false,
        temperature: 0.6,
        top_p: null,
        steps: null,
        threshold: 0.9,
      }),
    ), async (dir) => {
    const checkpoint = await openCheckpoint(dir);
    assert.deepEqual(checkpoint.generationConfig, {
      eos: [],
      decode: { threshold: 0.9 },
      unknown: ["do_sample", "temperature", "top_p"],
    });
    checkpoint.close();
  }));

Deno.test("M27 weights that change while they are read refuse", () =>
  withFolder(TINY, () => Promise.resolve(), async (dir) => {
    const checkpoint = await openCheckpoint(dir);
    await Deno.utime(`${dir}/model.safetensors`, new Date(1e9), new Date(1e9));
    await refuses(() => checkpoint.readF32("lm_head.weight"), /changed while it was read/);
    checkpoint.close();
  }));

Deno.test("parameterCount() gives the published totals", () => {
  const mini = {
    ...CONFIG,
    vocab_size: 157184,
    hidden_size: 2048,
    num_hidden_layers: 20,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    head_dim: 128,
    intermediate_size: 5120,
    num_experts: 256,
    num_experts_per_tok: 8,
    n_group: 8,
    topk_group: 4,
    moe_intermediate_size: 512,
  };
  const flash = {
    ...mini,
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    intermediate_size: 9216,
    moe_intermediate_size: 1024,
  };
  const count = (config: unknown) => parameterCount(parseConfig(JSON.stringify(config), "c"));
  assert.equal(count(mini), 16_255_643_392);
  assert.equal(count(flash), 102_889_705_216);
  assert.equal(count(CONFIG), 200_240);
});

for (const kind of ["safetensors", "config", "index", "generation_config"]) {
  Deno.test(`damaged ${kind} files are read or refused, nothing else`, () => checkDamaged(kind));
}

const ENDS: [generation: unknown, config: unknown, wanted: number[]][] = [
  [[241, 7], 9, [241, 7]],
  [5, [9, 7], [5]],
  [undefined, [9, 7], [9, 7]],
  [undefined, 9, [9]],
  [[], undefined, [CONFIG.pad_token_id]],
];

for (const [generation, config, wanted] of ENDS) {
  const given = `generation ${JSON.stringify(generation)}, config ${JSON.stringify(config)}`;
  Deno.test(`eosIdsOf() takes generation_config.json's, config.json's, then padding: ${given}`, () =>
    withFolder(TINY, async (dir) => {
      const json = { ...CONFIG, eos_token_id: config };
      await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(json));
      const own = JSON.stringify({ eos_token_id: generation });
      await Deno.writeTextFile(`${dir}/generation_config.json`, own);
    }, async (dir) => {
      const checkpoint = await openCheckpoint(dir);
      assert.deepEqual(eosIdsOf(checkpoint), wanted);
      checkpoint.close();
    }));
}
