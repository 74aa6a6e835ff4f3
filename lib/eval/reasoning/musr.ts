/** MuSR (Sprague et al., 2024). Default: OpenCompass's rule; beside it the official one. */
import type { Row } from "../../data/source.ts";
import type { Message } from "../../records/record.ts";
import { bounded, strip } from "../choice/python_text.ts";
import { field, listField } from "../choice/row.ts";
import { asciiDigits, pyInt } from "../math/text.ts";
import type { Doc, Score } from "../task.ts";

/** `opencompass`: the first number of the first answer line; `official`: the gold digit in the last one. */
export function scoreMusr(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const gold = Number(field(doc, "answer") || NaN) + 1;
  if (!Number.isSafeInteger(gold)) return { metrics: {} };
  const number = firstNumber(answer);
  const official = officialMatch(answer, gold, listField(doc, "choices")?.length ?? 0);
  return {
    metrics: {
      opencompass: number !== undefined && pyInt(number) === BigInt(gold) ? 1 : 0,
      ...(official === undefined ? {} : { official: official ? 1 : 0 }),
    },
    extracted: number ?? null,
    ...(number === undefined ? { unparsed: true } : {}),
  };
}

function firstNumber(answer: string): string | undefined {
  const line = answer.split("\n").find((each) => each.includes("ANSWER:"));
  const number = line && /\p{Nd}+/u.exec(line.split("ANSWER:").at(-1)!)?.[0];
  return number === undefined ? undefined : asciiDigits(number);
}

/** Undefined where no choice's digit stands in the line: the published script then draws one at random. */
function officialMatch(answer: string, gold: number, choices: number): boolean | undefined {
  const lines = answer.toLowerCase().split("\n").filter((line) => line.includes("answer:"));
  const said =
    lines.map((line) => strip(line.split("answer:").at(-1)!)).filter((rest) => rest !== "").at(
      -1,
    ) ?? "";
  const guess = !Array.from({ length: choices }, (_, i) => i + 1).some((n) =>
    said.includes(String(n))
  );
  return guess ? undefined : said.includes(String(gold));
}

const SYSTEM = "You are a helpful assistant that will answer the questions given by the user.";
const REASON =
  "Explain your reasoning step by step before you answer. Finally, the last thing you " +
  'generate should be "ANSWER: (your answer here, including the choice number)"';

/** What the "cot+" prompt tells about each domain's puzzles. */
const HINTS = {
  murder:
    "Before selecting a choice, explain your reasoning step by step. The murderer needs to have " +
    "a means (access to weapon), motive (reason to kill the victim), and opportunity (access to crime " +
    "scene) in order to have killed the victim. Innocent suspects may have two of these proven, but not " +
    "all three. An innocent suspect may be suspicious for some other reason, but they will not have all " +
    "of motive, means, and opportunity established.\n\nIf you believe that both suspects have motive, " +
    "means, and opportunity, you should make an educated guess and pick the one for whom these are best " +
    "established. If you believe that neither suspect has all three established, then choose the suspect " +
    "where these are most clearly established.",
  object:
    "Based on this story, we want to identify where someone believes that a certain object is at " +
    "the end of the story. In order to do that, you need to read the story and keep track of where they " +
    "think the object is at each point. When an object is moved, the person may observe its new location " +
    "if they saw it move.\n\nTo see where an object ends up, they must be able to see the location that " +
    "it moves to and not be too distracted by what they are doing. If they do not observe the object " +
    "moving, then they will still believe it to be in the last location where they observed it.",
  team:
    "The story should allow you to determine how good each person is at a skill. Roughly, each person " +
    "is either great, acceptable, or bad at a task. We want to find an optimal assignment of people to " +
    "tasks that uses their skills as well as possible. In addition, one task will have to have two people " +
    "assigned to it. The effectiveness of their teamwork (great team, acceptable team, or bad team) also " +
    "impacts the overall quality of the assignment.\n\nWhen two people need to work on a task and one is " +
    "bad at it, they don't necessarily benefit from the other person being good, unless they work well " +
    "together.\n\nWith different strengths, weaknesses, and interpersonal dynamics at play, you should " +
    "allocate your team to find the single assignment to ensure that the tasks overall are completed as " +
    "effectively as possible.",
} as const;

/** Story, question and numbered choices with a hint on the domain: the paper's "cot+", 0-shot. */
export function promptMusr(doc: Doc): Message[] {
  const domain = field(doc, "subset").split("_")[0];
  const hint = Object.hasOwn(HINTS, domain) ? HINTS[domain as keyof typeof HINTS] : "";
  const before = domain === "object" ? `${hint}\n\n` : "";
  const after = domain === "object" || hint === "" ? "" : `${hint} `;
  const choices = (listField(doc, "choices") ?? []).map((choice, i) => `${i + 1} - ${choice}`);
  const content = `${field(doc, "context")}\n\n${before}${field(doc, "question")}\n\n` +
    `Pick one of the following choices:\n${choices.join("\n")}\n\n` +
    `You must pick one option. ${after}${REASON}`;
  return [{ role: "system", content: SYSTEM }, { role: "user", content }];
}

/** The questions of a story; trees and data of the story's making are left out. */
export function* musrDocs(subset: string, { context, questions }: Row): Generator<Doc> {
  for (const { question, choices, answer } of (questions ?? []) as Doc[]) {
    yield { subset, context, question, choices, answer };
  }
}
