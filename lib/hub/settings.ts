/** What the environment says about the Hub and about networks; pure. */
import { Refusal } from "../refusal.ts";

/** Read access to environment variables; `Deno.env` is one. */
export interface Env {
  get(name: string): string | undefined;
}

/** Bytes of a file that are there, of all; `total` is undefined when the server does not say. */
export type Progress = (file: string, done: number, total: number | undefined) => void;

/** Where files come from and go to. */
export interface HubSettings {
  /** Address of the Hub, without a slash at the end. */
  readonly endpoint: string;
  /** Address under which `<owner>/<name>/<revision>/<path>` of git repositories is served. */
  readonly raw: string;
  /** Sent to the Hub's own host and to no other. */
  readonly token?: string;
  /** No connection may be opened. */
  readonly offline: boolean;
  /** The Hugging Face cache; undefined without a home. */
  readonly cache?: string;
}

/**
 * HF_ENDPOINT, UNMASK_RAW_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, and the cache of HF_HUB_CACHE, HF_HOME,
 * XDG_CACHE_HOME or HOME.
 */
export function hubSettings(env: Env): HubSettings {
  return {
    endpoint: address(env, "HF_ENDPOINT", "https://huggingface.co"),
    raw: address(env, "UNMASK_RAW_ENDPOINT", "https://raw.githubusercontent.com"),
    token: env.get("HF_TOKEN")?.trim() || undefined,
    offline: /^(1|on|yes|true)$/i.test(env.get("HF_HUB_OFFLINE") ?? ""),
    cache: cacheOf(env),
  };
}

function address(env: Env, name: string, fallback: string): string {
  const text = env.get(name)?.trim();
  if (!text) return fallback;
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, "");
  throw new Refusal(
    `Cannot use ${name}: ${
      JSON.stringify(text.slice(0, 60))
    } is not a URL, expected http(s)://HOST`,
    { exitCode: 2 },
  );
}

function cacheOf(env: Env): string | undefined {
  const own = env.get("HF_HUB_CACHE");
  if (own) return own;
  const hfHome = env.get("HF_HOME");
  if (hfHome) return `${hfHome}/hub`;
  const xdg = env.get("XDG_CACHE_HOME");
  if (xdg) return `${xdg}/huggingface/hub`;
  const home = env.get("HOME") ?? env.get("USERPROFILE");
  return home ? `${home}/.cache/huggingface/hub` : undefined;
}
