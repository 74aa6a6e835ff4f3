import assert from "@std/assert";
import { place } from "../../../lib/hub/cache.ts";

Deno.test("place() lets several processes give one blob its name at once", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/blobs`);
  await Deno.writeTextFile(`${folder}/blobs/b`, "bytes");
  for (let i = 0; i < 20; i++) {
    const one = { commit: "c", path: `f${i}`, blob: "b" };
    await Promise.all(Array.from({ length: 4 }, () => place(folder, one)));
    assert.equal(await Deno.readTextFile(`${folder}/snapshots/c/f${i}`), "bytes");
  }
  await Deno.remove(folder, { recursive: true });
});
