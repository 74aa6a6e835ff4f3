/**
 * Edge: Python in a worker without Deno, process or network: files come from the host's message. After each
 * program the whole memory of the interpreter is put back to what it was before, and so are its files.
 */
// deno-lint-ignore-file no-explicit-any
const scope = globalThis as any;
delete scope.process;
delete scope.Deno;

/** What the host sends first. */
export interface Start {
  readonly root: string;
  readonly wasm: Uint8Array;
  readonly stdlib: Uint8Array;
  readonly lock: string;
  readonly prelude: string;
  readonly runner: string;
  /** Memory to start from; without it a cold start. */
  readonly snapshot?: Uint8Array;
  /** Send the memory back instead of taking jobs. */
  readonly makeSnapshot: boolean;
  /** [0] set to 2 interrupts Python, [1] counts a driver's steps. */
  readonly shared: Int32Array;
}

/** What came of a program: `ended` when every call was made. */
export interface Outcome {
  readonly ended: boolean;
  readonly message: string;
  readonly result?: string;
  /** The interpreter cannot be used again. */
  readonly fatal: boolean;
}

scope.onmessage = async ({ data }: MessageEvent<Start>) => {
  const python = await load(data);
  if (!data.snapshot) python.runPython(data.prelude, { globals: python.globals });
  if (data.makeSnapshot) {
    scope.postMessage({ snapshot: python.makeMemorySnapshot() });
    return;
  }
  const serve = prepare(python, data);
  scope.onmessage = ({ data: request }: MessageEvent<string>) => scope.postMessage(serve(request));
  scope.postMessage("ready");
};

async function load({ root, wasm, stdlib, lock, snapshot, makeSnapshot }: Start): Promise<any> {
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
  return await loadPyodide({
    indexURL: "http://pyodide.invalid/",
    packageBaseUrl: "http://pyodide.invalid/",
    lockFileContents: lock,
    createPyodideModule,
    jsglobals: {},
    stdin: () => null,
    stdout: () => {},
    stderr: () => {},
    ...(makeSnapshot ? { _makeSnapshot: true } : {}),
    ...(snapshot ? { _loadSnapshot: snapshot } : {}),
  });
}

/** Defines the runner, saves memory and files, and returns the function that serves requests. */
function prepare(python: any, { runner, shared }: Start): (request: string) => Outcome {
  let request = "";
  let told = "";
  const receive = () => {
    const text = request;
    request = "";
    return text;
  };
  const tell = (text: string) => {
    Atomics.add(shared, 1, 1);
    told = text;
  };
  const names = python.toPy({ __name__: "runner" });
  python.runPython(runner, { globals: names });
  names.get("CHANNELS").append(python.globals.get("Bridge")(receive, tell));
  python.setInterruptBuffer(shared);
  python.runPython("no_javascript()");
  const run = names.get("outcome");
  const files = new Files(python.FS);
  const memory: Uint8Array = python._module.HEAPU8.slice();

  return (next) => {
    request = next;
    told = "";
    let outcome: Outcome;
    try {
      const error: string | undefined = run();
      outcome = {
        ended: error === undefined,
        message: error ?? "",
        result: told.trim(),
        fatal: false,
      };
    } catch (error) {
      outcome = { ended: false, message: String(error), fatal: true };
    }
    const heap: Uint8Array = python._module.HEAPU8;
    // Memory never shrinks, and a file that is not the program's own cannot be put back.
    if (heap.length !== memory.length || !files.restore()) return { ...outcome, fatal: true };
    heap.set(memory);
    return outcome;
  };
}

/** What a file was before the first program. */
interface Known {
  readonly path: string;
  readonly mode: number;
  readonly contents: unknown;
  readonly used: number;
}

/** The interpreter's files, which live outside its memory. */
class Files {
  readonly #known = new Map<any, Known>();
  readonly #open: Set<number>;

  constructor(private readonly fs: any) {
    this.#open = new Set(Object.keys(fs.streams).map(Number));
    for (const node of this.#nodes()) {
      const { mode, contents, usedBytes: used } = node;
      this.#known.set(node, { path: fs.getPath(node), mode, contents, used });
      // Nobody writes to the interpreter's own files.
      if (fs.isFile(node.mode) && node.stream_ops) {
        node.stream_ops = { ...node.stream_ops, write: refuse(fs), mmap: refuse(fs) };
      }
    }
  }

  /** Removes what a program left; false when it changed something else. */
  restore(): boolean {
    const { fs } = this;
    try {
      for (const stream of [...fs.streams]) {
        if (stream && !this.#open.has(stream.fd)) fs.close(stream);
      }
      fs.chdir("/tmp");
      const left = new Set(this.#known.keys());
      for (const node of [...this.#nodes()].reverse()) {
        const known = this.#known.get(node);
        left.delete(node);
        const path = fs.getPath(node);
        if (!known) fs.isDir(node.mode) ? fs.rmdir(path) : fs.unlink(path);
        else if (known.path !== path || known.mode !== node.mode) return false;
        else if (fs.isFile(node.mode)) {
          if (known.contents !== node.contents || known.used !== node.usedBytes) return false;
        }
      }
      return left.size === 0;
    } catch {
      return false;
    }
  }

  /** Every node of the tree, folders before what they hold; what /proc holds changes by itself. */
  *#nodes(from = this.fs.root): Generator<any> {
    for (const node of Object.values(from.contents as Record<string, any>)) {
      if (node.name === "proc" && node.parent === this.fs.root) continue;
      yield node;
      if (this.fs.isDir(node.mode)) yield* this.#nodes(node);
    }
  }
}

function refuse(fs: any): () => never {
  return () => {
    throw new fs.ErrnoError(63);
  };
}
