import assert from "@std/assert";
import { MersenneTwister } from "../../../lib/eval/python_random.ts";
import { NEEDS_GPU } from "../../gpu.ts";
import { RUN } from "../../cli/unmask.ts";

/** Kills: a slice, and the whole number under `deno task test:full`. */
const KILLS = Deno.env.get("UNMASK_FULL") ? 50 : 3;

Deno.test(
  "E5 a run that is killed again and again ends with the bytes of an undisturbed one",
  NEEDS_GPU,
  async () => {
    const dir = await Deno.makeTempDir();
    const random = new MersenneTwister(7);
    const start = (name: string) =>
      new Deno.Command(Deno.execPath(), {
        args: [
          ...RUN,
          ...["eval", "nano_agent", "nano_math", "--limit", "6", "--batch", "2", "--quiet"],
          ...["--output", `${dir}/${name}`],
        ],
        stdin: "null",
        stdout: "null",
        stderr: "inherit",
      }).spawn();
    const read = (name: string) =>
      Promise.all(
        ["samples.jsonl", "results.json"].map((f) => Deno.readFile(`${dir}/${name}/${f}`)),
      );
    try {
      const begun = performance.now();
      assert.equal((await start("whole").status).code, 0);
      const runMs = performance.now() - begun;
      const whole = await read("whole");
      for (let kills = 0; kills < KILLS;) {
        for (;; kills++) {
          const child = start("killed");
          // Anywhere in a run; the last one is left to its end, or a busy machine would never see it.
          const timer = kills < KILLS
            ? setTimeout(() => child.kill("SIGKILL"), random.uniform(0.05 * runMs, 1.1 * runMs))
            : undefined;
          const { code, signal } = await child.status;
          clearTimeout(timer);
          if (signal === null) {
            assert.equal(code, 0);
            break;
          }
        }
        assert.deepEqual(await read("killed"), whole, `after ${kills} kills`);
        await Deno.remove(`${dir}/killed`, { recursive: true });
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);
