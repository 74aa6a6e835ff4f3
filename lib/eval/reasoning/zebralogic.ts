/** ZebraLogic (Lin et al., 2025), grid mode: ZeroEval's parser and scorer. */
import type { Message } from "../../records/record.ts";
import { bounded, strip } from "../choice/python_text.ts";
import { field } from "../choice/row.ts";
import { ZEBRA_EXAMPLE } from "./zebralogic_example.ts";
import type { Doc, Score } from "../task.ts";

interface Grid {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Stands for a cell that is not released. */
const BLANK = "___";

/**
 * `solved`: every cell right; `correct_cells`, `total_cells`; `parsed`: a JSON object with a solution was
 * found. A row whose solution is blanked has no metrics.
 */
export function scoreZebralogic(text: string, doc: Doc): Score {
  const cells = cellsOf(doc);
  if (cells.length === 0 || isBlanked(doc)) return { metrics: {} };
  const solution = solutionIn(bounded(text));
  const correct = cells.filter((cell) => said(solution, cell) === plain(cell.value)).length;
  const parsed = solution !== undefined;
  return {
    metrics: {
      solved: correct === cells.length ? 1 : 0,
      correct_cells: correct,
      total_cells: cells.length,
      parsed: parsed ? 1 : 0,
    },
    extracted: parsed ? JSON.stringify(solution) : null,
    ...(parsed ? {} : { unparsed: true }),
  };
}

/** Whether a row's solution has cells that are not released. */
export function isBlanked(doc: Doc): boolean {
  return cellsOf(doc).some(({ value }) => value === BLANK);
}

interface Cell {
  readonly house: string;
  readonly column: string;
  readonly value: string;
}

/** Cells of all houses, none without a solution; the first column is the house's number. */
function cellsOf(doc: Doc): Cell[] {
  const { header, rows } = (doc?.solution ?? {}) as Partial<Grid>;
  if (!Array.isArray(header) || !Array.isArray(rows)) return [];
  return rows.flatMap((row, i) =>
    header.slice(1).map((column, j) => ({
      house: `House ${i + 1}`,
      column,
      value: String(row?.[j + 1] ?? ""),
    }))
  );
}

/**
 * `solution` of the last top-level `{...}`. Braces are counted inside strings too, as published: one brace
 * too many in the reasoning loses the answer.
 */
function solutionIn(text: string): unknown {
  let depth = 0;
  let start = -1;
  let last = "";
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "{") {
      if (depth++ === 0) start = i;
    } else if (text[i] === "}" && depth > 0 && --depth === 0) last = text.slice(start, i + 1);
  }
  try {
    return JSON.parse(last.replaceAll("\n", ""))?.solution ?? undefined;
  } catch {
    return undefined;
  }
}

/** What a solution has in a cell, compared form; of a list the first element. Other kinds count as wrong. */
function said(solution: unknown, { house, column }: Cell): string | undefined {
  const value = own(own(solution, house), column);
  const first = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" && first !== "" ? plain(first) : undefined;
}

function own(value: unknown, key: string): unknown {
  const table = typeof value === "object" && value !== null && !Array.isArray(value);
  return table && Object.hasOwn(value, key) ? (value as Doc)[key] : undefined;
}

function plain(cell: string): string {
  return strip(cell.toLowerCase());
}

const CLASSES: readonly [name: string, sizes: string][] = [
  ["small", "2*2 2*3 2*4 2*5 2*6 3*2 3*3 4*2"],
  ["medium", "3*4 3*5 3*6 4*3 4*4 5*2 6*2"],
  ["large", "4*5 5*3 4*6 5*4 6*3"],
  ["x-large", "5*5 6*4 5*6 6*5 6*6"],
];

/** The paper's class of a puzzle's size (houses * attributes). */
export function zebraClass(doc: Doc): string {
  const size = field(doc, "size");
  return CLASSES.find(([, sizes]) => sizes.split(" ").includes(size))?.[0] ?? "other";
}

/** A solved example, the puzzle, and the JSON form of the answer with a line for each cell. */
export function promptZebralogic(doc: Doc): Message[] {
  const houses: Record<string, Record<string, string>> = {};
  for (const { house, column } of cellsOf(doc)) {
    (houses[house] ??= {})[column] = BLANK;
  }
  const form = JSON.stringify({ reasoning: BLANK, solution: houses }, null, 4);
  const content = `\n# Example Puzzle \n\n${ZEBRA_EXAMPLE}\n\n# Puzzle to Solve \n\n` +
    `${
      field(doc, "puzzle")
    }\n\n\n# Instruction\n\nNow please solve the above puzzle. Present your ` +
    `reasoning and solution in the following json format:\n\n${form}\n\n`;
  return [{ role: "user", content }];
}
