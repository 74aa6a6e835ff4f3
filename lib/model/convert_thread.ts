/** Edge: a thread that converts rows, one conversion a message (converters.ts). */
import { type Conversion, convertRows, type StoredRows } from "../../kernels/weights/weight.ts";

/** What it answers, in the order it was asked: the rows, or why there are none. */
export type Answer = StoredRows | { readonly problem: string };

/** What a worker's global is here; the library's types are a window's. */
const thread = globalThis as unknown as {
  onmessage: (event: MessageEvent<Conversion>) => void;
  postMessage(message: Answer): void;
};

thread.onmessage = ({ data }) => {
  try {
    // A copy: a thread that has ever given a buffer away runs loops over arrays at half the speed.
    thread.postMessage(convertRows(data));
  } catch (error) {
    thread.postMessage({ problem: (error as Error).message });
  }
};
