/** A trainer without a device: its gradients are made up, all else is as a real one does it. */
import { parseConfig } from "../../../lib/model/config.ts";
import type { ModelConfig } from "../../../lib/model/config.ts";
import { expectedTensors } from "../../../lib/model/tensors.ts";
import { initialTensors } from "../../../lib/train/init.ts";
import { TINY } from "../../fixtures.ts";

/** config.json of the tiny model, and what the forward pass needs of it. */
export const TINY_JSON = JSON.parse(await Deno.readTextFile(`${TINY}/config.json`));
export const TINY_CONFIG: ModelConfig = parseConfig(JSON.stringify(TINY_JSON), "config.json");

type Kind = "weights" | "m" | "v";

/** Weights of the tiny model and moments of zero. */
export class FakeTrainer {
  steps = 0;
  readonly config = TINY_CONFIG;
  readonly tensors: Record<Kind, Map<string, Float32Array>> = {
    weights: new Map(),
    m: new Map(),
    v: new Map(),
  };

  static async open(seed: number): Promise<FakeTrainer> {
    const trainer = new FakeTrainer();
    const source = initialTensors(TINY_CONFIG, { seed });
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

/** Runs `body` in a folder that is gone afterwards. */
export async function inFolder(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
