import { openGpu } from "../lib/gpu/device.ts";
import { scanWeights } from "../lib/model/checkpoint.ts";
import { Rec } from "../lib/records/record.ts";
import { Refusal } from "../lib/refusal.ts";
import { Session } from "../lib/session.ts";
import type { Command } from "./command.ts";
import { MODEL_FLAGS, sessionOptions } from "./flags.ts";

/** `unmask doctor`: adapter, limits, features, executors, model. */
const command: Command = {
  summary: "Show what this machine can run",
  examples: [
    "unmask doctor",
    "unmask doctor --weights --model DIR",
    "unmask doctor --json | jq .gpu",
  ],
  flags: {
    model: MODEL_FLAGS.model,
    adapter: MODEL_FLAGS.adapter,
    weights: { type: "boolean", help: "look for NaN and infinite values in every tensor" },
    json: { type: "boolean", help: "one JSON object on stdout" },
  },
  async run(context) {
    const session = new Session(sessionOptions(context));
    const found: Record<string, unknown> = {
      deno: Deno.version.deno,
      system: `${Deno.build.os} ${Deno.build.arch}`,
      cores: navigator.hardwareConcurrency,
      cache: context.cacheDir ?? "none",
      gpu: await gpuFacts(context.flags.adapter as string | undefined),
    };
    const checkpoint = await session.checkpoint();
    found.model = {
      folder: checkpoint.dir,
      parameters: checkpoint.numParameters,
      layers: checkpoint.config.numHiddenLayers,
      context: checkpoint.config.maxPositionEmbeddings,
      digest: await session.digest(),
    };
    const bad: string[] = [];
    if (context.flags.weights) {
      for await (const { name, nan, infinite } of scanWeights(checkpoint)) {
        context.progress(`scanning ${name}`);
        if (nan + infinite > 0) bad.push(`${name}: ${nan} NaN, ${infinite} infinite`);
      }
      found.weights = bad.length === 0 ? "all finite" : bad;
    }
    await session.close();
    context.progress("");
    await context.print(
      context.flags.json
        ? `${Rec.from({ id: "doctor", ...found })}\n`
        : lines(found).join("\n") + "\n",
    );
    if (bad.length > 0) {
      throw new Refusal(`Cannot trust "${checkpoint.dir}": ${bad[0]}, expected finite weights`);
    }
  },
};
export default command;

async function gpuFacts(adapter?: string): Promise<unknown> {
  try {
    const gpu = await openGpu({ adapter });
    const { limits } = gpu.device;
    const facts = {
      adapter: gpu.adapter,
      backend: gpu.backend,
      kernels: gpu.launcher.target,
      features: gpu.features.join(", ") || "none",
      ...(gpu.wrong.length > 0 && { "computes wrong values with": gpu.wrong.join(", ") }),
      "largest buffer": limits.maxBufferSize,
      "largest binding": limits.maxStorageBufferBindingSize,
      "workgroup memory": limits.maxComputeWorkgroupStorageSize,
    };
    gpu.destroy();
    return facts;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

function lines(facts: object, indent = ""): string[] {
  return Object.entries(facts).flatMap(([name, value]) => {
    if (Array.isArray(value)) {
      return [
        `${indent}${name}`,
        ...value.map((line) => `${indent}  ${line}`),
      ];
    }
    if (value !== null && typeof value === "object") {
      return [`${indent}${name}`, ...lines(value, `${indent}  `)];
    }
    return [`${indent}${name.padEnd(18 - indent.length)} ${value}`];
  });
}
