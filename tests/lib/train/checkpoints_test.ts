import assert from "@std/assert";
import { openCheckpoint } from "../../../lib/model/checkpoint.ts";
import {
  latestCheckpoint,
  listCheckpoints,
  restoreCheckpoint,
  type RunState,
  saveCheckpoint,
} from "../../../lib/train/checkpoints.ts";
import { NANO } from "../../fixtures.ts";
import { refuses } from "../../mutate.ts";
import { FakeTrainer, TINY_JSON } from "./fake.ts";
import { inFolder } from "../../folder.ts";

const STATE: RunState = {
  step: 0,
  phase: "ar",
  moments: 0,
  position: 0,
  recipe: "r",
  logs: { "metrics.jsonl": 10 },
  validation: null,
};

const trainer = await FakeTrainer.open(1);
const files = { config: TINY_JSON, generation: { threshold: 0.9 }, tokenizer: NANO };

function save(dir: string, state: Partial<RunState>, keep = { newest: 9, best: 0 }) {
  return saveCheckpoint(dir, { trainer, files, state: { ...STATE, ...state }, keep });
}

const steps = async (dir: string) => (await listCheckpoints(dir)).map(({ state }) => state.step);

Deno.test("saveCheckpoint() writes a model folder, and restoreCheckpoint() gives every bit back", async () => {
  await inFolder(async (dir) => {
    const other = await FakeTrainer.open(2);
    for (const map of [other.tensors.m, other.tensors.v]) {
      for (const [i, [name, values]] of [...map].entries()) {
        map.set(name, values.map((_, j) => Math.sin(i + j)));
      }
    }
    const state = { ...STATE, step: 3 };
    const place = await saveCheckpoint(dir, {
      trainer: other,
      files,
      state,
      keep: { newest: 1, best: 0 },
    });
    const model = await openCheckpoint(place);
    assert.equal(model.config.numHiddenLayers, TINY_JSON.num_hidden_layers);
    assert.deepEqual(model.generationConfig.decode, { threshold: 0.9 });
    model.close();
    const names = Array.from(Deno.readDirSync(place), ({ name }) => name);
    assert.ok(names.includes("tokenizer.json") && !names.includes("items.jsonl"), `${names}`);
    const latest = (await latestCheckpoint(dir))!;
    assert.deepEqual(latest.state, state);
    const restored = await FakeTrainer.open(3);
    await restoreCheckpoint(latest.dir, restored);
    assert.deepEqual(restored.tensors, other.tensors);
  });
});

Deno.test("saveCheckpoint() keeps the newest and the best of each phase", async () => {
  await inFolder(async (dir) => {
    const losses = [["a", 3], ["a", 1], ["a", 2], ["b", 9], ["b", 8], ["b", 10], ["b", null]];
    for (const [i, [phase, validation]] of losses.entries()) {
      await save(
        dir,
        { step: i + 1, phase: phase as string, validation: validation as number | null },
        { newest: 2, best: 1 },
      );
    }
    assert.deepEqual(await steps(dir), [2, 5, 6, 7]);
  });
});

