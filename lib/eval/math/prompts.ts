/** Prompts of the mathematics group, as OpenCompass and the benchmarks' own runners word them. */
import type { Message } from "../../records/record.ts";
import { field } from "../choice/row.ts";
import { GSM8K_SHOTS } from "./gsm8k_shots.ts";
import type { Doc } from "../task.ts";

const BOXED = "put your final answer within \\boxed{}.";

/** A problem, and the wish for a boxed answer after some reasoning. */
export function promptBoxed(problem: string): Message[] {
  return [{ role: "user", content: `${problem}\nPlease reason step by step, and ${BOXED}` }];
}

/** AIME's: the box alone. */
export function promptAime(doc: Doc): Message[] {
  return [{ role: "user", content: `${field(doc, "problem")}\nRemember to ${BOXED}` }];
}

/** GSM8K's and GSM-Plus's: four solved problems as earlier turns. */
export function promptGsm8k(doc: Doc): Message[] {
  const ask = (question: string): Message => ({
    role: "user",
    content: `Question: ${question}\nLet's think step by step\nAnswer:`,
  });
  const shots = GSM8K_SHOTS.flatMap(({ question, answer }): Message[] => [
    ask(question),
    { role: "assistant", content: answer },
  ]);
  return [...shots, ask(field(doc, "question"))];
}

const ANSWER_TYPES = {
  Numerical: "a numerical value",
  Expression: "an expression",
  Equation: "an equation",
  Interval: "an interval",
};

/** OlympiadBench's: the type of answer, the closing sentence, where the unit goes, then the problem. */
export function promptOlympiadbench(doc: Doc): Message[] {
  const several = doc.is_multiple_answer === true;
  const unit = field(doc, "unit") !== "";
  const answer = several ? "multiple answers connected with commas" : "answer";
  const request =
    "The following is an open-ended problem from an International Math competition. " +
    `${
      answerTypes(field(doc, "answer_type"), several)
    }Please calculate the answer according to the ` +
    "given requirements and the information provided. Please use LaTeX format to represent the " +
    "variables and formulas used in the solution process and results. Please end your solution with " +
    `"So the final answer is \\boxed{${answer}}${
      unit ? "(unit)" : ""
    }." and give the result explicitly` +
    `${unit ? ", note that the unit of the answer should not be included in \\boxed{}" : ""}.`;
  return promptBoxed(`${request}\n${field(doc, "question")}\n`);
}

/** What kind of answer is wanted; tuples are left open, as the official prompter does. */
function answerTypes(types: string, several: boolean): string {
  if (types.includes("Tuple") || types.includes("Need_human_evaluate")) return "";
  const named = types.split(",").map((type) =>
    Object.entries(ANSWER_TYPES).find(([name]) => type.includes(name))?.[1] ?? "an answer"
  );
  if (!several) return `The answer of The problem should be ${named[0]}. `;
  if (new Set(named).size === 1) {
    return `The problem has multiple answers, each of them should be ${named[0]}. `;
  }
  return `The problem has multiple answers, with the answers in order being ${named.join(", ")}. `;
}

/** HARDMath2's: the problem as it is, after the official system text. */
export function promptHardmath2(doc: Doc): Message[] {
  const system =
    "Include any solutions within a single $\\boxed{}$ LaTeX environment. If there are " +
    "multiple solutions, separate them with a semicolon within the same $\\boxed{}$ environment. A " +
    "solution should consist of a single expression and you should not define any helper functions " +
    "or variables. Do not include any other text besides the single solution in the $\\boxed{}$ " +
    "environment, including information about the limits of variables or any Big O notation.";
  return [{ role: "system", content: system }, { role: "user", content: field(doc, "prompt") }];
}

/** Omni-MATH's rule subset: the request first, then the question. */
export function promptOmniMath(doc: Doc): Message[] {
  const request =
    "please answer the following mathematical question, put your final answer in \\boxed{}.";
  return [{ role: "user", content: `${request}\n\n${field(doc, "problem")}` }];
}

/** CMATH's: the question alone. */
export function promptCmath(doc: Doc): Message[] {
  return [{ role: "user", content: field(doc, "input", "question") }];
}

/** SciBench's in OpenCompass: three decimals, and a box in square brackets. */
export function promptScibench(doc: Doc): Message[] {
  const content =
    "Please provide a clear and step-by-step solution for a scientific problem in the " +
    "categories of Chemistry, Physics, or Mathematics. The problem will specify the unit of " +
    "measurement, which should not be included in the answer. Express the final answer as a decimal number with three digits after the decimal point. " +
    "Conclude the answer by stating 'Therefore, the answer is \\boxed[ANSWER].'\n\n" +
    `Problem: ${field(doc, "problem_text").trim()}\nAnswer:`;
  return [{ role: "user", content }];
}

/** PHYBench's in OpenCompass; one literal brace pair stays around the question. */
export function promptPhybench(doc: Doc): Message[] {
  const content =
    "Solve the following physics problem and return only the final result as a clean LaTeX " +
    `expression. Remember to ${BOXED}\n\nQuestion: {${field(doc, "content")}}\nAnswer: `;
  return [{ role: "user", content }];
}
