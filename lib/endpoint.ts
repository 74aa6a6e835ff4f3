/**
 * Answers from an OpenAI-compatible server (SGLang serving LLaDA2 is one) instead of a model in this
 * process: several asked for at once, records in their order.
 */
import { decodeLayers, seedOf } from "./prepare.ts";
import { copies, cutAt } from "./sample.ts";
import { type DecodeOptions, resolveDecode } from "./diffusion/options.ts";
import { Faults } from "./records/faults.ts";
import { inputOf, nameOf, type Rec, stringOf } from "./records/record.ts";
import { Refusal } from "./refusal.ts";
import type { Server } from "./server.ts";

/** Options of `complete`. */
export interface CompleteOptions {
  readonly server: Server;
  readonly faults?: Faults;
  /** Requests at the same time. */
  readonly concurrency?: number;
  /** Options for records that do not say them themselves. */
  readonly decode?: Readonly<Partial<DecodeOptions>>;
  /** Answers per record. */
  readonly n?: number;
  /** Strings that end the text; they are cut off. */
  readonly stop?: readonly string[];
  /** Told of every answered record. */
  readonly onDone?: (rec: Rec) => void;
  /** Told of what the server decides itself. */
  readonly onNotice?: (line: string) => void;
}

/** Adds `text` and `usage` to records, asked of a server; those that have `text` pass. */
export async function* complete(
  records: AsyncIterable<Rec>,
  options: CompleteOptions,
): AsyncGenerator<Rec> {
  const { faults = new Faults(), concurrency = 16, n = 1 } = options;
  options.onNotice?.("policy, threshold and block length are the server's own");
  const waiting: Promise<Rec | undefined>[] = [];
  const answered = async (rec: Rec) => {
    try {
      if (rec.has("text")) stringOf(rec, "text");
      else {
        await answer(rec, options);
        options.onDone?.(rec);
      }
      return rec;
    } catch (error) {
      return faults.handle(rec, "sample", named(error, rec));
    }
  };
  const source = copies(records, n)[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<Rec>> | undefined;
  let ended = false;
  while (!ended || waiting.length > 0) {
    if (!ended && waiting.length < concurrency) next ??= source.next();
    // Whatever comes first: another record to ask for, or the oldest answer.
    const turn = await Promise.race([
      ...(next ? [next.then((step) => ({ step }))] : []),
      ...waiting.slice(0, 1).map((first) => first.then((rec) => ({ rec }))),
    ]);
    if ("rec" in turn) {
      waiting.shift();
      if (turn.rec) yield turn.rec;
      continue;
    }
    next = undefined;
    const { done, value: rec } = turn.step;
    if (done) {
      ended = true;
      continue;
    }
    const work = rec.failed ? Promise.resolve(rec) : answered(rec);
    work.catch(() => {}); // reported when its turn comes
    waiting.push(work);
  }
}

/** The error with the record that it struck at. */
function named(error: unknown, rec: Rec): unknown {
  if (!(error instanceof Refusal) || error.message.includes(nameOf(rec))) return error;
  return new Refusal(`${error.message}, for ${nameOf(rec)}`, {
    cause: error,
    exitCode: error.exitCode,
  });
}

async function answer(rec: Rec, options: CompleteOptions): Promise<void> {
  const { server, decode: flags, stop = [] } = options;
  const { gen_length, temperature, top_k, top_p, seed } = resolveDecode(decodeLayers(rec, flags));
  const completion = await server.ask(inputOf(rec, '"prompt" or "messages" for a server'), {
    max_tokens: gen_length,
    temperature,
    ...(top_p < 1 ? { top_p } : {}),
    ...(top_k > 0 ? { top_k } : {}),
    ...(temperature > 0 ? { seed: seedOf(seed, rec.id) } : {}),
    ...(stop.length > 0 ? { stop } : {}),
  });
  const { text, finishReason, promptTokens, completionTokens } = completion;
  rec.set("model", { name: await server.model() });
  rec.set("decode", { gen_length, temperature, top_k, top_p, seed });
  rec.set("text", cutAt(text, stop));
  rec.set("output", { finish_reason: finishReason });
  if (completionTokens === undefined) return;
  rec.set("usage", { prompt_tokens: promptTokens ?? 0, completion_tokens: completionTokens });
  if (doubtful(text, completionTokens)) {
    rec.set("flags", ["token_count"]);
    options.onNotice?.("some answers do not have the text that their token counts say");
  }
}

/** A count that no tokenizer could give: tokens without text, or far too few of them for it. */
function doubtful(text: string, tokens: number): boolean {
  const bytes = new TextEncoder().encode(text).length;
  return tokens > 8 * bytes + 64 || bytes > 64 * tokens;
}
