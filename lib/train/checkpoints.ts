/**
 * Edge: checkpoints of a run. Each is a folder that any command takes as a model (Hugging Face layout, float32),
 * with `optimizer.safetensors` (AdamW's moments) and `state.json` (all else that the next step depends on, the
 * SHA-256 of every other file, and its own) beside it. It is written under a temporary name and renamed.
 */
import { fileDigest, sha256 } from "../digest.ts";
import { writeWhole } from "../folder.ts";
import type { ModelConfig } from "../model/config.ts";
import { openExisting } from "../model/folder.ts";
import { folderOf } from "../model/disk_folder.ts";
import { expectedTensors } from "../model/tensors.ts";
import { type NamedTensor, WeightFile, writeTensorFile } from "../model/tensor_file.ts";
import { toF32 } from "../model/tensors.ts";
import { kindOf } from "../records/record.ts";
import { oneLine, reason, Refusal } from "../refusal.ts";

/** Where a run is after a step. */
export interface RunState {
  /** Optimizer steps done in the whole run. */
  readonly step: number;
  /** Name of the last step's phase: one stage at one block size. */
  readonly phase: string;
  /** Steps that AdamW's moments have seen. */
  readonly moments: number;
  /** Place in the phase's data from where the next step reads. */
  readonly position: number;
  /** Digest of what decides the run to the end of that phase. */
  readonly recipe: string;
  /** Bytes of the run's logs that belong to the steps done. */
  readonly logs: Readonly<Record<string, number>>;
  /** Validation loss at this step, or null where none was measured. */
  readonly validation: number | null;
}

/** A whole checkpoint. */
export interface SavedCheckpoint {
  /** Its folder. */
  readonly dir: string;
  /** Where the run was. */
  readonly state: RunState;
}

/** What of a trainer a checkpoint holds. */
export interface Trained {
  /** The model's shape. */
  readonly config: ModelConfig;
  /** The tensors of a kind, in any order. */
  read(kind: "weights" | "m" | "v"): AsyncIterable<NamedTensor>;
  /** Takes the tensors of a kind. */
  write(
    kind: "weights" | "m" | "v",
    tensors: { values(name: string): Promise<Float32Array> },
  ): Promise<void>;
}

/** The files of a model beside its weights. */
export interface ModelFiles {
  /** config.json as parsed, all of its fields. */
  readonly config: Readonly<Record<string, unknown>>;
  /** generation_config.json as parsed. */
  readonly generation: Readonly<Record<string, unknown>>;
  /** Folder with the tokenizer. */
  readonly tokenizer: string;
}

/** Which checkpoints stay. */
export interface Keep {
  /** This many of the newest. */
  readonly newest: number;
  /** This many of each phase with the least validation loss. */
  readonly best: number;
}

const WEIGHTS = "model.safetensors";
const MOMENTS = "optimizer.safetensors";
const STATE = "state.json";

/** Ending of a folder that is being written or removed. */
const PARTIAL = ".partial";

/** Ending of a folder whose files are not as they were written. */
const DAMAGED = ".damaged";

const NAME = /^step-\d{8,}$/;

const TOKENIZER_FILE =
  /^(tokenizer.*|special_tokens_map\.json|added_tokens\.json|vocab\..*|merges\.txt|chat_template\..*)$/;

/** Tensors that AdamW trains; `expert_bias` is moved by balancing alone. */
function trainedTensors(config: ModelConfig): [string, number[]][] {
  return [...expectedTensors(config)].filter(([name]) => !name.endsWith(".expert_bias"));
}

/** Writes a checkpoint below `dir`, then removes what need not stay. */
export async function saveCheckpoint(
  dir: string,
  { trainer, files, state, keep }: {
    readonly trainer: Trained;
    readonly files: ModelFiles;
    readonly state: RunState;
    readonly keep: Keep;
  },
): Promise<string> {
  const place = `${dir}/step-${String(state.step).padStart(8, "0")}`;
  const partial = place + PARTIAL;
  try {
    await Deno.mkdir(dir, { recursive: true });
    await removeUnfinished(dir);
    await Deno.mkdir(partial);
    await writeModelFiles(partial, files);
    const weights = finite(trainer.read("weights"), state.step);
    await writeTensorFile(`${partial}/${WEIGHTS}`, expectedTensors(trainer.config), weights);
    await writeMoments(`${partial}/${MOMENTS}`, trainer);
    const whole = { ...state, files: Object.fromEntries(await digestsOf(partial)) };
    const digest = await sha256(JSON.stringify(whole));
    await writeWhole(`${partial}/${STATE}`, `${JSON.stringify({ ...whole, digest })}\n`);
    await removeFolder(place); // a damaged one of the same step
    await Deno.rename(partial, place);
    await prune(dir, keep);
  } catch (cause) {
    await Deno.remove(partial, { recursive: true }).catch(() => {}); // a full disk has room again
    if (cause instanceof Refusal || cause instanceof TypeError) throw cause;
    throw new Refusal(`Cannot write "${partial}": ${reason(cause)}`, { cause });
  }
  return place;
}

