/**
 * Aider's code editing benchmark: Exercism exercises, two tries. Messages as aider's coder for whole files sends them
 * to a model that it knows nothing of (Aider-AI/aider at 5dc9490bb35f, Apache-2.0).
 */
import type { Message } from "../../records/record.ts";
import { splitLines } from "../bfcl/apis/python_text.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { wholeFiles } from "./edits.ts";
import { answerText } from "./extract.ts";
import { runUnitTests } from "./unittests.ts";

/** Wall time of an exercise's tests. */
const LIMIT_MS = 60_000;

/** Lines of test output that the second try is shown. */
const SHOWN_LINES = 50;

const REMINDER =
  `To suggest changes to a file you MUST return the entire content of the updated file.
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
Create a new file you MUST return a *file listing* which includes an appropriate filename, including any appropriate path.


`;

const SYSTEM = `Act as an expert software developer.
Take requests for changes to the supplied code.
If the request is ambiguous, ask questions.

Once you understand the request you MUST:
1. Determine if any code changes are needed.
2. Explain any needed changes.
3. If changes are needed, output a copy of each file that needs changes.

${REMINDER}`;

/** One solved request, and its end. */
const EXAMPLE: readonly Message[] = [
  user("Change the greeting to be more casual"),
  assistant(`Ok, I will:

1. Switch the greeting text from "Hello" to "Hey".

show_greeting.py
\`\`\`
import sys

def greeting(name):
    print(f"Hey {name}")

if __name__ == '__main__':
    greeting(sys.argv[1])
\`\`\`
`),
  user(
    "I switched to a new code base. Please don't consider the above files or try to edit them any longer.",
  ),
  assistant("Ok."),
];

const FILES = `I have *added these files to the chat* so you can go ahead and edit them.

*Trust this message as the true contents of these files!*
Any other messages in the chat may contain outdated versions of the files' contents.
`;

function user(content: string): Message {
  return { role: "user", content };
}

function assistant(content: string): Message {
  return { role: "assistant", content };
}

/** The files that the model is asked to edit. */
function editFiles(doc: Doc): string[] {
  if (Array.isArray(doc.edit_files)) return doc.edit_files as string[];
  return Object.keys(filesOf(doc)).filter((name) =>
    name.endsWith(".py") && !isTest(name) && !name.includes("/")
  );
}

/** What aider sends for a request: earlier requests come before the files once they led to edits, else after. */
function chat(
  request: string,
  { files, done = [], open = [] }: {
    /** As they are now. */
    readonly files: readonly (readonly [name: string, text: string])[];
    readonly done?: readonly Message[];
    readonly open?: readonly Message[];
  },
): Message[] {
  const listings = files.map(([name, text]) => `\n${name}\n\`\`\`\n${text}\`\`\`\n`);
  return [
    { role: "system", content: SYSTEM },
    ...EXAMPLE,
    ...done,
    user(`${FILES}${listings.join("")}`),
    assistant("Ok, any changes I propose will be to those files."),
    ...open,
    user(`${request}\n\n${REMINDER}`),
  ];
}

/** The exercise's texts, and what to keep. */
function instructions(doc: Doc): string {
  const files = filesOf(doc);
  const texts = ["introduction.md", "instructions.md", "instructions.append.md"]
    .map((name) => files[`.docs/${name}`] ?? "").join("");
  return `${texts}
####

Use the above instructions to modify the supplied files: ${editFiles(doc).join(" ")}
Don't change the names of existing functions or classes, as they may be referenced from other code like unit tests, etc.
Only use standard libraries, don't suggest installing any packages.
`;
}

/** The first request: the stubs, then what to do with them. */
export function aiderPrompt(doc: Doc): Message[] {
  const files = editFiles(doc).map((name) => [name, filesOf(doc)[name]] as const);
  return chat(instructions(doc), { files });
}

/**
 * The second request after a first answer that fails: the files as they are now, and what the tests said.
 * Undefined when all is done.
 */
export async function aiderNext(
  doc: Doc,
  outputs: readonly string[],
  tools: ScoreTools,
): Promise<Message[] | undefined> {
  if (outputs.length !== 1) return undefined;
  const { score, output, files, edited } = await attempt(doc, outputs, tools);
  if (score.metrics.pass === 1 || score.not_run !== undefined) return undefined;
  const errors = score.timeout ? "Tests timed out!" : cleanedOutput(output, doc);
  const request = `${splitLines(errors).slice(0, SHOWN_LINES).join("\n")}
####

See the testing errors above.
The tests are correct, don't try and change them.
Fix the code in ${editFiles(doc).join(" ")} to resolve the errors.
`;
  const names = new Set([...editFiles(doc), ...edited]);
  const shown = Array.from(names, (name) => [name, files[name]] as const);
  const said = [user(instructions(doc)), assistant(outputs[0])];
  return edited.length > 0
    ? chat(request, {
      files: shown,
      done: [...said, user("I updated the files."), assistant("Ok.")],
    })
    : chat(request, { files: shown, open: said });
}

/** The test runner's words as aider cleans them: no times, short rulers, paths from the exercise's folder. */
function cleanedOutput(output: string, doc: Doc): string {
  return output
    .replace(/^Ran \d+ tests $/gm, "")
    .replace(/^={4,}$/gm, "====")
    .replace(/^-{4,}$/gm, "----")
    .replace(
      /(?<= {2}File ")(?:[^"\n]*\/)?([^"\/\n]+)(?=")/g,
      (path, name) => name in filesOf(doc) ? `${doc.exercise}/${name}` : path,
    );
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

/** What came of an exercise's answers. */
interface Attempt {
  readonly score: Score;
  /** What the test runner said. */
  readonly output: string;
  /** The exercise's folder. */
  readonly files: Readonly<Record<string, string>>;
  /** Files that the answers wrote. */
  readonly edited: readonly string[];
}

/** Applies all answers in order and runs the tests, which no answer can change. */
async function attempt(
  doc: Doc,
  outputs: readonly string[],
  tools: ScoreTools,
): Promise<Attempt> {
  const original = visible(filesOf(doc));
  const written: Record<string, string> = {};
  for (const output of outputs) {
    const edits = wholeFiles(answerText(output), editFiles(doc));
    if (!("malformed" in edits)) Object.assign(written, inside(edits.files));
  }
  const tests = Object.entries(original).filter(([name]) => isTest(name));
  const files = { ...original, ...written, ...Object.fromEntries(tests) };
  const run = await runUnitTests(
    { language: "python", files, entry: "", timeoutMs: LIMIT_MS },
    { tools, task: "aider", system: "prefer", data: { test: null, libraries: [] } },
  );
  return { ...run, files, edited: Object.keys(written) };
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
