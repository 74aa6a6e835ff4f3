/** Rows of multiple-choice sets, and the score of a letter. */
import type { Doc, Score } from "../task.ts";

/** Rows shown before the question. */
export interface PromptOptions {
  readonly shots?: readonly Doc[];
}

/** A field as text: strings as they are, numbers in digits, else "". */
export function field(doc: Doc, ...names: string[]): string {
  for (const name of names) {
    const value = doc?.[name];
    if (typeof value === "string") return value;
    if (typeof value === "number") return String(value);
  }
  return "";
}

/** A field as a list of texts, undefined when it is none. */
export function listField(doc: Doc, ...names: string[]): string[] | undefined {
  for (const name of names) {
    const value = doc?.[name];
    if (Array.isArray(value)) return value.map(String);
  }
  return undefined;
}

/** Option letter of a label: a capital letter itself, or a position from 0. */
export function letterOf(label: unknown): string {
  const text = typeof label === "number" ? String(label) : label;
  if (typeof text !== "string") return "";
  if (/^[A-Z]$/.test(text)) return text;
  return /^\d{1,2}$/.test(text) && Number(text) < 26 ? String.fromCharCode(65 + Number(text)) : "";
}

/** The options of a row: columns A to D, or a list. */
export function optionsOf(doc: Doc): string[] {
  return listField(doc, "choices", "options") ?? [..."ABCD"].map((letter) => field(doc, letter));
}

/** Options as lines, `A` + `mark` + text. */
export function optionLines(options: readonly string[], mark: string): string {
  return options.map((text, i) => `${String.fromCharCode(65 + i)}${mark}${text}`).join("\n");
}

/** 1 per metric whose rule found the gold letter; `acc` is the headline. A row without a key has no metrics. */
export function scoreLetters(gold: string, found: Record<string, string | null>): Score {
  if (gold === "") return { metrics: {} };
  const metrics = Object.fromEntries(
    Object.entries(found).map(([name, letter]) => [name, letter === gold ? 1 : 0]),
  );
  const extracted = found.acc || null;
  return { metrics, extracted, ...(extracted === null ? { unparsed: true } : {}) };
}
