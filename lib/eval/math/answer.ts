/** The structure of an answer: scalars, lists, tuples, intervals, unions, matrices, relations, words. */
import { partner, split } from "./brackets.ts";
import type { Expr } from "./expr.ts";
import { parse } from "./parse.ts";
import { plainWords, withoutUnits } from "./surface.ts";

/** An answer as read; `text` is what it was read from. */
export type Answer =
  & { readonly text: string }
  & (
    | { readonly kind: "scalar"; readonly expr: Expr; readonly percent: boolean }
    | { readonly kind: "based"; readonly digits: string; readonly base: string }
    /** Order does not matter: sets and plain lists. */
    | { readonly kind: "list"; readonly items: readonly Answer[] }
    /** Order matters: tuples, and intervals with their brackets. */
    | { readonly kind: "tuple"; readonly brackets: string; readonly items: readonly Answer[] }
    | { readonly kind: "union"; readonly items: readonly Answer[] }
    | { readonly kind: "matrix"; readonly rows: readonly (readonly Answer[])[] }
    /** `left op right`; `plain` when the left side only names the right one. */
    | {
      readonly kind: "relation";
      readonly op: string;
      readonly left: Answer;
      readonly right: Answer;
      readonly plain: boolean;
    }
    | { readonly kind: "words" }
    | { readonly kind: "opaque" }
  );

const MAX_NESTING = 12;
/** Sign choices of one answer that are written out. */
const MAX_SIGNS = 64;

const THOUSANDS = /^[-+]? ?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;

/** Readings of an answer whose surface is off: one, or two where digits after commas could be a list. */
export function readings(text: string): Answer[] {
  const first = read(text);
  return THOUSANDS.test(text) ? [first, list(text, text.split(","), 0)] : [first];
}

/** The structure of `text`. */
function read(text: string, nesting = 0): Answer {
  let s = text.trim();
  for (let i = 0; i < MAX_NESTING && s.startsWith("{") && partner(s, 0) === s.length - 1; i++) {
    s = s.slice(1, -1).trim();
  }
  if (nesting > MAX_NESTING || s === "") return { kind: "opaque", text: s };
  const whole = /^\\text\{([^{}]*)\}$/.exec(s)?.[1];
  if (whole !== undefined) return readWords(s, whole, nesting);
  const bare = withoutTrailingText(s);
  if (bare !== s) return { ...read(bare, nesting + 1), text: s };
  for (const separator of [";", ","]) {
    if (separator === "," && THOUSANDS.test(s)) break;
    const parts = split(s, [separator]).parts;
    if (parts.length > 1) return list(s, parts, nesting);
  }
  return readRelation(s, nesting) ?? readSigned(s, nesting) ?? readUnion(s, nesting) ??
    readBracketed(s, nesting) ?? readMatrix(s, nesting) ?? readScalar(s);
}

/** `s` without a unit after its closing bracket. */
function withoutTrailingText(s: string): string {
  return s.replace(/(?<=[)\]]) ?\\text\{[^{}]*\}(?: ?\^ ?(?:\d|\{\d\}))?$/, "");
}

function list(text: string, parts: readonly string[], nesting: number): Answer {
  const items = parts.filter((part) => part.trim() !== "").map((part) => read(part, nesting + 1));
  return items.length === 1 ? items[0]! : { kind: "list", text, items };
}

function readWords(text: string, inside: string, nesting: number): Answer {
  const scalar = /\d/.test(inside) ? read(inside, nesting + 1) : undefined;
  return scalar && scalar.kind !== "opaque" && scalar.kind !== "words"
    ? scalar
    : { kind: "words", text };
}

const RELATIONS = ["=", "<", ">", "\\le", "\\ge", "\\ne", "\\approx", "\\equiv", "\\sim"];
/** A symbol, or a named function of symbols. */
const NAME =
  /^(?:\\?[A-Za-z]+'*(?: ?_ ?(?:\w|\{[^{}]*\})'*)?|\\(?:text|mathrm|operatorname)\{[^{}]*\})(?: ?\{? ?\( ?[\w\\, ]{1,20}\) ?\}?)?$/;

