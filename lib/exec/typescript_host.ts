/**
 * Edge: the process of the TypeScript compiler, which may read its own library files and nothing else.
 * A program a line, as JSON; an answer a line.
 */
import { createRequire } from "node:module";
import { streamLines } from "./process.ts";

const folder = Deno.args[0];
const ts = createRequire(folder)("./lib/typescript.js");
const libraries = new Map<string, unknown>();
const options = { target: ts.ScriptTarget.ESNext, types: [] };
const NAME = "/program.ts";

/** Diagnostics of `tsc --target esnext`, and the JavaScript it emits. */
function compile(code: string): { code: string } | { why: string } {
  let emitted = "";
  const host = {
    getSourceFile(name: string, language: unknown) {
      if (name === NAME) return ts.createSourceFile(name, code, language);
      if (!libraries.has(name)) {
        const text = ts.sys.readFile(name);
        libraries.set(
          name,
          text === undefined ? undefined : ts.createSourceFile(name, text, language),
        );
      }
      return libraries.get(name);
    },
    writeFile(_name: string, text: string) {
      emitted = text;
    },
    getDefaultLibFileName: () => new URL("lib/lib.esnext.full.d.ts", folder).pathname,
    getDefaultLibLocation: () => new URL("lib", folder).pathname,
    getCurrentDirectory: () => "/",
    getCanonicalFileName: (name: string) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
    fileExists: (name: string) => name === NAME,
    readFile: () => undefined,
    directoryExists: () => false,
    getDirectories: () => [],
  };
  const program = ts.createProgram([NAME], options, host);
  const [problem] = ts.getPreEmitDiagnostics(program);
  if (problem) {
    return {
      why: `TS${problem.code}: ${ts.flattenDiagnosticMessageText(problem.messageText, " ")}`,
    };
  }
  program.emit();
  return { code: emitted };
}

function say(value: unknown): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

say(ts.version);
for await (const line of streamLines(Deno.stdin.readable)) say(compile(JSON.parse(line)));
