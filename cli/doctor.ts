import { type Gpu, openGpu } from "../lib/gpu/device.ts";
import { scanWeights } from "../lib/model/checkpoint.ts";
import { fitLines, fits, type Room } from "../lib/quant/fit.ts";
import { SHAPE_NAMES, shapeConfig } from "../lib/quant/shapes.ts";
import { Executors } from "../lib/exec/executors.ts";
import { Rec } from "../lib/records/record.ts";
import { keepFile } from "../lib/folder.ts";
import { reason, Refusal } from "../lib/refusal.ts";
import { DEFAULT_BATCH, Session } from "../lib/session.ts";
import type { Command, Context } from "./command.ts";
import { factLines } from "./facts.ts";
import { MODEL_FLAGS, sessionOptions } from "./flags.ts";

/** `unmask doctor`: adapter, limits, features, executors, model. */
const command: Command = {
  summary: "Show what this machine can run",
  examples: [
    "unmask doctor",
    "unmask doctor --weights --model DIR",
    "unmask doctor --shape flash --memory 141",
    "unmask doctor --json | jq .gpu",
  ],
  flags: {
    model: MODEL_FLAGS.model,
    shape: {
      type: "string",
      value: "NAME",
      choices: SHAPE_NAMES,
      help: "ask about a published shape instead of a folder",
    },
    memory: {
      type: "number",
      range: { min: 0.001, max: 1e6 },
      value: "GB",
      help: "memory of the device to ask about, in 10^9 bytes",
    },
    batch: MODEL_FLAGS.batch,
    adapter: MODEL_FLAGS.adapter,
    engine: MODEL_FLAGS.engine,
    weights: { type: "boolean", help: "look for NaN and infinite values in every tensor" },
    json: { type: "boolean", help: "one JSON object on stdout" },
  },
  conflicts: [["shape", "model"], ["shape", "weights"]],
  async run(context) {
    const session = new Session(sessionOptions(context));
    const found: Record<string, unknown> = {
      deno: Deno.version.deno,
      system: `${Deno.build.os} ${Deno.build.arch}`,
      cores: navigator.hardwareConcurrency,
      cache: await cacheFact(context.cacheDir),
    };
    const room = await describeGpu(context, found);
    const shape = context.flags.shape as string | undefined;
    const bad = shape === undefined ? await describeModel(context, session, found) : [];
    const config = shape === undefined
      ? (await session.checkpoint()).config
      : shapeConfig(shape).config;
    const fitting = fits(config, room);
    found.executors = await describeExecutors();
    found.fits = context.flags.json ? fitting : fitLines(fitting, room);
    await session.close();
    context.progress("");
    await context.print(
      context.flags.json
        ? `${Rec.from({ id: "doctor", ...found })}\n`
        : factLines(found).join("\n") + "\n",
    );
    if (bad.length > 0) {
      throw new Refusal(
        `Cannot trust "${(await session.folder()).dir}": ${bad[0]}, expected finite weights`,
      );
    }
  },
};
export default command;

/** Where caches are, and why nothing can be kept there if that is so: other commands go on without a word. */
async function cacheFact(dir: string | undefined): Promise<string> {
  if (dir === undefined) return "none";
  const probe = `${dir}/probe`;
  try {
    await keepFile(probe, "a full disk has no room for this");
    await Deno.remove(probe);
    return dir;
  } catch (error) {
    return `${dir} (no: ${reason(error)})`;
  }
}

/** The model's facts; what is wrong with its weights, if that was asked for. */
async function describeModel(
  context: Context,
  session: Session,
  found: Record<string, unknown>,
): Promise<string[]> {
  const checkpoint = await session.checkpoint();
  found.model = {
    folder: checkpoint.dir,
    parameters: checkpoint.numParameters,
    layers: checkpoint.config.numHiddenLayers,
    context: checkpoint.config.maxPositionEmbeddings,
    ...(checkpoint.format && { format: checkpoint.format }),
    digest: await session.digest(),
  };
  const bad: string[] = [];
  if (!context.flags.weights) return bad;
  for await (const { name, nan, infinite } of scanWeights(checkpoint)) {
    context.progress(`scanning ${name}`);
    if (nan + infinite > 0) bad.push(`${name}: ${nan} NaN, ${infinite} infinite`);
  }
  found.weights = bad.length === 0 ? "all finite" : bad;
  return bad;
}

/** Largest binding that WebGPU in Deno ever offers, for asking without a device. */
const LARGEST_BINDING = 2 ** 31 - 1;

/** The device's facts, and the room that models have on it. */
async function describeGpu(context: Context, found: Record<string, unknown>): Promise<Room> {
  const { memory, batch = DEFAULT_BATCH } = context.flags;
  const { adapter, engine } = sessionOptions(context);
  const asked = memory === undefined ? undefined : memory as number * 1e9;
  const slots = batch as number;
  try {
    const gpu = await openGpu({ adapter, engine });
    const { maxStorageBufferBindingSize: maxBinding } = gpu.device.limits;
    found.gpu = gpuFacts(gpu);
    const { target } = gpu.launcher;
    const room = { maxBinding, slots, target, memory: asked ?? gpu.memory.limit };
    gpu.destroy();
    return room;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    found.gpu = error.message;
    return { maxBinding: LARGEST_BINDING, slots, memory: asked };
  }
}

function gpuFacts(gpu: Gpu): Record<string, unknown> {
  const { limits } = gpu.device;
  return {
    adapter: gpu.adapter,
    backend: gpu.backend,
    kernels: gpu.launcher.target,
    features: gpu.features.join(", ") || "none",
    ...(gpu.wrong.length > 0 && { "computes wrong values with": gpu.wrong.join(", ") }),
    "largest buffer": limits.maxBufferSize,
    "largest binding": limits.maxStorageBufferBindingSize,
    "workgroup memory": limits.maxComputeWorkgroupStorageSize,
  };
}

/** Who can run model-written code here, and why others cannot. */
async function describeExecutors(): Promise<Record<string, string>> {
  const executors = new Executors();
  try {
    return Object.fromEntries(
      Object.entries(await executors.report()).map(([id, found]) => [
        id,
        found.ok ? found.version : `no: ${found.why}`,
      ]),
    );
  } finally {
    await executors.close();
  }
}