function readRelation(s: string, nesting: number): Answer | undefined {
  const member = split(s, ["\\in"]);
  if (member.parts.length === 2) return read(member.parts[1]!, nesting + 1);
  const { parts, found } = split(s, RELATIONS);
  if (found.length === 0) return undefined;
  const between = found.length === 2 && interval(parts, found, nesting);
  if (between) return { ...between, text: s };
  const equalities = found.every((op) => op === "=" || op === "\\approx");
  if (found.length > 1 && !equalities) return { kind: "opaque", text: s };
  const left = parts[0]!.trim();
  const last = parts.at(-1)!;
  if (equalities && left === "") return read(last, nesting + 1);
  const plain = NAME.test(left);
  if (found[0] !== "=" && found[0] !== "\\ne" && !equalities) {
    const ray = halfLine(left, found[0]!, last.trim(), nesting);
    if (ray) return { ...ray, text: s };
  }
  return {
    kind: "relation",
    text: s,
    op: equalities ? "=" : found[0]!,
    left: read(left, nesting + 1),
    right: read(last, nesting + 1),
    plain: plain && equalities,
  };
}

/** `a < x \le b` as the interval (a, b]. */
function interval(
  [low, name, high]: string[],
  [first, second]: string[],
  nesting: number,
): Answer | undefined {
  if (!NAME.test(name!.trim())) return undefined;
  const up = ["<", "\\le"];
  const down = [">", "\\ge"];
  if (down.includes(first!) && down.includes(second!)) {
    [low, high, first, second] = [
      high,
      low,
      second === ">" ? "<" : "\\le",
      first === ">" ? "<" : "\\le",
    ];
  }
  if (!up.includes(first!) || !up.includes(second!)) return undefined;
  return {
    kind: "tuple",
    text: "",
    brackets: `${first === "<" ? "(" : "["}${second === "<" ? ")" : "]"}`,
    items: [read(low!, nesting + 1), read(high!, nesting + 1)],
  };
}

/** `x > a` as the interval from a to infinity, and likewise. */
function halfLine(left: string, op: string, right: string, nesting: number): Answer | undefined {
  const turned = { "<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le" }[op];
  if (turned === undefined) return undefined;
  if (!NAME.test(left)) {
    return NAME.test(right) && !/[A-Za-z]/.test(left.replace(/\\[A-Za-z]+/g, ""))
      ? halfLine(right, turned, left, nesting)
      : undefined;
  }
  const end = read(right, nesting + 1);
  if (end.kind !== "scalar") return undefined;
  const far = (sign: string) => read(`${sign}\\infty`, nesting + 1);
  return op === "<" || op === "\\le"
    ? { kind: "tuple", text: "", brackets: op === "<" ? "()" : "(]", items: [far("-"), end] }
    : { kind: "tuple", text: "", brackets: op === ">" ? "()" : "[)", items: [end, far("")] };
}

/** The choices that `\pm` stands for, as a list: each part of a tuple chooses for itself. */
function readSigned(s: string, nesting: number): Answer | undefined {
  if (!/\\(?:pm|mp)(?![A-Za-z])/.test(s) || s.startsWith("\\{")) return undefined;
  const choices = expandSigns(s);
  return choices && list(s, choices, nesting);
}

function expandSigns(s: string): string[] | undefined {
  const end = s.length - 1;
  if ("([".includes(s[0]!) && partner(s, 0) === end) {
    let made = [""];
    const parts = split(s.slice(1, end), [","]).parts;
    for (const [i, part] of parts.entries()) {
      const ways = /\\(?:pm|mp)/.test(part) ? expandSigns(part.trim()) : [part];
      if (!ways || made.length * ways.length > MAX_SIGNS) return undefined;
      made = made.flatMap((head) => ways.map((way) => `${head}${i > 0 ? "," : ""}${way}`));
    }
    return made.map((inside) => `${s[0]}${inside}${s[end]}`);
  }
  const signs = s.match(/\\(?:pm|mp)(?![A-Za-z])/g)!;
  // Upper and lower signs go together; plus-minus signs alone choose freely.
  const linked = signs.includes("\\mp");
  const count = linked ? 2 : 2 ** signs.length;
  if (count > MAX_SIGNS) return undefined;
  return Array.from({ length: count }, (_, choice) => {
    let i = 0;
    return s.replace(/\\(pm|mp)(?![A-Za-z])/g, (_, sign) => {
      const minus = linked ? choice === 1 : (choice >> i++ & 1) === 1;
      return minus === (sign === "pm") ? "-" : "+";
    });
  });
}

