import assert from "@std/assert";
import { Faults } from "../../../lib/records/faults.ts";
import { Rec } from "../../../lib/records/record.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { loadChatTemplate } from "../../../lib/tokenizer/chat_template.ts";
import { loadTokenizer } from "../../../lib/tokenizer/mod.ts";
import {
  type AnswerExample,
  encodeExample,
  encodePair,
  type Encoder,
  exampleOf,
  type ExampleSource,
  fileExamples,
  type PairExample,
  readExamples,
  type TrainExample,
} from "../../../lib/train/examples.ts";
import { NANO } from "../../fixtures.ts";

const EOS = 506;
const MASK = 508;
const where = "a.jsonl:3";
const user = { role: "user", content: "hi" };
const assistant = { role: "assistant", content: "yes" };

Deno.test("examples: each form of a line", () => {
  const messages = [user];
  const cases: [Record<string, unknown>, Record<string, unknown>][] = [
    [{ text: "a" }, { kind: "text", text: "a" }],
    [{ text: "a", id: "x", source: 5 }, { kind: "text", text: "a" }],
    [{ prompt: "a", answer: "b" }, { kind: "answer", input: { prompt: "a" }, answer: "b" }],
    [{ messages, answer: "b" }, { kind: "answer", input: { messages }, answer: "b" }],
    [{ messages: [user, assistant] }, {
      kind: "answer",
      input: { messages: [user, assistant] },
    }],
    [{ prompt: "a", chosen: "b", rejected: "c" }, {
      kind: "pair",
      input: { prompt: "a" },
      chosen: "b",
      rejected: "c",
    }],
    [{ messages, chosen: "b", rejected: "c" }, {
      kind: "pair",
      input: { messages },
      chosen: "b",
      rejected: "c",
    }],
  ];
  for (const [fields, expected] of cases) {
    assert.deepEqual(exampleOf(Rec.parse(JSON.stringify(fields), where)), { where, ...expected });
  }
});

Deno.test("examples: a bad line is refused with its place, field, what is there and what should be", () => {
  const oneOf = "expected one of them";
  const cases: [Record<string, unknown>, string][] = [
    [{}, `fields "text", "prompt", "messages": none of them is there, ${oneOf}`],
    [
      { text: "a", prompt: "b" },
      `fields "text", "prompt", "messages": found text and prompt, ${oneOf}`,
    ],
    [{ text: 5 }, 'field "text" is number, expected some text'],
    [{ text: "" }, 'field "text" is empty, expected some text'],
    [
      { text: "a", answer: "b" },
      'field "answer" stands beside "text", expected "prompt" beside it',
    ],
    [{ prompt: "a" }, 'field "answer" is undefined, expected some text'],
    [{ prompt: "", answer: "b" }, 'field "prompt" is empty, expected some text'],
    [{ prompt: 1, answer: "b" }, 'field "prompt" is number, expected a string'],
    [{ prompt: "a", chosen: "b" }, 'field "rejected" is undefined, expected some text'],
    [{ prompt: "a", rejected: "b" }, 'field "chosen" is undefined, expected some text'],
    [
      { prompt: "a", answer: "b", chosen: "c" },
      'field "chosen" stands beside "answer", expected one or the other',
    ],
    [{ messages: [user] }, 'field "messages[0].role" is "user", expected "assistant"'],
    [
      { messages: [user, assistant], answer: "b" },
      'field "messages[1].role" is "assistant", expected another, for the answer has a field of its own',
    ],
    [{ messages: [] }, 'field "messages" is empty, expected a list of {role, content}'],
    [
      { messages: [{ role: "cat", content: "" }] },
      'field "messages[0].role" is "cat", expected system, user, assistant, tool',
    ],
  ];
  for (const [fields, problem] of cases) {
    assert.throws(
      () => exampleOf(Rec.parse(JSON.stringify(fields), where)),
      (error: unknown) =>
        error instanceof Refusal && error.message === `Cannot use record ${where}: ${problem}`,
      problem,
    );
  }
});

/** Examples of JSON Lines. */
async function read(text: string, faults?: Faults): Promise<TrainExample[]> {
  const stream = ReadableStream.from([new TextEncoder().encode(text)]);
  return await Array.fromAsync(readExamples(stream, { source: "a.jsonl", faults }));
}

