import assert from "@std/assert";
import { resolveModel } from "../../../lib/hub/resolve.ts";
import { refuses } from "../../mutate.ts";
import { COMMIT, envOf } from "./stand_in.ts";

interface Cache {
  readonly hub: string;
  /** Folder of `org/name`. */
  readonly repo: string;
  readonly notices: string[];
  resolve(): Promise<string>;
}

/** Runs `body` with a cache that holds one snapshot of one small file. */
async function withCache(body: (cache: Cache) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  const hub = `${dir}/hub`;
  const repo = `${hub}/models--org--name`;
  const notices: string[] = [];
  try {
    for (const name of ["refs", "blobs", `snapshots/${COMMIT}`]) {
      await Deno.mkdir(`${repo}/${name}`, { recursive: true });
    }
    await Deno.writeTextFile(`${repo}/refs/main`, COMMIT);
    await Deno.writeTextFile(`${repo}/blobs/abc`, "{}");
    await Deno.symlink("../../blobs/abc", `${repo}/snapshots/${COMMIT}/config.json`);
    const options = {
      env: envOf({ HF_HUB_CACHE: hub }),
      notice: (line: string) => notices.push(line),
    };
    await body({ hub, repo, notices, resolve: () => resolveModel("org/name", options) });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("resolveModel() finds the snapshot of main in the cache", async () => {
  await withCache(async ({ repo, notices, resolve }) => {
    await Deno.mkdir(`${repo}/snapshots/${"f".repeat(40)}`);
    assert.equal(await resolve(), `${repo}/snapshots/${COMMIT}`);
    assert.deepEqual(notices, []);
  });
});

Deno.test("M25 without refs/main the one snapshot is used and said; of two none", async () => {
  await withCache(async ({ repo, notices, resolve }) => {
    await Deno.remove(`${repo}/refs/main`);
    assert.equal(await resolve(), `${repo}/snapshots/${COMMIT}`);
    assert.match(notices.join(), new RegExp(`the one cached snapshot of org/name, ${COMMIT}`));
    await Deno.mkdir(`${repo}/snapshots/${"f".repeat(40)}`);
    await refuses(resolve, /no snapshot for main .*hf download org\/name/);
  });
});

Deno.test("M25 refs/main without its snapshot refuses", async () => {
  await withCache(async ({ repo, resolve }) => {
    await Deno.writeTextFile(`${repo}/refs/main`, "f".repeat(40));
    await refuses(resolve, /no snapshot for main .*hf download org\/name/);
  });
});

Deno.test("M25 a dangling link refuses and names it", async () => {
  await withCache(async ({ repo, resolve }) => {
    await Deno.remove(`${repo}/blobs/abc`);
    await refuses(resolve, /config.json" leads to a file that is not there.*hf download org\/name/);
  });
});

Deno.test("M25 an unfinished download refuses, or is said where a whole snapshot stands", async () => {
  await withCache(async ({ repo, notices, resolve }) => {
    await Deno.writeTextFile(`${repo}/blobs/def.incomplete`, "{");
    await resolve();
    assert.match(notices.join(), /org\/name has 1 unfinished files/);
    await Deno.remove(`${repo}/snapshots`, { recursive: true });
    await refuses(resolve, /1 files not yet whole .*hf download org\/name/);
  });
});

Deno.test("M26 a link out of the cache refuses", async () => {
  await withCache(async ({ hub, repo, resolve }) => {
    await Deno.writeTextFile(`${hub}/../secret`, "{}");
    await Deno.symlink("../../../../secret", `${repo}/snapshots/${COMMIT}/tokenizer.json`);
    await refuses(
      resolve,
      /tokenizer.json": its link leads to ".*secret", expected a place inside/,
    );
  });
});

Deno.test("resolveModel() refuses what is no model", async () => {
  const options = { env: envOf({}), notice: assert.fail };
  await refuses(() => resolveModel("org/name", options), /no home for a Hugging Face cache/);
  await refuses(() => resolveModel("no such folder", options), /expected a folder or ORG\/NAME/);
  await refuses(() => resolveModel("../no such folder", options), /expected a folder or ORG\/NAME/);
  await refuses(() => resolveModel(new URL(import.meta.url).pathname, options), /it is a file/);
});
