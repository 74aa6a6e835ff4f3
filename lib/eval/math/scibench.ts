/** SciBench (Wang et al., 2023): OpenCompass' string equality, and the authors' 5% rule. */
import { bounded, strip, words } from "../choice/python_text.ts";
import { lastBoxed } from "./boxed.ts";
import { field } from "../choice/row.ts";
import { isClose, pyFloat } from "./text.ts";
import type { Doc, Score } from "../task.ts";

/** Scores an answer: `acc` is OpenCompass' artefact, `acc_official` the tolerance of the paper. */
export function scoreScibench(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const gold = field(doc, "answer_number");
  const found = extract(answer);
  return {
    metrics: {
      acc: found === strip(gold) ? 1 : 0,
      acc_official: official(answer, gold, field(doc, "unit")) ? 1 : 0,
    },
    // Without a number the rule takes the whole text.
    unparsed: !/\p{Nd}/u.test(found),
    extracted: found,
  };
}

/** Box after the first "answer is" up to its first closing brace, else the last number. */
function extract(answer: string): string {
  const said = answer.indexOf("answer is");
  const rest = said < 0 ? answer : strip(answer.slice(said + 9).split("answer is")[0]!);
  for (const line of rest.split("\n")) {
    const start = line.indexOf("\\boxed{");
    const end = start < 0 ? -1 : line.indexOf("}", start + 8);
    if (end >= 0) return line.slice(start + 7, end);
  }
  const plain = rest.replace(/(\p{Nd}),(\p{Nd})/gu, "$1$2");
  return plain.match(/-?\p{Nd}*\.\p{Nd}+|-?\p{Nd}+/gu)?.at(-1) ?? rest;
}

const RELATIVE = 0.05;
const FACTOR = /\$? *10\^\{? *-?[0-9]+(?: *\})? *\$?/;

function official(answer: string, gold: string, unit: string): boolean {
  let found = officialBox(answer);
  if (found === undefined) return false;
  let wanted = gold;
  const parts = unit.split(FACTOR);
  // A power of ten before other text is taken out of the unit that the prompt names.
  if (parts.length > 1 && parts.at(-1) !== "" && parts.at(-1) !== unit) {
    const [mantissa, scale] = scientific(found);
    if (mantissa === undefined) return false;
    found = multiplied(mantissa, scale) ?? "";
    wanted = multiplied(gold, unit) ?? "";
  }
  const value = pyFloat(wanted);
  if (value === undefined) return false;
  const plain = found.replaceAll(",", "");
  return [plain, words(plain)[0] ?? ""].some((s) => {
    const x = pyFloat(s);
    return x !== undefined && isClose(x, value, RELATIVE);
  });
}

/** Inside of the last box, after its last `=`. */
function officialBox(answer: string): string | undefined {
  const box = lastBoxed(answer, "oxed");
  const inside = box?.startsWith("oxed{") ? box.slice(5, -1) : undefined;
  return inside?.includes("=") ? inside.slice(inside.lastIndexOf("=") + 1).trimStart() : inside;
}

/** Mantissa and power of `a \times 10^b`; a bare number keeps no power. */
function scientific(text: string): [mantissa: string | undefined, power: string] {
  const parts = text.split(text.includes("\\times") ? "\\times" : "*");
  return parts.length === 2 ? [parts[0], parts[1]!] : [parts.length === 1 ? text : undefined, ""];
}

function multiplied(mantissa: string, scale: string): string | undefined {
  const power = /10\^\{? *(-?[0-9]+) *\}?/.exec(scale)?.[1];
  const x = pyFloat(mantissa);
  if (power === undefined) return mantissa;
  return x === undefined ? undefined : String(x * 10 ** Number(power));
}
