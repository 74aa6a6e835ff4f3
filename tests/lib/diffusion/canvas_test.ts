import assert from "@std/assert";
import { canvasOf, type Change } from "../../../lib/diffusion/canvas.ts";
import { POLICY_NAMES, resolveDecode } from "../../../lib/diffusion/options.ts";
import type { TraceStep } from "../../../lib/diffusion/trace.ts";
import { withConfig, withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { decodeAll } from "./drive.ts";

/** Ids that the tiny model draws often. */
const [REMOVE, SPLIT] = [72, 27];

/** Values that make policies edit, insert and delete a lot. */
const EAGER = { threshold: 0.3, edit_threshold: 0.1, max_post_steps: 5 };

withGpu("canvasOf() ends with the tokens that every policy decodes", {}, async (gpu) => {
  const fields = { delete_token_id: REMOVE, split_token_id: SPLIT };
  const kinds = new Map<string, Set<Change["kind"]>>();
  await withConfig(fields, (dir) =>
    withEngine(gpu, { dir }, async (engine) => {
      for (const policy of POLICY_NAMES) {
        const found = new Set<Change["kind"]>();
        kinds.set(policy, found);
        const jobs = Array.from({ length: 12 }, (_, seed) => {
          const values = { policy, ...EAGER, block_length: 8, gen_length: 20 };
          const tokens = Array.from({ length: 3 + seed }, (_, i) => (seed + 37 * i) % 240);
          return { tokens, decode: resolveDecode([{ values, where: "test" }]), seed };
        });
        for (
          const [i, { tokens, confidence, trace }] of (await decodeAll(engine, jobs)).entries()
        ) {
          const { length: prompt } = jobs[i].tokens;
          const edits = policy === "hf-2.2" ? { remove: REMOVE, split: SPLIT } : undefined;
          const blocks = canvasOf(trace, { block: 8, edits });
          const last = new Map(
            blocks.flatMap(({ start, rows }) =>
              rows.map((versions, row) => [start + row, versions.at(-1)?.token.values.at(-1)])
            ),
          );
          for (const [at, id] of tokens.entries()) {
            const wanted = { id, confidence: confidence[at] };
            const { id: own, confidence: sure } = last.get(prompt + at)!;
            assert.deepEqual({ id: own, confidence: sure }, wanted, `${policy} ${i}: token ${at}`);
          }
          for (let at = blocks[0].start; at < prompt; at++) assert.equal(last.get(at), undefined);
          assert.equal(blocks.flatMap(({ steps }) => steps).length, trace.length);
          for (const { kind } of blocks.flatMap(({ changes }) => changes)) found.add(kind);
        }
      }
    }));
  const all = ["deleted", "edited", "inserted", "pushed out"];
  for (const [policy, found] of kinds) {
    const wanted = { "hf-2.1": ["edited"], "joint-threshold": ["edited"], "hf-2.2": all }[policy];
    assert.deepEqual([...found].sort(), wanted ?? [], policy);
  }
});

/** A step of the one block of these tests, at position 4 of a prompt of 5. */
function step(index: number, some: Partial<TraceStep>): TraceStep {
  const own = { masked: 0, fallback: false, accepted: [], edited: [], left: 0, ...some };
  return { block: 1, step: index, ...own };
}

Deno.test("canvasOf() keeps what stood at a position before, and since when", () => {
  const [{ start, first, rows, changes }] = canvasOf([
    step(0, { accepted: [[5, 10, 0.9], [7, 12, 0.8]] }),
    step(1, { accepted: [[6, 11, 0.7]], edited: [[7, 12, 13, 0.95]] }),
  ], { block: 4 });
  assert.deepEqual([start, first], [4, 0]);
  const [five, six, seven] = [
    { id: 10, confidence: 0.9, at: 0 },
    { id: 11, confidence: 0.7, at: 1 },
    { id: 12, confidence: 0.8, at: 0 },
  ];
  const edit = { id: 13, confidence: 0.95, at: 1 };
  const token = (...values: unknown[]) => ({ values, inserted: false, deleted: 0 });
  assert.deepEqual(rows, [
    [],
    [{ since: 1, token: token(five) }],
    [{ since: 2, token: token(six) }],
    [{ since: 1, token: token(seven) }, { since: 2, token: token(seven, edit) }],
  ]);
  assert.deepEqual(changes, [{ kind: "edited", at: 1, position: 7, from: seven, to: edit }]);
});

Deno.test("canvasOf() moves rows as drawn edits say", () => {
  const [{ rows, changes }] = canvasOf([
    step(0, { accepted: [[5, 10, 0.9], [6, REMOVE, 0.8], [7, 12, 0.7]] }),
    step(1, { edited: [[5, 10, REMOVE, 0.9], [6, 12, SPLIT, 0.9]] }),
    step(2, { accepted: [[5, 14, 0.6]], edited: [[6, 12, SPLIT, 0.9]] }),
    step(3, { accepted: [[6, SPLIT, 0.6]] }),
  ], { block: 4, edits: { remove: REMOVE, split: SPLIT } });
  const last = rows.map((versions) => versions.at(-1)?.token);
  const lines = last.map((token) =>
    token && [token.values.map(({ id }) => id), token.inserted, token.deleted]
  );
  // 10 ? 12 of which the first mask goes; then 10 goes, and a mask comes before 12; and so on.
  assert.deepEqual(lines, [undefined, [[14], true, 1], [[], true, 0], [[], true, 0]]);
  assert.deepEqual(changes.map(({ kind, at, position, from }) => [kind, at, position, from?.id]), [
    ["deleted", 0, 6, undefined],
    ["deleted", 1, 5, 10],
    ["inserted", 1, 6, undefined],
    ["inserted", 2, 6, undefined],
    ["inserted", 3, 6, undefined],
    ["pushed out", 3, 8, 12],
  ]);
});

Deno.test("canvasOf() counts what was deleted in front of a token that is deleted too", () => {
  const [{ rows }] = canvasOf([
    step(0, { accepted: [[5, 10, 0.9], [6, 11, 0.8], [7, 12, 0.7]] }),
    step(1, { edited: [[6, 11, REMOVE, 0.9]] }),
    step(2, { edited: [[6, 12, REMOVE, 0.9]] }),
  ], { block: 4, edits: { remove: REMOVE, split: SPLIT } });
  const deleted = rows.map((versions) => versions.map(({ token }) => token.deleted));
  assert.deepEqual(deleted, [[], [0], [0, 1, 2], [0, 0]]);
});
