/** Edge: databases of Spider and BIRD, and the schema that their prompts show. */
import { DatabaseSync } from "node:sqlite";
import type { OpenedSource } from "../../data/source.ts";
import { isFile, isFolder } from "../../folder.ts";
import { Refusal } from "../../refusal.ts";
import { rowItems } from "../items.ts";
import { pyFloatText } from "../../py_float.ts";
import type { Doc, Item } from "../task.ts";

/** A database file, or the script of a small one. */
export type Database = { readonly database: string } | { readonly schema: string };

/** Folders that the published archives have beside the questions. */
const FOLDERS = ["database", "test_database", "dev_databases"];

/** The database of an id, or why there is none. */
export async function findDatabase(
  dataDir: string | undefined,
  { task, id }: { task: string; id: string },
): Promise<Database | { readonly why: string }> {
  if (dataDir === undefined) return { why: `no data folder, expected the databases of ${task}` };
  if (!/^[\w-]{1,100}$/.test(id)) return { why: `no database of the name ${JSON.stringify(id)}` };
  for (const folder of FOLDERS) {
    const base = `${dataDir}/${task}/${folder}/${id}`;
    if (await isFile(`${base}/${id}.sqlite`)) return { database: `${base}/${id}.sqlite` };
    if (await isFile(`${base}/schema.sql`)) {
      return { schema: await Deno.readTextFile(`${base}/schema.sql`) };
    }
  }
  const single = `${dataDir}/${task}/${id}.schema.sql`;
  if (await isFile(single)) return { schema: await Deno.readTextFile(single) };
  return { why: `no database "${id}" under ${dataDir}/${task}` };
}

/** The distilled databases of Spider's test suite for an id. */
export async function testSuite(dataDir: string | undefined, id: string): Promise<string[]> {
  const folder = `${dataDir}/spider/test_suite_database/${id}`;
  if (dataDir === undefined || !await isFolder(folder)) return [];
  const files: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".sqlite")) files.push(`${folder}/${name}`);
  }
  return files.sort();
}

/**
 * Every CREATE TABLE statement, SQLite's own too (sqlite_sequence), each with `rows` example rows as a comment
 * (Spider: 3, BIRD: 0), laid out as Qwen2.5-Coder's generator does.
 */
export function schemaText(from: Database, { rows }: { rows: number }): string {
  const database = opened(from);
  try {
    const tables = database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
      .all() as { name: string; sql: string }[];
    return tables.map(({ name, sql }) =>
      rows > 0 ? `${sql};\n${examples(database, name, rows)}` : `${sql};`
    ).join("\n\n");
  } finally {
    database.close();
  }
}

function opened(from: Database): DatabaseSync {
  if ("database" in from) return new DatabaseSync(from.database, { readOnly: true });
  const database = new DatabaseSync(":memory:", { enableDoubleQuotedStringLiterals: true });
  // A script from a data folder makes tables and nothing else.
  (database as DatabaseSync & { setAuthorizer(allowed: (action: number) => number): void })
    .setAuthorizer((action) => action === ATTACH ? 1 : 0);
  database.exec(from.schema);
  return database;
}

/** SQLITE_ATTACH of sqlite3.h. */
const ATTACH = 24;

function examples(database: DatabaseSync, table: string, rows: number): string {
  const query = `SELECT * FROM "${table.replaceAll('"', '""')}" LIMIT ${rows}`;
  const statement = database.prepare(query);
  statement.setReadBigInts(true);
  const found = statement.all() as Record<string, unknown>[];
  const columns = statement.columns().map(({ name }) => name);
  const lines = [columns, ...found.map((row) => columns.map((name) => pythonText(row[name])))];
  return `/*\n${rows} example rows:\nSELECT * FROM ${table} LIMIT ${rows};\n${
    lines.map((line) => line.join("    ")).join("\n")
  }\n*/`;
}

/** `str()` of a value from a database; a REAL is the only one that comes as a number. */
function pythonText(value: unknown): string {
  if (value === null) return "None";
  return typeof value === "number" ? pyFloatText(value) : String(value);
}

/** Schemas of the databases that a benchmark's items ask about. */
export class DatabaseSchemas {
  readonly #texts = new Map<string, string>();

  constructor(readonly task: string, readonly options: { rows: number }) {}

  /** The items; their databases stand in the same folder as the questions. */
  async *items(data: OpenedSource): AsyncGenerator<Item> {
    const { where } = data.files[0];
    const dataDir = where.slice(0, where.lastIndexOf(`/${this.task}/`));
    for await (const item of rowItems(this.task)(data)) {
      const id = String(item.doc.db_id);
      if (!this.#texts.has(id)) {
        const database = await findDatabase(dataDir, { task: this.task, id });
        if ("why" in database && !data.sample) {
          throw new Refusal(`Cannot ask item "${item.id}": ${database.why}, expected its schema`);
        }
        this.#texts.set(id, "why" in database ? "" : schemaText(database, this.options));
      }
      yield item;
    }
  }

  /** The schema of an item's database; empty where a sample lacks it, and such items are not scored. */
  of(doc: Doc): string {
    return this.#texts.get(String(doc.db_id)) ?? "";
  }
}
