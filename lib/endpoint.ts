/**
 * Edge: answers from an OpenAI-compatible server (SGLang serving LLaDA2 is one) instead of a model in this
 * process. Bounded concurrency, bounded retries, records in their order.
 */
import { decodeLayers, seedOf } from "./prepare.ts";
import { copies, cutAt } from "./sample.ts";
import { type DecodeOptions, resolveDecode } from "./diffusion/options.ts";
import { Faults } from "./records/faults.ts";
import { inputOf, type Message, nameOf, type Rec, stringOf } from "./records/record.ts";
import { Refusal } from "./refusal.ts";

/** A server. */
export interface ServerOptions {
  /** Base address, with or without `/v1`. */
  readonly url: string;
  /** Model name; the server's first one when absent. */
  readonly model?: string;
  /** Sent as a bearer token; never shown. */
  readonly key?: string;
  /** Tries of one request, the first one included. */
  readonly tries?: number;
  /** First wait before another try, in milliseconds; doubles each time. */
  readonly waitMs?: number;
  /** Time for one request. */
  readonly timeoutMs?: number;
}

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

/** One answer. */
interface Completion {
  readonly text: string;
  readonly finishReason: "stop" | "length";
  readonly promptTokens?: number;
  readonly completionTokens?: number;
}

/** Statuses worth another try. */
const RETRIED = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/** Longest wait that a server may ask for. */
const MAX_WAIT_MS = 60_000;

/** An OpenAI-compatible server. */
export class Server {
  readonly #base: string;
  #model: Promise<string> | undefined;

  constructor(readonly options: ServerOptions) {
    const url = URL.parse(options.url);
    if (!url || !/^https?:$/.test(url.protocol)) {
      throw new Refusal(`Cannot use server "${options.url}": expected an http or https URL`, {
        exitCode: 2,
      });
    }
    if (url.username || url.password || url.search) {
      // None of it would be sent, and all of it written into the run's results.
      throw new Refusal(
        `Cannot use server ${url.host}: its URL has a login or a query, expected UNMASK_API_KEY for a key`,
        { exitCode: 2 },
      );
    }
    const path = url.pathname.replace(/\/+$/, "");
    this.#base = `${url.origin}${path.endsWith("/v1") ? path : `${path}/v1`}`;
  }

  /** The model that answers: the one asked for, else the server's first. */
  model(): Promise<string> {
    const { model } = this.options;
    return this.#model ??= model !== undefined ? Promise.resolve(model) : this.#firstModel()
      .catch((error) => {
        this.#model = undefined; // the next record asks again
        throw error;
      });
  }

  /** The answer to a dialogue, or to a raw prompt. */
  async ask(
    input: { messages: readonly Message[] } | { prompt: string },
    options: Readonly<Record<string, unknown>>,
  ): Promise<Completion> {
    const chat = "messages" in input;
    const path = chat ? "/chat/completions" : "/completions";
    const body = { model: await this.model(), ...input, ...options };
    const answer = await this.#request(path, body) as Answer | null;
    const choice = answer?.choices?.[0];
    const content = chat ? choice?.message?.content : choice?.text;
    // A message of nothing: all that was said is thinking that the server took out.
    const text = content === null ? "" : content;
    if (typeof text !== "string") {
      throw new Refusal(
        `Cannot use the answer of ${this.#base}${path}: no text in its first choice${
          reasonIn(answer)
        }`,
      );
    }
    return {
      text,
      finishReason: choice!.finish_reason === "length" ? "length" : "stop",
      promptTokens: countOf(answer!.usage?.prompt_tokens),
      completionTokens: countOf(answer!.usage?.completion_tokens),
    };
  }

  async #firstModel(): Promise<string> {
    const models = await this.#request("/models") as { data?: { id?: string }[] } | null;
    const id = models?.data?.[0]?.id;
    if (typeof id === "string") return id;
    throw new Refusal(
      `Cannot choose a model of ${this.#base}: it lists none, expected --model NAME`,
    );
  }

  /** One request, tried again while that may help. */
  async #request(path: string, body?: unknown): Promise<unknown> {
    const { tries = 5, waitMs = 500 } = this.options;
    for (let attempt = 1;; attempt++) {
      const outcome = await this.#attempt(path, body);
      if ("value" in outcome) return outcome.value;
      if (!outcome.again || attempt === tries) {
        const after = attempt > 1 ? ` after ${attempt} tries` : "";
        throw new Refusal(`Cannot get an answer from ${this.#base}${path}${after}: ${outcome.why}`);
      }
      const wait = outcome.waitMs ?? waitMs * 2 ** (attempt - 1);
      await new Promise((done) => setTimeout(done, Math.min(wait, MAX_WAIT_MS)));
    }
  }

  async #attempt(path: string, body: unknown): Promise<Outcome> {
    const { key, timeoutMs = 600_000 } = this.options;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          "content-type": "application/json",
          ...(key ? { authorization: `Bearer ${key}` } : {}),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        // A redirect would carry the key to another host.
        redirect: "error",
        signal,
      });
      const outcome = parsed(await response.text());
      if (response.ok) return outcome;
      const reason = "value" in outcome ? reasonIn(outcome.value) : "";
      return {
        again: RETRIED.has(response.status),
        why: `status ${response.status}${reason}`,
        waitMs: retryAfter(response.headers.get("retry-after")),
      };
    } catch (error) {
      const why = signal.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(error);
      return { again: true, why: key ? why.replaceAll(key, "***") : why };
    }
  }
}

/** What went wrong on the way; `fetch` tells it in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  if (cause instanceof Error) return cause.message;
  return error instanceof Error ? error.message : String(error);
}

/** What came of one try. */
type Outcome = { value: unknown } | { again: boolean; why: string; waitMs?: number };

/** The parts of an answer that are read. */
interface Answer {
  choices?: { message?: { content?: unknown }; text?: unknown; finish_reason?: string }[];
  usage?: { prompt_tokens?: unknown; completion_tokens?: unknown };
}

/** What servers say went wrong, in one of several places. */
interface ServerError {
  error?: { message?: unknown };
  message?: unknown;
}

/** A count of tokens, where the server gives one. */
function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && value as number >= 0 ? value as number + 0 : undefined;
}

function parsed(text: string): Outcome {
  try {
    return { value: JSON.parse(text) };
  } catch {
    const start = text.trimStart().slice(0, 20);
    return { again: true, why: `found "${start}", expected JSON` };
  }
}

/** The server's own message in an answer, shortened. */
function reasonIn(answer: unknown): string {
  const { error, message = error?.message ?? error } = (answer ?? {}) as ServerError;
  return typeof message === "string" ? `: ${message.slice(0, 200)}` : "";
}

/** Milliseconds of a Retry-After header: seconds, or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? 1000 * Number(header) : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
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
  const completion = await server.ask(inputOf(rec), {
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
