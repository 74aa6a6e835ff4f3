/**
 * Edge: the process of one JavaScript program, without permissions. The secret stays in this module's scope,
 * which sloppy code cannot reach through callers, and is written after the program's last line.
 */
import { createRequire } from "node:module";

const { code, secret } = JSON.parse(await new Response(Deno.stdin.readable).text());
const end = new TextEncoder().encode(`\n${secret}`);
const write = Deno.stdout.writeSync.bind(Deno.stdout);
const module = { exports: {} };
const run = new Function("exports", "require", "module", code).bind(
  module.exports,
  module.exports,
  createRequire(import.meta.url),
  module,
);
// Neither Deno nor a way to end early with success: only the secret counts.
run();
write(end);
