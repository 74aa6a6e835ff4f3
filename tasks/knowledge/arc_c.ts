import { promptArcC, scoreArcC } from "../../lib/eval/knowledge/arc_c.ts";
import type { Row, Source } from "../../lib/data/source.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "CC BY-SA 4.0";

/** Items with four options: 295 of the 299. */
function four(row: Row) {
  const question = row.question as { choices?: unknown[] } | string;
  const choices = row.choices as { text?: unknown[] } | undefined;
  const options = typeof question === "string" ? choices?.text : question.choices;
  return options?.length === 4 ? row : undefined;
}

/** Science questions for schools, hard part (Clark et al., 2018): validation items with four options. */
export default task({
  name: "arc_c",
  title: "ARC-c",
  group: "knowledge",
  summary: "lettered choice, 0-shot",
  source: split("validation", "Dev", { rows: 299, items: 295 }),
  items: rowItems("arc_c", { doc: four, id: ({ id }) => id }),
  prompt: promptArcC,
  decode: { gen_length: 1024 },
  metric: "acc",
  score: scoreArcC,
  variants: {
    test: {
      summary: "the test split",
      source: split("test", "Test", { rows: 1172, items: 1172 }),
      deviations: ["test split, four options: the report's scores do not fit it"],
    },
  },
  deviations: ["validation split, four options: the report's scores fit these 295 items"],
  reported: { mini: 93.56, flash: 95.93, qwen: 95.81, ling: 95.08 },
  examples: [
    { answer: "The answer is B.", doc: doc(), score: 1 },
    { answer: "Either A or C", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  const choices = { text: ["ruler", "thermometer", "scale", "clock"], label: [..."ABCD"] };
  return { question: "Which tool measures air temperature?", choices, answerKey: "B" };
}

/** A split as the hub has it, and as the authors' file. */
function split(
  name: string,
  original: string,
  { rows, items }: { rows: number; items: number },
): Source[] {
  const hub = `ARC-Challenge/${name}-00000-of-00001.parquet`;
  return [
    { repo: "allenai/ai2_arc", files: [{ name: hub, rows }], licence: LICENCE, items },
    {
      form: "jsonl",
      files: [{ name: `ARC-Challenge-${original}.jsonl`, rows }],
      licence: LICENCE,
      items,
    },
  ];
}
