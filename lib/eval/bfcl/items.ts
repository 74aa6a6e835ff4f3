/** BFCL v3's files as items: questions with their answers, multi-turn ones with their functions. */
import type { OpenedSource } from "../../data/source.ts";
import { parseExactJson } from "../../records/json.ts";
import { pyJson, toPython } from "../calls/py_json.ts";
import { PyDict, type PyValue } from "../calls/py_value.ts";
import { exactRows } from "../items.ts";
import type { Doc, Item } from "../task.ts";
import { FUNCTION_FILES, withFunctions } from "./prompt.ts";

/** File of a category's questions. */
export function questionFile(category: string): string {
  return `BFCL_v3_${category}.json`;
}

/** File of a category's answers; irrelevance and relevance have none. */
export function answerFile(category: string): string | undefined {
  return category.endsWith("relevance") ? undefined : `possible_answer/BFCL_v3_${category}.json`;
}

/** File of the functions of a simulated API. */
export function functionFile(name: string): string {
  return `multi_turn_func_doc/${name}`;
}

/** Items of the categories whose files are there, in the order given. */
export async function* bfclItems(
  data: OpenedSource,
  categories: readonly string[],
): AsyncGenerator<Item> {
  const documents = new Map<string, PyValue[]>();
  for (const [name, file] of FUNCTION_FILES) {
    documents.set(name, (await exactRows(data, functionFile(file))).map(toPython));
  }
  for (const category of categories) {
    const answers = new Map<unknown, unknown>();
    const file = answerFile(category);
    for (const { id, ground_truth } of file ? await exactRows(data, file) : []) {
      answers.set(id, ground_truth);
    }
    for (const row of await exactRows(data, questionFile(category))) {
      const truth = answers.has(row.id) ? { ground_truth: answers.get(row.id) } : {};
      const whole = { category, ...row, ...truth };
      const doc = category.startsWith("multi_turn") ? described(whole, documents) : whole;
      yield { id: `bfcl_v3/${row.id}`, doc };
    }
  }
}

function described(row: Doc, documents: ReadonlyMap<string, readonly PyValue[]>): Doc {
  const item = withFunctions(toPython(row) as PyDict, documents);
  return parseExactJson(pyJson(item), `item ${row.id}`) as Doc;
}
