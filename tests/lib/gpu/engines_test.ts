import assert from "@std/assert";
import { openGpu } from "../../../lib/gpu/device.ts";
import { engineGpu } from "../../../lib/gpu/engines.ts";
import { Refusal } from "../../../lib/refusal.ts";

/** A folder whose node_modules holds a stand-in for the npm package. */
async function withPackage(index: string, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/node_modules/webgpu`, { recursive: true });
    const about = { name: "webgpu", version: "0.0.0", type: "module", main: "index.js" };
    await Deno.writeTextFile(`${folder}/node_modules/webgpu/package.json`, JSON.stringify(about));
    await Deno.writeTextFile(`${folder}/node_modules/webgpu/index.js`, index);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("engineGpu() takes Dawn from node_modules, at run time", async () => {
  const index = "export const create = (flags) => ({ flags, requestAdapter: async () => null });";
  await withPackage(index, async (folder) => {
    await Deno.mkdir(`${folder}/below`);
    const gpu = await engineGpu("dawn", { from: [`${folder}/below`], flags: ["backend=null"] });
    assert.deepEqual((gpu as unknown as { flags: string[] }).flags, ["backend=null"]);
    await assert.rejects(
      openGpu({ gpu, engine: "dawn" }),
      (error: unknown) =>
        error instanceof Refusal && /no adapter of backend "dawn"/.test(error.message),
    );
  });
});

Deno.test("engineGpu() refuses Dawn where it is absent or does not load", async () => {
  const folder = await Deno.makeTempDir();
  await assert.rejects(
    engineGpu("dawn", { from: [folder] }),
    (error: unknown) =>
      error instanceof Refusal && error.message.includes(folder) &&
      /^Cannot use engine "dawn": no npm package "webgpu".*npm install webgpu@/.test(error.message),
  );
  await Deno.remove(folder, { recursive: true });
  await withPackage("throw new Error('wrong system');", async (folder) => {
    await assert.rejects(
      engineGpu("dawn", { from: [folder] }),
      (error: unknown) => error instanceof Refusal && /wrong system, expected/.test(error.message),
    );
  });
});

Deno.test("engineGpu() gives Deno's own by default", async () => {
  assert.equal(await engineGpu("deno"), navigator.gpu);
});
