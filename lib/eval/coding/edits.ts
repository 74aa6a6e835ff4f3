/** Edits in an answer, in Aider's format of whole files. */
import { basename } from "node:path/posix";
import { linesWithEnds, strip, stripEnd as stripBlanks, words } from "../choice/python_text.ts";
import { stripEnd, stripSet } from "../math/text.ts";

/** New texts by file name, or why the answer cannot be read, in aider's words. */
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
  const lines = linesWithEnds(stripBlanks(answer));
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
      else return { malformed: "No filename provided before ``` in file listing" };
    } else if (open) open.lines.push(line);
    else mentioned = mention(line, chatFiles) ?? mentioned;
  }
  if (open) found.push(open);
  const files: Record<string, string> = {};
  for (const named of ["block", "mentioned", "only"]) {
    for (const edit of found) {
      if (edit.named === named && !Object.hasOwn(files, edit.name)) {
        files[edit.name] = edit.lines.join("");
      }
    }
  }
  return { files };
}

/** The name in the line over a fence; a folder that the model made up is dropped. */
function nameLine(line: string, chatFiles: readonly string[]): string {
  const bare = stripSet(stripEnd(stripSet(strip(line), "*"), ":"), "`");
  const name = strip(bare.replace(/^#+/, ""));
  if ([...name].length > 250) return "";
  return !chatFiles.includes(name) && chatFiles.includes(basename(name)) ? basename(name) : name;
}

/** The last file that a line names in backquotes. */
function mention(line: string, chatFiles: readonly string[]): string | undefined {
  const quoted = words(line).map((word) => stripEnd(word, ".:,;!"));
  const last = quoted.findLast((word) => chatFiles.some((name) => word === `\`${name}\``));
  return last?.slice(1, -1);
}
