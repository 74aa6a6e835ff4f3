import assert from "@std/assert";
import type { Encoder, ExampleSource, TrainExample } from "../../../lib/train/examples.ts";
import { packCounts, type PackOptions, packPairs, packRows } from "../../../lib/train/pack.ts";
import type { PackedRow } from "../../../lib/train/streams.ts";

const EOS = 99;

/** A tokenizer whose ids are numbers written with spaces between. */
const encoder: Encoder = {
  tokenizer: {
    vocabSize: 100,
    digest: "",
    encode: (text) => text.split(" ").filter(Boolean).map(Number),
    decode: (ids) => ids.join(" "),
    tokenId: () => undefined,
  },
  eos: EOS,
  mask: 98,
};

const text = (text: string): TrainExample => ({ kind: "text", where: "x", text });
const answer = (prompt: string, answer: string): TrainExample => {
  return { kind: "answer", where: "x", input: { prompt }, answer };
};

function sourceOf(examples: readonly TrainExample[]): ExampleSource {
  return async function* () {
    yield* examples;
  };
}

const ordered = { encoder, length: 8, block: 4, seed: 1, window: 1 };

/** The first rows of a stream. */
async function rows(
  examples: readonly TrainExample[],
  { most = Infinity, ...options }: Partial<PackOptions> & { most?: number },
): Promise<PackedRow[]> {
  const found: PackedRow[] = [];
  for await (const row of packRows(sourceOf(examples), { ...ordered, ...options })) {
    if (found.push(row) >= most) break;
  }
  return found;
}

/** A row as text: ids, documents, maskable. */
function shown({ tokens, documents, maskable }: PackedRow): string[] {
  return [tokens.join(" "), documents.join(""), maskable.join("")];
}

Deno.test("pack: texts follow each other, closed by EOS, over the edges of rows", async () => {
  const found = await rows([text("1 2 3"), text("4 5 6 7 8 9"), text("10")], { epochs: 1 });
  assert.deepEqual(found.map(shown), [
    ["1 2 3 99 4 5 6 7", "00001111", "11111111"],
    ["8 9 99 10 99 99 99 99", "00011222", "11111000"],
  ]);
  const endless = await rows([text("1 2 3"), text("4")], { most: 2 });
  assert.deepEqual(endless.map(shown), [
    ["1 2 3 99 4 99 1 2", "00001122", "11111111"],
    ["3 99 4 99 1 2 3 99", "00112222", "11111111"],
  ]);
});

Deno.test("pack: an answer has its own row, filled up to whole blocks", async () => {
  const counts = packCounts();
  const examples = [
    answer("1 2", "3"),
    answer("1 2 3", "4"), // closed by EOS beyond the first block
    answer("1 2 3 4 5", "6 7 8 9"),
    answer("1 2 3 4 5 6 7 8 9", "10"),
  ];
  const found = await rows(examples, { epochs: 1, counts });
  assert.deepEqual(found.map(shown), [
    ["1 2 3 99 99 99 99 99", "00001111", "00110000"],
    ["1 2 3 4 99 99 99 99", "00000000", "00011111"],
    ["1 2 3 4 5 6 7 8", "00000000", "00000111"],
    ["1 2 3 4 5 6 7 8", "00000000", "00000000"],
  ]);
  assert.deepEqual(counts, { examples: 4, tokens: 4 + 5 + 10 + 11, truncated: 2, unanswered: 1 });
});

Deno.test("pack: several answers share a row where they fit", async () => {
  const examples = [answer("1", "2"), answer("3 4", "5"), answer("6", "7 8 9"), answer("10", "11")];
  const found = await rows(examples, { epochs: 1, several: true });
  assert.deepEqual(found.map(shown), [
    ["1 2 99 99 3 4 5 99", "00001111", "01110011"],
    ["6 7 8 9 99 99 99 99", "00000000", "01111111"],
    ["10 11 99 99 99 99 99 99", "00001111", "01110000"],
  ]);
});

