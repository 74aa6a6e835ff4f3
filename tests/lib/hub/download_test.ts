import assert from "@std/assert";
import { hubFiles } from "../../../lib/hub/client.ts";
import { download } from "../../../lib/hub/download.ts";
import { type HubSettings, hubSettings } from "../../../lib/hub/settings.ts";
import { refuses } from "../../mutate.ts";
import {
  breaking,
  COMMIT,
  cut,
  envOf,
  gitBlob,
  ranged,
  sha256Hex,
  standIn,
  type World,
} from "./stand_in.ts";

const TOKEN = "hf_secretSecretSecret";

const BYTES = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);

const SMALL = new TextEncoder().encode('{"a":1}\n');

interface Bench {
  readonly dir: string;
  readonly url: string;
  readonly settings: HubSettings;
  readonly seen: { path: string; range: string | null; authorization: string | null }[];
  readonly notices: string[];
}

/** Runs `body` with a stand-in and an empty cache. */
async function withHub(world: World, body: (bench: Bench) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  await using server = standIn(world);
  try {
    const env = envOf({ HF_ENDPOINT: server.url, HF_HOME: dir, HF_TOKEN: TOKEN });
    const settings = hubSettings(env);
    await body({ dir, url: server.url, settings, seen: server.seen, notices: [] });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function getFiles(bench: Bench, paths: string[], revision = "main"): Promise<string[]> {
  const repo = { kind: "dataset", name: "org/name" } as const;
  return hubFiles({ repo, revision, paths }, {
    settings: bench.settings,
    notice: (line) => bench.notices.push(line),
  });
}

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

Deno.test("hubFiles() writes the standard layout and then opens no connection", async () => {
  const files = { "data/big.parquet": BYTES, "README.md": SMALL };
  await withHub({ files, large: ["data/big.parquet"] }, async (bench) => {
    const [big, small] = await getFiles(bench, ["data/big.parquet", "README.md"]);
    assert.deepEqual(await Deno.readFile(big), BYTES);
    assert.deepEqual(await Deno.readFile(small), SMALL);
    const folder = `${bench.dir}/hub/datasets--org--name`;
    assert.equal(await Deno.readTextFile(`${folder}/refs/main`), COMMIT);
    const blobs = [gitBlob(SMALL), sha256Hex(BYTES)].sort();
    assert.deepEqual(await names(`${folder}/blobs`), blobs);
    const link = await Deno.readLink(`${folder}/snapshots/${COMMIT}/data/big.parquet`);
    assert.equal(link, `../../../blobs/${sha256Hex(BYTES)}`);
    const before = bench.seen.length;
    await getFiles(bench, ["data/big.parquet", "README.md"]);
    assert.equal(bench.seen.length, before);
  });
});

Deno.test("M25 the one cached snapshot is said where it is used, and only there", async () => {
  await withHub({ files: { a: SMALL, b: BYTES } }, async (bench) => {
    const other = "f".repeat(40);
    const snapshots = `${bench.dir}/hub/datasets--org--name/snapshots`;
    await Deno.mkdir(`${snapshots}/${other}`, { recursive: true });
    await Deno.writeFile(`${snapshots}/${other}/a`, SMALL);
    const both = ["a", "b"].map((path) => `${snapshots}/${COMMIT}/${path}`);
    assert.deepEqual(await getFiles(bench, ["a"]), [`${snapshots}/${other}/a`]);
    assert.equal(bench.notices.length, 1);
    assert.match(bench.notices[0], new RegExp(`the one cached snapshot of org/name, ${other}`));
    // It lacks one of these, so that both are the newest commit's.
    assert.deepEqual(await getFiles(bench, ["a", "b"]), both);
    assert.equal(bench.notices.length, 1, bench.notices.join());
  });
});

Deno.test("hubFiles() tells how far it is", async () => {
  await withHub({ files: { f: BYTES } }, async ({ settings }) => {
    const steps: number[] = [];
    const repo = { kind: "model", name: "org/name" } as const;
    await hubFiles({ repo, revision: "main", paths: ["f"] }, {
      settings,
      notice: assert.fail,
      progress: (file, done, total) => {
        assert.deepEqual([file, total], ["org/name/f", BYTES.length]);
        steps.push(done);
      },
    });
    assert.equal(steps[0], 0);
    assert.equal(steps.at(-1), BYTES.length);
  });
});

for (const at of [0, 1, 999, 65_536, 99_999]) {
  Deno.test(`D8 a download cut at byte ${at} is continued`, async () => {
    const fault: World["fault"] = ({ seen, count, bytes }) =>
      count === 1 ? cut(bytes, { range: seen.range, upTo: at }) : undefined;
    await withHub({ files: { f: BYTES }, fault }, async (bench) => {
      const [path] = await getFiles(bench, ["f"]);
      assert.deepEqual(await Deno.readFile(path), BYTES);
      const ranges = bench.seen.filter(({ path }) => path.includes("resolve")).map((s) => s.range);
      assert.equal(ranges.length, 2);
      assert.ok(ranges[1] === null || Number(/\d+/.exec(ranges[1])) <= at, String(ranges[1]));
    });
  });
}

Deno.test("D8 a connection that breaks is opened once more", async () => {
  await using server = breaking(BYTES);
  await withHub({ files: {} }, async ({ dir, settings }) => {
    await download(`${server.url}/f`, `${dir}/f`, { settings, what: "f" });
    assert.deepEqual(await Deno.readFile(`${dir}/f`), BYTES);
  });
});

Deno.test("D8 a run that was killed goes on where it was", async () => {
  await withHub({ files: { f: BYTES } }, async (bench) => {
    const path = `${bench.dir}/f`;
    await Deno.writeFile(`${path}.incomplete`, BYTES.slice(0, 60_000));
    await Deno.writeTextFile(`${path}.incomplete.etag`, `"${gitBlob(BYTES)}"`);
    await download(`${bench.url}/org/name/main/f`, path, { settings: bench.settings, what: "f" });
    assert.deepEqual(bench.seen.map(({ range }) => range), ["bytes=60000-"]);
    assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.deepEqual(await names(bench.dir), ["f"]);
  });
});

const RESTARTS: [string, World["fault"]][] = [
  ["a server that answers 200", ({ bytes }) => ranged(bytes, null)],
  ["another ETag", ({ seen, bytes }) => ranged(bytes, seen.range, '"another"')],
  ["another range", ({ seen, bytes }) => ranged(bytes, seen.range && "bytes=7-")],
  ["416", ({ seen }) => seen.range ? new Response(null, { status: 416 }) : undefined],
];

for (const [what, fault] of RESTARTS) {
  Deno.test(`D8 ${what} restarts a download`, async () => {
    await withHub({ files: { f: BYTES }, fault }, async (bench) => {
      const path = `${bench.dir}/f`;
      await Deno.writeFile(`${path}.incomplete`, new Uint8Array(60_000));
      await Deno.writeTextFile(`${path}.incomplete.etag`, `"${gitBlob(BYTES)}"`);
      await download(`${bench.url}/org/name/main/f`, path, { settings: bench.settings, what: "f" });
      assert.deepEqual(await Deno.readFile(path), BYTES);
    });
  });
}

Deno.test("D8 several downloads of one file all end right", async () => {
  await withHub({ files: { f: BYTES } }, async (bench) => {
    const all = await Promise.all(Array.from({ length: 8 }, () => getFiles(bench, ["f"])));
    for (const [path] of all) assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.equal(bench.seen.filter(({ path }) => path.includes("resolve")).length, 1);
  });
});

for (const large of [["f"], []]) {
  const kind = large.length > 0 ? "SHA-256" : "git id";
  Deno.test(`D9 bytes of another ${kind} are fetched once more, then refused and deleted`, async () => {
    const flipped = BYTES.slice();
    flipped[500] ^= 1;
    await withHub({ files: { f: BYTES }, large, fault: () => flipped }, async (bench) => {
      await refuses(() => getFiles(bench, ["f"]), /digest is \w+ after two attempts, expected \w+/);
      assert.equal(bench.seen.filter(({ path }) => path.includes("resolve")).length, 2);
      assert.deepEqual(await names(`${bench.dir}/hub/datasets--org--name/blobs`), []);
    });
    const fault: World["fault"] = ({ count }) => count === 1 ? flipped : undefined;
    await withHub({ files: { f: BYTES }, large, fault }, async (bench) => {
      const [path] = await getFiles(bench, ["f"]);
      assert.deepEqual(await Deno.readFile(path), BYTES);
    });
  });
}

const NAMES = [
  "../x",
  "/x",
  "a/../../x",
  "C:\\x",
  "C:x",
  "\\\\host\\x",
  "",
  "x".repeat(300),
  "a//b",
];
NAMES.push("a\0b", "aux.txt", "d/NUL", "ends. ", "a?b", ".", "a/.");

for (const name of NAMES) {
  Deno.test(`D10 the file name ${JSON.stringify(name).slice(0, 20)} refuses`, async () => {
    await withHub({ files: { [name]: SMALL } }, async (bench) => {
      await refuses(() => getFiles(bench, [name]), /^Cannot use the file name/);
      assert.deepEqual(bench.seen, []);
      assert.deepEqual(await names(bench.dir), []);
    });
  });
}

Deno.test("D10 an entry whose digest is a path refuses", async () => {
  const tree = [{ type: "file", path: "f", size: 8, oid: "../../../../x" }];
  await withHub(
    { files: { f: SMALL }, tree },
    (bench) => refuses(() => getFiles(bench, ["f"]), /the entry "f" is damaged/),
  );
});

Deno.test("D11 the token goes to the Hub and not along a redirect", async () => {
  const storage = standIn({ files: { "/store/f": BYTES } });
  await using _ = storage;
  const fault: World["fault"] = () =>
    new Response(null, { status: 302, headers: { location: `${storage.url}/store/f?sig=1` } });
  await withHub({ files: { f: BYTES }, fault }, async (bench) => {
    const [path] = await getFiles(bench, ["f"]);
    assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.ok(bench.seen.every(({ authorization }) => authorization === `Bearer ${TOKEN}`));
    assert.deepEqual(storage.seen.map(({ authorization }) => authorization), [null]);
  });
});

const STATUS: [string, number, Record<string, string>, RegExp][] = [
  ["401", 401, {}, /not public or not there, the token in HF_TOKEN may not read it \(HTTP 401\)/],
  ["403", 403, {}, /forbids it.*HTTP 403\), expected access granted/],
  ["gated", 403, { "x-error-code": "GatedRepo" }, /it is gated.*expected its terms accepted/],
  ["404", 404, {}, /no such file on 127.0.0.1:\d+ \(HTTP 404\)/],
  ["no repository", 404, { "x-error-code": "RepoNotFound" }, /no such repository/],
  ["no revision", 404, { "x-error-code": "RevisionNotFound" }, /no such revision/],
];

for (const [what, status, headers, pattern] of STATUS) {
  Deno.test(`D12 ${what}: says what to do, no retry, no token`, async () => {
    const fault: World["fault"] = () => new Response("no", { status, headers });
    await withHub({ files: { f: SMALL }, fault }, async (bench) => {
      await refuses(() => getFiles(bench, ["f"]), pattern);
      await assert.rejects(() => getFiles(bench, ["f"]), (error: Error) => {
        assert.ok(!Deno.inspect(error).includes(TOKEN));
        return true;
      });
      assert.equal(bench.seen.filter(({ path }) => path.includes("resolve")).length, 2);
    });
    await withHub(
      { files: {}, revision: new Response("no", { status, headers }) },
      (bench) => refuses(() => getFiles(bench, ["f"]), pattern),
    );
  });
}

Deno.test("a server in trouble is asked once more", async () => {
  const fault: World["fault"] = ({ count }) =>
    count === 1 ? new Response("busy", { status: 503 }) : undefined;
  await withHub({ files: { f: SMALL }, fault }, async (bench) => {
    const [path] = await getFiles(bench, ["f"]);
    assert.deepEqual(await Deno.readFile(path), SMALL);
  });
  await withHub(
    { files: { f: SMALL }, fault: () => new Response("busy", { status: 503 }) },
    (bench) => refuses(() => getFiles(bench, ["f"]), /answers HTTP 503/),
  );
});

Deno.test("D13 too little space is said before the first byte", async () => {
  const tree = [{ type: "file", path: "f", size: 2 ** 52, oid: gitBlob(SMALL) }];
  await withHub({ files: { f: SMALL }, tree }, async (bench) => {
    await refuses(
      () => getFiles(bench, ["f"]),
      /\d+ bytes are free at .*expected 4503599627370496/,
    );
    assert.ok(bench.seen.every(({ path }) => !path.includes("resolve")));
  });
  const headers = { "content-range": `bytes 8-${2 ** 52 - 1}/${2 ** 52}` };
  const fault: World["fault"] = () => new Response("x", { status: 206, headers });
  await withHub({ files: {}, fault }, async (bench) => {
    const path = `${bench.dir}/f`;
    await Deno.writeFile(`${path}.incomplete`, SMALL);
    await refuses(
      () => download(`${bench.url}/f`, path, { settings: bench.settings, what: "f" }),
      /\d+ bytes are free at .*expected 4503599627370488/,
    );
    assert.deepEqual(await Deno.readFile(`${path}.incomplete`), SMALL);
  });
});

Deno.test("D16 without links a copy is written; a clash of names refuses", async () => {
  const files = { "a.txt": BYTES, "b.txt": SMALL };
  await withHub({ files }, async (bench) => {
    const folder = `${bench.dir}/hub/datasets--org--name/snapshots/${COMMIT}`;
    await Deno.mkdir(folder, { recursive: true });
    const symlink = Deno.symlink;
    Deno.symlink = () => Promise.reject(new Deno.errors.NotSupported("no links"));
    try {
      const [path] = await getFiles(bench, ["a.txt"]);
      assert.ok((await Deno.lstat(path)).isFile);
      assert.deepEqual(await Deno.readFile(path), BYTES);
    } finally {
      Deno.symlink = symlink;
    }
    // What a file system that does not tell case apart shows where "B.txt" stands.
    await Deno.mkdir(`${folder}/b.txt`);
    await refuses(() => getFiles(bench, ["b.txt"]), /another file has that name here/);
  });
});

Deno.test("a cache that cannot be written refuses and names it", async () => {
  await withHub({ files: { f: SMALL } }, async (bench) => {
    await Deno.writeTextFile(`${bench.dir}/hub`, "a file where the cache should be");
    await refuses(() => getFiles(bench, ["f"]), /^Cannot write ".*hub.datasets--org--name/);
    await refuses(
      () =>
        download(`${bench.url}/org/name/main/f`, `${bench.dir}/hub/f`, {
          settings: bench.settings,
          what: "f",
        }),
      /^Cannot write ".*hub.f": [^:]*, expected a cache that takes it$/,
    );
  });
});

Deno.test("C13 an address that is no URL refuses with exit code 2", async () => {
  for (const name of ["HF_ENDPOINT", "UNMASK_RAW_ENDPOINT"]) {
    for (const value of ["huggingface.co", "ftp://x", "http://", "://"]) {
      await refuses(
        () => hubSettings(envOf({ [name]: value })),
        new RegExp(`^Cannot use ${name}: `),
      );
      assert.throws(() => hubSettings(envOf({ [name]: value })), { exitCode: 2 });
    }
  }
  assert.equal(hubSettings(envOf({ HF_ENDPOINT: "http://h/hub/" })).endpoint, "http://h/hub");
});

Deno.test("C14 HF_HUB_OFFLINE=1 opens no connection", async () => {
  await withHub({ files: { f: SMALL } }, async (bench) => {
    const settings = { ...bench.settings, offline: true };
    await refuses(() => getFiles({ ...bench, settings }, ["f"]), /HF_HUB_OFFLINE is set/);
    await refuses(
      () => download(`${bench.url}/f`, `${bench.dir}/f`, { settings, what: "f" }),
      /HF_HUB_OFFLINE is set/,
    );
    assert.deepEqual(bench.seen, []);
    await getFiles(bench, ["f"]);
    const before = bench.seen.length;
    await getFiles({ ...bench, settings }, ["f"]);
    assert.equal(bench.seen.length, before);
  });
  for (const [value, offline] of [["1", true], ["on", true], ["0", false], ["", false]] as const) {
    assert.equal(hubSettings(envOf({ HF_HUB_OFFLINE: value })).offline, offline);
  }
});

Deno.test("C12 without a home there is no cache to download to", async () => {
  assert.equal(hubSettings(envOf({})).cache, undefined);
  await withHub({ files: { f: SMALL } }, (bench) =>
    refuses(
      () => getFiles({ ...bench, settings: { ...bench.settings, cache: undefined } }, ["f"]),
      /no home for a cache, expected HF_HOME/,
    ));
});
