/** Questions answered by SQL queries that are run: Spider (Yu et al., 2018), BIRD (Li et al., 2023). */
import type { Comparison, SqlRequest } from "../../exec/sqlite.ts";
import type { Message } from "../../records/record.ts";
import type { Doc, Score, ScoreTools } from "../task.ts";
import { type Database, findDatabase, testSuite } from "./database.ts";
import { answerText } from "./extract.ts";
import { nothing } from "./verdict.ts";

/** For both queries of an item. */
const LIMIT_MS = 30_000;

const FINAL = "Please output only the final SQL query, starts with keyword `SELECT`. ";

/** The schema, then the question; `schema` is `schemaText` of the row's database. */
export function spiderPrompt(doc: Doc, schema: string): Message[] {
  const content =
    `${schema}\n\n\n-- Using valid SQLite, answer the following questions for the tables provided above.\nQuestion: ${doc.question}\n${FINAL}`;
  return [{ role: "user", content }];
}

/** The same with the row's evidence. */
export function birdPrompt(doc: Doc, schema: string): Message[] {
  const content =
    `${schema}\n\n\n-- External Knowledge: ${doc.evidence}\n-- Using valid SQLite and understading External Knowledge, answer the following questions for the tables provided above.\nQuestion: ${doc.question}\n${FINAL}`;
  return [{ role: "user", content }];
}

/**
 * `exec`: the rule of the official test-suite evaluation on the one original database, DISTINCT taken out of both
 * queries; `exec_keep_distinct` leaves it in; `exec_bird_rule` compares sets of rows. `test_suite`, where the
 * distilled databases are at hand: `exec` on every one of them.
 */
export async function scoreSpider(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const query = extractSql(text);
  if (query === undefined) return nothing("exec", "exec_keep_distinct", "exec_bird_rule");
  const gold = String(doc.query);
  const [wanted, answer] = [repaired(gold), repaired(query)];
  const comparisons: Comparison[] = [
    testSuiteComparison("exec", withoutDistinct(wanted), withoutDistinct(answer)),
    testSuiteComparison("exec_keep_distinct", wanted, answer),
    // BIRD's harness runs queries as they are.
    { name: "exec_bird_rule", gold, answer: query, rule: "set" },
  ];
  const score = await scoreSql(query, { doc, tools, task: "spider", comparisons });
  if (score.not_run !== undefined) return score;
  const suite = await scoreSuite(doc, tools, comparisons[0]);
  return suite === undefined
    ? score
    : { ...score, metrics: { ...score.metrics, test_suite: suite } };
}

/** `ex`: equal sets of rows; `ex_spider_rule`: as bags, or lists where the reference orders them. */
export async function scoreBird(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const query = extractSql(text);
  if (query === undefined) return nothing("ex", "ex_spider_rule");
  const gold = String(doc.SQL);
  return await scoreSql(query, {
    doc,
    tools,
    task: "bird_sql",
    comparisons: [
      { name: "ex", gold, answer: query, rule: "set" },
      testSuiteComparison("ex_spider_rule", repaired(gold), repaired(query)),
    ],
  });
}

/** A fence that begins and ends anywhere in a line; CodeFuse's, and the last one may lack its end. */
const BLOCK = /```[^\n`]*\n([^]*?)(?:```|$)/;

/** The query in an answer: the first block, else the whole text without fences, up to the first semicolon. */
export function extractSql(answer: string): string | undefined {
  const text = answerText(answer);
  const query = (BLOCK.exec(text)?.[1] ?? text.replaceAll("```", "")).split(";")[0].trim();
  return query === "" ? undefined : query;
}

function testSuiteComparison(name: string, gold: string, answer: string): Comparison {
  return { name, gold, answer, rule: gold.toLowerCase().includes("order by") ? "list" : "bag" };
}

/** Operators torn apart, and a function that SQLite lacks. */
function repaired(query: string): string {
  return query.replaceAll("> =", ">=").replaceAll("< =", "<=").replaceAll("! =", "!=")
    .replace(/YEAR\s{0,9}\(\s{0,9}CURDATE\s{0,9}\(\s{0,9}\)\s{0,9}\)\s{0,9}/gi, "2020");
}

/** A query without the keyword DISTINCT; what is quoted stays. */
export function withoutDistinct(query: string): string {
  return query.replace(
    /'[^']*'|"[^"]*"|`[^`]*`|\bdistinct\b/gi,
    (token) => token.toLowerCase() === "distinct" ? "" : token,
  );
}

async function scoreSql(
  query: string,
  { doc, tools, task, comparisons }: {
    doc: Doc;
    tools: ScoreTools;
    task: string;
    comparisons: Comparison[];
  },
): Promise<Score> {
  const database = await findDatabase(tools.dataDir, { task, id: String(doc.db_id) });
  if ("why" in database) return { metrics: {}, not_run: database.why };
  const { equal, status, message, executor } = await tools.code.sql(request(database, comparisons));
  const [headline] = comparisons;
  if (equal[headline.name] === null) return { metrics: {}, not_run: message };
  const metrics = Object.fromEntries(
    Object.entries(equal).filter((entry): entry is [string, number] => entry[1] !== null),
  );
  return {
    metrics,
    ...(status === "timeout" ? { timeout: true } : {}),
    extracted: query,
    executor,
  };
}

function request(database: Database, comparisons: Comparison[]): SqlRequest {
  return { ...database, comparisons, timeoutMs: LIMIT_MS };
}

/** 1 when the queries agree on every distilled database; undefined without any. */
async function scoreSuite(
  doc: Doc,
  tools: ScoreTools,
  comparison: Comparison,
): Promise<number | undefined> {
  const databases = await testSuite(tools.dataDir, String(doc.db_id));
  if (databases.length === 0) return undefined;
  for (const database of databases) {
    const { equal } = await tools.code.sql(request({ database }, [comparison]));
    if (equal[comparison.name] !== 1) return 0;
  }
  return 1;
}
