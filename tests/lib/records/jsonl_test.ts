import assert from "@std/assert";
import fc from "fast-check";
import { readJsonl, writeJsonl } from "../../../lib/records/jsonl.ts";
import { Rec } from "../../../lib/records/record.ts";
import { Refusal } from "../../../lib/refusal.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const runs = Deno.env.has("UNMASK_FULL") ? 10_000 : 500;

/** A stream of the bytes, cut at the places given (any numbers). */
function cutAt(bytes: Uint8Array, places: readonly number[]): ReadableStream<Uint8Array> {
  const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  const ends = [...cuts, bytes.length];
  return ReadableStream.from(ends.map((end, i) => bytes.slice(cuts[i - 1] ?? 0, end)));
}

/** What a stream of JSON Lines becomes after a stage that adds a field. */
async function passed(stream: ReadableStream<Uint8Array>, added?: string): Promise<string> {
  const parts: Uint8Array[] = [];
  const sink = {
    write(bytes: Uint8Array): Promise<number> {
      // Never more than 7 bytes at once: what is left has to come again.
      parts.push(bytes.slice(0, 7));
      return Promise.resolve(Math.min(7, bytes.length));
    },
  };
  async function* stage() {
    for await (const rec of readJsonl(stream, { source: "in" })) {
      if (added !== undefined) rec.set("added", added);
      yield rec;
    }
  }
  await writeJsonl(stage(), sink);
  return decoder.decode(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** JSON text spelled in ways that JSON.stringify never chooses: digits, escapes and spaces must survive. */
const spelled: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom("1.0", "-0", "1e400", "12345678901234567890", "0.10", "1E+2", "true", "null"),
    fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
    fc.constantFrom('"\\u0041"', '"\\ud800"', '"\\/"', '"\\u0000"'),
    fc.array(tie("value"), { maxLength: 3 }).map((values) => `[ ${values.join(" ,")}]`),
    fc.array(fc.tuple(fc.string({ unit: "binary" }), tie("value")), { maxLength: 3 })
      .map((fields) =>
        `{${fields.map(([name, value]) => `${JSON.stringify(name)} :${value}`).join(",  ")}}`
      ),
  ),
})).value;

