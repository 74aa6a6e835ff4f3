/**
 * OpenCompass's first-option rule: some fifty cues in a fixed order, the first that matches anywhere
 * decides, and of what it caught the alphabetically first option letter is the answer.
 */
import { isSpace, nextSpace, pythonPattern, strip } from "./python_text.ts";

/** What a cue catches in a text: its group, or the whole match when the group is empty. */
type Cue = (text: string) => string | undefined;

/**
 * Cues in the original's order. In the patterns `L` is a captured option letter, `X` an uncaptured one,
 * `_` any blanks, `~` at most one; `.` spans lines. The entries that are not patterns would need
 * time quadratic in the answer as patterns.
 */
const CUES: readonly (string | ((letters: string) => Cue))[] = [
  // The answer is L.
  "答案是?_L",
  "答案是?_：_L",
  "答案是?_:_L",
  "答案选项应?该?是_L",
  "答案选项应?该?为_L",
  "答案应该?是_L",
  "答案应该?选_L",
  "答案选项为?_：_L",
  String.raw`答案选项为?\s+\(?\*?\*?L\*?\*?\)?`,
  "答案选项是?_:_L",
  "答案为_L",
  "答案选_L",
  "选择?_L",
  // Judgements. The first is two cues run together: a comma is missing in the original.
  "故选?_L只有选?项?~L~是?对",
  "只有选?项?~L~是?错",
  "只有选?项?~L~不?正确",
  "只有选?项?~L~错误",
  "说法不?对选?项?的?是~L",
  "说法不?正确选?项?的?是~L",
  "说法错误选?项?的?是~L",
  "L~是正确的",
  "L~是正确答案",
  "选项~L~正确",
  "所以答~L",
  // At the end of the text.
  "所以~(X[.。$]?$)",
  "所有~(X[.。$]?$)",
  String.raw`[\s，：:,]L[。，,.]?$`,
  String.raw`[\s，,：:][故即]L[。.]?$`,
  String.raw`[\s，,：:]因此L[。.]?$`,
  "[是为。]~L[。.]?$",
  "因此~L[。.]?$",
  "显然~L[。.]?$",
  // Any run of text after a cue.
  () => runAfter("答案是"),
  () => runAfter("答案应该是"),
  () => runAfter("答案为"),
  // English.
  "ANSWER_:_L",
  String.raw`[Tt]he answer is:?\s+\(?L\)?`,
  String.raw`[Tt]he answer is:?\s+\(?\*?\*?L\*?\*?\)?`,
  String.raw`[Tt]he answer is option:?\s+\(?L\)?`,
  String.raw`[Tt]he correct answer is:?\s+\(?L\)?`,
  String.raw`[Tt]he correct answer is option:?\s+\(?L\)?`,
  (letters) => boxedAfter("[Tt]he correct answer is", letters),
  (letters) => boxedAfter("[Tt]he correct option is", letters),
  (letters) => boxedAfter("[Tt]he correct answer option is", letters),
  String.raw`[Tt]he answer to the question is:?\s+\(?L\)?`,
  // A line of its own.
  "^选项~L",
  "^L~选?项",
  String.raw`(\s|^)X[\s。，,：:.$]`,
  () => afterOne,
  "1.~L[.。$]?$",
  // Cushions.
  "L:",
  "L",
];

const built = new Map<string, readonly Cue[]>();

/** The option that an answer settles on, "" when no cue finds one of `letters`. */
export function firstOption(text: string, letters: string): string {
  const stripped = strip(text);
  for (const cue of cuesFor(letters)) {
    const caught = cue(stripped);
    if (caught === undefined) continue;
    const letter = [...letters].find((each) => caught.includes(each));
    if (letter !== undefined) return letter;
  }
  return "";
}

function cuesFor(letters: string): readonly Cue[] {
  let cues = built.get(letters);
  if (!cues) {
    cues = CUES.map((cue) => typeof cue === "string" ? patternCue(cue, letters) : cue(letters));
    built.set(letters, cues);
  }
  return cues;
}

function patternCue(notation: string, letters: string): Cue {
  const source = notation.replace(/[LX_~]/g, (mark) => {
    if (mark === "L") return `([${letters}])`;
    if (mark === "X") return `[${letters}]`;
    return mark === "_" ? "\\s*" : "\\s?";
  });
  // The label alone is read in any case; a small letter after it is caught and then matches no option.
  const ignoreCase = notation.startsWith("ANSWER");
  const pattern = pythonPattern(source, { dotAll: true, ignoreCase });
  return (text) => {
    const match = pattern.exec(text);
    return match ? match[1] || match[0] : undefined;
  };
}

/** After `head` and at most one blank: a run of non-blanks up to its last 。, or up to the text's end. */
function runAfter(head: string): Cue {
  return (text) => {
    let at = text.indexOf(head);
    while (at >= 0) {
      let start = at + head.length;
      if (isSpace(text, start)) start++;
      const end = nextSpace(text, start);
      const run = text.slice(start, end);
      if (run !== "" && end === text.length) return run;
      const stop = run.lastIndexOf("。");
      if (stop > 0) return run.slice(0, stop);
      // No head inside this run can do better, but one that ends it may reach the next run.
      at = text.indexOf(head, run.endsWith(head) ? end - head.length : end);
    }
    return undefined;
  };
}

/** The first `boxed{L}` anywhere after the first `head`. */
function boxedAfter(head: string, letters: string): Cue {
  const start = new RegExp(head);
  const boxed = new RegExp(`boxed\\{([${letters}])\\}`, "g");
  return (text) => {
    const found = start.exec(text);
    if (!found) return undefined;
    boxed.lastIndex = found.index + found[0].length;
    return boxed.exec(text)?.[1];
  };
}

/** All text after the first 1, one more character and at most one blank. */
function afterOne(text: string): string | undefined {
  const at = text.indexOf("1");
  const next = text.codePointAt(at + 1);
  if (at < 0 || next === undefined) return undefined;
  let start = at + 1 + String.fromCodePoint(next).length;
  if (isSpace(text, start)) start++;
  return text.slice(start) || text.slice(at);
}
