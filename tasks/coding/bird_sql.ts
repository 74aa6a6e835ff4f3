import { DatabaseSchemas } from "../../lib/eval/coding/database.ts";
import { birdPrompt, scoreBird } from "../../lib/eval/coding/sql.ts";
import { task } from "../../lib/eval/task.ts";

/** CREATE TABLE statements alone. */
const schemas = new DatabaseSchemas("bird_sql", { rows: 0 });

/** Questions to SQL over large databases (Li et al., 2023), dev split with evidence: sets of rows equal. */
export default task({
  name: "bird_sql",
  title: "BIRD-SQL",
  group: "coding",
  summary: "SQL query, results compared",
  source: {
    files: [{ name: "dev.json", rows: 1534 }],
    licence: "CC BY-SA 4.0",
    items: 1534,
    home: "dev.zip of the authors' page; unpack it to DIR/bird_sql",
  },
  items: (data) => schemas.items(data),
  prompt: (doc) => birdPrompt(doc, schemas.of(doc)),
  decode: { gen_length: 4096 },
  metric: "ex",
  score: scoreBird,
  parts: { difficulty: ({ difficulty }) => String(difficulty) },
  reported: { mini: 39.34, flash: 45.76 },
  examples: [
    { answer: "", doc: doc(), score: 0 },
    { answer: "```sql\n```", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { db_id: "no_such_database", question: "How many?", evidence: "", SQL: "SELECT 1" };
}
