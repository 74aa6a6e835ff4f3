/**
 * Edge: the sandboxed process. Passes programs from stdin to the worker that holds Python, and its
 * answers to stdout; Python's own output never reaches stdout.
 */
const root = Deno.args[0];
const read = (name: string) => Deno.readFile(new URL(name, root));
const worker = new Worker(new URL("./pyodide_worker.ts", import.meta.url).href, { type: "module" });
const encoder = new TextEncoder();

worker.onmessage = async ({ data }) => {
  const bytes = encoder.encode(data === "ready" ? "ready\n" : `${JSON.stringify(data)}\n`);
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
};
worker.onerror = () => Deno.exit(1);
worker.postMessage({
  root,
  wasm: await read("pyodide.asm.wasm"),
  stdlib: await read("python_stdlib.zip"),
  lock: new TextDecoder().decode(await read("pyodide-lock.json")),
});

let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream() as never)) {
  const parts = (rest + text).split("\n");
  rest = parts.pop()!;
  for (const line of parts) worker.postMessage(JSON.parse(line));
}
Deno.exit(0);
