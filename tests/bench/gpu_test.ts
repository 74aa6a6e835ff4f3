import assert from "@std/assert";
import { Report } from "../../bench/report.ts";
import { inFolder } from "../folder.ts";
import { NEEDS_GPU, withGpu } from "../gpu.ts";

const BENCH = new URL("../../bench/gpu.ts", import.meta.url).pathname;

async function benchGpu(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", BENCH, ...args],
    env,
  });
  const { code, stdout, stderr } = await command.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out, stderr: err };
}

Deno.test("bench:gpu names the parts it has", async () => {
  for (const [args, found] of [[[], "without a folder"], [["x", "tile"], 'part "tile"']] as const) {
    const { code, stderr } = await benchGpu(args);
    assert.equal(code, 2);
    assert.match(
      stderr,
      new RegExp(`^Cannot bench ${found}: expected FOLDER \\[check\\|mini\\|.*\\]\n$`),
    );
  }
});

Deno.test({
  name: "bench:gpu keeps what a part printed",
  ...NEEDS_GPU,
  fn: () =>
    inFolder(async (folder) => {
      const { code, stdout } = await benchGpu([`${folder}/new`, "check"]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^check: done, \d+ s of 60\n/);
      const log = await Deno.readTextFile(`${folder}/new/check.log`);
      assert.ok(stdout.endsWith(log.split("\n").slice(-2).join("\n")), log);
    }),
});

/** What the part of PyTorch comes to, with this script for `python3` where one is given. */
async function torchPart(
  { script, code, told }: { script?: string; code: number; told: RegExp },
): Promise<void> {
  await inFolder(async (folder) => {
    for (const name of ["sh", "sleep"]) await Deno.symlink(`/bin/${name}`, `${folder}/${name}`);
    if (script !== undefined) {
      await Deno.writeTextFile(`${folder}/python3`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    const found = await benchGpu([`${folder}/rows`, "torch"], { PATH: folder });
    assert.match(found.stdout, told);
    assert.equal(found.code, code);
  });
}

Deno.test("bench:gpu waits for nothing that a part left running", () =>
  torchPart({
    script: "echo rows; sleep 15 &",
    code: 0,
    told: /^torch: done, \d s of 60\nrows\n$/,
  }));

Deno.test("bench:gpu goes on where a part's program is not there", () =>
  torchPart({ code: 1, told: /^torch: failed with 127, \d s of 60\n.*python3: not found\n$/ }));

withGpu("a bench's rows are in its file as they come", {}, (gpu) =>
  inFolder(async (folder) => {
    const report = new Report(gpu, `${folder}/rows.json`);
    for (const ms of [1, 2]) {
      report.add({ group: "a", name: "b", ms });
      const { machine, rows } = JSON.parse(await Deno.readTextFile(`${folder}/rows.json`));
      assert.equal(machine.adapter, gpu.adapter);
      assert.deepEqual(rows, report.rows);
      assert.equal(rows.at(-1).ms, ms);
    }
  }));
