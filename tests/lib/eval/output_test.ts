import assert from "@std/assert";
import { RunFolder } from "../../../lib/eval/output.ts";
import { Rec } from "../../../lib/records/record.ts";

Deno.test("D4 a record reaches the disk, also when no other follows", async () => {
  const dir = await Deno.makeTempDir();
  const { syncData } = Deno.FsFile.prototype;
  try {
    const folder = await RunFolder.open(dir, { identity: {} });
    const synced = new Promise<void>((done) => {
      Deno.FsFile.prototype.syncData = async function () {
        await syncData.call(this);
        done();
      };
    });
    await folder.append(Rec.from({ id: "a" }));
    await synced; // within a second; without it this waits forever
    await folder.append(Rec.from({ id: "b" }));
    await folder.close(); // leaves no timer behind
    assert.equal(await Deno.readTextFile(`${dir}/samples.jsonl`), '{"id":"a"}\n{"id":"b"}\n');
  } finally {
    Deno.FsFile.prototype.syncData = syncData;
    await Deno.remove(dir, { recursive: true });
  }
});
