/**
 * CodeIF-Bench's requirements (Wang et al., 2025), the official script's ways 2 to 4: one prompt for each, one
 * more user turn for each, and one dialogue through all of them.
 */
import type { OpenedSource } from "../../data/source.ts";
import type { CodeRunner } from "../../exec/executors.ts";
import type { Verdict } from "../../exec/executor.ts";
import type { Message } from "../../records/record.ts";
import { Refusal } from "../../refusal.ts";
import { splitLines, strip } from "../choice/python_text.ts";
import { nothing, scoreOf } from "../coding/verdict.ts";
import type { Doc, Item, Output, Score, ScoreTools } from "../task.ts";
import { asserts, codeifProgram, codeifPrompt, runCodeif } from "./score.ts";

/** Tested without the base asserts where it is asked alone, and not at all in a dialogue. */
const EXTENSION = "Functionality Extension";

/** Modules of some unit tests, which the embedded interpreter does not have. */
const LIBRARIES = /\b(?:mccabe|pycodestyle)\b/;
const IMPORT_LIBRARIES = "import mccabe, pycodestyle";
/** Time in ms for importing them. */
const IMPORT_MS = 20_000;

/** What the model is asked, and the asserts that tell whether it obeyed. */
interface Requirement {
  readonly text: string;
  readonly tests: readonly string[];
}

function requirementOf(doc: Doc, category: unknown): Requirement {
  const all = (doc.requirements ?? {}) as Record<string, Record<string, unknown> | undefined>;
  const { requirement = "", unit_test = [] } = all[String(category)] ?? {};
  return { text: String(requirement), tests: asserts(unit_test) };
}

const DEMAND = "The function should meet the following requirements: ";

/** The next user message: a requirement. */
function demand(doc: Doc, category: unknown): string {
  return `${DEMAND}${requirementOf(doc, category).text}`;
}

/** An item for each requirement of each row; `category` in its doc says which. */
export function requirementItems(name: string): (data: OpenedSource) => AsyncGenerator<Item> {
  return async function* (data) {
    for await (const row of data.rows()) {
      for (const category of Object.keys(row.requirements ?? {})) {
        const id = `${name}/${row.task_id}/${metricOf(category)}`;
        yield { id, doc: { category, ...row } };
      }
    }
  };
}

/** Way 2: the task and one requirement as the only user turn. */
export function requirementPrompt(doc: Doc): Message[] {
  const [{ content }] = codeifPrompt(doc);
  return [{ role: "user", content: `${content}. ${demand(doc, doc.category)}` }];
}

/** Way 3: one more turn, with the requirement. */
export function nextFeedback(doc: Doc, outputs: readonly string[]): Promise<string | undefined> {
  return Promise.resolve(outputs.length === 1 ? demand(doc, doc.category) : undefined);
}

/**
 * Way 4: the next requirement in the row's `multi-turn` order. As published, the first message holds the earlier ones,
 * and of the answers the last alone is shown.
 */
export function nextRequirement(
  doc: Doc,
  outputs: readonly string[],
): Promise<Message[] | undefined> {
  const asked = askedIn(doc);
  const category = asked[outputs.length - 1];
  if (category === undefined) return Promise.resolve(undefined);
  const [{ content }] = codeifPrompt(doc);
  const earlier = asked.slice(0, outputs.length - 1).map((each) => requirementOf(doc, each).text);
  const task = earlier.length > 0 ? `${content}${DEMAND}${earlier.join("")}` : content;
  return Promise.resolve([
    { role: "user", content: task },
    { role: "assistant", content: outputs.at(-1)! },
    { role: "user", content: demand(doc, category) },
  ]);
}

/** Categories of a dialogue's turns after the first; those after the last one with tests are not asked. */
function askedIn(doc: Doc): string[] {
  const order = Array.isArray(doc["multi-turn"]) ? doc["multi-turn"].map(String) : [];
  return order.slice(0, order.findLastIndex((category) => category !== EXTENSION) + 1);
}

/** Turns of a row's dialogue that are tested. */
export function testedTurns(doc: Doc): number {
  return askedIn(doc).filter((category) => category !== EXTENSION).length;
}

/**
 * The program that ways 2 to 4 run: without blocks of `"""` that stand after four spaces and before a line end
 * (where a docstring opens, or closes), each up to the next `"""`, and without blank lines.
 */
export function reducedProgram(answer: string): string {
  const program = codeifProgram(answer);
  const opening = / {4}"""\r?\n/g;
  let kept = "";
  let from = 0;
  for (let at = opening.exec(program); at; at = opening.exec(program)) {
    const close = program.indexOf('"""', opening.lastIndex);
    if (close < 0) break;
    kept += program.slice(from, at.index);
    from = opening.lastIndex = close + 3;
  }
  const rest = kept + program.slice(from);
  return splitLines(rest).filter((line) => strip(line) !== "").join("\n");
}

