import assert from "@std/assert";
import { endsWith, stoppable } from "../../../lib/records/stoppable.ts";

async function* numbers(count: number, closed: () => void = () => {}): AsyncGenerator<number> {
  try {
    for (let i = 0; i < count; i++) yield i;
  } finally {
    closed();
  }
}

Deno.test("stoppable() gives what its source gives, and frees it", async () => {
  const { signal } = new AbortController();
  let closed = 0;
  assert.deepEqual(await Array.fromAsync(stoppable(numbers(3, () => closed++), signal)), [0, 1, 2]);
  for await (const _ of stoppable(numbers(3, () => closed++), signal)) break;
  assert.equal(closed, 2);
  const stream = ReadableStream.from(numbers(3, () => closed++));
  for await (const _ of stoppable(stream, signal)) break;
  assert.equal(closed, 3);
  async function* broken() {
    yield 1;
    throw new Error("broken");
  }
  await assert.rejects(Array.fromAsync(stoppable(broken(), signal)), { message: "broken" });
  const failed = new ReadableStream({ start: (control) => control.error(new Error("failed")) });
  await assert.rejects(Array.fromAsync(stoppable(failed, signal)), { message: "failed" });
});

Deno.test("stoppable() ends while its source waits, whatever becomes of that", async () => {
  async function* stuck() {
    yield 1;
    await new Promise(() => {});
  }
  const stop = new AbortController();
  const found: number[] = [];
  const reading = async () => {
    for await (const item of stoppable(stuck(), stop.signal)) {
      found.push(item);
      setTimeout(() => stop.abort(new Error("enough")), 10);
    }
  };
  await assert.rejects(reading, { message: "enough" });
  assert.deepEqual(found, [1]);
  await assert.rejects(Array.fromAsync(stoppable(numbers(3), stop.signal)), { message: "enough" });
});

Deno.test("stoppable() leaves what has no signal, or ends with that one already", () => {
  const { signal } = new AbortController();
  const bare = numbers(1);
  assert.equal(stoppable(bare), bare);
  assert.notEqual(stoppable(bare, signal), bare);
  const marked = endsWith(signal, numbers(1));
  assert.equal(stoppable(marked, signal), marked);
  assert.notEqual(stoppable(marked, new AbortController().signal), marked);
});
