/** A web server for a folder on disk, as strict or as simple as a test wants it. */

/** What it does beside serving files. */
export interface ServerOptions {
  /** Whether it sends ranges of bytes; "hidden" without telling the file's size. */
  readonly ranges?: boolean | "hidden";
  /** The version of its files, as it tells at each request. */
  readonly etag?: () => string;
  /** Answers a request in its place. */
  readonly answer?: (request: Request) => Response | Promise<Response | undefined> | undefined;
}

/** A server that runs. */
export interface FolderServer extends AsyncDisposable {
  readonly address: string;
  /** Requests so far: path and range. */
  readonly requests: readonly string[];
}

/** Serves a folder on a free port of this machine. */
export function serveFolder(dir: string, options: ServerOptions = {}): FolderServer {
  const { ranges = true, etag } = options;
  const requests: string[] = [];
  const handler = async (request: Request) => {
    const { pathname } = new URL(request.url);
    const range = request.headers.get("range");
    requests.push([pathname, ...(range ? [range] : [])].join(" "));
    const own = await options.answer?.(request);
    if (own) return own;
    const bytes = await Deno.readFile(`${dir}${pathname}`).catch(() => undefined);
    if (!bytes) return new Response(null, { status: 404 });
    const headers = new Headers(etag && { etag: etag() });
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    if (!ranges || from === undefined) return new Response(bytes, { headers });
    const part = bytes.slice(Number(from), Number(to) + 1);
    if (ranges !== "hidden") {
      const last = Number(from) + part.length - 1;
      headers.set("content-range", `bytes ${from}-${last}/${bytes.length}`);
    }
    return new Response(part, { status: 206, headers });
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return {
    address: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
