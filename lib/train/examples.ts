/** Edge: what a model is trained on: JSON Lines of texts, answers and preference pairs, as token ids. */
import { Faults } from "../records/faults.ts";
import { readJsonl } from "../records/jsonl.ts";
import { inputOf, kindOf, type Message, type Rec, shown, wrong } from "../records/record.ts";
import { reason, Refusal } from "../refusal.ts";
import type { ChatTemplate } from "../tokenizer/chat_template.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** What an answer answers: text as it is, or messages that a chat template makes text of. */
export type Input = { readonly prompt: string } | { readonly messages: readonly Message[] };

/** A text, learned whole. */
export interface TextExample {
  /** Tells the three apart. */
  readonly kind: "text";
  /** Names it in refusals: "a.jsonl:3". */
  readonly where: string;
  /** The text itself. */
  readonly text: string;
}

/** An answer to learn. */
export interface AnswerExample {
  /** Tells the three apart. */
  readonly kind: "answer";
  /** Names it in refusals. */
  readonly where: string;
  /** What is answered. */
  readonly input: Input;
  /** Without it the last message, the assistant's, is the answer. */
  readonly answer?: string;
}

/** Two answers, one better than the other. */
export interface PairExample {
  /** Tells the three apart. */
  readonly kind: "pair";
  /** Names it in refusals. */
  readonly where: string;
  /** What is answered. */
  readonly input: Input;
  /** The better answer. */
  readonly chosen: string;
  /** The worse answer. */
  readonly rejected: string;
}

/** What a line of data holds. */
export type TrainExample = TextExample | AnswerExample | PairExample;

/** The examples of one epoch, from the first; the same each time. */
export type ExampleSource = () => AsyncIterable<TrainExample>;

/** Edge: the examples of a file. Every epoch opens it again, and refuses one that is not what it was at first. */
export function fileExamples(path: string): ExampleSource {
  let first: string | undefined;
  return async function* () {
    const { file, version } = await openData(path);
    first ??= version;
    if (version !== first) {
      file.close();
      throw new Refusal(
        `Cannot read "${path}": it changed since training began, expected it to stay`,
      );
    }
    yield* readExamples(file.readable, { source: path });
  };
}

async function openData(path: string): Promise<{ file: Deno.FsFile; version: string }> {
  try {
    const { size, mtime, isDirectory } = await Deno.stat(path);
    if (isDirectory) throw new Deno.errors.IsADirectory();
    return { file: await Deno.open(path), version: `${size} ${mtime?.getTime()}` };
  } catch (cause) {
    throw new Refusal(`Cannot read "${path}": ${reason(cause)}`, { cause });
  }
}

/** Examples of a stream of JSON Lines; by default the first bad line ends it. */
export async function* readExamples(
  stream: ReadableStream<Uint8Array>,
  { source, faults = new Faults() }: { source: string; faults?: Faults },
): AsyncGenerator<TrainExample> {
  for await (const rec of readJsonl(stream, { source, faults })) {
    if (rec.failed) continue;
    let example: TrainExample;
    try {
      example = exampleOf(rec);
    } catch (error) {
      faults.handle(rec, "train on", error);
      continue;
    }
    yield example;
  }
}

/**
 * {text} | {messages} | {prompt or messages, answer} | {prompt or messages, chosen, rejected}; other
 * fields are left alone.
 */
export function exampleOf(rec: Rec): TrainExample {
  const where = rec.where;
  const has = (name: string) => rec.has(name);
  const inputs = ["text", "prompt", "messages"].filter(has);
  if (inputs.length !== 1) {
    const found = inputs.length === 0 ? "none of them is there" : `found ${inputs.join(" and ")}`;
    throw wrong(rec, `fields "text", "prompt", "messages": ${found}, expected one of them`);
  }
  const outputs = ["answer", "chosen", "rejected"].filter(has);
  if (has("text")) {
    if (outputs.length > 0) {
      throw wrong(rec, `field "${outputs[0]}" stands beside "text", expected "prompt" beside it`);
    }
    return { kind: "text", where, text: textOf(rec, "text") };
  }
  if (has("answer") && outputs.length > 1) {
    throw wrong(rec, `field "${outputs[1]}" stands beside "answer", expected one or the other`);
  }
  const input = inputOf(rec);
  if ("messages" in input) checkLast(rec, input.messages, outputs.length === 0);
  else textOf(rec, "prompt");
  if (has("answer") || outputs.length === 0 && has("prompt")) {
    return { kind: "answer", where, input, answer: textOf(rec, "answer") };
  }
  if (outputs.length === 0) return { kind: "answer", where, input };
  return {
    kind: "pair",
    where,
    input,
    chosen: textOf(rec, "chosen"),
    rejected: textOf(rec, "rejected"),
  };
}

