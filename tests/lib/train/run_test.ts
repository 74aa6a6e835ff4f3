import assert from "@std/assert";
import { fileDigest } from "../../../lib/digest.ts";
import type { ExampleSource, TrainExample } from "../../../lib/train/examples.ts";
import { listCheckpoints } from "../../../lib/train/checkpoints.ts";
import { readMetrics } from "../../../lib/train/metrics.ts";
import { parseRecipe } from "../../../lib/train/recipe.ts";
import {
  type RunSetting,
  type RunTrainer,
  train,
  type TrainOptions,
} from "../../../lib/train/run.ts";
import { learningRate } from "../../../lib/train/schedule.ts";
import { initialTensors } from "../../../lib/train/init.ts";
import { NANO } from "../../fixtures.ts";
import { refuses } from "../../mutate.ts";
import { FakeTrainer, TINY_CONFIG, TINY_JSON } from "./fake.ts";
import { inFolder } from "../../folder.ts";

const EOS = 250;
const MASK = 251;

/** One token a byte. */
const encoder = {
  eos: EOS,
  mask: MASK,
  tokenizer: {
    vocabSize: 252,
    digest: "bytes",
    encode: (text: string) => [...new TextEncoder().encode(text)],
    decode: (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids)),
    tokenId: () => undefined,
  },
};

const EXAMPLES = Array.from({ length: 7 }, (_, i): TrainExample => ({
  where: `a:${i}`,
  kind: "answer",
  input: { prompt: `q${i}` },
  answer: "ab".repeat(1 + i % 3),
}));

const PAIRS = EXAMPLES.map(({ where }, i): TrainExample => ({
  where,
  kind: "pair",
  input: { prompt: `q${i}` },
  chosen: "aba",
  rejected: "zz",
}));

const list = (examples: readonly TrainExample[]): ExampleSource =>
  async function* () {
    yield* examples;
  };

/** Every objective, several block sizes, accumulation, and all that draws random numbers. */
const RECIPE = {
  model: { config: "config.json", start: "random" },
  data: { train: ["a"], validation: ["b"], row_length: 16, rows_validation: 3 },
  seed: 3,
  defaults: { lr: 0.05, batch: 4, micro_batch: 3, expert_bias_rate: 0.001, steps: 4 },
  stages: [
    { name: "ar", objective: "ar", expert_bias_rate: 0 },
    { name: "warmup", objective: "bdlm", blocks: [4, "row"], embedding_noise: 0.1, t2t: 0.2 },
    { name: "cap", objective: "sft", block: 8, complementary: true, cap: 2 },
    { name: "weighted", objective: "sft", block: 8, weighting: "1/t", ratio_per: "block" },
    { name: "dpo", objective: "dpo", block: 8, data: { train: ["pairs"], validation: ["pairs"] } },
  ],
  checkpoints: { every: 3, keep: 2 },
  merge: { best: 1 },
};

/** A setting over the fake trainer; `crash` at the start of that step of the process's life. */
function setting({ change = {}, crash = Infinity }: {
  change?: Record<string, unknown>;
  crash?: number;
} = {}): RunSetting & { made: FakeTrainer[] } {
  const recipe = parseRecipe(JSON.stringify({ ...RECIPE, ...change }), "r.json");
  const made: FakeTrainer[] = [];
  return {
    recipe,
    made,
    config: TINY_CONFIG,
    tensors: initialTensors(TINY_CONFIG, { seed: 1 }),
    files: { config: TINY_JSON, generation: {}, tokenizer: NANO },
    encoder,
    ids: { mask: MASK, ordinary: [0, EOS] },
    source: (phase, use) =>
      list(phase.objective === "dpo" ? PAIRS : EXAMPLES.slice(use === "train" ? 0 : 5)),
    digests: { data: Object.fromEntries(recipe.phases.map(({ name }) => [name, "x"])) },
    openTrainer: async ({ frozen, rows, targets }) => {
      const trainer = await FakeTrainer.open(1);
      made.push(trainer);
      const { forward, step } = trainer;
      trainer.forward = (batch) => {
        assert.ok(batch.count <= rows && batch.labels.length <= targets, "a pass fits");
        return forward.call(trainer, batch);
      };
      let steps = 0;
      trainer.step = (options) => {
        assert.ok(!frozen, "the reference stays");
        if (++steps > crash) throw new Error("killed");
        return step.call(trainer, options);
      };
      return trainer as RunTrainer;
    },
  };
}

