import assert from "@std/assert";
import {
  nextFeedback,
  nextRequirement,
  reducedProgram,
  requirementItems,
  requirementPrompt,
  scoreFeedback,
  scoreRequirement,
  scoreTurns,
  testedTurns,
} from "../../../lib/eval/codeif/requirements.ts";
import { codeifPrompt } from "../../../lib/eval/codeif/score.ts";
import { converse } from "../../../lib/eval/converse.ts";
import { evaluate, Tools } from "../../../lib/eval/evaluate.ts";
import type { ScoreTools } from "../../../lib/eval/task.ts";
import { itemRecord } from "../../../lib/eval/task.ts";
import { Executors } from "../../../lib/exec/executors.ts";
import type { Job } from "../../../lib/exec/executor.ts";
import type { RunOptions } from "../../../lib/exec/executors.ts";
import { Rec } from "../../../lib/records/record.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { taskOf } from "../../../tasks/mod.ts";

const STYLE = "Code Standard";
const EXTENSION = "Functionality Extension";

/** An invented row in the published format: a list of asserts or one text, and an order of turns. */
const ROW = {
  task_id: 1,
  prompt: "Write a function called 'twice' to double a number.",
  test: ["assert twice(2) == 4", "assert twice(0) == 0"],
  requirements: {
    "Exception Handling": {
      requirement: "Texts raise a TypeError.",
      unit_test: ["try:\n    twice('a')\n    assert False\nexcept TypeError:\n    pass"],
    },
    [EXTENSION]: {
      requirement: "With a second argument, multiply by it.",
      unit_test: ["assert twice(2, 5) == 10"],
    },
    "Annotation Coverage": {
      requirement: "It has annotations.",
      unit_test: "assert twice.__annotations__ == {'x': int, 'return': int}",
    },
    [STYLE]: {
      requirement: "It obeys PEP 8.",
      unit_test: [
        "import pycodestyle\nimport inspect\nassert inspect.getsource(twice).startswith('def')",
      ],
    },
  },
  "multi-turn": ["Exception Handling", "Annotation Coverage", STYLE, EXTENSION],
};
/** The same row without turns that the embedded interpreter cannot test. */
const PLAIN = { ...ROW, "multi-turn": ["Exception Handling", "Annotation Coverage", EXTENSION] };

const SIMPLE = "def twice(x):\n    return 2 * x";
const STRICT = "def twice(x):\n    return 2 * (x + 0)";
const TYPED = "def twice(x: int) -> int:\n    return 2 * (x + 0)";
const EXTENDED = "def twice(x, by):\n    return x * by";

async function withTools(body: (tools: ScoreTools) => Promise<void>): Promise<void> {
  const tools = new Tools(new Executors());
  try {
    await body(tools);
  } finally {
    await tools.close();
  }
}

Deno.test("reducedProgram() drops blocks of triple quotes after four spaces, and blank lines", () => {
  const cases: [string, string][] = [
    [
      '```python\ndef f():\n    """\n    Words.\n    """\n    return 1\n```',
      "def f():\n    return 1",
    ],
    ['def f():\n    """\r\n    Words.\r\n    """\r\n    return 1', "def f():\n    return 1"],
    // One line, or words after the quotes: kept.
    ['def f():\n    """Words."""\n    return 1', 'def f():\n    """Words."""\n    return 1'],
    ['def f():\n    """Words.\n    """\n    pass', 'def f():\n    """Words.\n    """\n    pass'],
    // The end of such a block is taken for a start where another one follows.
    [
      'def f():\n    """A.\n    """\n    pass\ndef g():\n    """B."""\n    pass',
      'def f():\n    """A.\nB."""\n    pass',
    ],
    // All of them, deeper ones too.
    [
      'a\n    """\nx\n"""\nb\n        """\ny\n"""c\n    """\nopen',
      'a\nb\n    c\n    """\nopen',
    ],
    ["a\n\n \t\x0c\n\x85b\u2028c\n", "a\nb\nc"],
    ["", ""],
  ];
  for (const [answer, wanted] of cases) assert.equal(reducedProgram(answer), wanted, answer);
  assert.equal(reducedProgram('    """\n'.repeat(100_000)).includes('""""""'), false);
});

Deno.test("requirementItems() gives an item for each requirement, in the row's order", async () => {
  const rows = [ROW, { task_id: 2, prompt: "p" }];
  const data = { rows: () => ReadableStream.from(rows) };
  const items = await Array.fromAsync(requirementItems("t")(data as never));
  assert.deepEqual(items.map(({ id }) => id), [
    "t/1/exception_handling",
    "t/1/functionality_extension",
    "t/1/annotation_coverage",
    "t/1/code_standard",
  ]);
  assert.deepEqual(items[1].doc, { category: EXTENSION, ...ROW });
});

