/** Edge: where caches live (XDG); without a home there is no cache, and nothing is written by guess. */

/** `$UNMASK_CACHE`, else `$XDG_CACHE_HOME/unmask`, else `~/.cache/unmask`, else nothing. */
export function cacheDir(): string | undefined {
  const own = Deno.env.get("UNMASK_CACHE");
  if (own) return own;
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  if (xdg?.startsWith("/")) return `${xdg}/unmask`;
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
  return home ? `${home}/.cache/unmask` : undefined;
}
