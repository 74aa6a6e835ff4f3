/** Help texts, made from the declarations. */
import type { Command, Flag } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMMON_FLAGS } from "./parse.ts";

/** `unmask --help`. */
export function overview(version: string): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return [
    `unmask ${version}: diffusion language models in the shell`,
    "",
    "Usage: unmask COMMAND [FLAGS] [FILES]",
    "",
    ...COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "Stages read and write JSON Lines, add fields and keep what they do not know:",
    "  unmask tokenize | unmask prefill | unmask denoise | unmask sample | unmask eval",
    "Each does what the record still lacks, so one is enough:",
    `  echo '{"prompt":"..."}' | unmask sample`,
    "",
    "Exit code: 0 done, 1 failed (records done are written), 2 wrong usage; 130, 143, 129 stopped by a signal.",
    "unmask COMMAND --help shows flags and examples, unmask --version the version.",
    "",
  ].join("\n");
}

/** `unmask NAME --help`. */
export function commandHelp(name: string, command: Command): string {
  const sections = [
    `${command.summary}.`,
    "",
    `Usage: unmask ${name} [FLAGS]${command.arguments ? ` ${command.arguments}` : ""}`,
    ...(command.description ? ["", command.description] : []),
    "",
    "Examples:",
    ...command.examples.map((example) => `  ${example}`),
    "",
    "Flags:",
    ...flagLines({ ...command.flags, ...COMMON_FLAGS }),
    "",
  ];
  return sections.join("\n");
}

function flagLines(flags: Readonly<Record<string, Flag>>): string[] {
  const heads = Object.entries(flags).map(([name, flag]) => `  --${name}${valueName(flag)}`);
  const width = Math.max(...heads.map((head) => head.length));
  return Object.values(flags).map((flag, index) => {
    const choices = isLong(flag) ? `: ${flag.choices!.join(", ")}` : "";
    const fallback = flag.default === undefined ? "" : ` (default ${flag.default})`;
    return `${heads[index].padEnd(width)}  ${flag.help}${choices}${fallback}`;
  });
}

/** Whether a flag's choices would push all help texts to the right: they stand in its own then. */
function isLong({ choices = [] }: Flag): boolean {
  return choices.join("|").length > 20;
}

function valueName(flag: Flag): string {
  if (flag.type === "boolean") return "";
  if (flag.choices && !isLong(flag)) return ` ${flag.choices.join("|")}`;
  return ` ${
    flag.value ?? { integer: "N", number: "X", threshold: "X|off" }[flag.type as string] ?? "TEXT"
  }`;
}
