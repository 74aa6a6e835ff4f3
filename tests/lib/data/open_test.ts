import assert from "@std/assert";
import { gzipSync } from "node:zlib";
import { openSource } from "../../../lib/data/open.ts";
import type { OpenedSource, Source } from "../../../lib/data/source.ts";
import { refuses } from "../../mutate.ts";
import {
  COMMIT,
  envOf,
  gitBlob,
  sha256Hex,
  type StandIn,
  standIn,
  type World,
} from "../hub/stand_in.ts";
import { all, fixture, parquetOf, tarOf, utf8 } from "./make.ts";

const ROWS = '{"q":1}\n{"q":2}\n{"q":3}\n';

const SOURCE: Source = {
  repo: "github:org/name",
  revision: "rev",
  licence: "MIT",
  items: 3,
  files: [{ name: "test.jsonl", path: "data/test.jsonl", rows: 3, digest: sha256Hex(utf8(ROWS)) }],
};

interface Bench {
  /** `--data`. */
  readonly data: string;
  readonly notices: string[];
  readonly server: StandIn;
  readonly env: Record<string, string>;
  /** Writes files under `DIR/task/`. */
  put(files: Readonly<Record<string, string | Uint8Array>>): Promise<void>;
  open(source: Source | Source[], options?: { data?: string }): Promise<OpenedSource>;
}

