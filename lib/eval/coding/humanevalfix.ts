/** HumanEvalFix: functions with a bug to fix, in six languages (Muennighoff et al., 2023). */
import type { Job, Language } from "../../exec/executor.ts";
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { cppTests, importLines, javaTests, missingImports, rustTests } from "./assembly.ts";
import { escaped, extractCode } from "./extract.ts";
import { goProgram } from "./go_program.ts";
import { nothing, scoreOf } from "./verdict.ts";

/** Imports that the official harness puts before Python answers. */
const PYTHON_IMPORTS = [
  "import math, re, sys, copy, datetime, itertools, collections, heapq, statistics, functools, hashlib, string",
  "from typing import *",
  "from collections import *",
  "try:",
  "    import numpy, numpy as np",
  "except ImportError:",
  "    pass",
].join("\n");

/** The same for C++; not every machine has Boost. */
const CPP_HEADERS = [
  ..."stdlib.h algorithm cmath math.h numeric stdio.h vector set map queue stack list deque".split(
    " ",
  ),
  ..."string climits cstring iostream sstream fstream".split(" "),
].map((name) => `#include <${name}>`).join("\n") +
  "\n#if __has_include(<boost/any.hpp>)\n#include <boost/any.hpp>\n#endif\nusing namespace std;";

/** Languages by the first part of a row's id. */
const LANGUAGES: Readonly<Record<string, Language>> = {
  Python: "python",
  JavaScript: "js",
  Java: "java",
  Go: "go",
  CPP: "cpp",
  Rust: "rs",
};

/** Language of a row. */
export function fixLanguage(doc: Doc): Language | undefined {
  return LANGUAGES[String(doc.task_id).split("/")[0]];
}

/** Docstring, buggy function and tests, then the request. */
export function humanevalfixPrompt(doc: Doc): Message[] {
  const content = `${doc.prompt}${doc.buggy_solution}\n${doc.test}\nFix bugs in ${doc.entry_point}`;
  return [{ role: "user", content }];
}

/** `pass`: the first block that defines the function is the whole function; the tests run after it. */
export async function scoreHumanevalfix(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const language = fixLanguage(doc);
  if (language === undefined) return { metrics: {}, not_run: `no language for ${doc.task_id}` };
  const names = [String(doc.entry_point), declaredName(doc)].map(escaped).join("|");
  const defined = new RegExp(`(?<!\\w)(?:${names})${GENERICS}\\s{0,10}(?:\\(|=)`);
  const found = extractCode(text, { language, defines: (code) => defined.test(code) });
  if (found === undefined) return nothing("pass");
  // A body alone continues the declaration.
  const code = defined.test(found) ? found : `${doc.declaration}${found}`;
  const job = JOBS[language as keyof typeof JOBS](code, doc);
  const verdict = await tools.code.run({ language, ...job }, { task: "humanevalfix" });
  const header = /fatal error: (\S+): No such file/.exec(verdict.message)?.[1];
  if (header && importLines(String(doc.declaration)).some((line) => line.includes(header))) {
    return { metrics: {}, not_run: `needs the header ${header}` };
  }
  return scoreOf(verdict, { extracted: found });
}

/** Type parameters between a function's name and its parameters. */
const GENERICS = "(?:<[^<>()]{0,100}>)?";

/** The name that the declaration's last line gives the function: in a few rows not the entry point. */
function declaredName(doc: Doc): string {
  const line = String(doc.declaration).trimEnd().split("\n").at(-1)!;
  const name = new RegExp(`([\\w$]+)${GENERICS}\\s{0,10}[(=]`).exec(line)?.[1];
  return name ?? String(doc.entry_point);
}

type Assembled = Omit<Job, "language">;

function program(
  entry: string,
  text: string,
  rest: Partial<Job> & { timeoutMs: number },
): Assembled {
  return { files: { [entry]: text }, entry, ...rest };
}

/** Imports of the declaration that the answer left out. */
function declared(code: string, doc: Doc): string {
  return missingImports(String(doc.declaration), code).join("\n");
}

/** How answers and tests are put together, with the official limits. */
const JOBS = {
  python: (code: string, doc: Doc) =>
    program("main.py", `${PYTHON_IMPORTS}\n${declared(code, doc)}\n${code}\n`, {
      check: String(doc.test),
      guard: true,
      timeoutMs: 10_000,
    }),
  js: (code: string, doc: Doc) =>
    program("main.js", `${code}\n${doc.test}`, { silent: true, timeoutMs: 10_000 }),
  cpp: (code: string, doc: Doc) =>
    program(
      "main.cpp",
      `${CPP_HEADERS}\n${declared(code, doc)}\n${withoutMain(code)}\n${cppTests(String(doc.test))}`,
      // One row's declaration wants a library.
      {
        flags: `-std=c++11${/openssl/.test(String(doc.declaration)) ? " -lcrypto" : ""}`,
        timeoutMs: 60_000,
      },
    ),
  java: (code: string, doc: Doc) =>
    program(
      "Main.java",
      `${declared(code, doc)}\n${inClass(code)}\n${javaTests(String(doc.test))}`,
      {
        timeoutMs: 10_000,
      },
    ),
  go: (code: string, doc: Doc) =>
    program("main_test.go", goProgram(code, doc), { timeoutMs: 20_000 }),
  rs: (code: string, doc: Doc) =>
    program(
      "main.rs",
      `${/\bfn\s{1,5}main\b/.test(code) ? "" : "fn main() {}"}\n${declared(code, doc)}\n${code}\n${
        rustTests(String(doc.test))
      }`,
      { timeoutMs: 60_000 },
    ),
};

/** The tests bring their own main function. */
function withoutMain(code: string): string {
  const at = code.search(/^\s{0,8}int\s{1,8}main\b/m);
  return at < 0 ? code : code.slice(0, at);
}

/** Java methods without their class get one. */
function inClass(code: string): string {
  if (/\bclass\s{1,10}Solution\b/.test(code)) return code;
  const imports = importLines(code);
  const rest = code.split("\n").filter((line) => !imports.includes(line)).join("\n");
  return `${imports.join("\n")}\nclass Solution {\n${rest}\n}`;
}
