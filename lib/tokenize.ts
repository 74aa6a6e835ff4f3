/** Stages between text and token ids. */
import { eachRecord, Faults } from "./records/faults.ts";
import { inputOf, kindOf, type Rec, shown, tokensOf, wrong } from "./records/record.ts";
import type { Session } from "./session.ts";

/** Options that every stage takes. */
export interface StageOptions {
  /** The model to use. */
  readonly session: Session;
  /** What happens to bad records; by default the first one ends the stream. */
  readonly faults?: Faults;
  /**
   * Ends the stream with the signal's reason before the next record or forward pass, and while it waits for its
   * source; what is in hand is dropped.
   */
  readonly signal?: AbortSignal;
}

/** Adds `tokens` to records that lack them, from `prompt` or `messages`. */
export function tokenize(
  records: AsyncIterable<Rec>,
  { session, faults = new Faults(), signal }: StageOptions,
): AsyncIterable<Rec> {
  return eachRecord(records, {
    stage: "tokenize",
    faults,
    signal,
    step: (rec) => rec.has("tokens") ? undefined : addTokens(rec, session),
  });
}

/** Adds `tokens`, and the tokenizer's digest where no model is named yet. */
export async function addTokens(rec: Rec, session: Session): Promise<void> {
  const input = inputOf(rec);
  const tokenizer = await session.tokenizer();
  let text: string;
  if ("prompt" in input) text = input.prompt;
  else {
    const template = await session.template();
    if (!template) {
      throw wrong(rec, `"${(await session.folder()).dir}" has no chat template, expected "prompt"`);
    }
    text = await template.render(input.messages, `record "${rec.id}"`);
  }
  const tokens = tokenizer.encode(text);
  if (tokens.length === 0) throw wrong(rec, 'field "prompt" is empty, expected some text');
  rec.set("tokens", tokens);
  if (!rec.has("model")) rec.set("model", { tokenizer: tokenizer.digest });
}

/** A record that another model worked on is refused. */
export async function checkModel(rec: Rec, session: Session): Promise<void> {
  const model = rec.get("model") as { digest?: string; tokenizer?: string } | undefined;
  if (model === undefined) return;
  if (kindOf(model) !== "object") {
    throw wrong(rec, `field "model" is ${kindOf(model)}, expected object`);
  }
  const pairs = [
    ["digest", model.digest, () => session.digest()],
    ["tokenizer", model.tokenizer, () => session.tokenizerDigest()],
  ] as const;
  for (const [name, found, own] of pairs) {
    if (found !== undefined && found !== await own()) {
      throw wrong(
        rec,
        `field "model.${name}" is ${shown(found)}, expected this model's "${await own()}"`,
      );
    }
  }
}

/** Turns `output.tokens` into `text`, or `tokens` into `prompt`. */
export function detokenize(
  records: AsyncIterable<Rec>,
  { session, faults = new Faults(), signal }: StageOptions,
): AsyncIterable<Rec> {
  return eachRecord(records, {
    stage: "detokenize",
    faults,
    signal,
    step: async (rec) => {
      await checkModel(rec, session);
      const tokenizer = await session.tokenizer();
      const output = rec.get("output") as { tokens?: unknown } | undefined;
      if (output !== undefined) {
        const from = { vocab: tokenizer.vocabSize, field: "output.tokens", tokens: output?.tokens };
        rec.set("text", tokenizer.decode(tokensOf(rec, from), { skipSpecial: true }));
      } else {
        rec.set("prompt", tokenizer.decode(tokensOf(rec, { vocab: tokenizer.vocabSize })));
      }
    },
  });
}
