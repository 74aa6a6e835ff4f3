/** JSON and JSON Lines to rows. */
import { parseJson } from "../records/json.ts";
import { lines } from "../records/lines.ts";
import { kindOf } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import { type ByteSource, readText } from "./bytes.ts";
import type { Row } from "./source.ts";

/** Longest line: programming tasks carry their hidden tests in it. */
const MAX_LINE = 256 << 20;

/** Rows of JSON Lines; blank lines are none. */
export async function* readJsonLines(source: ByteSource): AsyncGenerator<Row> {
  for await (const { text, number } of filledLines(source)) {
    const where = `${source.name}:${number}`;
    yield rowOf(parseJson(text, where), where);
  }
}

/** How many rows `readJsonLines` gives, without parsing them. */
export async function countJsonLines(source: ByteSource): Promise<number> {
  let count = 0;
  for await (const _ of filledLines(source)) count++;
  return count;
}

async function* filledLines(source: ByteSource) {
  for await (const line of lines(source.stream(), { source: source.name, maxLine: MAX_LINE })) {
    if (line.text.trim() !== "") yield line;
  }
}

/** Rows of a JSON file (`SourceFile.at` says which); JSON Lines under the name `.json` are found out. */
export async function* readJson(source: ByteSource, at?: string): AsyncGenerator<Row> {
  const text = await readText(source);
  if (at === undefined && isJsonLines(text)) return yield* readJsonLines(source);
  yield* rowsIn(parseJson(text, source.name), { name: source.name, at });
}

/** Rows in the value of a whole file; `at` as in `SourceFile`. */
export function* rowsIn(
  top: unknown,
  { name, at }: { name: string; at: string | undefined },
): Generator<Row> {
  if (at === undefined && !Array.isArray(top)) return yield rowOf(top, name);
  const rows = at ? rowOf(top, name)[at] : top;
  if (Array.isArray(rows)) {
    for (const [i, row] of rows.entries()) yield rowOf(row, `${name}: element ${i}`);
  } else if (kindOf(rows) === "object") {
    for (const [key, row] of Object.entries(rows as object)) {
      yield { _key: key, ...rowOf(row, `${name}: key ${JSON.stringify(key)}`) };
    }
  } else {
    throw new Refusal(
      `Cannot read ${name}: key "${at}" holds ${kindOf(rows)}, expected array or object`,
    );
  }
}

/** Whether the first line is a whole object and another follows. */
function isJsonLines(text: string): boolean {
  const end = text.indexOf("\n");
  const first = text.slice(0, end).trim();
  if (end < 0 || !first.startsWith("{") || !first.endsWith("}")) return false;
  if (text.slice(end).trim() === "") return false;
  try {
    JSON.parse(first);
    return true;
  } catch {
    return false; // a pretty-printed object
  }
}

function rowOf(value: unknown, where: string): Row {
  if (kindOf(value) === "object") return value as Row;
  throw new Refusal(`Cannot read ${where}: found ${kindOf(value)}, expected object`);
}
