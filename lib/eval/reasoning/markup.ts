/** LaTeX wrappers around answers, unwrapped in linear time. */

/** `\head{x}` replaced for each `head` of a pattern's source: by x, or by `by`. The first `}` ends x. */
export function unwrapped(text: string, head: string, by = "$1"): string {
  // Behind the last brace nothing can match; before it every head finds its end at once.
  const end = text.lastIndexOf("}") + 1;
  const pattern = new RegExp(`\\\\${head}\\{([^}]*)\\}`, "g");
  return text.slice(0, end).replace(pattern, by) + text.slice(end);
}
