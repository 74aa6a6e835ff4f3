/** SQuAD 2.0 (Rajpurkar et al., 2018). Default: OpenCompass's rule; beside it the official exact match and F1. */
import type { Row } from "../../data/source.ts";
import type { Message } from "../../records/record.ts";
import { bounded, strip, words } from "../choice/python_text.ts";
import { field } from "../choice/row.ts";
import { cleanedSpan, normalizedSpan, tokenF1 } from "../choice/span.ts";
import type { Doc, Score } from "../task.ts";

const IMPOSSIBLE = "impossible to answer";

/** Normalised wordings of a refusal. */
const REFUSALS = new Set([IMPOSSIBLE, "unanswerable", "no answer", "not answerable", "none"]);

/** `opencompass`: equal to a cleaned reference; `exact` and `f1`: official, of the prediction in the answer. */
export function scoreSquad2(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const impossible = doc?.is_impossible === true;
  // OpenCompass counts the plausible, wrong answers of an impossible question as right.
  const references = impossible
    ? [...textsOf(doc.plausible_answers), IMPOSSIBLE]
    : textsOf(doc?.answers);
  if (references.length === 0) return { metrics: {} };
  const line = answer.split("\n")[0].toLowerCase();
  const said = cleanedSpan(line.split("answer is").at(-1)!);
  const hit = references.some((reference) => cleanedSpan(reference).toLowerCase() === said);
  return {
    metrics: { opencompass: hit ? 1 : 0, ...officialSquad2(squad2Prediction(answer), doc) },
    extracted: said || null,
    ...(said === "" ? { unparsed: true } : {}),
  };
}

/** The official metrics of a prediction; "" says that there is no answer. */
function officialSquad2(prediction: string, doc: Doc): { exact: number; f1: number } {
  const golds = textsOf(doc?.answers).map(normalizedSpan).filter((gold) => gold !== "");
  if (golds.length === 0) golds.push("");
  const said = normalizedSpan(prediction);
  const f1 = golds.map((gold) =>
    said === "" || gold === "" ? Number(said === gold) : tokenF1(words(said), words(gold))
  );
  return { exact: golds.includes(said) ? 1 : 0, f1: Math.max(...f1) };
}

/** What the official scorer is given: the first line without its lead; "" for a refusal. */
export function squad2Prediction(answer: string): string {
  const line = answer.split("\n").map(strip).find((each) => each !== "") ?? "";
  const label = /^answer\s*:/i.exec(line);
  const rest = label ? line.slice(label[0].length) : line;
  const at = rest.toLowerCase().lastIndexOf("answer is");
  const said = strip(at < 0 ? rest : rest.slice(at + "answer is".length).replace(/^\s*:/, ""));
  const plain = normalizedSpan(said);
  const refused = REFUSALS.has(plain) || plain.startsWith(IMPOSSIBLE) ||
    plain.startsWith(`it is ${IMPOSSIBLE}`);
  return refused ? "" : said;
}

/** Texts of a list of answers. */
function textsOf(answers: unknown): string[] {
  if (!Array.isArray(answers)) return [];
  return answers.flatMap((answer) => typeof answer?.text === "string" ? [answer.text] : []);
}

/** The passage and the question, 0-shot. */
export function promptSquad2(doc: Doc): Message[] {
  const content = `${field(doc, "context")}\n` +
    "According to the above passage, answer the following question. If it is impossible to answer " +
    "according to the passage, answer `impossible to answer`:\n" +
    `Question: ${field(doc, "question")}`;
  return [{ role: "user", content }];
}

/** The questions of an article in the official nested file. */
export function* squad2Docs(article: Row): Generator<Doc> {
  for (const { context, qas } of (article.paragraphs ?? []) as { context: string; qas: Doc[] }[]) {
    for (const qa of qas) yield { context, ...qa };
  }
}
