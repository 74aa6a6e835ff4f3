import assert from "@std/assert";
import { fileDigest } from "../../lib/digest.ts";
import { NANO, smallConfig } from "../fixtures.ts";
import { NEEDS_GPU } from "../gpu.ts";
import { shell, start } from "./unmask.ts";
import { inFolder } from "../folder.ts";

/** A recipe of all stages for a small model. */
async function writeRecipe(dir: string): Promise<string> {
  const examples = ["2 + 2", "3 + 4", "5 + 1", "9 + 9"].map((sum, i) =>
    JSON.stringify({
      messages: [{ role: "user", content: `What is ${sum}?` }],
      answer: `It is ${i}.`,
    })
  );
  const recipe = {
    model: { config: "config.json", start: "random", tokenizer: NANO },
    data: {
      train: ["data.jsonl", { nano: ["math"] }],
      validation: [{ nano: ["math"] }],
      row_length: 64,
      rows_validation: 4,
    },
    defaults: { lr: 0.002, batch: 4, micro_batch: 2, expert_bias_rate: 0.001 },
    stages: [
      { name: "ar", objective: "ar", steps: 4 },
      { name: "blocks", objective: "bdlm", blocks: [4, "row"], steps: 3, embedding_noise: 0.1 },
      { name: "cap", objective: "sft", block: 32, steps: 6, complementary: true, cap: 2 },
    ],
    checkpoints: { every: 4, keep: 2 },
    merge: { best: 2 },
  };
  await Deno.writeTextFile(`${dir}/config.json`, await smallConfig());
  await Deno.writeTextFile(`${dir}/data.jsonl`, examples.join("\n"));
  await Deno.writeTextFile(`${dir}/recipe.json`, JSON.stringify(recipe));
  return `${dir}/recipe.json`;
}

async function linesOf(path: string): Promise<number> {
  return (await Deno.readTextFile(path).catch(() => "")).split("\n").length - 1;
}

Deno.test("D14 training killed at any step goes on to the same model", NEEDS_GPU, async () => {
  await inFolder(async (dir) => {
    const recipe = await writeRecipe(dir);
    const run = (name: string) => shell(`unmask train ${recipe} --output ${dir}/${name} --quiet`);
    const whole = await run("whole");
    assert.equal(whole.code, 0, whole.stderr);
    const { complete, step, model } = JSON.parse(whole.stdout);
    assert.deepEqual([complete, step, model], [true, 16, `${dir}/whole/model`]);
    // SIGKILL behind the sixth and again behind the eleventh step, wherever the process is by then.
    const args = ["train", recipe, "--output", `${dir}/killed`, "--quiet"];
    for (const steps of [6, 11]) {
      const { child, stdin, stdout } = start(args);
      while (await linesOf(`${dir}/killed/metrics.jsonl`) < steps) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      child.kill("SIGKILL");
      await child.status;
      await Promise.allSettled([stdin.close(), stdout.cancel(), child.stderr.cancel()]);
    }
    const again = await run("killed");
    assert.equal(again.code, 0, again.stderr);
    for (const file of ["metrics.jsonl", "model/model.safetensors", "run.json"]) {
      const [wanted, found] = ["whole", "killed"].map((name) => `${dir}/${name}/${file}`);
      assert.equal(await fileDigest(found), await fileDigest(wanted), file);
    }
    // The model runs like any other.
    const text = await shell(`unmask sample --model ${model} --gen-length 32`, {
      stdin: '{"messages":[{"role":"user","content":"What is 2 + 2?"}]}\n',
    });
    assert.equal(text.code, 0, text.stderr);
  });
});

Deno.test("train refuses what it cannot use in one line", async () => {
  await inFolder(async (dir) => {
    const recipe = await writeRecipe(dir);
    const text = await Deno.readTextFile(recipe);
    const changes: [string, string, RegExp][] = [
      ['"data.jsonl"', '"none.jsonl"', /Cannot read ".*none.jsonl": no such file/],
      ['{"nano":["math"]}', '{"pile":["math"]}', /corpus "pile": it is not known, expected "nano"/],
      ['{"nano":["math"]}', '{"nano":["chess"]}', /part "chess" of corpus "nano"/],
      ['"config.json"', '"none.json"', /Cannot read ".*none.json": no such file/],
      ['"random"', `"${NANO}"`, /Cannot start from .*: ".*config.json" has other shapes/],
      ['"steps":4', '"steps":0', /"stages\[0\].steps" is 0/],
    ];
    for (const [found, instead, message] of changes) {
      await Deno.writeTextFile(recipe, text.replaceAll(found, instead));
      const { code, stderr } = await shell(`unmask train ${recipe} --output ${dir}/x`);
      assert.deepEqual([code, stderr.trim().split("\n").length], [1, 1], stderr);
      assert.match(stderr, message);
    }
    const usage: [string, RegExp][] = [
      ["", /no recipe is named/],
      ["a b", /several recipes are named/],
      ["a --stage sft", /--stage without --export/],
      ["a --export dfactory --dry-run", /--dry-run with --export/],
    ];
    for (const [args, message] of usage) {
      const { code, stderr } = await shell(`unmask train ${args}`);
      assert.deepEqual([code, stderr.trim().split("\n").length], [2, 1], stderr);
      assert.match(stderr, message);
    }
  });
});

Deno.test("train --export dfactory takes a stage, and says what dFactory lacks", async () => {
  await inFolder(async (dir) => {
    const recipe = await writeRecipe(dir);
    // The tokenizer says what the mask is.
    const { mask_token_id: _, ...config } = JSON.parse(await smallConfig());
    await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(config));
    const exported = (more: string) =>
      shell(`unmask train ${recipe} --export dfactory --output ${dir}/out ${more}`);
    const { code, stdout, stderr } = await exported("");
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { output: `${dir}/out`, stage: "cap", records: 24 });
    assert.match(stderr, /dFactory has no complementary masks, no balancing of experts: left out/);
    const yaml = await Deno.readTextFile(`${dir}/out/train.yaml`);
    assert.match(yaml, /confidence_beta: 2\n/);
    const script = await Deno.readTextFile(`${dir}/out/train.sh`);
    assert.match(script, /dFactory masks with token 156895, this model with 508:/);
    const other = '"block":32,"schedule":"linear","lr_decay_ratio":0.5,"eps":1e-6';
    const text = await Deno.readTextFile(recipe);
    await Deno.writeTextFile(recipe, text.replace('"block":32', other));
    assert.match(
      (await exported("")).stderr,
      /, no other end of a linear decay, no other eps: left/,
    );
    const none = await exported("--stage ar");
    assert.match(none.stderr, /stage "ar" is none, expected objective "sft"/);
  });
});

Deno.test("train --dry-run says what a run takes", NEEDS_GPU, async () => {
  await inFolder(async (dir) => {
    const recipe = await writeRecipe(dir);
    const { code, stdout, stderr } = await shell(`unmask train ${recipe} --dry-run --json`);
    assert.equal(code, 0, stderr);
    const found = JSON.parse(stdout);
    assert.equal(found.steps, 16);
    assert.equal(found.tokens, 16 * 4 * 64);
    assert.equal(found.memory.moments, 2 * found.memory.weights);
    assert.equal(found.phases.length, 4);
    assert.ok(found["GFLOP/s"] > 0 && /(s|min|h)$/.test(found.time), stdout);
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name).sort(), [
      "config.json",
      "data.jsonl",
      "recipe.json",
    ]);
  });
});
