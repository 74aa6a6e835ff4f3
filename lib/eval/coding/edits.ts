/** Edits in an answer, in Aider's formats: whole files, or blocks to search and replace. */
import { basename } from "node:path/posix";

/** New texts by file name, or why the answer cannot be read. */
export type Edits = { readonly files: Readonly<Record<string, string>> } | {
  readonly malformed: string;
};

/** How sure a file's name is: written over its block, mentioned before, or the only one there is. */
type Named = "block" | "mentioned" | "only";

/**
 * Whole files: a name line, then a fence with the entire file. Of several blocks for a file the first with the
 * surest name counts.
 */
export function wholeFiles(answer: string, chatFiles: readonly string[]): Edits {
  const found: { name: string; named: Named; lines: string[] }[] = [];
  let open: (typeof found)[number] | undefined;
  let mentioned: string | undefined;
  const lines = answer.replaceAll("\r\n", "\n").split("\n");
  for (const [i, line] of lines.entries()) {
    if (line.startsWith("```")) {
      if (open) {
        found.push(open);
        open = mentioned = undefined;
        continue;
      }
      const name = i > 0 ? nameLine(lines[i - 1], chatFiles) : "";
      if (name !== "") open = { name, named: "block", lines: [] };
      else if (mentioned !== undefined) open = { name: mentioned, named: "mentioned", lines: [] };
      else if (chatFiles.length === 1) open = { name: chatFiles[0], named: "only", lines: [] };
      else return { malformed: "no file name before a code block" };
    } else if (open) open.lines.push(line);
    else mentioned = mention(line, chatFiles) ?? mentioned;
  }
  if (open) found.push(open);
  const files: Record<string, string> = {};
  for (const named of ["block", "mentioned", "only"]) {
    for (const edit of found) {
      if (edit.named === named && !Object.hasOwn(files, edit.name)) {
        files[edit.name] = `${edit.lines.join("\n")}\n`;
      }
    }
  }
  return { files };
}

/** The name in the line over a fence; a folder that the model made up is dropped. */
function nameLine(line: string, chatFiles: readonly string[]): string {
  const name = trimmed(trimmed(line.trim(), "*").replace(/:$/, ""), "`").replace(/^#{1,6}/, "")
    .trim();
  if (name.length > 250) return "";
  return !chatFiles.includes(name) && chatFiles.includes(basename(name)) ? basename(name) : name;
}

function trimmed(text: string, edge: string): string {
  let [from, to] = [0, text.length];
  while (from < to && text[from] === edge) from++;
  while (to > from && text[to - 1] === edge) to--;
  return text.slice(from, to);
}

function mention(line: string, chatFiles: readonly string[]): string | undefined {
  const words = line.trim().split(/\s+/).map((word) => word.replace(/[.:,;!]$/, ""));
  return chatFiles.findLast((name) => words.includes(`\`${name}\``));
}

/** Search and replace blocks applied to `files`. */
export function searchReplace(answer: string, files: Readonly<Record<string, string>>): Edits {
  const changed: Record<string, string> = {};
  const lines = answer.replaceAll("\r\n", "\n").split("\n");
  const chatFiles = Object.keys(files);
  let name = chatFiles.length === 1 ? chatFiles[0] : undefined;
  for (let i = 0; i < lines.length; i++) {
    if (/^<{5,9} SEARCH\s*$/.test(lines[i])) {
      const above = [lines[i - 1], lines[i - 2]].filter((line) => line && !line.startsWith("```"));
      name = above.map((line) => nameLine(line, chatFiles)).find((it) => chatFiles.includes(it)) ??
        name;
      const middle = lines.findIndex((line, at) => at > i && /^={5,9}\s*$/.test(line));
      const end = lines.findIndex((line, at) => at > middle && /^>{5,9} REPLACE\s*$/.test(line));
      if (middle < 0 || end < 0) return { malformed: "a search block without its end" };
      if (name === undefined) return { malformed: "no file name before a search block" };
      const [search, replace] = [lines.slice(i + 1, middle), lines.slice(middle + 1, end)];
      const next = replaced(changed[name] ?? files[name], search, replace);
      if (next === undefined) return { malformed: `a search block that is not in ${name}` };
      changed[name] = next;
      i = end;
    }
  }
  return { files: changed };
}

/** The text with the lines of `search` replaced: as they stand, else with another indentation. */
function replaced(
  text: string,
  search: readonly string[],
  replace: readonly string[],
): string | undefined {
  const lines = text.split("\n");
  if (search.every((line) => line.trim() === "")) return `${text}${replace.join("\n")}\n`;
  const bare = search.map((line) => line.trim());
  const exact = place(lines, search, (line) => line);
  const at = exact >= 0 ? exact : place(lines, bare, (line) => line.trim());
  if (at < 0) return undefined;
  const indent = (line: string) => line.length - line.trimStart().length;
  const shift = exact >= 0 ? 0 : indent(lines[at]) - indent(search[0]);
  const moved = replace.map((line) =>
    shift >= 0 || line.trim() === ""
      ? `${line.trim() === "" ? "" : " ".repeat(Math.max(0, shift))}${line}`
      : line.slice(Math.min(-shift, indent(line)))
  );
  return [...lines.slice(0, at), ...moved, ...lines.slice(at + search.length)].join("\n");
}

function place(
  lines: readonly string[],
  wanted: readonly string[],
  form: (line: string) => string,
): number {
  const formed = lines.map(form);
  for (let at = 0; at + wanted.length <= formed.length; at++) {
    if (wanted.every((line, i) => formed[at + i] === line)) return at;
  }
  return -1;
}
