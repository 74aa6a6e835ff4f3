import assert from "@std/assert";
import { openCheckpoint } from "../../../lib/model/checkpoint.ts";
import type { ModelFolder } from "../../../lib/model/folder.ts";
import { webFolder } from "../../../lib/model/web_folder.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { Session } from "../../../lib/session.ts";
import { TINY } from "../../fixtures.ts";
import { serveFolder, type ServerOptions } from "../../folder_server.ts";

const NAME = "model.layers.1.mlp.experts.3.down_proj.weight";

/** A tensor of a folder, whose other half was read before. */
async function tensorOf(model: string | ModelFolder): Promise<Float32Array> {
  const checkpoint = await openCheckpoint(model);
  await checkpoint.readF32("model.norm.weight");
  const values = await checkpoint.readF32(NAME);
  checkpoint.close();
  return values;
}

const SERVERS: [string, ServerOptions, number, RegExp][] = [
  ["small files at once", {}, 64 << 20, /safetensors bytes=0-67108863$/],
  ["large ones by ranges", {}, 1000, /safetensors bytes=(?!0-)\d+-\d+$/],
  ["all at once without ranges", { ranges: false }, 1000, /safetensors bytes=0-999$/],
  ["all at once where their size is not told", { ranges: "hidden" }, 1000, /safetensors$/],
];

for (const [what, options, atOnce, last] of SERVERS) {
  Deno.test(`webFolder() reads ${what}`, async () => {
    await using server = serveFolder(TINY, options);
    const found = await tensorOf(webFolder(`${server.address}/`, { atOnce }));
    assert.deepEqual(found, await tensorOf(TINY));
    assert.match(server.requests.findLast((line) => line.includes("safetensors"))!, last);
  });
}

Deno.test("a session on the web has the digest of the folder on disk", async () => {
  await using server = serveFolder(TINY);
  const [web, disk] = [webFolder(new URL(server.address)), TINY].map((model) =>
    new Session({ model })
  );
  assert.equal(await web.digest(), await disk.digest());
  assert.equal(await web.tokenizerDigest(), await disk.tokenizerDigest());
  assert.equal(web.name, new URL(server.address).host);
  await web.close();
  await disk.close();
});

const refuses = (work: Promise<unknown>, message: RegExp) =>
  assert.rejects(work, (error: unknown) => error instanceof Refusal && message.test(error.message));

Deno.test("webFolder() refuses a file that changed or cannot be had", async () => {
  let version = 0;
  await using server = serveFolder(TINY, { etag: () => `"${version}"` });
  const checkpoint = await openCheckpoint(webFolder(server.address, { atOnce: 1000 }));
  version++;
  await refuses(checkpoint.readF32(NAME), /safetensors": the file changed while it was read/);
  await refuses(
    openCheckpoint(webFolder(`${server.address}/none`)),
    /^Cannot read "http.*\/none\/config.json": no such file$/,
  );
  const answer = () => new Response(null, { status: 503 });
  await using broken = serveFolder(TINY, { answer });
  await refuses(
    openCheckpoint(webFolder(broken.address)),
    /config.json": status 503, expected 200$/,
  );
  await refuses(
    openCheckpoint(webFolder("http://127.0.0.1:9")),
    /^Cannot read "http.*config.json"/,
  );
});
