/** Edge: one file from the network to disk: continued after a cut, checked, and only then under its name. */
import { fileDigest } from "../digest.ts";
import { isFile, writeAll, writingTo } from "../folder.ts";
import { Refusal } from "../refusal.ts";
import { freeSpace } from "./free_space.ts";
import { bodyOf, checkOnline, get, Unreachable } from "./http.ts";
import type { HubSettings, Progress } from "./settings.ts";

/** Continuations of one file that bring nothing new before it counts as unreachable. */
const MAX_IDLE = 2;

/** Pause before a server that did not answer is asked again. */
const PAUSE_MS = 500;

/** What is downloaded and how it is checked. */
export interface DownloadOptions {
  readonly settings: HubSettings;
  /** Its name, for messages and progress. */
  readonly what: string;
  /** Bytes, when they are known before. */
  readonly size?: number;
  /** SHA-256 (64 hex digits) or git blob id (40), when it is known. */
  readonly digest?: string;
  readonly progress?: Progress;
}

/** Downloads to `path`, through `path.incomplete`; returns at once when the file is there. */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  if (await isFile(path)) return;
  checkOnline(options);
  await writing(path, async () => {
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    using file = await openPart(path);
    if (await isFile(path)) return;
    const part: Part = { file, path, url, options };
    await receive(part);
    let found = await digestProblem(part);
    if (found) {
      await restart(part);
      await receive(part);
      found = await digestProblem(part);
    }
    if (found) {
      await discard(path);
      throw new Refusal(
        `Cannot download ${options.what}: its digest is ${found} after two attempts, expected ${options.digest}`,
      );
    }
    await file.syncData();
    await Deno.rename(`${path}.incomplete`, path);
    await Deno.remove(`${path}.incomplete.etag`).catch(() => {}); // there only when the server gave one
  });
}

/** As `writingTo`, below a cache. */
export function writing<V>(path: string, body: () => Promise<V>): Promise<V> {
  return writingTo(path, body, "a cache that takes it");
}

/** The file that grows, locked: a second process waits here, and then finds the download done. */
async function openPart(path: string): Promise<Deno.FsFile> {
  while (true) {
    const file = await Deno.open(`${path}.incomplete`, { read: true, write: true, create: true });
    await file.lock(true).catch(() => {}); // no locks here: the digest is all there is
    const there = await Deno.stat(`${path}.incomplete`).catch(() => undefined);
    // Another process may have renamed or removed it meanwhile.
    if ((await file.stat()).ino === there?.ino || await isFile(path)) return file;
    file.close();
  }
}

interface Part {
  readonly file: Deno.FsFile;
  readonly path: string;
  readonly url: string;
  readonly options: DownloadOptions;
}

/** Receives until the file is whole. */
async function receive(part: Part): Promise<void> {
  let idle = 0;
  while (true) {
    const before = (await part.file.stat()).size;
    try {
      if (await receiveOnce(part, before)) return;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      const moved = (await part.file.stat()).size > before;
      if (!moved && ++idle >= MAX_IDLE) throw error;
      if (!moved) await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  }
}

/** One request from byte `have` on; whether the file is whole then. */
async function receiveOnce(part: Part, have: number): Promise<boolean> {
  const { file, path, url, options } = part;
  const { settings, what, progress } = options;
  if (have > 0 && have === options.size) return true;
  const etag = await Deno.readTextFile(`${path}.incomplete.etag`).catch(() => undefined);
  const headers: Record<string, string> = {
    "accept-encoding": "identity",
    ...(have > 0 ? { range: `bytes=${have}-`, ...(etag ? { "if-range": etag } : {}) } : {}),
  };
  const response = await get(url, { settings, what, headers });
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  const newTag = response.headers.get("etag");
  const fits = have > 0 && response.status === 206 && Number(range?.[1]) === have &&
    (!etag || newTag === null || etag === newTag);
  if (have > 0 && !fits) {
    await restart(part);
    if (response.status !== 200) {
      await response.body?.cancel();
      return false;
    }
  }
  let done = fits ? have : 0;
  if (response.status !== (done > 0 ? 206 : 200)) {
    await response.body?.cancel();
    throw new Refusal(
      `Cannot download ${what}: the server answers HTTP ${response.status}, expected the file`,
    );
  }
  const length = response.headers.get("content-length");
  const total = options.size ?? (range ? Number(range[2]) : length ? Number(length) : undefined);
  if (newTag) await Deno.writeTextFile(`${path}.incomplete.etag`, newTag);
  await checkSpace(path, { what, needed: (total ?? 0) - done }, response);
  await file.seek(done, Deno.SeekMode.Start);
  progress?.(what, done, total);
  for await (const bytes of bodyOf(response, what)) {
    await writeAll(file, bytes);
    done += bytes.length;
    if (total !== undefined && done > total) {
      await discard(path);
      throw new Refusal(`Cannot download ${what}: more than ${total} bytes, expected that many`);
    }
    progress?.(what, done, total);
  }
  if (total === undefined || done === total) return true;
  throw new Unreachable(
    `Cannot download ${what}: the connection ended at byte ${done}, expected ${total}`,
  );
}

async function checkSpace(
  path: string,
  { what, needed }: { what: string; needed: number },
  response: Response,
): Promise<void> {
  const free = needed > 0 ? await freeSpace(path) : undefined;
  if (free === undefined || free >= needed) return;
  await response.body?.cancel();
  throw new Refusal(
    `Cannot download ${what}: ${free} bytes are free at "${path}", expected ${needed}`,
  );
}

async function restart({ file, path }: Part): Promise<void> {
  await file.truncate(0);
  await Deno.remove(`${path}.incomplete.etag`).catch(() => {}); // there only when the server gave one
}

async function discard(path: string): Promise<void> {
  await Deno.remove(`${path}.incomplete`);
  await Deno.remove(`${path}.incomplete.etag`).catch(() => {}); // there only when the server gave one
}

/** The digest of what was received, when it is not the wanted one. */
async function digestProblem({ path, options }: Part): Promise<string | undefined> {
  if (!options.digest) return undefined;
  const kind = options.digest.length === 40 ? "git" : "sha256";
  const found = await fileDigest(`${path}.incomplete`, kind);
  return found === options.digest.toLowerCase() ? undefined : found;
}
