import assert from "@std/assert";
import { packageFolder, runProcess } from "../../../lib/exec/process.ts";

Deno.test({
  name: "runProcess() waits for nobody beyond the limit, whoever holds the streams",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { stdout, late } = await runProcess("/bin/sh", {
      args: ["-c", "setsid sleep 20 & echo $!"],
      env: { PATH: "/usr/bin:/bin" },
      timeoutMs: 500,
    });
    assert.ok(late);
    const pid = Number(stdout);
    assert.match(await Deno.readTextFile(`/proc/${pid}/cmdline`), /sleep/, "it was waited for");
    Deno.kill(pid, "SIGKILL");
  },
});

const setpriv = await Deno.stat("/usr/bin/setpriv").then(() => true, () => false);

/** Session of a process: field 6 of its stat, fourth behind the name. */
function sessionIn(stat: string): string {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3];
}

Deno.test({
  name: "runProcess() keeps the terminal's Ctrl-C from what it runs",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { stdout } = await runProcess("/bin/cat", {
      args: ["/proc/self/stat"],
      env: {},
      timeoutMs: 60_000,
    });
    assert.notEqual(sessionIn(stdout), sessionIn(await Deno.readTextFile("/proc/self/stat")));
  },
});

Deno.test({
  name: "a program that loops ends when its parent is killed",
  ignore: !setpriv,
  async fn() {
    const folder = await Deno.makeTempDir();
    const js = new URL("../../../lib/exec/js.ts", import.meta.url);
    await Deno.writeTextFile(
      `${folder}/parent.ts`,
      `import { JsExecutor } from ${JSON.stringify(js.href)};
new JsExecutor().run({ language: "js", files: { a: "for (;;);" }, entry: "a", timeoutMs: 600_000 });`,
    );
    const parent = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        `--config=${new URL("../../../deno.json", import.meta.url).pathname}`,
        `${folder}/parent.ts`,
      ],
      stdout: "null",
    }).spawn();
    try {
      let child: string | undefined;
      while (child === undefined) {
        child = (await childrenOf(parent.pid)).find(({ line }) => line.includes("js_host"))?.pid;
      }
      parent.kill("SIGKILL");
      await parent.status;
      while (await isAlive(child)) await new Promise((done) => setTimeout(done, 20));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

async function childrenOf(parent: number): Promise<{ pid: string; line: string }[]> {
  const found: { pid: string; line: string }[] = [];
  for await (const { name: pid } of Deno.readDir("/proc")) {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
    if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] !== String(parent)) continue;
    found.push({ pid, line: await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "") });
  }
  return found;
}

/** A zombie is dead. */
async function isAlive(pid: string): Promise<boolean> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  return stat !== "" && !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
}

Deno.test("packageFolder() refuses a package without a folder", () => {
  assert.equal(packageFolder("file:///m/pyodide/a.mjs", ".").href, "file:///m/pyodide/");
  assert.throws(() => packageFolder("npm:pyodide@314.0.7", "."), {
    message: /"npm:pyodide@314.0.7" is in no node_modules folder, expected Unmask's own deno.json/,
  });
});