/** A field with some text in it. */
function textOf(rec: Rec, name: string): string {
  const value = rec.get(name);
  if (typeof value !== "string" || value === "") {
    const found = value === "" ? "empty" : kindOf(value);
    throw wrong(rec, `field "${name}" is ${found}, expected some text`);
  }
  return value;
}

/** The last message is the answer where no other field holds one. */
function checkLast(rec: Rec, messages: readonly Message[], answers: boolean): void {
  const { role } = messages.at(-1)!;
  if ((role === "assistant") === answers) return;
  const expected = answers ? '"assistant"' : "another, for the answer has a field of its own";
  const field = `messages[${messages.length - 1}].role`;
  throw wrong(rec, `field "${field}" is ${shown(role)}, expected ${expected}`);
}

/** What turns examples into token ids. */
export interface Encoder {
  /** Turns text into ids. */
  readonly tokenizer: Tokenizer;
  /** Makes text of messages; without it they are refused. */
  readonly template?: ChatTemplate;
  /** Closes every example. */
  readonly eos: number;
  /** No example may hold it. */
  readonly mask: number;
}

/** Token ids of an example. */
export interface Encoded {
  /** Closed by one end-of-sequence token. */
  readonly tokens: readonly number[];
  /** The first so many are given, never predicted. */
  readonly prompt: number;
}

/** Token ids of a text or an answer. */
export async function encodeExample(
  example: TextExample | AnswerExample,
  encoder: Encoder,
): Promise<Encoded> {
  const { tokenizer, template } = encoder;
  const { where } = example;
  if (example.kind === "text") {
    return closed({ given: [], rest: tokenizer.encode(example.text), where }, encoder);
  }
  const { input, answer } = example;
  if (answer !== undefined) {
    const given = await encodeInput(example, encoder);
    return closed({ given, rest: tokenizer.encode(answer), where }, encoder);
  }
  // As dFactory counts (spec 8.1): given is what the model sees when it is asked for the answer.
  const { messages } = input as { messages: readonly Message[] };
  const before = { where, input: { messages: messages.slice(0, -1) } };
  const { length } = await encodeInput(before, encoder);
  const whole = tokenizer.encode(
    await chatTemplate(where, template).render(messages, `record ${where}`, { whole: true }),
  );
  return closed({ given: whole.slice(0, length), rest: whole.slice(length), where }, encoder);
}

/** Token ids of both sides of a preference. */
export async function encodePair(
  example: PairExample,
  encoder: Encoder,
): Promise<{ chosen: Encoded; rejected: Encoded }> {
  const { where } = example;
  const given = await encodeInput(example, encoder);
  const side = (text: string) => {
    return closed({ given, rest: encoder.tokenizer.encode(text), where }, encoder);
  };
  return { chosen: side(example.chosen), rejected: side(example.rejected) };
}

/**
 * Refuses an example that cannot be encoded: of the few that look like it, for encoding all would take long.
 * `maskText` is the mask token's own text.
 */
export async function checkEncodes(
  example: TrainExample,
  { encoder, maskText }: { encoder: Encoder; maskText: string },
): Promise<void> {
  const lacksTemplate = !encoder.template && example.kind !== "text" && "messages" in example.input;
  const holdsMask = maskText !== "" && textsOf(example).some((text) => text.includes(maskText));
  if (!lacksTemplate && !holdsMask) return;
  await (example.kind === "pair" ? encodePair(example, encoder) : encodeExample(example, encoder));
}

/** All that is encoded of an example, but for what a template adds. */
function textsOf(example: TrainExample): string[] {
  if (example.kind === "text") return [example.text];
  const { input } = example;
  const before = "prompt" in input ? [input.prompt] : input.messages.map(({ content }) => content);
  if (example.kind === "pair") return [...before, example.chosen, example.rejected];
  return [...before, example.answer ?? ""];
}

async function encodeInput(
  { where, input }: { where: string; input: Input },
  { tokenizer, template }: Encoder,
): Promise<number[]> {
  if ("prompt" in input) return tokenizer.encode(input.prompt);
  // A conversation that the assistant opens has nothing before it but the template's own text.
  return tokenizer.encode(
    await chatTemplate(where, template).render(input.messages, `record ${where}`),
  );
}

function chatTemplate(where: string, template: ChatTemplate | undefined): ChatTemplate {
  if (template) return template;
  throw new Refusal(
    `Cannot use record ${where}: it has "messages" and the model no chat template, expected "prompt"`,
  );
}

function closed(
  { given, rest, where }: { given: readonly number[]; rest: readonly number[]; where: string },
  { eos, mask }: Encoder,
): Encoded {
  const tokens = [...given, ...rest, eos];
  if (tokens.includes(mask)) {
    throw new Refusal(`Cannot use record ${where}: its text holds the mask token, expected none`);
  }
  return { tokens, prompt: given.length };
}
