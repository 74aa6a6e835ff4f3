import assert from "@std/assert";
import { decodeRows, WEIGHT_FORMATS } from "../../../kernels/weights/weight.ts";
import { Engine } from "../../../lib/diffusion/engine.ts";
import { openCheckpoint } from "../../../lib/model/checkpoint.ts";
import { openModel } from "../../../lib/model/model.ts";
import { weightBytes } from "../../../lib/model/placement.ts";
import { checkFit, type Fit, fitLines, fits } from "../../../lib/quant/fit.ts";
import { shapeConfig } from "../../../lib/quant/shapes.ts";
import { syntheticCheckpoint } from "../../../lib/quant/synthetic.ts";
import { writeModel } from "../../../lib/quant/write.ts";
import { NANO, TINY } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { refuses } from "../../mutate.ts";

const NAME = "model.layers.1.attention.dense.weight";

Deno.test("random weights have the spread of published ones, whatever is read at once", async () => {
  const { config } = shapeConfig("nano");
  for (const format of WEIGHT_FORMATS) {
    const source = syntheticCheckpoint(config, { name: "nano", seed: 7 });
    const whole = await source.readRows(NAME, format, { start: 0, count: 128 });
    const values = decodeRows(whole, format, 128);
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const spread = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
    assert.ok(
      Math.abs(mean) < 1e-3 && Math.abs(spread - 0.02) < 1e-3,
      `${format} ${mean} ${spread}`,
    );
    const part = await source.readRows(NAME, format, { start: 40, count: 8 });
    assert.deepEqual(decodeRows(part, format, 128), values.slice(40 * 128, 48 * 128));
    const other = syntheticCheckpoint(config, { name: "nano", seed: 8 });
    const again = decodeRows(
      await other.readRows(NAME, format, { start: 0, count: 128 }),
      format,
      128,
    );
    assert.notDeepEqual(again, values);
  }
});

withGpu("a random model is the same on the device and through a folder", {}, async (gpu) => {
  const { json, config } = shapeConfig("nano", 2);
  const source = syntheticCheckpoint(config, { name: "nano" });
  const dir = await Deno.makeTempDir();
  const identity = "test";
  const writeRest = (dir: string) => Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(json));
  assert.ok(await writeModel(source, { dir: `${dir}/m`, dtype: "q4", identity, writeRest }));
  const folder = await openCheckpoint(`${dir}/m`);
  const logits = [];
  for (const checkpoint of [source, folder]) {
    const model = await openModel(gpu, checkpoint, { dtype: "q4", maxBinding: 40_000 });
    const engine = await Engine.create(model, { slots: 1 });
    logits.push(await engine.logits([1, 2, 3, 4, 5, 6, 7, 8], 8));
    engine.destroy();
    model.destroy();
  }
  folder.close();
  await Deno.remove(dir, { recursive: true });
  assert.deepEqual(logits[0], logits[1]);
  assert.ok(logits[0].every(Number.isFinite));
});

withGpu("weightBytes() is what a model takes on the device", {}, async (gpu) => {
  for (const dir of [TINY, NANO]) {
    const checkpoint = await openCheckpoint(dir);
    for (const dtype of WEIGHT_FORMATS) {
      const model = await openModel(gpu, checkpoint, { dtype });
      const planned = weightBytes(checkpoint.config, dtype);
      // Buffers are rounded up to 16 bytes.
      assert.ok(model.weights.bytes >= planned && model.weights.bytes < planned + 16 * 200);
      model.destroy();
    }
    checkpoint.close();
  }
});

withGpu("fits() counts what a model and its engine take on the device", {}, async (gpu) => {
  const { target, device: { limits: { maxStorageBufferBindingSize: maxBinding } } } = gpu.launcher;
  const checkpoint = await openCheckpoint(NANO);
  for (const slots of [1, 5]) {
    for (const { dtype, total } of fits(checkpoint.config, { maxBinding, slots, target })) {
      const model = await openModel(gpu, checkpoint, { dtype });
      const engine = await Engine.create(model, { slots });
      await engine.internals.stored();
      const { bytes } = gpu.memory;
      // Buffers are rounded up to 16 bytes; the head may leave fewer partial results than counted.
      assert.ok(bytes < total + 16 * 300 && bytes > total - 2 ** 16, `${dtype} ${bytes} ${total}`);
      engine.destroy();
      model.destroy();
    }
  }
  checkpoint.close();
});

const gpu141 = { maxBinding: 2 ** 31 - 1, slots: 16, memory: 141e9 };
const byDtype = (found: readonly Fit[]) => found.map(({ problem }) => problem === undefined);

Deno.test("fits() says which formats of mini and flash fit", () => {
  const mini = shapeConfig("mini").config;
  const flash = shapeConfig("flash").config;
  assert.deepEqual(byDtype(fits(flash, gpu141)), [false, false, true, true]);
  assert.deepEqual(byDtype(fits(mini, gpu141)), [true, true, true, true]);
  const small = { maxBinding: 1 << 27, slots: 1, memory: 16e9 };
  assert.deepEqual(byDtype(fits(mini, small)), [false, false, false, true]);
  const lines = fitLines(fits(flash, gpu141), gpu141);
  assert.ok(
    /^f16 .* no: needs 19\d\.\d GiB of memory, expected at most 131\.3 GiB$/.test(lines[1]),
    lines[1],
  );
  assert.ok(/^q4 .*weights 55\.8 GiB.*: fits$/.test(lines[3]), lines[3]);
  const narrow = fits(flash, { maxBinding: 1 << 20, slots: 1 });
  assert.ok(narrow.every(({ problem }) => /expected at most .*1048576/.test(problem!)));
});

Deno.test("checkFit() refuses with the sizes and the most exact format that fits", async () => {
  const mini = { model: "mini", maxBinding: 1 << 27, slots: 16, target: "cpu" as const };
  const { config } = shapeConfig("mini");
  const check = (dtype: "f32" | "q4", memory: number) =>
    refuses(
      () => checkFit(config, dtype, { ...mini, memory }),
      dtype === "f32" && memory === 24e9
        ? /^Cannot run "mini" as f32: it needs 63\.\d GiB of memory, expected at most 22\.4 GiB \(try --dtype q8, which needs 18\.6 GiB\)$/
        : dtype === "f32"
        ? /try --batch 1 or a smaller model: q4 needs 11\.5 GiB too\)$/
        : /^Cannot run "mini" as q4: .*\(try --batch 1 or a smaller model\)$/,
    );
  await check("f32", 24e9);
  await check("f32", 8e9);
  await check("q4", 8e9);
  checkFit(config, "q4", { ...mini, memory: 16e9 });
});
