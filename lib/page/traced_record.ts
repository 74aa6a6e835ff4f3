/** What a trace's page has to know of a record that a session decoded. */
import type { DecodeOptions } from "../diffusion/options.ts";
import type { TraceStep } from "../diffusion/trace.ts";
import type { Rec } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import type { Session } from "../session.ts";
import type { TracedRecord } from "./traced.ts";

/** A record and its trace as a page draws them. */
export async function tracedRecord(
  rec: Rec,
  trace: TraceStep[],
  session: Session,
): Promise<TracedRecord> {
  const tokens = rec.get("tokens") as number[];
  const decode = rec.get("decode") as DecodeOptions;
  const { eos } = await session.specialIds();
  const { config: { editIds } } = await session.checkpoint();
  const text = await textOf(session);
  return {
    id: rec.id,
    question: questionOf(rec) ?? tokens.map(text).join(""),
    tokens,
    decode,
    result: { ...rec.get("output") as Pick<TracedRecord["result"], "tokens" | "blocks">, trace },
    eos,
    edits: decode.policy === "hf-2.2" ? editIds : undefined,
    text,
  };
}

/** The last user's message, or the text that is continued; a record may bring tokens alone. */
function questionOf(rec: Rec): string | undefined {
  const prompt = rec.get("prompt");
  if (typeof prompt === "string") return prompt;
  const messages = rec.get("messages");
  const asked = Array.isArray(messages)
    ? messages.findLast((message) => message?.role === "user")?.content
    : undefined;
  return typeof asked === "string" ? asked : undefined;
}

/** Texts of ids; decoding needs no tokenizer, and a model has ids beyond its own. */
async function textOf(session: Session): Promise<(id: number) => string> {
  const name = (id: number) => `#${id}`;
  try {
    const tokenizer = await session.tokenizer();
    return (id) => (id < tokenizer.vocabSize && tokenizer.decode([id])) || name(id);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    session.notice(`the trace shows ids in place of text: ${error.message}`);
    return name;
  }
}
