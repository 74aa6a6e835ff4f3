/** Servers that the flags name; apart from the other flags, so that a small command does not load them. */
import { Server } from "../lib/server.ts";
import type { Judge } from "../lib/eval/task.ts";
import type { Message } from "../lib/records/record.ts";
import type { Context, Flag } from "./command.ts";
import { usage } from "./parse.ts";

/** A server that answers instead of a model in this process. */
export const SERVER_FLAGS: Readonly<Record<string, Flag>> = {
  endpoint: {
    type: "string",
    value: "URL",
    help: "ask an OpenAI-compatible server (key: $UNMASK_API_KEY); --model names its model",
  },
};

/** Flags of a model in this process, which mean nothing to a server. */
export const SERVER_CONFLICTS = ["dtype", "activations", "adapter", "engine"]
  .map((name) => ["endpoint", name] as const);

/** The key for servers; refuses what a header cannot hold, without showing it. */
function keyOf(): string | undefined {
  const key = Deno.env.get("UNMASK_API_KEY");
  if (key === undefined || /^[\x20-\x7e]*$/.test(key)) return key;
  throw usage(
    "Cannot use UNMASK_API_KEY: it has a character beside printable ASCII, expected none",
  );
}

/** The server that the flags name. */
export function serverOf({ flags }: Context): Server | undefined {
  if (flags.endpoint === undefined) return undefined;
  const model = flags.model as string | undefined;
  return new Server({ url: flags.endpoint as string, model, key: keyOf() });
}

/** The judge that the flags name. */
export function judgeOf({ flags }: Context): Judge | undefined {
  const url = flags["judge-endpoint"] as string | undefined;
  if (url === undefined) return undefined;
  const model = flags["judge-model"] as string | undefined;
  const server = new Server({ url, model, key: keyOf() });
  return {
    name: `${model ?? "first model"} at ${url}`,
    ask: async (content) => {
      const messages: Message[] = [{ role: "user", content }];
      return (await server.ask({ messages }, { max_tokens: 2048, temperature: 0 })).text;
    },
  };
}
