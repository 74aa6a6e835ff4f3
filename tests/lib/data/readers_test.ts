import assert from "@std/assert";
import { memorySource, readAll } from "../../../lib/data/bytes.ts";
import { inflate } from "../../../lib/data/inflate.ts";
import { countRows, formatOf, type Reading, readRows } from "../../../lib/data/rows.ts";
import type { Row } from "../../../lib/data/source.ts";
import { readTar } from "../../../lib/data/tar.ts";
import { readZip } from "../../../lib/data/zip.ts";
import { checkMutations, refuses } from "../../mutate.ts";
import { all, fixture, parquetOf, slowSource, tarOf, textSource, utf8, zipOf } from "./make.ts";

const CSV: [string, string, Partial<Reading>, Row[]][] = [
  ["plain", "a,b\n1,2\n", {}, [{ a: "1", b: "2" }]],
  ["no last newline", "a,b\n1,2", {}, [{ a: "1", b: "2" }]],
  ["CRLF", "a,b\r\n1,2\r\n3,4\r\n", {}, [{ a: "1", b: "2" }, { a: "3", b: "4" }]],
  ["CRLF and CR in a field", 'a\r\n"1\r\n2\r3\n"\r\n', {}, [{ a: "1\n2\n3\n" }]],
  ["CR", "a,b\r1,2\r3,4", {}, [{ a: "1", b: "2" }, { a: "3", b: "4" }]],
  ["byte-order mark", "\ufeffa,b\n1,2", {}, [{ a: "1", b: "2" }]],
  ["quoted newlines", 'a,b\n"1\n\n2","x\ny"\n', {}, [{ a: "1\n\n2", b: "x\ny" }]],
  ["doubled quotes", 'a,b\n"say ""hi""",""""\n', {}, [{ a: 'say "hi"', b: '"' }]],
  ["a quote inside", 'a,b\n5" wide,x"y"\n', {}, [{ a: '5" wide', b: 'x"y"' }]],
  ["empty fields", 'a,b\n,\n"",\n', {}, [{ a: "", b: "" }, { a: "", b: "" }]],
  ["blank lines", "a,b\n\n1,2\n\n\n3,4\n\n", {}, [{ a: "1", b: "2" }, { a: "3", b: "4" }]],
  ["a quoted empty line is a row", 'a\n""\nx\n', {}, [{ a: "" }, { a: "x" }]],
  ["no header", "q,1,2\n", { columns: ["a", "b", "c"] }, [{ a: "q", b: "1", c: "2" }]],
  ["unnamed first column", ",Q\n0,x\n", {}, [{ "": "0", Q: "x" }]],
  ["characters of several bytes", "问,答\n😀é,「」\n", {}, [{ "问": "😀é", "答": "「」" }]],
  ["__proto__", "__proto__,b\n1,2\n", {}, [Object.fromEntries([["__proto__", "1"], ["b", "2"]])]],
];

for (const [name, text, reading, wanted] of CSV) {
  Deno.test(`readRows() CSV: ${name}`, async () => {
    for (const source of [textSource(text), slowSource(text)]) {
      assert.deepEqual(await all(readRows(source, { name: "f.csv", ...reading })), wanted);
    }
    assert.equal(await countRows(textSource(text), { name: "f.csv", ...reading }), wanted.length);
  });
}

const JSONS: [string, string, string, Partial<Reading>, Row[]][] = [
  ["an array", "f.json", '[{"a":1},\n{"a":2}]', {}, [{ a: 1 }, { a: 2 }]],
  ["an object is one row", "f.json", '{"data":[1],\n"v":2}', {}, [{ data: [1], v: 2 }]],
  ["an array under a key", "f.json", '{"x":1,"examples":[{"a":1}]}', { at: "examples" }, [{
    a: 1,
  }]],
  ["a keyed object", "f.json", '{"b":{"a":1},"c":{}}', { at: "" }, [{ _key: "b", a: 1 }, {
    _key: "c",
  }]],
  ["lines named .json", "f.json", '{"a":1}\n{"a":2}\n', {}, [{ a: 1 }, { a: 2 }]],
  ["one object of one line", "f.json", '{"a":1}\n', {}, [{ a: 1 }]],
  ["lines", "f.jsonl", '\ufeff{"a":1}\r\n\n{"a":2}', {}, [{ a: 1 }, { a: 2 }]],
  ["__proto__", "f.jsonl", '{"__proto__":1}', {}, [JSON.parse('{"__proto__":1}')]],
  ["labels", "f.lst", "0\n1\r\n", {}, [{ text: "0" }, { text: "1" }]],
  ["any text", "1.tex", "$x$\n", {}, [{ text: "$x$\n" }]],
];

