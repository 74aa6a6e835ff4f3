import assert from "@std/assert";
import { converse } from "../../../lib/eval/converse.ts";
import type { ScoreTools, Task } from "../../../lib/eval/task.ts";
import { Rec } from "../../../lib/records/record.ts";

/** "talk" asks on until the model has said as many things as the doc wants. */
const TALK = {
  next: (doc: { turns: number }, outputs: readonly string[]) =>
    Promise.resolve(outputs.length < doc.turns ? `and ${outputs.length}?` : undefined),
} as unknown as Task;
const taskOf = (name: string) => name === "talk" ? TALK : undefined;

/** Answers with the number of messages that it was shown. */
async function* generate(records: AsyncIterable<Rec>): AsyncGenerator<Rec> {
  for await (const rec of records) {
    const messages = rec.get("messages") as unknown[];
    rec.set("text", `saw ${messages.length}`);
    rec.set("usage", { forwards: 2, completion_tokens: 6, tokens_per_forward: 3 });
    yield rec;
  }
}

Deno.test("converse() keeps order, and dialogues go on until they are over", async () => {
  const turns = [1, 0, 3, 2, 0, 0, 1];
  const records = turns.map((count, i) =>
    Rec.from({
      id: `r${i}`,
      task: count === 0 ? "plain" : "talk",
      doc: { turns: count },
      messages: [{ role: "user", content: "start" }],
    })
  );
  const options = { generate, taskOf, tools: {} as ScoreTools };
  const found = await Array.fromAsync(converse(ReadableStream.from(records), options));
  assert.deepEqual(found.map(({ id }) => id), turns.map((_, i) => `r${i}`));
  const third = found[2];
  assert.deepEqual(third.get("outputs"), ["saw 1", "saw 3", "saw 5"]);
  assert.equal((third.get("turns") as unknown[]).length, 3);
  assert.deepEqual(third.get("usage"), {
    forwards: 6,
    completion_tokens: 18,
    tokens_per_forward: 3,
  });
  assert.equal(found[0].has("outputs"), false);
  assert.equal(found[1].get("text"), "saw 1");
});

Deno.test("converse() drops a dialogue whose record is dropped on the way", async () => {
  const records = [1, 2, 3].map((count) =>
    Rec.from({ id: `r${count}`, task: "talk", doc: { turns: 2 }, messages: [] })
  );
  /** Drops r1 at its first turn and r2 at its second, as `--on-error skip` does. */
  async function* skipping(open: AsyncIterable<Rec>): AsyncGenerator<Rec> {
    for await (const rec of generate(open)) {
      const turn = (rec.get("messages") as unknown[]).length === 0 ? 1 : 2;
      if (rec.id !== `r${turn}`) yield rec;
    }
  }
  const options = { generate: skipping, taskOf, tools: {} as ScoreTools };
  const found = await Array.fromAsync(converse(ReadableStream.from(records), options));
  assert.deepEqual(found.map(({ id }) => id), ["r3"]);
});

Deno.test("converse() shows the messages that a task gives in place of the dialogue", async () => {
  const user = (content: string) => ({ role: "user", content });
  const next: Task["next"] = (_doc, outputs) =>
    Promise.resolve([[user("all"), user("anew")], "on", undefined][outputs.length - 1]);
  const talk = Rec.from({ id: "r", task: "talk", doc: {}, messages: [user("start")] });
  const shown: unknown[] = [];
  async function* seen(open: AsyncIterable<Rec>): AsyncGenerator<Rec> {
    for await (const rec of open) {
      shown.push(rec.get("messages"));
      rec.set("text", `answer ${shown.length}`);
      yield rec;
    }
  }
  const options = { generate: seen, taskOf: () => ({ next }) as Task, tools: {} as ScoreTools };
  const [found] = await Array.fromAsync(converse(ReadableStream.from([talk]), options));
  const given = [user("all"), user("anew")];
  const answer = { role: "assistant", content: "answer 2" };
  assert.deepEqual(shown, [[user("start")], given, [...given, answer, user("on")]]);
  assert.deepEqual(found.get("turns"), [[user("start")], given, [user("on")]]);
  assert.deepEqual(found.get("messages"), [user("start")]);
  assert.deepEqual(found.get("outputs"), ["answer 1", "answer 2", "answer 3"]);
});

Deno.test("converse() asks on by what scoring reads, the answers without thinking", async () => {
  const next: Task["next"] = (_doc, outputs) =>
    Promise.resolve(outputs.length < 2 ? `You said: ${outputs[0]}` : undefined);
  const shown: unknown[][] = [];
  async function* thinking(open: AsyncIterable<Rec>): AsyncGenerator<Rec> {
    for await (const rec of open) {
      shown.push(rec.get("messages") as unknown[]);
      rec.set("text", "<think>a call?</think>[ls()]");
      rec.set("usage", { prompt_tokens: 4, completion_tokens: 5 }); // a server's
      yield rec;
    }
  }
  const talk = Rec.from({ id: "r", task: "talk", doc: {}, messages: [] });
  const options = {
    generate: thinking,
    taskOf: () => ({ next }) as Task,
    tools: {} as ScoreTools,
  };
  const [found] = await Array.fromAsync(converse(ReadableStream.from([talk]), options));
  const turns = found.get("turns") as { content: string }[][];
  assert.equal(turns[1][0].content, "You said: [ls()]");
  assert.deepEqual(shown[1][0], { role: "assistant", content: "[ls()]" });
  assert.equal((found.get("outputs") as string[])[1], "<think>a call?</think>[ls()]");
  assert.deepEqual(found.get("usage"), { prompt_tokens: 8, completion_tokens: 10 });
});

Deno.test("converse() ends a dialogue whose record failed, and leaves it as it failed", async () => {
  let asked = 0;
  const next: Task["next"] = () => Promise.resolve(`and ${++asked}?`);
  async function* failing(open: AsyncIterable<Rec>): AsyncGenerator<Rec> {
    for await (const rec of open) {
      if (asked === 0) rec.set("text", "one");
      else rec.set("error", { stage: "sample", message: "no answer" });
      yield rec;
    }
  }
  const talk = Rec.from({ id: "r", task: "talk", doc: {}, messages: [] });
  const options = { generate: failing, taskOf: () => ({ next }) as Task, tools: {} as ScoreTools };
  const [found] = await Array.fromAsync(converse(ReadableStream.from([talk]), options));
  assert.equal(asked, 1);
  assert.deepEqual([found.has("error"), found.has("outputs"), found.has("turns")], [
    true,
    false,
    false,
  ]);
});
