/**
 * Walks cases/: each folder is one shell line in `cmd`, with `stdin.jsonl` where it reads, and what must
 * come: `stdout.jsonl`, `stderr` (both empty when absent) and `code` (0 when absent). `deno task golden`
 * writes them anew. A folder is named after its line in the list of faults, then what it shows.
 */
import assert from "@std/assert";
import { NEEDS_GPU } from "../gpu.ts";
import { type Outcome, shell } from "./unmask.ts";

const CASES = new URL("./cases/", import.meta.url);
const UPDATE = Deno.env.has("UNMASK_GOLDEN");

for (const { name } of [...Deno.readDirSync(CASES)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  const folder = new URL(`${name}/`, CASES);
  const line = await Deno.readTextFile(new URL("cmd", folder));
  // The folder of a run names the device.
  const ignore = NEEDS_GPU.ignore && line.includes("--output");
  Deno.test(name.replaceAll("-", " "), { ignore }, async () => {
    const cwd = await Deno.makeTempDir();
    try {
      const found = await shell(line, {
        stdin: await Deno.readFile(new URL("stdin.jsonl", folder)).catch(() => new Uint8Array()),
        cwd,
      });
      const outcome = Object.fromEntries(
        Object.entries(files(found)).map(([file, text]) => [file, text.replaceAll(cwd, "TMP")]),
      );
      if (UPDATE) await Promise.all(Object.entries(outcome).map((e) => write(folder, e)));
      for (const [file, text] of Object.entries(outcome)) {
        assert.equal(text, await Deno.readTextFile(new URL(file, folder)).catch(() => ""), file);
      }
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  });
}

function files({ stdout, stderr, code }: Outcome): Record<string, string> {
  return { "stdout.jsonl": stdout, stderr, code: code === 0 ? "" : `${code}\n` };
}

async function write(folder: URL, [file, text]: [string, string]): Promise<void> {
  const path = new URL(file, folder);
  if (text !== "") await Deno.writeTextFile(path, text);
  else await Deno.remove(path).catch(() => {});
}