for (const [what, name, text, reading, wanted] of JSONS) {
  Deno.test(`readRows() ${formatOf(name)}: ${what}`, async () => {
    for (const source of [textSource(text), slowSource(text)]) {
      assert.deepEqual(await all(readRows(source, { name, ...reading })), wanted);
    }
    assert.equal(await countRows(textSource(text), { name, ...reading }), wanted.length);
  });
}

const BAD: [string, string, string | Uint8Array<ArrayBuffer>, Partial<Reading>, RegExp][] = [
  ["a cut array", "f.json", '[{"a":1},', {}, /^Cannot read f as JSON: column 10/],
  ["a place on its line", "f.json", '[{"a":1},\n{"a":x}]', {}, /line 2 column 6/],
  ["rows that are no objects", "f.json", "[1]", {}, /element 0: found number, expected object/],
  ["a key that is absent", "f.json", "{}", { at: "rows" }, /key "rows" holds undefined/],
  ["deep nesting", "f.json", "[".repeat(200_000), {}, /nested deeper/],
  ["half a line", "f.jsonl", '{"a":1}\n{"a"', {}, /f:2 as JSON/],
  ["an array line", "f.jsonl", "[]", {}, /f:1: found array, expected object/],
  ["bad UTF-8 in lines", "f.jsonl", Uint8Array.of(0x7b, 0xff, 0x7d), {}, /not UTF-8/],
  ["bad UTF-8 in text", "f.txt", Uint8Array.of(0xc3), {}, /not UTF-8/],
  ["bad UTF-8 in CSV", "f.csv", Uint8Array.of(0x61, 0x0a, 0xc3), {}, /after line 2 .*not UTF-8/],
  ["an open quote", "f.csv", 'a\n\n"b\nc', {}, /f:3: the text ends inside quotes/],
  ["text behind a quote", "f.csv", 'a\n"b"c', {}, /text after the closing quote/],
  ["a short row", "f.csv", "a,b\n1,2\n\n3\n", {}, /f:4: the row has 1 fields, expected 2/],
  ["a long row", "f.csv", 'a,b\n"x\ny",2\n1,2,3\n', {}, /f:4: the row has 3 fields/],
  ["a column twice", "f.csv", "a,a\n", {}, /"a" stands twice/],
  ["no header", "f.csv", "", {}, /it is empty/],
  ["parquet that is short", "f.parquet", "PAR1PAR1", {}, /it has 8 bytes/],
  ["parquet that is text", "f.parquet", "hello, how are you", {}, /does not start with "PAR1"/],
];

for (const [what, name, content, reading, pattern] of BAD) {
  Deno.test(`E10 readRows() refuses ${formatOf(name)}: ${what}`, async () => {
    const bytes = typeof content === "string" ? utf8(content) : content;
    await refuses(() => all(readRows(memorySource("f", bytes), { name, ...reading })), pattern);
  });
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return await readAll("f", packed);
}

Deno.test("readRows() unpacks .gz and refuses a cut or damaged one", async () => {
  const text = Array.from({ length: 500 }, (_, i) => `{"i":${i}}\n`).join("");
  const packed = await gzip(utf8(text));
  const read = (bytes: Uint8Array<ArrayBuffer>) =>
    all(readRows(memorySource("f.jsonl.gz", bytes), { name: "f.jsonl" }));
  assert.equal((await read(packed)).length, 500);
  assert.equal(await countRows(memorySource("f.jsonl.gz", packed), { name: "f.jsonl" }), 500);
  for (const cut of [0, 5, 20, packed.length - 9, packed.length - 1]) {
    await refuses(() => read(packed.slice(0, cut)), /f\.jsonl(\.gz)?[: ]/);
  }
  const flipped = packed.slice();
  flipped[packed.length - 6] ^= 1; // the checksum
  await refuses(() => read(flipped), /compressed data is cut or damaged/);
});