const quiet = (dir: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
  dir,
  notice: () => {},
  progress: () => {},
  ...more,
});

async function outcome(dir: string) {
  const [last] = (await listCheckpoints(`${dir}/checkpoints`)).reverse();
  const files = ["model.safetensors", "optimizer.safetensors"];
  const { logs, ...state } = last.state;
  return {
    metrics: await Deno.readTextFile(`${dir}/metrics.jsonl`),
    state,
    bytes: logs["metrics.jsonl"],
    digests: await Promise.all(files.map((name) => fileDigest(`${last.dir}/${name}`))),
  };
}

Deno.test("D14 a run killed at any step goes on to the same bits", async () => {
  await inFolder(async (root) => {
    const whole = await train(setting(), quiet(`${root}/whole`));
    assert.deepEqual([whole.step, whole.complete], [24, true]);
    const wanted = await outcome(`${root}/whole`);
    // Steps before the first checkpoint, at and around one, at phase ends and inside the last phase.
    for (const crash of [1, 3, 4, 5, 9, 16, 21, 23]) {
      const dir = `${root}/${crash}`;
      await assert.rejects(train(setting({ crash }), quiet(dir)), /^Error: killed$/);
      const notices: string[] = [];
      await train(setting(), quiet(dir, { notice: (line) => notices.push(line) }));
      const expected = crash < 3 ? [] : [`continuing behind step ${lastSaved(crash)}`];
      assert.deepEqual(notices, expected);
      assert.deepEqual(await outcome(dir), wanted, `killed at step ${crash}`);
    }
    // Crash after crash, each with little done.
    const dir = `${root}/often`;
    for (let i = 0; i < 20; i++) {
      const done = await train(setting({ crash: 4 }), quiet(dir)).catch(() => undefined);
      if (done) break;
    }
    assert.deepEqual(await outcome(dir), wanted, "killed often");
  });
});

/** Step of the last checkpoint: every third, and the end of each phase of four. */
function lastSaved(step: number): number {
  while (step % 3 !== 0 && step % 4 !== 0) step--;
  return step;
}

Deno.test("train() stops at a signal behind the step in hand, with a checkpoint", async () => {
  await inFolder(async (root) => {
    await train(setting(), quiet(`${root}/whole`));
    const stop = new AbortController();
    const progress = ({ step }: { step: number }) => step === 10 && stop.abort();
    const half = await train(
      setting(),
      quiet(`${root}/half`, { progress, signal: stop.signal }),
    );
    assert.deepEqual([half.step, half.complete], [10, false]);
    assert.equal((await readMetrics(`${root}/half`)).length, 10);
    await train(setting(), quiet(`${root}/half`));
    assert.deepEqual(await outcome(`${root}/half`), await outcome(`${root}/whole`));
    // A run that is complete does nothing more.
    const again = setting();
    const { complete, loss } = await train(again, quiet(`${root}/half`));
    assert.ok(complete && loss !== null);
    assert.equal(again.made[0].passes, 0);
    assert.ok(again.made.every(({ destroyed }) => destroyed));
  });
});

Deno.test("train() writes what each step did, and learns", async () => {
  await inFolder(async (dir) => {
    const steps: number[] = [];
    await train(setting(), quiet(dir, { progress: ({ step }) => steps.push(step) }));
    const lines = await readMetrics(dir);
    assert.deepEqual(lines.map(({ step }) => step), Array.from({ length: 24 }, (_, i) => i + 1));
    assert.deepEqual(steps, lines.map(({ step }) => step));
    assert.deepEqual(
      [...new Set(lines.map(({ phase, block }) => `${phase} ${block}`))],
      ["ar causal", "warmup-4 4", "warmup-row row", "cap 8", "weighted 8", "dpo 8"],
    );
    const measured = lines.filter(({ validation }) => validation !== undefined);
    assert.deepEqual(measured.map(({ step }) => step), [3, 4, 6, 8, 9, 12, 15, 16, 18, 20, 21, 24]);
    assert.ok(lines[11].validation! < lines[2].validation! - 0.1, "the validation loss falls");
    // One schedule for all block sizes of a stage, and a new one for the next stage.
    const { rate } = setting().recipe.phases[1];
    assert.deepEqual(
      lines.slice(4, 12).map(({ lr }) => lr),
      Array.from({ length: 8 }, (_, step) => learningRate(step, { ...rate, steps: 8 })),
    );
    assert.ok(lines[11].lr < lines[4].lr / 2 && lines[12].lr === lines[4].lr);
    // A complementary pair predicts every maskable token of the batch once.
    assert.ok(lines[12].parts.confidence > 0);
    assert.equal(lines[23].tokens, 4 * 2 * 16);
    assert.ok(!JSON.stringify(lines).includes("second"), "no times");
    const html = await Deno.readTextFile(`${dir}/curves.html`);
    assert.match(html, /24 steps/);
    const timing = (await Deno.readTextFile(`${dir}/timing.jsonl`)).trim().split("\n");
    assert.equal(timing.length, 24);
  });
});

