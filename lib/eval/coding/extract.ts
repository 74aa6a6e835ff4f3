/** The program in a chat answer (benchmarks-coding.md, section 1): one rule for every coding benchmark. */

/** Longest part of an answer that is looked at. */
const MAX_ANSWER = 200_000;

/** Info words by which models tag a language's blocks. */
const TAGS: Readonly<Record<string, readonly string[]>> = {
  python: ["python", "py", "python3"],
  js: ["javascript", "js", "node"],
  ts: ["typescript", "ts"],
  cpp: ["cpp", "c++", "cc", "cxx"],
  java: ["java"],
  cs: ["csharp", "c#", "cs"],
  php: ["php"],
  sh: ["bash", "sh", "shell"],
  go: ["go", "golang"],
  rs: ["rust", "rs"],
  sql: ["sql", "sqlite"],
};

/** A fenced block. */
export interface Block {
  /** First word behind the opening fence, in lower case. */
  readonly tag: string;
  readonly code: string;
}

/** The answer as the rules see it: bounded, LF line ends, without a leading `<think>` part. */
export function answerText(answer: string): string {
  const text = answer.slice(0, MAX_ANSWER).replaceAll("\r\n", "\n");
  const open = text.trimStart();
  if (!open.startsWith("<think>")) return text;
  const end = open.indexOf("</think>");
  return end < 0 ? "" : open.slice(end + "</think>".length);
}

/** The fenced blocks of a text; the last one may lack its closing fence. */
export function fencedBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { tag: string; lines: string[] } | undefined;
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (open) {
      if (trimmed === "```") {
        blocks.push({ tag: open.tag, code: `${open.lines.join("\n")}\n` });
        open = undefined;
      } else open.lines.push(line);
    } else if (trimmed.startsWith("```")) {
      const info = trimmed.slice(3).trim();
      // A fence and its end on one line open nothing.
      if (!info.includes("`")) {
        open = { tag: info.split(/\s/)[0].toLowerCase(), lines: [] };
      }
    }
  }
  if (open) blocks.push({ tag: open.tag, code: open.lines.join("\n") });
  return blocks;
}

/** How to choose among blocks. */
export interface Choice {
  readonly language: keyof typeof TAGS & string;
  /** True for code that defines what the tests call. */
  readonly defines?: (code: string) => boolean;
}

/**
 * The first block of the language that defines the entry point, else the first of the language, else the
 * first of any; without a fence the whole text. Undefined when nothing but blanks is left.
 */
export function extractCode(answer: string, { language, defines }: Choice): string | undefined {
  const text = answerText(answer);
  const blocks = fencedBlocks(text);
  const tagged = blocks.filter(({ tag }) => tag === "" || TAGS[language].includes(tag));
  const candidates = tagged.length > 0 ? tagged : blocks;
  const chosen = candidates.find(({ code }) => defines?.(code)) ?? candidates[0];
  const code = chosen?.code ?? text.replace(/^\n+/, "").trimEnd();
  return code.trim() === "" ? undefined : code;
}

/** Whether Python code has `def <name>(`. */
export function definesPython(name: string): (code: string) => boolean {
  const pattern = new RegExp(`\\bdef\\s{1,10}${escaped(name)}\\s{0,10}\\(`);
  return (code) => pattern.test(code);
}

/** A name as a part of a regular expression. */
export function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
