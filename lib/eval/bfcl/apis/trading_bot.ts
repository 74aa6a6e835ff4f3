/** TradingBot: stocks, orders and an account. Its clock stands at 10:30 on 1 September 2024. */
import { pyAbs, pyFloat, pyInt } from "../../calls/py_builtins.ts";
import { binaryOp, compare, iterate, subscript } from "../../calls/py_eval.ts";
import {
  contains,
  PyDict,
  pyEqual,
  PyError,
  pyRepr,
  pyStr,
  type PyValue,
  truthy,
  typeName,
} from "../../calls/py_value.ts";
import type { PythonRandom } from "../../python_random.ts";
import { Api, copied, failure, type LongContext, type Method, method, table } from "./api.ts";
import { parseTime } from "./python_time.ts";

const NOW = Date.UTC(2024, 8, 1, 10, 30);
const DAY_SECONDS = 86_400;
const OPENS = "09:30 AM";
const CLOSES = "04:00 PM";

/** The simulated API. */
export class TradingBot extends Api {
  readonly #random: PythonRandom;
  readonly methods: Readonly<Record<string, Method>>;

  constructor(config: PyDict, longContext?: LongContext) {
    super("TradingBot", longContext);
    this.#random = this.randomOf(config);
    this.load(config, "random_seed");
    this.set(
      "orders",
      new PyDict(
        this.dict("orders").entries().map(([id, order]) => {
          const number = typeof id === "string" && /^\d+$/.test(id) ? pyInt(id) : id;
          return [number, order] as const;
        }),
      ),
    );
    this.methods = { ...this.#market(), ...this.#account(), ...this.#watching() };
  }

  #market(): Record<string, Method> {
    return {
      get_current_time: method("", () => PyDict.of({ current_time: "10:30 AM" })),
      update_market_status: method("current_time_str", (time) => this.#updateStatus(time)),
      get_symbol_by_name: method("name", (name) => {
        const symbol = table("trading", "symbols").get(name) ?? "Stock not found";
        return PyDict.of({ symbol });
      }),
      get_stock_info: method("symbol", (symbol) => this.#stockInfo(symbol)),
      update_stock_price: method(
        "symbol, new_price",
        (symbol, price) => this.#updatePrice(symbol, price),
      ),
      get_available_stocks: method("sector", (sector) => this.#available(sector)),
      filter_stocks_by_price: method("stocks, min_price, max_price", (stocks, low, high) => {
        const filtered_stocks = iterate(stocks).filter((symbol) => {
          const price = (this.dict("stocks").get(symbol) as PyDict | undefined)?.get("price") ?? 0n;
          return compare(">=", price, low) && compare("<=", price, high);
        });
        return PyDict.of({ filtered_stocks });
      }),
      notify_price_change: method(
        "stocks, threshold",
        (stocks, limit) => this.#notify(stocks, limit),
      ),
    };
  }

  #account(): Record<string, Method> {
    return {
      get_order_details: method("order_id", (id) => this.#orderDetails(id)),
      cancel_order: method("order_id", (id) => this.#cancel(id)),
      place_order: method(
        "order_type, symbol, price, amount",
        (type, symbol, price, amount) => this.#place(type, symbol, price, amount),
      ),
      make_transaction: method(
        "account_id, xact_type, amount",
        (account, type, amount) => this.#transact(account, type, amount),
      ),
      get_account_info: method(
        "",
        () => this.#loggedIn ? this.get("account_info") : logIn("view account information"),
      ),
      trading_login: method("username, password", () => this.#session(true)),
      trading_get_login_status: method("", () => PyDict.of({ status: this.#loggedIn })),
      trading_logout: method("", () => this.#session(false)),
      fund_account: method("amount", (amount) => this.#fund(amount)),
      get_order_history: method(
        "",
        () =>
          this.#loggedIn
            ? PyDict.of({ history: this.dict("orders").keys() })
            : [logIn("view order history")],
      ),
      get_transaction_history: method(
        "start_date=None, end_date=None",
        (start, end) => this.#history(start, end),
      ),
    };
  }

  #watching(): Record<string, Method> {
    return {
      remove_stock_from_watchlist: method("symbol", (symbol) => this.#unwatch(symbol)),
      get_watchlist: method("", () => this.#watchlist()),
      add_to_watchlist: method("stock", (stock) => {
        const list = this.list("watch_list");
        if (!contains(list, stock) && this.dict("stocks").has(stock)) list.push(stock);
        return PyDict.of({ symbol: list });
      }),
    };
  }

  get #loggedIn(): boolean {
    return truthy(this.get("authenticated"));
  }

  #stock(symbol: PyValue): PyDict | undefined {
    return this.dict("stocks").get(symbol) as PyDict | undefined;
  }

  #updateStatus(time: PyValue): PyDict {
    const now = parseTime(time, "%I:%M %p");
    const open = parseTime(OPENS, "%I:%M %p") <= now && now <= parseTime(CLOSES, "%I:%M %p");
    const status = open ? "Open" : "Closed";
    this.set("market_status", status);
    return PyDict.of({ status });
  }

  #stockInfo(symbol: PyValue): PyValue {
    const stock = this.#stock(symbol);
    if (!stock) return failure(`Stock with symbol '${pyStr(symbol)}' not found.`);
    const averages = this.long("MA_5_EXTENSION");
    if (averages === undefined) return stock;
    const long = stock.copy();
    long.set("MA(5)", averages);
    long.set("MA(20)", this.long("MA_20_EXTENSION")!);
    return long;
  }

  #updatePrice(symbol: PyValue, price: PyValue): PyDict {
    const stock = this.#stock(symbol);
    if (!stock) return failure(`Stock with symbol '${pyStr(symbol)}' not found.`);
    if (compare("<=", price, 0n)) return failure("New price must be a positive value.");
    const old = stock.get("price")!;
    stock.set("price", price);
    const share = binaryOp("/", binaryOp("-", price, old), old);
    stock.set("percent_change", binaryOp("*", share, 100n));
    return PyDict.of({ symbol, old_price: old, new_price: price });
  }

  #available(sector: PyValue): PyDict {
    const sectors = copied(table("trading", "sectors")) as PyDict;
    for (const name of ["Technology", "Automobile"]) {
      const more = this.long(`${name.toUpperCase()}_EXTENSION`);
      if (more !== undefined) (sectors.get(name) as PyValue[]).push(...iterate(more));
    }
    return PyDict.of({ stock_list: sectors.get(sector) ?? [] });
  }

  #notify(stocks: PyValue, limit: PyValue): PyDict {
    const changed = iterate(stocks).filter((symbol) => {
      const stock = this.#stock(symbol);
      return stock && compare(">=", pyAbs(stock.get("percent_change")!), limit);
    });
    const notification = changed.length > 0
      ? `Stocks ${changed.map(pyStr).join(", ")} have significant price changes.`
      : "No significant price changes in the selected stocks.";
    return PyDict.of({ notification });
  }

  #orderDetails(id: PyValue): PyValue {
    const orders = this.dict("orders");
    const order = orders.get(id);
    if (order === undefined) {
      const ids = pyRepr(orders.keys());
      return failure(`Order with ID ${pyStr(id)} not found.Here is the list of orders_id: ${ids}`);
    }
    const texts = this.long("ORDER_DETAIL_EXTENSION");
    if (!(texts instanceof PyDict)) return order;
    if (!(order instanceof PyDict)) {
      throw new PyError("AttributeError", `'${typeName(order)}' object has no attribute 'copy'`);
    }
    const symbol = pyStr(subscript(order, "symbol"));
    const long = order.copy();
    const filled = texts.entries().map(([name, text]) =>
      [name, pyStr(text).replaceAll("{symbol}", symbol)] as const
    );
    long.set("metadata", new PyDict(filled));
    return long;
  }

  #cancel(id: PyValue): PyDict {
    const order = this.dict("orders").get(id);
    if (order === undefined) return failure(`Order with ID ${pyStr(id)} not found.`);
    if (subscript(order, "status") === "Completed") {
      return failure(`Can't cancel order ${pyStr(id)}. Order is already completed.`);
    }
    (order as PyDict).set("status", "Cancelled");
    return PyDict.of({ order_id: id, status: "Cancelled" });
  }

  #place(order_type: PyValue, symbol: PyValue, price: PyValue, amount: PyValue): PyDict {
    if (!this.#loggedIn) return logIn("place an order");
    if (!this.#stock(symbol)) return failure(`Invalid stock symbol: ${pyStr(symbol)}`);
    if (compare("<=", price, 0n) || compare("<=", amount, 0n)) {
      return failure("Price and amount must be positive values.");
    }
    const cost = pyFloat(price);
    const id = this.get("order_counter") as bigint;
    const order = { id, order_type, symbol, price: cost, amount, status: "Open" };
    this.dict("orders").set(id, PyDict.of(order));
    this.set("order_counter", id + 1n);
    return PyDict.of({ order_id: id, order_type, status: "Pending", price: cost, amount });
  }

  #transact(account: PyValue, type: PyValue, amount: PyValue): PyDict {
    if (!this.#loggedIn) return logIn("make a transaction");
    if (this.get("market_status") !== "Open") {
      return failure("Market is closed. Transactions are not allowed.");
    }
    const info = this.dict("account_info");
    if (!pyEqual(account, subscript(info, "account_id"))) {
      return failure(`Account with ID ${pyStr(account)} not found.`);
    }
    if (compare("<=", amount, 0n)) return failure("Transaction amount must be positive.");
    if (type === "deposit") return this.#book("deposit", amount, "Deposit successful");
    if (type !== "withdrawal") {
      return failure("Invalid transaction type. Use 'deposit' or 'withdrawal'.");
    }
    if (compare(">", amount, info.get("balance")!)) {
      return failure("Insufficient funds for withdrawal.");
    }
    return this.#book("withdrawal", amount, "Withdrawal successful");
  }

  #fund(amount: PyValue): PyDict {
    if (!this.#loggedIn) return logIn("fund the account");
    if (compare("<=", amount, 0n)) return failure("Funding amount must be positive.");
    return this.#book("deposit", amount, "Account funded successfully");
  }

  #book(type: "deposit" | "withdrawal", amount: PyValue, status: string): PyDict {
    const info = this.dict("account_info");
    const balance = binaryOp(type === "deposit" ? "+" : "-", info.get("balance")!, amount);
    info.set("balance", balance);
    this.list("transaction_history").push(
      PyDict.of({ type, amount, timestamp: this.#timestamp() }),
    );
    return PyDict.of({ status, new_balance: balance });
  }

  /** A random second of the next day. */
  #timestamp(): string {
    const date = new Date(NOW + 1000 * this.#random.randint(0, DAY_SECONDS));
    return date.toISOString().slice(0, 19).replace("T", " ");
  }

  #session(login: boolean): PyDict {
    if (this.#loggedIn === login) {
      return PyDict.of({ status: login ? "Already logged in" : "No user is currently logged in" });
    }
    this.set("authenticated", login);
    return PyDict.of({ status: login ? "Logged in successfully" : "Logged out successfully" });
  }

  #history(start: PyValue, end: PyValue): PyValue {
    if (!this.#loggedIn) return [logIn("view transaction history")];
    const from = truthy(start) ? parseTime(start, "%Y-%m-%d") : -Infinity;
    const to = truthy(end) ? parseTime(end, "%Y-%m-%d") : Infinity;
    const transaction_history = this.list("transaction_history").filter((entry) => {
      const time = parseTime(subscript(entry, "timestamp"), "%Y-%m-%d %H:%M:%S");
      return from <= time && time <= to;
    });
    transaction_history.push(...iterate(this.long("TRANSACTION_HISTORY_EXTENSION") ?? []));
    return PyDict.of({ transaction_history });
  }

  #unwatch(symbol: PyValue): PyDict {
    if (!this.#loggedIn) return logIn("modify the watchlist");
    const list = this.list("watch_list");
    const at = list.findIndex((each) => pyEqual(each, symbol));
    if (at < 0) return failure(`Stock ${pyStr(symbol)} not found in watchlist.`);
    list.splice(at, 1);
    return PyDict.of({ status: `Stock ${pyStr(symbol)} removed from watchlist successfully.` });
  }

  #watchlist(): PyValue {
    if (!this.#loggedIn) {
      return ["Error: User not authenticated. Please log in to view the watchlist."];
    }
    const more = this.long("WATCH_LIST_EXTENSION");
    const list = this.list("watch_list");
    return more === undefined ? PyDict.of({ watchlist: list }) : [...list, ...iterate(more)];
  }
}

function logIn(to: string): PyDict {
  return failure(`User not authenticated. Please log in to ${to}.`);
}
