/** Edge: chat templates. One of unknown origin first renders in a process that can be killed. */
import { sha256 } from "../digest.ts";
import type { Message } from "../records/record.ts";
import { Refusal } from "../refusal.ts";

/** A model's chat template. */
export interface ChatTemplate {
  /** Text of a conversation, open for the assistant's answer unless it is `whole`. */
  render(
    messages: readonly Message[],
    where: string,
    options?: { readonly whole?: boolean },
  ): Promise<string>;
}

/** Options of `loadChatTemplate`. */
export interface ChatTemplateOptions {
  /** Remembers which templates proved harmless. */
  readonly cacheDir?: string;
  /** Time the first rendering may take. */
  readonly deadlineMs?: number;
}

/** Characters a rendered prompt may have. */
const MAX_OUTPUT = 16 << 20;

const DEADLINE_MS = 10_000;

/** Memory the first rendering may take. */
const HEAP_FLAG = "--v8-flags=--max-old-space-size=256";

/** Digests of templates we read ourselves: nano's. */
const KNOWN = new Set(["5894ae6a9fc14e88"]);

/** The template in chat_template.jinja or tokenizer_config.json; undefined when there is none. */
export async function loadChatTemplate(
  dir: string,
  options: ChatTemplateOptions = {},
): Promise<ChatTemplate | undefined> {
  const file = `${dir}/tokenizer_config.json`;
  const config = await configOf(file);
  const source = await templateSource(dir, { file, config });
  if (source === undefined) return undefined;
  const { Template } = await import("@huggingface/jinja");
  const digest = (await sha256(source)).slice(0, 16);
  const specials = specialTokens(config);
  let template: InstanceType<typeof Template> | undefined;
  let proven = KNOWN.has(digest) || await seen(digest, options);
  return {
    async render(messages, where, { whole = false } = {}) {
      const fail = (problem: string) =>
        new Refusal(`Cannot apply the chat template of "${dir}" to ${where}: ${problem}`);
      const input = { ...specials, messages, add_generation_prompt: !whole };
      if (!proven) {
        const problem = await trial(source, input, options.deadlineMs ?? DEADLINE_MS);
        if (problem) throw fail(problem);
        proven = true;
        await remember(digest, options);
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
async function configOf(file: string): Promise<Record<string, unknown>> {
  const text = await Deno.readTextFile(file).catch(() => "{}");
  try {
    return Object(JSON.parse(text));
  } catch (cause) {
    throw new Refusal(`Cannot read "${file}" as JSON: ${(cause as Error).message}`, { cause });
  }
}

async function templateSource(
  dir: string,
  { file, config }: { file: string; config: Record<string, unknown> },
): Promise<string | undefined> {
  const own = await Deno.readTextFile(`${dir}/chat_template.jinja`).catch(() => undefined);
  if (own !== undefined) return own;
  const source = config.chat_template;
  if (source == null || typeof source === "string") return source ?? undefined;
  const named = Array.isArray(source) ? source.find((one) => one?.name === "default") : undefined;
  if (typeof named?.template === "string") return named.template;
  throw new Refusal(`Cannot use "${file}": "chat_template" is not a string, expected one`);
}

/** `bos_token`, `eos_token` and their like, which templates may name; each is a text, or has it as `content`. */
function specialTokens(config: Record<string, unknown>): Record<string, string> {
  const named = Object.entries(config).filter(([name]) => name.endsWith("_token"));
  return Object.fromEntries(
    named.map(([name, token]) => [name, (token as { content?: unknown } | null)?.content ?? token])
      .filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** Renders in a process without permissions; what went wrong, or undefined. */
async function trial(
  source: string,
  input: unknown,
  deadlineMs: number,
): Promise<string | undefined> {
  const script = new URL("./template_trial.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--cached-only", HEAP_FLAG, script.href],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, deadlineMs);
  const writer = child.stdin.getWriter();
  await writer.write(
    new TextEncoder().encode(JSON.stringify({ source, input, most: MAX_OUTPUT })),
  ).then(() => writer.close()).catch(() => {});
  const { stdout } = await child.output();
  clearTimeout(timer);
  if (late) return `it ran longer than ${deadlineMs / 1000} s, expected less`;
  const answer = new TextDecoder().decode(stdout);
  if (answer === "ok") return undefined;
  return answer || "its process died, expected a rendered prompt";
}

async function seen(digest: string, { cacheDir }: ChatTemplateOptions): Promise<boolean> {
  if (!cacheDir) return false;
  return await Deno.stat(`${cacheDir}/templates/${digest}`).then(() => true, () => false);
}

async function remember(digest: string, { cacheDir }: ChatTemplateOptions): Promise<void> {
  if (!cacheDir) return;
  try {
    await Deno.mkdir(`${cacheDir}/templates`, { recursive: true });
    await Deno.writeTextFile(`${cacheDir}/templates/${digest}`, "");
  } catch {
    // Without a cache every process tries the template once.
  }
}
