import assert from "@std/assert";
import fc from "fast-check";
import { readLongContext } from "../../../lib/eval/bfcl/long_context.ts";
import {
  executableCalls,
  MultiTurnDialogue,
  replayDialogue,
  scoreBfclOutputs,
  scoreMultiTurn,
} from "../../../lib/eval/bfcl/multi_turn.ts";
import { World } from "../../../lib/eval/bfcl/world.ts";
import { readPyJson } from "../../../lib/eval/calls/py_json.ts";
import { PyDict, pyEqual, pyRepr, type PyValue } from "../../../lib/eval/calls/py_value.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../shared.ts";

const FIXTURES = new URL("../../fixtures/bfcl_v3/", import.meta.url).pathname;

function rows(path: string): { row: PyDict; json: Record<string, never> }[] {
  return Deno.readTextFileSync(path).trim().split("\n")
    .map((line) => ({ row: readPyJson(line) as PyDict, json: JSON.parse(line) }));
}

/** What differs between results of calls in a fresh world and those of the official APIs. */
function differences(
  world: World,
  calls: readonly PyValue[],
  results: readonly PyValue[],
): string[] {
  return calls.flatMap((call, i) => {
    const result = world.execute(String(call));
    return result === results[i] ? [] : [`${call}: ${result}, expected ${results[i]}`];
  });
}

Deno.test("the simulated APIs answer as the official ones, and are left in their state", () => {
  for (const { row } of rows(`${FIXTURES}api_behaviour.jsonl`)) {
    const name = String(row.get("class"));
    const initial_config = new PyDict([[name, row.get("config")!]]);
    const world = new World(PyDict.of({ involved_classes: [name], initial_config }));
    const [calls, results] = ["calls", "results"].map((field) => row.get(field) as PyValue[]);
    assert.deepEqual(differences(world, calls, results), []);
    const state = world.state.get(name)!;
    for (const [attribute, value] of (row.get("final_state") as PyDict).entries()) {
      if (attribute === "long_context" || attribute === "root") continue;
      const own = state.get(attribute)!;
      const same = attribute === "generated_ids"
        ? pyRepr(own) === value
        : pyEqual(own, byText(value, own));
      assert.ok(same, `${name}.${attribute}: ${pyRepr(own)}, expected ${pyRepr(value)}`);
    }
  }
});

/** JSON has turned the int keys of a dict into texts. */
function byText(value: PyValue, like: PyValue): PyValue {
  if (!(value instanceof PyDict) || !(like instanceof PyDict)) return value;
  return new PyDict(
    value.entries().map(([key, inner]) => {
      const own = like.keys().find((each) => String(each) === key) ?? key;
      return [own, inner] as const;
    }),
  );
}

function fault({ row, json }: { row: PyDict; json: Record<string, never> }): string[] {
  const { output, expected, note } = json as unknown as {
    output: string[][];
    expected: { valid: number; error_type?: string };
    note: string;
  };
  const { metrics, diagnostics } = scoreMultiTurn(output, row.get("doc"));
  const wrong = metrics.valid !== expected.valid || expected.error_type !== diagnostics?.error_type;
  return wrong ? [`${note}: ${JSON.stringify({ metrics, diagnostics, expected })}`] : [];
}

Deno.test("scoreMultiTurn() scores the fixture's cases as the official checker does", () => {
  const all = rows(`${FIXTURES}scoring_multi_turn.jsonl`);
  assert.deepEqual(all.flatMap(fault), []);
  assert.ok(all.length > 10);
});

Deno.test({
  name: "scoreMultiTurn() scores every golden case as the official checker does",
  ignore: !sharedIsThere("benchmarks/bfcl_v3/scoring_multi_turn.jsonl"),
  fn: () => {
    const all = rows(`${SHARED_BENCHMARKS}/bfcl_v3/scoring_multi_turn.jsonl`);
    assert.deepEqual(all.flatMap(fault), []);
    assert.ok(all.length >= 25);
  },
});

Deno.test({
  name: "ground truths give the official results",
  ignore: !sharedIsThere("benchmarks/bfcl_v3/multi_turn_traces.jsonl"),
  fn: () => {
    for (const { row } of rows(`${SHARED_BENCHMARKS}/bfcl_v3/multi_turn_traces.jsonl`)) {
      const world = new World(row);
      for (const turn of row.get("turns") as PyDict[]) {
        const [calls, results] = ["calls", "results"].map((field) => turn.get(field) as PyValue[]);
        assert.deepEqual(differences(world, calls, results), [], String(row.get("id")));
      }
    }
  },
});

