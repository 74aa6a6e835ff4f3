/** Edge: whether files and folders are there, files written whole, folders that one process at a time may write to. */
import { reason, Refusal } from "./refusal.ts";

/** Whether a folder is there. */
export async function isFolder(path: string): Promise<boolean> {
  return (await infoOf(path))?.isDirectory ?? false;
}

/** Whether a file is there. */
export async function isFile(path: string): Promise<boolean> {
  return (await infoOf(path))?.isFile ?? false;
}

async function infoOf(path: string): Promise<Deno.FileInfo | undefined> {
  return await Deno.stat(path).catch(() => undefined);
}

/** Writes all of some bytes, or a text, at the file's place. */
export async function writeAll(
  file: Pick<Deno.FsFile, "write">,
  data: Uint8Array | string,
): Promise<void> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

/** Runs what writes to `path`; what the file system says against it is a refusal that names it. */
export async function writingTo<V>(
  path: string,
  body: () => Promise<V>,
  expected?: string,
): Promise<V> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    // What is written is made where it lacks.
    const found = cause instanceof Deno.errors.NotFound ? "no such folder" : reason(cause);
    const wanted = expected ? `, expected ${expected}` : "";
    throw new Refusal(`Cannot write "${path}": ${found}${wanted}`, { cause });
  }
}

/** Writes beside and renames, so that the name shows the old or the new whole file. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const beside = `${path}.tmp`;
  await writingTo(path, async () => {
    using file = await Deno.open(beside, { write: true, create: true, truncate: true });
    await writeAll(file, text);
    await file.syncData();
    await Deno.rename(beside, path);
  });
}

/** A file that is written beside its place and is this old has no writer any more. */
const ORPHAN_MS = 24 * 3600 * 1000;

/** Keeps a file in a cache folder, whole or not at all; what killed writers left there goes. */
export async function keepFile(
  path: string,
  data: Uint8Array<ArrayBuffer> | string,
): Promise<void> {
  const beside = besideOf(path);
  const dir = path.slice(0, path.lastIndexOf("/"));
  try {
    await Deno.mkdir(dir, { recursive: true });
    await removeOrphans(dir);
    await Deno.writeFile(beside, typeof data === "string" ? new TextEncoder().encode(data) : data);
    await Deno.rename(beside, path);
  } catch (error) {
    await Deno.remove(beside).catch(() => {});
    throw error;
  }
}

/** A name of our own beside a file or folder of a cache, to write under before it is renamed. */
export function besideOf(path: string): string {
  return `${path}.${crypto.randomUUID()}.tmp`;
}

/** Removes what `besideOf` names and nobody renamed. */
export async function removeOrphans(dir: string): Promise<void> {
  for await (const { name } of Deno.readDir(dir)) {
    if (!/\.[0-9a-f-]{36}\.tmp$/.test(name)) continue;
    const path = `${dir}/${name}`;
    const written = (await infoOf(path))?.mtime?.getTime() ?? Infinity;
    if (Date.now() - written < ORPHAN_MS) continue;
    await Deno.remove(path, { recursive: true }).catch(() => {}); // another process was faster
  }
}

/** A folder that is this process's to write to. */
export interface FolderLock {
  /** Gives the folder up. */
  release(): Promise<void>;
}

/**
 * Makes the folder where it lacks, and in it a locked file that names its owner: a process id, and when that
 * started where the system tells. The system frees the lock when its owner ends, however it does.
 * Refuses while another process owns the folder.
 */
export async function lockFolder(dir: string): Promise<FolderLock> {
  try {
    await Deno.mkdir(dir, { recursive: true });
  } catch (cause) {
    throw new Refusal(`Cannot make folder "${dir}": ${reason(cause)}`, { cause });
  }
  const path = `${dir}/lock`;
  while (true) {
    const file = await openLock(path);
    const [pid, start] = (await Deno.readTextFile(path).catch(() => "")).trim().split(" ");
    // No locks on this file system: the number is all there is.
    const free = await file.tryLock(true).catch(async () => !await alive(pid, start));
    if (!free) {
      file.close();
      const owner = pid ? `process ${pid}` : "another process";
      throw new Refusal(
        `Cannot use "${dir}": ${owner} is writing to it, expected it to have ended`,
      );
    }
    const there = await infoOf(path);
    // The owner before may have removed it meanwhile: another file of that name is not locked.
    if ((await file.stat()).ino !== there?.ino) {
      file.close();
      continue;
    }
    await writingTo(path, async () => {
      await file.truncate();
      await writeAll(file, `${Deno.pid} ${await startOf(`${Deno.pid}`) ?? ""}`.trim());
    }).catch((error) => {
      file.close();
      throw error;
    });
    return {
      async release() {
        await Deno.remove(path).catch(() => {});
        file.close();
      },
    };
  }
}

function openLock(path: string): Promise<Deno.FsFile> {
  return writingTo(path, () => Deno.open(path, { read: true, write: true, create: true }));
}

/** Whether a process lives that started at `start`: a number alone may be another's by now. */
async function alive(pid: string, start?: string): Promise<boolean> {
  if (!/^\d+$/.test(pid)) return false;
  if (Deno.build.os !== "linux") return true;
  const found = await startOf(pid);
  return found !== undefined && (start === undefined || found === start);
}

/** When a process started, in clock ticks since the machine did; undefined when it has ended (Linux). */
async function startOf(pid: string): Promise<string | undefined> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  // pid (name) state ppid ...: the name may hold anything; the start is field 22, 20th behind the name.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ["", "Z", "X"].includes(fields[0]) ? undefined : fields[19];
}
