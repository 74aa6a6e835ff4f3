/** MultiPL-E: HumanEval's functions in other languages (Cassano et al., 2023). */
import { END_OF_CHECKS } from "../../exec/toolchain.ts";
import type { Job, Language } from "../../exec/executor.ts";
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { cppTests, csTests, importLines, javaTests, missingImports, shTests } from "./assembly.ts";
import { closed, codeBlocks, CONTROL, definitions, functionBlock, withoutBlock } from "./blocks.ts";
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
  /** A block's program where it opens the prompt's function: with what else is in it, ready for the tests. */
  readonly whole: (code: string, prompt: Prompt) => string | undefined;
}

/** The code to complete, and the name of the function that its last line opens. */
interface Prompt {
  readonly text: string;
  readonly name: string;
}

const FORMS: Partial<Record<string, Form>> = {
  cpp: {
    entry: "main.cpp",
    limitMs: 15_000,
    flags: "-std=c++17",
    tests: cppTests,
    whole: wholeCpp,
  },
  java: { entry: "Problem.java", limitMs: 15_000, tests: javaTests, whole: wholeClass },
  cs: { entry: "main.cs", limitMs: 5000, tests: csTests, whole: wholeClass },
  php: {
    entry: "main.php",
    limitMs: 15_000,
    tests: (it) => `${it}\n${END_OF_CHECKS}\n`,
    whole: wholePhp,
  },
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
  const given = { text: prompt, name };
  // A fence shows where a body alone ends, and what else belongs to it.
  const body = text.includes("```") && headerLine(code, given) < 0;
  const { top, completion } = completionOf(code, given, doc.stop_tokens as string[]);
  const answer = form.whole(code, given) ??
    (body ? form.whole(`${prompt}${code}`, given) : undefined) ??
    `${withTop(prompt, top)}${completion}`;
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

function wholeJs(code: string, { name }: Prompt): string | undefined {
  return new RegExp(`function\\s{1,10}${escaped(name)}\\s{0,10}\\(`).test(code) ? code : undefined;
}

function wholePhp(code: string, prompt: Prompt): string | undefined {
  return wholeJs(`<?php\n${code.replace(/<\?php|\?>/g, "")}`, prompt);
}

/** With the prompt's headers and types. */
function wholeCpp(answer: string, { text, name }: Prompt): string | undefined {
  const code = definitions(answer);
  const blocks = codeBlocks(code);
  if (functionBlock(blocks, name)?.depth !== 0) return undefined;
  const declared = (head: string) => blocks.some((it) => it.head.trim() === head.trim());
  const types = codeBlocks(text).filter(({ depth, head, close }) =>
    depth === 0 && close < text.length && !declared(head)
  );
  return [
    ...missingImports(text, code),
    ...types.map(({ start, close }) => `${text.slice(start, close + 1)};`),
    // A type ends with a semicolon, and a function may.
    `${closed(code)};`,
    // The tests begin with the brace that ends a function.
    "void unmask_end() {",
  ].join("\n");
}

/** The members of the function's class in the prompt's; other classes before it. */
function wholeClass(answer: string, { text, name }: Prompt): string | undefined {
  const code = definitions(answer);
  const blocks = codeBlocks(code);
  const method = functionBlock(blocks, name);
  if (!method || !/\bstatic\s/.test(method.head)) return undefined;
  const around = blocks.filter(({ open, close }) => open < method.open && method.open < close);
  const holder = around.at(-1);
  const [{ start }] = blocks;
  const outside = holder ? withoutBlock(code, around[0]) : code.slice(0, start);
  const imports = importLines(outside);
  const rest = outside.split("\n").filter((line) => !imports.includes(line)).join("\n");
  return [
    ...importLines(text),
    ...imports,
    // Only the file's own class may be public.
    holder ? rest.replace(/^public\s/gm, "") : "",
    "class Problem {",
    closed(holder ? code.slice(holder.open + 1, holder.close) : rest + code.slice(start)),
    "static void UnmaskEnd() {",
  ].join("\n");
}

/** Without its last brace: the tests begin with one. */
function wholeSh(code: string, { name }: Prompt): string | undefined {
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

/** The line of the code that is the prompt's last one, or opens the function another way; -1 where none does. */
function headerLine(code: string, { text, name }: Prompt): number {
  const header = headerOf(text);
  const lines = code.split("\n");
  const same = lines.findIndex((line) => line.includes(name) && similarity(line, header) >= 0.95);
  if (same >= 0) return same;
  return lines.findIndex((line) =>
    line.includes(name) && line.trimEnd().endsWith("{") && !CONTROL.test(line)
  );
}

/**
 * What stands behind the prompt's last line in the code, up to the first stop token; imports before it that the
 * prompt lacks. Without such a line the whole code is the completion.
 */
export function completionOf(
  code: string,
  prompt: Prompt,
  stops: readonly string[],
): { top: string[]; completion: string } {
  const at = headerLine(code, prompt);
  const lines = code.split("\n");
  const body = at < 0 ? code : lines.slice(at + 1).join("\n");
  const ends = stops.map((stop) => `\n${body}\n`.indexOf(stop)).filter((end) => end >= 0);
  return {
    top: missingImports(lines.slice(0, Math.max(at, 0)).join("\n"), prompt.text),
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
