import assert from "@std/assert";
import { type Checkpoint, openCheckpoint } from "../../../lib/model/checkpoint.ts";
import { parseConfig } from "../../../lib/model/config.ts";
import { expectedTensors } from "../../../lib/model/tensors.ts";
import { readHeader, writeSafetensors } from "../../../lib/model/safetensors.ts";
import { quantize, type QuantizeOptions } from "../../../lib/quant/quantize.ts";
import { NANO, nanoProbe, TINY, withEngine } from "../../fixtures.ts";
import { syntheticCheckpoint } from "../../../lib/quant/synthetic.ts";
import { isWritten, writeModel } from "../../../lib/quant/write.ts";
import { probeLogits } from "../../../bench/quality.ts";
import { withGpu } from "../../gpu.ts";
import { refuses } from "../../mutate.ts";
import { inFolder } from "../../folder.ts";

async function write(from: string, options: QuantizeOptions): Promise<boolean> {
  const source = await openCheckpoint(from);
  try {
    return await quantize(source, options);
  } finally {
    source.close();
  }
}

/** Names and contents of a folder's files. */
async function contents(dir: string): Promise<Map<string, Uint8Array>> {
  const files = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
  const read = files.map(async (name) => [name, await Deno.readFile(`${dir}/${name}`)] as const);
  return new Map(await Promise.all(read));
}

for (const dtype of ["q8", "q4"] as const) {
  withGpu(
    `a folder written as ${dtype} gives the logits of converting on load`,
    {},
    async (gpu) => {
      await inFolder(async (folder) => {
        const { cases } = nanoProbe(60);
        const dir = `${folder}/model`;
        const shardBytes = 400_000;
        assert.ok(await write(NANO, { dir, dtype, shardBytes }));
        const written = await openCheckpoint(dir);
        assert.equal(written.format, dtype);
        assert.ok(written.files.length > 2, "several shards");
        written.close();
        const run = (options: { dir: string; dtype?: "q8" | "q4" | "f32" }) =>
          withEngine(
            gpu,
            { dir: options.dir, engine: { slots: 1 }, model: { dtype: options.dtype } },
            (engine) => probeLogits(engine, cases),
          );
        const found = await run({ dir });
        assert.deepEqual(found, await run({ dir: NANO, dtype }));
        assert.notDeepEqual(found, await run({ dir, dtype: "f32" })); // KV and embedding are f16 there
        for (const name of ["config.json", "tokenizer.json", "generation_config.json"]) {
          assert.deepEqual(
            await Deno.readFile(`${dir}/${name}`),
            await Deno.readFile(`${NANO}/${name}`),
          );
        }
      });
    },
  );
}

Deno.test("quantize() leaves a row whose blocks several shared experts would share as it was", () =>
  inFolder(async (folder) => {
    const tiny = JSON.parse(await Deno.readTextFile(`${TINY}/config.json`));
    const name = "model.layers.1.mlp.shared_experts.down_proj.weight";
    for (const [width, kept] of [[20, true], [32, false]] as const) {
      const json = JSON.stringify({ ...tiny, num_shared_experts: 3, moe_intermediate_size: width });
      const random = syntheticCheckpoint(parseConfig(json, "config.json"), { name: "random" });
      const dir = `${folder}/${width}`;
      const writeRest = (dir: string) => Deno.writeTextFile(`${dir}/config.json`, json);
      await writeModel(random, { dir, dtype: "f32", identity: "random", writeRest });
      await write(dir, { dir: `${dir}/q4`, dtype: "q4" });
      const written = await openCheckpoint(`${dir}/q4`);
      const same = (await written.readF32(name)).join() === (await random.readF32(name)).join();
      written.close();
      assert.equal(same, kept, `experts of ${width} channels`);
    }
  }));

