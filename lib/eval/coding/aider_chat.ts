/**
 * Chats with aider about an exercise: messages as its coder for whole files sends them to a model that it knows
 * nothing of (Aider-AI/aider at 5dc9490bb35f, Apache-2.0).
 */
import { normalize } from "node:path/posix";
import type { Message } from "../../records/record.ts";
import type { Doc } from "../task.ts";
import { wholeFiles } from "./edits.ts";
import { answerText } from "./extract.ts";

/** Times that an answer which cannot be read is sent back within a try. */
const MAX_AGAIN = 3;

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
export function editFiles(doc: Doc): string[] {
  if (Array.isArray(doc.edit_files)) return doc.edit_files as string[];
  return Object.keys(filesOf(doc)).filter((name) =>
    name.endsWith(".py") && !isTest(name) && !name.includes("/")
  );
}

/** A chat with aider about an exercise, between two messages. */
export interface Chat {
  /** Files that the answers wrote, as they left them. */
  readonly written: Readonly<Record<string, string>>;
  /** Names of the files that the model is shown. */
  readonly shown: readonly string[];
  /** Earlier messages, up to the last answer that led to edits. */
  readonly done: readonly Message[];
  /** Messages since. */
  readonly open: readonly Message[];
  /** What is asked next. */
  readonly request: string;
  /** Times that aider asked again within this try. */
  readonly again: number;
  /** The answer stands: the try is over. */
  readonly over: boolean;
}

/** An exercise's chat before the first answer. */
export function begin(doc: Doc): Chat {
  const request = instructions(doc);
  return { written: {}, shown: editFiles(doc), done: [], open: [], request, again: 0, over: false };
}

/** The chat after an answer. One that cannot be read is sent back with the reason, a few times. */
function answered(chat: Chat, output: string, doc: Doc): Chat {
  const open = [...chat.open, user(chat.request), assistant(output)];
  const edits = wholeFiles(answerText(output), chat.shown);
  if ("malformed" in edits) {
    return chat.again < MAX_AGAIN
      ? { ...chat, open, request: edits.malformed, again: chat.again + 1 }
      : { ...chat, open, over: true };
  }
  const written = inside(edits.files, Object.keys(folder(chat, doc)));
  const names = Object.keys(written);
  if (names.length === 0) return { ...chat, open, over: true };
  return {
    ...chat,
    written: { ...chat.written, ...written },
    shown: [...new Set([...chat.shown, ...names])],
    done: [...chat.done, ...open, user("I updated the files."), assistant("Ok.")],
    open: [],
    over: true,
  };
}

/** The chat after the answers of one try, and the answers that are left. */
export function oneTry(
  chat: Chat,
  outputs: readonly string[],
  doc: Doc,
): [Chat, readonly string[]] {
  let now: Chat = { ...chat, again: 0, over: false };
  let taken = 0;
  while (!now.over && taken < outputs.length) now = answered(now, outputs[taken++], doc);
  return [now, outputs.slice(taken)];
}

/** What aider sends for a chat's request: the files stand behind requests that led to edits. */
export function messages(chat: Chat, doc: Doc): Message[] {
  const files = folder(chat, doc);
  const listings = chat.shown.map((name) => `\n${name}\n\`\`\`\n${files[name]}\`\`\`\n`);
  return [
    { role: "system", content: SYSTEM },
    ...EXAMPLE,
    ...chat.done,
    user(`${FILES}${listings.join("")}`),
    assistant("Ok, any changes I propose will be to those files."),
    ...chat.open,
    user(`${chat.request}\n\n${REMINDER}`),
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

/** The exercise's folder as a chat left it, its own tests put back. */
export function folder({ written }: Chat, doc: Doc): Record<string, string> {
  const original = visible(filesOf(doc));
  const tests = Object.entries(original).filter(([name]) => isTest(name));
  return { ...original, ...written, ...Object.fromEntries(tests) };
}

/** The exercise's own files, hidden ones too. */
export function filesOf(doc: Doc): Record<string, string> {
  return doc.files as Record<string, string>;
}

/** Without the exercise's texts and reference solutions. */
function visible(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([name]) => !name.startsWith(".")));
}

/** What can be written below a folder of `names`; prose over a fence is a name, too. */
function inside(
  files: Readonly<Record<string, string>>,
  names: readonly string[],
): Record<string, string> {
  const taken = new Set(names);
  const written = Object.entries(files).flatMap(([name, text]) => {
    const path = normalize(name);
    if (!isPlace(path, taken)) return [];
    taken.add(path);
    return [[path, text]];
  });
  return Object.fromEntries(written);
}

/** Whether a path leads to a file below a folder that has `taken`: no hidden one, and none that a disk refuses. */
function isPlace(path: string, taken: ReadonlySet<string>): boolean {
  const parts = path.split("/");
  const folders = parts.map((_, i) => parts.slice(0, i).join("/"));
  return parts.every(isName) && !folders.some((folder) => taken.has(folder)) &&
    ![...taken].some((name) => name.startsWith(`${path}/`));
}

function isName(part: string): boolean {
  return part !== "" && !part.startsWith(".") && !/\p{Cc}/u.test(part) &&
    new TextEncoder().encode(part).length <= 255;
}

/** Test files and their helpers. */
function isTest(name: string): boolean {
  return /_test\.py$|^test_utils\.py$/.test(name);
}
