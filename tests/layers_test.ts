import assert from "@std/assert";
import { sources } from "./sources.ts";

const LAYERS = ["kernels", "lib", "tasks", "cli"];

Deno.test("imports point one way: kernels < lib < tasks < cli", async () => {
  const root = new URL("..", import.meta.url).pathname;
  let seen = 0;
  for (const [level, layer] of LAYERS.entries()) {
    for await (const path of sources(`${root}${layer}`)) {
      const text = await Deno.readTextFile(path);
      for (const [, target] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
        const resolved = new URL(target, `file://${path}`).pathname.slice(root.length);
        const to = LAYERS.indexOf(resolved.split("/")[0]);
        assert.ok(to >= 0 && to <= level, `${path.slice(root.length)} imports ${resolved}`);
        seen++;
      }
      if (layer === "kernels") {
        assert.ok(!/\bDeno\.|"node:/.test(text), `${path} leaves the web platform`);
      }
    }
  }
  assert.ok(seen > 100);
});

Deno.test("what touches files, processes or the system says so in its first line", async () => {
  const root = new URL("../lib", import.meta.url).pathname;
  let edges = 0;
  for await (const path of sources(root)) {
    const text = await Deno.readTextFile(path);
    const code = text.replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, "");
    const touches = /\bDeno\.\w|["']node:(?!path)/.test(code);
    if (!touches) continue;
    assert.match(text, /^\/\*\*\s*(\* )?Edge: /, path.slice(root.length));
    edges++;
  }
  assert.ok(edges > 30);
});

Deno.test("rooms of lib and kernels, folders and single files, import each other one way", async () => {
  const root = new URL("..", import.meta.url).pathname;
  const room = (path: string) => path.slice(root.length).split("/").slice(0, 2).join("/");
  const imports = new Map<string, Set<string>>();
  for (const layer of ["kernels", "lib"]) {
    for await (const path of sources(`${root}${layer}`)) {
      const text = await Deno.readTextFile(path);
      for (const [, target] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
        const to = room(new URL(target, `file://${path}`).pathname);
        if (to === room(path)) continue;
        imports.set(room(path), (imports.get(room(path)) ?? new Set()).add(to));
      }
    }
  }
  const above: string[] = [];
  const done = new Set<string>();
  const visit = (name: string) => {
    assert.ok(!above.includes(name), `a circle: ${[...above, name].join(" imports ")}`);
    if (done.has(name)) return;
    above.push(name);
    for (const other of imports.get(name) ?? []) visit(other);
    above.pop();
    done.add(name);
  };
  for (const name of imports.keys()) visit(name);
  assert.ok(done.size > 30);
});
