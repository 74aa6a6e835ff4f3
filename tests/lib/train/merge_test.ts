import assert from "@std/assert";
import { openCheckpoint } from "../../../lib/model/checkpoint.ts";
import { parseConfig } from "../../../lib/model/config.ts";
import { writeSafetensors } from "../../../lib/model/safetensors.ts";
import { expectedTensors } from "../../../lib/model/tensors.ts";
import { saveCheckpoint } from "../../../lib/train/checkpoints.ts";
import { initialTensors } from "../../../lib/train/init.ts";
import { bestCheckpoints, merge } from "../../../lib/train/merge.ts";
import { NANO } from "../../fixtures.ts";
import { refuses } from "../../mutate.ts";
import { FakeTrainer, TINY_JSON } from "./fake.ts";
import { inFolder } from "../../folder.ts";

/** A folder of random weights; `change` differs from the tiny model's configuration. */
async function model(
  dir: string,
  { seed = 0, change = {}, set = {} }: {
    seed?: number;
    change?: Record<string, unknown>;
    /** First values of tensors. */
    set?: Record<string, number>;
  } = {},
): Promise<string> {
  const json = { ...TINY_JSON, ...change };
  const config = parseConfig(JSON.stringify(json), "config.json");
  const source = initialTensors(config, { seed });
  const tensors = new Map();
  for (const [name, shape] of expectedTensors(config)) {
    const values = await source.values(name, shape);
    if (name in set) values[0] = set[name];
    const bytes = new Uint8Array(values.buffer);
    tensors.set(name, { dtype: "F32", shape, bytes });
  }
  await Deno.mkdir(dir);
  await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(json));
  await Deno.writeFile(`${dir}/model.safetensors`, writeSafetensors(tensors));
  return dir;
}

async function tensorsOf(dir: string): Promise<Map<string, Float32Array>> {
  const checkpoint = await openCheckpoint(dir);
  const found = new Map<string, Float32Array>();
  for (const name of checkpoint.names) found.set(name, await checkpoint.readF32(name));
  checkpoint.close();
  return found;
}

Deno.test("merge() writes the mean, added up in float64", async () => {
  await inFolder(async (dir) => {
    const dirs = await Promise.all([1, 2, 3].map((seed) => model(`${dir}/${seed}`, { seed })));
    await merge(dirs, { dir: `${dir}/mean`, dtype: "f32" });
    const [a, b, c] = await Promise.all(dirs.map(tensorsOf));
    for (const [name, values] of await tensorsOf(`${dir}/mean`)) {
      const wanted = values.map((_, i) =>
        (a.get(name)![i] + b.get(name)![i] + c.get(name)![i]) / 3
      );
      assert.deepEqual(values, wanted, name);
    }
    // One folder is a copy, as float16 a release.
    await merge([dirs[0]], { dir: `${dir}/copy`, dtype: "f32" });
    assert.deepEqual(await tensorsOf(`${dir}/copy`), a);
    const bytes = await merge([dirs[0]], { dir: `${dir}/half`, dtype: "f16" });
    assert.ok(bytes! < (await Deno.stat(`${dir}/copy/model.safetensors`)).size * 0.6);
    const half = (await tensorsOf(`${dir}/half`)).get("lm_head.weight")!;
    assert.deepEqual(half, a.get("lm_head.weight")!.map((value) => Math.f16round(value)));
    const { torch_dtype } = JSON.parse(await Deno.readTextFile(`${dir}/half/config.json`));
    assert.equal(torch_dtype, "float16");
  });
});

Deno.test("merge() refuses to write values that are not finite", async () => {
  await inFolder(async (dir) => {
    const good = await model(`${dir}/good`);
    const cases: [Record<string, number>, "f32" | "f16", RegExp][] = [
      [{ "lm_head.weight": 65536 }, "f16", /"lm_head.weight" as f16: .* or too large for float16,/],
      [{ "lm_head.weight": NaN }, "f32", /"lm_head.weight" as f32: it has .* not finite, expected/],
      [{ "model.norm.weight": Infinity }, "f16", /"model.norm.weight" as f32: .* not finite,/],
    ];
    for (const [index, [set, dtype, message]] of cases.entries()) {
      const bad = await model(`${dir}/${index}`, { set });
      await refuses(() => merge([bad], { dir: `${dir}/${index}-copy`, dtype }), message);
      if (dtype === "f32") {
        await refuses(() => merge([good, bad], { dir: `${dir}/${index}-mean`, dtype }), message);
      }
    }
  });
});

Deno.test("D15 merge() refuses other shapes and other models, naming the first difference", async () => {
  const differences: [Record<string, unknown>, RegExp][] = [
    [{ hidden_size: 128 }, /tensor "model.word_embeddings.weight" has shape \[256,128\]/],
    [
      { moe_intermediate_size: 64 },
      /tensor "model.layers.1.mlp.experts.0.gate_proj.weight" has shape \[64,64\], expected \[32,64\]/,
    ],
    [{ num_hidden_layers: 4 }, /it has tensor "model.layers.3.input_layernorm.weight"/],
    [{ num_hidden_layers: 2 }, /"model.layers.2.input_layernorm.weight" is missing/],
    [{ rope_theta: 5000 }, /configuration has ropeTheta 5000, expected 10000/],
  ];
  await inFolder(async (dir) => {
    const first = await model(`${dir}/first`);
    for (const [i, [change, message]] of differences.entries()) {
      const other = await model(`${dir}/${i}`, { change });
      await refuses(() => merge([first, other], { dir: `${dir}/mean`, dtype: "f32" }), message);
      assert.ok(!(await Deno.stat(`${dir}/mean`).catch(() => undefined)), "nothing is written");
    }
    await Deno.writeTextFile(`${dir}/4/config.json`, JSON.stringify(TINY_JSON));
    await Deno.writeTextFile(`${dir}/4/tokenizer.json`, "{}");
    await refuses(
      () => merge([first, `${dir}/4`], { dir: `${dir}/mean`, dtype: "f32" }),
      /its tokenizer is another/,
    );
  });
});

Deno.test("bestCheckpoints() takes the least validation losses of the last phase, or of a named one", async () => {
  await inFolder(async (run) => {
    const trainer = await FakeTrainer.open(1);
    const losses = [["a", 1], ["a", 0.5], ["b", 9], ["b", 7], ["b", 8], ["b", null], ["c", null]];
    for (const [i, [phase, validation]] of losses.entries()) {
      const place = { step: i + 1, phase: `${phase}`, validation: validation as number | null };
      await saveCheckpoint(`${run}/checkpoints`, {
        trainer,
        files: { config: TINY_JSON, generation: {}, tokenizer: NANO },
        state: { ...place, moments: 0, position: 0, recipe: "", logs: {} },
        keep: { newest: 9, best: 9 },
      });
    }
    const steps = async (options: { count: number; phase?: string }) =>
      (await bestCheckpoints(run, options)).map(({ state }) => state.step);
    assert.deepEqual(await steps({ count: 2 }), [4, 5]);
    assert.deepEqual(await steps({ count: 1, phase: "a" }), [2]);
    assert.deepEqual(await steps({ count: 4 }), [4, 5, 3]);
    assert.deepEqual(await bestCheckpoints(`${run}/none`, { count: 1 }), []);
    Deno.truncateSync(`${run}/checkpoints/step-00000004/model.safetensors`, 1000);
    assert.deepEqual(await steps({ count: 2 }), [5, 3], "a damaged one is left out");
  });
});
