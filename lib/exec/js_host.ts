/**
 * Edge: the process of one JavaScript program, without permissions. It runs as a script, so that it cannot return
 * before its tests; the secret stays in this module, which sloppy code cannot reach through callers; `require`
 * and what tests compare and assert with cannot be replaced.
 */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { runInThisContext } from "node:vm";

const { code, secret } = JSON.parse(await new Response(Deno.stdin.readable).text());
const said = new TextEncoder().encode(`\n${secret}`);
const write = Deno.stdout.writeSync.bind(Deno.stdout);
const system = createRequire(import.meta.url);

/** npm's js-md5, which one published program uses. */
const md5 = (text: string) => createHash("md5").update(text).digest("hex");

const require = Object.assign((name: string) => name === "js-md5" ? md5 : system(name), system);
Object.freeze(require("node:assert"));
for (const [name, value] of Object.entries({ require, console, JSON })) {
  // Nor by a variable of that name, which a script may put over what is configurable.
  Object.defineProperty(globalThis, name, {
    value: Object.freeze(value),
    writable: false,
    configurable: false,
  });
}
Object.defineProperty(Array.prototype, "toJSON", { value: undefined });
const module = { exports: {} };
Object.assign(globalThis, { module, exports: module.exports });
runInThisContext(code, { filename: "program.js" });
write(said);
