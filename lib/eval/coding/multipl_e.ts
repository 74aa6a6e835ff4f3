/** MultiPL-E: HumanEval's functions in other languages (Cassano et al., 2023). */
import { END_OF_CHECKS } from "../../exec/toolchain.ts";
import type { Job, Language } from "../../exec/executor.ts";
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { cppTests, csTests, javaTests, missingImports, shTests } from "./assembly.ts";
import { escaped, extractCode } from "./extract.ts";
import { scoreHumaneval } from "./functions.ts";
import { nothing, scoreOf } from "./verdict.ts";

/** How a language's programs are put together and run. */
interface Form {
  readonly entry: string;
  readonly limitMs: number;
  readonly flags?: string;
  /** Tests with the end of checks. */
  readonly tests: (tests: string) => string;
  /** A block's program where it opens the function of this name: with the functions that it calls. */
  readonly whole?: (code: string, name: string) => string | undefined;
}

const FORMS: Partial<Record<string, Form>> = {
  cpp: { entry: "main.cpp", limitMs: 15_000, flags: "-std=c++17", tests: cppTests },
  java: { entry: "Problem.java", limitMs: 15_000, tests: javaTests },
  cs: { entry: "main.cs", limitMs: 5000, tests: csTests },
  php: { entry: "main.php", limitMs: 15_000, tests: (it) => `${it}\n${END_OF_CHECKS}\n` },
  sh: { entry: "main.sh", limitMs: 15_000, tests: shTests, whole: wholeSh },
  js: { entry: "main.js", limitMs: 5000, tests: (it) => it, whole: wholeJs },
  ts: { entry: "main.ts", limitMs: 15_000, tests: (it) => it, whole: wholeJs },
};

/** The default eight languages; the score is the mean of their pass rates. */
export const MULTIPL_E_LANGUAGES = ["python", ...Object.keys(FORMS)] as const;

/** Language of a row: rows of HumanEval itself are the Python part. */
export function multiplELanguage(doc: Doc): string {
  const language = String(doc.language ?? "python");
  return language === "py" ? "python" : language;
}

/** The code to complete in a fence that Qwen2.5-Coder tags with the language's short name. */
export function multiplEPrompt(doc: Doc): Message[] {
  const content =
    "Please continue to complete the function and return all completed code in a codeblock. " +
    `Here is the given code to do completion:\n\`\`\`${multiplELanguage(doc)}\n` +
    `${String(doc.prompt).trim()}\n\`\`\``;
  return [{ role: "user", content }];
}

/** `pass`: prompt, the completion found in the answer, tests. */
export async function scoreMultiplE(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const language = multiplELanguage(doc);
  if (language === "python") return await scoreHumaneval(text, doc, tools);
  const form = FORMS[language];
  if (!form) return { metrics: {}, not_run: `no executor for ${language}` };
  const prompt = String(doc.prompt);
  const name = functionName(prompt);
  const called = new RegExp(`(?<!\\w)${escaped(name)}\\s{0,10}(?:\\(|=)`);
  const code = extractCode(text, { language, defines: (it) => called.test(it) });
  if (code === undefined) return nothing("pass");
  const { top, completion } = completionOf(code, {
    prompt,
    name,
    stops: doc.stop_tokens as string[],
  });
  const answer = form.whole?.(code, name) ?? `${withTop(prompt, top)}${completion}`;
  const program = `${answer}\n${form.tests(String(doc.tests))}`;
  const job: Job = {
    language: language as Language,
    files: { [form.entry]: program },
    entry: form.entry,
    flags: form.flags,
    timeoutMs: form.limitMs,
  };
  return scoreOf(await tools.code.run(job, { task: "multipl_e" }), { extracted: code });
}

function wholeJs(code: string, name: string): string | undefined {
  return new RegExp(`function\\s{1,10}${escaped(name)}\\s{0,10}\\(`).test(code) ? code : undefined;
}

/** Without its last brace: the tests begin with one. */
function wholeSh(code: string, name: string): string | undefined {
  const end = Array.from(code.matchAll(/^\}[^\S\n]*$/gm)).at(-1);
  const opens = new RegExp(`^(?:function )?${escaped(name)} ?\\(\\)`, "m").test(code);
  return opens && end ? code.slice(0, end.index) : undefined;
}

/** Name of the function that the prompt's last line opens. */
function functionName(prompt: string): string {
  return /([\w$]+)\s{0,10}\(/.exec(headerOf(prompt))?.[1] ?? "";
}

function headerOf(prompt: string): string {
  return prompt.trimEnd().split("\n").at(-1)!;
}

/**
 * What stands behind the prompt's last line in the code, up to the first stop token; imports before it that the
 * prompt lacks. Without such a line the whole code is the completion.
 */
export function completionOf(
  code: string,
  { prompt, name, stops }: { prompt: string; name: string; stops: readonly string[] },
): { top: string[]; completion: string } {
  const header = headerOf(prompt);
  const lines = code.split("\n");
  let at = lines.findIndex((line) => line.includes(name) && similarity(line, header) >= 0.95);
  if (at < 0) at = lines.findIndex((line) => line.includes(name) && line.trimEnd().endsWith("{"));
  const body = at < 0 ? code : lines.slice(at + 1).join("\n");
  const ends = stops.map((stop) => `\n${body}`.indexOf(stop)).filter((end) => end >= 0);
  return {
    top: missingImports(lines.slice(0, Math.max(at, 0)).join("\n"), prompt),
    completion: ends.length > 0 ? `\n${body}`.slice(1, Math.max(1, Math.min(...ends))) : body,
  };
}

/** 2 M / T, where M is the longest common subsequence and T the length of both (bounded lines). */
function similarity(a: string, b: string): number {
  const [x, y] = [a.trim().slice(0, 400), b.trim().slice(0, 400)];
  if (x === y) return 1;
  let row = new Uint16Array(y.length + 1);
  for (const c of x) {
    const next = new Uint16Array(y.length + 1);
    for (let j = 1; j <= y.length; j++) {
      next[j] = c === y[j - 1] ? row[j - 1] + 1 : Math.max(row[j], next[j - 1]);
    }
    row = next;
  }
  return 2 * row[y.length] / (x.length + y.length);
}

/** Imports go to the top; PHP's opening tag stays the first line. */
function withTop(prompt: string, top: readonly string[]): string {
  if (top.length === 0) return prompt;
  if (!prompt.startsWith("<?php")) return `${top.join("\n")}\n${prompt}`;
  return prompt.replace("<?php", `<?php\n${top.join("\n")}`);
}
