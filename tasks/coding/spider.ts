import { DatabaseSchemas } from "../../lib/eval/coding/database.ts";
import { scoreSpider, spiderPrompt } from "../../lib/eval/coding/sql.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "CC BY-SA 4.0";
const HOME = "spider_data.zip of the authors' page; unpack it to DIR/spider";
/** CREATE TABLE statements, each with three rows. */
const schemas = new DatabaseSchemas("spider", { rows: 3 });

/** Questions to SQL over many databases (Yu et al., 2018), test split: results equal. */
export default task({
  name: "spider",
  title: "Spider",
  group: "coding",
  summary: "SQL query, results compared",
  source: [
    {
      files: [{ name: "test.json", rows: 2147 }],
      licence: LICENCE,
      items: 2147,
      home: HOME,
    },
    { form: "dev", files: [{ name: "dev.json", rows: 1034 }], licence: LICENCE, items: 1034 },
  ],
  items: (data) => schemas.items(data),
  prompt: (doc) => spiderPrompt(doc, schemas.of(doc)),
  decode: { gen_length: 4096 },
  metric: "exec",
  score: scoreSpider,
  parts: { database: ({ db_id }) => String(db_id) },
  deviations: ["the one original database: the test suite's distilled ones are test_suite"],
  reported: { mini: 76.76, flash: 82.49, qwen: 81.79, ling: 80.58 },
  examples: [
    { answer: "", doc: doc(), score: 0 },
    { answer: "```sql\n```", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { db_id: "no_such_database", question: "How many?", query: "SELECT 1" };
}