Deno.test("examples: the first bad line ends a stream, or each is counted", async () => {
  const text = '{"text":"a"}\n\n{"text":5}\nnothing\n{"text":"b"}\n';
  await assert.rejects(read(text), /^Refusal: Cannot use record a.jsonl:3: field "text" is number/);
  await assert.rejects(
    read("[1]\n"),
    /^Refusal: Cannot read a.jsonl:1: found array, expected object/,
  );
  for (const policy of ["skip", "record"] as const) {
    const faults = new Faults(policy);
    const found = await read(text, faults);
    assert.deepEqual(found.map(({ where }) => where), ["a.jsonl:1", "a.jsonl:5"]);
    assert.equal(faults.count, 2);
  }
});

Deno.test("examples: a file is read again each epoch, and must stay what it was", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/a`, '{"text":"a"}\n{"text":"b"}\n');
    const source = fileExamples(`${dir}/a`);
    for (let epoch = 0; epoch < 2; epoch++) {
      const found = await Array.fromAsync(source());
      assert.deepEqual(found.map(({ where }) => where), [`${dir}/a:1`, `${dir}/a:2`]);
    }
    // A reader that stops early closes the file.
    for await (const { where } of source()) {
      assert.equal(where, `${dir}/a:1`);
      break;
    }
    await Deno.writeTextFile(`${dir}/a`, '{"text":"other"}');
    const refusals: [ExampleSource, string][] = [
      [source, `"${dir}/a": it changed since training began, expected it to stay`],
      [fileExamples(`${dir}/none`), `"${dir}/none": no such file`],
      [fileExamples(dir), `"${dir}": it is a folder, expected a file`],
    ];
    for (const [source, problem] of refusals) {
      const message = `Cannot read ${problem}`;
      await assert.rejects(Array.fromAsync(source()), { name: "Refusal", message });
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

async function nanoEncoder(): Promise<Encoder> {
  return {
    tokenizer: await loadTokenizer(NANO),
    template: await loadChatTemplate(NANO),
    eos: EOS,
    mask: MASK,
  };
}

Deno.test("examples: what is given and what is answered", async () => {
  const encoder = await nanoEncoder();
  const asked = "<role>HUMAN</role>hi<|role_end|><role>ASSISTANT</role>";
  const end = "<|endoftext|>";
  const cases: [Record<string, unknown>, string, string][] = [
    [{ text: "some text" }, "", `some text${end}`],
    [{ prompt: "2 + 2 =", answer: " 4" }, "2 + 2 =", ` 4${end}`],
    [{ messages: [user], answer: "yes" }, asked, `yes${end}`],
    [{ messages: [user, assistant] }, asked, `yes<|role_end|>${end}`],
    [
      { messages: [user, assistant, user, assistant] },
      `<role>HUMAN</role>hi<|role_end|><role>ASSISTANT</role>yes<|role_end|>${asked}`,
      `yes<|role_end|>${end}`,
    ],
  ];
  for (const [fields, given, answer] of cases) {
    const example = exampleOf(Rec.parse(JSON.stringify(fields), where)) as AnswerExample;
    const { tokens, prompt } = await encodeExample(example, encoder);
    assert.equal(encoder.tokenizer.decode(tokens.slice(0, prompt)), given);
    assert.equal(encoder.tokenizer.decode(tokens.slice(prompt)), answer);
  }
  const pair = exampleOf(
    Rec.parse(JSON.stringify({ messages: [user], chosen: "yes", rejected: "no" }), where),
  );
  const sides = await encodePair(pair as PairExample, encoder);
  for (const [side, answer] of [[sides.chosen, "yes"], [sides.rejected, "no"]] as const) {
    assert.equal(encoder.tokenizer.decode(side.tokens), `${asked}${answer}${end}`);
    assert.equal(encoder.tokenizer.decode(side.tokens.slice(0, side.prompt)), asked);
  }
});

Deno.test("examples: text with the mask token, and messages without a template, are refused", async () => {
  const encoder = await nanoEncoder();
  await assert.rejects(encodeExample({ kind: "text", where, text: "a <|mask|> b" }, encoder), {
    name: "Refusal",
    message: `Cannot use record ${where}: its text holds the mask token, expected none`,
  });
  const bare = { ...encoder, template: undefined };
  await assert.rejects(
    encodeExample({ kind: "answer", where, input: { messages: [user] }, answer: "b" }, bare),
    {
      name: "Refusal",
      message:
        `Cannot use record ${where}: it has "messages" and the model no chat template, expected "prompt"`,
    },
  );
});
