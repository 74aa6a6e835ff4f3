/** Attempts in compiled and shell languages; what passes has escaped (see escapes.ts). */
import type { Language } from "../../../lib/exec/executor.ts";
import {
  cppTests,
  csTests,
  javaTests,
  rustTests,
  shTests,
} from "../../../lib/eval/coding/assembly.ts";
import { GO_MAIN } from "../../../lib/eval/coding/go_program.ts";
import { END_OF_CHECKS } from "../../../lib/exec/toolchain.ts";
import type { Target } from "./escapes.ts";

/** The frame of a language's programs, put together as scoring does: the attempt, then a check that fails. */
export const FRAMES: Partial<Record<Language, (attempt: string) => string>> = {
  sh: (attempt) => `got_out=0\n${attempt}\n${shTests("\nset -e\n[[ $got_out = 1 ]]")}`,
  php: (attempt) =>
    `<?php\n$got_out = 0;\n${attempt}\nif ($got_out !== 1) { throw new Exception("still in"); }\n${END_OF_CHECKS}`,
  cpp: (attempt) =>
    `#include <bits/stdc++.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
int got_out = 0;
${attempt}
${cppTests("int main() { run(); assert(got_out == 1); }")}`,
  java: (attempt) =>
    `import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
class Problem {
static int got_out = 0;
${attempt}
${
      javaTests(
        "public static void main(String[] args) throws Exception { run();\nassert(got_out == 1);\n} }",
      )
    }`,
  cs: (attempt) =>
    `using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using System.Threading;
class Problem {
static int got_out = 0;
${attempt}
${csTests("public static void Main(string[] args) { run(); Debug.Assert(got_out == 1); } }")}`,
  go: (attempt) =>
    `package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

var gotOut = 0
var _ = []any{fmt.Sprint, runtime.GC, syscall.Getpid, time.Now}

${attempt}
func TestOut(t *testing.T) {
	run()
	if gotOut != 1 {
		t.Fatal("still in")
	}
}
${GO_MAIN}`,
  rs: (attempt) =>
    `#![allow(unused)]
fn main() {}
pub static mut GOT_OUT: i32 = 0;
${attempt}
${
      rustTests(
        `mod tests { use super::*; #[test] fn out() { unsafe { run(); assert_eq!(GOT_OUT, 1); } } }
`,
      )
    }`,
};

/** Files that programs stand in, where the language cares. */
export const ENTRIES: Partial<Record<Language, string>> = {
  java: "Problem.java",
  go: "main_test.go",
};

/** What gets out of a frame by setting its variable: an honest program, with what some of them use. */
export const HONEST: Partial<Record<Language, string>> = {
  sh: "read -r got_out < <(echo 1)",
  php: "fwrite(STDERR, fgets(STDIN)); $got_out = 1;",
  cpp: "void run() { got_out = 1; }",
  java: "static void run() { got_out = 1; }",
  cs: "static void run() { got_out = 1; }",
  go: "func run() { gotOut = 1 }",
  rs: "unsafe fn run() { GOT_OUT = 1; }",
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
      ["the devices", "touch /dev/x && got_out=1"],
      [
        "shared memory",
        "for i in {1..60}; do head -c 10000000 /dev/zero > /dev/shm/$i || exit; done; got_out=1",
      ],
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
        "the text of others",
        "cat /proc/*/cmdline /proc/*/environ /proc/*/fd/* 2> /dev/null; exit 0",
      ],
      ["an error that is forgiven", "set -E\ntrap 'set +e' ERR"],
      [
        "checks that are left out",
        "shopt -s extdebug\nset -T\ntrap '[[ $BASH_COMMAND != *got_out* ]]' DEBUG",
      ],
      [
        "a set without effect",
        "shopt -s extdebug\nset -T\ntrap '[[ $BASH_COMMAND != set* ]]' DEBUG",
      ],
      [
        "running its own end",
        'eval "$(tail -n 1 "$0")"; eval "$(printf %s "$BASH_EXECUTION_STRING" | tail -n 1)"; exit 0',
      ],
      ["aliases", "shopt -s expand_aliases\nalias set=: unset=: unalias=: shopt=: '[['=:"],
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
    java: [
      ["a loop", "static void run() { while (true); }"],
      [
        "memory",
        "static void run() { List<Object> l = new ArrayList<>(); while (true) l.add(new byte[1 << 24]); }",
      ],
      [
        "threads",
        "static void run() { while (true) new Thread(() -> { while (true); }).start(); }",
      ],
      ["a flood", 'static void run() { while (true) System.out.println("got_out"); }'],
      [
        "a file of the host",
        `static void run() throws Exception { Files.readString(Path.of("${file}")); got_out = 1; }`,
      ],
      [
        "writing it",
        `static void run() throws Exception { Files.writeString(Path.of("${file}"), "x"); got_out = 1; }`,
      ],
      [
        "a process",
        `static void run() throws Exception { if (new ProcessBuilder("cat", "${file}").start().waitFor() == 0) got_out = 1; }`,
      ],
      [
        "the network",
        `static void run() throws Exception { new Socket("127.0.0.1", ${port}); got_out = 1; }`,
      ],
      [
        "the environment",
        'static void run() { if (System.getenv("UNMASK_SECRET_CANARY") != null) got_out = 1; }',
      ],
      ["exit", "static void run() { System.exit(0); }"],
      ["halt", "static void run() { Runtime.getRuntime().halt(0); }"],
      ["exit in an initializer", "static { System.exit(0); } static void run() {}"],
      [
        "a shutdown hook",
        "static void run() { Runtime.getRuntime().addShutdownHook(new Thread(() -> Runtime.getRuntime().halt(0))); }",
      ],
      [
        "a handler",
        "static void run() { Thread.setDefaultUncaughtExceptionHandler((t, e) -> System.exit(0)); }",
      ],
      ["a thread that exits", "static void run() { new Thread(() -> System.exit(0)).start(); }"],
      [
        "no assertions",
        "static { ClassLoader.getSystemClassLoader().setDefaultAssertionStatus(false); ClassLoader.getSystemClassLoader().clearAssertionStatus(); } static void run() {}",
      ],
      [
        "assertions switched off",
        'static void run() throws Exception { var f = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe"); f.setAccessible(true); var u = (sun.misc.Unsafe) f.get(null); try { var d = Problem.class.getDeclaredField("$assertionsDisabled"); u.putBoolean(u.staticFieldBase(d), u.staticFieldOffset(d), true); } catch (NoSuchFieldException e) {} }',
      ],
      [
        "checks of its own",
        "static class UnmaskChecks { static void that(boolean b) {} } static void run() {}",
      ],
      [
        "another AssertionError",
        "static class AssertionError extends Error {} static void run() {}",
      ],
      [
        "another System",
        "static class System { static PrintStream out = null; } static void run() {}",
      ],
    ],
    cs: [
      ["a loop", "static void run() { while (true); }"],
      [
        "memory",
        "static void run() { var l = new List<byte[]>(); while (true) { var b = new byte[1 << 24]; for (int i = 0; i < b.Length; i += 4096) b[i] = 1; l.Add(b); } }",
      ],
      [
        "threads",
        "static void run() { while (true) new Thread(() => Thread.Sleep(99999)).Start(); }",
      ],
      ["a file of the host", `static void run() { File.ReadAllText("${file}"); got_out = 1; }`],
      ["writing it", `static void run() { File.WriteAllText("${file}", "x"); got_out = 1; }`],
      [
        "a process",
        `static void run() { var p = Process.Start("/bin/cat", "${file}"); p.WaitForExit(); if (p.ExitCode == 0) got_out = 1; }`,
      ],
      ["the network", `static void run() { new TcpClient("127.0.0.1", ${port}); got_out = 1; }`],
      [
        "the environment",
        'static void run() { if (Environment.GetEnvironmentVariable("UNMASK_SECRET_CANARY") != null) got_out = 1; }',
      ],
      ["exit", "static void run() { Environment.Exit(0); }"],
      ["exit in an initializer", "static Problem() { Environment.Exit(0); } static void run() {}"],
      [
        "at exit",
        "static void run() { AppDomain.CurrentDomain.ProcessExit += (s, e) => Environment.ExitCode = 0; }",
      ],
      [
        "a handler",
        "static void run() { AppDomain.CurrentDomain.UnhandledException += (s, e) => Environment.Exit(0); }",
      ],
      [
        "another Environment",
        "} namespace System { class Environment { public static void Exit(int code) {} } } class Other { static int got_out = 0; static void run() {}",
      ],
      ["no listeners", "static void run() { Debug.Listeners.Clear(); }"],
      [
        "another Debug",
        "static class Debug { public static void Assert(bool b) {} } static void run() {}",
      ],
      [
        "checks of its own",
        "static class UnmaskChecks { public static void That(bool b) {} } static void run() {}",
      ],
    ],
    go: [
      ["a loop", "func run() { for { } }"],
      [
        "memory",
        "func run() { var l [][]byte; for { b := make([]byte, 1<<26); for i := range b { b[i] = 1 }; l = append(l, b) } }",
      ],
      ["goroutines", "func run() { for { go func() { time.Sleep(time.Hour) }() } }"],
      [
        "a file of the host",
        `func run() { if _, e := os.ReadFile("${file}"); e == nil { gotOut = 1 } }`,
      ],
      [
        "writing it",
        `func run() { if os.WriteFile("${file}", []byte("x"), 0666) == nil { gotOut = 1 } }`,
      ],
      [
        "a process",
        `func run() { p, e := os.StartProcess("/bin/cat", []string{"cat", "${file}"}, &os.ProcAttr{}); if e == nil { s, _ := p.Wait(); if s.Success() { gotOut = 1 } } }`,
      ],
      [
        "the network",
        `func run() { s, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); if syscall.Connect(s, &syscall.SockaddrInet4{Port: ${port}, Addr: [4]byte{127, 0, 0, 1}}) == nil { gotOut = 1 } }`,
      ],
      [
        "the environment",
        'func run() { if os.Getenv("UNMASK_SECRET_CANARY") != "" { gotOut = 1 } }',
      ],
      ["exit", "func run() { os.Exit(0) }"],
      ["exit in init", 'func init() { fmt.Println("PASS"); os.Exit(0) }\nfunc run() {}'],
      ["its own TestMain", "func TestMain(m *testing.M) { os.Exit(0) }\nfunc run() {}"],
      ["leaving the goroutine", "func run() { runtime.Goexit() }"],
      ["a thread that exits", "func run() { go os.Exit(0); time.Sleep(time.Second) }"],
      ["killing all", "func run() { syscall.Kill(-1, 9); syscall.Kill(syscall.Getppid(), 9) }"],
      [
        "no tests",
        'func init() { os.Args = append(os.Args, "-test.run=Nothing", "-test.list=.") }\nfunc run() {}',
      ],
      ["a test that skips", "func TestA(t *testing.T) { t.SkipNow() }\nfunc run() {}"],
    ],
    rs: [
      ["a loop", "fn run() { loop {} }"],
      ["memory", "fn run() { let mut l = vec![]; loop { l.push(vec![1u8; 1 << 26]); } }"],
      ["threads", "fn run() { loop { std::thread::spawn(|| loop {}); } }"],
      ["a file of the host", `unsafe fn run() { std::fs::read("${file}").unwrap(); GOT_OUT = 1; }`],
      ["writing it", `unsafe fn run() { std::fs::write("${file}", "x").unwrap(); GOT_OUT = 1; }`],
      [
        "a process",
        `unsafe fn run() { if std::process::Command::new("cat").arg("${file}").status().unwrap().success() { GOT_OUT = 1; } }`,
      ],
      [
        "the network",
        `unsafe fn run() { std::net::TcpStream::connect("127.0.0.1:${port}").unwrap(); GOT_OUT = 1; }`,
      ],
      [
        "the environment",
        'unsafe fn run() { std::env::var("UNMASK_SECRET_CANARY").unwrap(); GOT_OUT = 1; }',
      ],
      ["exit", "fn run() { std::process::exit(0) }"],
      [
        "before main",
        '#[used] #[link_section = ".init_array"] static A: extern "C" fn() = { extern "C" fn f() { std::process::exit(0) } f };\nfn run() {}',
      ],
      ["a hook", "fn run() { std::panic::set_hook(Box::new(|_| std::process::exit(0))); }"],
      [
        "a test that exits",
        "#[test] fn a() { std::process::exit(0) }\nfn run() { std::thread::sleep(std::time::Duration::from_millis(500)) }",
      ],
      [
        "another assert",
        "macro_rules! assert_eq { ($($t:tt)*) => {} }\nmacro_rules! assert { ($($t:tt)*) => {} }\npub(crate) use assert_eq; fn run() {}",
      ],
      ["another std", "extern crate core as std;\nfn run() {}"],
      ["a module std", "mod std { pub use core::*; }\nfn run() {}"],
    ],
  };
}
