/**
 * Edge: the Hugging Face cache as other programs lay it out:
 *
 *     models--org--name/refs/main                     commit
 *     models--org--name/blobs/<digest>                bytes
 *     models--org--name/snapshots/<commit>/<path>     relative link into blobs (a copy where links fail)
 */
import { checkFileName } from "../file_name.ts";
import { isFile, keepFile } from "../folder.ts";
import { Refusal } from "../refusal.ts";

/** A repository of the Hub. */
export interface Repo {
  readonly kind: "model" | "dataset";
  /** "org/name". */
  readonly name: string;
}

/** The id of a commit. */
export const COMMIT = /^[0-9a-f]{40}$/;

/** Folder of a repository in a cache. */
export function repoFolder(cache: string, { kind, name }: Repo): string {
  return `${cache}/${kind}s--${name.replace("/", "--")}`;
}

/** The commit that a revision means in the cache; `assumed` when only the one snapshot there says so. */
export async function cachedCommit(
  folder: string,
  revision: string,
): Promise<{ commit: string; assumed: boolean } | undefined> {
  const snapshots: string[] = [];
  try {
    for await (const { name } of Deno.readDir(`${folder}/snapshots`)) snapshots.push(name);
  } catch {
    return undefined; // no such repository in the cache
  }
  if (snapshots.includes(revision) && COMMIT.test(revision)) {
    return { commit: revision, assumed: false };
  }
  const ref = await Deno.readTextFile(`${folder}/refs/${revision}`).catch(() => undefined);
  if (ref && snapshots.includes(ref.trim())) return { commit: ref.trim(), assumed: false };
  if (ref || snapshots.length !== 1 || COMMIT.test(revision)) return undefined;
  return { commit: snapshots[0], assumed: true };
}

/** Path of a file in a snapshot; undefined when it is absent or its blob is. */
export async function cachedFile(
  cache: string,
  { folder, commit, path }: { folder: string; commit: string; path: string },
): Promise<string | undefined> {
  const file = `${folder}/snapshots/${commit}/${path}`;
  if (!await isFile(file)) return undefined;
  await checkInside(cache, file);
  return file;
}

/** Refuses a file whose links lead out of the cache. */
export async function checkInside(cache: string, file: string): Promise<void> {
  const [root, real] = await Promise.all([Deno.realPath(cache), Deno.realPath(file)]);
  if (real.startsWith(`${root}/`) || real.startsWith(`${root}\\`)) return;
  throw new Refusal(
    `Cannot use "${file}": its link leads to "${real}", expected a place inside the cache "${root}"`,
  );
}

/** Gives a blob its name in a snapshot. */
export async function place(
  folder: string,
  { commit, path, blob }: { commit: string; path: string; blob: string },
): Promise<void> {
  checkFileName(path, "the Hub");
  const file = `${folder}/snapshots/${commit}/${path}`;
  await Deno.mkdir(file.replace(/\/[^/]*$/, ""), { recursive: true });
  const target = `${"../".repeat(path.split("/").length + 1)}blobs/${blob}`;
  const linked = await Deno.symlink(target, file).then(() => true, () => false);
  if (linked) return;
  // Looked at only now: another process may place it at the same time.
  const known = await Deno.readLink(file).catch(() => undefined);
  if (known === target) return;
  const there = known ?? (await Deno.lstat(file).catch(() => undefined))?.size;
  if (there === undefined) { // no links on this file system
    return await Deno.copyFile(`${folder}/blobs/${blob}`, file);
  }
  // One commit never has two contents for a path: then two paths differ in case alone.
  if (there !== (await Deno.stat(`${folder}/blobs/${blob}`)).size) {
    throw new Refusal(
      `Cannot write "${file}": another file has that name here, expected a file system that tells case apart`,
    );
  }
}

/** Notes which commit a revision is. */
export async function writeRef(folder: string, revision: string, commit: string): Promise<void> {
  if (COMMIT.test(revision)) return;
  checkFileName(revision, "the Hub");
  const path = `${folder}/refs/${revision}`;
  await keepFile(path, commit);
}
