/**
 * The one error class a caller is meant to catch: an input, a file, a flag or the machine is at
 * fault, and `message` is the whole line for the user ("Cannot <do> <what>: <found>, expected
 * <wanted>"). Any other error that reaches the command line is a bug of ours and is reported so.
 */
export class Refusal extends Error {
  /** Process exit code: 1 failed while working, 2 wrong usage. */
  readonly exitCode: 1 | 2;
  /** No record is to blame and each would fail alike: it ends a run whatever becomes of bad records. */
  fatal = false;

  /** `cause` keeps the original error for `--debug`. */
  constructor(message: string, options: { cause?: unknown; exitCode?: 1 | 2 } = {}) {
    super(oneLine(message), { cause: options.cause });
    this.name = "Refusal";
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Control characters, and the marks that reorder the text around them on a terminal. */
const UNSEEN = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** Text of unknown origin as a person may see it: what a terminal obeys is escaped. */
export function visible(text: string): string {
  return text.replaceAll("\n", "\\n").replace(
    UNSEEN,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The same with all white space as single spaces, for messages. */
export function oneLine(text: string): string {
  return visible(text.replace(/\s+/g, " "));
}

/** Words for the system's errors, by their names in Deno. */
const REASONS = new Map([
  ["NotFound", "no such file"],
  ["PermissionDenied", "permission denied"],
  ["IsADirectory", "it is a folder, expected a file"],
  ["AlreadyExists", "it is a file, expected a folder"],
  ["NotADirectory", "part of its path is a file"],
]);

/** An operating-system error in a few words. */
export function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Deno adds the call and its path, which messages name themselves.
  return REASONS.get(cause.name) ?? cause.message.replace(/(\(os error \d+\)): .*$/s, "$1");
}
