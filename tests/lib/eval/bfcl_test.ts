import assert from "node:assert/strict";
import { scoreBfcl } from "../../../lib/eval/bfcl/score.ts";
import { readPyJson } from "../../../lib/eval/calls/py_json.ts";
import type { PyDict } from "../../../lib/eval/calls/py_value.ts";

const SHARED = new URL("../../../../shared/benchmarks/bfcl_v3/", import.meta.url);

Deno.test("bfcl golden", () => {
  const text = Deno.readTextFileSync(new URL("scoring.jsonl", SHARED));
  let bad = 0, n = 0;
  for (const line of text.trim().split("\n")) {
    const row = readPyJson(line) as PyDict;
    const { expected, note, output, doc } = JSON.parse(line);
    const score = scoreBfcl(output, row.get("doc"));
    n++;
    if (score.metrics.valid !== expected.valid || (expected.error_type && expected.error_type !== score.diagnostics?.error_type)) {
      bad++;
      console.log(doc.id, note, expected, score.diagnostics, output);
    }
  }
  console.log(bad, n);
  assert.equal(bad, 0);
});
