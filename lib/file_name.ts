/** Names of files from outside, archives and the Hub: POSIX and Windows rules on every system. */
import { Refusal } from "./refusal.ts";

/** Longest path that every supported file system takes. */
const MAX_PATH = 255;

/** Names that are devices on Windows, whatever their ending. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

// deno-lint-ignore no-control-regex
const FORBIDDEN = /[\x00-\x1f\x7f\\:*?"<>|]/;

/** A path that stays below its folder; for members that are only ever read. */
export function checkRelative(name: string, where: string): void {
  const problem = leaves(name);
  if (problem) throw wrong(name, where, problem);
}

/** A path that stays below its folder and can be written on every system. */
export function checkFileName(name: string, where: string): void {
  const problem = leaves(name) ?? cannotBeWritten(name);
  if (problem) throw wrong(name, where, problem);
}

function leaves(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name.startsWith("/")) return "it is absolute";
  if (/^[a-z]:/i.test(name)) return "it names a drive";
  if (name.includes("\\") || name.includes("\0")) return "it has a backslash or NUL";
  if (name.split("/").some((part) => part === "" || part === "." || part === "..")) {
    return "it has an empty part or dots for a part";
  }
}

function cannotBeWritten(name: string): string | undefined {
  if (new TextEncoder().encode(name).length > MAX_PATH) return `it has more than ${MAX_PATH} bytes`;
  if (FORBIDDEN.test(name)) return "it has a character that Windows forbids";
  for (const part of name.split("/")) {
    if (/[. ]$/.test(part)) return `"${part}" ends in "${part.at(-1)}"`;
    if (DEVICE.test(part)) return `"${part}" is a device on Windows`;
  }
}

function wrong(name: string, where: string, problem: string): Refusal {
  const shown = JSON.stringify(name);
  return new Refusal(
    `Cannot use the file name ${
      shown.length > 80 ? `${shown.slice(0, 77)}...` : shown
    } of ${where}: ${problem}, expected a relative path of plain names`,
  );
}
