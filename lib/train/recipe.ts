/**
 * Edge: the recipe of a training run: a JSON or YAML file with a model, data and stages. `parseRecipe`
 * resolves it into phases, one for each block size of a stage, in which every setting has a value.
 */
import { dirname, isAbsolute, join } from "node:path";
import { parseYaml } from "../data/yaml.ts";
import { checkKeys, parseJson } from "../records/json.ts";
import { kindOf } from "../records/record.ts";
import { reason, Refusal } from "../refusal.ts";
import { either, Fields, flag, type Kind, listOf, oneOf, real, text, whole } from "./fields.ts";
import type { ScheduleOptions } from "./schedule.ts";
import { type ObjectiveName, OBJECTIVES, readSettings, type Settings } from "./settings.ts";

export type { ObjectiveName, Settings } from "./settings.ts";

/** A run from its first step to its last. */
export interface Recipe {
  /** What is trained. */
  readonly model: {
    /** config.json, or the folder of one; the start's own where it lacks. */
    readonly config?: string;
    /** "random", or the folder of a checkpoint. */
    readonly start: string;
    /** Folder of tokenizer.json. */
    readonly tokenizer: string;
    /** Standard deviation of random matrices. */
    readonly initializer_range: number;
    /** That of random token embeddings. */
    readonly embedding_range: number;
  };
  /** Tokens of a row. */
  readonly row_length: number;
  /** Rows of a validation. */
  readonly rows_validation: number;
  /** Answers share rows where they fit. */
  readonly several_per_row: boolean;
  /** Examples shuffled with each other. */
  readonly shuffle_window: number;
  /** Decides every random number. */
  readonly seed: number;
  /** In order; a stage has one for each of its block sizes. */
  readonly phases: readonly Phase[];
  /** How often the run is saved. */
  readonly checkpoints: {
    /** Steps between them. */
    readonly every: number;
    /** How many are kept. */
    readonly keep: number;
  };
  /** The best by validation are averaged at the end. */
  readonly merge?: { readonly best: number };
}

/** Where examples come from: a file of JSON Lines, or parts of a corpus known by name. */
export type DataItem =
  | { readonly file: string }
  | { readonly corpus: string; readonly parts: readonly string[] };

/** Examples to train on, and to measure on. */
export interface PhaseData {
  /** To train on. */
  readonly train: readonly DataItem[];
  /** To measure on; may be empty. */
  readonly validation: readonly DataItem[];
}

/** Steps with the same settings. */
export interface Phase extends Settings {
  /** Its stage's name, with the block size where the stage has several. */
  readonly name: string;
  /** The stage's name. */
  readonly stage: string;
  /** What is optimized. */
  readonly objective: ObjectiveName;
  /** As `buildBatch` takes it. */
  readonly block: number | "row" | "causal";
  /** Optimizer steps. */
  readonly steps: number;
  /** Where its examples come from. */
  readonly data: PhaseData;
  /** The learning rate of step s is that of `first_step + s`: a stage has one schedule. */
  readonly rate: ScheduleOptions & { readonly first_step: number };
}

/** Each phase's own seed is a thousand times as large, and must stay exact. */
const MOST_SEED = 2 ** 32 - 1;

/** Edge: reads a recipe file; names in it are relative to its folder. */
export async function readRecipe(file: string): Promise<Recipe> {
  let content: string;
  try {
    content = new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(file));
  } catch (cause) {
    const problem = cause instanceof TypeError ? "it is not UTF-8" : reason(cause);
    throw new Refusal(`Cannot read "${file}": ${problem}`, { cause });
  }
  return parseRecipe(content, file);
}

/** A recipe from its file's text. */
export function parseRecipe(content: string, file: string): Recipe {
  const where = `recipe "${file}"`;
  const yaml = /\.ya?ml$/.test(file);
  const json = yaml ? parseYaml(content, where) : parseJson(content, where);
  if (!yaml) checkKeys(content, where);
  const fields = new Fields(json, { file, path: "" });
  const model = readModel(fields.object("model"));
  const data = fields.object("data");
  const shared = {
    row_length: data.required("row_length", whole(2, 1 << 20)),
    rows_validation: data.optional("rows_validation", whole(1)) ?? 128,
    several_per_row: data.optional("several_per_row", flag) ?? false,
    shuffle_window: data.optional("shuffle_window", whole(1, 1 << 20)) ?? 4096,
  };
  const examples = readData(data, undefined);
  data.done();
  const defaults = fields.object("defaults");
  const phases = readStages(fields, { defaults, examples, row_length: shared.row_length });
  defaults.done();
  const checkpoints = fields.object("checkpoints");
  const kept = {
    every: checkpoints.optional("every", whole(1)) ?? 200,
    keep: checkpoints.optional("keep", whole(1)) ?? 5,
  };
  checkpoints.done();
  const merge = fields.has("merge") ? readMerge(fields.object("merge"), kept.keep) : undefined;
  const seed = fields.optional("seed", whole(0, MOST_SEED)) ?? 42;
  fields.done();
  return { model, ...shared, seed, phases, checkpoints: kept, merge };
}

