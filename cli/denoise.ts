import { denoise } from "../lib/denoise.ts";
import { Session } from "../lib/session.ts";
import type { Command } from "./command.ts";
import { runDecoding } from "./decoding.ts";
import { DECODE_FLAGS, INPUT_FLAGS, MODEL_FLAGS, sessionOptions } from "./flags.ts";
import { openTrace } from "./trace.ts";

/** `unmask denoise`: masked blocks in, settled tokens out. */
const command: Command = {
  summary: "Fill masked blocks until each answer is complete",
  arguments: "[FILES]",
  examples: [
    `echo '{"messages":[{"role":"user","content":"What is 2 + 3?"}]}' | unmask denoise | jq -c .output.tokens`,
    `unmask tasks nano_math --limit 2 | unmask denoise --trace trace.jsonl | unmask sample | jq -r .text`,
    `unmask tasks nano_math --limit 5 | unmask denoise --trace trace.html | jq -c .output.blocks`,
  ],
  flags: {
    ...MODEL_FLAGS,
    ...DECODE_FLAGS,
    trace: {
      type: "string",
      value: "FILE",
      help: "write one JSON line per denoising step, or draw them all if FILE ends in .html",
    },
    ...INPUT_FLAGS,
  },
  async run(context) {
    const path = context.flags.trace as string | undefined;
    const session = new Session({ ...sessionOptions(context), trace: path !== undefined });
    const trace = path === undefined ? undefined : await openTrace(path, context, session);
    let complete = false;
    try {
      await runDecoding(
        context,
        session,
        (records, options) => denoise(records, { ...options, onTrace: trace?.onTrace }),
      );
      complete = !context.signal.aborted;
    } finally {
      await trace?.close(complete);
    }
  },
};
export default command;
