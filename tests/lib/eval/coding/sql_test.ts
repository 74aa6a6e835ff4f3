import assert from "@std/assert";
import { findDatabase, schemaText } from "../../../../lib/eval/coding/database.ts";
import {
  birdPrompt,
  extractSql,
  scoreBird,
  spiderPrompt,
  withoutDistinct,
} from "../../../../lib/eval/coding/sql.ts";
import { taskRecords } from "../../../../lib/eval/harness.ts";
import { openTasks } from "../../../../lib/eval/open_tasks.ts";
import { taskOf } from "../../../../tasks/mod.ts";
import { refuses } from "../../../mutate.ts";
import { Executors } from "../../../../lib/exec/executors.ts";

const SCHEMA =
  "CREATE TABLE \"t\" (a INTEGER, b TEXT);\nINSERT INTO t VALUES (1, \"x\"), (2, NULL), (3, 'z'), (4, 'w');";

Deno.test("withoutDistinct() leaves quoted words alone", () => {
  assert.equal(
    withoutDistinct("SELECT DISTINCT a, 'distinct' FROM \"distinct\" t"),
    "SELECT  a, 'distinct' FROM \"distinct\" t",
  );
  assert.equal(
    withoutDistinct("select count(distinct x), distinction"),
    "select count( x), distinction",
  );
});

Deno.test("extractSql() finds a block wherever in a line its fences stand, as CodeFuse does", () => {
  for (
    const answer of [
      "```sql\nSELECT 1\n```",
      "```sql\nSELECT 1```",
      "The query is: ```sql\nSELECT 1\n```\nIt counts.",
      "- ```SQL\nSELECT 1",
      "```SELECT 1```",
    ]
  ) assert.equal(extractSql(answer), "SELECT 1", answer);
});

Deno.test("extractSql() ends at the first semicolon", () => {
  assert.equal(extractSql("```sql\nSELECT 1;\nSELECT 2\n```"), "SELECT 1");
  assert.equal(extractSql(" SELECT 1 ; "), "SELECT 1");
  assert.equal(extractSql("```sql\n```"), undefined);
});

Deno.test("schemaText() shows tables, with example rows where asked", () => {
  assert.equal(
    schemaText({ schema: SCHEMA }, { rows: 0 }),
    'CREATE TABLE "t" (a INTEGER, b TEXT);',
  );
  assert.equal(
    schemaText(
      {
        schema: "CREATE TABLE t (a, b REAL, c);\nINSERT INTO t VALUES (1, 2, 'x'), (2, 0.5, NULL);",
      },
      { rows: 2 },
    ),
    "CREATE TABLE t (a, b REAL, c);\n/*\n2 example rows:\nSELECT * FROM t LIMIT 2;\n" +
      "a    b    c\n1    2.0    x\n2    0.5    None\n*/",
  );
  const counted = "CREATE TABLE c (id INTEGER PRIMARY KEY AUTOINCREMENT)";
  assert.equal(
    schemaText({ schema: counted }, { rows: 0 }),
    `${counted};\n\nCREATE TABLE sqlite_sequence(name,seq);`,
  );
  assert.throws(() => schemaText({ schema: "ATTACH '/tmp/unmask-x.db' AS x" }, { rows: 0 }));
  const doc = { question: "How many?", evidence: "many refers to rows" };
  assert.match(
    spiderPrompt(doc, "S")[0].content,
    /^S\n\n\n-- Using valid SQLite, .*\nQuestion: How many\?\nPlease/,
  );
  assert.match(
    birdPrompt(doc, "S")[0].content,
    /^S\n\n\n-- External Knowledge: many refers to rows\n/,
  );
});

Deno.test("findDatabase() finds files and scripts, and says what is missing", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${dir}/spider/database/one`, { recursive: true });
    await Deno.writeTextFile(`${dir}/spider/database/one/schema.sql`, SCHEMA);
    assert.deepEqual(await findDatabase(dir, { task: "spider", id: "one" }), { schema: SCHEMA });
    for (const id of ["two", "../one", ""]) {
      assert.ok("why" in await findDatabase(dir, { task: "spider", id }), id);
    }
    assert.ok("why" in await findDatabase(undefined, { task: "spider", id: "one" }));
    const code = new Executors();
    const { metrics, not_run } = await scoreBird("SELECT 1", { db_id: "two", SQL: "SELECT 1" }, {
      code,
      dataDir: dir,
    });
    assert.deepEqual(metrics, {});
    assert.match(not_run!, /no database "two"/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a benchmark whose databases are missing is refused when it is opened", async () => {
  const dir = await Deno.makeTempDir();
  const data = `${dir}/spider/data`;
  const options = { data, env: { get: () => undefined }, notice() {} };
  try {
    await Deno.mkdir(`${data}/spider/database/one`, { recursive: true });
    const rows = Array.from({ length: 1034 }, (_, i) => ({ db_id: "one", question: `${i}?` }));
    await Deno.writeTextFile(`${data}/spider/dev.json`, JSON.stringify(rows));
    await refuses(
      () => openTasks([taskOf("spider")!], options),
      new RegExp(`item "spider/0": no database "one" under ${data}/spider`),
    );
    await Deno.writeTextFile(`${data}/spider/database/one/schema.sql`, SCHEMA);
    const { ready } = await openTasks([taskOf("spider")!], options);
    const [rec] = await Array.fromAsync(taskRecords(ready, { limit: 1 }));
    assert.match(JSON.stringify(rec.get("messages")), /CREATE TABLE/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
