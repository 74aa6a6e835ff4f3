import assert from "@std/assert";
import fc from "fast-check";
import { overallScores } from "../../../lib/eval/bfcl/overall.ts";
import { bfclPrompt, FUNCTION_FILES, withFunctions } from "../../../lib/eval/bfcl/prompt.ts";
import { categoryOf, scoreBfcl } from "../../../lib/eval/bfcl/score.ts";
import { readPyJson } from "../../../lib/eval/calls/py_json.ts";
import { PyDict, type PyValue } from "../../../lib/eval/calls/py_value.ts";
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

/** Rows of a file of the benchmark. */
function rowsOf(file: string): PyDict[] {
  return Deno.readTextFileSync(`${SHARED_BENCHMARKS}/bfcl_v3/${file}`).trim().split("\n")
    .map((line) => readPyJson(line) as PyDict);
}

Deno.test({
  name: "bfclPrompt() makes the official prompts",
  ignore: !sharedIsThere("benchmarks/bfcl_v3/prompts.jsonl"),
  fn: () => {
    const documents = new Map<string, PyValue[]>();
    for (const [name, file] of FUNCTION_FILES) {
      documents.set(name, rowsOf(`multi_turn_func_doc/${file}`));
    }
    for (const prompt of rowsOf("prompts.jsonl")) {
      const id = String(prompt.get("id"));
      const row = rowsOf(`BFCL_v3_${id.replace(/_[^_]*$/, "")}.json`).find((each) =>
        each.get("id") === id
      )!;
      const item = row.has("involved_classes") ? withFunctions(row, documents) : row;
      const wanted = (prompt.get("messages") as PyDict[])
        .map((message) => Object.fromEntries(message.entries()));
      assert.deepEqual(bfclPrompt(item), wanted, id);
    }
  },
});

Deno.test("bfclPrompt() puts an item's own system message last and merges the user's", () => {
  const message = (role: string, content: string) => ({ role, content });
  const question = [[message("system", "Be kind."), message("user", "a"), message("user", "b")]];
  const types = {
    x: { type: "HashMap", description: "d." },
    y: { type: "Array", description: "e.", items: { type: "String" } },
  };
  const item = {
    id: "java_0",
    question,
    function: [{ name: "f", description: "F.", parameters: { type: "dict", properties: types } }],
  };
  const [system, user] = bfclPrompt(item);
  assert.match(system.content, /'F\. Note that the provided function is in Java 8 SDK syntax\.'/);
  assert.match(
    system.content,
    /'d\. This is Java HashMap type parameter in string representation\.'/,
  );
  assert.match(
    system.content,
    /The list elements are of type String; .*'\}\}\}\}\]\n\n\n\nBe kind\.$/,
  );
  assert.deepEqual(user, { role: "user", content: "a\n\nb" });
});

Deno.test("withFunctions() holds back the functions of a later turn", () => {
  const [ls, cat, add] = ["ls", "cat", "add"].map((name) => PyDict.of({ name }));
  const documents = new Map([["GorillaFileSystem", [ls, cat]], ["MathAPI", [add]]]);
  const item = withFunctions(
    PyDict.of({
      involved_classes: ["MathAPI", "GorillaFileSystem"],
      missed_function: PyDict.of({ "1": ["cat", "nope"] }),
    }),
    documents,
  );
  assert.deepEqual(item.get("function"), [add, ls]);
  assert.deepEqual((item.get("missed_function") as PyDict).get("1"), [cat]);
  assert.equal(documents.get("GorillaFileSystem")!.length, 2);
});

Deno.test("overallScores() weighs categories as the leaderboard does", () => {
  const part = (score: number, items: number) => ({ score, items });
  const scores = overallScores(
    new Map([
      ["simple", part(0.9, 400)],
      ["java", part(0.6, 100)],
      ["javascript", part(0.3, 50)],
      ["multiple", part(1, 200)],
      ["parallel", part(0.5, 200)],
      ["live_simple", part(1, 258)],
      ["live_irrelevance", part(0.5, 882)],
      ["multi_turn_base", part(0.4, 200)],
    ]),
  );
  const close = (found: number, wanted: number) => assert.ok(Math.abs(found - wanted) < 1e-12);
  close(scores.non_live, (0.6 + 1 + 0.5) / 5);
  close(scores.live, (258 + 441) / 2251);
  close(scores.multi_turn, 0.1);
  close(scores.overall, (2.1 / 5 + 699 / 2251 + 0.1) / 3);
});
