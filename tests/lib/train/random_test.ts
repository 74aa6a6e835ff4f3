import assert from "@std/assert";
import { Draws, philox, shuffled } from "../../../lib/train/random.ts";

Deno.test("random: Philox4x32-10's known answers", () => {
  // Counter, key, result: the published known-answer vectors of the generator.
  const cases: [number[], [number, number], number[]][] = [
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      new Array(4).fill(0xffffffff),
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, key, expected] of cases) {
    const words = Uint32Array.from(counter);
    philox(words, key);
    assert.deepEqual([...words], expected);
  }
});

Deno.test("random: a number depends on its key and index alone", () => {
  const key = { seed: 2 ** 40 + 3, use: "noise", step: 5, row: 2 } as const;
  const forward = new Draws(key);
  const expected = Array.from({ length: 40 }, (_, index) => forward.uint32(index));
  const backward = new Draws(key);
  for (let index = 39; index >= 0; index--) assert.equal(backward.uint32(index), expected[index]);

  const others = [
    { ...key, seed: 3 },
    { ...key, seed: 2 ** 40 + 4 },
    { ...key, use: "token" } as const,
    { ...key, step: 6 },
    { ...key, row: 3 },
  ];
  for (const other of others) assert.notEqual(new Draws(other).uint32(0), expected[0]);
});

Deno.test("random: uniform and normal numbers have their moments", () => {
  const draws = new Draws({ seed: 1, use: "init" });
  const count = 20_000;
  const moments = (draw: (index: number) => number) => {
    let sum = 0;
    let squares = 0;
    for (let index = 0; index < count; index++) {
      const value = draw(index);
      sum += value;
      squares += value * value;
    }
    return { mean: sum / count, square: squares / count };
  };
  const uniform = moments((index) => draws.uniform(index));
  assert(Math.abs(uniform.mean - 1 / 2) < 0.01, `${uniform.mean}`);
  assert(Math.abs(uniform.square - 1 / 3) < 0.01, `${uniform.square}`);
  const normal = moments((index) => draws.normal(index));
  assert(Math.abs(normal.mean) < 0.03, `${normal.mean}`);
  assert(Math.abs(normal.square - 1) < 0.03, `${normal.square}`);
});

Deno.test("random: a shuffle is a permutation, and each place is as likely", () => {
  const counts = new Uint32Array(9);
  for (let row = 0; row < 3000; row++) {
    const order = shuffled(3, new Draws({ seed: 4, use: "shuffle", row }));
    assert.deepEqual([...order].sort(), [0, 1, 2]);
    order.forEach((value, at) => counts[3 * at + value]++);
  }
  for (const seen of counts) assert(Math.abs(seen - 1000) < 120, `${counts}`);
});