Deno.test("train() refuses another recipe, and a folder that is not its own", async () => {
  await inFolder(async (root) => {
    const dir = `${root}/a`;
    await assert.rejects(train(setting({ crash: 5 }), quiet(dir)));
    await refuses(
      () => train(setting({ change: { seed: 4 } }), quiet(dir)),
      /Cannot continue the run in .*: seed was 3, now 4/,
    );
    await Deno.remove(`${dir}/run.json`);
    await refuses(
      () => train(setting({ change: { seed: 4 } }), quiet(dir)),
      /is of another recipe/,
    );
    // How often it is saved may change.
    await train(setting({ change: { checkpoints: { every: 100 } } }), quiet(dir));
    await Deno.mkdir(`${root}/b`);
    await Deno.writeTextFile(`${root}/b/thesis.txt`, "");
    await refuses(() => train(setting(), quiet(`${root}/b`)), /it holds "thesis.txt"/);
    await refuses(
      () => train(setting(), quiet(`${root}/b/thesis.txt`)),
      /Cannot make folder ".*thesis.txt": it is a file, expected a folder/,
    );
    if (Deno.build.os === "linux") { // a folder that not even root writes to
      await refuses(
        () => train(setting(), quiet("/proc/self")),
        /Cannot write "\/proc\/self\/lock"/,
      );
    }
  });
});

