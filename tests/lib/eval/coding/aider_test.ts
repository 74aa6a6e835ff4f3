import assert from "@std/assert";
import { aiderNext, aiderPrompt, scoreAider } from "../../../../lib/eval/coding/aider.ts";
import type { Verdict } from "../../../../lib/exec/executor.ts";
import type { ScoreTools } from "../../../../lib/eval/task.ts";

const STUB = "def twice(x):\n    pass\n";
const DOC = {
  exercise: "double",
  files: {
    ".docs/introduction.md": "# Introduction\n",
    ".docs/instructions.md": "# Instructions\n\nDouble it.\n",
    ".meta/example.py": "secret",
    "twice.py": STUB,
    "twice_test.py": "import unittest\n",
  },
};
const MALFORMED = "No filename provided before ``` in file listing";
const ANSWER = "twice.py\n```\ndef twice(x):\n    return x\n```\n\nextra.py\n```\nY = 1\n```\n";

/** Tools whose every program ends so. */
function tools(verdict: Partial<Verdict> & { output?: string }): ScoreTools {
  const { output, ...rest } = verdict;
  const result = output === undefined ? undefined : { passed: false, output };
  const run = () =>
    Promise.resolve({ status: "passed", message: "", executor: "none", result, ...rest });
  return { code: { run } } as unknown as ScoreTools;
}

const listed = (name: string, text: string) => `\n${name}\n\`\`\`\n${text}\`\`\`\n`;

Deno.test("aiderPrompt() shows an example, the files, then texts in a row and the reminder", () => {
  const messages = aiderPrompt(DOC);
  assert.deepEqual(
    messages.map(({ role }) => role).join(" "),
    "system user assistant user assistant user assistant user",
  );
  const [system, , , changed, ok, files, reply, request] = messages.map(({ content }) => content);
  assert.match(changed, /^I switched to a new code base\. /);
  assert.equal(ok, "Ok.");
  assert.ok(files.startsWith("I have *added these files to the chat* so you can"), files);
  assert.ok(files.endsWith(`the files' contents.\n${listed("twice.py", STUB)}`), files);
  assert.equal(reply, "Ok, any changes I propose will be to those files.");
  assert.match(
    request,
    /^# Introduction\n# Instructions\n\nDouble it\.\n\n####\n\nUse the above .* files: twice\.py\n/,
  );
  const reminder = system.slice(system.indexOf("To suggest changes to a file"));
  assert.ok(request.endsWith(`installing any packages.\n\n\n${reminder}`), request);
  assert.ok(reminder.endsWith("any appropriate path.\n\n\n"), reminder);
  assert.ok(!JSON.stringify(messages).includes("secret"));
});

Deno.test("aiderNext() puts an answer that edits before the files as it left them", async () => {
  const first = aiderPrompt(DOC);
  const failed = tools({ output: "F\n" });
  const next = (await aiderNext(DOC, [ANSWER], failed))!;
  assert.deepEqual(next.slice(0, 5), first.slice(0, 5));
  const [task, answer, updated, ok, files, reply, request] = next.slice(5);
  const reminder = first[0].content.slice(first[0].content.indexOf("To suggest changes"));
  assert.equal(`${task.content}\n\n${reminder}`, first.at(-1)!.content);
  assert.deepEqual(answer, { role: "assistant", content: ANSWER });
  assert.deepEqual(updated, { role: "user", content: "I updated the files." });
  assert.deepEqual(ok, { role: "assistant", content: "Ok." });
  const left = listed("twice.py", "def twice(x):\n    return x\n") + listed("extra.py", "Y = 1\n");
  assert.ok(files.content.endsWith(`contents.\n${left}`), files.content);
  assert.deepEqual(reply, first.at(-2));
  assert.equal(
    request.content,
    "F\n####\n\nSee the testing errors above.\nThe tests are correct, don't try and change them.\n" +
      `Fix the code in twice.py to resolve the errors.\n\n\n${reminder}`,
  );
  assert.equal(await aiderNext(DOC, [ANSWER, ANSWER], failed), undefined);
});

