/**
 * bbh-zh: a Chinese BIG-Bench Hard that the report names and nobody has published. The rule is this
 * project's; its prompt is BBH's 0-shot form in Chinese.
 */
import type { Message } from "../../records/record.ts";
import { bounded, strip, words } from "../choice/python_text.ts";
import { field } from "../choice/row.ts";
import { stripEnd } from "../math/text.ts";
import { folded } from "./bbh.ts";
import { unwrapped } from "./markup.ts";
import type { Doc, Score } from "../task.ts";

const YES = new Set(["是", "对", "正确", "yes", "true", "真"]);
const NO = new Set(["否", "不是", "错", "错误", "不", "no", "false", "假"]);
const LEADS = /答案(?:[是为][：:]?|[：:])|answer is:?/gi;

/** `correct`: by the target's form, an option, yes or no, or the words in order. */
export function scoreBbhZh(text: string, doc: Doc): Score {
  const target = strip(field(doc, "target"));
  if (target === "") return { metrics: {} };
  const said = saidIn(bounded(text));
  const option = /^\([A-Z]\)$/.test(target);
  const extracted = option ? optionIn(said) : said;
  const right = option ? extracted === target[1] : sameWords(said, target);
  return {
    metrics: { correct: right ? 1 : 0 },
    extracted: extracted || null,
    ...(extracted === "" ? { unparsed: true } : {}),
  };
}

/** The first line after the last lead, without bold, box and closing marks. */
function saidIn(text: string): string {
  const plain = unwrapped(text.replaceAll("**", ""), "boxed");
  const lead = [...plain.matchAll(LEADS)].at(-1);
  const rest = strip(lead ? plain.slice(lead.index + lead[0].length) : plain);
  return strip(stripEnd(strip(rest.split("\n", 1)[0]), "。.!！"));
}

/** The first bracketed capital, else the first capital. */
function optionIn(said: string): string {
  return (/[(（]([A-Z])[)）]/.exec(said) ?? /([A-Z])/.exec(said))?.[1] ?? "";
}

function sameWords(said: string, target: string): boolean {
  const [a, b] = [said, target].map(folded);
  for (const kind of [YES, NO]) if (kind.has(b)) return kind.has(a);
  const [x, y] = [a, b].map((text) => words(text.replace(/[,，、]/g, " ")).join(" "));
  return x === y;
}

/** The question, and how the answer is to end. */
export function promptBbhZh(doc: Doc): Message[] {
  const content = `问题：${
    field(doc, "input")
  }\n请一步一步思考，最后一行以“答案是”开头给出最终答案。`;
  return [{ role: "user", content }];
}
