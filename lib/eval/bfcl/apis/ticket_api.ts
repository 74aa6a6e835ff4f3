/** TicketAPI: support tickets of a company. */
import { compare, subscript } from "../../calls/py_eval.ts";
import {
  PyDict,
  pyEqual,
  PyError,
  pyStr,
  type PyValue,
  truthy,
  typeName,
} from "../../calls/py_value.ts";
import { Api, failure, type LongContext, type Method, method } from "./api.ts";
import { pyLower } from "./python_text.ts";

const EDITABLE = ["title", "description", "status", "priority"];

/** The simulated API. */
export class TicketApi extends Api {
  readonly methods: Readonly<Record<string, Method>>;

  constructor(config: PyDict, longContext?: LongContext) {
    super("TicketAPI", longContext);
    this.load(config);
    this.methods = {
      create_ticket: method(
        "title, description='', priority=1",
        (title, description, priority) => this.#create(title, description, priority),
      ),
      get_ticket: method("ticket_id", (id) => this.#ticket(id) ?? notFound(id)),
      close_ticket: method("ticket_id", (id) => this.#finish(id, "Closed")),
      resolve_ticket: method(
        "ticket_id, resolution",
        (id, how) => this.#finish(id, "Resolved", how),
      ),
      edit_ticket: method("ticket_id, updates", (id, updates) => this.#edit(id, updates)),
      ticket_login: method("username, password", (name, word) => this.#login(name, word)),
      ticket_get_login_status: method("", () => PyDict.of({ username: this.#loggedIn })),
      logout: method("", () => {
        const success = this.#loggedIn;
        if (success) this.set("current_user", null);
        return PyDict.of({ success });
      }),
      get_user_tickets: method("status=None", (status) => this.#own(status)),
    };
  }

  get #loggedIn(): boolean {
    return truthy(this.get("current_user"));
  }

  #ticket(id: PyValue): PyDict | undefined {
    const found = this.list("ticket_queue").find((ticket) =>
      pyEqual(subscript(ticket, "id"), id)
    ) as PyDict | undefined;
    return found && truthy(found) ? found : undefined;
  }

  #create(title: PyValue, description: PyValue, priority: PyValue): PyDict {
    if (!this.#loggedIn) {
      return failure("User not authenticated. Please log in to create a ticket.");
    }
    if (compare("<", priority, 1n) || compare(">", priority, 5n)) {
      return failure("Invalid priority. Priority must be between 1 and 5.");
    }
    const id = this.get("ticket_counter") as bigint;
    const created_by = this.get("current_user");
    const ticket = PyDict.of({ id, title, description, status: "Open", priority, created_by });
    this.list("ticket_queue").push(ticket);
    this.set("ticket_counter", id + 1n);
    return ticket;
  }

  #finish(id: PyValue, status: "Closed" | "Resolved", resolution?: PyValue): PyDict {
    const ticket = this.#ticket(id);
    if (!ticket) return notFound(id);
    const word = status.toLowerCase();
    if (subscript(ticket, "status") === status) {
      return failure(`Ticket with ID ${pyStr(id)} is already ${word}.`);
    }
    ticket.set("status", status);
    if (resolution !== undefined) ticket.set("resolution", resolution);
    return PyDict.of({ status: `Ticket ${pyStr(id)} has been ${word} successfully.` });
  }

  #edit(id: PyValue, updates: PyValue): PyDict {
    const ticket = this.#ticket(id);
    if (!ticket) return notFound(id);
    if (!(updates instanceof PyDict)) {
      throw new PyError("AttributeError", `'${typeName(updates)}' object has no attribute 'keys'`);
    }
    const unknown = updates.keys().map(pyStr).filter((key) => !EDITABLE.includes(key));
    if (unknown.length > 0) return failure(`Invalid fields for update: ${unknown.join(", ")}`);
    for (const [key, value] of updates.entries()) if (value !== null) ticket.set(key, value);
    return PyDict.of({ status: `Ticket ${pyStr(id)} has been updated successfully.` });
  }

  #login(name: PyValue, word: PyValue): PyDict {
    const success = truthy(name) && truthy(word);
    if (success) this.set("current_user", name);
    return PyDict.of({ success });
  }

  #own(status: PyValue): PyValue {
    if (!this.#loggedIn) {
      return [failure("User not authenticated. Please log in to view tickets.")];
    }
    const user = this.get("current_user");
    const tickets = this.list("ticket_queue")
      .filter((ticket) => pyEqual(subscript(ticket, "created_by"), user));
    if (!truthy(status)) return tickets;
    return tickets.filter((ticket) => pyLower(subscript(ticket, "status")) === pyLower(status));
  }
}

function notFound(id: PyValue): PyDict {
  return failure(`Ticket with ID ${pyStr(id)} not found.`);
}