/** Ways 2 and 3, `passed`: the last answer against the base asserts and those of its requirement. */
export async function scoreRequirement(text: string, doc: Doc, tools: ScoreTools): Promise<Score> {
  const { tests } = requirementOf(doc, doc.category);
  const all = doc.category === EXTENSION ? tests : [...asserts(doc.test), ...tests];
  const lacking = await lackingFor(all, tools.code);
  if (lacking !== undefined) return { metrics: {}, not_run: lacking };
  if (text.trim() === "") return nothing("passed");
  const verdict = await judge(text, { tests: all, tools });
  return scoreOf(verdict, { metric: "passed", extracted: reducedProgram(text) });
}

/** Way 3 of a whole dialogue. */
export async function scoreFeedback(
  text: string,
  doc: Doc,
  tools: ScoreTools,
  outputs: readonly Output[],
): Promise<Score> {
  return cutShort(outputs, 2) ?? await scoreRequirement(text, doc, tools);
}

/**
 * Way 4: each turn's answer against the base asserts and those of all requirements so far. `passed` is the
 * share of turns that pass, `judged` the share that could be run here; a metric for each category.
 */
export async function scoreTurns(
  _text: string,
  doc: Doc,
  tools: ScoreTools,
  outputs: readonly Output[],
): Promise<Score> {
  const asked = askedIn(doc);
  const short = cutShort(outputs, asked.length + 1);
  if (short) return short;
  const tests = asserts(doc.test);
  const answers = outputs.flat().slice(1);
  const verdicts = new Map<string, Verdict>();
  let lacking: string | undefined;
  for (const [turn, category] of asked.entries()) {
    if (category === EXTENSION) continue;
    tests.push(...requirementOf(doc, category).tests);
    lacking = await lackingFor(tests, tools.code);
    if (lacking !== undefined) break;
    verdicts.set(category, await judge(answers[turn], { tests, tools }));
  }
  if (verdicts.size === 0) return { metrics: {}, not_run: lacking ?? "its row has no requirement" };
  const parts = Array.from(verdicts, ([category, verdict]) => {
    return [metricOf(category), verdict.status === "passed" ? 1 : 0] as const;
  });
  const all = [...verdicts.values()];
  return {
    metrics: {
      passed: parts.reduce((sum, [, passed]) => sum + passed, 0) / parts.length,
      judged: parts.length / testedTurns(doc),
      ...Object.fromEntries(parts),
    },
    ...(answers.every((answer) => answer.trim() === "") ? { unparsed: true } : {}),
    ...(all.some(({ status }) => status === "timeout") ? { timeout: true } : {}),
    executor: [...new Set(all.map(({ executor }) => executor))].join(", "),
  };
}

/** Says that a dialogue did not get to its end, as when its first turn alone was sampled in a pipe. */
function cutShort(outputs: readonly Output[], wanted: number): Score | undefined {
  const found = outputs.flat().length;
  if (found >= wanted) return undefined;
  return { metrics: {}, not_run: `its dialogue has ${found} of ${wanted} answers` };
}

/** "Input-Output Conditions" as "input_output_conditions". */
function metricOf(category: string): string {
  return category.toLowerCase().replace(/[^a-z0-9]/g, "_");
}

function judge(
  answer: string,
  { tests, tools }: { tests: readonly string[]; tools: ScoreTools },
): Promise<Verdict> {
  const program = reducedProgram(answer);
  const system = needsLibraries(tests) ? "require" : undefined;
  return runCodeif(program, { tests, tools, system });
}

function needsLibraries(tests: readonly string[]): boolean {
  return tests.some((test) => LIBRARIES.test(test));
}

/** What runners were found to lack, each asked once. */
const LACKING = new WeakMap<CodeRunner, Promise<string | undefined>>();

/** Why these tests cannot run here; undefined when they can. */
async function lackingFor(tests: readonly string[], code: CodeRunner): Promise<string | undefined> {
  if (!needsLibraries(tests)) return undefined;
  let lacking = LACKING.get(code);
  if (!lacking) LACKING.set(code, lacking = findLacking(code));
  return await lacking;
}

async function findLacking(code: CodeRunner): Promise<string | undefined> {
  try {
    const { status, message } = await code.run({
      language: "python",
      files: { "main.py": "" },
      entry: "main.py",
      check: IMPORT_LIBRARIES,
      timeoutMs: IMPORT_MS,
    }, { system: "require", task: "codeif_bench" });
    if (status === "passed") return undefined;
    return `needs CPython with mccabe and pycodestyle: ${message}`;
  } catch (error) {
    // No sandbox: the other requirements need none.
    if (error instanceof Refusal) return `needs CPython with mccabe and pycodestyle: no sandbox`;
    throw error;
  }
}
