/** KOR-Bench's zero-shot prompts by category. */
import type { Message } from "../../records/record.ts";
import { field } from "../choice/row.ts";
import type { Doc } from "../task.ts";

/** The categories, each with 250 items and 25 rules. */
export const KOR_CATEGORIES = ["cipher", "counterfactual", "logic", "operation", "puzzle"] as const;

interface Wording {
  readonly opening: string;
  readonly instructions: readonly string[];
  /** Heading of the rule. */
  readonly rule: string;
}

const WORDINGS: Readonly<Record<string, Wording>> = {
  cipher: {
    opening:
      "You are an intelligent assistant that specializes in encryption and decryption tasks. Below are the rules for a specific cipher. When responding, please ensure that your output adheres to the specified encryption and decryption rules and format.",
    instructions: [
      "Identify the relevant properties and objects specified in the rule, including the plaintext, keyword, and ciphertext.",
      "Follow the specified encryption or decryption operations precisely as described in the rules.",
      "Ensure your output is formatted according to the specified notation and symbols.",
    ],
    rule: "Cipher Rule",
  },
  counterfactual: {
    opening:
      "You are an advanced assistant with expertise in storytelling and rule-based reasoning. Your task is to carefully analyze the provided story, which includes specific rules and details, and use this information to accurately answer related questions.",
    instructions: [
      "Thoroughly review the story to identify and understand the relevant details and rules.",
      "Use the context provided by the story to offer precise and insightful answers.",
      "Ensure your responses align with the rules and information given in the story.",
    ],
    rule: "Story Rule",
  },
  logic: {
    opening:
      "You are an intelligent assistant that helps with various logical reasoning tasks. Below is a custom-defined rule for a specific type of logic. When responding, please ensure that your output adheres to the specified logical rules and format.",
    instructions: [
      "Identify the relevant properties and objects as specified in the rule.",
      "Apply the given logical operations or reasoning patterns.",
      "Ensure your output is formatted according to the specified notation and symbols.",
    ],
    rule: "Logic Rule",
  },
  operation: {
    opening:
      "You are an intelligent assistant specializing in evaluating custom operations. Below is a specific rule defined for a custom operation. Your task is to apply this rule accurately to the provided question.",
    instructions: [
      "Carefully read and understand the definitions of the new operations in the rule.",
      "If the question does not specifically ask for it, your answer should be a number or a group of numbers.",
      "Double-check your final answer to ensure it follows the rule accurately.",
    ],
    rule: "Operation Rule",
  },
  puzzle: {
    opening:
      "You are an intelligent assistant specializing in solving custom puzzle problems. Below is a specific rule defined for a custom puzzle. Your task is to apply this rule accurately to the provided question.",
    instructions: [
      "Thoroughly understand the rule provided. If needed, break down the rule into simpler components or steps.",
      "Apply the rule carefully to address the question presented.",
      "Verify your answer to ensure it aligns with the rule and the context of the puzzle.",
    ],
    rule: "Puzzle Rule",
  },
};

/** The category's instructions, the rule and the question. */
export function promptKorbench(doc: Doc): Message[] {
  const category = field(doc, "category");
  const { opening, instructions, rule } = WORDINGS[category] ?? WORDINGS.puzzle;
  const listed = instructions.map((text, i) => `${i + 1}. ${text}`).join("\n");
  const content = `${opening}\n\n### Instructions:\n\n${listed}\n\n### ${rule}:\n\n` +
    `${field(doc, "rule_content")}\n\n### Question:\n${field(doc, "question")}\n\n### Answer:\n`;
  return [{ role: "user", content }];
}
