/** Boxes in an answer: `\boxed{...}` and `\fbox{...}`. */

/**
 * The last box with its command, as hendrycks/math finds it: from the last `\boxed`, else the last
 * `\fbox`, to the brace that closes the first one after it.
 */
export function lastBoxed(text: string, command = "\\boxed"): string | undefined {
  let start = text.lastIndexOf(command);
  if (start < 0) start = text.lastIndexOf("\\fbox");
  if (start < 0) return undefined;
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return text.slice(start, i + 1);
  }
  return undefined;
}

/** Inside of a box that starts with `\boxed{`; undefined for others. */
export function unboxed(box: string | undefined): string | undefined {
  return box?.startsWith("\\boxed{") && box.endsWith("}") ? box.slice(7, -1) : undefined;
}
