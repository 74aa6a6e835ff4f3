import { Session } from "../lib/session.ts";
import { detokenize } from "../lib/tokenize.ts";
import type { Command } from "./command.ts";
import { INPUT_FLAGS, sessionOptions, TOKENIZER_FLAGS } from "./flags.ts";

/** `unmask detokenize`: token ids in, text out. */
const command: Command = {
  summary: "Turn token ids back into text",
  arguments: "[FILES]",
  description:
    "Adds `text` from `output.tokens`, or `prompt` from `tokens` where there is no output.",
  examples: [`echo '{"tokens":[72,105]}' | unmask detokenize | jq -r .prompt`],
  flags: { ...TOKENIZER_FLAGS, ...INPUT_FLAGS },
  async run(context) {
    const session = new Session(sessionOptions(context));
    await context.write(detokenize(context.records(), { session, faults: context.faults }));
  },
};
export default command;
