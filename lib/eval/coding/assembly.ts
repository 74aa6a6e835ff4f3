/** Putting answers and tests of compiled languages together, so that neither can stand in for the other. */
import { END_OF_CHECKS } from "../../exec/toolchain.ts";

/** Lines that bring in other code. */
const IMPORT = /^\s{0,8}(?:import|from|#\s?include|using|use)\b/;

/** Import lines of `code` that `present` lacks. */
export function missingImports(code: string, present: string): string[] {
  const there = new Set(present.split("\n").map((line) => line.trim()));
  return code.split("\n").filter((line) => IMPORT.test(line) && !there.has(line.trim()));
}

/** Import lines of a text. */
export function importLines(code: string): string[] {
  return code.split("\n").filter((line) => IMPORT.test(line));
}

/** The end of checks before the `braces`-th closing brace from the end. */
export function endBefore(tests: string, braces: number): string {
  let at = tests.length;
  for (let i = 0; i < braces; i++) at = tests.lastIndexOf("}", at - 1);
  if (at < 0) throw new RangeError("tests without a closing brace");
  return `${tests.slice(0, at)}\n${END_OF_CHECKS}\n${tests.slice(at)}`;
}

/** C++ tests with the real `assert`, whatever the answer made of the name. */
export function cppTests(tests: string): string {
  return `#undef NDEBUG\n#include <assert.h>\n${endBefore(tests, 1)}`;
}

/** Java tests that throw: a program can switch its assertions off. */
export function javaTests(tests: string): string {
  const thrown = "if (!($1)) throw new java.lang.AssertionError();";
  return endBefore(tests.replace(/\bassert\s?\((.*)\);$/gm, thrown), 2);
}

/** C# tests that throw: `Debug` may be the answer's own, and its listeners too. */
export function csTests(tests: string): string {
  return `${endBefore(tests.replaceAll("Debug.Assert(", "global::UnmaskChecks.That("), 2)}
static class UnmaskChecks {
    public static void That(bool holds) {
        if (!holds) throw new global::System.Exception("assertion failed");
    }
}
`;
}

/** Rust tests with the standard macros, whatever the answer made of their names. */
export function rustTests(tests: string): string {
  return endBefore(tests.replace(/(?<![:\w])(assert(?:_eq|_ne)?!)/g, "::std::$1"), 2);
}

/**
 * Bash tests in which `set -e` is the built-in: special built-ins come before functions in POSIX mode. What else
 * that mode brings, and the answer's aliases, end with it. They have ended when `set -e` still holds and no trap
 * could leave a command out.
 */
export function shTests(tests: string): string {
  const strict = `
POSIXLY_CORRECT=1
\\set -e
\\unset -f shopt unalias
\\unalias -a
\\shopt -u inherit_errexit expand_aliases
\\unset POSIXLY_CORRECT
`;
  const held = "[[ $- = *e* && $BASHOPTS != *extdebug* ]]";
  return `${tests.replace("\nset -e\n", strict)}\nif ${held}; then\n${END_OF_CHECKS}\nfi\n`;
}
