/**
 * The one error class a caller is meant to catch: an input, a file, a flag or the machine is at
 * fault, and `message` is the whole line for the user ("Cannot <do> <what>: <found>, expected
 * <wanted>"). Any other error that reaches the command line is a bug of ours and is reported so.
 */
export class Refusal extends Error {
  /** Process exit code: 1 failed while working, 2 wrong usage. */
  readonly exitCode: 1 | 2;

  /** `cause` keeps the original error for `--debug`. */
  constructor(message: string, options: { cause?: unknown; exitCode?: 1 | 2 } = {}) {
    // One line whatever the input held: control characters never reach the terminal.
    super(message.replace(/[\s\p{Cc}]+/gu, " "), { cause: options.cause });
    this.name = "Refusal";
    this.exitCode = options.exitCode ?? 1;
  }
}
