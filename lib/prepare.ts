/** What a record brings to the stages that run the model: tokens, decode options and a seed, checked. */
import { type DecodeLayer, type DecodeOptions, resolveDecode } from "./diffusion/options.ts";
import type { TraceStep } from "./diffusion/trace.ts";
import { fnv1a } from "./hash.ts";
import { kindOf, nameOf, type Rec, tokensOf, wrong } from "./records/record.ts";
import type { Session } from "./session.ts";
import { addTokens, checkModel, type StageOptions } from "./tokenize.ts";

/** Options of the stages that decode. */
export interface DecodeStageOptions extends StageOptions {
  /** Options for records that do not say them themselves. */
  readonly decode?: Readonly<Partial<DecodeOptions>>;
  /** Cut prompts that do not fit from the left instead of refusing them. */
  readonly truncate?: "left";
  /** Told of every denoising step, when the session traces. */
  readonly onTrace?: (rec: Rec, steps: TraceStep[]) => void | Promise<void>;
  /** Whether shared prompt prefixes are read from and kept on disk. */
  readonly shareCache?: boolean;
  /** Told of every finished record. */
  readonly onDone?: (rec: Rec) => void;
}

/** Tokens and options of a record, tokenized and cut where that is still to do. */
export async function prepare(
  rec: Rec,
  { session, decode: flags = {}, truncate }: DecodeStageOptions,
): Promise<{ tokens: readonly number[]; decode: DecodeOptions }> {
  await checkModel(rec, session);
  if (!rec.has("tokens")) {
    await session.checkTokenizer();
    await addTokens(rec, session);
  }
  const { config, dir, generationConfig } = await session.checkpoint();
  const { mask } = await session.specialIds();
  const tokens = tokensOf(rec, { vocab: config.vocabSize, mask });
  // Models with edits draw them whatever the policy, and only one does what they say.
  const own = config.editIds ? { policy: "hf-2.2" } : {};
  const model = {
    values: { ...own, ...generationConfig.decode },
    where: `"${dir}/generation_config.json"`,
  };
  const decode = resolveDecode([...decodeLayers(rec, flags), model]);
  const context = config.maxPositionEmbeddings;
  const room = context - decode.gen_length;
  if (tokens.length <= room) return { tokens, decode };
  if (truncate === "left" && room > 0) {
    rec.set("truncated", tokens.length - room);
    const cut = tokens.slice(-room);
    rec.set("tokens", cut);
    return { tokens: cut, decode };
  }
  // A shorter prompt is no help where the answer alone has no room.
  const way = room > 0 ? " (or --truncate left)" : "";
  throw wrong(
    rec,
    `${tokens.length} prompt tokens and gen_length ${decode.gen_length} exceed the context of ${context}, expected them to fit${way}`,
  );
}

/** Decode options of a record: its own, then the flags, then its benchmark's. */
export function decodeLayers(
  rec: Rec,
  flags: Readonly<Record<string, unknown>> = {},
): DecodeLayer[] {
  const [own, defaults] = ["decode", "task_defaults"].map((name) => {
    const value = rec.get(name) ?? {};
    if (kindOf(value) === "object") return value as Record<string, unknown>;
    throw wrong(rec, `field "${name}" is ${kindOf(value)}, expected object`);
  });
  return [
    { values: own, where: nameOf(rec) },
    { values: flags, where: 'option "decode"' },
    { values: defaults, where: `task_defaults of "${rec.id}"` },
  ];
}

/** Names the session's model in the record. */
export async function setModel(rec: Rec, session: Session): Promise<void> {
  rec.set("model", { name: session.name, digest: await session.digest() });
}

/** A record's seed, from the run's seed and its id. */
export function seedOf(seed: number, id: string): number {
  return fnv1a(`${seed} ${id}`);
}
