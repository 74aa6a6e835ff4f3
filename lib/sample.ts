/** The stage that turns records into text, doing what they still lack. */
import { denoise, isAnswered } from "./denoise.ts";
import type { DecodeOptions } from "./diffusion/options.ts";
import type { DecodeStageOptions } from "./prepare.ts";
import { eachRecord, Faults } from "./records/faults.ts";
import { kindOf, type Rec, shown, stringOf, tokensOf, wrong } from "./records/record.ts";
import { endsWith, stoppable } from "./records/stoppable.ts";
import { Refusal } from "./refusal.ts";
import { checkModel } from "./tokenize.ts";

/** Options of `sample`. */
export interface SampleOptions extends DecodeStageOptions {
  /** Answers per record; above 1 the records get ids "id#1", "id#2", ... */
  readonly n?: number;
  /** Strings that end the text; they are cut off. */
  readonly stop?: readonly string[];
}

/** Adds `text` and `usage`, doing whatever each record still lacks. */
export function sample(records: AsyncIterable<Rec>, options: SampleOptions): AsyncIterable<Rec> {
  const { session, faults = new Faults(), signal, stop = [] } = options;
  if (stop.includes("")) {
    throw new Refusal('Cannot sample: a stop string is "", expected some text');
  }
  const several = endsWith(signal, copies(stoppable(records, signal), options.n ?? 1));
  const decoded = denoise(several, options);
  return eachRecord(decoded, {
    stage: "sample",
    faults,
    signal,
    step: async (rec) => {
      if (rec.has("text")) return void stringOf(rec, "text");
      await checkModel(rec, session);
      const output = outputField(rec);
      const tokenizer = await session.tokenizer();
      const { eos } = await session.specialIds();
      const turnEnd = tokenizer.tokenId("<|role_end|>");
      const end = output.tokens.findIndex((token) => eos.includes(token) || token === turnEnd);
      const kept = end < 0 ? output.tokens : output.tokens.slice(0, end);
      const ids = tokensOf(rec, {
        vocab: tokenizer.vocabSize,
        field: "output.tokens",
        tokens: kept.length > 0 ? kept : [0],
      });
      const text = kept.length > 0 ? tokenizer.decode(ids, { skipSpecial: true }) : "";
      rec.set("text", cutAt(text, stop));
      rec.set("usage", usageOf(rec, output, eos));
    },
  });
}

/** Cuts a text before the earliest of the stop strings. */
export function cutAt(text: string, stop: readonly string[]): string {
  const ends = stop.map((string) => text.indexOf(string)).filter((at) => at >= 0);
  return ends.length > 0 ? text.slice(0, Math.min(...ends)) : text;
}

/** `n` copies of each record that has no answer yet, with ids "id#1", "id#2", ... */
export async function* copies(records: AsyncIterable<Rec>, n: number): AsyncGenerator<Rec> {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new Refusal(`Cannot sample: n is ${n}, expected a whole number from 1`);
  }
  for await (const rec of records) {
    if (n === 1 || isAnswered(rec) || rec.failed) yield rec;
    else {
      for (let i = 1; i <= n; i++) {
        const copy = rec.clone();
        copy.set("id", `${rec.id}#${i}`);
        yield copy;
      }
    }
  }
}

interface OutputField {
  readonly tokens: number[];
  readonly blocks: { steps: number; forwards: number }[];
}

function outputField(rec: Rec): OutputField {
  const output = rec.get("output") as OutputField;
  if (kindOf(output) !== "object") {
    throw wrong(rec, `field "output" is ${kindOf(output)}, expected {tokens, blocks, ...}`);
  }
  for (const name of ["tokens", "blocks"] as const) {
    if (Array.isArray(output[name])) continue;
    throw wrong(rec, `field "output.${name}" is ${kindOf(output[name])}, expected a list`);
  }
  const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  const bad = output.blocks.findIndex((block) =>
    !isCount(block?.steps) || !isCount(block.forwards)
  );
  if (bad >= 0) {
    const found = shown(output.blocks[bad]);
    throw wrong(rec, `field "output.blocks[${bad}]" is ${found}, expected {steps, forwards}`);
  }
  return output;
}

/** Completion tokens exclude end-of-sequence; no times, so that two runs give equal bytes. */
function usageOf(rec: Rec, { tokens, blocks }: OutputField, eos: readonly number[]) {
  const prompt = (rec.get("tokens") as unknown[] | undefined)?.length ?? 0;
  const block = (rec.get("decode") as DecodeOptions | undefined)?.block_length ?? Infinity;
  const forwards = blocks.reduce((sum, { steps }) => sum + steps, 0);
  const all = blocks.reduce((sum, block) => sum + block.forwards, 0);
  const completion = tokens.filter((token) => !eos.includes(token)).length;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    forwards,
    forwards_all: all + (prompt >= block ? 1 : 0),
    tokens_per_forward: forwards > 0 ? completion / forwards : 0,
  };
}
