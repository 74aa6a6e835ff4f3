/** CMATH (Wei et al., 2023), Chinese primary school problems: the official candidates and 1% rule. */
import { bounded, splitLines, strip } from "../choice/python_text.ts";
import { field } from "../choice/row.ts";
import { pyFloat, pyInt } from "./text.ts";
import type { Doc, Score } from "../task.ts";

/** Scores an answer: any of its last two numbers, equal or within 1% when not whole. */
export function scoreCmath(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const gold = value(field(doc, "golden") || field(doc, "answer"));
  const found = isFailure(answer) ? [] : candidates(answer);
  const hit = gold !== undefined &&
    found.some((candidate) => {
      const v = value(candidate);
      return v !== undefined && near(gold, v);
    });
  return {
    metrics: { acc: hit ? 1 : 0 },
    unparsed: found.length === 0,
    extracted: found.join(" ") || null,
  };
}

/** Empty replies, time-outs and error reports, which the authors leave out of the count. */
function isFailure(answer: string): boolean {
  if (strip(answer) === "" || answer.includes("timeout")) return true;
  const late = answer.split("\n").some((line) => {
    const asked = line.indexOf("请求");
    return asked >= 0 && line.indexOf("超时", asked + 2) >= 0;
  });
  return late ||
    (answer.includes("{") && answer.includes("}") && /error|异常|失败|content_filter/.test(answer));
}

const CHINESE = "\\u4e00-\\u9fa5";
const NUMBER = "\\p{Nd}+(?:[./]\\p{Nd}*)?%?";
const ALONE = new RegExp(`^${NUMBER}$`, "gu");
const BEGIN = new RegExp(`^(${NUMBER}) ?(?=[${CHINESE},，。°℃$])`, "gu");
// In the published pattern `=->` is a range: `=` and `>`.
const MIDDLE = new RegExp(
  `(?<=[${CHINESE}$:：，＝≈=>{]) ?(${NUMBER}) ?(?:[${CHINESE},，。°℃$}（]|\\([^\\p{Nd}\\s]|\\.$)`,
  "gu",
);
const END = new RegExp(`(?<=[${CHINESE}$:：＝≈=\\->]) ?(${NUMBER})$`, "gu");
const CHINESE_FRACTION = /(?<!\p{Nd})(\p{Nd}+)分之(\p{Nd}+)/gu;

/** The last two numbers that stand where answers stand. */
function candidates(answer: string): string[] {
  const text = answer.replace(/\\frac\{([^}]{1,200})\}\{([^}]{1,200})\}/g, "$1/$2")
    .replace(/(?<=\p{Nd})[, ](?=\p{Nd})/gu, "");
  const all = splitLines(text).flatMap(fromLine);
  return [...new Set(all.slice(-2))];
}

function fromLine(line: string): string[] {
  const group = (pattern: RegExp) => [...line.matchAll(pattern)].map((m) => m[1] ?? m[0]);
  const fractions = [...line.matchAll(CHINESE_FRACTION)].map(([, below, above]) =>
    `${above}/${below}`
  );
  return [...group(BEGIN), ...group(MIDDLE), ...fractions, ...group(END), ...group(ALONE)]
    .map(strip).filter((s) => !s.startsWith("/") && !s.endsWith("/"));
}

interface Value {
  readonly number: number;
  readonly whole: boolean;
}

function value(text: string): Value | undefined {
  const s = strip(text);
  const decimal = (number: number | undefined): Value | undefined =>
    number === undefined ? undefined : { number, whole: false };
  if (s.endsWith("%")) {
    const part = pyFloat(s.replaceAll("%", ""));
    return decimal(part === undefined ? undefined : part / 100);
  }
  if (s.includes("/")) {
    const parts = s.split("/").map(pyFloat);
    if (parts.length !== 2 || parts[1] === 0) return { number: 0, whole: true };
    return parts[0] === undefined || parts[1] === undefined
      ? undefined
      : decimal(parts[0] / parts[1]);
  }
  if (s.includes(".")) return decimal(pyFloat(s));
  const whole = pyInt(s);
  return whole === undefined ? undefined : { number: Number(whole), whole: true };
}

function near(a: Value, b: Value): boolean {
  if (a.whole && b.whole) return a.number === b.number;
  const least = Math.min(Math.abs(a.number), Math.abs(b.number));
  return Math.abs(a.number - b.number) / (least + 1e-6) < 1e-2;
}