const ITEM = {
  id: "multi_turn_miss_func_0",
  involved_classes: ["GorillaFileSystem", "MathAPI"],
  initial_config: {
    GorillaFileSystem: { root: { home: { type: "directory", contents: {} } } },
  },
  question: [
    [{ role: "user", content: "Make a file" }],
    [],
    [{ role: "user", content: "List" }, { role: "user", content: "all" }],
  ],
  missed_function: { 1: [{ name: "ls" }] },
  ground_truth: [["touch(file_name='a')"], [], ["ls(a=True)"]],
};

Deno.test("a dialogue gives results, then the next turns, then ends", () => {
  const dialogue = new MultiTurnDialogue(ITEM);
  assert.equal(
    dialogue.answer("[touch(file_name='a'), add(a=1, b=mean(numbers=[1, 2.0]))]"),
    `[{'role': 'tool', 'name': "touch(file_name='a')", 'content': 'None'}, ` +
      `{'role': 'tool', 'name': 'add(a=1, b=mean(numbers=[1, 2.0]))', 'content': '{"error": ` +
      `"Both inputs must be numbers"}'}]`,
  );
  assert.equal(
    dialogue.answer("Done."),
    "[{'name': 'ls'}]\nI have updated some more functions you can choose from. What about now?",
  );
  assert.equal(dialogue.answer("[]"), "List\n\nall");
  assert.match(dialogue.answer("[ls(a=True)]")!, /"current_directory_content": \["a"\]/);
  assert.equal(dialogue.answer("There is one file."), undefined);
  assert.equal(dialogue.answer("[ls()]"), undefined);
  assert.deepEqual(dialogue.turns.map(({ length }) => length), [2, 1, 2]);
  assert.equal(scoreMultiTurn(dialogue.turns, ITEM).metrics.valid, 1);
  const outputs = dialogue.turns.flat();
  assert.deepEqual(replayDialogue(ITEM, outputs), { turns: dialogue.turns, next: undefined });
  assert.equal(scoreBfclOutputs(outputs, ITEM).metrics.valid, 1);
  assert.equal(scoreBfclOutputs(dialogue.turns, ITEM).metrics.valid, 1);
  // Not at its end: no verdict. In turns, it is one that was given up.
  const cut = { metrics: {}, not_run: "its dialogue ends in turn 2 of 3" };
  assert.deepEqual(scoreBfclOutputs(outputs.slice(0, 2), ITEM), cut);
  assert.equal(scoreBfclOutputs(dialogue.turns.slice(0, 2), ITEM).metrics.valid, 0);
  assert.equal(scoreBfclOutputs(Array(21).fill("[ls()]"), ITEM).metrics.valid, 0);
  assert.equal(scoreBfclOutputs(["No function fits."], { id: "irrelevance_0" }).metrics.valid, 1);
});

Deno.test("a turn of more than 20 steps ends the dialogue", () => {
  const dialogue = new MultiTurnDialogue(ITEM);
  for (let step = 0; step < 20; step++) assert.notEqual(dialogue.answer("[ls()]"), undefined);
  assert.equal(dialogue.answer("[ls()]"), undefined);
  const { diagnostics } = scoreMultiTurn(dialogue.turns, ITEM);
  assert.equal(diagnostics?.error_type, "multi_turn:force_terminated");
});

Deno.test("readLongContext() reads the constants, which long-context items then see", () => {
  const source = [
    'FILE_CONTENT_EXTENSION = "and more"',
    "POPULATE_FILE_EXTENSION = ['x.jpg', \n'y.jpg']",
    "FILES_TAIL_USED = ['plain.txt']",
  ].join("\n");
  const contents = {
    "a.txt": { type: "file", content: "text " },
    "plain.txt": { type: "file", content: "text" },
  };
  const root = { home: { type: "directory", contents } };
  const item = {
    ...ITEM,
    id: "multi_turn_long_context_0",
    initial_config: { GorillaFileSystem: { root } },
  };
  const ask = "[cat(file_name='a.txt'), cat(file_name='plain.txt'), ls()]";
  const shown = (options: { longContext?: ReturnType<typeof readLongContext> }) =>
    new MultiTurnDialogue(item, options).answer(ask)!;
  const long = shown({ longContext: readLongContext(source) });
  assert.match(long, /text and more/);
  assert.match(long, /"file_content": "text"/);
  assert.match(long, /x\.jpg", "y\.jpg/);
  assert.doesNotMatch(shown({}), /and more|x\.jpg/);
});

