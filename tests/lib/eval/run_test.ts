import assert from "@std/assert";
import { choiceLetter, firstObject, lastNumber } from "../../../lib/eval/answers.ts";
import { wilson } from "../../../lib/eval/stats.ts";
import { shell } from "../../cli/unmask.ts";
import { NEEDS_GPU } from "../../gpu.ts";

Deno.test("lastNumber() reads what people write", () => {
  const cases: [string, number | undefined][] = [
    ["9 * 2 = 18. The answer is 18.", 18],
    ["1,234,567.5 in all", 1234567.5],
    ["\u22125", -5],
    ["\uff14\uff12", 42],
    ["I cannot tell", undefined],
  ];
  for (const [text, wanted] of cases) assert.equal(lastNumber(text), wanted, text);
});

Deno.test("choiceLetter() and firstObject() find one answer or none", () => {
  assert.equal(choiceLetter("I think A, but the answer is (C)."), "C");
  assert.equal(choiceLetter("Nothing here"), undefined);
  assert.deepEqual(firstObject('so: {"a": "}"} and'), { a: "}" });
  assert.equal(firstObject("{".repeat(10_000)), undefined);
});

Deno.test("wilson() gives the published interval of 81 in 263", () => {
  const [low, high] = wilson(81 / 263, 263);
  assert.ok(Math.abs(low - 0.2553) < 1e-3 && Math.abs(high - 0.3662) < 1e-3);
});

Deno.test("wilson() holds the share, whatever rounding does", () => {
  for (let n = 1; n < 500; n++) {
    assert.equal(wilson(0, n)[0], 0, `${n}`);
    assert.equal(wilson(1, n)[1], 1, `${n}`);
  }
});

/** Killed at every kind of byte, a run ends with the bytes of an undisturbed one. */
Deno.test(
  "E5 E6 E9 C20 a run killed at any byte goes on and ends the same",
  NEEDS_GPU,
  async () => {
    const dir = await Deno.makeTempDir();
    const run = (name: string) =>
      shell(
        `unmask eval nano_knowledge nano_agent --limit 5 --quiet --output ${dir}/${name} >/dev/null`,
      );
    const read = (name: string) =>
      Promise.all(
        ["samples.jsonl", "results.json"].map((f) => Deno.readFile(`${dir}/${name}/${f}`)),
      );
    try {
      assert.equal((await run("whole")).code, 0);
      const [samples, results] = await read("whole");
      const lines = samples.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0);
      assert.equal(lines, 10);
      const first = samples.indexOf(10) + 1;
      const kills = Deno.env.get("UNMASK_FULL") ? 50 : 4;
      const cuts = [0, 1, first, samples.length - 1, samples.length];
      for (let kill = 0; kill < kills; kill++) {
        const at = cuts[kill] ?? Math.floor(samples.length * ((kill * 0.618) % 1));
        await Deno.mkdir(`${dir}/cut`);
        await Deno.writeFile(`${dir}/cut/samples.jsonl`, samples.subarray(0, at));
        const { tasks: _, ...identity } = JSON.parse(new TextDecoder().decode(results));
        await Deno.writeTextFile(
          `${dir}/cut/results.json`,
          JSON.stringify({ tasks: {}, ...identity }),
        );
        await Deno.writeTextFile(`${dir}/cut/lock`, "999999999");
        const { code, stderr } = await run("cut");
        assert.equal(code, 0, stderr);
        assert.deepEqual(await read("cut"), [samples, results], `cut at byte ${at}`);
        await Deno.remove(`${dir}/cut`, { recursive: true });
      }
      const other = await shell(`unmask eval nano_knowledge --limit 5 --output ${dir}/whole`);
      assert.equal(other.code, 1);
      assert.match(other.stderr, /Cannot continue the run in .*options\.tasks was/);
      const foreign = await shell(
        `touch ${dir}/x; unmask eval nano_math --limit 1 --output ${dir}`,
      );
      assert.match(foreign.stderr, /expected a run or an empty folder/);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);

Deno.test("--fail-under sets the exit code", async () => {
  const failing = await shell(
    `echo '{"task":"nano_math","doc":{"reference":{"answer":"2"}},"text":"3"}' | unmask eval --json --fail-under 0.5`,
  );
  assert.equal(failing.code, 1);
  assert.match(failing.stderr, /Cannot pass: the mean is 0.0000, expected at least 0.5/);
});
