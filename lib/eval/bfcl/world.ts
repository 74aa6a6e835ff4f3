/** The simulated world of one multi-turn item: its APIs, what calls do in it, and its state. */
import { MAX_CALL_TEXT } from "../calls/call.ts";
import { BUILTINS } from "../calls/py_builtins.ts";
import { evaluate } from "../calls/py_eval.ts";
import { resultText } from "../calls/py_json.ts";
import { parseExpression } from "../calls/py_parser.ts";
import { PyDict, pyEqual, PyError, type PyValue } from "../calls/py_value.ts";
import type { Api, LongContext } from "./apis/api.ts";
import { FileSystem } from "./apis/file_system.ts";
import { MathApi } from "./apis/math_api.ts";
import { MessageApi } from "./apis/message_api.ts";
import { TwitterApi } from "./apis/posting_api.ts";
import { TicketApi } from "./apis/ticket_api.ts";
import { TradingBot } from "./apis/trading_bot.ts";
import { TravelApi } from "./apis/travel_api.ts";
import { VehicleApi } from "./apis/vehicle_api.ts";

type ApiClass = new (config: PyDict, longContext?: LongContext) => Api;

const CLASSES: ReadonlyMap<string, ApiClass> = new Map<string, ApiClass>([
  ["GorillaFileSystem", FileSystem],
  ["MathAPI", MathApi],
  ["MessageAPI", MessageApi],
  ["TwitterAPI", TwitterApi],
  ["TicketAPI", TicketApi],
  ["TradingBot", TradingBot],
  ["TravelAPI", TravelApi],
  ["VehicleControlAPI", VehicleApi],
]);

/** Functions that the official executor refuses by name. */
const REFUSED = ["kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run"];

/** Calls of one item, and characters of their results, after which calls fail: nothing sane comes near. */
const MAX_CALLS = 5000;
const MAX_RESULTS = 5_000_000;

/** A fresh world; made again from the same item it behaves alike. */
export class World {
  readonly #apis: Api[] = [];
  readonly #names: ReadonlyMap<string, PyValue>;
  #calls = 0;
  #results = 0;

  /** `item` has `involved_classes` and `initial_config`. */
  constructor(item: PyDict, longContext?: LongContext) {
    const configs = item.get("initial_config");
    for (const name of (item.get("involved_classes") ?? []) as PyValue[]) {
      const made = CLASSES.get(String(name));
      if (!made) throw new RangeError(`no API is called "${name}"`);
      const config = configs instanceof PyDict ? configs.get(name) : undefined;
      this.#apis.push(new made(config instanceof PyDict ? config : new PyDict(), longContext));
    }
    this.#names = new Map([...BUILTINS, ...this.#apis.flatMap((api) => api.functions())]);
  }

  /** What a call's text gives, as the model sees it; calls may be nested. */
  execute(call: string): string {
    if (++this.#calls > MAX_CALLS || this.#results > MAX_RESULTS) {
      return "Error during execution: too many calls";
    }
    const result = this.#run(call);
    this.#results += result.length;
    return result;
  }

  #run(call: string): string {
    // The official executor puts an object before each name with a parenthesis, and drops the blanks
    // between them, in strings too.
    const text = call.slice(0, MAX_CALL_TEXT).replace(/\b([a-zA-Z_]\w*)[ \t\n]+(?=\()/g, "$1");
    const name = text.split("(")[0];
    const called = name.includes(".") ? name.split(".")[1] : name;
    try {
      if (REFUSED.includes(called)) {
        throw new PyError("Exception", `Function call ${called} is not allowed.`);
      }
      return resultText(evaluate(parseExpression(text.trimStart()), this.#names));
    } catch (error) {
      if (error instanceof PyError) return `Error during execution: ${error.message}`;
      throw error;
    }
  }

  /** Name of the first API whose public attributes differ; undefined when none does. */
  differenceFrom(other: World): string | undefined {
    return this.#apis.find((api, i) => !pyEqual(api.state, other.#apis[i].state))?.className;
  }

  /** Public attributes by API, for tests and reports. */
  get state(): ReadonlyMap<string, PyDict> {
    return new Map(this.#apis.map((api) => [api.className, api.state]));
  }
}
