import { prefill } from "../lib/prefill.ts";
import { Session } from "../lib/session.ts";
import type { Command } from "./command.ts";
import { DECODE_FLAGS, INPUT_FLAGS, MODEL_FLAGS, sessionOptions } from "./flags.ts";
import { runDecoding } from "./decoding.ts";

/** `unmask prefill`: keys and values of whole prompt blocks, kept on disk by content. */
const command: Command = {
  summary: "Compute and keep the KV cache of each prompt",
  arguments: "[FILES]",
  description: "Blocks that an earlier prompt shared are read, not computed again.",
  examples: [`unmask tasks nano_math --limit 4 | unmask tokenize | unmask prefill | jq -c .cache`],
  flags: {
    ...MODEL_FLAGS,
    "block-length": DECODE_FLAGS["block-length"],
    "gen-length": DECODE_FLAGS["gen-length"],
    truncate: DECODE_FLAGS.truncate,
    ...INPUT_FLAGS,
  },
  run: (context) => runDecoding(context, new Session(sessionOptions(context)), prefill),
};
export default command;
