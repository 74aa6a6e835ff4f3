import assert from "@std/assert";
import { runProcess } from "../../../lib/exec/process.ts";

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