const RESERVED = new Set(["id", "tokens", "model", "added"]);
const fieldName = fc.string({ unit: "binary", minLength: 1 }).filter((name) => !RESERVED.has(name));
const line = fc.tuple(
  fc.string(),
  fc.uniqueArray(fc.tuple(fieldName, spelled), { selector: ([name]) => name, maxLength: 4 }),
).map(([id, fields]) => {
  const own = fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`);
  return `{ "id" : ${JSON.stringify(id)},${own.join(" , ")}`.replace(/,$/, "") + " }";
});

Deno.test("J9 J18 any records in any chunks pass byte for byte", () =>
  fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat(), { maxLength: 20 }), async (lines, cuts) => {
      const text = lines.map((line) => `${line}\n`).join("");
      assert.equal(await passed(cutAt(encoder.encode(text), cuts)), text);
    }),
    { numRuns: runs, seed: 1 },
  ));

Deno.test("J18 new fields are spliced in behind what was there", () =>
  fc.assert(
    fc.asyncProperty(line, fc.string({ unit: "binary" }), async (line, added) => {
      const out = await passed(cutAt(encoder.encode(line), []), added);
      assert.equal(out, `{${line.slice(1, -1).trim()},"added":${JSON.stringify(added)}}\n`);
      // A later stage replaces its own field and nothing else.
      const again = await passed(cutAt(encoder.encode(out), []), "again");
      const parsed = JSON.parse(again);
      assert.equal(parsed.added, "again");
      assert.deepEqual({ ...parsed, added }, JSON.parse(out));
      assert.ok(line.slice(1, -1).split(",").every((part) => again.includes(part.trim())));
    }),
    { numRuns: runs, seed: 2 },
  ));

Deno.test("J3 J4 line numbers hold over any mixture of blank lines and line ends", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("", " ", "\t", "{}", '{"a":1}')),
      fc.array(fc.constantFrom("\n", "\r\n"), { minLength: 1 }),
      fc.boolean(),
      async (lines, ends, bom) => {
        const text = lines.map((line, i) => line + ends[i % ends.length]).join("");
        const bytes = encoder.encode((bom ? "\ufeff" : "") + text);
        const found: string[] = [];
        for await (const rec of readJsonl(cutAt(bytes, [1, 2, 3, 5]), { source: "in" })) {
          found.push(rec.id);
        }
        const wanted = lines.flatMap((line, i) => line.startsWith("{") ? [`in:${i + 1}`] : []);
        assert.deepEqual(found, wanted);
      },
    ),
    { numRuns: runs, seed: 3 },
  ));

Deno.test("any bytes are read as records or refused in one line that names a line", () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.tuple(line, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([line, place, byte]) => {
          const bytes = encoder.encode(line);
          bytes[place % bytes.length] = byte;
          return bytes;
        }),
      ),
      fc.array(fc.nat(), { maxLength: 5 }),
      async (bytes, cuts) => {
        try {
          for await (const rec of readJsonl(cutAt(bytes, cuts), { source: "in" })) {
            JSON.parse(String(rec));
          }
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          assert.match(error.message, /^Cannot (read|use).*\bin:\d+\b/);
        }
      },
    ),
    { numRuns: 4 * runs, seed: 4 },
  ));

Deno.test("J6 a line above the cap is refused however the bytes come", async () => {
  const bytes = encoder.encode('{"id":"a"}\n{"id":"bb"}\n');
  for (const cuts of [[], [13], [13, 17]]) {
    const ids: string[] = [];
    await assert.rejects(async () => {
      const options = { source: "in", maxLine: 10 };
      for await (const { id } of readJsonl(cutAt(bytes, cuts), options)) ids.push(id);
    }, { message: /^Cannot read in:2: the line has more than 10 bytes/ });
    assert.deepEqual(ids, ["a"]);
  }
});

Deno.test("J6 strings of 9 million characters are read, and errors behind them placed", () => {
  for (const long of ["y".repeat(9 << 20), "\\n".repeat(9 << 20)]) {
    const rec = Rec.parse(`{"id":"a","x":"${long}","y":1}`, "in:1");
    rec.set("y", 2);
    assert.ok(rec.toString() === `{"id":"a","x":"${long}","y":2}`);
    const column = `{"x":"${long}","y":N`.length;
    assert.throws(() => Rec.parse(`{"x":"${long}","y":NaN}`, "in:1"), {
      name: "Refusal",
      message: new RegExp(`^Cannot read in:1 as JSON: column ${column}: `),
    });
  }
});

Deno.test("J10 NaN, Infinity and -0 of ours are an error, never null", () => {
  for (const value of [NaN, Infinity, -Infinity, -0, [0, NaN], { deep: [{ x: -0 }] }]) {
    assert.throws(() => Rec.from({ id: "a" }).set("confidence", value), TypeError);
  }
  assert.equal(
    String(Rec.from({ id: "a", confidence: [0, 1e-300] })),
    '{"id":"a","confidence":[0,1e-300]}',
  );
});

Deno.test("J13 an id of ours is a string", () => {
  assert.throws(() => Rec.from({ id: 5 }), {
    name: "TypeError",
    message: 'Cannot write field "id": it is number, expected a string',
  });
});

Deno.test("J10 what JSON has no form for stands in no line", () => {
  const rec = Rec.from({ id: "a", prompt: undefined, messages: [] });
  assert.equal(String(rec), '{"id":"a","messages":[]}');
  assert.equal(rec.has("prompt"), false);
  for (const value of [undefined, () => 1, Symbol("x")]) {
    assert.throws(() => rec.set("text", value), TypeError);
  }
});

Deno.test("writeJsonl() stops the producer when the reader is gone", async () => {
  let made = 0;
  let closed = false;
  async function* endless() {
    try {
      while (true) {
        made++;
        yield Rec.from({ id: String(made) });
        if (made % 10 === 0) await new Promise((done) => setTimeout(done, 0));
      }
    } finally {
      closed = true;
    }
  }
  const sink = { write: () => Promise.reject(new Deno.errors.BrokenPipe()) };
  await writeJsonl(endless(), sink);
  assert.ok(closed && made < 1000, `${made} records`);
});

Deno.test("writeJsonl() writes what came before an error, then throws it", async () => {
  const parts: string[] = [];
  const sink = {
    write(bytes: Uint8Array) {
      parts.push(decoder.decode(bytes));
      return Promise.resolve(bytes.length);
    },
  };
  async function* failing() {
    yield* [Rec.from({ id: "a" }), Rec.from({ id: "b" })];
    throw new Refusal("Cannot go on");
  }
  await assert.rejects(writeJsonl(failing(), sink), Refusal);
  assert.equal(parts.join(""), '{"id":"a"}\n{"id":"b"}\n');
});