/** The tensors, none of which may hold NaN or an infinite value: the checkpoints before stay the newest. */
async function* finite(tensors: AsyncIterable<NamedTensor>, step: number) {
  for await (const tensor of tensors) {
    if (!tensor.values.every(Number.isFinite)) {
      throw new Refusal(
        `Cannot save step ${step}: tensor "${tensor.name}" has values that are not finite, expected finite ones (a lower lr may help)`,
      );
    }
    yield tensor;
  }
}

async function writeModelFiles(dir: string, files: ModelFiles): Promise<void> {
  await Deno.writeTextFile(`${dir}/config.json`, configText(files.config, "float32"));
  await Deno.writeTextFile(
    `${dir}/generation_config.json`,
    `${JSON.stringify(files.generation, null, 2)}\n`,
  );
  await copyTokenizer(files.tokenizer, dir);
}

/** config.json of weights in a type, whatever type it named before. */
export function configText(
  { dtype: _, ...config }: Readonly<Record<string, unknown>>,
  torch_dtype: "float32" | "float16",
): string {
  return `${JSON.stringify({ ...config, torch_dtype }, null, 2)}\n`;
}

/** Copies the files of a tokenizer. */
export async function copyTokenizer(from: string, to: string): Promise<void> {
  for await (const { name } of Deno.readDir(from)) {
    if (TOKENIZER_FILE.test(name)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

async function writeMoments(path: string, trainer: Trained): Promise<void> {
  const shapes = trainedTensors(trainer.config);
  const kinds = ["m", "v"] as const;
  const all = kinds.flatMap((kind) =>
    shapes.map(([name, shape]) => [`${kind}.${name}`, shape] as const)
  );
  await writeTensorFile(path, all, values());

  async function* values() {
    for (const kind of kinds) {
      for await (const { name, values } of trainer.read(kind)) {
        yield { name: `${kind}.${name}`, values };
      }
    }
  }
}

async function digestsOf(dir: string): Promise<[string, string][]> {
  const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
  const digests: [string, string][] = [];
  for (const name of names) {
    if (name !== STATE) digests.push([name, await fileDigest(`${dir}/${name}`)]);
  }
  return digests;
}

/** Renamed first: a folder that is removed in part must not look whole. */
async function removeFolder(place: string): Promise<void> {
  const found = await Deno.stat(place).then(() => true, () => false);
  if (!found) return;
  const going = `${place}.old${PARTIAL}`;
  await Deno.rename(place, going);
  await Deno.remove(going, { recursive: true });
}

async function removeUnfinished(dir: string): Promise<void> {
  for await (const { name } of Deno.readDir(dir)) {
    if (name.endsWith(PARTIAL)) await Deno.remove(`${dir}/${name}`, { recursive: true });
  }
}

async function prune(dir: string, { newest, best }: Keep): Promise<void> {
  const all = await listCheckpoints(dir);
  const stay = new Set(all.slice(-newest));
  for (const phase of new Set(all.map(({ state }) => state.phase))) {
    for (const checkpoint of bestOf(all, { phase, count: best })) stay.add(checkpoint);
  }
  for (const checkpoint of all) if (!stay.has(checkpoint)) await removeFolder(checkpoint.dir);
}

/** The checkpoints of a phase with the least validation loss, the best first. */
export function bestOf(
  checkpoints: readonly SavedCheckpoint[],
  { phase, count }: { phase: string; count: number },
): SavedCheckpoint[] {
  return checkpoints
    .filter(({ state }) => state.phase === phase && state.validation !== null)
    .sort((a, b) => a.state.validation! - b.state.validation!)
    .slice(0, count);
}

/** Told of checkpoints that are left out. */
type Notice = (line: string) => void;

/** Checkpoints below `dir` that were finished, the oldest first; their tensors are not looked at. */
export async function listCheckpoints(
  dir: string,
  notice: Notice = () => {},
): Promise<SavedCheckpoint[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(dir)) names.push(name);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    throw new Refusal(`Cannot read "${dir}": ${reason(cause)}`, { cause });
  }
  const found: SavedCheckpoint[] = [];
  for (const name of names.sort()) {
    const place = `${dir}/${name}`;
    if (name.endsWith(PARTIAL)) notice(`"${place}" was never finished: ignored`);
    if (!NAME.test(name)) continue;
    const state = await readState(place, Number(name.slice("step-".length)));
    if (typeof state === "string") notice(`"${place}" is damaged (${state}): ignored`);
    else found.push({ dir: place, state });
  }
  return found.sort((a, b) => a.state.step - b.state.step);
}

/**
 * The newest checkpoint below `dir` of which every file is as it was written. Damaged ones that are newer get
 * another name, so that they neither count among the newest nor are averaged.
 */
export async function latestCheckpoint(
  dir: string,
  notice: Notice = () => {},
): Promise<SavedCheckpoint | undefined> {
  for (const checkpoint of (await listCheckpoints(dir, notice)).reverse()) {
    const damage = await damageOf(checkpoint.dir);
    if (damage === undefined) return checkpoint;
    const aside = checkpoint.dir + DAMAGED;
    await Deno.remove(aside, { recursive: true }).catch(() => {});
    await Deno.rename(checkpoint.dir, aside);
    notice(`"${checkpoint.dir}" is damaged (${damage}): set aside as "${aside}"`);
  }
}

/** The state at a step, or what is wrong with it. */
async function readState(dir: string, step: number): Promise<RunState | string> {
  let json;
  try {
    json = JSON.parse(await Deno.readTextFile(`${dir}/${STATE}`));
  } catch (error) {
    return `${STATE}: ${oneLine(reason(error))}`;
  }
  const count = (value: unknown) => Number.isSafeInteger(value) && value as number >= 0;
  const whole = [json?.step, json?.moments, json?.position].every(count) &&
    typeof json.phase === "string" && typeof json.recipe === "string" &&
    kindOf(json.logs) === "object" && Object.values(json.logs).every(count) &&
    (json.validation === null || Number.isFinite(json.validation)) &&
    kindOf(json.files) === "object";
  if (!whole) return `${STATE}: expected a run's state`;
  if (json.step !== step) return `${STATE} is of step ${json.step}`;
  const { digest, ...digested } = json;
  // One wrong digit of the position would train on other data without a word.
  if (digest !== await sha256(JSON.stringify(digested))) return `${STATE} has changed`;
  const { files: _, ...state } = digested;
  return state;
}

/** What is not as it was written in a checkpoint whose state can be read; undefined where all is. */
export async function damageOf(dir: string): Promise<string | undefined> {
  const { files } = JSON.parse(await Deno.readTextFile(`${dir}/${STATE}`));
  const found = new Map(await digestsOf(dir));
  for (const [name, digest] of Object.entries(files)) {
    if (!found.has(name)) return `${name} is missing`;
    if (found.get(name) !== digest) return `${name} has changed`;
  }
}

/** Gives a trainer the weights of a checkpoint, and the moments unless it has none. */
export async function restoreCheckpoint(
  dir: string,
  trainer: Trained,
  { moments: hasMoments = true }: { moments?: boolean } = {},
): Promise<void> {
  const weights = await WeightFile.open(await openExisting(folderOf(dir), WEIGHTS));
  try {
    await trainer.write("weights", { values: (name) => readTensor(weights, name) });
  } finally {
    weights.close();
  }
  if (!hasMoments) return;
  const moments = await WeightFile.open(await openExisting(folderOf(dir), MOMENTS));
  try {
    for (const kind of ["m", "v"] as const) {
      await trainer.write(kind, { values: (name) => readTensor(moments, `${kind}.${name}`) });
    }
  } finally {
    moments.close();
  }
}

async function readTensor(file: WeightFile, name: string): Promise<Float32Array> {
  const info = file.tensors.get(name);
  if (!info) throw new Refusal(`Cannot read "${file.path}": tensor "${name}" is missing`);
  return toF32(await file.read(info.start, info.bytes), info.dtype);
}
