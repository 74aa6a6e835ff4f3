/** Edge: one HTTP request, with the token sent to one host only and every refusal in words. */
import { Refusal } from "../refusal.ts";
import { within } from "../within.ts";
import type { HubSettings } from "./settings.ts";

/** Longest wait for an answer or for more of a body. */
const STALL_MS = 60_000;

const MAX_REDIRECTS = 8;

/** A network or server that may do better next time. */
export class Unreachable extends Refusal {}

/** What a request needs to know. */
export interface RequestOptions {
  readonly settings: HubSettings;
  /** What is asked for, for messages. */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Refuses where no connection may be opened. */
export function checkOnline({ settings, what }: RequestOptions): void {
  if (!settings.offline) return;
  throw new Unreachable(`Cannot download ${what}: HF_HUB_OFFLINE is set, expected a cached file`);
}

/** The answer to a GET, redirects followed; 2xx (and 416, for who asked for a range), else a refusal. */
export async function get(url: string, options: RequestOptions): Promise<Response> {
  const { what } = options;
  checkOnline(options);
  let at = new URL(url);
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await once(at, options);
    const next = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || !next) {
      if (response.ok || response.status === 416) return response;
      await response.body?.cancel();
      throw refusalOf(response, at, options);
    }
    await response.body?.cancel();
    const target = URL.parse(next, at);
    if (!target || !/^https?:$/.test(target.protocol)) {
      throw new Refusal(`Cannot download ${what}: redirected to no URL, expected http(s)`);
    }
    if (at.protocol === "https:" && target.protocol === "http:") {
      throw new Refusal(`Cannot download ${what}: redirected from https to http, expected https`);
    }
    at = target;
  }
  throw new Refusal(
    `Cannot download ${what}: more than ${MAX_REDIRECTS} redirects, expected fewer`,
  );
}

async function once(url: URL, { settings, what, headers }: RequestOptions): Promise<Response> {
  const all = new Headers(headers);
  // A redirect leads to storage hosts, and a task's file may lie anywhere: the token is for the Hub alone.
  if (settings.token && url.origin === new URL(settings.endpoint).origin) {
    all.set("authorization", `Bearer ${settings.token}`);
  }
  try {
    return await inTime(fetch(url, { headers: all, redirect: "manual" }));
  } catch (cause) {
    throw unreachable(what, url, cause);
  }
}

/** Bytes of a body; a cut or stalled connection is `Unreachable`. */
export async function* bodyOf(
  response: Response,
  what: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    while (true) {
      const { done, value } = await inTime(reader.read());
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw unreachable(what, new URL(response.url), cause);
  } finally {
    // A reader whose stream has failed has nothing left to cancel.
    await reader.cancel().catch(() => {});
  }
}

async function inTime<V>(promise: Promise<V>): Promise<V> {
  const found = await within(promise.then((value) => ({ value })), STALL_MS);
  if (!found) throw new Error(`no answer in ${STALL_MS / 1000} s`);
  return found.value;
}

function unreachable(what: string, url: URL, cause: unknown): Unreachable {
  // The message of fetch holds the whole address, signed query included; its cause says what went wrong.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const reason = inner instanceof Error ? inner.message.replaceAll(url.href, url.host) : inner;
  return new Unreachable(
    `Cannot download ${what}: no whole answer from ${url.host} (${reason}), expected a connection`,
    { cause },
  );
}

function refusalOf(response: Response, url: URL, { settings, what }: RequestOptions): Refusal {
  const { status } = response;
  const code = response.headers.get("x-error-code") ?? "";
  const hub = url.origin === new URL(settings.endpoint).origin;
  const token = settings.token ? "the token in HF_TOKEN may not read it" : "HF_TOKEN is not set";
  const say = (problem: string, wanted: string) =>
    new Refusal(`Cannot download ${what}: ${problem} (HTTP ${status}), expected ${wanted}`);
  if (hub && code === "GatedRepo") {
    return say(`it is gated, ${token}`, "its terms accepted on its page and HF_TOKEN set");
  }
  if (status === 401) {
    const problem = hub ? `not public or not there, ${token}` : `${url.host} wants a login`;
    return say(problem, "HF_TOKEN of an account that may read it");
  }
  if (status === 403) {
    return say(`${url.host} forbids it${hub ? `, ${token}` : ""}`, "access granted on its page");
  }
  if (status === 404) {
    const missing = { RepoNotFound: "repository", RevisionNotFound: "revision" }[code] ?? "file";
    return say(`no such ${missing} on ${url.host}`, "another name or revision");
  }
  if (status === 429 || status >= 500) {
    return new Unreachable(
      `Cannot download ${what}: ${url.host} answers HTTP ${status}, expected the file (try again later)`,
    );
  }
  return say(`${url.host} does not give it`, "the file");
}
