import assert from "@std/assert";
import { COMMANDS } from "../cli/commands.ts";
import { commandHelp, overview } from "../cli/help.ts";
import { replaceMarked } from "../bench/marked.ts";
import { taskRows } from "../lib/eval/report/tasks.ts";
import { TASKS } from "../tasks/mod.ts";
import { NEEDS_GPU } from "./gpu.ts";
import { shell } from "./cli/unmask.ts";

const README = await Deno.readTextFile(new URL("../README.md", import.meta.url));

function benchmarksTable(): string {
  const rows = taskRows(TASKS).map(({ title, name, group, items, metric, mini, flash }) =>
    `| ${title} | \`${name}\` | ${group} | ${items} | \`${metric}\` | ${mini ?? ""} | ${
      flash ?? ""
    } |`
  );
  return [
    "| benchmark | task | group | items | metric | mini | flash |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

Deno.test("README's pipes work as written", NEEDS_GPU, async () => {
  const [, block] = /```sh\n([\s\S]*?)```/.exec(README)!;
  const cwd = await Deno.makeTempDir();
  for (const line of block.trim().split("\n")) {
    const { code, stdout, stderr } = await shell(`set -o pipefail; ${line}`, { cwd });
    assert.equal(code === 0 || code === 141, true, `${line}: exit ${code} ${stderr}`);
    assert.ok(stdout.trim().length > 0, `${line}: no output`);
  }
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("README's installed command finds its packages from any folder", async () => {
  const [, install] = /`(deno install [^`]*)`/.exec(README)!;
  const root = await Deno.makeTempDir();
  const { code, stdout, stderr } = await shell(
    `(cd "$ROOT" && DENO_INSTALL_ROOT=${root} ${install}) >/dev/null 2>&1 && cd ${root} &&
     echo '{"messages":[{"role":"user","content":"Hi"}]}' | bin/unmask tokenize`,
  );
  assert.equal(code, 0, stderr);
  assert.ok(Array.isArray(JSON.parse(stdout).tokens));
  await Deno.remove(root, { recursive: true });
});

Deno.test("README's table of commands is the declarations'", () => {
  const cells = (line: string) => line.split("|").map((cell) => cell.trim()).filter(Boolean);
  const [, table] = /<!-- commands -->([\s\S]*?)<!-- \/commands -->/.exec(README)!;
  const rows = table.trim().split("\n").slice(2).map(cells);
  assert.deepEqual(rows, COMMANDS.map(({ name, summary }) => [`\`${name}\``, summary]));
});

Deno.test("README's table of benchmarks is the declarations'", async () => {
  const table = /(?<=<!-- benchmarks -->)[\s\S]*?(?=<!-- \/benchmarks -->)/;
  const wanted = benchmarksTable();
  if (Deno.env.get("UNMASK_GOLDEN")) {
    const text = replaceMarked(README, "benchmarks", wanted);
    await Deno.writeTextFile(new URL("../README.md", import.meta.url), text);
  }
  const rows = (text: string) =>
    text.trim().split("\n").map((line) => line.replace(/ +/g, " ").replace(/-{3,}/g, "---"));
  const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  assert.deepEqual(rows(table.exec(readme)![0]), rows(wanted));
});

Deno.test("every command's module has the summary of the overview", async () => {
  for (const { name, summary, load } of COMMANDS) {
    assert.equal((await load()).default.summary, summary, name);
  }
});

Deno.test("--help of every command is the golden one", async () => {
  const file = new URL("./cli/help.txt", import.meta.url);
  const parts = [overview("VERSION")];
  for (const { name, load } of COMMANDS) parts.push(commandHelp(name, (await load()).default));
  const text = parts.join("\n----\n\n");
  if (Deno.env.get("UNMASK_GOLDEN")) await Deno.writeTextFile(file, text);
  assert.equal(await Deno.readTextFile(file), text);
});
