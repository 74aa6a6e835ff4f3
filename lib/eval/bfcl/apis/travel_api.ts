/** TravelAPI: flights, cards and bookings behind an access token that wears off. */
import { pyFloat, pyRound } from "../../calls/py_builtins.ts";
import { binaryOp, compare, isIn, iterate, subscript } from "../../calls/py_eval.ts";
import {
  PyDict,
  pyEqual,
  PyError,
  pyRepr,
  PySet,
  pyStr,
  type PyValue,
} from "../../calls/py_value.ts";
import type { PythonRandom } from "../../python_random.ts";
import { Api, failure, type LongContext, type Method, method, table } from "./api.ts";
import { textOf } from "./python_text.ts";
import { parseTime } from "./python_time.ts";

const CLASSES: Readonly<Record<string, number>> = { economy: 1, business: 2, first: 5 };
/** Ages are counted on the day of the last v3 evaluator; the official source asks the clock. */
const TODAY = [2025, 8, 6];
const SUPPORT =
  "Thank you for contacting customer support. Your message has been received and we " +
  "will get back to you shortly.";

/** The simulated API. */
export class TravelApi extends Api {
  readonly #random: PythonRandom;
  readonly methods: Readonly<Record<string, Method>>;

  constructor(config: PyDict, longContext?: LongContext) {
    super("TravelAPI", longContext);
    this.#random = this.randomOf(config);
    this.load(config, "random_seed");
    this.#extend("credit_card_list", "CREDIT_CARD_EXTENSION");
    this.#extend("booking_record", "BOOKING_RECORD_EXTENSION");
    this.methods = { ...this.#account(), ...this.#flights(), ...this.#bookings() };
  }

  #account(): Record<string, Method> {
    return {
      authenticate_travel: method(
        "client_id, client_secret, refresh_token, grant_type, user_first_name, user_last_name",
        (_id, _secret, _refresh, scope, first, last) => this.#authenticate(scope, first, last),
      ),
      travel_get_login_status: method("", () => {
        const left = this.get("token_expires_in");
        return PyDict.of({ status: left !== null && !pyEqual(left, 0n) });
      }),
      get_budget_fiscal_year: method(
        "lastModifiedAfter=None, includeRemoved=None",
        () => PyDict.of({ budget_fiscal_year: "2018" }),
      ),
      register_credit_card: method(
        "access_token, card_number, expiration_date, cardholder_name, card_verification_number",
        (token, ...card) => this.#register(token, card),
      ),
      get_credit_card_balance: method(
        "access_token, card_id",
        (token, id) => this.#refused(token) ?? this.#balance(id),
      ),
      get_all_credit_cards: method(
        "",
        () => PyDict.of({ credit_card_list: this.get("credit_card_list") }),
      ),
      set_budget_limit: method("access_token, budget_limit", (token, limit) => {
        const refused = this.#refused(token);
        if (refused) return refused;
        this.set("budget_limit", pyFloat(limit));
        return PyDict.of({ budget_limit: this.get("budget_limit") });
      }),
      verify_traveler_information: method(
        "first_name, last_name, date_of_birth, passport_number",
        (first, last, born, passport) => this.#verify([first, last], born, passport),
      ),
    };
  }