Deno.test("pack: an answer after a text ends on a block", async () => {
  const found = await rows([text("1 2"), answer("3", "4"), text("5")], {
    epochs: 1,
    several: true,
  });
  assert.deepEqual(found.map(shown), [
    ["1 2 99 3 4 99 99 99", "00011111", "11101111"],
    ["5 99 99 99 99 99 99 99", "00111111", "11000000"],
  ]);
});

Deno.test("pack: the order is the seed's, every example once an epoch, within its window", async () => {
  const examples = Array.from({ length: 10 }, (_, at) => answer(`${at}`, "50"));
  const firsts = async (options: Partial<PackOptions> & { most?: number }) => {
    return (await rows(examples, options)).map(({ tokens }) => tokens[0]);
  };
  const twice = { most: 20, window: 4 };
  const found = await firsts(twice);
  assert.deepEqual(await firsts(twice), found);
  assert.notDeepEqual(await firsts({ ...twice, seed: 2 }), found);
  assert.notDeepEqual(found.slice(0, 10), found.slice(10));
  for (const epoch of [found.slice(0, 10), found.slice(10)]) {
    for (const [from, to] of [[0, 4], [4, 8], [8, 10]]) {
      const window = epoch.slice(from, to).sort((a, b) => a - b);
      assert.deepEqual(window, Array.from({ length: to - from }, (_, at) => from + at));
    }
  }
});

Deno.test("pack: a stream begun at a row goes on as if begun at the first", async () => {
  const texts = Array.from(
    { length: 7 },
    (_, at) => text("1 2 3 4 5 6".slice(0, 1 + 2 * (at % 6))),
  );
  const answers = Array.from({ length: 7 }, (_, at) => answer(`${at}`, "1 2 3 4 5 6".slice(at)));
  const cases: [readonly TrainExample[], Partial<PackOptions>][] = [
    [texts, {}],
    [answers, {}],
    [answers, { several: true }],
    [[...texts, ...answers], {}],
    [[...answers, ...texts], { several: true }],
  ];
  for (const [examples, options] of cases) {
    const whole = await rows(examples, { ...options, window: 3, most: 40 });
    for (const from of [0, 1, 7, 8, 25]) {
      const rest = await rows(examples, { ...options, window: 3, from, most: 40 - from });
      assert.deepEqual(rest, whole.slice(from));
    }
  }
});

Deno.test("pack: preference pairs are two rows with one prompt", async () => {
  const pair = (at: number): TrainExample => {
    return {
      kind: "pair",
      where: "x",
      input: { prompt: `${at}` },
      chosen: "1",
      rejected: "1 2 3 4",
    };
  };
  const source = sourceOf([pair(5), pair(6), pair(7)]);
  const options = { ...ordered, window: 2, epochs: 2 };
  const found = await Array.fromAsync(packPairs(source, options));
  const first = found.find(({ chosen }) => chosen.tokens[0] === 5)!;
  assert.deepEqual(shown(first.chosen), ["5 1 99 99 99 99 99 99", "00001111", "01110000"]);
  assert.deepEqual(shown(first.rejected), ["5 1 2 3 4 99 99 99", "00000000", "01111111"]);
  assert.equal(found.length, 6);
  assert.deepEqual(
    await Array.fromAsync(packPairs(source, { ...options, from: 4 })),
    found.slice(4),
  );
});

Deno.test("pack: what cannot be packed is refused", async () => {
  const pair: TrainExample = {
    kind: "pair",
    where: "a.jsonl:2",
    input: { prompt: "1" },
    chosen: "2",
    rejected: "3",
  };
  await assert.rejects(rows([pair], {}), {
    name: "Refusal",
    message:
      "Cannot train on record a.jsonl:2: it is a preference pair, expected a text or an answer",
  });
  await assert.rejects(Array.fromAsync(packPairs(sourceOf([text("1")]), ordered)), {
    name: "Refusal",
    message: 'Cannot train on record x: it is text, expected "chosen" and "rejected"',
  });
  await assert.rejects(rows([], {}), {
    name: "Refusal",
    message: "Cannot train: the data holds no example, expected at least one",
  });
  await assert.rejects(rows([text("1")], { block: 3 }), RangeError);
});
