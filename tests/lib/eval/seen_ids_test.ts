import assert from "@std/assert";
import { SeenIds } from "../../../lib/eval/seen_ids.ts";

Deno.test("J17 SeenIds tells where an id stood before", () => {
  const seen = new SeenIds();
  for (let i = 0; i < 20_000; i++) assert.equal(seen.add(`id-${i}`, `stdin:${i + 1}`), undefined);
  assert.equal(seen.add("id-0", "b:1"), "stdin:1");
  assert.equal(seen.add("id-19999", "b:2"), "stdin:20000");
  assert.equal(seen.add("x", "a file"), undefined);
  assert.equal(seen.add("x", "b:3"), "a file");
});
