/** What the package exports is enough to train. */
import assert from "@std/assert";
import { buildBatch, meanObjective, openSetting, openTrainer, parseRecipe, train } from "unmask";
import { NANO } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { inFolder } from "../../folder.ts";

withGpu("the library trains by a recipe, and by hand", {}, (gpu) =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.jsonl`, '{"text":"abc"}\n');
    const recipe = {
      model: { start: NANO },
      data: { train: ["a.jsonl"], row_length: 8 },
      defaults: { lr: 0.001, batch: 2, steps: 2 },
      stages: [{ name: "blocks", objective: "bdlm", block: 4, bandwidth: [1, 1] }],
    };
    const setting = await openSetting(parseRecipe(JSON.stringify(recipe), `${dir}/r.json`));
    const told: string[] = [];
    const { complete, checkpoint } = await train({
      ...setting,
      openTrainer: (options) => openTrainer(gpu, setting.config, options),
    }, { dir: `${dir}/run`, notice: (line) => told.push(line), progress: () => {} });
    assert.ok(complete && checkpoint !== null && told.length === 0, `${told}`);

    const sizes = { rows: 16, targets: 8, length: 8 };
    const { config, tensors } = setting;
    const trainer = await openTrainer(gpu, config, { ...sizes, tensors });
    const tokens = Uint32Array.from({ length: 8 }, (_, i) => i);
    const all = new Uint8Array(8).fill(1);
    const batch = buildBatch(
      [{ tokens, documents: new Uint32Array(8), maskable: all }],
      [{ row: 0, tokens: tokens.map(() => setting.ids.mask), targets: all, t: 1 }],
      { block: 4, documentMask: true, mask: setting.ids.mask },
    );
    const { coefficients } = meanObjective(batch, await trainer.forward(batch));
    trainer.backward(coefficients);
    const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1, maxGradNorm: 1 };
    assert.ok((await trainer.step({ ...adamw, lr: 0.001 })).gradientNorm > 0);
    trainer.destroy();
    setting.close();
  }));
