/** Aider's code editing benchmark: Exercism exercises, two tries, unit tests after each. */
import type { Message } from "../../records/record.ts";
import { splitLines } from "../choice/python_text.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { begin, type Chat, editFiles, filesOf, folder, messages, oneTry } from "./aider_chat.ts";
import { runUnitTests } from "./unittests.ts";

/** Wall time of an exercise's tests. */
const LIMIT_MS = 60_000;

/** Lines of test output that the second try is shown. */
const SHOWN_LINES = 50;

/** The first request: the stubs, then what to do with them. */
export function aiderPrompt(doc: Doc): Message[] {
  return messages(begin(doc), doc);
}

/**
 * What is asked after some answers: the same again where the last one cannot be read; after a first try that fails
 * the files as they are now, and what the tests said. Undefined when all is done.
 */
export async function aiderNext(
  doc: Doc,
  outputs: readonly string[],
  tools: ScoreTools,
): Promise<Message[] | undefined> {
  const [first, rest] = oneTry(begin(doc), outputs, doc);
  if (!first.over) return messages(first, doc);
  const { score, output } = await test(first, { doc, tools });
  if (score.metrics.pass === 1 || score.not_run !== undefined) return undefined;
  const errors = score.timeout ? "Tests timed out!" : cleanedOutput(output, doc);
  const request = `${splitLines(errors).slice(0, SHOWN_LINES).join("\n")}
####

See the testing errors above.
The tests are correct, don't try and change them.
Fix the code in ${editFiles(doc).join(" ")} to resolve the errors.
`;
  const [second] = oneTry({ ...first, request }, rest, doc);
  return second.over ? undefined : messages(second, doc);
}

/** The test runner's words as aider cleans them: no times, short rulers, paths from the exercise's folder. */
function cleanedOutput(output: string, doc: Doc): string {
  return output
    .replace(/^Ran \d+ tests $/gm, "")
    .replace(/^={4,}$/gm, "====")
    .replace(/^-{4,}$/gm, "----")
    .replace(
      /(?<= {2}File ")(?:[^"\n]*\/)?([^"\/\n]+)(?=")/g,
      (path, name) => Object.hasOwn(filesOf(doc), name) ? `${doc.exercise}/${name}` : path,
    );
}

/** `pass_1`, `pass_2`: the tests pass after the first try, after at most two. */
export async function scoreAider(
  text: string,
  doc: Doc,
  tools: ScoreTools,
  outputs: readonly string[] = [text],
): Promise<Score> {
  const [chat, rest] = oneTry(begin(doc), outputs, doc);
  const first = (await test(chat, { doc, tools })).score;
  if (first.not_run !== undefined) return first;
  const pass1 = first.metrics.pass;
  if (pass1 === 1 || rest.length === 0) {
    return { ...first, metrics: { pass_2: pass1, pass_1: pass1 } };
  }
  const second = (await test(oneTry(chat, rest, doc)[0], { doc, tools })).score;
  return { ...second, metrics: { pass_2: second.metrics.pass, pass_1: pass1 } };
}

/** Runs the tests, which no answer can change; `output` is what the test runner said. */
async function test(
  chat: Chat,
  { doc, tools }: { doc: Doc; tools: ScoreTools },
): Promise<{ score: Score; output: string }> {
  return await runUnitTests(
    { language: "python", files: folder(chat, doc), entry: "", timeoutMs: LIMIT_MS },
    { tools, task: "aider", system: "prefer", data: { test: null, libraries: [] } },
  );
}
