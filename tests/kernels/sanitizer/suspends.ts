/** Which functions of a kernel an invocation may wait in. */
import type { Fn } from "./parse.ts";

/** What suspends an invocation. */
export const MEETINGS = /^(workgroupBarrier|storageBarrier|workgroupUniformLoad|subgroup[A-Z]\w*)$/;

/** Names of the functions that call such a thing, or another one that does. */
export function suspending(functions: readonly Fn[]): Set<string> {
  const found = new Set<string>();
  for (let before = -1; before < found.size;) {
    before = found.size;
    for (const { name, body } of functions) {
      if (calls(body, (called) => MEETINGS.test(called) || found.has(called))) found.add(name);
    }
  }
  return found;
}

/** Whether something in a body calls a function that `is` one of those meant. */
function calls(part: unknown, is: (name: string) => boolean): boolean {
  if (Array.isArray(part)) return part.some((each) => calls(each, is));
  if (typeof part !== "object" || part === null) return false;
  const { kind, to } = part as { kind?: string; to?: { name?: string } };
  if (kind === "call" && to?.name && is(to.name)) return true;
  return Object.values(part).some((each) => calls(each, is));
}