Deno.test("requirementPrompt(), nextFeedback() and nextRequirement() ask in the official words", async () => {
  const words = "The function should meet the following requirements: ";
  const doc = { category: "Annotation Coverage", ...ROW };
  assert.deepEqual(requirementPrompt(doc), [{
    role: "user",
    content: "You are an expert Python programmer, and here is your task: " +
      `${ROW.prompt}. ${words}It has annotations.`,
  }]);
  assert.equal(await nextFeedback(doc, ["a"]), `${words}It has annotations.`);
  assert.equal(await nextFeedback(doc, ["a", "b"]), undefined);
  const [{ content: task }] = codeifPrompt(ROW);
  const asked = [];
  for (let said = 1; said <= 4; said++) {
    const next = await nextRequirement(ROW, ["a", "b", "c", "d"].slice(0, said));
    asked.push(next?.map(({ content }) => content));
  }
  assert.deepEqual(asked, [
    [task, "a", `${words}Texts raise a TypeError.`],
    [`${task}${words}Texts raise a TypeError.`, "b", `${words}It has annotations.`],
    [`${task}${words}Texts raise a TypeError.It has annotations.`, "c", `${words}It obeys PEP 8.`],
    undefined,
  ]);
  const roles = (await nextRequirement(ROW, ["a"]))!.map(({ role }) => role);
  assert.deepEqual(roles, ["user", "assistant", "user"]);
  assert.equal(testedTurns(ROW), 3);
  const early = { ...ROW, "multi-turn": [EXTENSION, STYLE] };
  assert.match((await nextRequirement(early, [""]))![2].content, /second argument/);
  assert.equal(testedTurns(early), 1);
  assert.equal(await nextRequirement({ ...ROW, "multi-turn": null }, [""]), undefined);
});

Deno.test("scoreRequirement() runs base asserts and the requirement's, an extension's alone", () =>
  withTools(async (tools) => {
    const cases: [string, string, number][] = [
      ["Exception Handling", STRICT, 1],
      ["Exception Handling", SIMPLE, 0],
      ["Exception Handling", STRICT.replace("2 *", "3 *"), 0],
      ["Annotation Coverage", `\`\`\`python\n${TYPED}\n\`\`\``, 1],
      ["Annotation Coverage", STRICT, 0],
      [EXTENSION, EXTENDED, 1],
      [EXTENSION, STRICT, 0],
      [EXTENSION, "raise SystemExit(0)", 0],
      [EXTENSION, " ", 0],
    ];
    for (const [category, answer, passed] of cases) {
      const { metrics } = await scoreRequirement(answer, { category, ...ROW }, tools);
      assert.deepEqual(metrics, { passed }, `${category}: ${answer}`);
    }
    const broken = { category: "none", test: null, requirements: null };
    assert.deepEqual((await scoreRequirement("x = 1", broken, tools)).metrics, { passed: 1 });
    const short = await scoreFeedback(STRICT, { category: EXTENSION, ...ROW }, tools, [STRICT]);
    assert.deepEqual(short, { metrics: {}, not_run: "its dialogue has 1 of 2 answers" });
  }));

Deno.test("scoreTurns() tests each turn with all requirements so far", () =>
  withTools(async (tools) => {
    const score = async (doc: typeof PLAIN, ...outputs: string[]) =>
      await scoreTurns(outputs.at(-1)!, doc, tools, outputs);
    const cases: [string[], [passed: number, exceptions: number, annotations: number]][] = [
      [[SIMPLE, STRICT, TYPED], [1, 1, 1]],
      [[TYPED, STRICT, STRICT], [0.5, 1, 0]],
      // Annotated, and texts are doubled again.
      [["", STRICT, TYPED.replace(" + 0", "")], [0.5, 1, 0]],
      [["", "", ""], [0, 0, 0]],
    ];
    for (const [outputs, [passed, exception_handling, annotation_coverage]] of cases) {
      assert.deepEqual(
        (await score(PLAIN, ...outputs)).metrics,
        { passed, judged: 1, exception_handling, annotation_coverage },
        outputs.join("\n"),
      );
    }
    assert.equal((await score(PLAIN, STRICT, "", "")).unparsed, true);
    const short = await score(PLAIN, STRICT, TYPED);
    assert.deepEqual(short, { metrics: {}, not_run: "its dialogue has 2 of 3 answers" });
    const empty = await score({ ...PLAIN, "multi-turn": [] }, STRICT);
    assert.deepEqual(empty, { metrics: {}, not_run: "its row has no requirement" });
  }));

