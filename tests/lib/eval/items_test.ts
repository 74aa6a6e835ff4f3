import assert from "@std/assert";
import type { OpenedFile, OpenedSource, Row } from "../../../lib/data/source.ts";
import { exactItems, partItems, rowItems } from "../../../lib/eval/items.ts";
import { refuses } from "../../mutate.ts";

/** A source whose files have these lines of JSON. */
function source(files: Readonly<Record<string, string>>): OpenedSource {
  const opened = Object.entries(files).map(([name, text]): OpenedFile => ({
    name,
    where: `/data/${name}`,
    sample: false,
    text: () => Promise.resolve(text),
    rows: () => ReadableStream.from(text.split("\n").map((line) => JSON.parse(line) as Row)),
  }));
  const file = (name: string) => opened.find((each) => each.name === name);
  return {
    source: { files: [], licence: "", items: 0 },
    sample: false,
    files: opened,
    file,
    async *rows(name) {
      for (const each of name === undefined ? opened : [file(name)!]) yield* each.rows();
    },
  };
}

Deno.test("rowItems() numbers rows through all files, those that are no items too", async () => {
  const data = source({ a: '{"x":1}\n{"x":2}', b: '{"x":3}' });
  const items = rowItems("t", { doc: (row) => row.x === 2 ? undefined : row });
  assert.deepEqual((await Array.fromAsync(items(data))).map(({ id, doc }) => [id, doc]), [
    ["t/0", { x: 1 }],
    ["t/2", { x: 3 }],
  ]);
});

Deno.test("exactItems() keeps numbers as they are written, and names the line of what is no JSON", async () => {
  const items = exactItems("t", { id: ({ id }) => id });
  const [item] = await Array.fromAsync(items(source({ a: '{"id":"i","x":3.0}\n \n' })));
  assert.equal(item.id, "t/i");
  assert.notDeepEqual(item.doc.x, 3);
  await refuses(() => Array.fromAsync(items(source({ a: '{"id":"i"}\n\n{' }))), /\/data\/a:3/);
});

Deno.test("partItems() shows each part's first solved rows, and skips parts that are not there", async () => {
  const data = source({
    "a.test": '{"q":1}\n{"q":2}',
    "a.dev": '{"q":7}\n{"q":8}\n{"q":9}',
    "c.test": '{"q":3}',
  });
  const items = partItems("t", {
    parts: ["a", "b", "c"],
    field: "part",
    file: (part) => `${part}.test`,
    shots: { file: (part) => `${part}.dev`, count: 2 },
  });
  const shots = [{ part: "a", q: 7 }, { part: "a", q: 8 }];
  assert.deepEqual(await Array.fromAsync(items(data)), [
    { id: "t/a/0", doc: { part: "a", q: 1 }, shots },
    { id: "t/a/1", doc: { part: "a", q: 2 }, shots },
    { id: "t/c/0", doc: { part: "c", q: 3 }, shots: [] },
  ]);
});
