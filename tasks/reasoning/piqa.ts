import { promptPiqa, scorePiqa } from "../../lib/eval/choice/piqa.ts";
import { task } from "../../lib/eval/task.ts";

const [GOALS, LABELS] = ["valid.jsonl", "valid-labels.lst"];
const ROWS = 1838;

/** Which of two ways reaches a goal (Bisk et al., 2020): validation set, 0-shot, first option named. */
export default task({
  name: "piqa",
  title: "PIQA",
  group: "reasoning",
  summary: "lettered choice of two, 0-shot",
  source: {
    repo: "github:ybisk/ybisk.github.io",
    revision: "21edab439af693b961be2f069e8690a88d3b4e37",
    files: [
      {
        name: GOALS,
        path: `piqa/data/${GOALS}`,
        rows: ROWS,
        digest: "da35972044f4a35e0053ff09a97ed7926ed3b8b4",
      },
      {
        name: LABELS,
        path: `piqa/data/${LABELS}`,
        rows: ROWS,
        digest: "2cec30af5415a24647d70417db4df35c202c6c34",
      },
    ],
    licence: "AFL 3.0",
    items: ROWS,
  },
  async *items(data) {
    const labels: number[] = [];
    for await (const { text } of data.rows(LABELS)) labels.push(Number(text));
    let line = 0;
    for await (const row of data.rows(GOALS)) {
      yield { id: `piqa/${line}`, doc: { ...row, label: labels[line++] } };
    }
  },
  prompt: promptPiqa,
  decode: { gen_length: 32 },
  metric: "acc",
  score: scorePiqa,
  reported: { mini: 86.51, flash: 92.76 },
  examples: [
    { answer: "B", doc: { label: 1 }, score: 1 },
    { answer: "As it holds, B.", doc: { label: 0 }, score: 0 },
    { answer: "", doc: { label: 0 }, score: 0 },
  ],
});