Deno.test("aiderNext() leaves an answer without edits behind the files", async () => {
  const first = aiderPrompt(DOC);
  const next = (await aiderNext(DOC, ["I cannot."], tools({ output: "F\n" })))!;
  assert.deepEqual(next.slice(0, 7), first.slice(0, 7));
  const [task, answer, request] = next.slice(7);
  assert.ok(first.at(-1)!.content.startsWith(`${task.content}\n\nTo suggest`));
  assert.deepEqual(answer, { role: "assistant", content: "I cannot." });
  assert.match(request.content, /^F\n####\n\nSee the testing errors above\.\n/);
});

Deno.test("aiderNext() cleans the test runner's words and shows the first 50 lines", async () => {
  const cases: [string, string][] = [
    [`${"=".repeat(70)}\n${"-".repeat(70)}\n---\n`, "====\n----\n---"],
    ["Ran 9 tests \n\nFAILED", "\n\nFAILED"],
    ['  File "/tmp/x/twice_test.py", line 3, in f', '  File "double/twice_test.py", line 3, in f'],
    ['  File "/usr/lib/loader.py", line 3', '  File "/usr/lib/loader.py", line 3'],
    ["line\n".repeat(60), "line\n".repeat(49) + "line"],
  ];
  for (const [output, wanted] of cases) {
    const next = (await aiderNext(DOC, [ANSWER], tools({ output })))!;
    assert.equal(next.at(-1)!.content.split("\n####\n")[0], wanted);
  }
  const late = (await aiderNext(DOC, [ANSWER], tools({ status: "timeout", message: "60 s" })))!;
  assert.match(late.at(-1)!.content, /^Tests timed out!\n####\n/);
});

Deno.test("aiderNext() shows what prose over a fence, or a new folder, became", async () => {
  const block = "\n```\nX = 1\n```\n";
  const names = ["Here it is!", "new/./part.py", "長".repeat(85)];
  // No file of the folder's: hidden, elsewhere, below a file, a folder that is there, too long for a disk, a bell.
  const others = [
    ".docs/instructions.md",
    "../up.py",
    "/tmp/x",
    "twice.py/x",
    "new",
    "長".repeat(90),
    "a\x07b",
  ];
  const answer = [...names, ...others].map((name) => name + block).join("\n");
  const next = (await aiderNext(DOC, [answer], tools({ output: "F\n" })))!;
  const files = next.at(-3)!.content;
  const shown = listed("twice.py", STUB) + listed("Here it is!", "X = 1\n") +
    listed("new/part.py", "X = 1\n") + listed("長".repeat(85), "X = 1\n");
  assert.ok(files.endsWith(`contents.\n${shown}`), files);
});

Deno.test("aiderNext() sends what cannot be read back, three times in a try", async () => {
  const failed = tools({ output: "F\n" });
  const nameless = "\n```\nx\n```";
  // Of two files shown, a block without a name is nobody's.
  const answers = [ANSWER, nameless];
  const before = (await aiderNext(DOC, [ANSWER], failed))!;
  const reminder = before[0].content.slice(before[0].content.indexOf("To suggest changes"));
  for (let times = 1; times <= 3; times++) {
    const next = (await aiderNext(DOC, answers, failed))!;
    const history = next.slice(before.length - 1, -1);
    assert.deepEqual(next.slice(0, before.length - 1), before.slice(0, -1));
    assert.equal(`${history[0].content}\n\n${reminder}`, before.at(-1)!.content);
    assert.deepEqual(history.slice(1).map(({ content }) => content), [
      ...Array(times - 1).fill([nameless, MALFORMED]).flat(),
      nameless,
    ]);
    assert.equal(next.at(-1)!.content, `${MALFORMED}\n\n${reminder}`);
    answers.push(nameless);
  }
  assert.equal(await aiderNext(DOC, answers, failed), undefined);
});

Deno.test("scoreAider() finds the tries among answers that were sent back", async () => {
  const two = { ...DOC, edit_files: ["twice.py", "twice_test.py"] };
  const passes = "twice.py\n```\npass\n```";
  const fails = "twice.py\n```\nfail\n```";
  const nameless = "```\nx\n```";
  const code = {
    run: ({ files }: { files: Record<string, string> }) =>
      Promise.resolve({
        status: "passed",
        message: "",
        executor: "none",
        result: { passed: files["twice.py"] === "pass\n", output: "F\n" },
      }),
  };
  const cases: [answers: string[], pass1: number, pass2: number][] = [
    [[passes], 1, 1],
    [[nameless, passes], 1, 1],
    [[nameless, fails, passes], 0, 1],
    [[fails, nameless, nameless, passes], 0, 1],
    [[nameless, nameless, fails, nameless, nameless, passes], 0, 1],
    [[nameless, nameless, nameless, nameless, passes], 0, 1],
    [[nameless, nameless, nameless, nameless, fails], 0, 0],
  ];
  for (const [answers, pass_1, pass_2] of cases) {
    const tools = { code } as unknown as ScoreTools;
    const { metrics } = await scoreAider(answers.at(-1)!, two, tools, answers);
    assert.deepEqual(metrics, { pass_2, pass_1 }, answers.join("\n--\n"));
  }
});
