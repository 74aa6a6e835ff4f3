/** simple-evals' extraction: "Answer:" in many languages, Markdown and LaTeX dressing removed first. */
import { pythonPattern, strip } from "./python_text.ts";

/** Dressing that is deleted, one after the other in this order. */
const DRESSING = [
  "**",
  "$\\boxed{",
  "}$",
  "\\$",
  "$\\text{",
  "$",
  "\\mathrm{",
  "\\{",
  "\\text",
  "\\(",
  "\\mathbf{",
  "{",
  "\\boxed",
];

/** Words for "answer" with their colon, as patterns, in the order in which they are tried. */
const LABELS = [
  "Answer_:",
  "Answer_:\\u200b\\u200b\\u200b\\u200b\\u200b\\u200b",
  "\\u0989\\u09a4\\u09cd\\u09a4\\u09b0_:", // Bengali
  "\\u0909\\u0924\\u094d\\u0924\\u0930_:", // Hindi
  "\\u0989\\u09a4\\u09cd\\u09a4\\u09b0\\u0983",
  "Antwort_:",
  "답변_:",
  "정답_:",
  "답_:",
  "答案_：",
  "答案_:",
  "答_：",
  "答_:",
  "答复_：",
  "答曰_：",
  "\\u0627\\u0644\\u0625\\u062c\\u0627\\u0628\\u0629:", // Arabic: the answer
  "\\u0627\\u0644\\u062c\\u0648\\u0627\\u0628:",
  "\\u0625\\u062c\\u0627\\u0628\\u0629:",
  "\\u0627\\u0644\\u0625\\u062c\\u0627\\u0628\\u0629 \\u0627\\u0644\\u0646\\u0647\\u0627\\u0626\\u064a\\u0629:",
  "\\u0627\\u0644\\u0625\\u062c\\u0627\\u0628\\u0629 \\u0627\\u0644\\u0635\\u062d\\u064a\\u062d\\u0629:",
  "\\u0627\\u0644\\u0625\\u062c\\u0627\\u0628\\u0629 \\u0627\\u0644\\u0635\\u062d\\u064a\\u062d\\u0629 \\u0647\\u064a:",
  "\\u0627\\u0644\\u0625\\u062c\\u0627\\u0628\\u0629 \\u0647\\u064a:",
  "\\u0627\\u0644\\u062c\\u0648\\u0627\\u0628 \\u0627\\u0644\\u0646\\u0647\\u0627\\u0626\\u064a:",
  "Respuesta_:",
  "Risposta_:",
  "答え_:",
  "答え_：",
  "回答_:",
  "回答_：",
  "解答_:",
  "Jawaban_:",
  "R\\xe9ponse_:",
  "Resposta_:",
  "Jibu_:",
  "Idahun_:",
  "\\xccd\\xe1h\\xf9n_:", // Yoruba, composed and decomposed
  "Id\\xe1h\\xf9n_:",
  "A\\u0300m\\u1ecd\\u0300na\\u0300_:",
  "\\xc0d\\xe1h\\xf9n_:",
  "A\\u0300nu\\u0301go\\u0323_:",
  "\\xc0\\u1e63\\xe0y\\xe0n_:",
];

/** Letters for A to D in Arabic, Bengali and full width. */
const ALIASES = ["أبجد", "অবডঢ", "ＡＢＣＤ"];

/** The range of Arabic letters that the pattern takes is wider than the four that have a meaning. */
const LETTER = "([A-D]|[\\u0623-\\u062f]|[\\u0985\\u09ac\\u09a1\\u09a2]|[Ａ-Ｄ])";

const PATTERNS = LABELS.map((label) =>
  pythonPattern(`${label.replace("_", "\\s*")}[ \\t]*${LETTER}`, { ignoreCase: true })
);

/** The letter of the first label that matches, null when none does. */
export function multilingualAnswer(text: string): string | null {
  const plain = DRESSING.reduce((rest, dress) => rest.replaceAll(dress, ""), text);
  for (const pattern of PATTERNS) {
    const found = pattern.exec(plain)?.[1];
    if (found !== undefined) return asLatin(found);
  }
  return null;
}

function asLatin(letter: string): string {
  const alias = ALIASES.find((letters) => letters.includes(letter));
  return alias ? "ABCD"[alias.indexOf(letter)] : strip(letter);
}
