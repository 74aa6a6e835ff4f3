/** Edge: where caches live (XDG); without a home there is no cache, and nothing is written by guess. */
import type { Env } from "./hub/settings.ts";

/** `$UNMASK_CACHE`, else `$XDG_CACHE_HOME/unmask`, else `~/.cache/unmask`, else nothing. */
export function cacheDir(env: Env = Deno.env): string | undefined {
  const own = env.get("UNMASK_CACHE");
  if (own) return own;
  const xdg = env.get("XDG_CACHE_HOME");
  if (xdg?.startsWith("/")) return `${xdg}/unmask`;
  const home = env.get("HOME") ?? env.get("USERPROFILE");
  return home ? `${home}/.cache/unmask` : undefined;
}