function readModel(model: Fields): Recipe["model"] {
  const path = (name: string) => besideRecipe(model, model.optional(name, text));
  const config = path("config");
  const start = model.required("start", text);
  if (start === "random" && config === undefined) {
    throw model.wrong("config", 'a file or folder, for "start" is "random"');
  }
  const from = start === "random" ? start : besideRecipe(model, start)!;
  const folder = start !== "random" ? from : config!.endsWith(".json") ? dirname(config!) : config!;
  const tokenizer = path("tokenizer") ?? folder;
  // That of the published configurations; narrower models train faster with more.
  const initializer_range = model.optional("initializer_range", real(0, 1)) ?? 0.02;
  const embedding_range = model.optional("embedding_range", real(0, 10)) ?? initializer_range;
  model.done();
  return {
    ...(config === undefined ? {} : { config }),
    start: from,
    tokenizer,
    initializer_range,
    embedding_range,
  };
}

/** A path of the recipe as seen from where the run was started. */
function besideRecipe({ at: { file } }: Fields, path: string | undefined): string | undefined {
  return path === undefined || isAbsolute(path) ? path : join(dirname(file), path);
}

function readMerge(merge: Fields, keep: number): { best: number } {
  const best = merge.required("best", whole(1, keep));
  merge.done();
  return { best };
}

/** {"corpus": ["part", ...]}, by whatever name the corpus has. */
const corpus: Kind<DataItem> = {
  expected: 'parts of a corpus such as {"nano": ["math"]}',
  read(value) {
    const entries = kindOf(value) === "object" ? Object.entries(value as object) : [];
    if (entries.length !== 1) return undefined;
    const parts = listOf(text).read(entries[0][1]);
    return parts && { corpus: entries[0][0], parts };
  },
};

/** `train` and `validation`; what lacks is inherited. */
function readData(data: Fields, inherited: PhaseData | undefined): PhaseData {
  const file: Kind<DataItem> = {
    expected: "files",
    read: (value) => {
      const path = besideRecipe(data, text.read(value));
      return path === undefined ? undefined : { file: path };
    },
  };
  const item = either(file, corpus);
  const items = listOf(item);
  const train = data.optional("train", items) ?? inherited?.train;
  if (!train) throw data.wrong("train", items.expected);
  const validation = data.optional("validation", listOf(item, { empty: true }));
  return { train, validation: validation ?? inherited?.validation ?? [] };
}

/** What all stages share. */
interface StageContext {
  readonly defaults: Fields;
  readonly examples: PhaseData;
  readonly row_length: number;
}

function readStages(recipe: Fields, context: StageContext): Phase[] {
  const stages = recipe.raw("stages");
  if (!Array.isArray(stages) || stages.length === 0) {
    throw recipe.wrong("stages", "a list of stages");
  }
  const names = new Set<string>();
  return stages.flatMap((json, at) => {
    const stage = new Fields(json, { file: recipe.at.file, path: `stages[${at}]` });
    const name = stage.required("name", text);
    const phases = readStage(stage, { ...context, name });
    stage.done();
    for (const phase of phases) {
      if (names.has(phase.name)) throw stage.wrong("name", `no second phase "${phase.name}"`);
      names.add(phase.name);
    }
    return phases;
  });
}

function readStage(stage: Fields, context: StageContext & { name: string }): Phase[] {
  const { name, defaults } = context;
  const objective = stage.required("objective", oneOf(...OBJECTIVES));
  const blocks = readBlocks(stage, { objective, row_length: context.row_length });
  const steps = readSteps(stage, { defaults, blocks: blocks.length });
  const { rate, ...settings } = readSettings(stage, { defaults, objective });
  const data = stage.has("data") ? stage.object("data") : undefined;
  const examples = data ? readData(data, context.examples) : context.examples;
  data?.done();
  const total = steps.reduce((sum, count) => sum + count, 0);
  let first = 0;
  return blocks.map((block, at): Phase => {
    const first_step = first;
    first += steps[at];
    return {
      name: blocks.length === 1 ? name : `${name}-${block}`,
      stage: name,
      objective,
      block,
      steps: steps[at],
      data: examples,
      ...settings,
      rate: { ...rate, steps: total, first_step },
    };
  });
}

/** `block`, or `blocks` in the order to go through. */
function readBlocks(
  stage: Fields,
  { objective, row_length }: { objective: ObjectiveName; row_length: number },
): Phase["block"][] {
  if (objective === "ar") {
    for (const name of ["block", "blocks"]) {
      if (stage.has(name)) throw stage.wrong(name, 'none, for objective "ar" has no blocks');
    }
    return ["causal"];
  }
  const divisor: Kind<number> = {
    expected: `a divisor of data.row_length = ${row_length}`,
    read: (value) => {
      const block = whole(1).read(value);
      return block !== undefined && row_length % block === 0 ? block : undefined;
    },
  };
  const block = either(divisor, oneOf("row"));
  if (stage.has("block") && stage.has("blocks")) {
    throw stage.wrong("blocks", 'none beside "block"');
  }
  if (stage.has("block")) return [stage.required("block", block)];
  return [...stage.required("blocks", listOf(block))];
}

/** Steps of each block size: one number for each of them, or a list. */
function readSteps(
  stage: Fields,
  { defaults, blocks }: { defaults: Fields; blocks: number },
): readonly number[] {
  const shared = defaults.has("steps") && !stage.has("steps");
  const fields = shared ? defaults : stage;
  const steps = fields.required("steps", either(whole(1), listOf(whole(1))));
  if (typeof steps === "number") return new Array(blocks).fill(steps);
  if (steps.length === blocks) return steps;
  throw fields.wrong("steps", `a list of ${blocks}: the steps of each block size`);
}
