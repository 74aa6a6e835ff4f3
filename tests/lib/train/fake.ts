/**
 * A trainer without a device: a model of how often each token comes (the first column of lm_head is its
 * logits), with AdamW as a real one has it.
 */
import { parseConfig } from "../../../lib/model/config.ts";
import type { ModelConfig } from "../../../lib/model/config.ts";
import { expectedTensors } from "../../../lib/model/tensors.ts";
import { initialTensors, type TensorSource } from "../../../lib/train/init.ts";
import type { TargetStats } from "../../../lib/train/objectives.ts";
import type { TrainBatch } from "../../../lib/train/streams.ts";
import { TINY } from "../../fixtures.ts";

/** config.json of the tiny model, and what the forward pass needs of it. */
export const TINY_JSON = JSON.parse(await Deno.readTextFile(`${TINY}/config.json`));
export const TINY_CONFIG: ModelConfig = parseConfig(JSON.stringify(TINY_JSON), "config.json");

type StepOptions = { lr: number; beta1: number; beta2: number; eps: number };

type Kind = "weights" | "m" | "v";

const sources = new Map<number, TensorSource>();

/** Drawn once a seed. */
function drawn(seed: number): TensorSource {
  const known = sources.get(seed);
  if (known) return known;
  const source = initialTensors(TINY_CONFIG, { seed });
  const kept = new Map<string, Promise<Float32Array>>();
  const own = {
    values: async (name: string, shape: readonly number[]) => {
      if (!kept.has(name)) kept.set(name, source.values(name, shape));
      return (await kept.get(name)!).slice();
    },
  };
  sources.set(seed, own);
  return own;
}

const HEAD = "lm_head.weight";

/** Weights of the tiny model and moments of zero. */
export class FakeTrainer {
  steps = 0;
  /** Passes made, for tests that count them. */
  passes = 0;
  destroyed = false;
  #gradient = new Float32Array(TINY_CONFIG.vocabSize);
  #batch: TrainBatch | undefined;
  #seen = 0;
  readonly config = TINY_CONFIG;
  readonly tensors: Record<Kind, Map<string, Float32Array>> = {
    weights: new Map(),
    m: new Map(),
    v: new Map(),
  };

  static async open(seed: number): Promise<FakeTrainer> {
    const trainer = new FakeTrainer();
    const source = drawn(seed);
    for (const [name, shape] of expectedTensors(TINY_CONFIG)) {
      const values = await source.values(name, shape);
      trainer.tensors.weights.set(name, values);
      if (name.endsWith(".expert_bias")) continue;
      for (const kind of ["m", "v"] as const) {
        trainer.tensors[kind].set(name, new Float32Array(values.length));
      }
    }
    return trainer;
  }

  forward(batch: TrainBatch): Promise<TargetStats> {
    this.passes++;
    this.#batch = batch;
    const { p, entropy } = this.#distribution();
    return Promise.resolve({
      crossEntropy: Float32Array.from(batch.labels, (label) => -Math.log(p[label])),
      entropy: new Float32Array(batch.labels.length).fill(entropy),
      argmax: new Uint32Array(batch.labels.length).fill(p.indexOf(Math.max(...p))),
    });
  }

  backward(coefficients: Float32Array): void {
    this.#seen++;
    const { p } = this.#distribution();
    this.#batch!.labels.forEach((label, i) => {
      p.forEach((value, v) => {
        this.#gradient[v] += coefficients[2 * i] * (value - (v === label ? 1 : 0));
      });
    });
  }

  step({ lr, beta1, beta2, eps }: StepOptions): Promise<{ gradientNorm: number }> {
    this.steps++;
    const [w, m, v] = (["weights", "m", "v"] as const).map((kind) => this.tensors[kind].get(HEAD)!);
    this.#gradient.forEach((g, token) => {
      const i = token * TINY_CONFIG.hiddenSize;
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      const root = Math.sqrt(v[i] / (1 - beta2 ** this.steps)) + eps;
      w[i] -= lr * m[i] / (1 - beta1 ** this.steps) / root;
    });
    const gradientNorm = Math.hypot(...this.#gradient);
    this.#gradient.fill(0);
    return Promise.resolve({ gradientNorm });
  }

  /** By the backward passes since the last call. */
  balance(rate: number): void {
    for (const [name, values] of this.tensors.weights) {
      if (name.endsWith(".expert_bias")) {
        values.forEach((_, i) => values[i] += (i % 2 ? rate : -rate) * this.#seen);
      }
    }
    this.#seen = 0;
  }

  destroy(): void {
    this.destroyed = true;
  }

  #distribution(): { p: number[]; entropy: number } {
    const head = this.tensors.weights.get(HEAD)!;
    const all = Array.from(
      { length: TINY_CONFIG.vocabSize },
      (_, v) => Math.exp(head[v * TINY_CONFIG.hiddenSize]),
    );
    const sum = all.reduce((a, b) => a + b);
    const p = all.map((value) => value / sum);
    return { p, entropy: -p.reduce((total, value) => total + value * Math.log(value), 0) };
  }

  async *read(kind: Kind) {
    // Another order than the file's.
    for (const [name, values] of [...this.tensors[kind]].reverse()) yield { name, values };
  }

  async write(kind: Kind, source: { values(name: string): Promise<Float32Array> }) {
    for (const name of this.tensors[kind].keys()) {
      this.tensors[kind].set(name, await source.values(name));
    }
  }
}
