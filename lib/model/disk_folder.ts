/** Edge: a model's folder on disk. */
import { rememberedDigest } from "../digest.ts";
import { reason, Refusal } from "../refusal.ts";
import type { ModelFolder, OpenFile } from "./folder.ts";

/** A path stands for the folder on disk. */
export function folderOf(model: string | ModelFolder): ModelFolder {
  return typeof model === "string" ? diskFolder(model) : model;
}

function diskFolder(dir: string): ModelFolder {
  return {
    dir,
    read: (name) => unlessAbsent("read", `${dir}/${name}`, Deno.readFile),
    async open(name) {
      const path = `${dir}/${name}`;
      const handle = await unlessAbsent("open", path, (path) => Deno.open(path));
      return handle && await openedFile(path, handle);
    },
    digest: (name, cacheDir) => rememberedDigest(`${dir}/${name}`, cacheDir),
    async names() {
      return await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
    },
  };
}

async function unlessAbsent<V>(
  what: string,
  path: string,
  work: (path: string) => Promise<V>,
): Promise<V | undefined> {
  try {
    return await work(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new Refusal(`Cannot ${what} "${path}": ${reason(cause)}`, { cause });
  }
}

async function openedFile(path: string, handle: Deno.FsFile): Promise<OpenFile> {
  const { size, mtime, isDirectory } = await handle.stat();
  if (isDirectory) {
    handle.close();
    throw new Refusal(`Cannot open "${path}": it is a folder, expected a file`);
  }
  const readRange = async (start: number, length: number) => {
    const bytes = new Uint8Array(length);
    handle.seekSync(start, Deno.SeekMode.Start);
    for (let done = 0; done < length;) {
      const count = await handle.read(bytes.subarray(done));
      if (count === null) {
        throw new Refusal(
          `Cannot read "${path}": it ends at byte ${start + done}, expected ${start + length}`,
        );
      }
      done += count;
    }
    const now = handle.statSync();
    if (now.size !== size || now.mtime?.getTime() !== mtime?.getTime()) {
      throw new Refusal(
        `Cannot read "${path}": the file changed while it was read, expected it to stay`,
      );
    }
    return bytes;
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    path,
    size,
    read(start, length) { // in turn: a file has one place to read at
      const bytes = last.then(() => readRange(start, length));
      last = bytes.catch(() => {});
      return bytes;
    },
    close: () => handle[Symbol.dispose](),
  };
}
