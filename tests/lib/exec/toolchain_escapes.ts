/** Attempts in compiled and shell languages; what passes has escaped (see escapes.ts). */
import type { Language } from "../../../lib/exec/executor.ts";
import type { Target } from "./escapes.ts";

/** The frame of a language's programs: the attempt, a check that fails, the end of checks. */
export const FRAMES: Partial<Record<Language, (attempt: string, end: string) => string>> = {
  sh: (attempt, end) =>
    `got_out=0\n${attempt}\nPOSIXLY_CORRECT=1\nset -e\nunset POSIXLY_CORRECT\n[[ $got_out = 1 ]]\n${end}\n`,
  php: (attempt, end) =>
    `<?php\n$got_out = 0;\n${attempt}\nif ($got_out !== 1) { throw new Exception("still in"); }\n${end}`,
  cpp: (attempt, end) =>
    `#include <bits/stdc++.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
int got_out = 0;
${attempt}
#undef NDEBUG
#include <assert.h>
int main() { run(); assert(got_out == 1); ${end} }
`,
};

/** Attempts by language. */
export function toolchainEscapes({ file, port }: Target): Record<string, [string, string][]> {
  return {
    sh: [
      ["a loop", "while :; do :; done"],
      ["sleep", "sleep 1000"],
      ["a fork bomb", "f() { f | f & }; f; wait"],
      ["a flood", "yes"],
      ["a huge file", "yes > big"],
      ["a background process", "sleep 1000 & disown; exit 0"],
      ["a file of the host", `cat ${file} && got_out=1`],
      ["writing it", `echo x > ${file} && got_out=1`],
      ["the password file", "cat /etc/passwd && got_out=1"],
      ["the system", "touch /usr/x && got_out=1"],
      ["the network", `exec 3<>/dev/tcp/127.0.0.1/${port} && got_out=1`],
      ["the environment", '[ -n "$UNMASK_SECRET_CANARY" ] && got_out=1'],
      ["exit", "exit 0"],
      ["a trap", "trap 'exit 0' EXIT ERR DEBUG"],
      ["kill", "kill -9 0 -1 $PPID"],
      ["printing that it passed", "echo passed; exit 0"],
      [
        "its own text",
        'cat "$0"; echo "$BASH_EXECUTION_STRING"; declare; cat /proc/self/cmdline; exit 0',
      ],
      [
        "running its own end",
        'eval "$(tail -n 1 "$0")"; eval "$(printf %s "$BASH_EXECUTION_STRING" | tail -n 1)"; exit 0',
      ],
      ["another set", "set() { :; }\nunset() { :; }\nbuiltin() { :; }"],
      ["a read-only variable", "readonly POSIXLY_CORRECT\nset +e"],
      ["an open string", "x='"],
      ["an open document", "cat <<END"],
      ["return", "return 0"],
    ],
    php: [
      ["a loop", "while (true);"],
      [
        "memory",
        "ini_set('memory_limit', -1); $x = []; while (true) $x[] = str_repeat('x', 1000000);",
      ],
      ["a file of the host", `if (file_get_contents('${file}') !== false) $got_out = 1;`],
      ["a process", `if (shell_exec('cat ${file}') != null) $got_out = 1;`],
      ["the network", `if (@fsockopen('127.0.0.1', ${port}, $e, $s, 1)) $got_out = 1;`],
      ["exit", "exit(0);"],
      ["return", "return;"],
      ["halting the compiler", "__halt_compiler();"],
      ["a handler", "set_exception_handler(function () { exit(0); });"],
      ["at shutdown", "register_shutdown_function(function () { exit(0); });"],
      [
        "its own text",
        "echo file_get_contents(__FILE__), file_get_contents('php://stdin'); exit(0);",
      ],
      [
        "another Exception",
        "namespace X; class Exception extends \\Exception { function __construct() { exit(0); } } $got_out = 0;",
      ],
    ],
    cpp: [
      ["a loop", 'void run() { for (;;) asm(""); }'],
      ["memory", "void run() { for (;;) memset(malloc(1 << 26), 1, 1 << 26); }"],
      ["a fork bomb", "void run() { for (;;) fork(); }"],
      [
        "a file of the host",
        `void run() { std::ifstream f("${file}"); if (f.good()) got_out = 1; }`,
      ],
      [
        "the network",
        `void run() { int s = socket(AF_INET, SOCK_STREAM, 0); sockaddr_in a{}; a.sin_family = AF_INET; a.sin_port = htons(${port}); a.sin_addr.s_addr = inet_addr("127.0.0.1"); if (connect(s, (sockaddr*) &a, sizeof a) == 0) got_out = 1; }`,
      ],
      ["exit", "void run() { exit(0); }"],
      ["before main", "void run() {}\nstruct A { A() { _exit(0); } } a;"],
      ["another assert", "void run() {}\n#define assert(x) ((void) 0)"],
      ["no debug", "void run() {}\n#define NDEBUG"],
      ["a handler", "void run() { signal(SIGABRT, [](int) { _exit(0); }); }"],
    ],
  };
}
