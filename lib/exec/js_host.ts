/**
 * Edge: the process of one JavaScript program, without permissions. It runs as a script, so that it cannot return
 * before its tests; the secret stays in this module, which sloppy code cannot reach through callers; `require`
 * and what tests assert with cannot be replaced.
 */
import { createRequire } from "node:module";
import { runInThisContext } from "node:vm";

const { code, secret } = JSON.parse(await new Response(Deno.stdin.readable).text());
const said = new TextEncoder().encode(`\n${secret}`);
const write = Deno.stdout.writeSync.bind(Deno.stdout);
const require = createRequire(import.meta.url);
Object.freeze(require("node:assert"));
Object.freeze(console);
Object.defineProperty(globalThis, "require", { value: require });
const module = { exports: {} };
Object.assign(globalThis, { module, exports: module.exports });
runInThisContext(code, { filename: "program.js" });
write(said);
