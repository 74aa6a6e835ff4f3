/** PHYBench (Qiu et al., 2025): expression edit distance (EED) of a boxed expression. */
import { bounded, strip } from "../choice/python_text.ts";
import { braced } from "./text.ts";
import { parse } from "./parse.ts";
import { prepare } from "./phybench_latex.ts";
import { equalScalars } from "./scalars.ts";
import { field } from "../choice/row.ts";
import { type Form, isE, text as labelOf } from "./forms.ts";
import { formOf } from "./symbolic.ts";
import { type Tree, treeDistance, treeSize } from "./tree_distance.ts";
import type { Doc, Score } from "../task.ts";

/** Scores an answer: `eed` as published (0..100), `acc` at exactly 100, `eed_clean` without `\left`, `\right`. */
export function scorePhyBench(text: string, doc: Doc): Score {
  const found = extract(bounded(text));
  const gold = field(doc, "answer");
  const plain = (s: string) => s.replaceAll("\\left", "").replaceAll("\\right", "");
  const published = eed(gold, found);
  return {
    metrics: {
      eed: published,
      acc: published === 100 ? 1 : 0,
      eed_clean: eed(plain(gold), plain(found)),
    },
    unparsed: found === "",
    extracted: found,
  };
}

/** Inside of the first closed box, else the last line. */
function extract(answer: string): string {
  const start = answer.indexOf("\\boxed{");
  const box = start < 0 ? undefined : braced(answer, start + 6);
  return box ? box.inside : strip(answer).split("\n").at(-1)!;
}

const MAX_LATEX = 4000;

/** Score of a prediction from 0 to 100: 60 less the relative distance in percent, 100 when equal. */
export function eed(gold: string, prediction: string): number {
  if (prediction === "") return 0;
  if ([gold, prediction].some((s) => /\\int|\\sum/.test(s))) return 0;
  if (gold === prediction) return 100;
  if (prediction.length > 3 * gold.length || gold.length > MAX_LATEX) return 0;
  const [x, y] = [gold, prediction].map((latex) => parse(prepare(latex), { grammar: "extended" }));
  if (!x || !y) return 0;
  if (equalScalars(x, y, { left: 200_000 })) return 100;
  const [a, b] = [x, y].map((e) => {
    const form = formOf(e);
    return form && treeOf(form);
  });
  if (!a || !b) return 0;
  const distance = treeDistance(b, a);
  return distance === 0 ? 100 : Math.max(0, 60 - 100 * distance / treeSize(a));
}

const UNSUPPORTED = new Set(["EulerGamma", "i"]);

/** The tree that is compared; undefined for constants that the scorer refuses. */
function treeOf(form: Form): Tree | undefined {
  switch (form.kind) {
    case "num":
      return leaf(`number_${labelOf(form)}`);
    case "const":
      return UNSUPPORTED.has(form.name) ? undefined : leaf(`number_${form.name}`);
    case "sym":
      return leaf(`symbol_${form.name}`);
    case "pow":
      return isE(form.base)
        ? branch("function_exp", [form.exp])
        : branch("operator_Pow", [form.base, form.exp]);
    case "add":
      return branch("operator_Add", form.args);
    case "mul":
      return branch("operator_Mul", form.args);
    case "fn":
      return branch(`function_${form.name}`, form.args);
  }
}

function leaf(label: string): Tree {
  return { label, children: [] };
}

function branch(label: string, parts: readonly Form[]): Tree | undefined {
  const children: Tree[] = [];
  for (const part of parts) {
    const child = treeOf(part);
    if (!child) return undefined;
    children.push(child);
  }
  return { label, children };
}
