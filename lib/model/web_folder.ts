/** A model's folder on the web, read by `fetch`: weights by ranges of bytes, where the server has them. */
import { sha256 } from "../digest.ts";
import { reason, Refusal } from "../refusal.ts";
import type { ModelFolder, OpenFile } from "./folder.ts";

/** Files up to this size are read at once: a request for each tensor of a small model takes longer. */
const AT_ONCE = 64 << 20;

/**
 * The folder that a server offers at `address`. A digest reads the whole file; names of files that nobody
 * asked for cannot be told.
 */
export function webFolder(
  address: string | URL,
  { atOnce = AT_ONCE }: { readonly atOnce?: number } = {},
): ModelFolder {
  const dir = String(address).replace(/\/+$/, "");
  const read = async (name: string) => {
    const path = `${dir}/${name}`;
    const response = await get(path);
    return response && await bytesOf(path, response);
  };
  return {
    dir,
    read,
    open: (name) => openWeb(`${dir}/${name}`, atOnce),
    async digest(name) {
      const bytes = await read(name);
      if (!bytes) throw new Refusal(`Cannot read "${dir}/${name}": no such file`);
      return await sha256(bytes);
    },
    names: () => Promise.resolve([]),
  };
}

async function openWeb(path: string, atOnce: number): Promise<OpenFile | undefined> {
  const first = await getRange(path, 0, atOnce);
  if (!first) return undefined;
  const size = sizeIn(first);
  if (first.status !== 206 || (size && size <= atOnce)) {
    return wholeFile(path, await bytesOf(path, first));
  }
  await first.body?.cancel();
  if (!size) {
    // A server of another origin may keep the size from a page.
    const all = await get(path);
    return all && wholeFile(path, await bytesOf(path, all));
  }
  const version = versionOf(first);
  return {
    path,
    size,
    async read(start, length) {
      if (length === 0) return new Uint8Array(0);
      const part = await getRange(path, start, length);
      if (part && sizeIn(part) === size && versionOf(part) === version) {
        const bytes = await bytesOf(path, part);
        if (bytes.length === length) return bytes;
      } else await part?.body?.cancel();
      throw new Refusal(
        `Cannot read "${path}": the file changed while it was read, expected it to stay`,
      );
    },
    close() {},
  };
}

function wholeFile(path: string, bytes: Uint8Array<ArrayBuffer>): OpenFile {
  return {
    path,
    size: bytes.length,
    read(start, length) {
      if (start + length <= bytes.length) {
        return Promise.resolve(bytes.slice(start, start + length));
      }
      throw new Refusal(
        `Cannot read "${path}": it ends at byte ${bytes.length}, expected ${start + length}`,
      );
    },
    close() {},
  };
}

/** Size of the whole file, from an answer that has a part of it. */
function sizeIn({ headers }: Response): number | undefined {
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  return total ? Number(total) : undefined;
}

function versionOf({ headers }: Response): string | null {
  return headers.get("etag") ?? headers.get("last-modified");
}

/** Statuses of a server that does not have a file. */
const ABSENT = [404, 410];

/** The answer to a request; undefined where there is no such file. */
async function get(path: string, headers: HeadersInit = {}): Promise<Response | undefined> {
  let response: Response;
  try {
    response = await fetch(path, { headers });
  } catch (cause) {
    throw new Refusal(`Cannot read "${path}": ${reason(cause)}`, { cause });
  }
  if (response.ok) return response;
  await response.body?.cancel();
  if (ABSENT.includes(response.status)) return undefined;
  throw new Refusal(`Cannot read "${path}": status ${response.status}, expected 200`);
}

/** The same for some bytes, which a server may answer with all. */
function getRange(path: string, start: number, length: number): Promise<Response | undefined> {
  return get(path, { range: `bytes=${start}-${start + length - 1}` });
}

async function bytesOf(path: string, response: Response): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new Refusal(`Cannot read "${path}": ${reason(cause)}`, { cause });
  }
}
