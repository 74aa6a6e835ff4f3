/** Chat templates. */
import { type ModelFolder, textOf } from "../model/folder.ts";
import { folderOf } from "../model/disk_folder.ts";
import { parseJson } from "../records/json.ts";
import type { Message } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import type { ProofOptions } from "./template_proof.ts";

/** A model's chat template. */
export interface ChatTemplate {
  /** Text of a conversation, open for the assistant's answer unless it is `whole`. */
  render(
    messages: readonly Message[],
    where: string,
    options?: { readonly whole?: boolean },
  ): Promise<string>;
}

const CONFIG = "tokenizer_config.json";

/** The template in chat_template.jinja or tokenizer_config.json; undefined when there is none. */
export async function loadChatTemplate(
  model: string | ModelFolder,
  options: ProofOptions = {},
): Promise<ChatTemplate | undefined> {
  const folder = folderOf(model);
  const config = await tokenizerConfig(folder);
  const source = await templateSource(folder, config);
  if (source === undefined) return undefined;
  const { Template } = await import("@huggingface/jinja");
  const specials = specialTokens(config);
  let template: InstanceType<typeof Template> | undefined;
  // A web page cannot start a process: a template that never ends holds up the page that brought it.
  let proven = typeof Deno === "undefined";
  return {
    async render(messages, where, { whole = false } = {}) {
      const fail = (problem: string) =>
        new Refusal(`Cannot apply the chat template of "${folder.dir}" to ${where}: ${problem}`);
      const input = { ...specials, messages, add_generation_prompt: !whole };
      if (!proven) {
        const { problemOf } = await import("./template_proof.ts");
        const problem = await problemOf({ source, input }, options);
        if (problem) throw fail(problem);
        proven = true;
      }
      try {
        template ??= new Template(source);
        return template.render(input);
      } catch (cause) {
        throw fail((cause as Error).message);
      }
    },
  };
}

/** tokenizer_config.json; empty where there is none. */
export async function tokenizerConfig(folder: ModelFolder): Promise<Record<string, unknown>> {
  const text = await textOf(folder, CONFIG) ?? "{}";
  return Object(parseJson(text, `"${folder.dir}/${CONFIG}"`));
}

async function templateSource(
  folder: ModelFolder,
  config: Record<string, unknown>,
): Promise<string | undefined> {
  const own = await textOf(folder, "chat_template.jinja");
  if (own !== undefined) return own;
  const source = config.chat_template;
  if (source == null || typeof source === "string") return source ?? undefined;
  const named = Array.isArray(source) ? source.find((one) => one?.name === "default") : undefined;
  if (typeof named?.template === "string") return named.template;
  throw new Refusal(
    `Cannot use "${folder.dir}/${CONFIG}": "chat_template" is not a string, expected one`,
  );
}

/** `bos_token`, `eos_token` and their like, which templates may name; each is a text, or has it as `content`. */
function specialTokens(config: Record<string, unknown>): Record<string, string> {
  const named = Object.entries(config).filter(([name]) => name.endsWith("_token"));
  return Object.fromEntries(
    named.map(([name, token]) => [name, (token as { content?: unknown } | null)?.content ?? token])
      .filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
