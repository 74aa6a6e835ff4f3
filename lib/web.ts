/**
 * The stages in a web page: what of this library needs no files, processes or system, but only WebGPU. Weights
 * come by ranges of bytes from a server that offers a model's folder.
 *
 * ```ts ignore
 * import { Rec, sample, Session, webFolder } from "unmask/web";
 *
 * async function* questions() {
 *   yield Rec.from({ messages: [{ role: "user", content: "What is 2 + 3?" }] });
 * }
 *
 * const session = new Session({ model: webFolder(new URL("models/nano", location.href)) });
 * for await (const answer of sample(questions(), { session })) {
 *   document.body.append(answer.get("text") as string);
 * }
 * await session.close();
 * ```
 *
 * `deno bundle --platform browser page.ts -o page.js` makes one file of a page's script and this.
 *
 * @module
 */
export { type Message, Rec } from "./records/record.ts";
export { readJsonl, type ReadOptions, type Sink, type Stage, writeJsonl } from "./records/jsonl.ts";
export { Faults, type OnError } from "./records/faults.ts";
export { Refusal } from "./refusal.ts";
export { type DeviceFacts, Session, type SessionOptions } from "./session.ts";
export type { Target } from "../kernels/launch.ts";
export type { ActivationFormat, WeightFormat } from "../kernels/weights/weight.ts";
export type { Tokenizer } from "./tokenizer/mod.ts";
export { detokenize, type StageOptions, tokenize } from "./tokenize.ts";
export { prefill } from "./prefill.ts";
export { denoise } from "./denoise.ts";
export { sample, type SampleOptions } from "./sample.ts";
export type { DecodeStageOptions } from "./prepare.ts";
export {
  type DecodeLayer,
  type DecodeOptions,
  type Policy,
  POLICY_NAMES,
  resolveDecode,
} from "./diffusion/options.ts";
export type { TraceStep } from "./diffusion/trace.ts";
export type { ModelFolder, OpenFile } from "./model/folder.ts";
export { webFolder } from "./model/web_folder.ts";
