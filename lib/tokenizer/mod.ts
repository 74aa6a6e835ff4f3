/** Edge: loads a model folder's tokenizer, from its compiled table where that pays. */
import { sha256 } from "../digest.ts";
import { keepFile } from "../folder.ts";
import { tokenizerDigest } from "../model/digest.ts";
import { missing, type ModelFolder } from "../model/folder.ts";
import { folderOf } from "../model/disk_folder.ts";
import { shown } from "../records/record.ts";
import { reason, Refusal } from "../refusal.ts";
import { BpeTokenizer, type Tokenizer } from "./bpe.ts";
import { tokenizerConfig } from "./chat_template.ts";
import { parseTokenizer } from "./parse.ts";
import { packTable, unpackTable } from "./table.ts";

export type { Tokenizer } from "./bpe.ts";

/** A tokenizer.json above this size gets a compiled table in the cache folder. */
const COMPILE_BYTES = 1 << 20;

/** Options of `loadTokenizer`. */
export interface TokenizerOptions {
  readonly cacheDir?: string;
  readonly onNotice?: (line: string) => void;
}

/** Loads the tokenizer.json of a folder. */
export async function loadTokenizer(
  model: string | ModelFolder,
  options: TokenizerOptions = {},
): Promise<Tokenizer> {
  const folder = folderOf(model);
  const path = `${folder.dir}/tokenizer.json`;
  const file = await folder.read("tokenizer.json");
  if (!file) throw await missing(folder, "tokenizer.json");
  await checkAdded(folder);
  const digest = await tokenizerDigest(folder);
  if (file.length <= COMPILE_BYTES || !options.cacheDir) {
    const { table, meta } = parseTokenizer(utf8(file, path), path);
    return new BpeTokenizer(table, meta, digest);
  }
  const compiled = `${options.cacheDir}/tokenizers/${await sha256(file)}.bpe`;
  const known = await readCompiled(compiled, options);
  if (known) return new BpeTokenizer(known.table, known.meta, digest);
  const { table, meta } = parseTokenizer(utf8(file, path), path);
  await writeCompiled(compiled, packTable(table, meta), options);
  return new BpeTokenizer(table, meta, digest);
}

/** Refuses tokens that some versions of transformers put around a text, and others do not. */
async function checkAdded(folder: ModelFolder): Promise<void> {
  const config = await tokenizerConfig(folder);
  for (const name of ["add_bos_token", "add_eos_token"]) {
    if (!config[name]) continue;
    throw new Refusal(
      `Cannot use "${folder.dir}/tokenizer_config.json": field "${name}" is ${
        shown(config[name])
      }, expected false: only a chat template or a prompt adds tokens`,
    );
  }
}

async function readCompiled(path: string, { onNotice }: TokenizerOptions) {
  const bytes = await Deno.readFile(path).catch(() => undefined);
  if (!bytes) return undefined;
  const body = bytes.slice(32);
  if (await sha256(body) === bytes.subarray(0, 32).toHex()) {
    const found = unpackTable(body);
    if (found) return found;
  }
  onNotice?.("compiled tokenizer table is damaged: compiled again");
  return undefined;
}

async function writeCompiled(
  path: string,
  body: Uint8Array<ArrayBuffer>,
  { onNotice }: TokenizerOptions,
): Promise<void> {
  const bytes = new Uint8Array(32 + body.length);
  bytes.set(Uint8Array.fromHex(await sha256(body)));
  bytes.set(body, 32);
  try {
    await keepFile(path, bytes);
  } catch (error) {
    onNotice?.(`compiled tokenizer table is not kept: ${reason(error)}`);
  }
}

function utf8(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Refusal(`Cannot read "${path}": found bytes that are not UTF-8, expected UTF-8`, {
      cause,
    });
  }
}
