/** BFCL v3's multi-turn items: the dialogue with the simulated APIs, and the check of states and results. */
import { toPython } from "../calls/py_json.ts";
import { PyDict, PyError, pyRepr, pyStr, type PyValue } from "../calls/py_value.ts";
import type { Score } from "../task.ts";
import type { LongContext } from "./apis/api.ts";
import { callText, decodeCalls } from "./decode.ts";
import { type CallScore, categoryOf, scoreBfcl } from "./score.ts";
import { World } from "./world.ts";

/** Steps in one turn after which an item is given up. */
const MAX_STEPS = 20;

/** What multi-turn items may use. */
export interface MultiTurnOptions {
  /** Texts of `long_context` items; without them such items run on the short ones. */
  readonly longContext?: LongContext;
}

/** Call texts of one answer; empty when it does not decode or holds no call. */
export function executableCalls(text: string): string[] {
  const decoded = decodeCalls(text);
  if (!("calls" in decoded)) return [];
  try {
    return decoded.calls.map(callText);
  } catch (error) {
    if (error instanceof PyError) return [];
    throw error;
  }
}

function worldOf(item: PyDict, { longContext }: MultiTurnOptions): World {
  const long = String(item.get("id")).includes("long_context");
  return new World(item, long ? longContext : undefined);
}

/** A dialogue: each answer gives results of its calls, or the next turn's question, or ends it. */
export class MultiTurnDialogue {
  readonly #world: World;
  readonly #item: PyDict;
  readonly #turns: string[][] = [[]];
  #over = false;

  constructor(doc: unknown, options: MultiTurnOptions = {}) {
    this.#item = itemOf(doc);
    this.#world = worldOf(this.#item, options);
  }

  /** The answers so far, turn by turn. */
  get turns(): readonly (readonly string[])[] {
    return this.#turns;
  }

  /** Takes an answer; gives the user's next message, undefined when the dialogue is over. */
  answer(text: string): string | undefined {
    if (this.#over) return undefined;
    const turn = this.#turns.at(-1)!;
    turn.push(text);
    const calls = executableCalls(text);
    if (calls.length === 0) return this.#nextTurn();
    const results = calls.map((name) =>
      PyDict.of({ role: "tool", name, content: this.#world.execute(name) })
    );
    if (turn.length > MAX_STEPS) {
      this.#over = true;
      return undefined;
    }
    return pyRepr(results);
  }

  #nextTurn(): string | undefined {
    const questions = listOf(this.#item, "question");
    const turn = this.#turns.length;
    if (turn >= (questions.length || listOf(this.#item, "ground_truth").length)) {
      this.#over = true;
      return undefined;
    }
    this.#turns.push([]);
    const heldBack = this.#item.get("missed_function");
    const functions = heldBack instanceof PyDict ? heldBack.get(String(turn)) : undefined;
    if (functions !== undefined) {
      return `${pyStr(functions)}\n${ADDITIONAL_FUNCTIONS}`;
    }
    const messages = (questions[turn] ?? []) as PyValue[];
    return messages.map((message) => pyStr((message as PyDict).get("content") ?? "")).join("\n\n");
  }
}

const ADDITIONAL_FUNCTIONS =
  "I have updated some more functions you can choose from. What about now?";

/** The answers of a dialogue in turns, and what comes next; for callers that keep answers alone. */
export function replayDialogue(
  doc: unknown,
  outputs: readonly string[],
  options: MultiTurnOptions = {},
): { turns: readonly (readonly string[])[]; next: string | undefined } {
  const dialogue = new MultiTurnDialogue(doc, options);
  let next: string | undefined;
  for (const output of outputs) next = dialogue.answer(output);
  return { turns: dialogue.turns, next };
}

/** Scores the answers of all turns, each a list of steps. `doc` is the item with its `ground_truth`. */
export function scoreMultiTurn(
  turns: readonly (readonly string[])[],
  doc: unknown,
  options: MultiTurnOptions = {},
): CallScore {
  const item = itemOf(doc);
  const wanted = listOf(item, "ground_truth") as PyValue[][];
  const fault = turns.length === wanted.length
    ? guarded(() => firstFault(turns, wanted, () => worldOf(item, options)))
    : { error: "force_terminated", at: `${turns.length} turns, expected ${wanted.length}` };
  return {
    metrics: { valid: fault ? 0 : 1 },
    ...(fault ? { diagnostics: { error_type: `multi_turn:${fault.error}`, at: fault.at } } : {}),
  };
}

/**
 * Scores what a model said to any item: its one answer, or the answers of a dialogue, either in turns or
 * as they came. Those of a dialogue that would go on to further turns, as when its first one alone was
 * sampled in a pipe, say nothing of it.
 */
export function scoreBfclOutputs(
  outputs: readonly (string | readonly string[])[],
  doc: unknown,
  options: MultiTurnOptions = {},
): Score {
  const nested = outputs.some((output) => typeof output !== "string");
  if (!categoryOf(doc).includes("multi_turn")) {
    return scoreBfcl(String(outputs.flat().at(-1) ?? ""), doc);
  }
  if (nested) {
    const turns = outputs.map((turn) => typeof turn === "string" ? [turn] : turn);
    return scoreMultiTurn(turns, doc, options);
  }
  const { turns, next } = replayDialogue(doc, outputs as readonly string[], options);
  const wanted = listOf(itemOf(doc), "ground_truth").length;
  if (next !== undefined && turns.length < wanted) {
    return { metrics: {}, not_run: `its dialogue ends in turn ${turns.length} of ${wanted}` };
  }
  return scoreMultiTurn(turns, doc, options);
}

interface TurnFault {
  readonly error: string;
  readonly at: string;
}

/** A state that cannot be compared (a directory inside itself) is not the right one. */
function guarded(check: () => TurnFault | undefined): TurnFault | undefined {
  try {
    return check();
  } catch (error) {
    if (error instanceof PyError) return { error: "instance_state_mismatch", at: error.message };
    throw error;
  }
}

function firstFault(
  turns: readonly (readonly string[])[],
  wanted: readonly PyValue[][],
  fresh: () => World,
): TurnFault | undefined {
  const [model, reference] = [fresh(), fresh()];
  const results: string[] = [];
  for (const [index, truth] of wanted.entries()) {
    const steps = turns[index].map(executableCalls).filter((calls) => calls.length > 0);
    for (const calls of steps) results.push(...calls.map((call) => model.execute(call)));
    const expected = truth.map((call) => reference.execute(String(call)));
    if (truth.length === 0) continue; // executed, not judged
    const at = `turn ${index}`;
    if (steps.length === 0) return { error: "empty_turn_model_response", at };
    const different = model.differenceFrom(reference);
    if (different) return { error: "instance_state_mismatch", at: `${at}, ${different}` };
    if (!containsAll(results, expected)) return { error: "execution_response_mismatch", at };
  }
  return undefined;
}

/** Whether the results hold each expected one, as often as it is expected. */
function containsAll(results: readonly string[], expected: readonly string[]): boolean {
  const left = new Map<string, number>();
  for (const result of results) left.set(result, (left.get(result) ?? 0) + 1);
  return expected.every((result) => {
    const count = left.get(result) ?? 0;
    left.set(result, count - 1);
    return count > 0;
  });
}

function itemOf(doc: unknown): PyDict {
  const item = toPython(doc);
  return item instanceof PyDict ? item : new PyDict();
}

function listOf(item: PyDict, field: string): PyValue[] {
  const value = item.get(field);
  return Array.isArray(value) ? value : [];
}
