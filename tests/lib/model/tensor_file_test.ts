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
