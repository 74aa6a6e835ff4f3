/** YAML to rows. */
import { parseDocument } from "yaml";
import { Refusal } from "../refusal.ts";
import { type ByteSource, readText } from "./bytes.ts";
import { rowsIn } from "./json.ts";
import type { Row } from "./source.ts";

/** Rows of a YAML file, as `readJson` finds them. */
export async function* readYaml(source: ByteSource, at?: string): AsyncGenerator<Row> {
  const top = parseYaml(await readText(source), source.name);
  yield* rowsIn(top, { name: source.name, at });
}

/** The value of a YAML text; aliases that blow it up refuse. `where` names it in a refusal. */
export function parseYaml(text: string, where: string): unknown {
  try {
    const document = parseDocument(text);
    // A warning, as of a tag that is not known, would be printed and the text read some other way.
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw problem;
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    // The place stands in the first line; a picture of it follows.
    const [message] = (cause instanceof Error ? cause.message : String(cause)).split(/:?\n/);
    throw new Refusal(`Cannot read ${where} as YAML: ${message}`, { cause });
  }
}
