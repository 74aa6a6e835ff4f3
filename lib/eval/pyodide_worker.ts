/**
 * Edge: Python in a worker without Deno, process or network: files come from the host's message, and a
 * program's names, modules and builtins are put back after each run.
 */
// deno-lint-ignore-file no-explicit-any
const scope = globalThis as any;
delete scope.process;
delete scope.Deno;

/** Runs a program in fresh globals; returns what it said last, and its error. */
const RUNNER = `
import sys, builtins, io, os
_clean_builtins = dict(vars(builtins))
_clean_modules = set(sys.modules)
_clean_path = list(sys.path)
_limit = sys.getrecursionlimit()

class _Sink(io.TextIOBase):
    def write(self, text):
        return len(text)

def run_program(code, secret):
    out = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = _Sink()
    # Names that the official harnesses take away: a program that calls them fails.
    for name in ("system", "kill", "putenv", "remove", "removedirs", "rmdir", "fork", "rename",
                 "truncate", "unlink", "chmod", "chown", "_exit", "abort"):
        if hasattr(os, name):
            saved[name] = getattr(os, name)
            setattr(os, name, None)
    builtins.exit = builtins.quit = None
    said, message = None, ""
    try:
        program = compile(code, "program", "exec")
        exec(program, {"__name__": "__main__"})
        said = secret
    except BaseException as error:
        message = type(error).__name__ + ": " + str(error)[:500]
    finally:
        sys.stdout, sys.stderr = out
        for name in list(vars(builtins)):
            if name not in _clean_builtins:
                delattr(builtins, name)
        for name, value in _clean_builtins.items():
            setattr(builtins, name, value)
        for name, value in saved.items():
            setattr(os, name, value)
        saved.clear()
        for name in list(sys.modules):
            if name not in _clean_modules:
                del sys.modules[name]
        sys.path[:] = _clean_path
        sys.setrecursionlimit(_limit)
        os.chdir("/home/pyodide")
    return [said, message]

saved = {}
run_program
`;

scope.onmessage = async ({ data: { root, wasm, stdlib, lock } }: MessageEvent) => {
  const assets: Record<string, Uint8Array> = {
    "pyodide.asm.wasm": wasm,
    "python_stdlib.zip": stdlib,
  };
  scope.fetch = (url: string) => {
    const bytes = assets[String(url).split("/").at(-1)!];
    if (!bytes) return Promise.reject(new TypeError("no network"));
    const type = String(url).endsWith(".wasm") ? "application/wasm" : "application/zip";
    return Promise.resolve(new Response(bytes as BodyInit, { headers: { "content-type": type } }));
  };
  const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all([
    import(new URL("pyodide.mjs", root).href),
    import(new URL("pyodide.asm.mjs", root).href),
  ]);
  const python = await loadPyodide({
    indexURL: "http://pyodide.invalid/",
    packageBaseUrl: "http://pyodide.invalid/",
    lockFileContents: lock,
    createPyodideModule,
    jsglobals: {},
    stdin: () => null,
    stdout: () => {},
    stderr: () => {},
  });
  const run = python.runPython(RUNNER);
  scope.onmessage = ({ data: { code, secret } }: MessageEvent) => {
    try {
      const [said, message] = run(code, secret).toJs();
      scope.postMessage({ said, message, fatal: false });
    } catch (error) {
      scope.postMessage({ said: null, message: String(error), fatal: true });
    }
  };
  scope.postMessage("ready");
};
