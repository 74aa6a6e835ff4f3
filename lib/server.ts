/** Edge: requests to an OpenAI-compatible server, tried again while that may help. */
import type { Message } from "./records/record.ts";
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

/** One answer. */
export interface Completion {
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
