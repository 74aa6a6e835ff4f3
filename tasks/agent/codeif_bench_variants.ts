import {
  nextFeedback,
  nextRequirement,
  requirementItems,
  requirementPrompt,
  scoreFeedback,
  scoreRequirement,
  scoreTurns,
  testedTurns,
} from "../../lib/eval/codeif/requirements.ts";
import type { Source } from "../../lib/data/source.ts";
import type { Variant } from "../../lib/eval/task.ts";

const SLOWER = "6 s for a program instead of 3: the embedded interpreter is slower";
const CPYTHON =
  "requirements whose asserts import mccabe or pycodestyle run in the system's CPython, or not at all";
const TWICE = "def twice(x):\n    return 2 * x";
const TYPED = "def twice(x: int) -> int:\n    return 2 * x";

/** The requirements of CodeIF-Bench (Wang et al., 2025): the official script's ways 2, 3 and 4. */
export function codeifVariants(source: Source): Readonly<Record<string, Variant>> {
  const items = requirementItems("codeif_bench");
  const parts = { category: ({ category }: Record<string, unknown>) => String(category) };
  const each = { source: { ...source, items: 350 }, items, parts, reported: undefined };
  return {
    requirements: {
      summary: "each requirement in one prompt with its task",
      ...each,
      prompt: requirementPrompt,
      score: scoreRequirement,
      deviations: [
        "the prompt of the script for local models; the one for servers asks for a function called '<task>'",
        SLOWER,
        CPYTHON,
      ],
      examples: [
        { answer: TYPED, doc: doc("Annotation Coverage"), score: 1 },
        { answer: TWICE, doc: doc("Annotation Coverage"), score: 0 },
        { answer: TYPED.replace("2 *", "3 *"), doc: doc("Annotation Coverage"), score: 0 },
        { answer: "twice = abs", doc: doc("Functionality Extension"), score: 1 },
        { answer: "", doc: doc("Annotation Coverage"), score: 0 },
      ],
    },
    feedback: {
      summary: "each requirement asked of a first answer",
      ...each,
      next: nextFeedback,
      score: scoreFeedback,
      deviations: [
        "a first answer for each requirement: the official script reads one per task from its first run",
        SLOWER,
        CPYTHON,
      ],
      examples: [
        { earlier: ["twice = 2"], answer: TYPED, doc: doc("Annotation Coverage"), score: 1 },
        { earlier: [TYPED], answer: TWICE, doc: doc("Annotation Coverage"), score: 0 },
        { earlier: [TYPED], answer: "", doc: doc("Annotation Coverage"), score: 0 },
      ],
    },
    turns: {
      summary: "all requirements, one turn after another; share of turns",
      next: nextRequirement,
      score: scoreTurns,
      // Every turn counts alike, as in the official total.
      weight: testedTurns,
      reported: undefined,
      deviations: [
        "the last turn, Functionality Extension, is not asked: the official script does not test its answer",
        SLOWER,
        "turns from the first whose asserts import mccabe or pycodestyle on run in the system's CPython, or count for nothing: `judged` is the share that ran",
      ],
      examples: [
        { earlier: ["", TWICE], answer: TYPED, doc: doc(), score: 1 },
        { earlier: ["", "twice = abs"], answer: TYPED, doc: doc(), score: 0.5 },
        { earlier: [TYPED, TYPED], answer: TWICE, doc: doc(), score: 0.5 },
        { earlier: [TYPED, "No."], answer: "", doc: doc(), score: 0 },
      ],
    },
  };
}

function doc(category?: string) {
  return {
    ...(category ? { category } : {}),
    prompt: "Write a function called 'twice' to double a number.",
    test: ["assert twice(2) == 4"],
    requirements: {
      "Edge Case Handling": { requirement: "Zero stays.", unit_test: ["assert twice(0) == 0"] },
      "Annotation Coverage": {
        requirement: "It should have annotations.",
        unit_test: "assert twice.__annotations__ == {'x': int, 'return': int}",
      },
      "Functionality Extension": {
        requirement: "It should take the absolute value instead.",
        unit_test: ["assert twice(-3) == 3"],
      },
    },
    "multi-turn": ["Edge Case Handling", "Annotation Coverage", "Functionality Extension"],
  };
}