function readUnion(s: string, nesting: number): Answer | undefined {
  const { parts } = split(s, ["\\cup"]);
  if (parts.length === 1) return undefined;
  return { kind: "union", text: s, items: parts.map((part) => read(part, nesting + 1)) };
}

function readBracketed(s: string, nesting: number): Answer | undefined {
  if (/^(?:\\mathbb\{R\}|\\R)$/i.test(s)) return read("(-\\infty,\\infty)", nesting + 1);
  const open = s.startsWith("\\{") ? "\\{" : s.startsWith("\\langle") ? "\\langle" : s[0]!;
  if (!["(", "[", "\\{", "\\langle"].includes(open)) return undefined;
  if (partner(s, 0) !== s.length - 1) return undefined;
  const close = s.endsWith("\\rangle") ? "\\rangle" : s.endsWith("\\}") ? "\\}" : s.at(-1)!;
  const inside = s.slice(open.length, -close.length);
  if (open === "\\{") {
    if (inside.trim() === "") return { kind: "list", text: s, items: [] };
    if (/\\mid(?![A-Za-z])|\|/.test(inside)) return { kind: "opaque", text: s };
    const parts = split(inside, [",", ";"]).parts;
    return parts.length === 1 ? read(inside, nesting + 1) : list(s, parts, nesting);
  }
  const parts = split(inside, [",", ";"]).parts;
  if (parts.length === 1) {
    const alone = readMatrix(inside.trim(), nesting);
    if (alone) return alone;
    return /^[A-J]$/.test(inside.trim()) ? { kind: "words", text: inside } : undefined;
  }
  const brackets = open === "\\langle" ? "()" : `${open}${close}`;
  return { kind: "tuple", text: s, brackets, items: parts.map((p) => read(p, nesting + 1)) };
}

function readMatrix(s: string, nesting: number): Answer | undefined {
  const m = /^\\begin\{matrix\}([^]*)\\end\{matrix\}$/.exec(s)?.[1];
  if (m === undefined || m.includes("\\begin")) return undefined;
  const rows = m.split("\\cr").filter((row) => row.trim() !== "")
    .map((row) => row.split("&").map((cell) => read(cell, nesting + 1)));
  return { kind: "matrix", text: s, rows };
}

function readScalar(s: string): Answer {
  const based = /^(-? ?[\dA-F]+) ?_ ?(?:\{ ?(?:\\text\{)?(\w+)\}? ?\}|(\d+))$/.exec(s) ??
    /^\( ?([\dA-F]+) ?\) ?_ ?(?:\{ ?(\w+) ?\}|(\d+))$/.exec(s);
  if (based && /\d/.test(based[1]!)) {
    return { kind: "based", text: s, digits: based[1]!, base: based[2] ?? based[3]! };
  }
  let math = withoutUnits(s).trim();
  const percent = math.endsWith("%");
  if (percent) math = math.slice(0, -1);
  if (THOUSANDS.test(math)) math = math.replaceAll(",", "");
  const word = /^[A-Za-z]{2,}(?: [A-Za-z]+)*$/.test(math) || /\\text\{/.test(math);
  const expr = word ? undefined : parse(math);
  if (expr) return { kind: "scalar", text: s, expr, percent };
  return /\p{L}{2}/u.test(plainWords(s)) && !/\\(?!text|\s)/.test(s)
    ? { kind: "words", text: s }
    : { kind: "opaque", text: s };
}
