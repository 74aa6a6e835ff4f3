import { denoise } from "../lib/denoise.ts";
import { reason, Refusal } from "../lib/refusal.ts";
import { toJson } from "../lib/records/record.ts";
import { Session } from "../lib/session.ts";
import type { Command } from "./command.ts";
import { runDecoding } from "./decoding.ts";
import { DECODE_FLAGS, INPUT_FLAGS, MODEL_FLAGS, sessionOptions } from "./flags.ts";

/** `unmask denoise`: masked blocks in, settled tokens out. */
const command: Command = {
  summary: "Fill masked blocks until each answer is complete",
  arguments: "[FILES]",
  examples: [
    `echo '{"messages":[{"role":"user","content":"What is 2 + 3?"}]}' | unmask denoise | jq -c .output.tokens`,
    `unmask tasks nano_math --limit 2 | unmask denoise --trace trace.jsonl | unmask sample | jq -r .text`,
  ],
  flags: {
    ...MODEL_FLAGS,
    ...DECODE_FLAGS,
    trace: { type: "string", value: "FILE", help: "write one JSON line per denoising step" },
    ...INPUT_FLAGS,
  },
  async run(context) {
    const path = context.flags.trace as string | undefined;
    const session = new Session({ ...sessionOptions(context), trace: path !== undefined });
    const file = path === undefined ? undefined : await context.create(path);
    const encoder = new TextEncoder();
    await runDecoding(context, session, (records, options) =>
      denoise(records, {
        ...options,
        onTrace: async (rec, steps) => {
          if (!file) return;
          const lines = steps.map((step) => `${toJson({ id: rec.id, ...step })}\n`);
          const bytes = encoder.encode(lines.join(""));
          try {
            for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
          } catch (cause) {
            // A trace whose reader is gone, too: a broken pipe would pass for that of stdout, a quiet end.
            throw new Refusal(`Cannot write "${path}": ${reason(cause)}`, { cause });
          }
        },
      }));
    file?.close();
  },
};
export default command;
