/** Streams that a signal ends while they wait for their source, too. */

/** Streams that end by themselves, with a signal's reason, once it is aborted. */
const endedBy = new WeakMap<AsyncIterable<unknown>, AbortSignal>();

/**
 * The items, failing with the signal's reason as soon as it is aborted. What ends with that signal already is
 * left as it is: a stage behind another one waits for that one to clear up.
 */
export function stoppable<T>(items: AsyncIterable<T>, signal?: AbortSignal): AsyncIterable<T> {
  if (!signal || endedBy.get(items) === signal) return items;
  return endsWith(signal, untilAborted(items, signal));
}

/** Says of a stream that it ends with the signal. */
export function endsWith<S extends AsyncIterable<unknown>>(
  signal: AbortSignal | undefined,
  stream: S,
): S {
  if (signal) endedBy.set(stream, signal);
  return stream;
}

async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const source = sourceOf(items);
  let fail: (reason: unknown) => void = () => {};
  const abort = () => fail(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    while (true) {
      signal.throwIfAborted();
      // A promise of its own each time: one that lives as long as the stream would keep every item's.
      const step = await new Promise<IteratorResult<T>>((resolve, reject) => {
        fail = reject;
        source.next().then(resolve, reject);
      });
      if (step.done) return;
      yield step.value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    const closing = Promise.resolve(source.return?.());
    // A generator that waits for something ends when that comes, maybe never.
    if (signal.aborted) closing.catch(() => {});
    else await closing;
  }
}

/** An iterator that can be ended while it waits, where the stream allows that: its own one cannot. */
function sourceOf<T>(items: AsyncIterable<T>): AsyncIterator<T> {
  if (!(items instanceof ReadableStream)) return items[Symbol.asyncIterator]();
  const reader = (items as ReadableStream<T>).getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<T>>,
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}
