import { sample } from "../lib/sample.ts";
import { complete } from "../lib/endpoint.ts";
import { Session } from "../lib/session.ts";
import type { Command } from "./command.ts";
import { runDecoding } from "./decoding.ts";
import { DECODE_FLAGS, INPUT_FLAGS, MODEL_FLAGS, sessionOptions } from "./flags.ts";
import { SERVER_CONFLICTS, SERVER_FLAGS, serverOf } from "./servers.ts";

/** `unmask sample`: any record in, text out. */
const command: Command = {
  summary: "Turn records into text, doing what they still lack",
  arguments: "[FILES]",
  examples: [
    `echo '{"messages":[{"role":"user","content":"What is 2 + 3?"}]}' | unmask sample | jq -r .text`,
    `unmask tasks nano_agent --limit 3 | unmask sample --n 2 --temperature 0.7 --seed 1 | jq -r .text`,
  ],
  flags: {
    ...SERVER_FLAGS,
    ...MODEL_FLAGS,
    ...DECODE_FLAGS,
    n: {
      type: "integer",
      range: { min: 1, max: 1e6, whole: true },
      default: 1,
      help: 'answers per record; above 1 with ids "id#1", "id#2", ...',
    },
    stop: { type: "string", many: true, help: "cut the text before this; may be repeated" },
    ...INPUT_FLAGS,
  },
  conflicts: SERVER_CONFLICTS,
  run: (context) => {
    const { flags } = context;
    const server = serverOf(context);
    const answers = { n: flags.n as number | undefined, stop: flags.stop as string[] | undefined };
    const session = new Session(sessionOptions(context));
    return runDecoding(context, session, (records, options) =>
      server
        ? complete(records, {
          ...options,
          ...answers,
          server,
          concurrency: flags.batch as number | undefined,
          onNotice: context.notice,
        })
        : sample(records, { ...options, ...answers, shareCache: !flags["no-cache"] }));
  },
};
export default command;