Deno.test("readRows() unpacks all members of a .gz, and refuses other bytes behind", async () => {
  const members = await Promise.all(['{"i":0}\n', '{"i":1}\n{"i":2}\n'].map(utf8).map(gzip));
  const read = (...parts: Uint8Array<ArrayBuffer>[]) =>
    all(readRows(memorySource("f.jsonl.gz", Uint8Array.from(parts.flatMap((part) => [...part]))), {
      name: "f.jsonl",
    }));
  assert.deepEqual(await read(...members), [{ i: 0 }, { i: 1 }, { i: 2 }]);
  await refuses(() => read(...members, utf8("x")), /compressed data is cut or damaged/);
  await refuses(() => read(members[0], members[1].slice(0, -1)), /compressed data is cut or damag/);
});

Deno.test("inflate() lets go of a file that is not read to its end", async () => {
  for (const format of ["gzip", "deflate-raw"] as const) {
    const packed = new Blob([new Uint8Array(1e6)]).stream().pipeThrough(
      new CompressionStream(format),
    );
    const bytes = await readAll("f", packed);
    const { promise, resolve } = Promise.withResolvers<void>();
    const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.enqueue(bytes.slice(0, 9)),
      start: (controller) => controller.enqueue(bytes.slice(0, -9)),
      cancel: () => resolve(),
    }, { highWaterMark: 0 });
    for await (const _ of inflate("f", source, format)) break;
    await promise;
  }
});

for (const codec of ["SNAPPY", "UNCOMPRESSED", "GZIP", "ZSTD"] as const) {
  Deno.test(`readRows() parquet: ${codec}, lists, gaps, two row groups`, async () => {
    const { bytes, wanted } = parquetOf(300, codec);
    const source = memorySource("f.parquet", bytes);
    assert.deepEqual(await all(readRows(source, { name: "f.parquet" })), wanted);
    assert.equal(await countRows(source, { name: "f.parquet" }), 300);
  });
}

const text = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) =>
  new TextDecoder().decode(await readAll("f", stream));

Deno.test("readZip() opens the old cipher with its password", async () => {
  const members = await readZip(memorySource("enc.zip", fixture("encrypted.zip")));
  assert.deepEqual(members.map(({ name }) => name).sort(), [
    "d/gpqa_diamond.csv",
    "d/long.txt",
    "d/x.jsonl",
  ]);
  const csv = members.find(({ name }) => name.endsWith(".csv"))!;
  const wanted = 'Question,Correct Answer\n"What, then?",yes\n';
  assert.equal(await text(csv.stream("deserted-untie-orchid")), wanted);
  await refuses(() => text(csv.stream()), /encrypted, expected a password/);
  await refuses(() => text(csv.stream("another")), /password does not open it|damaged|CRC/);
});

Deno.test("readZip() reads stored members, whatever their names", async () => {
  const files = { "a.txt": "one", "d/__proto__": "two", "é 问.txt": "" };
  const members = await readZip(memorySource("f.zip", zipOf(files)));
  const found = await Promise.all(members.map(async (m) => [m.name, await text(m.stream())]));
  assert.deepEqual(found, Object.entries(files));
});

const BAD_ZIPS: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
  ["empty", new Uint8Array(), /no end record in 0 bytes/],
  ["cut", zipOf({ a: "one" }).slice(0, -1), /no end record/],
  ["traversal", zipOf({ "../a": "one" }), /file name "..\/a"/],
  ["absolute", zipOf({ "/a": "one" }), /it is absolute/],
  ["a drive", zipOf({ "C:\\a": "one" }), /it names a drive/],
  ["overlap", zipOf({ a: "1", b: "2" }, (entry) => entry.setUint32(42, 0, true)), /overlaps/],
  [
    "a bomb",
    zipOf({ a: "1" }, (entry) => entry.setUint32(24, 1e9, true)),
    /has 1 bytes for 1000000000/,
  ],
  ["another checksum", zipOf({ a: "1" }, (entry) => entry.setUint32(16, 5, true)), /CRC-32 is/],
  [
    "another size",
    zipOf({ a: "1" }, (entry) => entry.setUint32(24, 2, true)),
    /1 bytes, its entry says 2/,
  ],
  ["a longer member", zipOf({ a: "1" }, (entry) => entry.setUint32(20, 99, true)), /ends behind/],
  ["AES", zipOf({ a: "1" }, (entry) => entry.setUint16(10, 99, true)), /AES encryption/],
];

