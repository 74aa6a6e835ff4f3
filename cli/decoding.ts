/** What the commands that run the model share: options, progress and closing. */
import { isAnswered } from "../lib/denoise.ts";
import type { DecodeStageOptions } from "../lib/prepare.ts";
import { nameOf, type Rec } from "../lib/records/record.ts";
import type { Session } from "../lib/session.ts";
import type { Context, FlagValues } from "./command.ts";
import { decodeFlags } from "./flags.ts";

/** What a record says of its answer. */
interface Output {
  readonly tokens?: readonly unknown[];
  readonly blocks?: readonly { steps: number }[];
}

/** Stage options that the flags give; progress counts records, tokens and forwards. */
export function decodeOptions(context: Context, session: Session): DecodeStageOptions {
  const { flags, faults } = context;
  const start = performance.now();
  let records = 0;
  let tokens = 0;
  let forwards = 0;
  return {
    session,
    faults,
    decode: decodeFlags(flags),
    truncate: flags.truncate as "left" | undefined,
    onDone: (rec) => {
      // A server says how many tokens an answer has, if that.
      const { tokens: own, blocks = [] } = (rec.get("output") ?? {}) as Output;
      const usage = rec.get("usage") as { completion_tokens: number } | undefined;
      records++;
      tokens += own?.length ?? usage?.completion_tokens ?? 0;
      forwards += blocks.reduce((sum, { steps }) => sum + steps, 0);
      // A prefill has none.
      const rate = tokens > 0
        ? `, ${(tokens / (performance.now() - start) * 1000).toFixed(0)} tokens/s`
        : "";
      const perForward = forwards > 0 ? `, ${(tokens / forwards).toFixed(1)} tokens/forward` : "";
      const done = `${records} record${records === 1 ? "" : "s"}`;
      context.progress(`${done}${rate}${perForward}`);
    },
  };
}

/** Runs a stage from input to output and frees the device. */
export async function runDecoding(
  context: Context,
  session: Session,
  stage: (records: AsyncIterable<Rec>, options: DecodeStageOptions) => AsyncIterable<Rec>,
): Promise<void> {
  try {
    const records = inputOf(context, session);
    await context.write(stage(records, decodeOptions(context, session)));
  } finally {
    await session.close();
  }
}

/** The command's records; flags that came too late for an answer are told of once. */
async function* inputOf(context: Context, session: Session): AsyncGenerator<Rec> {
  let said = false;
  for await (const rec of context.records()) {
    const idle = said || !isAnswered(rec) ? [] : idleFlags(rec, context.flags, session);
    if (idle.length > 0) {
      said = true;
      context.notice(
        `${nameOf(rec)} is answered, as others may be: no effect of ${idle.join(", ")}`,
      );
    }
    yield rec;
  }
}

/** The flags that an answer was not made with, by what its record says. */
function idleFlags(rec: Rec, flags: FlagValues, session: Session): string[] {
  const field = (name: string) => (rec.get(name) ?? {}) as Record<string, unknown>;
  const { dtype, activations = "f32" } = field("device");
  const { name } = field("model");
  const made: Record<string, unknown> = {
    ...field("decode"),
    dtype,
    activations,
    model: typeof name === "string" ? name.split("/").at(-1) : undefined,
  };
  const asked = {
    ...decodeFlags(flags),
    dtype: flags.dtype,
    activations: flags.activations,
    model: flags.model && session.name,
    n: /#\d+$/.test(rec.id) || flags.n === 1 ? undefined : flags.n,
  };
  return Object.entries(asked)
    .filter(([name, value]) => value !== undefined && value !== made[name])
    .map(([name]) => `--${name.replaceAll("_", "-")}`);
}
