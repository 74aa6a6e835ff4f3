/** Aider's code editing benchmark: Exercism exercises, two tries (Aider-AI/aider, benchmark/). */
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { wholeFiles } from "./edits.ts";
import { answerText } from "./extract.ts";
import { runUnitTests } from "./unittests.ts";

/** Wall time of an exercise's tests. */
const LIMIT_MS = 60_000;

/** Lines of test output that the second try is shown. */
const SHOWN_LINES = 50;

const SYSTEM = `Act as an expert software developer.
Take requests for changes to the supplied code.
If the request is ambiguous, ask questions.

Once you understand the request you MUST:
1. Determine if any code changes are needed.
2. Explain any needed changes.
3. If changes are needed, output a copy of each file that needs changes.

To suggest changes to a file you MUST return the entire content of the updated file.
You MUST use this *file listing* format:

path/to/filename.js
\`\`\`
// entire file content ...
// ... goes in between
\`\`\`

Every *file listing* MUST use this format:
- First line: the filename with any originally provided path; no extra markup, punctuation, comments, etc. **JUST** the filename with path.
- Second line: opening \`\`\`
- ... entire content of the file ...
- Final line: closing \`\`\`

To suggest changes to a file you MUST return a *file listing* that contains the entire content of the file.
*NEVER* skip, omit or elide content from a *file listing* using "..." or by adding comments like "... rest of code..."!
Create a new file you MUST return a *file listing* which includes an appropriate filename, including any appropriate path.`;

const EXAMPLE: Message[] = [
  { role: "user", content: "Change the greeting to be more casual" },
  {
    role: "assistant",
    content: `Ok, I will:

1. Switch the greeting text from "Hello" to "Hey".

show_greeting.py
\`\`\`
import sys

def greeting(name):
    print(f"Hey {name}")

if __name__ == '__main__':
    greeting(sys.argv[1])
\`\`\`
`,
  },
];

/** The files that the model may edit. */
function editFiles(doc: Doc): string[] {
  if (Array.isArray(doc.edit_files)) return doc.edit_files as string[];
  return Object.keys(filesOf(doc)).filter((name) =>
    name.endsWith(".py") && !isTest(name) && !name.includes("/")
  );
}

/** The first request: the stubs, the exercise's texts, and what to keep. */
export function aiderPrompt(doc: Doc): Message[] {
  const files = filesOf(doc);
  const names = editFiles(doc);
  const listings = names.map((name) => `${name}\n\`\`\`\n${files[name]}\`\`\`\n`).join("\n");
  const texts = ["introduction.md", "instructions.md", "instructions.append.md"]
    .flatMap((name) => files[`.docs/${name}`] ?? []).join("\n");
  const request = `${texts}
####

Use the above instructions to modify the supplied files: ${names.join(" ")}
Don't change the names of existing functions or classes, as they may be referenced from other code like unit tests, etc.
Only use standard libraries, don't suggest installing any packages.
`;
  return [
    { role: "system", content: SYSTEM },
    ...EXAMPLE,
    { role: "user", content: `These are the files to work on now:\n\n${listings}\n${request}` },
  ];
}

/** The second request after a first answer that fails: what the tests said. Undefined when all is done. */
export async function aiderNext(
  doc: Doc,
  outputs: readonly string[],
  tools: ScoreTools,
): Promise<string | undefined> {
  if (outputs.length !== 1) return undefined;
  const { score, output } = await attempt(doc, outputs, tools);
  if (score.metrics.pass === 1 || score.not_run !== undefined) return undefined;
  const shown = output.split("\n").slice(0, SHOWN_LINES).join("\n");
  return `${shown}
####

See the testing errors above.
The tests are correct, don't try and change them.
Fix the code in ${editFiles(doc).join(" ")} to resolve the errors.
`;
}

/** `pass_1`, `pass_2`: the tests pass after the first try, after at most two. */
export async function scoreAider(
  text: string,
  doc: Doc,
  tools: ScoreTools,
  outputs: readonly string[] = [text],
): Promise<Score> {
  const first = (await attempt(doc, outputs.slice(0, 1), tools)).score;
  if (first.not_run !== undefined) return first;
  const pass1 = first.metrics.pass;
  if (pass1 === 1 || outputs.length < 2) {
    return { ...first, metrics: { pass_2: pass1, pass_1: pass1 } };
  }
  const second = (await attempt(doc, outputs.slice(0, 2), tools)).score;
  return { ...second, metrics: { pass_2: second.metrics.pass, pass_1: pass1 } };
}

/** Applies all answers in order and runs the tests, which no answer can change. */
async function attempt(
  doc: Doc,
  outputs: readonly string[],
  tools: ScoreTools,
): Promise<{ score: Score; output: string }> {
  const original = visible(filesOf(doc));
  let files = original;
  for (const output of outputs) {
    const edits = wholeFiles(answerText(output), editFiles(doc));
    if ("malformed" in edits) continue;
    files = { ...files, ...inside(edits.files) };
  }
  const tests = Object.entries(original).filter(([name]) => isTest(name));
  return await runUnitTests({
    language: "python",
    files: { ...files, ...Object.fromEntries(tests) },
    entry: "",
    timeoutMs: LIMIT_MS,
  }, { tools, task: "aider", system: "prefer", data: { test: null, libraries: [] } });
}

function filesOf(doc: Doc): Record<string, string> {
  return doc.files as Record<string, string>;
}

/** Without the exercise's texts and reference solutions. */
function visible(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([name]) => !name.startsWith(".")));
}

/** Files of the exercise's folder: a name that leads elsewhere, or that is no name, is nobody's file. */
function inside(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).filter(([name]) => /^[\w.-]{1,100}$/.test(name) && !name.startsWith(".")),
  );
}

/** Test files and their helpers. */
function isTest(name: string): boolean {
  return /_test\.py$|^test_utils\.py$/.test(name);
}
