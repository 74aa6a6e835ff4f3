/** Thinking that a model wrote before its answer. */

const OPEN = "<think>";
const CLOSE = "</think>";

/**
 * The answer without a leading `<think>...</think>` block; a block that never ends leaves nothing. Where the
 * opening tag stood in the prompt and only a closing one is left, what follows the last one is the answer.
 */
export function withoutThinking(text: string): string {
  const start = text.trimStart();
  if (start.startsWith(OPEN)) {
    const end = start.indexOf(CLOSE);
    return end < 0 ? "" : start.slice(end + CLOSE.length);
  }
  if (text.includes(OPEN)) return text;
  const end = text.lastIndexOf(CLOSE);
  return end < 0 ? text : text.slice(end + CLOSE.length);
}
