/** Dialogues: the model answers, and a benchmark may ask on. */
import { type Message, Rec } from "../records/record.ts";
import type { Doc, ScoreTools, Task } from "./task.ts";
import { withoutThinking } from "./thinking.ts";

/** Records that talk with the model at the same time. */
const WINDOW = 64;

/**
 * Answers records with `generate`, and goes on as long as a record's task has a next message. Dialogues
 * of a window of records run side by side; records leave in the order in which they came, with `turns`
 * and `outputs` where there was more than one.
 */
export async function* converse(
  records: AsyncIterable<Rec>,
  { generate, taskOf, tools }: {
    generate: (records: AsyncIterable<Rec>) => AsyncIterable<Rec>;
    taskOf: (name: string) => Task | undefined;
    tools: ScoreTools;
  },
): AsyncGenerator<Rec> {
  const isDialogue = (rec: Rec) => taskOf(String(rec.get("task")))?.next !== undefined;
  const source = records[Symbol.asyncIterator]();
  let held: Rec | undefined;
  /** Records up to the first of the other kind. */
  async function* run(dialogue: boolean): AsyncGenerator<Rec> {
    while (held && isDialogue(held) === dialogue) {
      yield held;
      const { done, value } = await source.next();
      held = done ? undefined : value;
    }
  }
  const first = await source.next();
  held = first.done ? undefined : first.value;
  while (held) {
    if (!isDialogue(held)) {
      yield* generate(run(false));
      continue;
    }
    for await (const window of chunks(run(true), WINDOW)) {
      yield* await dialogues(window, { generate, taskOf, tools });
    }
  }
}

/** Runs whole dialogues of some records, turn by turn. */
async function dialogues(
  records: Rec[],
  { generate, taskOf, tools }: Parameters<typeof converse>[1],
): Promise<Rec[]> {
  const talks = new Map(records.map((rec) => [rec.id, new Dialogue(rec)]));
  let open: Rec[] = records;
  while (open.length > 0) {
    const going: Rec[] = [];
    const dropped = new Set(open.map(({ id }) => id));
    for await (const rec of generate(ReadableStream.from(open))) {
      dropped.delete(rec.id);
      const talk = talks.get(rec.id)!;
      talk.answered(rec);
      if (rec.failed) continue;
      const next = taskOf(String(rec.get("task")))!.next!;
      // As scoring reads them: it finds the turns again by what is asked next.
      const answers = talk.outputs.map(withoutThinking);
      const asked = await next(rec.get("doc") as Doc, answers, tools);
      if (asked !== undefined) going.push(talk.turn(asked));
    }
    for (const id of dropped) talks.delete(id);
    open = going;
  }
  return Array.from(talks.values(), (talk) => talk.record());
}

/** One record's dialogue. */
class Dialogue {
  readonly outputs: string[] = [];
  /** What was asked: all messages at first and where earlier ones changed, else the user's alone. */
  readonly #turns: (readonly Message[])[];
  readonly #usage: Record<string, number> = {};
  /** What the latest turn showed the model. */
  #messages: readonly Message[];
  #last: Rec;

  constructor(rec: Rec) {
    this.#last = rec;
    this.#messages = rec.get("messages") as Message[];
    this.#turns = [this.#messages];
  }

  /** Takes the model's answer to the latest turn. */
  answered(rec: Rec): void {
    this.#last = rec;
    if (rec.failed) return;
    this.outputs.push(rec.get("text") as string);
    const usage = (rec.get("usage") ?? {}) as Record<string, number>;
    for (const [name, value] of Object.entries(usage)) {
      this.#usage[name] = (this.#usage[name] ?? 0) + value;
    }
  }

  /** The record that asks the next turn: a fresh one, with the whole dialogue so far or with `next` in its place. */
  turn(next: string | readonly Message[]): Rec {
    const asked = typeof next === "string" ? [{ role: "user", content: next }] : next;
    // As BFCL's and aider's runners keep it: thinking is left out of the history.
    const answer = { role: "assistant", content: withoutThinking(this.outputs.at(-1)!) };
    const messages = typeof next === "string" ? [...this.#messages, answer, ...asked] : next;
    this.#turns.push(asked);
    this.#messages = messages;
    const kept = ["id", "task", "doc", "task_defaults"].flatMap((name) =>
      this.#last.has(name) ? [[name, this.#last.get(name)]] : []
    );
    return Rec.from({ ...Object.fromEntries(kept), messages }, this.#last.where);
  }

  /** The last record, with all turns. */
  record(): Rec {
    if (this.#turns.length > 1 && !this.#last.failed) {
      this.#last.set("messages", this.#turns[0]);
      this.#last.set("turns", this.#turns);
      this.#last.set("outputs", this.outputs);
      const { completion_tokens = 0, forwards = 0 } = this.#usage;
      const rate = forwards > 0 ? { tokens_per_forward: completion_tokens / forwards } : {};
      this.#last.set("usage", { ...this.#usage, ...rate });
    }
    return this.#last;
  }
}

async function* chunks<V>(source: AsyncIterable<V>, size: number): AsyncGenerator<V[]> {
  let chunk: V[] = [];
  for await (const value of source) {
    chunk.push(value);
    if (chunk.length === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}
