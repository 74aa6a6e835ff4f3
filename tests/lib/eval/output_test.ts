import assert from "@std/assert";
import { RunFolder } from "../../../lib/eval/output.ts";
import { Rec } from "../../../lib/records/record.ts";
import { refuses } from "../../mutate.ts";

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

Deno.test("C20 a lock is taken over when its owner is gone, whoever has its number now", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const dir = await Deno.makeTempDir();
  // `exec` leaves the first sleep without a parent that asks for its end: a zombie.
  const parent = new Deno.Command("sh", {
    args: ["-c", "sleep 0.1 & echo $!; exec sleep 60"],
    stdout: "piped",
  }).spawn();
  try {
    const reader = parent.stdout.getReader();
    const zombie = new TextDecoder().decode((await reader.read()).value).trim();
    while (!/\) Z /.test(await Deno.readTextFile(`/proc/${zombie}/stat`))) {
      await new Promise((done) => setTimeout(done, 20));
    }
    for (const gone of ["999999999", zombie, `${Deno.pid} 1`, "", "x"]) {
      await Deno.writeTextFile(`${dir}/lock`, gone);
      await (await RunFolder.open(dir, { identity: {} })).close();
    }
    const first = await RunFolder.open(dir, { identity: {} });
    await refuses(() => RunFolder.open(dir, { identity: {} }), /is writing to it/);
    await first.close();
    await reader.cancel();
  } finally {
    parent.kill();
    await parent.status;
    await Deno.remove(dir, { recursive: true });
  }
});
