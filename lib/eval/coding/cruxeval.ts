/** CRUXEval-O: what does the function return (Gu et al., 2024). */
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { answerText, fencedBlocks } from "./extract.ts";
import { guardedJob } from "./functions.ts";
import { nothing, scoreOf } from "./verdict.ts";

/** Official: 3 s; see functions.ts. */
const LIMIT_MS = 6000;

/** The official chain-of-thought prompt for outputs, with its one worked example. */
export function cruxevalPrompt({ code, input }: Doc): Message[] {
  const content =
    `You are given a Python function and an assertion containing an input to the function. Complete the assertion with a literal (no unsimplified expressions, no function calls) containing the output when executing the provided code on the given input, even if the function is incorrect or incomplete. Do NOT output any extra information. Execute the program step by step before arriving at an answer, and provide the full assertion with the correct output in [ANSWER] and [/ANSWER] tags, following the examples.

[PYTHON]
def f(s):
    s = s + s
    return "b" + s + "a"
assert f("hi") == ??
[/PYTHON]
[THOUGHT]
Let's execute the code step by step:

1. The function f is defined, which takes a single argument s.
2. The function is called with the argument "hi", so within the function, s is initially "hi".
3. Inside the function, s is concatenated with itself, so s becomes "hihi".
4. The function then returns a new string that starts with "b", followed by the value of s (which is now "hihi"), and ends with "a".
5. The return value of the function is therefore "bhihia".
[/THOUGHT]
[ANSWER]
assert f("hi") == "bhihia"
[/ANSWER]

[PYTHON]
${code}
assert f(${input}) == ??
[/PYTHON]
[THOUGHT]
`;
  return [{ role: "user", content }];
}

/** `pass`: the answer equals the output as Python values; an answer that repeats the call is rejected. */
export async function scoreCruxeval(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const output = answeredOutput(text);
  if (output === "") return nothing("pass");
  // A tuple needs its brackets: to the official check a bare one is a value and a message.
  if (output.includes(`f(${doc.input})`) || hasBareComma(output)) {
    return { metrics: { pass: 0 }, extracted: output };
  }
  // In brackets, so that `1 or True` is one wrong value and not a way around the comparison.
  const check = `assert ${doc.output} == (\n${output}\n)\n`;
  const job = guardedJob(`${doc.code}\n`, check, LIMIT_MS);
  return scoreOf(await tools.code.run(job, { task: "cruxeval_o" }), {
    metric: "pass",
    extracted: output,
  });
}

/** The value in an answer: between the first tags, out of a fence, behind the assertion's `==`. */
export function answeredOutput(answer: string): string {
  const text = answerText(answer);
  const close = text.indexOf("[/ANSWER]");
  const open = text.indexOf("[ANSWER]");
  const start = open >= 0 && (close < 0 || open < close) ? open + "[ANSWER]".length : 0;
  const end = text.indexOf("[/ANSWER]", start);
  const inner = text.slice(start, end < 0 ? undefined : end).trim();
  const [block] = fencedBlocks(inner);
  return afterAssertion((block?.code ?? inner).trim());
}

/** `assert f(...) == X` without what stands before X. */
function afterAssertion(text: string): string {
  const head = /^(?:assert\s{1,10})?f\s?\(/.exec(text);
  if (!head) return text;
  const end = closingBracket(text, head[0].length);
  const equals = /^\s{0,10}==/.exec(text.slice(end, end + 20));
  return equals ? text.slice(end + equals[0].length).trim() : text;
}

/** Index behind the bracket that closes the one before `from`. */
function closingBracket(text: string, from: number): number {
  for (const { at, depth } of brackets(text, from)) if (depth < 0) return at + 1;
  return text.length;
}

function hasBareComma(text: string): boolean {
  for (const { at, depth } of brackets(text, 0)) if (depth === 0 && text[at] === ",") return true;
  return false;
}

/** Places of a Python text outside strings and comments, each with the depth of brackets behind it. */
function* brackets(text: string, from: number): Generator<{ at: number; depth: number }> {
  let depth = 0;
  let quote = "";
  for (let i = from; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      if (c === "\\") i++;
      else if (text.startsWith(quote, i)) {
        i += quote.length - 1;
        quote = "";
      }
      continue;
    }
    if (c === "'" || c === '"') {
      quote = text.startsWith(c.repeat(3), i) ? c.repeat(3) : c;
      i += quote.length - 1;
    } else if (c === "#") {
      const end = text.indexOf("\n", i);
      i = end < 0 ? text.length : end;
      continue;
    } else if ("([{".includes(c)) depth++;
    else if (")]}".includes(c)) depth--;
    yield { at: i, depth };
  }
}
