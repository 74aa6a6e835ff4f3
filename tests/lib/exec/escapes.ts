/**
 * Attempts to get out of a sandbox or to pass unearned. Those that try to reach something set `got_out` when they
 * did; the check behind each asserts it, so that whatever passes has escaped.
 */

/** What attempts aim at: made by the test, outside. */
export interface Target {
  /** A file of the host that anyone may read and write. */
  readonly file: string;
  /** A listening port of the host. */
  readonly port: number;
}

/** A name and a program. */
export type Attempt = readonly [name: string, program: string];

/** Python that takes whatever looks like the secret from the frames above, and says it. */
const STEAL = `import sys, re, os, gc
def steal(*_):
  f = sys._getframe()
  while f:
    for v in list(f.f_locals.values()):
      for secret in re.findall(rb'[0-9a-f-]{36}', v) if isinstance(v, bytes) else []:
        for o in range(1, 64):
          try: os.write(o, b'\\n%b null\\n' % secret)
          except OSError: pass
        os._exit(0)
    f = f.f_back
`;

/** Python: hooks and destructors that run while the runner does. */
export const PYTHON_HOOKS: readonly Attempt[] = [
  [
    "stealing from an audit hook",
    `${STEAL}sys.addaudithook(lambda e, _: e == 'compile' and steal())`,
  ],
  [
    "stealing while memory is freed",
    `${STEAL}gc.callbacks.append(steal)\ngc.set_threshold(1, 1, 1)`,
  ],
  [
    "stealing from destructors",
    `${STEAL}class D: __del__ = steal\ngc.disable()\nfor _ in range(1000):\n  d = D()\n  d.d = d\ndel d\ngc.set_threshold(1, 1, 1)\ngc.enable()`,
  ],
  [
    "another exec for its runner",
    "import sys\nb = sys._getframe(1).f_globals['__builtins__']\nb['exec'] = b['compile'] = lambda *_: None",
  ],
  [
    "another next for its runner",
    "import sys\ndef end(_): raise StopIteration\nsys._getframe(1).f_globals['__builtins__']['next'] = end",
  ],
  [
    "an error that says nothing",
    "class Nothing:\n  def __getitem__(self, _): return None\nclass S(str):\n  def __radd__(self, _): return Nothing()\nclass E(BaseException):\n  def __str__(self): return S()\nraise E",
  ],
];

/** Asserts what no honest program here can fulfil. */
export const PYTHON_CHECK = "assert got_out is True";