Deno.test("train() takes another recipe from the phases on that have not begun", async () => {
  await inFolder(async (root) => {
    const dir = `${root}/a`;
    const stages = (...last: Record<string, unknown>[]) => [...RECIPE.stages.slice(0, 2), ...last];
    // Killed in "warmup"'s second phase, behind the checkpoint at its start.
    await assert.rejects(train(setting({ crash: 10 }), quiet(dir)));
    const longer = { name: "cap", objective: "sft", block: 4, steps: 5 };
    const change = { stages: stages(longer) };
    const notices: string[] = [];
    const options = quiet(dir, { notice: (line: string) => notices.push(line) });
    const { step, complete } = await train(setting({ change }), options);
    assert.deepEqual({ step, complete }, { step: 17, complete: true });
    const told = notices.find((line) => line.startsWith("the recipe is another from here on"));
    assert.match(told!, /phases\.cap\.steps was 4, now 5/);
    // To the bits of one that was asked for from the start.
    await train(setting({ change }), quiet(`${root}/b`));
    const lines = (dir: string) => Deno.readTextFile(`${dir}/metrics.jsonl`);
    assert.equal(await lines(dir), await lines(`${root}/b`));
    assert.equal(
      await Deno.readTextFile(`${dir}/run.json`),
      await Deno.readTextFile(`${root}/b/run.json`),
    );
    // A finished run may get another stage; a stage that has begun stays what it was.
    const more = { name: "more", objective: "sft", block: 4, steps: 1 };
    await Deno.mkdir(`${dir}/model`);
    const again = await train(setting({ change: { stages: stages(longer, more) } }), options);
    await assert.rejects(Deno.stat(`${dir}/model`), Deno.errors.NotFound); // it was of the shorter run
    assert.equal(again.step, 18);
    assert.ok(
      notices.some((line) =>
        /from here on: phases\.more was unset, now \{"name":"more",.*…;/.test(line)
      ),
    );
    await refuses(
      () =>
        train(setting({ change: { stages: stages({ ...longer, steps: 6 }, more) } }), quiet(dir)),
      /phases\.cap\.steps was 5, now 6/,
    );
  });
});

Deno.test("train() with another merge keeps its steps and gives up the model that was merged", async () => {
  await inFolder(async (dir) => {
    const notices: string[] = [];
    const options = quiet(dir, { notice: (line: string) => notices.push(line) });
    const two = { change: { merge: { best: 2 } } };
    await assert.rejects(train(setting({ crash: 1 }), options)); // before the first checkpoint
    await train(setting(two), options);
    await Deno.mkdir(`${dir}/model`);
    await train(setting(two), options);
    assert.ok((await Deno.stat(`${dir}/model`)).isDirectory);
    notices.length = 0;
    const none = setting({ change: { merge: undefined } });
    const { step } = await train(none, options);
    assert.deepEqual([step, none.made[0].passes], [24, 0]);
    await assert.rejects(Deno.stat(`${dir}/model`), Deno.errors.NotFound);
    assert.equal(notices[0], 'the recipe is another from here on: merge was {"best":2}, now unset');
  });
});

Deno.test("train() measures all blocks of a DPO stage against the model before the stage", async () => {
  await inFolder(async (dir) => {
    const [stage] = RECIPE.stages.slice(-1);
    const { block: _, ...dpo } = { ...stage, blocks: [8, 16], lr_warmup_ratio: 0 };
    const change = { stages: [{ name: "ar", objective: "ar" }, dpo] };
    // Killed in the second block size, which begins behind step 8.
    await assert.rejects(train(setting({ change, crash: 9 }), quiet(dir)), /killed/);
    await train(setting({ change }), quiet(dir));
    const references = Array.from(Deno.readDirSync(`${dir}/references`), ({ name }) => name);
    assert.deepEqual(references, ["step-00000004"]);
    // A model is undecided beside itself alone.
    const margins = (await readMetrics(dir)).map(({ parts }) => parts.margin);
    assert.equal(margins[4], 0);
    assert.ok(margins[8] > 0, `${margins}`);
  });
});

/** A setting whose trainer is changed before it is used. */
function changed(change: (trainer: FakeTrainer) => void): RunSetting {
  const own = setting();
  return {
    ...own,
    openTrainer: async (options) => {
      const trainer = await own.openTrainer(options);
      change(own.made.at(-1)!);
      return trainer;
    },
  };
}

Deno.test("train() that diverges ends in one line behind its last good checkpoint", async () => {
  await inFolder(async (root) => {
    const noGradient = changed((trainer) =>
      trainer.step = () => Promise.resolve({ gradientNorm: NaN })
    );
    await refuses(
      () => train(noGradient, quiet(`${root}/a`)),
      /at step 1 \(ar\): the gradient norm is NaN, expected a finite number/,
    );
    // Weights that the fourth step spoils show in its validation, before that step's checkpoint.
    const dir = `${root}/b`;
    const spoilt = changed((trainer) => {
      const { step } = trainer;
      trainer.step = async (options) => {
        const result = await step(options);
        if (trainer.steps === 4) {
          await trainer.write("weights", {
            values: (name) => Promise.resolve(trainer.tensors.weights.get(name)!.map(() => NaN)),
          });
        }
        return result;
      };
    });
    const message = /at step 4 \(ar\): the validation loss is NaN/;
    await refuses(() => train(spoilt, quiet(dir)), message);
    const steps = (await listCheckpoints(`${dir}/checkpoints`)).map(({ state }) => state.step);
    assert.deepEqual(steps, [3]);
    // With what caused it gone, the run goes on as if it had never been.
    await train(setting(), quiet(dir));
    await train(setting(), quiet(`${root}/whole`));
    assert.deepEqual(await outcome(dir), await outcome(`${root}/whole`));
  });
});

Deno.test("C20 train() refuses a folder that another run is writing to", async () => {
  await inFolder(async (dir) => {
    let second: Promise<unknown> = Promise.resolve();
    const progress = ({ step }: { step: number }) => {
      if (step === 2) second = assert.rejects(train(setting(), quiet(dir)), /is writing to it/);
    };
    await train(setting(), quiet(dir, { progress }));
    await second;
    const { complete } = await train(setting(), quiet(dir));
    assert.ok(complete);
  });
});

Deno.test("train() says that examples are cut, and refuses where no answer has room", async () => {
  await inFolder(async (dir) => {
    const notices: string[] = [];
    const notice = (line: string) => notices.push(line);
    const stages = [{ name: "sft", objective: "sft", block: 8, steps: 30 }];
    const of = (examples: readonly TrainExample[]): RunSetting => ({
      ...setting({ change: { stages } }),
      source: () => list(examples),
    });
    const input = { prompt: "a prompt as long as a row" };
    const long: TrainExample = { where: "a:9", kind: "answer", input, answer: "x" };
    const cut = 'phase "sft" has examples longer than a row of 16: cut';
    const wordy: TrainExample = { ...long, input: { prompt: "q" }, answer: "a".repeat(16) };
    for (const [name, more] of Object.entries({ wordy, long })) {
      await train(of([...EXAMPLES, more]), quiet(`${dir}/${name}`, { notice }));
      const found = [...new Set(notices.splice(0))];
      assert.deepEqual(found, name === "long" ? [cut, `${cut}, some before their answer`] : [cut]);
    }
    await refuses(
      () => train(of([long]), quiet(`${dir}/all`, { notice })),
      /phase "sft": the prompts of all of its first 64 examples fill their rows/,
    );
    assert.match(notices.at(-1)!, /cut/);
    assert.ok(notices.includes('phase "sft" has nothing to predict in its validation rows'));
    const measured = (await readMetrics(`${dir}/all`)).map(({ validation }) => validation);
    assert.deepEqual([...new Set(measured)], [undefined], "nothing measured is not 0");
  });
});

Deno.test("train() keeps DPO's reference across a stop inside the stage, and misses one that is gone", async () => {
  await inFolder(async (root) => {
    const dir = `${root}/a`;
    await assert.rejects(train(setting({ crash: 22 }), quiet(dir)), /killed/);
    const references = Array.from(Deno.readDirSync(`${dir}/references`), ({ name }) => name);
    assert.deepEqual(references, ["step-00000020"]);
    Deno.truncateSync(`${dir}/references/step-00000020/model.safetensors`, 500);
    await Deno.rename(`${dir}/checkpoints/step-00000020`, `${root}/moved`);
    await refuses(
      () => train(setting(), quiet(dir)),
      /Cannot continue phase "dpo": ".*references" lacks its reference model/,
    );
    // The checkpoint of that step is the same model.
    await Deno.rename(`${root}/moved`, `${dir}/checkpoints/step-00000020`);
    await train(setting(), quiet(dir));
    await train(setting(), quiet(`${root}/whole`));
    assert.deepEqual(await outcome(dir), await outcome(`${root}/whole`));
  });
});

Deno.test("train() refuses a log that it could not draw at the end before it makes a step", async () => {
  await inFolder(async (dir) => {
    await assert.rejects(train(setting({ crash: 4 }), quiet(dir)), /killed/);
    const { size } = await Deno.stat(`${dir}/metrics.jsonl`);
    await Deno.writeTextFile(`${dir}/metrics.jsonl`, "x\n".repeat(size));
    const own = setting();
    await refuses(() => train(own, quiet(dir)), /Cannot read ".*metrics.jsonl:1" as JSON/);
    assert.equal(own.made[0].passes, 0);
  });
});

Deno.test("train() has the references of all DPO stages that damage may throw it back to", async () => {
  await inFolder(async (root) => {
    const [stage] = RECIPE.stages.slice(-1);
    const change = {
      stages: [{ name: "ar", objective: "ar" }, stage, { ...stage, name: "again" }],
      checkpoints: { every: 3, keep: 5 },
    };
    await train(setting({ change }), quiet(`${root}/whole`));
    const dir = `${root}/a`;
    await assert.rejects(train(setting({ change, crash: 10 }), quiet(dir)), /killed/);
    for (const step of [8, 9]) { // left is step 6, within the first of them
      Deno.truncateSync(`${dir}/checkpoints/step-0000000${step}/model.safetensors`, 500);
    }
    const notices: string[] = [];
    await train(setting({ change }), quiet(dir, { notice: (line) => notices.push(line) }));
    assert.equal(notices.at(-1), "continuing behind step 6");
    assert.deepEqual(await outcome(dir), await outcome(`${root}/whole`));
  });
});
