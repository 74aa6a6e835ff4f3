/** What each experiment of docs/recipe.md compares: arms, as changes of one stage behind a common start. */

/** A stage of a recipe file. */
export type Stage = Readonly<Record<string, unknown>>;

/** One way to train. */
export interface Arm {
  readonly name: string;
  readonly stages: readonly Stage[];
}

/** Ways to train that differ in one ingredient. */
export interface Experiment {
  readonly id: string;
  readonly title: string;
  /** What the arms start from: plain AR weights, or block-diffusion ones. */
  readonly start: "ar" | "block";
  /** Steps of each arm. */
  readonly steps: number;
  readonly arms: readonly Arm[];
}

/** Steps of the long comparison, to those of others. */
const LONG = 10;

const TUNE: Stage = {
  name: "tune",
  objective: "sft",
  block: 32,
  lr: 1e-3,
  lr_min: 0,
  schedule: "linear",
  lr_warmup_ratio: 0.05,
  bandwidth: [0.1, 1],
  complementary: true,
};

/** Experiments of `steps` steps an arm, and one of LONG times as many. */
export function experiments(steps: number): readonly Experiment[] {
  return [...shortExperiments(steps), {
    ...shortExperiments(LONG * steps).find(({ id }) => id === "warmup")!,
    id: "warmup-long",
    title: "Warm-up of block sizes, from AR weights, longer",
  }];
}

function shortExperiments(steps: number): readonly Experiment[] {
  return ingredients(steps).map((experiment) => ({ ...experiment, steps }));
}

function ingredients(steps: number): readonly Omit<Experiment, "steps">[] {
  const tune = (name: string, change: Stage = {}): Arm => ({
    name,
    stages: [{ ...TUNE, steps, ...change }],
  });
  const third = Math.round(steps / 3);
  const adapt = (name: string, blocks: readonly number[], change: Stage = {}): Arm => ({
    name,
    stages: [{
      ...TUNE,
      name: "adapt",
      objective: "bdlm",
      learn_prompts: false,
      blocks,
      block: undefined,
      steps: blocks.length === 1 ? steps : [third, third, steps - 2 * third],
      ...change,
    }],
  });
  return [
    {
      id: "warmup",
      title: "Warm-up of block sizes, from AR weights",
      start: "ar",
      arms: [adapt("1, 4, 32", [1, 4, 32]), adapt("32 at once", [32])],
    },
    {
      id: "complementary",
      title: "Complementary masks",
      start: "block",
      arms: [tune("pair"), tune("one mask", { complementary: false })],
    },
    {
      id: "bandwidth",
      title: "Mask-ratio bandwidth",
      start: "block",
      arms: [tune("0.3 to 0.8", { bandwidth: [0.3, 0.8] }), tune("0 to 1", { bandwidth: [0, 1] })],
    },
    {
      id: "cap",
      title: "Confidence-aware training",
      start: "block",
      arms: [tune("without"), tune("0.2", { cap: 0.2 }), tune("2", { cap: 2 })],
    },
    {
      id: "noise",
      title: "Noise on masked embeddings, from AR weights",
      start: "ar",
      arms: [
        adapt("without", [32]),
        adapt("with", [32], { embedding_noise: 0.5, embedding_noise_steps: third }),
      ],
    },
  ];
}