Deno.test("quantize() goes on where a killed run stopped, and ends with the same bytes", () =>
  inFolder(async (folder) => {
    const shardBytes = 500_000;
    await write(NANO, { dir: `${folder}/whole`, dtype: "q4", shardBytes });
    const whole = await contents(`${folder}/whole`);
    for (const [index, stopAt] of [0, 90_000, 777_777, 1_200_000].entries()) {
      const dir = `${folder}/${index}`;
      const stop = new AbortController();
      const onProgress = (done: number) => done >= stopAt && stop.abort();
      const stopped = { dir, dtype: "q4" as const, shardBytes, onProgress, signal: stop.signal };
      assert.equal(await write(NANO, stopped), false);
      assert.equal(await isWritten(dir), false);
      const partial = [...(await contents(dir)).keys()].find((name) => name.endsWith(".partial"));
      if (partial) { // a kill may leave any number of bytes
        const { size } = await Deno.stat(`${dir}/${partial}`);
        await Deno.truncate(`${dir}/${partial}`, Math.floor(size * 0.83));
      }
      await refuses(
        () => write(NANO, { dir, dtype: "q8" }),
        /Cannot go on in .*: dtype was "q4", now "q8" \(/,
      );
      assert.ok(await write(NANO, { dir, dtype: "q4", shardBytes }));
      assert.deepEqual(await contents(dir), whole);
      assert.ok(await isWritten(dir), "of several shards");
    }
    await refuses(
      () => write(NANO, { dir: `${folder}/whole`, dtype: "q4" }),
      /Cannot write .*: it holds ".*", expected an empty folder/,
    );
  }));

Deno.test("quantize() begins where a run was killed before it had said of what", () =>
  inFolder(async (folder) => {
    const dir = `${folder}/written`;
    await Deno.mkdir(dir);
    await Deno.create(`${dir}/unfinished.json`).then((file) => file.close());
    assert.ok(await write(TINY, { dir, dtype: "q4" }));
    assert.ok(!(await contents(dir)).has("unfinished.json"));
  }));

Deno.test("quantize() refuses a folder that is being written, and a file it cannot copy", () =>
  inFolder(async (folder) => {
    const options = { dir: `${folder}/written`, dtype: "q4" as const };
    let second: Promise<void> | undefined;
    const onProgress = () => {
      second ??= refuses(
        () => write(TINY, options),
        /^Cannot use .*: process \d+ is writing to it/,
      );
    };
    assert.ok(await write(TINY, { ...options, onProgress }));
    await second;
    assert.ok(!(await contents(options.dir)).has("lock"));

    const source = `${folder}/source`;
    await Deno.mkdir(source);
    for (const name of ["config.json", "model.safetensors"]) {
      await Deno.copyFile(`${TINY}/${name}`, `${source}/${name}`);
    }
    await Deno.symlink(`${folder}/nowhere`, `${source}/LICENSE`);
    await refuses(
      () => write(source, { dir: `${folder}/copy`, dtype: "q4" }),
      /^Cannot copy ".*\/source\/LICENSE" to ".*\/copy": no such file/,
    );
  }));

Deno.test("quantize() reads each value once, never more than a tensor or 4M values at a time", () =>
  inFolder(async (folder) => {
    for (const from of [TINY, `${TINY}/merged`]) {
      const source = await openCheckpoint(from);
      const shapes = new Map(expectedTensors(source.config));
      let rowsRead = 0;
      const watched: Checkpoint = {
        ...source,
        readRows(name, format, rows) {
          const [, columns] = shapes.get(name)!;
          assert.ok(rows.count * columns <= Math.max(4 << 20, columns));
          rowsRead += rows.count;
          return source.readRows(name, format, rows);
        },
      };
      const dir = `${folder}/${from === TINY}`;
      assert.ok(await quantize(watched, { dir, dtype: "q8" }));
      source.close();
      const rows = [...shapes.values()].reduce((sum, [n, k]) => sum + (k === undefined ? 0 : n), 0);
      assert.equal(rowsRead, rows);
    }
    const [a, b] = ["true", "false"].map((name) =>
      Deno.readFileSync(`${folder}/${name}/model.safetensors`)
    );
    assert.deepEqual(a, b); // the merged layout holds the same weights
  }));

Deno.test("quantize() names a tensor that is not finite, and blocks of another layout refuse", () =>
  inFolder(async (folder) => {
    const source = await openCheckpoint(TINY);
    const broken: Checkpoint = {
      ...source,
      async readRows(name, format, rows) {
        const stored = await source.readRows(name, format, rows);
        if (name === "lm_head.weight") new Float16Array(stored.scales!.buffer)[3] = NaN;
        return stored;
      },
    };
    await refuses(
      () => quantize(broken, { dir: `${folder}/a`, dtype: "q4" }),
      /Cannot write tensor "lm_head.weight" as q8: .* not finite/,
    );
    const dir = `${folder}/b`;
    await quantize(source, { dir, dtype: "q4" });
    source.close();
    const file = `${dir}/model.safetensors`;
    const bytes = await Deno.readFile(file);
    const { tensors } = await readHeader(
      file,
      bytes.length,
      (start, length) => Promise.resolve(bytes.slice(start, start + length)),
    );
    const rewritten = (
      change: (name: string, info: { dtype: string; shape: readonly number[] }) => object,
    ) =>
      new Map([...tensors].map(([name, info]) => [name, {
        ...info,
        ...change(name, info),
        bytes: bytes.slice(info.start, info.start + info.bytes),
      }]));
    await Deno.writeFile(file, writeSafetensors(rewritten(() => ({})), { "unmask.blocks": "64" }));
    await refuses(
      () => openCheckpoint(dir),
      /its blocks have layout "64", expected "32 along a row/,
    );
    const flat = rewritten((name, { shape }) =>
      name === "lm_head.weight.scales" ? { shape: [shape[0] * shape[1]] } : {}
    );
    await Deno.writeFile(file, writeSafetensors(flat));
    await refuses(
      () => openCheckpoint(dir),
      /tensor "lm_head.weight" of shape \[256,64\] is I8 \[256,64\] with scales F16 \[512\], expected q8 or q4 blocks/,
    );
  }));
