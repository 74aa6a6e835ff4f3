import assert from "@std/assert";
import fc from "fast-check";
import { categoryOf, scoreBfcl } from "../../../lib/eval/bfcl/score.ts";
import { readPyJson } from "../../../lib/eval/calls/py_json.ts";
import { PyDict } from "../../../lib/eval/calls/py_value.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../shared.ts";

const FIXTURE = new URL("../../fixtures/bfcl_v3/scoring.jsonl", import.meta.url).pathname;

/** An item, an answer and what the official evaluator says of it. */
interface Case {
  readonly doc: PyDict;
  readonly output: string;
  readonly expected: { readonly valid: number; readonly error_type?: string };
  readonly note: string;
}

function cases(path: string): Case[] {
  return Deno.readTextFileSync(path).trim().split("\n").map((line) => ({
    ...JSON.parse(line),
    doc: (readPyJson(line) as PyDict).get("doc"),
  }));
}

function fault({ doc, output, expected, note }: Case): string[] {
  const { metrics, diagnostics } = scoreBfcl(output, doc);
  const wrong = metrics.valid !== expected.valid ||
    (expected.error_type !== undefined && diagnostics?.error_type !== expected.error_type);
  if (!wrong) return [];
  return [`${doc.get("id")} (${note}): ${JSON.stringify({ metrics, diagnostics, expected })}`];
}

Deno.test("scoreBfcl() scores the fixture's cases as the official evaluator does", () => {
  const all = cases(FIXTURE);
  assert.deepEqual(all.flatMap(fault), []);
  assert.ok(all.length > 20);
});

Deno.test({
  name: "scoreBfcl() scores every golden case as the official evaluator does",
  ignore: !sharedIsThere("benchmarks/bfcl_v3/scoring.jsonl"),
  fn: () => {
    const all = cases(`${SHARED_BENCHMARKS}/bfcl_v3/scoring.jsonl`);
    assert.deepEqual(all.flatMap(fault), []);
    assert.ok(all.length >= 102);
  },
});

const PARALLEL = {
  id: "parallel_0",
  function: ["f", "g"].map((name) => ({
    name,
    parameters: {
      properties: { a: { type: "integer" }, b: { type: "array", items: { type: "string" } } },
      required: ["a"],
    },
  })),
  ground_truth: [
    { f: { a: [1], b: [["x", "y"], ""] } },
    { g: { a: [3, 30], b: [""] } },
    { f: { a: [4], b: [""] } },
    { g: { a: [2], b: [""] } },
  ],
};
const GOLD = ["f(a=1, b=['X', 'y'])", "g(a=3)", "f(a=4)", "g(a=2)", "g(a=9)", "f(b=[])"];

Deno.test("the order of parallel calls changes no score", () => {
  const pick = fc.array(fc.constantFrom(...GOLD), { minLength: 3, maxLength: 5 });
  const seeded = { seed: 1, numRuns: 300 };
  fc.assert(
    fc.property(pick, fc.infiniteStream(fc.nat()), (calls, order) => {
      const keys = calls.map(() => order.next().value!);
      const moved = calls.map((call, i) => [keys[i], call] as const).sort(([a], [b]) => a - b)
        .map(([, call]) => call);
      const score = (list: readonly string[]) =>
        scoreBfcl(`[${list.join(", ")}]`, PARALLEL).metrics.valid;
      assert.equal(score(moved), score(calls));
    }),
    seeded,
  );
  assert.equal(scoreBfcl(`[${GOLD.slice(0, 4).join(", ")}]`, PARALLEL).metrics.valid, 1);
});

Deno.test("each answer takes the first call that passes, as the official checker has it", () => {
  const either = { g: { a: [2, 3], b: [""] } };
  const doc = { ...PARALLEL, ground_truth: [either, { g: { a: [2], b: [""] } }] };
  assert.equal(scoreBfcl("[g(a=3), g(a=2)]", doc).metrics.valid, 1);
  assert.equal(scoreBfcl("[g(a=2), g(a=3)]", doc).metrics.valid, 0);
});

Deno.test("scoreBfcl() never throws, whatever the model wrote", () => {
  const docs = cases(FIXTURE);
  const bits = fc.constantFrom(
    ...[
      "[",
      "]",
      "(",
      ")",
      "{",
      "}",
      "f",
      "a=",
      "1",
      "-",
      "'",
      '"',
      ",",
      " ",
      "\n",
      "**",
      "lambda ",
      "`",
    ],
    ...[
      "new ",
      "=>",
      "${",
      "\\",
      "#",
      "9**9**9",
      "é",
      "\ud800",
      "not ",
      "/*",
      "::",
      "<",
      ">",
      ".",
      "0x",
    ],
    ...docs.map(({ output }) => output.slice(1, 40)),
  );
  fc.assert(
    fc.property(
      fc.array(bits, { maxLength: 20 }),
      fc.constantFrom(...docs),
      (parts, { doc }) => {
        const { metrics } = scoreBfcl(parts.join(""), doc);
        assert.ok(metrics.valid === 0 || metrics.valid === 1);
      },
    ),
    { seed: 2, numRuns: 2000 },
  );
  const languages = ["simple", "java", "javascript"].map((category) =>
    docs.find(({ doc }) => categoryOf(doc) === category)!.doc
  );
  for (
    const flood of [
      "[",
      "f(",
      "f(a=",
      "-",
      "not ",
      "{'a':",
      "a.",
      "1+",
      "'a' ",
      "f(a=1),",
      "(lambda:",
    ]
  ) {
    for (const doc of languages) {
      assert.equal(typeof scoreBfcl(flood.repeat(20_000), doc).metrics.valid, "number");
    }
  }
});

Deno.test("categoryOf() reads the item's id where no field names the category", () => {
  assert.equal(categoryOf({ id: "live_simple_19-3-15" }), "live_simple");
  assert.equal(categoryOf({ id: "multi_turn_base_46" }), "multi_turn_base");
  assert.equal(categoryOf({ id: "simple_0", category: "java" }), "java");
  assert.equal(categoryOf(null), "");
});
