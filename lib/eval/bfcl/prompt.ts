/** Prompts of BFCL v3 for models that are told the functions in words ("prompting mode"). */
import { pyJson, toPython } from "../calls/py_json.ts";
import { PyDict, pyRepr, pyStr, type PyValue } from "../calls/py_value.ts";
import { categoryOf, languageOf } from "./score.ts";
import type { Language } from "./decode.ts";

/** A message for the model. */
export interface PromptMessage {
  readonly role: string;
  readonly content: string;
}

/** The official instruction; the function documents follow. */
const INSTRUCTION =
  `You are an expert in composing functions. You are given a question and a set of possible functions. Based on the question, you will need to make one or more function/tool calls to achieve the purpose.
If none of the functions can be used, point it out. If the given question lacks the parameters required by the function, also point it out.
You should only return the function calls in your response.

If you decide to invoke any of the function(s), you MUST put it in the format of [func_name1(params_name1=params_value1, params_name2=params_value2...), func_name2(params)]
You SHOULD NOT include any other text in the response.

At each turn, you should try your best to complete the tasks requested by the user within the current turn. Continue to output functions to call until you have fulfilled the user's request to the best of your ability. Once you have no more functions to call, the system will consider the current turn complete and proceed to the next turn or task.

Here is a list of functions in JSON format that you can invoke.
`;

const SYNTAX: Readonly<Record<Language, string>> = {
  Python: "Python 3",
  Java: "Java 8 SDK",
  JavaScript: "JavaScript",
};

/** Declared types of lists, whose elements the description names. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  Java: ["ArrayList", "Array"],
  JavaScript: ["array"],
};

/**
 * The messages of an item's first turn: the instruction with its functions (as Python prints them), an own
 * system message of the item behind it, and the user's messages in one. Read the item with `readPyJson`
 * where the functions hold numbers such as `1.0`.
 */
export function bfclPrompt(doc: unknown): PromptMessage[] {
  const item = toPython(doc) as PyDict;
  const language = languageOf(categoryOf(item));
  const functions = (item.get("function") ?? []) as PyValue[];
  const listed = pyRepr(functions.map((each) => described(each as PyDict, language)));
  const instruction = `${INSTRUCTION}${listed}\n\n`;
  const turns = item.get("question") as PyValue[][];
  const messages = turns[0].map((message) => ({
    role: pyStr((message as PyDict).get("role")!),
    content: pyStr((message as PyDict).get("content")!),
  }));
  const [first] = messages;
  const own = first?.role === "system" ? `\n\n${first.content}` : "";
  return [
    { role: "system", content: instruction + own },
    ...merged(own === "" ? messages : messages.slice(1)),
  ];
}

/** User messages in a row become one, with blank lines between. */
function merged(messages: readonly PromptMessage[]): PromptMessage[] {
  const all: PromptMessage[] = [];
  for (const message of messages) {
    const last = all.at(-1);
    if (message.role === "user" && last?.role === "user") {
      all[all.length - 1] = { ...last, content: `${last.content}\n\n${message.content}` };
    } else all.push(message);
  }
  return all;
}

/** A function document with the hint at its language; outside Python, values are told to be text. */
function described(document: PyDict, language: Language): PyDict {
  const shown = document.copy();
  const hint = ` Note that the provided function is in ${SYNTAX[language]} syntax.`;
  shown.set("description", pyStr(document.get("description")!) + hint);
  if (language === "Python") return shown;
  const parameters = (document.get("parameters") as PyDict).copy();
  const properties = parameters.get("properties") as PyDict;
  parameters.set(
    "properties",
    new PyDict(
      properties.entries().map(([name, field]) =>
        [name, asText(field as PyDict, language)] as const
      ),
    ),
  );
  shown.set("parameters", parameters);
  return shown;
}

/** A parameter as text: its type and what it consists of move into its description. */
function asText(field: PyDict, language: Exclude<Language, "Python">): PyDict {
  const shown = field.copy();
  const type = pyStr(field.get("type")!);
  const add = (text: string) => shown.set("description", pyStr(shown.get("description")!) + text);
  add(
    type === "any"
      ? ` This parameter can be of any type of ${language} object in string representation.`
      : ` This is ${language} ${type} type parameter in string representation.`,
  );
  if (LISTS[language].includes(type)) {
    const items = pyStr((field.get("items") as PyDict).get("type")!);
    add(` The list elements are of type ${items}; they are not in string representation.`);
    shown.delete("items");
  }
  const properties = field.get("properties");
  if (language === "JavaScript" && type === "dict" && properties !== undefined) {
    add(
      " The dictionary entries have the following schema; they are not in string representation. " +
        pyJson(properties),
    );
    shown.delete("properties");
  }
  shown.set("type", "string");
  return shown;
}

/** File of each simulated API's function documents, as the benchmark names them. */
export const FUNCTION_FILES: ReadonlyMap<string, string> = new Map([
  ["GorillaFileSystem", "gorilla_file_system.json"],
  ["MathAPI", "math_api.json"],
  ["MessageAPI", "message_api.json"],
  ["TwitterAPI", "posting_api.json"],
  ["TicketAPI", "ticket_api.json"],
  ["TradingBot", "trading_bot.json"],
  ["TravelAPI", "travel_booking.json"],
  ["VehicleControlAPI", "vehicle_control.json"],
]);

/**
 * A multi-turn item with its function documents, which its row does not have: those of its APIs, without
 * those held back; `missed_function` gets the documents of the names it lists.
 */
export function withFunctions(
  row: PyDict,
  documents: ReadonlyMap<string, readonly PyValue[]>,
): PyDict {
  const item = row.copy();
  const classes = (row.get("involved_classes") ?? []) as PyValue[];
  const functions = classes.flatMap((name) => documents.get(String(name)) ?? []);
  const named = (name: PyValue) =>
    functions.findIndex((each) => (each as PyDict).get("name") === name);
  const missed = row.get("missed_function");
  if (missed instanceof PyDict) {
    const turns = missed.entries().map(([turn, names]) => {
      const held = (names as PyValue[]).map(named).filter((at) => at >= 0);
      const taken = held.map((at) => functions[at]);
      for (const each of taken) functions.splice(functions.indexOf(each), 1);
      return [turn, taken] as const;
    });
    item.set("missed_function", new PyDict(turns));
  }
  item.set("function", functions);
  return item;
}
