/**
 * Edge: the sandboxed process. Passes programs from stdin to the worker that holds Python, keeps their time,
 * and writes outcomes to stdout; Python's own output never reaches stdout. Arguments: the folder of the
 * package, and the file of a snapshot, "make" to write one to stdout, or nothing for a cold start.
 */
import prelude from "./python/prelude.py" with { type: "text" };
import runner from "./python/runner.py" with { type: "text" };
import { streamLines } from "./process.ts";
import type { Outcome, Start } from "./pyodide_worker.ts";

/** A request line. */
interface Request {
  /** JSON text for Python: read and written here, numbers would not stay as they are. */
  readonly job: string;
  readonly timeoutMs: number;
  readonly stepMs?: number;
}

const [root, from] = Deno.args;
const read = (name: string) => Deno.readFile(new URL(name, root));
const shared = new Int32Array(new SharedArrayBuffer(8));
const worker = new Worker(new URL("./pyodide_worker.ts", import.meta.url).href, { type: "module" });
const start: Start = {
  root,
  wasm: await read("pyodide.asm.wasm"),
  stdlib: await read("python_stdlib.zip"),
  lock: new TextDecoder().decode(await read("pyodide-lock.json")),
  prelude,
  runner,
  makeSnapshot: from === "make",
  snapshot: from && from !== "make" ? await Deno.readFile(from) : undefined,
  shared,
};

/** The timer of the program that runs. */
let timer: ReturnType<typeof setInterval> | undefined;
let late = false;

/** After the limit Python is interrupted; who goes on is killed by our parent. */
function keepTime({ timeoutMs, stepMs = timeoutMs }: Request): void {
  late = false;
  Atomics.store(shared, 0, 0);
  const began = performance.now();
  let stepBegan = began;
  let steps = Atomics.load(shared, 1);
  timer = setInterval(() => {
    const now = performance.now();
    const made = Atomics.load(shared, 1);
    if (made !== steps) stepBegan = now;
    steps = made;
    if (now - began < timeoutMs && now - stepBegan < stepMs) return;
    if (late) return;
    late = true;
    Atomics.store(shared, 0, 2);
    say({ late: true });
  }, 20);
}

function say(value: unknown): void {
  write(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}

function write(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

worker.onmessage = ({ data }: MessageEvent<"ready" | { snapshot: Uint8Array } | Outcome>) => {
  if (data === "ready") return say("ready");
  if ("snapshot" in data) {
    write(data.snapshot);
    Deno.exit(0);
  }
  clearInterval(timer);
  say({ ...data, late });
};
worker.onerror = () => Deno.exit(1);
worker.postMessage(start);

for await (const line of streamLines(Deno.stdin.readable, { limit: Infinity })) {
  const request: Request = JSON.parse(line);
  keepTime(request);
  worker.postMessage(request.job);
}
Deno.exit(0);
