/**
 * Reads damaged files one after another, in a process that `checkDamaged` (mutate.ts) can kill: prints one
 * line per case, "ok", "refused", or what went wrong.
 */
import { BlockStore } from "../lib/cache/block_store.ts";
import { openCheckpoint } from "../lib/model/checkpoint.ts";
import { parseConfig } from "../lib/model/config.ts";
import { readHeader, writeSafetensors } from "../lib/model/safetensors.ts";
import { Refusal } from "../lib/refusal.ts";
import { BpeTokenizer } from "../lib/tokenizer/bpe.ts";
import { parseTokenizer } from "../lib/tokenizer/parse.ts";
import { tryTemplate } from "../lib/tokenizer/template_trial.ts";
import { Random } from "../tasks/nano/corpus.ts";
import { NANO, TINY } from "./fixtures.ts";
import { mutate } from "./mutate.ts";

/** A kind of file: a good one, and what reads it. */
interface Target {
  readonly good: Uint8Array<ArrayBuffer>;
  /** Throws an Error for a wrong success; a Refusal is fine. */
  read(bytes: Uint8Array<ArrayBuffer>): unknown;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const folder = await Deno.makeTempDir();

const small = writeSafetensors(
  new Map(["a", "model.norm.weight", "10"].map((name, i) => [
    name,
    { dtype: "F32", shape: [i + 1, 2], bytes: new Uint8Array(8 * (i + 1)).fill(i) },
  ])),
  { format: "pt" },
);

/** A model folder of which one file is the damaged one. */
async function copyFolder(from: string, name: string): Promise<string> {
  const dir = `${folder}/${name}`;
  await Deno.mkdir(dir, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    if (entry.isFile) await Deno.copyFile(`${from}/${entry.name}`, `${dir}/${entry.name}`);
  }
  return dir;
}

async function openDamaged(from: string, file: string, bytes: Uint8Array): Promise<void> {
  const dir = `${folder}/${file}`;
  if (!await Deno.stat(dir).then(() => true, () => false)) await copyFolder(from, file);
  await Deno.writeFile(`${dir}/${file}`, bytes);
  (await openCheckpoint(dir)).close();
}

const TARGETS: Record<string, () => Promise<Target>> = {
  safetensors: () => Promise.resolve({ good: small, read: readSafetensors }),
  async config() {
    const good = await Deno.readFile(`${TINY}/config.json`);
    return { good, read: (bytes) => parseConfig(decoder.decode(bytes), "c") };
  },
  async index() {
    const from = `${TINY}/bf16-sharded`;
    const file = "model.safetensors.index.json";
    const good = await Deno.readFile(`${from}/${file}`);
    return { good, read: (bytes) => openDamaged(from, file, bytes) };
  },
  generation_config() {
    const good = encoder.encode(
      JSON.stringify({ eos_token_id: [241, 7], threshold: 0.8, steps: 4, do_sample: true }),
    );
    return Promise.resolve({
      good,
      read: (bytes) => openDamaged(TINY, "generation_config.json", bytes),
    });
  },
  async tokenizer() {
    return { good: await Deno.readFile(`${NANO}/tokenizer.json`), read: readTokenizer };
  },
  async template() {
    const file = JSON.parse(await Deno.readTextFile(`${NANO}/tokenizer_config.json`));
    return { good: encoder.encode(file.chat_template), read: renderTemplate };
  },
  async kv_entry() {
    const store = new BlockStore({ dir: folder });
    const bytes = new Uint8Array(64).fill(7);
    await store.put("ab01", new Map([["k", { dtype: "U8", shape: [64], bytes }]]));
    const path = `${folder}/ab/ab01.safetensors`;
    const good = await Deno.readFile(path);
    return {
      good,
      async read(damaged) {
        await Deno.writeFile(path, damaged);
        const found = await store.get("ab01");
        if (!found) throw new Refusal("Cannot use the entry: it is damaged");
        if (found.get("k")!.bytes.some((byte) => byte !== 7)) throw new Error("a wrong block");
      },
    };
  },
};

async function readSafetensors(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  let asked = 0;
  const { tensors } = await readHeader("f", bytes.length, (start, length) => {
    asked += length;
    if (asked > 4 * bytes.length) throw new Error(`asked for ${asked} of ${bytes.length} bytes`);
    return Promise.resolve(bytes.slice(start, start + length));
  });
  for (const { start, bytes: length } of tensors.values()) {
    if (start < 8 || start + length > bytes.length) throw new Error("a tensor outside the file");
  }
}

function readTokenizer(bytes: Uint8Array<ArrayBuffer>): void {
  const { table, meta } = parseTokenizer(decoder.decode(bytes), "t");
  const tokenizer = new BpeTokenizer(table, meta, "");
  const text = "hello <role> 12 world";
  const back = tokenizer.decode(tokenizer.encode(text));
  if (back !== text) throw new Error(`"${text}" came back as "${back}"`);
}

function renderTemplate(bytes: Uint8Array<ArrayBuffer>): void {
  const messages = [{ role: "user", content: "hi" }, { role: "assistant", content: "ho" }];
  const input = { messages, add_generation_prompt: true };
  const answer = tryTemplate({ source: decoder.decode(bytes), input, most: 1e6 });
  if (answer !== "ok") throw new Refusal(`Cannot apply the template: ${answer}`);
}

const [name, count] = Deno.args;
const { good, read } = await TARGETS[name]();
const random = new Random(1);
await read(good);
for (let i = 0; i < Number(count); i++) {
  const damaged = mutate(good, random);
  let line = "ok";
  try {
    await read(damaged);
  } catch (error) {
    const { message, stack } = error as Error;
    const plain = error instanceof Refusal && /^Cannot [^\n]+$/.test(message);
    line = plain ? "refused" : `wrong: ${JSON.stringify(stack)} on ${decoder.decode(damaged)}`;
  }
  console.log(line.replaceAll("\n", " "));
}
await Deno.remove(folder, { recursive: true });
