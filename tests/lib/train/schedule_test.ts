import assert from "@std/assert";
import { learningRate, type ScheduleOptions } from "../../../lib/train/schedule.ts";

const base: ScheduleOptions = {
  schedule: "constant",
  steps: 10,
  lr: 1,
  lr_start: 0,
  lr_min: 0.2,
  lr_warmup_ratio: 0.25,
  lr_stable_ratio: 0.6,
  lr_decay_ratio: 1,
};

const half = Math.SQRT1_2;

/** Rates of steps 0, 1, ... under the options. */
const cases: [string, Partial<ScheduleOptions>, number[]][] = [
  ["constant", {}, [0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
  ["linear", { schedule: "linear" }, [0, 0.5, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2]],
  [
    "cosine",
    { schedule: "cosine" },
    [0, 0.5, 1, NaN, 0.6 + 0.4 * half, NaN, 0.6, NaN, 0.6 - 0.4 * half, NaN, 0.2, 0.2],
  ],
  [
    "cosine that ends early",
    { schedule: "cosine", lr_decay_ratio: 0.6 },
    [0, 0.5, 1, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2, 0.2, 0.2, 0.2],
  ],
  ["wsd", { schedule: "wsd" }, [0, 0.5, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.2]],
  ["wsd to zero", { schedule: "wsd", lr_min: 0 }, [0, 0.5, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]],
  ["no warm-up", { lr_warmup_ratio: 0, lr_start: 0.5 }, [1, 1]],
  ["warm-up from a rate", { lr_start: 0.5, lr_warmup_ratio: 0.4 }, [0.5, 0.625, 0.75, 0.875, 1]],
  ["all warm-up", { schedule: "linear", lr_warmup_ratio: 1, steps: 4 }, [0, 0.25, 0.5, 0.75, 0.2]],
  ["a step", { schedule: "cosine", steps: 1 }, [1]],
];

for (const [name, options, rates] of cases) {
  Deno.test(`schedule: ${name}`, () => {
    rates.forEach((expected, step) => {
      if (Number.isNaN(expected)) return;
      const rate = learningRate(step, { ...base, ...options });
      assert(Math.abs(rate - expected) < 1e-12, `step ${step}: ${rate}, expected ${expected}`);
    });
  });
}

Deno.test("schedule: decays never rise", () => {
  for (const schedule of ["cosine", "linear", "wsd"] as const) {
    const options = { ...base, schedule, steps: 100 };
    for (let step = 25; step < 100; step++) {
      assert(learningRate(step + 1, options) <= learningRate(step, options));
    }
  }
});