/** Runs `body` with a data folder, empty caches and a stand-in for every host. */
async function withData(world: World, body: (bench: Bench) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  await using server = standIn(world);
  const env = {
    HF_ENDPOINT: server.url,
    HF_HOME: `${root}/hf`,
    UNMASK_RAW_ENDPOINT: server.url,
    UNMASK_CACHE: `${root}/cache`,
  };
  const notices: string[] = [];
  const data = `${root}/data`;
  const notice = (line: string) => void notices.push(line);
  try {
    await Deno.mkdir(data);
    await body({
      data,
      notices,
      server,
      env,
      async put(files) {
        for (const [name, content] of Object.entries(files)) {
          const path = `${data}/task/${name}`;
          await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
          await Deno.writeFile(path, typeof content === "string" ? utf8(content) : content);
        }
      },
      open: (source, options = { data }) =>
        openSource("task", source, { ...options, env: envOf(env), notice }),
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const NOTHING: World = { files: {} };

Deno.test("openSource() takes the file in the data folder, gzipped or plain, without a connection", async () => {
  for (
    const [name, bytes] of [
      ["test.jsonl", utf8(ROWS)],
      ["test.jsonl.gz", Uint8Array.from(gzipSync(ROWS))],
    ] as const
  ) {
    await withData(NOTHING, async ({ put, open, server, notices }) => {
      await put({ [name]: bytes, "test.sample.jsonl": "{}" });
      const opened = await open(SOURCE);
      assert.equal(opened.sample, false);
      assert.deepEqual(await all(opened.rows()), [{ q: 1 }, { q: 2 }, { q: 3 }]);
      assert.deepEqual(await all(opened.rows("test.jsonl")), await all(opened.rows()));
      assert.equal(await opened.files[0].text(), ROWS);
      assert.deepEqual([server.seen, notices], [[], []]);
    });
  }
});

Deno.test("openSource() takes a clone of the repository, and an unpacked archive", async () => {
  await withData(NOTHING, async ({ open, put, data }) => {
    await put({ "data/test.jsonl": ROWS, "inner/rows/a.txt": "a" });
    const { files } = await open(SOURCE);
    assert.deepEqual(files.map(({ where }) => where), [`${data}/task/data/test.jsonl`]);
    const packed = { name: "rows/", path: "inner/rows/", archive: { path: "x.zip" } };
    const unpacked = await open({ ...SOURCE, files: [packed] });
    assert.deepEqual(await all(unpacked.rows()), [{ path: "a.txt", text: "a" }]);
  });
});

Deno.test("openSource() takes UNMASK_DATA", async () => {
  await withData(NOTHING, async ({ put, open, data, env }) => {
    await put({ "test.jsonl": ROWS });
    env.UNMASK_DATA = data;
    assert.equal((await all((await open(SOURCE, {})).rows())).length, 3);
    env.UNMASK_DATA = `${data}/none`;
    await refuses(() => open(SOURCE, {}), /data folder ".*none": no such folder/);
  });
});

Deno.test("E10 a sample serves when the original is absent, and is marked", async () => {
  await withData(NOTHING, async ({ put, open }) => {
    await put({ "test.sample.jsonl": '{"q":1}\n' });
    const opened = await open(SOURCE);
    assert.equal(opened.sample, true);
    assert.equal(opened.file("test.jsonl")!.sample, true);
    assert.deepEqual(await all(opened.rows()), [{ q: 1 }]);
  });
});

Deno.test("E10 another digest or row count than pinned refuses with found and expected", async () => {
  await withData(NOTHING, async ({ put, open }) => {
    await put({ "test.jsonl": '{"q":1}\n' });
    const found = sha256Hex(utf8('{"q":1}\n'));
    await refuses(
      () => open(SOURCE),
      new RegExp(`digest ${found} with 1 rows, expected 3 rows, expected the digest [0-9a-f]{64}`),
    );
    await put({ "test.jsonl": '{"q":1}\n'.repeat(3) });
    // Other rows, as many as there should be: their number says nothing.
    await refuses(() => open(SOURCE), /it has the digest [0-9a-f]{64}, expected the digest/);
    await put({ "test.jsonl": '{"q":1}\n' });
    const counted = { ...SOURCE, files: [{ name: "test.jsonl", rows: 3 }] };
    await refuses(() => open(counted), /test.jsonl" for task: it has 1 rows, expected 3/);
    const git = { ...SOURCE, files: [{ name: "test.jsonl", digest: gitBlob(utf8(ROWS)) }] };
    await refuses(
      () => open(git),
      /it has the digest [0-9a-f]{40}, expected the digest [0-9a-f]{40}/,
    );
  });
});

Deno.test("E10 in a folder with SOURCE.md a part of a file is a sample, and said", async () => {
  await withData(NOTHING, async ({ put, open, notices }) => {
    await put({ "test.jsonl": '{"q":1}\n', "SOURCE.md": "# parts" });
    const opened = await open({
      ...SOURCE,
      files: [...SOURCE.files, { name: "other.jsonl" }],
    });
    assert.equal(opened.sample, true);
    assert.deepEqual(opened.files.map(({ name }) => name), ["test.jsonl"]);
    assert.equal(opened.file("other.jsonl"), undefined);
    assert.match(notices.join("\n"), /1 of 2 files are absent from the samples/);
    assert.match(notices.join("\n"), /test.jsonl" is a sample: it has the digest/);
    await put({ "test.jsonl": '{"q":' });
    await refuses(() => open(SOURCE).then((opened) => all(opened.rows())), /test.jsonl:1 as JSON/);
  });
});

Deno.test("a file that is gone when it is read refuses", async () => {
  await withData(NOTHING, async ({ put, open, data }) => {
    await put({ "test.jsonl": ROWS });
    const opened = await open(SOURCE);
    await Deno.remove(`${data}/task/test.jsonl`);
    await refuses(() => all(opened.rows()), /^Cannot read ".*test.jsonl": /);
  });
});

Deno.test("openSource() downloads from a git repository once, then offline", async () => {
  await withData({ files: { "data/test.jsonl": utf8(ROWS) } }, async ({ open, server, env }) => {
    assert.equal((await all((await open(SOURCE)).rows())).length, 3);
    assert.deepEqual(server.seen.map(({ path }) => path), ["/org/name/rev/data/test.jsonl"]);
    env.HF_HUB_OFFLINE = "1";
    const opened = await open(SOURCE, {});
    assert.deepEqual([opened.sample, (await all(opened.rows())).length], [false, 3]);
    assert.equal(server.seen.length, 1);
  });
});

Deno.test("openSource() downloads parquet from the Hub", async () => {
  const { bytes, wanted } = parquetOf(50);
  const path = "main/test-00000-of-00001.parquet";
  await withData({ files: { [path]: bytes }, large: [path] }, async ({ open, env }) => {
    const source: Source = {
      repo: "org/name",
      licence: "MIT",
      items: 50,
      files: [{ name: "test.parquet", path, rows: 50 }],
    };
    assert.deepEqual(await all((await open(source)).rows()), wanted);
    env.HF_HUB_OFFLINE = "1";
    assert.deepEqual(await all((await open(source)).rows()), wanted);
    const wrong = { ...source, files: [{ name: "test.parquet", path, rows: 51 }] };
    await refuses(() => open(wrong), new RegExp(`${COMMIT}.*it has 50 rows, expected 51`));
  });
});

Deno.test("C14 without a network a line says what to download where", async () => {
  await withData(NOTHING, async ({ open, put, env, server, data }) => {
    env.HF_HUB_OFFLINE = "1";
    const place = `${data}/task/test.jsonl`;
    await refuses(
      () => open(SOURCE),
      new RegExp(
        `HF_HUB_OFFLINE is set.*or download ${server.url}/org/name/rev/data/test.jsonl to "${place}"`,
      ),
    );
    await refuses(() => open(SOURCE), /test.jsonl" \(no such folder yet\)$/);
    await put({ "Test.jsonl": "", "b.parquet": "", "c/d": "", "e": "", "f": "" });
    await refuses(
      () => open(SOURCE),
      /test.jsonl" \(that folder has "Test.jsonl", "b.parquet", "c\/", "e" and 1 more\)$/,
    );
    await refuses(() => open(SOURCE, {}), /to "DIR\/task\/test.jsonl" and use --data DIR/);
    await refuses(
      () => open({ ...SOURCE, repo: "org/name" }),
      /or download .*\/datasets\/org\/name\/resolve\/rev\/data\/test.jsonl to /,
    );
    const home = "https://example.org/data (fill in the form)";
    await refuses(
      () => open({ licence: "?", items: 1, files: [{ name: "a.zip" }], home }),
      /nothing can download it \(https:\/\/example.org\/data \(fill in the form\)\), looked in "/,
    );
    assert.deepEqual(server.seen, []);
    delete env.HF_HUB_OFFLINE;
    env.UNMASK_RAW_ENDPOINT = "http://127.0.0.1:1";
    await refuses(() => open(SOURCE), /no whole answer from 127.0.0.1:1 .*or download/);
  });
});

Deno.test("openSource() opens files of an encrypted zip, from the data folder or a download", async () => {
  const zip = fixture("encrypted.zip");
  const source: Source = {
    repo: "github:org/name",
    licence: "CC BY 4.0",
    items: 1,
    files: [{
      name: "gpqa_diamond.csv",
      path: "d/gpqa_diamond.csv",
      archive: { path: "dataset.zip", password: "deserted-untie-orchid", digest: sha256Hex(zip) },
      rows: 1,
    }],
  };
  const wanted = [{ Question: "What, then?", "Correct Answer": "yes" }];
  await withData({ files: { "dataset.zip": zip } }, async ({ put, open, server }) => {
    assert.deepEqual(await all((await open(source)).rows()), wanted);
    const seen = server.seen.length;
    await put({ "dataset.zip": zip });
    assert.deepEqual(await all((await open(source)).rows()), wanted);
    assert.equal(server.seen.length, seen);
    await put({ "dataset.zip": zip.slice(0, 300) });
    await refuses(() => open(source), /dataset.zip: no end record in 300 bytes/);
    const absent = { ...source, files: [{ ...source.files[0], path: "d/none.csv" }] };
    await put({ "dataset.zip": zip });
    await refuses(() => open(absent), /no members are "d\/none.csv", expected one/);
  });
});

Deno.test("openSource() reads tables and folders of a tar.gz, each in one pass", async () => {
  const tar = tarOf({
    "name-rev/data/test/a_test.csv": "q,1,2\nr,3,4\n",
    "name-rev/data/dev/a_dev.csv": "s,5,6\n",
    "name-rev/practice/x/x.py": "pass\n",
    "name-rev/practice/x/x_test.py": "import x\n",
  });
  const archive = { path: "data.tar.gz", url: "" };
  const columns = ["question", "A", "B"];
  await withData({ files: { "/data.tar.gz": Uint8Array.from(gzipSync(tar)) } }, async (bench) => {
    archive.url = `${bench.server.url}/data.tar.gz`;
    const source: Source = {
      licence: "MIT",
      items: 2,
      files: [
        { name: "data/test/a_test.csv", archive, columns, rows: 2 },
        { name: "data/dev/a_dev.csv", archive, columns },
        { name: "practice/", archive, rows: 2 },
      ],
    };
    const opened = await bench.open(source);
    assert.deepEqual(await all(opened.rows("data/test/a_test.csv")), [
      { question: "q", A: "1", B: "2" },
      { question: "r", A: "3", B: "4" },
    ]);
    assert.deepEqual(await all(opened.rows("practice/")), [
      { path: "x/x.py", text: "pass\n" },
      { path: "x/x_test.py", text: "import x\n" },
    ]);
    assert.equal(bench.server.seen.length, 1);
    await bench.put({
      "practice/x/x_test.py": "import x\n",
      "practice/x/x.py": "pass\n",
      "data/test/a_test.csv": "q,1,2\nr,3,4\n",
      "data/dev/a_dev.csv": "s,5,6\n",
    });
    const local = await bench.open(source);
    assert.deepEqual(await all(local.rows()), await all(opened.rows()));
  });
});

Deno.test("openSource() reads the rows of a folder's files in one order, packed and unpacked", async () => {
  const archive = { path: "data.tar" };
  const file = { name: "test/a/", format: "json", archive, rows: 3 } as const;
  const source: Source = { licence: "MIT", items: 3, files: [file] };
  const texts = {
    "test/a/2.json": '{"q":2}',
    "test/a/10.json": '{"q":10}',
    "test/a/1.json": '{"q":1}',
  };
  await withData(NOTHING, async ({ put, open, data }) => {
    await put({ "data.tar": tarOf(texts) });
    const wanted = [{ q: 1 }, { q: 10 }, { q: 2 }];
    assert.deepEqual(await all((await open(source)).rows()), wanted);
    await put(texts);
    assert.deepEqual(await all((await open(source)).rows()), wanted);
    await put({ "test/a/2.json": '{"q"' });
    const damaged = await open(source);
    await refuses(() => all(damaged.rows()), new RegExp(`${data}/task/test/a/2.json`));
  });
});

Deno.test("openSource() names what a clone without Git LFS has in the place of a file", async () => {
  await withData(NOTHING, async ({ put, open }) => {
    await put({ "data/test.jsonl": "version https://git-lfs.github.com/spec/v1\noid sha256:0\n" });
    await refuses(() => open(SOURCE), /data\/test.jsonl" for task: it is a pointer of Git LFS/);
  });
});

Deno.test("openSource() uses the form that is there", async () => {
  const table: Source = { form: "csv", licence: "MIT", items: 1, files: [{ name: "data/a.csv" }] };
  await withData({ files: { "data/test.jsonl": utf8(ROWS) } }, async ({ put, open }) => {
    assert.equal((await open([SOURCE, table])).source, SOURCE);
    await put({ "data/a.csv": "q\n1\n" });
    assert.equal((await open([SOURCE, table])).source, table);
    await put({ "test.sample.jsonl": ROWS });
    assert.equal((await open([SOURCE, table])).source, table);
    await put({ "test.jsonl": ROWS });
    assert.equal((await open([SOURCE, table])).source, SOURCE);
  });
});
