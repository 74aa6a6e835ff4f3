import assert from "@std/assert";
import type { Doc, Scored } from "../../../lib/eval/choice/row.ts";
import { scoreHellaswag } from "../../../lib/eval/choice/hellaswag.ts";
import { scoreOcnli } from "../../../lib/eval/choice/ocnli.ts";
import { scorePiqa } from "../../../lib/eval/choice/piqa.ts";
import { scoreArcC } from "../../../lib/eval/knowledge/arc_c.ts";
import { scoreCeval } from "../../../lib/eval/knowledge/ceval.ts";
import { scoreCmmlu } from "../../../lib/eval/knowledge/cmmlu.ts";
import { scoreGaokaoBench } from "../../../lib/eval/knowledge/gaokao_bench.ts";
import { scoreGpqaDiamond } from "../../../lib/eval/knowledge/gpqa_diamond.ts";
import { scoreMmlu } from "../../../lib/eval/knowledge/mmlu.ts";
import { scoreMmluPro } from "../../../lib/eval/knowledge/mmlu_pro.ts";
import { scoreTriviaqa } from "../../../lib/eval/knowledge/triviaqa.ts";

type Scorer = (text: string, doc: Doc) => Scored;

const SCORERS: Record<string, Scorer> = {
  mmlu: scoreMmlu,
  mmlu_pro: scoreMmluPro,
  cmmlu: scoreCmmlu,
  ceval: scoreCeval,
  gaokao_bench: scoreGaokaoBench,
  arc_c: scoreArcC,
  gpqa_diamond: scoreGpqaDiamond,
  triviaqa: scoreTriviaqa,
  hellaswag: scoreHellaswag,
  piqa: scorePiqa,
  ocnli: scoreOcnli,
};

interface Case {
  doc: Doc;
  output: string;
  expected: Record<string, unknown>;
  extracted?: unknown;
}

/** What is wrong with the scores of one golden case, "" when nothing is. */
function fault({ expected }: Case, scored: Scored): string {
  for (const [name, wanted] of Object.entries(expected)) {
    const found = scored.metrics[name];
    if (wanted === "random" && (found !== 0 || !scored.unparsed)) return `${name}: not unparsed`;
    if (wanted === null && found !== undefined) return `${name}: ${found}, expected none`;
    if (typeof wanted === "number" && !(Math.abs(found - wanted) < 1e-6)) {
      return `${name}: ${found}, expected ${wanted}`;
    }
  }
  return "";
}

const shared = new URL("../../../../shared/benchmarks/", import.meta.url).pathname;
const have = await Deno.stat(shared).then(() => true, () => false);
for (const [name, score] of Object.entries(SCORERS)) {
  const fixture = new URL(`../../fixtures/knowledge/${name}.jsonl`, import.meta.url).pathname;
  const path = have ? `${shared}${name}/scoring.jsonl` : fixture;
  Deno.test(`${name} scores every golden case`, async () => {
    const lines = (await Deno.readTextFile(path)).trim().split("\n");
    const faults = lines.flatMap((line, i) => {
      const item: Case = JSON.parse(line);
      const wrong = fault(item, score(item.output, item.doc));
      return wrong === "" ? [] : [`case ${i} ${JSON.stringify(item.output)}: ${wrong}`];
    });
    assert.deepEqual(faults, []);
    assert.ok(lines.length >= 3);
  });
}
