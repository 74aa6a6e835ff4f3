import assert from "@std/assert";
import { openExisting } from "../../../lib/model/folder.ts";
import { folderOf } from "../../../lib/model/disk_folder.ts";
import { toF32 } from "../../../lib/model/tensors.ts";
import { type NamedTensor, WeightFile, writeTensorFile } from "../../../lib/model/tensor_file.ts";

const SHAPES: [string, number[]][] = [["a", [2, 2]], ["b", [3]], ["none", [0]]];

async function* stream(tensors: readonly NamedTensor[]) {
  yield* tensors;
}

Deno.test("writeTensorFile() takes tensors and their parts in any order", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/a.safetensors`;
  try {
    await writeTensorFile(
      path,
      SHAPES,
      stream([
        { name: "b", values: Float32Array.of(5, 6, 7) },
        { name: "a", values: Float32Array.of(3, 4), at: 2 },
        { name: "a", values: Float32Array.of(1, 2) },
      ]),
    );
    const file = await WeightFile.open(await openExisting(folderOf(dir), "a.safetensors"));
    const found = [];
    for (const [name, { start, bytes, shape }] of file.tensors) {
      found.push([name, shape, ...toF32(await file.read(start, bytes), "F32")]);
    }
    file.close();
    assert.deepEqual(found, [["a", [2, 2], 1, 2, 3, 4], ["b", [3], 5, 6, 7], ["none", [0]]]);
    const wrong: [readonly NamedTensor[], RegExp][] = [
      [[{ name: "a", values: new Float32Array(4) }], /"b" did not come whole and once/],
      [[{ name: "c", values: new Float32Array(4) }], /"c" is not as large as was said/],
      [[{ name: "b", values: new Float32Array(3), at: 1 }], /"b" is not as large/],
    ];
    for (const [tensors, message] of wrong) {
      await assert.rejects(writeTensorFile(path, SHAPES, stream(tensors)), message);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a file on disk is read at several places at once", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 7 ^ i >> 8);
    await Deno.writeFile(`${dir}/a`, bytes);
    const file = await openExisting(folderOf(dir), "a");
    const starts = Array.from({ length: 64 }, (_, i) => i * 7919 % 1000 * 1000);
    const found = await Promise.all(starts.map((start) => file.read(start, 5000)));
    file.close();
    for (const [i, start] of starts.entries()) {
      assert.deepEqual(found[i], bytes.slice(start, start + 5000));
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
