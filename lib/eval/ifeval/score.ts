/** IFEval's two rules over the instructions of a prompt (Zhou et al., 2023, section 2.2). */
import { bounded, strip } from "../choice/python_text.ts";
import type { Doc, Score } from "../task.ts";
import type { Args, TextTools } from "./check.ts";
import { INSTRUCTIONS } from "./instructions.ts";
import { LanguageDetector } from "./langdetect.ts";
import { Punkt } from "./punkt.ts";

/** Which instructions of a prompt a response follows, in the row's order. */
export interface Followed {
  readonly strict: readonly boolean[];
  readonly loose: readonly boolean[];
}

let loading: Promise<TextTools> | undefined;

/** The tables of sentence boundaries and languages, read on first use. */
export function textTools(): Promise<TextTools> {
  return loading ??= load();
}

async function load(): Promise<TextTools> {
  const [punkt, languages] = await Promise.all([
    import("./punkt_english.txt", { with: { type: "text" } }),
    import("./langdetect.txt", { with: { type: "text" } }),
  ]);
  return { punkt: new Punkt(punkt.default), languages: new LanguageDetector(languages.default) };
}

/** Strict: by the response. Loose: by any of its eight variants. A blank text follows nothing. */
function followed(response: string, doc: Doc, tools: TextTools): Followed {
  const checks = checksOf(doc, tools);
  const [asIs, ...others] = variants(response).map((text) =>
    checks.map((check) => () => strip(text) !== "" && check(text))
  );
  const strict = asIs.map((check) => check());
  const loose = strict.map((yes, i) => yes || others.some((variant) => variant[i]()));
  return { strict, loose };
}

/** Share of prompts, and of the prompt's instructions, that the response follows. */
export async function scoreIfeval(text: string, doc: Doc): Promise<Score> {
  const response = bounded(text);
  const { strict, loose } = followed(response, doc, await textTools());
  const all = (list: readonly boolean[]) => list.every(Boolean) ? 1 : 0;
  const share = (list: readonly boolean[]) =>
    list.length === 0 ? 1 : list.filter(Boolean).length / list.length;
  return {
    metrics: {
      strict: all(strict),
      loose: all(loose),
      strict_instructions: share(strict),
      loose_instructions: share(loose),
    },
    unparsed: strip(response) === "",
    extracted: `strict ${verdicts(strict)}, loose ${verdicts(loose)}`,
  };
}

/** One digit for each instruction. */
function verdicts(list: readonly boolean[]): string {
  return list.map(Number).join("");
}

function checksOf(doc: Doc, tools: TextTools): ((text: string) => boolean)[] {
  const ids = Array.isArray(doc.instruction_id_list) ? doc.instruction_id_list : [];
  const kwargs = Array.isArray(doc.kwargs) ? doc.kwargs : [];
  return ids.map((id, i) => {
    const check = INSTRUCTIONS.get(id);
    const args: Args = kwargs[i] ?? {};
    return (text) => check !== undefined && check(text, args, tools);
  });
}

/** The response first; then without its first line, its last, both; each without `*` too. */
function variants(response: string): string[] {
  const lines = response.split("\n");
  const cut = [lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)]
    .map((kept) => strip(kept.join("\n")));
  const texts = [response, ...cut];
  return [...new Set([...texts, ...texts.map((text) => text.replaceAll("*", ""))])];
}
