/** Runs that differ in one decode option. */
import { checkOption } from "../diffusion/options.ts";
import { Refusal } from "../refusal.ts";

/** One run of a sweep: its folder behind `--output` and its decode options. */
export interface SweepRun {
  readonly folder: string;
  readonly label: string;
  readonly decode: Readonly<Record<string, unknown>>;
}

/** The runs of `NAME=A,B,...`; one plain run when there is no sweep. */
export function parseSweep(text: string | undefined): SweepRun[] {
  if (text === undefined) return [{ folder: "", label: "", decode: {} }];
  const [, flag, list] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  if (flag === undefined) {
    throw new Refusal(`Cannot use --sweep "${text}": expected NAME=A,B,...`, { exitCode: 2 });
  }
  const name = flag.replaceAll("-", "_");
  const words = list.split(",");
  return words.map((word, i) => {
    if (words.indexOf(word) < i) {
      throw new Refusal(`Cannot use --sweep "${text}": ${word} stands twice, expected once`, {
        exitCode: 2,
      });
    }
    const value = valueOf(word);
    try {
      checkOption(name, value, `--sweep "${text}"`);
    } catch (cause) {
      throw new Refusal((cause as Error).message, { exitCode: 2, cause });
    }
    return { folder: `/${flag}=${word}`, label: `${flag} ${word}`, decode: { [name]: value } };
  });
}

/** A word as the value that a record would have: a number or a switch, where it is one. */
function valueOf(word: string): string | number | boolean {
  if (word === "true" || word === "false") return word === "true";
  return word !== "" && Number.isFinite(Number(word)) ? Number(word) : word;
}
