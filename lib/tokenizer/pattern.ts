/**
 * Pre-tokenizer patterns of tokenizer.json as JavaScript regular expressions with the same meaning, or a
 * refusal: approximating a pattern changes token ids in silence.
 */

/** Classes whose Unicode meaning differs between engines, spelled out. */
const CLASSES: Readonly<Record<string, string>> = {
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  d: "\\p{Nd}",
  D: "\\P{Nd}",
};

/** Escapes that mean the same in both engines (under the u flag). */
const SAME =
  /^\\(?:[rntfv0]|[pP]\{[^}]*\}|x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|[\^$\\.*+?()[\]{}|/-])/;

/** A pattern as a global Unicode RegExp; throws a SyntaxError that says what cannot be kept. */
export function translatePattern(source: string): RegExp {
  const out: string[] = [];
  // Start of the atom that a following quantifier applies to, as an index into `out`.
  let atom = -1;
  let groups = 0;
  const open: number[] = [];
  for (let i = 0; i < source.length;) {
    const c = source[i];
    if (c === "\\") {
      const text = escapeAt(source, i);
      atom = out.push(CLASSES[text[1]] && text.length === 2 ? CLASSES[text[1]] : ascii(text)) - 1;
      i += text.length;
    } else if (c === "[") {
      const end = classEnd(source, i);
      atom = out.push(classAt(source.slice(i, end))) - 1;
      i = end;
    } else if (c === "(") {
      const head = /^\((?:\?(?:[:=!]|<[=!]|i:))?/.exec(source.slice(i))![0];
      if (source[i + 1] === "?" && head === "(") unsupported(source.slice(i, i + 4));
      open.push(out.push(head) - 1);
      i += head.length;
      atom = -1;
    } else if (c === ")") {
      out.push(c);
      atom = open.pop() ?? -1;
      i++;
    } else if ("?*+{".includes(c)) {
      const [quantifier] = /^(?:[?*+]|\{\d+(?:,\d*)?\})/.exec(source.slice(i)) ?? unsupported(c);
      i += quantifier.length;
      if (source[i] === "+") {
        // Possessive: match once in a lookahead, which never backtracks, then take what it matched.
        const name = `possessive${groups++}`;
        const body = out.splice(atom).join("");
        out.push(`(?=(?<${name}>${body}${quantifier}))\\k<${name}>`);
        i++;
      } else if (source[i] === "?") {
        out.push(`${quantifier}?`);
        i++;
      } else out.push(quantifier);
      atom = -1;
    } else {
      const character = String.fromCodePoint(source.codePointAt(i)!);
      atom = out.push(character === "/" ? "\\/" : character) - 1;
      i += character.length;
    }
  }
  return new RegExp(out.join(""), "gu");
}

function escapeAt(source: string, i: number): string {
  const rest = source.slice(i, i + 40);
  if (CLASSES[rest[1]]) return rest.slice(0, 2);
  const same = SAME.exec(rest)?.[0];
  if (same) return same;
  // An escaped ASCII punctuation mark is itself.
  if (/^\\[!-/:-@[-`{-~]/.test(rest)) return rest.slice(0, 2);
  return unsupported(rest.slice(0, 2));
}

/** Punctuation that the u flag forbids to escape stands for itself. */
function ascii(text: string): string {
  return SAME.test(text) ? text : text[1];
}

function classEnd(source: string, start: number): number {
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "[") unsupported("a class inside a class");
    else if (source[i] === "]" && i > start + 1) return i + 1;
  }
  return unsupported("an open class");
}

function classAt(text: string): string {
  if (text.includes("&&")) unsupported("an intersection of classes");
  let out = "";
  for (let i = 0; i < text.length;) {
    if (text[i] === "\\") {
      const escape = escapeAt(text, i);
      out += CLASSES[escape[1]] && escape.length === 2 ? CLASSES[escape[1]] : ascii(escape);
      i += escape.length;
    } else out += text[i++];
  }
  return out;
}

function unsupported(what: string): never {
  throw new SyntaxError(`"${what}" has no exact form here`);
}
