/** A record's result is its own: whatever processes, company, order or shard it goes through. */
import assert from "@std/assert";
import { NEEDS_GPU } from "../gpu.ts";
import { shell } from "./unmask.ts";

/** What the records of a run hold that depends on the model, by id. */
function results(stdout: string): Record<string, unknown> {
  const records = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  return Object.fromEntries(
    records.map(({ id, decode, output, text, usage }) => [id, { decode, output, text, usage }]),
  );
}

/** Later ways find the keys and values that the first one stored. */
const WAYS: Record<string, string> = {
  "five processes":
    "unmask tokenize | unmask prefill | unmask denoise | unmask sample | unmask eval",
  "two at a time": "unmask sample --batch 2",
  "the other way round": "tac | unmask sample",
  "shards": 'cat > in; for i in 1 2; do unmask sample --shard "$i/2" in; done',
};

Deno.test(
  "G11 G14 tokens, confidences, text and counts are the same in every kind of pipe",
  NEEDS_GPU,
  async () => {
    const cwd = await Deno.makeTempDir();
    try {
      const run = async (way: string) => {
        const line = `unmask tasks nano --limit 1 | (${way})`;
        const { code, stdout, stderr } = await shell(line, { cwd, env: { UNMASK_CACHE: cwd } });
        assert.equal(code, 0, stderr);
        return results(stdout);
      };
      const alone = await run("unmask sample --batch 1 --no-cache");
      assert.equal(Object.keys(alone).length, 5);
      for (const [name, way] of Object.entries(WAYS)) assert.deepEqual(await run(way), alone, name);
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  },
);
