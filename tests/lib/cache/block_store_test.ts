import assert from "@std/assert";
import { blockKeys, BlockStore } from "../../../lib/cache/block_store.ts";
import { besideOf } from "../../../lib/folder.ts";
import { checkDamaged } from "../../mutate.ts";
import { NEEDS_GPU } from "../../gpu.ts";
import { shell } from "../../cli/unmask.ts";

const tensors = (value: number) =>
  new Map([["layers.0.keys", { dtype: "U8", shape: [64], bytes: new Uint8Array(64).fill(value) }]]);

Deno.test("blockKeys() chains: a key names everything before it", async () => {
  const base = { model: "m", dtype: "f32", device: "d", blockLength: 2, tokens: [1, 2, 3, 4, 5] };
  const keys = await blockKeys(base);
  assert.equal(keys.length, 2);
  assert.equal((await blockKeys({ ...base, tokens: [1, 2, 9, 4] }))[0], keys[0]);
  assert.notEqual((await blockKeys({ ...base, tokens: [9, 2, 3, 4] }))[1], keys[1]);
  for (const change of [{ model: "n" }, { dtype: "f16" }, { device: "e" }, { blockLength: 1 }]) {
    assert.notEqual((await blockKeys({ ...base, ...change }))[0], keys[0]);
  }
});

Deno.test("D3 D5 D7 BlockStore keeps whole entries, notices damage, and takes two writers", async () => {
  const dir = await Deno.makeTempDir();
  const notices: string[] = [];
  const store = new BlockStore({ dir, onNotice: (line) => notices.push(line) });
  const other = new BlockStore({ dir });
  await Promise.all([store.put("ab01", tensors(1)), other.put("ab01", tensors(1))]);
  assert.deepEqual(
    (await store.get("ab01"))!.get("layers.0.keys")!.bytes,
    new Uint8Array(64).fill(1),
  );
  assert.equal(await store.get("ab02"), undefined);
  const path = `${dir}/ab/ab01.safetensors`;
  const bytes = await Deno.readFile(path);
  for (const at of [bytes.length - 1, 3, 40]) {
    await other.put("ab01", tensors(1));
    const damaged = bytes.slice();
    damaged[at] ^= 1;
    await Deno.writeFile(path, damaged);
    assert.equal(await store.get("ab01"), undefined, `byte ${at}`);
    assert.equal(await store.has("ab01"), false);
  }
  assert.equal(notices.length, 3);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("D5 a damaged entry is never used", () => checkDamaged("kv_entry"));

Deno.test("D6 a folder that cannot be written is one notice, not a failure", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/kv`, "a file");
  const notices: string[] = [];
  const store = new BlockStore({ dir: `${dir}/kv`, onNotice: (line) => notices.push(line) });
  await store.put("ab01", tensors(1));
  await store.put("ab02", tensors(2));
  assert.equal(notices.length, 1);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("BlockStore makes room by the least recently used", async () => {
  const dir = await Deno.makeTempDir();
  for (const [index, key] of ["aa01", "bb01", "cc01"].entries()) {
    await new BlockStore({ dir }).put(key, tensors(index));
    const time = new Date(1e12 + index * 1000);
    await Deno.utime(`${dir}/${key.slice(0, 2)}/${key}.safetensors`, time, time);
  }
  await new BlockStore({ dir }).get("aa01");
  await new BlockStore({ dir, limitBytes: 900 }).put("dd01", tensors(9));
  const store = new BlockStore({ dir });
  assert.equal(await store.has("bb01"), false);
  assert.equal(await store.has("dd01"), true);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("D3 leftovers of killed writers are removed later, fresh ones stay", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.mkdir(`${dir}/ab`);
  const [old, fresh] = [1, 2].map(() => besideOf(`${dir}/ab/ab01.safetensors`));
  for (const path of [old, fresh]) await Deno.writeTextFile(path, "half an ent");
  const time = new Date(Date.now() - 25 * 3600_000);
  await Deno.utime(old, time, time);
  const store = new BlockStore({ dir });
  assert.equal(await store.get("ab01"), undefined);
  await store.put("ab02", tensors(2));
  const left = (await Array.fromAsync(Deno.readDir(`${dir}/ab`))).map(({ name }) => name).sort();
  assert.deepEqual(left, [fresh.slice(`${dir}/ab/`.length), "ab02.safetensors"]);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("D7 an entry that another process evicts while we read is there or not, never wrong", async () => {
  const dir = await Deno.makeTempDir();
  const notices: string[] = [];
  const reader = new BlockStore({ dir, onNotice: (line) => notices.push(line) });
  const writer = new BlockStore({ dir });
  for (let round = 0; round < 20; round++) {
    await writer.put("ab01", tensors(1));
    const removing = Deno.remove(`${dir}/ab/ab01.safetensors`);
    const found = await reader.get("ab01");
    await removing;
    assert.ok(!found || found.get("layers.0.keys")!.bytes.every((byte) => byte === 1));
  }
  assert.deepEqual(notices, []);
  await Deno.remove(dir, { recursive: true });
});

Deno.test(
  "J20 D5 a lost or damaged cache is recomputed, said so, and changes nothing",
  NEEDS_GPU,
  async () => {
    const cache = await Deno.makeTempDir();
    const env = { UNMASK_CACHE: cache };
    const item =
      "unmask tasks nano_knowledge --limit 1 | unmask prefill --block-length 8 > $D/p.jsonl";
    await shell(item, { env: { ...env, D: cache } });
    const decode = `unmask denoise --block-length 8 ${cache}/p.jsonl | jq -c .output`;
    const whole = await shell(decode, { env });
    assert.doesNotMatch(whole.stderr, /KV cache/);
    await shell(
      `for f in $(find $D/kv -name '*.safetensors' | head -2); do truncate -s -1 $f; done`,
      {
        env: { D: cache },
      },
    );
    const damaged = await shell(decode, { env });
    assert.equal(damaged.stdout, whole.stdout);
    assert.match(damaged.stderr, /^note: KV cache/m);
    await Deno.remove(`${cache}/kv`, { recursive: true });
    const lost = await shell(decode, { env });
    assert.equal(lost.stdout, whole.stdout);
    assert.match(lost.stderr, /recomputed/);
    await Deno.remove(cache, { recursive: true });
  },
);
