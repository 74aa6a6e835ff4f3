/** Edge: original files and samples under `DIR/<task>/`. */
import { isFile, isFolder } from "../folder.ts";
import { reason, Refusal } from "../refusal.ts";
import { type ByteSource, checkRange } from "./bytes.ts";
import type { SourceFile } from "./source.ts";

/** Where a declared file was found, and as what. */
export interface Found {
  readonly path: string;
  /** The archive that holds it lies there. */
  readonly archived?: boolean;
  /** Under its name for samples. */
  readonly sample?: boolean;
}

/** The file itself, gzipped, where it lies in its repository or unpacked archive, packed, or a sample of it. */
export async function findLocal(dir: string, file: SourceFile): Promise<Found | undefined> {
  const { name, archive } = file;
  for (const place of new Set([name, file.path ?? name])) {
    if (place.endsWith("/")) {
      if (await isFolder(`${dir}/${place}`)) return { path: `${dir}/${place}` };
    } else {
      for (const path of [`${dir}/${place}`, `${dir}/${place}.gz`]) {
        if (await isFile(path)) return { path };
      }
    }
  }
  if (archive) {
    const path = `${dir}/${lastPart(archive.path)}`;
    if (await isFile(path)) return { path, archived: true };
  }
  const sample = `${dir}/${sampleName(name)}`;
  if (!name.endsWith("/") && await isFile(sample)) return { path: sample, sample: true };
}

/** `a/test.jsonl` to `a/test.sample.jsonl`. */
export function sampleName(name: string): string {
  const at = name.lastIndexOf(".");
  return at > name.lastIndexOf("/")
    ? `${name.slice(0, at)}.sample${name.slice(at)}`
    : `${name}.sample`;
}

/** The part of a path behind the last slash. */
export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Whether a file is what a clone without Git LFS has in the place of a large one. */
export async function isPointer(path: string): Promise<boolean> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info?.isFile || info.size > 200) return false;
  const start = new TextEncoder().encode("version https://git-lfs.github.com/");
  const bytes = await fileSource(path).slice(0, Math.min(info.size, start.length));
  return bytes.length === start.length && bytes.every((byte, i) => byte === start[i]);
}

/** What a folder holds, in a few words. */
export async function contentsOf(path: string): Promise<string> {
  if (!await isFolder(path)) return "no such folder yet";
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    names.push(JSON.stringify(isDirectory ? `${name}/` : name));
  }
  if (names.length === 0) return "that folder is empty";
  const more = names.length > 4 ? ` and ${names.length - 4} more` : "";
  return `that folder has ${names.sort().slice(0, 4).join(", ")}${more}`;
}

/** A file on disk. */
export function fileSource(path: string): ByteSource {
  return {
    name: path,
    size: async () => (await Deno.stat(path)).size,
    stream: () => ReadableStream.from(pieces(path)),
    async slice(start, end) {
      using file = await openFile(path);
      await file.seek(start, Deno.SeekMode.Start);
      const bytes = new Uint8Array(end - start);
      for (let at = 0; at < bytes.length;) {
        const count = await file.read(bytes.subarray(at));
        if (count === null) checkRange(path, end, start + at);
        else at += count;
      }
      return bytes;
    },
  };
}

async function openFile(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path);
  } catch (cause) {
    throw new Refusal(`Cannot read "${path}": ${reason(cause)}, expected a readable file`, {
      cause,
    });
  }
}

/** Opened when the first piece is asked for, closed with the last or when the reader leaves. */
async function* pieces(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using file = await openFile(path);
  while (true) {
    const bytes = new Uint8Array(64 << 10);
    const count = await file.read(bytes);
    if (count === null) return;
    yield bytes.subarray(0, count);
  }
}

/** Files below a folder (which ends in `/`) by their path there, in the order of their code units. */
export async function filesBelow(
  folder: string,
): Promise<{ rest: string; source: ByteSource }[]> {
  const names: string[] = [];
  const walk = async (below: string) => {
    for await (const { name, isDirectory, isFile } of Deno.readDir(`${folder}${below}`)) {
      if (isDirectory) await walk(`${below}${name}/`);
      else if (isFile) names.push(`${below}${name}`);
    }
  };
  await walk("");
  return names.sort().map((rest) => ({ rest, source: fileSource(`${folder}${rest}`) }));
}
