/** tokenizer.json of a byte-level BPE, checked and turned into a flat table. */
import { kindOf, parseObject, shown } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import { translatePattern } from "./pattern.ts";
import { type BpeTable, hashMerges, type TableMeta } from "./table.ts";

/** GPT-2's own pattern, which `ByteLevel` stands for when it is asked to split. */
const GPT2_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

type Json = Record<string, unknown>;

/** Reads a tokenizer.json; refuses what it cannot run exactly, naming the entry. */
export function parseTokenizer(text: string, file: string): { table: BpeTable; meta: TableMeta } {
  const fail = (problem: string): never => {
    throw new Refusal(`Cannot use "${file}": ${problem}`);
  };
  const json: Json = parseObject(text, `"${file}"`);
  const model = json.model as Json;
  if (kindOf(model) !== "object") fail(`"model" is ${kindOf(model)}, expected object`);
  if (model.type !== "BPE") fail(`model type is ${shown(model.type)}, expected "BPE"`);
  for (const name of ["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"]) {
    if (model[name]) fail(`"${name}" is ${shown(model[name])}, expected none`);
  }
  if (model.byte_fallback) fail('"byte_fallback" is true, expected a byte-level vocabulary');
  const normalizer = (json.normalizer as Json | null)?.type;
  if (normalizer !== undefined && normalizer !== "NFC") {
    fail(`normalizer is ${shown(normalizer)}, expected none or "NFC"`);
  }
  const processor = (json.post_processor as Json | null)?.type;
  if (processor !== undefined && processor !== "ByteLevel") {
    fail(`post_processor is ${shown(processor)}, expected none or "ByteLevel"`);
  }
  const pattern = patternOf(json.pre_tokenizer, fail);
  try {
    translatePattern(pattern);
  } catch (cause) {
    fail(`its pattern cannot be run exactly: ${(cause as Error).message}`);
  }
  const added = addedTokens(json.added_tokens ?? [], fail);
  const table = buildTable(model, added, fail);
  const ignoreMerges = model.ignore_merges === true;
  return { table, meta: { pattern, nfc: normalizer === "NFC", ignoreMerges, added } };
}

type Fail = (problem: string) => never;

function patternOf(preTokenizer: unknown, fail: Fail): string {
  const root = preTokenizer as Json | null;
  const steps = root?.type === "Sequence" ? root.pretokenizers as Json[] : [root];
  if (!Array.isArray(steps)) return fail('"pre_tokenizer" is not a list of steps');
  const last = steps.at(-1);
  if (last?.type !== "ByteLevel") {
    return fail(`pre_tokenizer ends with ${shown(last?.type)}, expected "ByteLevel"`);
  }
  if (last.add_prefix_space) return fail('"add_prefix_space" is true, expected false');
  if (steps.length === 1) {
    return last.use_regex === false ? "[^]+" : GPT2_PATTERN;
  }
  const [split] = steps as [Json];
  if (steps.length !== 2 || split.type !== "Split" || last.use_regex !== false) {
    return fail("pre_tokenizer is not Split and ByteLevel, expected these two steps");
  }
  if (split.behavior !== "Isolated" || split.invert) {
    return fail(`Split behaves as ${shown(split.behavior)}, expected "Isolated"`);
  }
  const regex = (split.pattern as Json)?.Regex;
  return typeof regex === "string" ? regex : fail("Split has no Regex pattern, expected one");
}

function addedTokens(list: unknown, fail: Fail): TableMeta["added"] {
  if (!Array.isArray(list)) return fail('"added_tokens" is not a list');
  return list.map((token: Json, index) => {
    const { id, content } = token ?? {};
    if (!Number.isInteger(id) || (id as number) < 0 || typeof content !== "string" || !content) {
      return fail(`added token ${index} is ${shown(token)}, expected {id, content}`);
    }
    for (const name of ["single_word", "lstrip", "rstrip"]) {
      if (token[name]) return fail(`added token ${shown(content)} has "${name}", expected false`);
    }
    return { id: id as number, content, special: token.special === true };
  });
}

function buildTable(model: Json, added: TableMeta["added"], fail: Fail): BpeTable {
  const vocab = model.vocab as Record<string, number>;
  if (kindOf(vocab) !== "object") fail('"vocab" is not an object');
  const ids = new Map(Object.entries(vocab));
  const size = Math.max(-1, ...added.map(({ id }) => id), maxOf(ids.values())) + 1;
  const known = ids.size + added.length;
  if (size > known) {
    fail(`largest id is ${size - 1} with ${known} tokens, expected ids without gaps`);
  }
  const owner: (string | undefined)[] = new Array(size);
  const bytesOf: Uint8Array[] = new Array(size);
  const claim = (name: string, id: unknown, bytes: Uint8Array) => {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= size) {
      fail(`token ${shown(name)} has id ${shown(id)}, expected a whole number`);
    }
    const index = id as number;
    if (owner[index] !== undefined) {
      fail(`tokens ${shown(owner[index])} and ${shown(name)} share id ${index}, expected one each`);
    }
    owner[index] = name;
    bytesOf[index] = bytes;
  };
  for (const [name, id] of ids) {
    const twin = added.find(({ content }) => content === name);
    if (twin && twin.id !== id) {
      fail(`added token ${shown(name)} has id ${twin.id}, its vocabulary entry ${id}`);
    }
    if (!twin) claim(name, id, byteLevelBytes(name, fail));
  }
  const encoder = new TextEncoder();
  for (const { id, content } of added) claim(content, id, encoder.encode(content));
  const gap = owner.findIndex((name) => name === undefined);
  if (gap >= 0) fail(`no token has id ${gap}, expected ids without gaps`);
  const offsets = new Uint32Array(size + 1);
  for (let id = 0; id < size; id++) offsets[id + 1] = offsets[id] + bytesOf[id].length;
  const bytes = new Uint8Array(offsets[size]);
  for (let id = 0; id < size; id++) bytes.set(bytesOf[id], offsets[id]);
  const byteIds = Uint32Array.from(BYTE_CHARACTERS, (character, byte) => {
    const id = ids.get(character);
    return id ?? fail(`no token for byte ${byte}, expected all 256`);
  });
  return { bytes, offsets, byteIds, merges: hashMerges(mergePairs(model.merges, ids, fail)) };
}

function mergePairs(
  merges: unknown,
  ids: ReadonlyMap<string, number>,
  fail: Fail,
): [number, number, number][] {
  if (!Array.isArray(merges)) return fail('"merges" is not a list');
  return merges.map((merge, rank) => {
    const parts = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(parts) || parts.length !== 2) {
      return fail(`merge ${rank} is ${shown(merge)}, expected two parts`);
    }
    const [left, right] = parts.map((part) => ids.get(part));
    const result = ids.get(`${parts[0]}${parts[1]}`);
    if (left === undefined || right === undefined || result === undefined) {
      return fail(`merge ${rank} is ${shown(merge)}, expected parts and result in the vocabulary`);
    }
    return [left, right, result];
  });
}

function maxOf(values: Iterable<unknown>): number {
  let most = -1;
  for (const value of values) if (typeof value === "number" && value > most) most = value;
  return most;
}

/** The printable character that stands for each byte in byte-level vocabularies (GPT-2). */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(printable ? byte : spare++);
  });
})();

const BYTE_OF = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

function byteLevelBytes(name: string, fail: Fail): Uint8Array {
  return Uint8Array.from(
    name,
    (character) => BYTE_OF.get(character) ?? fail(`token ${shown(name)} is not byte-level`),
  );
}
