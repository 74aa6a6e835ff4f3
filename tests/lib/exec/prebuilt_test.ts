import assert from "@std/assert";
import { prebuilt } from "../../../lib/exec/prebuilt.ts";

Deno.test({
  name: "prebuilt() removes what a killed process left, and no other's",
  ignore: Deno.build.os === "windows",
  async fn() {
    const parent = await Deno.makeTempDir();
    const before = Deno.env.get("TMPDIR");
    Deno.env.set("TMPDIR", parent);
    try {
      const left = `${parent}/unmask-toolchain-left`;
      const others = `${parent}/another`;
      const made = await prebuilt("echo 1 > x", { name: "test", cache: null });
      const owned = made.folder.replace(/\/files$/, "");
      const hourAgo = new Date(Date.now() - 3_600_000);
      for (const path of [left, others]) {
        await Deno.mkdir(path);
        await Deno.utime(path, hourAgo, hourAgo);
      }
      await Deno.utime(owned, hourAgo, hourAgo);
      const second = await prebuilt("echo 2 > x", { name: "test", cache: null });
      assert.equal(await Deno.readTextFile(`${made.folder}/x`), "1\n");
      await second.remove();
      await made.remove();
      assert.deepEqual(Array.from(Deno.readDirSync(parent), ({ name }) => name), ["another"]);
    } finally {
      if (before === undefined) Deno.env.delete("TMPDIR");
      else Deno.env.set("TMPDIR", before);
      await Deno.remove(parent, { recursive: true });
    }
  },
});
