/** A record's result is its own: whatever processes, company, order or shard it goes through. */
import assert from "@std/assert";
import { NEEDS_GPU } from "../gpu.ts";
import { shell } from "./unmask.ts";

/** What the records of a run hold that depends on the model, by id. */
function results(stdout: string): Record<string, unknown> {
  const records = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  return Object.fromEntries(
    records.map(({ id, decode, output, text, usage, metrics }) => [
      id,
      { decode, output, text, usage, metrics },
    ]),
  );
}

/** Each is drawn by the record's own seed. */
const DRAW = "--temperature 0.7 --seed 3";
const ITEMS = "unmask tasks nano --limit 1";

/** Later ways find the keys and values that the first one stored. */
const WAYS: Record<string, string> = {
  "five processes":
    `${ITEMS} | unmask tokenize | unmask prefill | unmask denoise ${DRAW} | unmask sample | unmask eval`,
  "one process": `unmask eval nano --limit 1 ${DRAW}`,
  "two at a time": `${ITEMS} | unmask sample ${DRAW} --batch 2 | unmask eval`,
  "the other way round": `${ITEMS} | tac | unmask sample ${DRAW} | unmask eval`,
  "shards":
    `${ITEMS} > in; for i in 1 2; do unmask sample ${DRAW} --shard "$i/2" in; done | unmask eval`,
};

Deno.test(
  "G11 G14 tokens, confidences, text, counts and scores are the same in every kind of pipe",
  NEEDS_GPU,
  async () => {
    const cwd = await Deno.makeTempDir();
    try {
      const run = async (line: string) => {
        const { code, stdout, stderr } = await shell(line, { cwd, env: { UNMASK_CACHE: cwd } });
        assert.equal(code, 0, stderr);
        return results(stdout);
      };
      const alone = await run(
        `${ITEMS} | unmask sample ${DRAW} --batch 1 --no-cache | unmask eval`,
      );
      assert.equal(Object.keys(alone).length, 5);
      for (const [name, way] of Object.entries(WAYS)) assert.deepEqual(await run(way), alone, name);
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  },
);