  #flights(): Record<string, Method> {
    return {
      get_flight_cost: method(
        "travel_from, travel_to, travel_date, travel_class",
        (from, to, date, travelClass) => this.#flightCost(from, to, date, travelClass),
      ),
      list_all_airports: method("", () => airports()),
      get_nearest_airport_by_city: method("location", (city) => {
        const nearest_airport = table("travel", "airport_by_city").get(city) ?? "Unknown";
        return PyDict.of({ nearest_airport });
      }),
      compute_exchange_rate: method("base_currency, target_currency, value", exchange),
    };
  }

  #bookings(): Record<string, Method> {
    return {
      book_flight: method(
        "access_token, card_id, travel_date, travel_from, travel_to, travel_class",
        (token, card, date, from, to, travelClass) =>
          this.#refused(token, "booking_status") ??
            this.#book(card, { date, from, to, travelClass }),
      ),
      retrieve_invoice: method(
        "access_token, booking_id=None, insurance_id=None",
        (token, id) => this.#refused(token) ?? this.#invoice(id),
      ),
      cancel_booking: method(
        "access_token, booking_id",
        (token, id) => this.#refused(token, "cancel_status") ?? this.#cancel(id),
      ),
      purchase_insurance: method(
        "access_token, insurance_type, booking_id, insurance_cost, card_id",
        (token, _type, booking, cost, card) =>
          this.#refused(token, "insurance_status") ?? this.#insure(booking, cost, card),
      ),
      contact_customer_support: method(
        "booking_id, message",
        (id) =>
          this.dict("booking_record").has(id)
            ? PyDict.of({ customer_support_message: SUPPORT })
            : failure("Booking not found"),
      ),
    };
  }

  /** Entries that only long-context items have. */
  #extend(attribute: string, name: string): void {
    const more = this.long(name);
    if (!(more instanceof PyDict)) return;
    const entries = this.dict(attribute);
    for (const [key, value] of more.entries()) if (!entries.has(key)) entries.set(key, value);
  }

  /** Why a token is refused; a wrong one wears the right one off. */
  #refused(token: PyValue, status?: string): PyDict | undefined {
    const left = this.get("token_expires_in");
    if (pyEqual(left, 0n)) return refusal("Token expired", status);
    if (pyEqual(token, this.get("access_token"))) return undefined;
    this.#wearOff();
    return refusal("Invalid access token", status);
  }

  #wearOff(): void {
    const left = this.get("token_expires_in");
    if (left === null) {
      throw new PyError("TypeError", "unsupported operand type(s) for -=: 'NoneType' and 'int'");
    }
    this.set("token_expires_in", binaryOp("-", left, 1n));
  }

  #authenticate(scope: PyValue, first: PyValue, last: PyValue): PyDict {
    const token = String(this.#random.randint(100000, 999999));
    this.set("token_expires_in", 2n);
    this.set("access_token", token);
    this.set("token_type", "Bearer");
    this.set("token_scope", scope);
    this.set("user_first_name", first);
    this.set("user_last_name", last);
    return PyDict.of({ expires_in: 2n, access_token: token, token_type: "Bearer", scope });
  }

  #register(token: PyValue, card: readonly PyValue[]): PyDict {
    if (this.get("token_expires_in") === null) return failure("Token not initialized");
    const refused = this.#refused(token);
    if (refused) return refused;
    const [card_number, expiration_date, cardholder_name, card_verification_number] = card;
    const cards = this.dict("credit_card_list");
    if (cards.has(card_number)) return failure("Card already registered");
    const id = String(this.#random.randint(100000000000, 999999999999));
    const balance = BigInt(this.#random.randint(10000, 99999));
    cards.set(
      id,
      PyDict.of({
        card_number,
        expiration_date,
        cardholder_name,
        card_verification_number,
        balance,
      }),
    );
    return PyDict.of({ card_id: id });
  }

  #balance(id: PyValue): PyDict {
    const cards = this.dict("credit_card_list");
    const card = cards.get(id);
    if (card !== undefined) return PyDict.of({ card_balance: subscript(card, "balance") });
    const ids = pyRepr(cards.keys());
    return failure(`Card not registered. Here are a list of card_id's: ${ids}`);
  }

  #verify(name: readonly PyValue[], born: PyValue, passport: PyValue): PyDict {
    const failed = (verification_failure: string) =>
      PyDict.of({ verification_status: false, verification_failure });
    const own = [this.get("user_first_name"), this.get("user_last_name")];
    if (!name.every((part, i) => pyEqual(part, own[i]))) {
      const [expected, got] = [own, name].map((parts) => parts.map(pyStr).join(" "));
      return failed(
        `Cannot book flight information for another user.Expected ${expected}, got ${got}`,
      );
    }
    const age = valueOr(() => ageOn(TODAY, born));
    if (age === undefined) {
      return failed("Invalid date of birth format. Please use YYYY-MM-DD.");
    }
    if (age < 18) return failed("Traveler must be at least 18 years old.");
    if (!textOf(passport, "startswith").startsWith("US")) {
      return failed("Passport must be issued by the United States.");
    }
    return PyDict.of({ verification_status: true });
  }

  #flightCost(from: PyValue, to: PyValue, date: PyValue, travelClass: PyValue): PyDict {
    const factor = flightFactor({ date, from, to, travelClass });
    const bases = this.longContext ? fares().map(([, , fare]) => fare) : [baseFare(from, to)!];
    return PyDict.of({ travel_cost_list: bases.map((fare) => Number(fare) * factor) });
  }

  #book(card: PyValue, flight: Flight): PyDict {
    const failed = (error: string) => PyDict.of({ booking_status: false, error });
    const held = this.dict("credit_card_list").get(card) as PyDict | undefined;
    if (!held) return failed("Card not registered");
    if (!held.has("balance")) return failed("Balance not found");
    const { date, from, to, travelClass } = flight;
    for (const [what, airport] of [["departure", from], ["destination", to]] as const) {
      if (!isIn(airport, airports())) {
        return failed(`Invalid ${what} airport code: ${pyStr(airport)}`);
      }
    }
    if (valueOr(() => parseTime(date, "%Y-%m-%d")) === undefined) {
      return failed("Invalid date format. Use YYYY-MM-DD.");
    }
    const classes = new PySet(Object.keys(CLASSES));
    if (!classes.has(travelClass)) {
      return failed(`Invalid travel class. Must be one of ${pyRepr(classes)}`);
    }
    if (baseFare(from, to) === undefined) return failed(NO_ROUTE);
    const cost = Number(baseFare(from, to)) * flightFactor(flight);
    const balance = held.get("balance")!;
    if (compare("<", balance, cost)) return failed("Insufficient funds");
    const limit = this.get("budget_limit");
    if (limit !== null && compare("<", balance, limit)) {
      return failed("Balance is less than budget limit");
    }
    held.set("balance", binaryOp("-", balance, cost));
    const booking_id = String(this.#random.randint(1000000, 9999999));
    const transaction_id = String(this.#random.randint(10000000, 99999999));
    const records = this.dict("booking_record");
    records.set(
      booking_id,
      PyDict.of({
        card_id: card,
        travel_date: date,
        travel_from: from,
        travel_to: to,
        travel_class: travelClass,
        travel_cost: cost,
        transaction_id,
      }),
    );
    const booking_history = this.longContext ? records : new PyDict();
    return PyDict.of({ booking_id, transaction_id, booking_status: true, booking_history });
  }

  #invoice(id: PyValue): PyDict {
    const record = this.dict("booking_record").get(id);
    if (record === undefined) return failure("Booking not found");
    const invoice = PyDict.of({ booking_id: id });
    for (const name of ["date", "from", "to", "class", "cost"]) {
      invoice.set(`travel_${name}`, subscript(record, `travel_${name}`));
    }
    invoice.set("transaction_id", subscript(record, "transaction_id"));
    return PyDict.of({ invoice });
  }

  #cancel(id: PyValue): PyDict {
    const records = this.dict("booking_record");
    const record = records.get(id);
    if (record === undefined) {
      return PyDict.of({ cancel_status: false, error: "Booking not found" });
    }
    const cost = subscript(record, "travel_cost");
    this.#charge(subscript(record, "card_id"), binaryOp("*", cost, -1n));
    records.delete(id);
    return PyDict.of({ cancel_status: true });
  }

  #insure(booking: PyValue, cost: PyValue, card: PyValue): PyDict {
    const failed = (error: string) => PyDict.of({ insurance_status: false, error });
    const limit = this.get("budget_limit");
    if (limit !== null && compare("<", limit, cost)) return failed("Exceeded budget limit");
    if (!this.dict("booking_record").has(booking)) return failed("Booking not found");
    if (!this.dict("credit_card_list").has(card)) return failed("Credit card not registered");
    this.#charge(card, cost);
    const insurance_id = String(this.#random.randint(100000000, 999999999));
    return PyDict.of({ insurance_id, insurance_status: true });
  }

  #charge(card: PyValue, cost: PyValue): void {
    const held = subscript(this.dict("credit_card_list"), card) as PyDict;
    held.set("balance", binaryOp("-", subscript(held, "balance"), cost));
  }
}