Deno.test("D14 a damaged or unfinished checkpoint is ignored with a notice", async () => {
  const damages: [string, RegExp, (place: string) => void][] = [
    ["a cut file", /optimizer.safetensors has changed/, (place) => {
      Deno.truncateSync(`${place}/optimizer.safetensors`, 1000);
    }],
    ["one bit", /model.safetensors has changed/, (place) => {
      const bytes = Deno.readFileSync(`${place}/model.safetensors`);
      bytes[bytes.length - 1] ^= 1;
      Deno.writeFileSync(`${place}/model.safetensors`, bytes);
    }],
    ["a missing file", /config.json is missing/, (place) => {
      Deno.removeSync(`${place}/config.json`);
    }],
    ["no state", /state.json: no such file/, (place) => Deno.removeSync(`${place}/state.json`)],
    ["half a state", /state.json: /, (place) => Deno.truncateSync(`${place}/state.json`, 20)],
    ["another's state", /expected a run's state/, (place) => {
      Deno.writeTextFileSync(`${place}/state.json`, '{"step": "two"}');
    }],
    ["a digit of its state", /state.json has changed/, (place) => {
      const text = Deno.readTextFileSync(`${place}/state.json`);
      Deno.writeTextFileSync(`${place}/state.json`, text.replace('"position":0', '"position":8'));
    }],
    ["another step's state", /state.json is of step 1/, (place) => {
      Deno.copyFileSync(`${place}/../step-00000001/state.json`, `${place}/state.json`);
    }],
    ["an unfinished folder", /never finished/, (place) => {
      Deno.renameSync(place, `${place}.partial`);
    }],
  ];
  for (const [what, notice, damage] of damages) {
    await inFolder(async (dir) => {
      await save(dir, { step: 1 });
      damage(await save(dir, { step: 2 }));
      const notices: string[] = [];
      const found = await latestCheckpoint(dir, (line) => notices.push(line));
      assert.equal(found?.state.step, 1, what);
      assert.equal(notices.length, 1, what);
      assert.match(notices[0], notice, what);
      // The step is done again and stands in the damaged one's place.
      await save(dir, { step: 2 });
      assert.equal((await latestCheckpoint(dir))?.state.step, 2, what);
      assert.ok([...Deno.readDirSync(dir)].every(({ name }) => !name.endsWith(".partial")), what);
    });
  }
});

Deno.test("a damaged checkpoint is set aside, so that it does not count among the newest", async () => {
  await inFolder(async (dir) => {
    for (const step of [1, 2, 3]) await save(dir, { step });
    for (const step of [2, 3]) {
      Deno.truncateSync(`${dir}/step-0000000${step}/model.safetensors`, 99);
    }
    assert.equal((await latestCheckpoint(dir))?.state.step, 1);
    await save(dir, { step: 2 }, { newest: 1, best: 0 });
    const names = Array.from(Deno.readDirSync(dir), ({ name }) => name).sort();
    assert.deepEqual(names, ["step-00000002", "step-00000002.damaged", "step-00000003.damaged"]);
    // Damaged again, the newer remains stay.
    Deno.truncateSync(`${dir}/step-00000002/config.json`, 9);
    assert.equal(await latestCheckpoint(dir), undefined);
    assert.equal((await Deno.stat(`${dir}/step-00000002.damaged/config.json`)).size, 9);
  });
});

Deno.test("saveCheckpoint() that fails leaves the ones before, and no remains", async () => {
  const broken = (kind: "weights" | "m", fail: (values: Float32Array) => Float32Array) =>
    Object.assign(Object.create(trainer), {
      config: trainer.config,
      async *read(of: "weights" | "m" | "v") {
        for await (const { name, values } of trainer.read(of)) {
          yield { name, values: of === kind ? fail(values) : values };
        }
      },
    });
  const full = () => {
    throw new Error("No space left on device (os error 28)");
  };
  const cases: [string, FakeTrainer, RegExp][] = [
    [
      "a weight that is NaN",
      broken("weights", (values) => Float32Array.from(values, () => NaN)),
      /Cannot save step 2: tensor ".*" has values that are not finite/,
    ],
    ["a full disk", broken("m", full), /Cannot write ".*optimizer.safetensors": No space left/],
  ];
  for (const [what, failing, message] of cases) {
    await inFolder(async (dir) => {
      await save(dir, { step: 1 });
      const state = { ...STATE, step: 2 };
      const keep = { newest: 1, best: 0 };
      await refuses(() => saveCheckpoint(dir, { trainer: failing, files, state, keep }), message);
      const names = Array.from(Deno.readDirSync(dir), ({ name }) => name);
      assert.deepEqual(names, ["step-00000001"], what);
      assert.equal((await latestCheckpoint(dir))?.state.step, 1);
    });
  }
});

Deno.test("latestCheckpoint() of a run that has none is undefined", async () => {
  await inFolder(async (dir) => {
    assert.equal(await latestCheckpoint(`${dir}/none`), undefined);
    assert.equal(await latestCheckpoint(dir), undefined);
  });
});