Deno.test("a directory copied into itself neither hangs nor throws", () => {
  const world = new World(readPyJson(JSON.stringify(ITEM)) as PyDict);
  const calls = ["mkdir(dir_name='d')", "cp(source='d', destination='d')", "find()", "du()"];
  const results = calls.map((call) => world.execute(call));
  assert.match(results[2], /recursion/);
  assert.match(results[3], /recursion/);
  const turns = [["[mkdir(dir_name='d'), cp(source='d', destination='d')]"], [], ["[ls(a=True)]"]];
  assert.equal(scoreMultiTurn(turns, ITEM).metrics.valid, 0);
  const same = { ...ITEM, ground_truth: [["mkdir('d')", "cp('d', 'd')"], [], ["ls(a=True)"]] };
  assert.equal(
    scoreMultiTurn(turns, same).diagnostics?.error_type,
    "multi_turn:instance_state_mismatch",
  );
});

Deno.test("trees that double with every call, and floods of calls, end", () => {
  const doubling = Array.from({ length: 60 }, (_, i) => [
    `mkdir(dir_name='n${i}')`,
    `cp(source='s${i}', destination='n${i}')`,
    `cp(source='s${i}', destination='t')`,
    `mv(source='t', destination='n${i}')`,
    `mv(source='n${i}', destination='s${i + 1}')`,
  ]).flat();
  const world = () => new World(readPyJson(JSON.stringify(ITEM)) as PyDict);
  const [one, other] = [world(), world()];
  for (const each of [one, other]) {
    for (const call of ["mkdir(dir_name='s0')", ...doubling]) each.execute(call);
  }
  assert.match(one.execute("find(name='x')"), /recursion/);
  assert.match(one.execute("du()"), /recursion/);
  assert.throws(() => one.differenceFrom(other), { name: "RecursionError" });
  const flood = `[${"power(base=3, exponent=9000), ".repeat(3000)}]`;
  const dialogue = new MultiTurnDialogue(ITEM);
  assert.ok(dialogue.answer(flood)!.length < 12_000_000);
});

Deno.test("executableCalls() prints calls as the official decoder does", () => {
  assert.deepEqual(executableCalls("[f(a='it\\'s', b=[1, 2.0, None], c=g(x=(1,)), d={'k': 1})]"), [
    `f(a="it's", b=[1, 2.0, None], c=g(x=(1,)), d={'k': 1})`,
  ]);
  assert.deepEqual(executableCalls("f(a={})"), []);
  assert.deepEqual(executableCalls("Sure: f(a=1)"), []);
});

Deno.test("the simulated APIs never throw, whatever the arguments", () => {
  const worlds = rows(`${FIXTURES}api_behaviour.jsonl`).map(({ row }) => {
    const name = String(row.get("class"));
    const initial_config = new PyDict([[name, row.get("config")!]]);
    return () => new World(PyDict.of({ involved_classes: [name], initial_config }));
  });
  const names = rows(`${FIXTURES}api_behaviour.jsonl`).flatMap(({ row }) =>
    (row.get("calls") as string[]).map((call) => call.split("(")[0])
  );
  const value = fc.constantFrom(
    ...[
      "1",
      "-1",
      "2.5",
      "'x'",
      "''",
      "None",
      "True",
      "[]",
      "[1, 'a']",
      "{}",
      "{'a': 1}",
      "(1,)",
      "1j",
    ],
    ...[
      "1e400",
      "10**40",
      "'2024-02-30'",
      "b'x'",
      "...",
      "len",
      "[[]]*3",
      "'a.txt'",
      "12345",
      "{1}",
    ],
  );
  const call = fc.tuple(fc.constantFrom(...names), fc.array(value, { maxLength: 4 }))
    .map(([name, args]) => `${name}(${args.join(", ")})`);
  fc.assert(
    fc.property(fc.constantFrom(...worlds), fc.array(call, { maxLength: 12 }), (fresh, calls) => {
      const world = fresh();
      for (const each of calls) assert.equal(typeof world.execute(each), "string", each);
    }),
    { seed: 3, numRuns: 800 },
  );
});
