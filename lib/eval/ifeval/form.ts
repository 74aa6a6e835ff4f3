/** IFEval's checks of form: marks, lists, sections, beginnings and ends (Zhou et al., 2023, appendix A). */
import { isSpace, pythonPattern, strip } from "../choice/python_text.ts";
import { type Check, countOf, numberArg, patternOf, textArg } from "./check.ts";

const CONSTRAINED = ["My answer is yes.", "My answer is no.", "My answer is maybe."];
const STARRED = /\*[^\n*]*\*/g;
const TWICE_STARRED = /\*\*[^\n*]*\*\*/g;
const POSTSCRIPTS: Readonly<Record<string, RegExp>> = {
  "P.P.S": pythonPattern("p\\.\\s?p\\.\\s?s"),
  "P.S.": pythonPattern("p\\.\\s?s\\."),
};

/** detectable_content:number_placeholders: `[...]` within a line. */
export const placeholderCount: Check = (response, args) => {
  let count = 0;
  for (const line of response.split("\n")) {
    let end = -1;
    for (;;) {
      const start = line.indexOf("[", end + 1);
      if (start < 0) break;
      end = line.indexOf("]", start);
      if (end < 0) break;
      count++;
    }
  }
  return count >= numberArg(args, "num_placeholders");
};

/** detectable_content:postscript: "P.S." or "P.P.S", in any case and with a blank between, or another marker. */
export const postscript: Check = (response, args) => {
  const marker = strip(textArg(args, "postscript_marker"));
  const pattern = POSTSCRIPTS[marker] ?? patternOf(marker.toLowerCase());
  return response.toLowerCase().search(pattern) >= 0;
};

/** detectable_format:number_bullet_lists: exactly so many lines with a bullet, `*` or `-`. */
export const bulletCount: Check = (response, args) =>
  bullets(response, "*") + bullets(response, "-") === numberArg(args, "num_bullets");

/** Lines that begin with the mark; a `*` needs a character that is no `*` behind it, which may end its line. */
function bullets(text: string, mark: "*" | "-"): number {
  let count = 0;
  let line = 0;
  for (;;) {
    let at = line;
    while (isSpace(text, at)) at++;
    const next = text[at + 1];
    const found = text[at] === mark && (mark === "-" || (next !== undefined && next !== "*"));
    if (found) count++;
    const end = text.indexOf("\n", found && mark === "*" ? at + 2 : at);
    if (end < 0) return count;
    line = end + 1;
  }
}

/** detectable_format:constrained_response: one of three sentences. */
export const constrainedResponse: Check = (response) =>
  CONSTRAINED.some((sentence) => response.includes(sentence));

/** detectable_format:number_highlighted_sections: `*...*` within a line, and `**...**` once more. */
export const highlightCount: Check = (response, args) => {
  const inner = [
    ...(response.match(STARRED) ?? []).map((all) => all.slice(1, -1)),
    ...(response.match(TWICE_STARRED) ?? []).map((all) => all.slice(2, -2)),
  ];
  const count = inner.filter((text) => strip(text) !== "").length;
  return count >= numberArg(args, "num_highlights");
};

/** detectable_format:multiple_sections: so many headings of a word and a number. */
export const sectionCount: Check = (response, args) => {
  const word = strip(textArg(args, "section_spliter"));
  const heading = patternOf(word, { before: "\\s?", after: "\\s?\\d+\\s?" });
  return countOf(response, heading) >= numberArg(args, "num_sections");
};

/** detectable_format:json_format: the whole answer, or one fenced block, is JSON as Python reads it. */
export const jsonFormat: Check = (response) => {
  let text = strip(response);
  for (const fence of ["```json", "```Json", "```JSON", "```"]) {
    if (text.startsWith(fence)) text = text.slice(fence.length);
  }
  if (text.endsWith("```")) text = text.slice(0, -3);
  return isPythonJson(strip(text));
};

/** Whether `json.loads` takes it: NaN and Infinity are numbers there. */
function isPythonJson(text: string): boolean {
  // An unclosed string is read to the end, so that each character is read once.
  const plain = text.replace(
    /"(?:[^"\\]|\\[^])*"?|NaN|-?Infinity/g,
    (token) => token[0] === '"' ? token : " 0 ",
  );
  try {
    JSON.parse(plain);
    return true;
  } catch {
    return false;
  }
}

/** detectable_format:title: `<<...>>` on one line, not blank inside. */
export const title: Check = (response) =>
  response.split("\n").some((line) => {
    const start = line.indexOf("<<");
    const end = line.lastIndexOf(">>") + 2;
    if (start < 0 || end < start + 5) return false;
    return strip(line.slice(start, end).replace(/^<+/, "").replace(/(?<!>)>+$/, "")) !== "";
  });

/** combination:two_responses: two different texts with `******` between them. */
export const twoResponses: Check = (response) => {
  const parts = response.split("******").map(strip);
  const [first, second, ...more] = parts.filter((part) => part !== "");
  return parts.slice(1, -1).every((part) => part !== "") && second !== undefined &&
    more.length === 0 && first !== second;
};

/** combination:repeat_prompt: the request stands first, in any case. */
export const repeatPrompt: Check = (response, args) =>
  strip(response).toLowerCase().startsWith(strip(textArg(args, "prompt_to_repeat")).toLowerCase());

/** startend:end_checker: the last words, but for `"` around the text. */
export const endsWith: Check = (response, args) =>
  strip(response).replace(/^"+|(?<!")"+$/g, "").toLowerCase()
    .endsWith(strip(textArg(args, "end_phrase")).toLowerCase());

/** punctuation:no_comma. */
export const noComma: Check = (response) => !response.includes(",");

/** startend:quotation: wrapped in `"`. */
export const quotation: Check = (response) => {
  const text = strip(response);
  return text.length > 1 && text.startsWith('"') && text.endsWith('"');
};
