/** Command-line words to checked flag values, by a command's declaration. */
import { parseArgs } from "node:util";
import { inRange, rangeText } from "../lib/range.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Command, Flag, FlagValue, FlagValues } from "./command.ts";
import { nearest } from "../lib/suggest.ts";

/** Flags that every command has. */
export const COMMON_FLAGS: Readonly<Record<string, Flag>> = {
  quiet: { type: "boolean", help: "no progress and no notices" },
  verbose: { type: "boolean", help: "more notices" },
  debug: { type: "boolean", help: "stack traces with errors" },
  help: { type: "boolean", help: "this text" },
};

const COMMON_CONFLICTS = [["quiet", "verbose"]] as const;

/** A usage mistake: exit code 2. */
export function usage(message: string): Refusal {
  return new Refusal(message, { exitCode: 2 });
}

/** The value of a flag that a command cannot do without. */
export function need(flags: FlagValues, name: string): string {
  const value = flags[name];
  if (typeof value === "string") return value;
  throw usage(`Cannot run without --${name}: it is missing, expected a value (see --help)`);
}

/** Parses `words`; refuses unknown flags, wrong values, conflicts, and arguments where none are taken. */
export function parseFlags(
  words: readonly string[],
  command: Command,
): { flags: FlagValues; args: string[] } {
  const declared = { ...command.flags, ...COMMON_FLAGS };
  const { tokens } = parseArgs({
    args: joinNegative(words, declared),
    options: Object.fromEntries(
      Object.entries(declared).map(([name, flag]) => [
        name,
        { type: flag.type === "boolean" ? "boolean" as const : "string" as const, multiple: true },
      ]),
    ),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const flags: Record<string, FlagValue> = {};
  const args: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") args.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(declared, token.name) ? declared[token.name] : undefined;
    if (!flag) throw unknownFlag(token.rawName, declared);
    // `--output --json` is no folder of that name; `--output=--json` is.
    const isFlag = !token.inlineValue && Object.hasOwn(declared, token.value?.slice(2) ?? "");
    const text = isFlag && token.value!.startsWith("--") ? undefined : token.value;
    const value = flagValue(token.name, flag, text);
    if (flag.many) flags[token.name] = [...(flags[token.name] as string[] ?? []), value as string];
    else flags[token.name] = value;
  }
  for (const [a, b] of [...COMMON_CONFLICTS, ...command.conflicts ?? []]) {
    if (flags[a] !== undefined && flags[b] !== undefined) {
      throw usage(`Cannot use --${a} with --${b}: expected one of them`);
    }
  }
  for (const [a, b] of command.requires ?? []) {
    if (flags[a] !== undefined && flags[b] === undefined) {
      throw usage(`Cannot use --${a} without --${b}: expected both`);
    }
  }
  if (args.length > 0 && command.arguments === undefined) {
    throw usage(`Cannot use "${args[0]}": the command takes flags alone, expected no argument`);
  }
  return { flags, args };
}

/** `--steps -1` must reach the range check: parseArgs would take -1 for a flag. */
function joinNegative(
  words: readonly string[],
  declared: Readonly<Record<string, Flag>>,
): string[] {
  const joined: string[] = [];
  for (let i = 0; i < words.length; i++) {
    if (words[i] === "--") return [...joined, ...words.slice(i)];
    const flag = declared[words[i].replace(/^--/, "")];
    const takesValue = words[i].startsWith("--") && flag && flag.type !== "boolean";
    if (takesValue && /^-[\d.]/.test(words[i + 1] ?? "")) joined.push(`${words[i]}=${words[++i]}`);
    else joined.push(words[i]);
  }
  return joined;
}

function unknownFlag(raw: string, declared: Readonly<Record<string, Flag>>): Refusal {
  const name = raw.replace(/^-+/, "");
  const names = Object.keys(declared);
  // A letter is as near to every short name: it stands for one that begins with it.
  const near = name.length === 1
    ? names.find((known) => known.startsWith(name))
    : nearest(name, names);
  return usage(
    `Cannot use flag "${raw}": unknown, ${near ? `did you mean --${near}?` : "see --help"}`,
  );
}

function flagValue(name: string, flag: Flag, text: string | undefined): FlagValue {
  const fail = (expected: string): never => {
    const found = text === undefined ? "missing" : `"${text}"`;
    throw usage(`Cannot use --${name}: its value is ${found}, expected ${expected}`);
  };
  if (flag.type === "boolean") {
    if (text !== undefined) fail("none");
    return true;
  }
  if (text === undefined) return fail(expectation(flag));
  if (flag.type === "string") {
    if (text === "") fail(expectation(flag));
    if (flag.choices && !flag.choices.includes(text)) {
      const near = nearest(text, flag.choices);
      fail(expectation(flag) + (near ? `, did you mean "${near}"?` : ""));
    }
    return text;
  }
  if (flag.type === "shard") {
    const [, index, count] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
    const shard = { index: Number(index), count: Number(count) };
    return shard.index >= 1 && shard.index <= shard.count ? shard : fail(expectation(flag));
  }
  if (flag.type === "threshold" && text === "off") return "off";
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  return inRange(number, flag.range!) ? number : fail(expectation(flag));
}

function expectation(flag: Flag): string {
  if (flag.choices) return flag.choices.join(", ");
  if (flag.type === "shard") return "I/N with 1 <= I <= N";
  if (flag.range) return rangeText(flag.range) + (flag.type === "threshold" ? ' or "off"' : "");
  return "some text";
}