/** A runner of programs that passes all, where `libraries` says that it can import them. */
function runner(libraries: "there" | "absent" | "no sandbox") {
  const ran: [system: RunOptions["system"], check: string][] = [];
  const code = {
    run({ check = "" }: Job, { system }: RunOptions) {
      ran.push([system, check]);
      if (libraries === "no sandbox" && system) throw new Refusal("Cannot run: no bubblewrap");
      const failed = libraries === "absent" && system !== undefined;
      const message = failed ? "ModuleNotFoundError: No module named 'mccabe'" : "";
      const status = failed ? "failed" as const : "passed" as const;
      return Promise.resolve({ status, message, executor: system ? "cpython" : "pyodide" });
    },
    sql: () => Promise.reject(new TypeError("no SQL here")),
  };
  return { ran, tools: { code } };
}

Deno.test("asserts that import mccabe or pycodestyle run in CPython that has them, or are left out", async () => {
  const there = runner("there");
  const outputs = [TYPED, TYPED, TYPED, TYPED];
  const all = await scoreTurns(TYPED, ROW, there.tools, outputs);
  assert.deepEqual([all.metrics.passed, all.metrics.judged, all.metrics.code_standard], [1, 1, 1]);
  assert.equal(all.executor, "pyodide, cpython");
  assert.deepEqual(
    there.ran.map(([system]) => system),
    [undefined, undefined, "require", "require"],
  );
  assert.equal(there.ran[2][1], "import mccabe, pycodestyle");

  for (const libraries of ["absent", "no sandbox"] as const) {
    const { ran, tools } = runner(libraries);
    for (const answer of [TYPED, ""]) {
      const { metrics, not_run } = await scoreRequirement(
        answer,
        { category: STYLE, ...ROW },
        tools,
      );
      assert.deepEqual(metrics, {});
      assert.match(not_run!, /^needs CPython with mccabe and pycodestyle: .*(mccabe|sandbox)/);
    }
    assert.equal(ran.length, 1, "it is asked once what it has");
    const some = await scoreTurns(TYPED, ROW, tools, outputs);
    assert.equal(some.metrics.passed, 1);
    assert.equal(some.metrics.judged, 2 / 3);
    assert.equal(some.metrics.code_standard, undefined);
    const none = await scoreTurns("", { ...ROW, "multi-turn": [STYLE] }, tools, ["", ""]);
    assert.match(none.not_run!, /mccabe/);
  }
});

Deno.test("an assert can read the source of the program's function", () =>
  withTools(async (tools) => {
    const source = "import inspect\nassert inspect.getsource(twice).rstrip().endswith('x')";
    const requirements = { Source: { requirement: "", unit_test: source } };
    const doc = { category: "Source", ...ROW, requirements };
    const { metrics } = await scoreRequirement(`import os\n\n\n${SIMPLE}`, doc, tools);
    assert.deepEqual(metrics, { passed: 1 });
  }));

Deno.test("dialogues go through their turns to a score", () =>
  withTools(async (tools) => {
    /** Answers as the latest user message asks. */
    async function* generate(records: AsyncIterable<Rec>): AsyncGenerator<Rec> {
      for await (const rec of records) {
        const { content } = (rec.get("messages") as { content: string }[]).at(-1)!;
        rec.set(
          "text",
          /annotations/.test(content) ? TYPED : /Texts/.test(content) ? STRICT : SIMPLE,
        );
        yield rec;
      }
    }
    const records = [
      itemRecord(taskOf("codeif_bench:turns")!, { id: "a", doc: PLAIN }),
      itemRecord(taskOf("codeif_bench:feedback")!, {
        id: "b",
        doc: { category: "Annotation Coverage", ...ROW },
      }),
    ];
    const said = converse(ReadableStream.from(records), { generate, taskOf, tools });
    const [all, one] = await Array.fromAsync(evaluate(said, { taskOf, tools }));
    assert.deepEqual(all.get("outputs"), [SIMPLE, STRICT, TYPED]);
    assert.deepEqual(all.get("metrics"), {
      passed: 1,
      judged: 1,
      exception_handling: 1,
      annotation_coverage: 1,
    });
    assert.deepEqual(one.get("outputs"), [SIMPLE, TYPED]);
    assert.deepEqual(one.get("metrics"), { passed: 1 });
  }));
