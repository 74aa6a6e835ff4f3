import { Session } from "../lib/session.ts";
import { tokenize } from "../lib/tokenize.ts";
import type { Command } from "./command.ts";
import { INPUT_FLAGS, sessionOptions, TOKENIZER_FLAGS } from "./flags.ts";

/** `unmask tokenize`: text in, token ids out. */
const command: Command = {
  summary: "Add token ids to each record",
  arguments: "[FILES]",
  examples: [
    `echo '{"prompt":"Hello"}' | unmask tokenize`,
    `echo '{"messages":[{"role":"user","content":"What is 2 + 3?"}]}' | unmask tokenize | jq -c .tokens`,
  ],
  flags: { ...TOKENIZER_FLAGS, ...INPUT_FLAGS },
  async run(context) {
    const session = new Session(sessionOptions(context));
    await context.write(tokenize(context.records(), { session, faults: context.faults }));
  },
};
export default command;
