/** Edge: what a toolchain compiles once from Debian's own packages, kept in the cache, seen read-only in the sandbox. */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { besideOf, isFolder, lockFolder, removeOrphans } from "../folder.ts";
import { Refusal } from "../refusal.ts";
import { runProcess, said } from "./process.ts";

/** Time for compiling it. */
const BUILD_MS = 600_000;

/** Folders of our own, named so that a later process can tell them. */
const PREFIX = "unmask-toolchain-";

/** Age at which such a folder is locked by its owner, or has none any more. */
const SETTLED_MS = 60_000;

/** A folder that a script fills. */
export interface Prebuilt {
  readonly folder: string;
  /** Removes what was only for this process. */
  remove(): Promise<void>;
}

/**
 * The folder that `script` fills, from the cache when it is there. The script is ours and builds the system's
 * packages; no program's text is in it. As root the folder is copied to where nobody can read it.
 */
export async function prebuilt(
  script: string,
  { name, cache }: { name: string; cache: string | null },
): Promise<Prebuilt> {
  const key = createHash("sha256").update(script).digest("hex").slice(0, 16);
  const kept = cache === null ? undefined : `${cache}/toolchain/${name}-${key}`;
  if (kept !== undefined && Deno.uid() !== 0 && await isFolder(kept)) {
    return { folder: kept, remove };
  }
  const { folder, remove: gone } = await ownFolder();
  if (kept !== undefined && await isFolder(kept)) {
    await shell(`cp -r "${kept}/." .`, { name, folder });
  } else {
    await shell(script, { name, folder });
    if (kept !== undefined) await keep(folder, kept);
  }
  return { folder, remove: gone };
}

/** Nothing to remove. */
const remove = () => Promise.resolve();

/** A temporary folder that everybody can read, beside the lock that says whose it is. */
async function ownFolder(): Promise<Prebuilt> {
  const owned = await Deno.makeTempDir({ prefix: PREFIX });
  await Deno.chmod(owned, 0o755);
  const lock = await lockFolder(owned);
  const folder = `${owned}/files`;
  await Deno.mkdir(folder);
  await sweep(dirname(owned));
  return {
    folder,
    async remove() {
      await Deno.remove(owned, { recursive: true });
      await lock.release();
    },
  };
}

/** Removes what processes left that were killed. */
async function sweep(parent: string): Promise<void> {
  for await (const { name } of Deno.readDir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = `${parent}/${name}`;
    const info = await Deno.lstat(path).catch(() => undefined);
    // What stands in another user's folder may lead anywhere.
    if (!info?.isDirectory || info.uid !== Deno.uid()) continue;
    if (Date.now() - Number(info.mtime) < SETTLED_MS) continue;
    try {
      const lock = await lockFolder(path);
      await Deno.remove(path, { recursive: true });
      await lock.release();
    } catch {
      // Its owner is at work, or another process was faster.
    }
  }
}

async function keep(folder: string, kept: string): Promise<void> {
  const part = besideOf(kept);
  try {
    await Deno.mkdir(part, { recursive: true });
    await removeOrphans(dirname(kept));
    await shell(`cp -r . "${part}"`, { name: "copy", folder });
    await Deno.rename(part, kept);
  } catch {
    // Another process was faster, or the cache cannot be written: the folder itself serves.
    await Deno.remove(part, { recursive: true }).catch(() => {});
  }
}

async function shell(
  script: string,
  { name, folder }: { name: string; folder: string },
): Promise<void> {
  const done = await runProcess("sh", {
    args: ["-c", `set -e; umask 022; ${script}`],
    env: { PATH: "/usr/bin:/bin", HOME: folder },
    cwd: folder,
    timeoutMs: BUILD_MS,
  });
  if (done.code !== 0) {
    throw new Refusal(
      `Cannot prepare the ${name} toolchain: ${said(done)}, expected its libraries`,
    );
  }
}
