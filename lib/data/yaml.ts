/** YAML to rows. */
import { parse } from "yaml";
import { Refusal } from "../refusal.ts";
import { type ByteSource, readText } from "./bytes.ts";
import { rowsIn } from "./json.ts";
import type { Row } from "./source.ts";

/** Rows of a YAML file, as `readJson` finds them; aliases that blow a file up refuse. */
export async function* readYaml(source: ByteSource, at?: string): AsyncGenerator<Row> {
  const text = await readText(source);
  let top: unknown;
  try {
    top = parse(text, { maxAliasCount: 100 });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal(`Cannot read ${source.name} as YAML: ${message}`, { cause });
  }
  yield* rowsIn(top, { name: source.name, at });
}