for (const [what, bytes, pattern] of BAD_ZIPS) {
  Deno.test(`E10 readZip() refuses: ${what}`, () =>
    refuses(async () => {
      for (const member of await readZip(memorySource("f.zip", bytes))) await text(member.stream());
    }, pattern));
}

async function tarFiles(bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const member of readTar("f.tar", new Blob([bytes]).stream())) {
    files[member.name] = await text(ReadableStream.from(member.body()));
  }
  return files;
}

Deno.test("readTar() reads ustar, GNU and pax, links and folders passed over", async () => {
  assert.deepEqual(await tarFiles(tarOf({ "./a": "1", "d/b": "x".repeat(512), c: "" })), {
    a: "1",
    "d/b": "x".repeat(512),
    c: "",
  });
  assert.deepEqual(await tarFiles(tarOf({ a: "" }, "2")), {});
  const long = `${"long/".repeat(40)}name.txt`;
  for (const name of ["gnu.tar.gz", "pax.tar.gz"]) {
    const files = await tarFiles(fixture(name));
    assert.deepEqual(Object.keys(files).sort(), [`d/${long}`, "d/x.jsonl"]);
    assert.equal(files["d/x.jsonl"], '{"a":1}\n{"a":2}\n');
  }
});

Deno.test("readTar() passes over what is not read", async () => {
  const names: string[] = [];
  const stream = new Blob([tarOf({ a: "1".repeat(2000), b: "2", c: "3" })]).stream();
  for await (const member of readTar("f.tar", stream)) names.push(member.name);
  assert.deepEqual(names, ["a", "b", "c"]);
});

const spoiled = tarOf({ a: "one" });
spoiled[0] = 98;
const BAD_TARS: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
  ["empty", new Uint8Array(), /ends at byte 0/],
  ["cut in a member", tarOf({ a: "one" }).slice(0, 513), /ends at byte 513/],
  ["cut between members", tarOf({ a: "one" }).slice(0, 1024), /ends at byte 1024/],
  ["a checksum", spoiled, /has the checksum \d+, it says \d+/],
  ["traversal", tarOf({ "a/../../b": "one" }), /file name "a\/..\/..\/b"/],
  ["absolute", tarOf({ "/etc/passwd": "one" }), /it is absolute/],
];

for (const [what, bytes, pattern] of BAD_TARS) {
  Deno.test(`E10 readTar() refuses: ${what}`, () => refuses(() => tarFiles(bytes), pattern));
}

const COUNTS = { slice: 150, full: 10_000 };

Deno.test("damaged CSV reads or refuses", () =>
  checkMutations(
    utf8('a,b,c\r\n1,"2\n""x""",3\n问,"",\n'.repeat(20)),
    COUNTS,
    (bytes) => all(readRows(memorySource("f", bytes), { name: "f.csv" })),
  ));

Deno.test("damaged JSON reads or refuses", () =>
  checkMutations(
    utf8(`{"examples":[${'{"a":[1,"x\\n"],"b":null},'.repeat(20)}{}]}`),
    COUNTS,
    (bytes) => all(readRows(memorySource("f", bytes), { name: "f.json", at: "examples" })),
  ));

Deno.test("damaged zip reads or refuses", () =>
  checkMutations(fixture("encrypted.zip"), COUNTS, async (bytes) => {
    for (const member of await readZip(memorySource("f.zip", bytes))) {
      await text(member.stream("deserted-untie-orchid"));
    }
  }));

Deno.test("damaged tar reads or refuses", () =>
  checkMutations(tarOf({ a: "one", "d/b": "x".repeat(700), c: "" }), COUNTS, tarFiles));

Deno.test("damaged tar.gz refuses", async () => {
  const packed = await gzip(tarOf({ a: "one", b: "x".repeat(700) }));
  await checkMutations(packed, COUNTS, (bytes) => {
    const plain = new Blob([bytes]).stream();
    return Array.fromAsync(readTar("f", inflate("f.gz", plain, "gzip")));
  });
});

for (const codec of ["SNAPPY", "UNCOMPRESSED", "GZIP", "ZSTD"] as const) {
  Deno.test(`damaged parquet (${codec}) reads or refuses`, () => {
    const { bytes } = parquetOf(40, codec);
    const counts = { slice: 150, full: 2_500 };
    return checkMutations(
      bytes,
      counts,
      (damaged) => all(readRows(memorySource("f", damaged), { name: "f.parquet" })),
    );
  });
}