const NO_ROUTE = "No available route for the given airports.";

interface Flight {
  readonly date: PyValue;
  readonly from: PyValue;
  readonly to: PyValue;
  readonly travelClass: PyValue;
}

function refusal(error: string, status?: string): PyDict {
  return PyDict.of(status === undefined ? { error } : { [status]: false, error });
}

function airports(): PyValue[] {
  return table("travel").get("airports") as PyValue[];
}

/** Departure, destination and base fare of each route. */
function fares(): PyValue[][] {
  return table("travel").get("fares") as PyValue[][];
}

function baseFare(from: PyValue, to: PyValue): PyValue | undefined {
  return fares().find(([start, end]) => pyEqual(start, from) && pyEqual(end, to))?.[2];
}

/** What the base fare is multiplied by: the class, and 2 where the digit sum of the date is even. */
function flightFactor({ date, from, to, travelClass }: Flight): number {
  if (baseFare(from, to) === undefined) throw new PyError("ValueError", NO_ROUTE);
  const factor = typeof travelClass === "string" ? CLASSES[travelClass] : undefined;
  if (factor === undefined) {
    throw new PyError(
      "ValueError",
      "Invalid travel class. Options are: economy, business, first.",
    );
  }
  const digits = iterate(date).filter((c) => /^\d$/.test(textOf(c, "isdigit")));
  const sum = digits.reduce((total: number, c) => total + Number(c), 0);
  return factor * (sum % 2 === 0 ? 2 : 1);
}

function exchange(base: PyValue, target: PyValue, value: PyValue): PyDict {
  for (const rate of table("travel").get("exchange_rates") as PyValue[][]) {
    const [from, to, factor] = rate;
    if (pyEqual(base, from) && pyEqual(target, to)) {
      return PyDict.of({ exchanged_value: binaryOp("*", value, factor) });
    }
    if (pyEqual(base, to) && pyEqual(target, from)) {
      return PyDict.of({ exchanged_value: pyRound(binaryOp("/", value, factor), 2n) });
    }
  }
  throw new PyError("ValueError", "No available exchange rate for the given currencies.");
}

/** The value, undefined where Python raises a ValueError. */
function valueOr<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof PyError && error.kind === "ValueError") return undefined;
    throw error;
  }
}

function ageOn([year, month, day]: readonly number[], born: PyValue): number {
  const date = new Date(1000 * parseTime(born, "%Y-%m-%d"));
  const before = month < date.getUTCMonth() + 1 ||
    (month === date.getUTCMonth() + 1 && day < date.getUTCDate());
  return year - date.getUTCFullYear() - Number(before);
}
