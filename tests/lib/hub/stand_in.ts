/** A loopback stand-in for the Hub, GitHub's raw files and any other host, with faults on demand. */
import { createHash } from "node:crypto";

/** The one commit of every repository here. */
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** What was asked. */
export interface Seen {
  readonly path: string;
  readonly authorization: string | null;
  readonly range: string | null;
}

/** Changes the answer to a request for a file's bytes. */
export type Fault = (
  request: { readonly seen: Seen; readonly count: number; readonly bytes: Uint8Array<ArrayBuffer> },
) => Response | Uint8Array<ArrayBuffer> | undefined;

/** What the stand-in serves. */
export interface World {
  /** Files of the repository `org/name`, a dataset and a model alike. */
  readonly files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  /** Paths whose digest in the tree is the SHA-256 of large files. */
  readonly large?: readonly string[];
  readonly fault?: Fault;
  /** Replaces the tree's answer. */
  readonly tree?: unknown;
  /** Replaces the answer about the revision. */
  readonly revision?: Response;
}

/** A running stand-in. */
export interface StandIn extends AsyncDisposable {
  readonly url: string;
  readonly seen: Seen[];
}

/** Git's id of some bytes. */
export function gitBlob(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** SHA-256 of some bytes. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Serves a world on a free port of the loopback. */
export function standIn(world: World): StandIn {
  const seen: Seen[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    const one = {
      path: decodeURIComponent(pathname),
      authorization: request.headers.get("authorization"),
      range: request.headers.get("range"),
    };
    seen.push(one);
    return answer(world, one, seen);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    seen,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function answer(world: World, one: Seen, seen: readonly Seen[]): Response {
  const { path } = one;
  if (/^\/api\/(datasets|models)\/org\/name\/revision\//.test(path)) {
    return world.revision?.clone() ?? Response.json({ sha: COMMIT });
  }
  if (path.endsWith(`/org/name/tree/${COMMIT}`)) return Response.json(world.tree ?? treeOf(world));
  const file = /^(?:\/datasets)?\/org\/name\/(?:resolve\/)?[^/]+\/(.+)$/.exec(path)?.[1] ?? path;
  const bytes = world.files[file];
  const count = seen.filter((other) => other.path === path).length;
  const changed = world.fault?.({ seen: one, count, bytes: bytes ?? new Uint8Array() });
  if (changed instanceof Response) return changed;
  if (!bytes) return new Response("not here", { status: 404 });
  return ranged(changed ?? bytes, one.range);
}

function treeOf({ files, large = [] }: World): unknown {
  return Object.entries(files).map(([path, bytes]) => ({
    type: "file",
    path,
    size: bytes.length,
    oid: gitBlob(bytes),
    ...(large.includes(path) ? { lfs: { oid: sha256Hex(bytes), size: bytes.length } } : {}),
  }));
}

/** Bytes from a range on, as servers of files answer. */
export function ranged(
  bytes: Uint8Array<ArrayBuffer>,
  range: string | null,
  etag = `"${gitBlob(bytes)}"`,
): Response {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  if (from === 0) return new Response(bytes, { headers: { etag } });
  return new Response(bytes.slice(from), {
    status: 206,
    headers: { etag, "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` },
  });
}

/** An answer that ends after `upTo` bytes of the file. */
export function cut(
  bytes: Uint8Array<ArrayBuffer>,
  { range, upTo }: { range: string | null; upTo: number },
): Response {
  const { status, headers } = ranged(bytes, range);
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  return new Response(bytes.slice(from, upTo), { status, headers });
}

/** Breaks the first connection in the middle of a body of `bytes`; the second gets all of it. */
export function breaking(bytes: Uint8Array<ArrayBuffer>): AsyncDisposable & { url: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${bytes.length}\r\nconnection: close\r\n\r\n`;
  const serve = async () => {
    let count = 0;
    for await (const connection of listener) {
      await connection.read(new Uint8Array(4096));
      await connection.write(new TextEncoder().encode(head));
      const writer = connection.writable.getWriter();
      await writer.write(count++ === 0 ? bytes.slice(0, bytes.length >> 1) : bytes);
      await writer.close().catch(() => connection.close());
    }
  };
  const served = serve();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await served;
    },
  };
}

/** An environment of exactly these variables. */
export function envOf(values: Readonly<Record<string, string>>) {
  return { get: (name: string) => values[name] };
}
