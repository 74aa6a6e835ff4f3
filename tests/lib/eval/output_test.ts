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

Deno.test("D4 a sync waits for the one before it, however slow the disk is", async () => {
  const dir = await Deno.makeTempDir();
  const { syncData } = Deno.FsFile.prototype;
  let [running, most, ended] = [0, 0, 0];
  try {
    const folder = await RunFolder.open(dir, { identity: {} });
    Deno.FsFile.prototype.syncData = async function () {
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, 1500));
      await syncData.call(this);
      running--;
      ended++;
    };
    for (let id = 0; ended < 2; id++) {
      await folder.append(Rec.from({ id: `${id}` }));
      await new Promise((done) => setTimeout(done, 100));
    }
    await folder.close();
    assert.deepEqual([running, most], [0, 1]);
  } finally {
    Deno.FsFile.prototype.syncData = syncData;
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("D4 a sync that fails behind the last record fails the run", async () => {
  const dir = await Deno.makeTempDir();
  const { syncData } = Deno.FsFile.prototype;
  try {
    const folder = await RunFolder.open(dir, { identity: {} });
    await folder.append(Rec.from({ id: "a" }));
    await new Promise<void>((done) => {
      Deno.FsFile.prototype.syncData = () => {
        Deno.FsFile.prototype.syncData = syncData; // the system says it once
        done();
        return Promise.reject(new Error("Input/output error"));
      };
    });
    const results = { tasks: {}, groups: {}, mean: null, mean_interval: null, complete: true };
    await refuses(() => folder.finish(results), /samples.jsonl": Input\/output error/);
    await folder.close();
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

Deno.test("C20 an owner that has not written its number yet, or not one of this machine, is one", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const owner = await Deno.open(`${dir}/lock`, { read: true, write: true, create: true });
    await owner.lock(true);
    await refuses(() => RunFolder.open(dir, { identity: {} }), /another process is writing to it/);
    await owner.write(new TextEncoder().encode("999999999 1"));
    await refuses(() => RunFolder.open(dir, { identity: {} }), /process 999999999 is writing to/);
    owner.close();
    await (await RunFolder.open(dir, { identity: {} })).close();
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort(),
      ["results.json", "samples.jsonl"],
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("E7 every value that differs is listed; a limit may grow, but not of a shard", async () => {
  const dir = await Deno.makeTempDir();
  const identity = (model: string, limit: number, shard: unknown = null) => ({
    options: { limit, shard, decode: { threshold: 0.9 } },
    digests: { model, tasks: { t: { data: `data of ${limit}`, metric: "acc" } } },
  });
  const open = async (...parts: Parameters<typeof identity>) => {
    const folder = await RunFolder.open(dir, { identity: identity(...parts) });
    await folder.close();
  };
  try {
    await open("a", 5);
    await open("a", 9);
    await refuses(() => open("b", 9), /digests\.model was "a", now "b" \(--force starts over\)/);
    await refuses(
      () => open("b", 9, { index: 1, count: 2 }),
      /options\.shard was null, now \{"index":1,"count":2\}; digests\.model/,
    );
    await Deno.remove(`${dir}/results.json`);
    await open("a", 5, { index: 1, count: 2 });
    await refuses(() => open("a", 9, { index: 1, count: 2 }), /options\.limit was 5, now 9/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("E7 a server may move until the run has ended; other tasks are named without digests", async () => {
  const dir = await Deno.makeTempDir();
  const notices: string[] = [];
  const open = async (endpoint: string, tasks = ["a"]) => {
    const digests = { tasks: Object.fromEntries(tasks.map((name) => [name, { data: "x" }])) };
    const identity = { options: { tasks, shard: "1/2" }, digests, endpoint };
    return await RunFolder.open(dir, { identity, onNotice: (line) => notices.push(line) });
  };
  try {
    await (await open("http://a")).close();
    await refuses(
      () => open("http://a", ["b", "c"]),
      /options\.tasks was \["a"\], now \["b","c"\] \(/,
    );
    const folder = await open("http://b");
    assert.deepEqual(notices, ["the run goes on at http://b, it was at http://a"]);
    await folder.finish({ tasks: {}, groups: {}, mean: null, mean_interval: null, complete: true });
    await folder.close();
    await refuses(() => open("http://a"), /endpoint was "http:\/\/b", now "http:\/\/a"/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("E9 seconds of all parts add up, those of a part that was killed too", async () => {
  const dir = await Deno.makeTempDir();
  const seconds = async () => JSON.parse(await Deno.readTextFile(`${dir}/timing.json`)).seconds;
  try {
    const first = await RunFolder.open(dir, { identity: {} });
    const grown: Record<string, number> = { a: 1 };
    first.follow(grown);
    await first.writeTimes(); // as while it runs
    grown.a = 2;
    grown.b = 0.5;
    await first.writeTimes();
    assert.deepEqual(await seconds(), { a: 2, b: 0.5 });
    await first.close();
    const second = await RunFolder.open(dir, { identity: {} });
    second.follow({ b: 1 });
    await second.finish({ tasks: {}, groups: {}, mean: null, mean_interval: null, complete: true });
    await second.close();
    assert.deepEqual(await seconds(), { a: 2, b: 1.5 });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("records are put in their places, whatever bytes they are", async () => {
  const dir = await Deno.makeTempDir();
  const samples = `${dir}/samples.jsonl`;
  try {
    await Deno.writeTextFile(samples, '{"id":"d","n":1.0}\n\n{"id":"a","x":"é"}\r\n{"id":"?"}\n');
    const folder = await RunFolder.open(dir, { identity: {} });
    await folder.append(Rec.from({ id: "c" }));
    const places = new Map([..."abcd"].map((id, place) => [id, place]));
    assert.equal(await folder.sort(places), true);
    await folder.append(Rec.from({ id: "e" }));
    const lines = ['{"id":"a","x":"é"}\r', '{"id":"c"}', '{"id":"d","n":1.0}', '{"id":"?"}'];
    assert.equal(await Deno.readTextFile(samples), `${[...lines, '{"id":"e"}'].join("\n")}\n`);
    assert.equal(await folder.sort(places), false);
    await folder.close();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("--force leaves nothing of the run before", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${dir}/lm_eval`);
    for (const name of ["samples.jsonl", "junit.xml", "lm_eval/samples_t.jsonl"]) {
      await Deno.writeTextFile(`${dir}/${name}`, "");
    }
    await (await RunFolder.open(dir, { identity: {}, force: true })).close();
    const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
    assert.deepEqual(names.sort(), ["results.json", "samples.jsonl"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("E6 a damaged file of a run refuses", async () => {
  for (const name of ["results.json", "timing.json"]) {
    const inside = name === "timing.json" ? ['{"seconds":7}', '{"seconds":{"t":"1"}}'] : [];
    for (const text of ["", "null", "[]", '{"tasks":', ...inside]) {
      const dir = await Deno.makeTempDir();
      try {
        await Deno.writeTextFile(`${dir}/${name}`, text);
        const open = () => RunFolder.open(dir, { identity: {} });
        await refuses(open, new RegExp(`Cannot read .*/${name}`));
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    }
  }
});