/** Python, for both executors. */
export function pythonEscapes({ file, port }: Target): Attempt[] {
  const out = "got_out = True";
  return [
    // E14
    ["a loop", "while True: pass"],
    ["a loop that catches everything", "while True:\n  try: pass\n  except BaseException: pass"],
    ["a loop in C", "sum(range(10**12))"],
    ["sleep", "import time\ntime.sleep(1000)"],
    ["a regular expression without end", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')"],
    ["reading stdin", "input()"],
    [
      "a destructor that never ends",
      "class A:\n  def __del__(self):\n    while True: pass\na = A()\ndel a",
    ],
    [
      "ignored signals",
      "import signal\nfor s in range(1, 32):\n  try: signal.signal(s, signal.SIG_IGN)\n  except Exception: pass\nwhile True: pass",
    ],
    // E15
    ["memory", "x = []\nwhile True: x.append(bytearray(10**8))"],
    ["one huge allocation", "x = bytearray(10**11)"],
    ["a print flood", "while True: print('got_out' * 1000)"],
    ["a flood past Python", "import os\nwhile True: os.write(1, b'x' * 65536)"],
    ["a fork bomb", "import os\nwhile True: os.fork()"],
    [
      "threads",
      "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
    ],
    ["many files", "i = 0\nwhile True:\n  open(str(i), 'w').close()\n  i += 1"],
    ["a huge file", "f = open('big', 'wb')\nwhile True: f.write(b'x' * 10**6)"],
    ["deep recursion", "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()"],
    ["a list nested too deep", "x = []\nfor i in range(10**6): x = [x]\nprint(x)"],
    // E16
    ["a file of the host", `open(${JSON.stringify(file)}).read()\n${out}`],
    [
      "writing a file of the host",
      `open(${JSON.stringify(file)}, 'w').write('x')\nimport os\nos.fsync`,
    ],
    ["the password file", `assert 'root:' in open('/etc/passwd').read()\n${out}`],
    [
      "home folders",
      `import os\nassert os.listdir('/root') or os.listdir('/home')\nassert any(os.path.exists(p) for p in ('/root/.bashrc', '/root/.profile'))\n${out}`,
    ],
    ["up and out", `open('../'*20 + ${JSON.stringify(file.slice(1))}).read()\n${out}`],
    [
      "a link outwards",
      `import os\nos.symlink(${JSON.stringify(file)}, 'link')\nopen('link').read()\n${out}`,
    ],
    ["writing to the system", `open('/usr/lib/x', 'w')\n${out}`],
    ["the network", `import socket\nsocket.create_connection(('127.0.0.1', ${port}), 1)\n${out}`],
    [
      "a name look-up",
      `import socket\nsocket.getaddrinfo('example.com', 80)\nsocket.create_connection(('example.com', 80), 1)\n${out}`,
    ],
    [
      "a URL",
      `import urllib.request\nurllib.request.urlopen('http://127.0.0.1:${port}', timeout=1)\n${out}`,
    ],
    ["the environment", `import os\nassert os.environ['UNMASK_SECRET_CANARY']\n${out}`],
    [
      "other processes",
      `import os\nassert any(b'deno' in open(f'/proc/{p}/cmdline', 'rb').read() for p in os.listdir('/proc') if p.isdigit())\n${out}`,
    ],
    [
      "a shell",
      `import subprocess\nsubprocess.run(['cat', ${JSON.stringify(file)}], check=True)\n${out}`,
    ],
    ["killing its parent", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"],
    ["killing all", "import os, signal\nos.kill(-1, signal.SIGKILL)"],
    [
      "mounting",
      `import ctypes\nassert ctypes.CDLL(None).mount(b'/', b'/tmp', None, 4096, None) == 0\n${out}`,
    ],
    ["becoming root", `import os\nos.setuid(0)\nopen('/etc/shadow').read()\n${out}`],
    ["JavaScript", `import js\njs.fetch\n${out}`],
    ["JavaScript by another door", `from pyodide.code import run_js\nrun_js('1')\n${out}`],
    ["JavaScript behind a proxy", `import _pyodide_core\n${out}`],
    // E17
    ["sys.exit", "import sys\nsys.exit(0)"],
    ["os._exit", "import os\nos._exit(0)"],
    ["raising SystemExit", "raise SystemExit"],
    ["at exit", "import atexit, os\natexit.register(os._exit, 0)\nraise SystemExit"],
    ["printing that it passed", "print('passed')\nprint('ended')\nraise SystemExit"],
    [
      "writing to every descriptor",
      "import os\nfor i in range(3, 256):\n  try: os.write(i, b'\\npassed null\\n')\n  except OSError: pass\nraise SystemExit",
    ],
    [
      "echoing every descriptor",
      "import os\nfor i in range(3, 256):\n  try:\n    os.set_blocking(i, False)\n    data = os.read(i, 9999)\n    for o in range(1, 256):\n      try: os.write(o, data)\n      except OSError: pass\n  except OSError: pass\nraise SystemExit",
    ],
    ["closing every descriptor", "import os\nos.closerange(0, 256)\nraise SystemExit"],
    [
      "reading its runner's arguments",
      "import os\nsecret = open('/proc/self/cmdline').read() + open('/proc/self/environ').read()\nos.write(1, secret.encode())\nraise SystemExit",
    ],
    [
      "walking frames for the secret",
      "import sys, re, os\nf = sys._getframe()\nwhile f:\n  for v in list(f.f_locals.values()) + list(f.f_globals.values()):\n    if isinstance(v, (str, bytes)) and re.fullmatch(r'[0-9a-f-]{36}', v if isinstance(v, str) else v.decode('latin1')):\n      for o in range(1, 64):\n        try: os.write(o, b'\\n%b null\\n' % (v.encode() if isinstance(v, str) else v))\n        except OSError: pass\n  f = f.f_back\nraise SystemExit",
    ],
    [
      "changing its runner's variables",
      "import sys\nf = sys._getframe(1)\nwhile f:\n  for k in list(f.f_locals):\n    try: f.f_locals[k] = None\n    except Exception: pass\n  f = f.f_back\nraise SystemExit",
    ],
    [
      "searching the heap",
      "import gc\nfor o in gc.get_objects():\n  if type(o).__name__ == 'generator': o.close()\nraise SystemExit",
    ],
    [
      "jumping over the check",
      "import sys\ndef t(f, e, a):\n  return t\nsys.settrace(t)\nsys._getframe(1).f_trace = t\nsys._getframe(1).f_lineno = 9999",
    ],
    [
      "another AssertionError",
      "import builtins\nclass Quiet(BaseException): pass\nbuiltins.AssertionError = Quiet",
    ],
    [
      "another exec",
      "import builtins\nbuiltins.exec = lambda *a: None\nbuiltins.compile = lambda *a: None",
    ],
    [
      "names that answer to anything",
      "class D(dict):\n  def __missing__(self, k): return True\nimport builtins\nbuiltins.__dict__.update(D())",
    ],
    ["swallowing the check in a string", "x = '''"],
    ["a line that goes on", "x = 1 + \\"],
    [
      "a thread that outlives it",
      "import threading, os, time\nthreading.Thread(target=lambda: (time.sleep(0.2), os._exit(0))).start()\nraise SystemExit",
    ],
    ...PYTHON_HOOKS,
    ["stopping the loop", "raise StopIteration"],
    ["a generator's exit", "raise GeneratorExit"],
    // E18
    [
      "a background process",
      "import os, time\nif os.fork() == 0:\n  os.setsid()\n  time.sleep(1000)\nraise SystemExit",
    ],
    [
      "deleting its folder",
      "import shutil\nshutil.rmtree('.', ignore_errors=True)\nraise SystemExit",
    ],
    [
      "bytes that are no text",
      "import sys, os\nos.write(2, bytes(range(256)))\nraise ValueError('\\udcff\\x00\\x1b[31m')",
    ],
  ];
}

/** Behind each JavaScript attempt. */
export const JS_CHECK = "\n;if (globalThis.got_out !== true) throw new Error('still in');\n";

/** JavaScript. */
export function jsEscapes({ file, port }: Target): Attempt[] {
  const path = JSON.stringify(file);
  const out = "globalThis.got_out = true;";
  return [
    ["a loop", "while (true);"],
    ["a loop in a promise", "(async () => { for (;;) await 0; })();"],
    ["a timer for ever", "setInterval(() => {}, 10); throw 1"],
    ["a regular expression without end", "/^(a+)+$/.test('a'.repeat(60) + 'b')"],
    ["waiting", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"],
    ["memory", "const x = []; for (;;) x.push(new Array(1e6).fill(1));"],
    ["buffers", "const x = []; for (;;) x.push(new Uint8Array(1e8).fill(1));"],
    ["a print flood", "for (;;) console.log('x'.repeat(1e5));"],
    ["recursion", "(function f() { f() })()"],
    ["a file", `require('fs').readFileSync(${path}); ${out}`],
    ["a file by Deno", `Deno.readTextFileSync(${path}); ${out}`],
    ["writing a file", `require('fs').writeFileSync(${path}, 'x'); ${out}`],
    ["the password file", `require('fs').readFileSync('/etc/passwd'); ${out}`],
    ["a directory", `require('fs').readdirSync('/'); ${out}`],
    ["its own program", `require('fs').readFileSync(__filename); ${out}`],
    ["a link", `require('fs').symlinkSync(${path}, '/tmp/unmask-link'); ${out}`],
    ["a process", `require('child_process').execSync('cat ' + ${path}); ${out}`],
    ["a process by Deno", `new Deno.Command('cat', { args: [${path}] }).outputSync(); ${out}`],
    ["the network", `const s = Deno.connect({ port: ${port} }).then(() => { ${out} });`],
    ["fetch", `fetch('http://127.0.0.1:${port}').then(() => { ${out} });`],
    ["a socket", `require('net').connect(${port}, '127.0.0.1', () => { ${out} });`],
    ["a server", `Deno.listen({ port: 0 }); ${out}`],
    ["a name look-up", `Deno.resolveDns('example.com', 'A').then(() => { ${out} });`],
    ["the environment", `if (process.env.UNMASK_SECRET_CANARY) { ${out} }`],
    ["all of the environment", `if (Deno.env.toObject().UNMASK_SECRET_CANARY) { ${out} }`],
    ["a native library", `Deno.dlopen('libc.so.6', {}); ${out}`],
    ["a package", `import('npm:left-pad').then(() => { ${out} });`],
    ["a remote module", `import('https://example.com/x.js').then(() => { ${out} });`],
    [
      "asking for a permission",
      `if (Deno.permissions.requestSync({ name: 'read' }).state === 'granted') { ${out} }`,
    ],
    [
      "a worker with permissions",
      `new Worker('data:,0', { type: 'module', deno: { permissions: { read: true } } }); ${out}`,
    ],
    ["killing its parent", `process.kill(process.ppid, 'SIGKILL'); ${out}`],
    ["killing by Deno", `Deno.kill(Deno.ppid, 'SIGKILL'); ${out}`],
    ["process.exit", "process.exit(0)"],
    ["Deno.exit", "Deno.exit(0)"],
    ["exit from a handler", "process.on('uncaughtException', () => process.exit(0)); throw 1"],
    [
      "a handler that swallows",
      "addEventListener('error', (e) => e.preventDefault()); addEventListener('unhandledrejection', (e) => e.preventDefault()); throw 1",
    ],
    ["return", "return"],
    ["return in a block", "{ return 0 }"],
    ["an open comment", "/*"],
    ["an open template", "`"],
    [
      "another assert",
      "require('node:assert').deepEqual = () => {}; require('node:assert').deepEqual(1, 2)",
    ],
    [
      "another require",
      "var require = () => ({ deepEqual() {} }); require('node:assert').deepEqual(1, 2)",
    ],
    ["a function called require", "function require() { return { deepEqual() {} } }"],
    ["printing that it passed", "console.log('passed\\nended'); process.exit(0)"],
    [
      "its caller's source",
      "function f() { return String(f.caller) + arguments.callee.caller } console.log(f()); process.exit(0)",
    ],
    [
      "frames",
      "Error.prepareStackTrace = (_, s) => s.map((c) => String(c.getFunction()) + String(c.getThis())); console.log(new Error().stack); process.exit(0)",
    ],
    ["another Error", "globalThis.Error = class { constructor() { process.exit(0) } }"],
    [
      "stdin again",
      "const b = new Uint8Array(9999); Deno.stdin.readSync(b); Deno.stdout.writeSync(b); process.exit(0)",
    ],
    [
      "another writer",
      "Deno.stdout.writeSync = () => {}; TextEncoder.prototype.encode = () => new Uint8Array(); process.exit(0)",
    ],
    [
      "a getter in the way",
      "Object.defineProperty(globalThis, 'got_out', { get() { process.exit(0) } })",
    ],
    [
      "bytes that are no text",
      "Deno.stdout.writeSync(new Uint8Array(256).map((_, i) => i)); throw new Error('\\ud800\\0\\x1b[31m')",
    ],
  ];
}

/** Behind each attempt to be right by other names: HumanEvalFix's tests compare and complain so. */
export const JS_ASSERTS =
  "\n;(() => { console.assert(JSON.stringify([1]) === JSON.stringify([2])) })();\n";

/** JavaScript that replaces what such tests call. */
export const JS_NAMES: readonly Attempt[] = [
  ["a constant called console", "const console = { assert() {} };"],
  ["a variable called console", "var console = { assert() {} };"],
  ["a function called console", "function console() {}\nconsole.assert = () => {};"],
  ["another console", "globalThis.console = { assert() {} };"],
  ["another stringify", "JSON.stringify = () => '';"],
  ["a class called JSON", "class JSON { static stringify() { return '' } }"],
  ["one JSON of all lists", "Array.prototype.toJSON = () => 0;"],
  ["one JSON of all", "Object.prototype.toJSON = () => 0;"],
];

/** JavaScript that fails where it reaches what outlives a program, or what others use, too. */
export const JS_SHARED: readonly Attempt[] = [
  ["storage", "try { localStorage.setItem('a', '1') } catch { var no = true } if (!no) throw 1"],
  ["a cache", "caches.open('a').then(() => { throw 1 }, () => {})"],
  ["a GPU", "navigator.gpu.requestAdapter().then((a) => { if (a) throw 1 })"],
];

/** What every SQL attempt would have to return. */
export const SQL_GOLD = "SELECT 'got out'";

/** SQL: E20. */
export function sqlEscapes({ file }: Target): string[] {
  return [
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c",
    "SELECT count(*) FROM t a, t b, t c, t d, t e, t f, t g, t h",
    "WITH RECURSIVE c(x) AS (SELECT zeroblob(100000000) UNION ALL SELECT x || x FROM c) SELECT length(x) FROM c",
    "SELECT hex(zeroblob(900000000))",
    "SELECT printf('%.*c', 2000000000, 'x')",
    "SELECT replace(hex(zeroblob(10000000)), '0', hex(zeroblob(1000)))",
    `ATTACH '${file}' AS x`,
    `ATTACH DATABASE '${file}.db' AS x`,
    "ATTACH ':memory:' AS x",
    "DETACH main",
    `VACUUM INTO '${file}.db'`,
    "VACUUM",
    "REINDEX",
    "ANALYZE",
    "PRAGMA query_only = 0",
    "PRAGMA writable_schema = 1",
    "PRAGMA journal_mode = WAL",
    `PRAGMA temp_store_directory = '/tmp'`,
    "PRAGMA database_list",
    "PRAGMA table_info(t)",
    "PRAGMA mmap_size = 1000000000000",
    "PRAGMA trusted_schema = 1",
    "DROP TABLE t",
    "DELETE FROM t",
    "UPDATE t SET x = 'got out'",
    "INSERT INTO t VALUES ('got out')",
    "REPLACE INTO t VALUES ('got out')",
    "CREATE TABLE u AS SELECT 'got out'",
    "CREATE TEMP TABLE u AS SELECT 'got out'",
    "CREATE VIEW v AS SELECT 'got out'",
    "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t; END",
    "CREATE VIRTUAL TABLE f USING fts5(x)",
    "CREATE INDEX i ON t (x)",
    "ALTER TABLE t RENAME TO u",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "SAVEPOINT s",
    "SELECT load_extension('libc.so.6')",
    `SELECT readfile('${file}')`,
    `SELECT writefile('${file}', 'x')`,
    "SELECT edit('x')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT * FROM pragma_database_list",
    "SELECT sqlite_compileoption_get(1)",
    "SELECT 1; DROP TABLE t",
    "-- nothing",
    "SELECT 'got out' FROM nowhere",
  ];
}
