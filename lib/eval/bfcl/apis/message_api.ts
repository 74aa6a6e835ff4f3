/** MessageAPI: users of a workspace and the messages sent between them. */
import { isIn } from "../../calls/py_eval.ts";
import { PyDict, pyEqual, PySet, pyStr, type PyValue, truthy } from "../../calls/py_value.ts";
import { PythonRandom } from "../../python_random.ts";
import { Api, failure, type LongContext, type Method, method } from "./api.ts";
import { pyLower } from "./python_text.ts";

const SEED = 200191n;
const NO_USER = "No user is currently logged in.";

/** The simulated API. */
export class MessageApi extends Api {
  readonly #random: PythonRandom;
  readonly methods: Readonly<Record<string, Method>>;

  constructor(config: PyDict, longContext?: LongContext) {
    super("MessageAPI", longContext);
    this.#random = new PythonRandom(Number(config.get("random_seed") ?? SEED));
    this.load(config);
    this.set("generated_ids", new PySet());
    this.methods = {
      list_users: method("", () => PyDict.of({ user_list: this.dict("user_map").keys() })),
      get_user_id: method("user", (user) => this.#userId(user)),
      message_login: method("user_id", (id) => this.#login(id)),
      message_get_login_status: method(
        "",
        () => PyDict.of({ login_status: truthy(this.get("current_user")) }),
      ),
      send_message: method("receiver_id, message", (id, text) => this.#send(id, text)),
      delete_message: method("receiver_id", (id) => this.#delete(id)),
      view_messages_sent: method("", () => this.#sent()),
      add_contact: method("user_name", (name) => this.#addContact(name)),
      search_messages: method("keyword", (keyword) => this.#search(keyword)),
      get_message_stats: method("", () => this.#stats()),
    };
  }

  get #loggedIn(): boolean {
    return truthy(this.get("current_user"));
  }

  /** Receiver and text of each message; a message is a dict of one entry. */
  get #inbox(): (readonly [PyValue, PyValue])[] {
    return this.list("inbox").map((message) => (message as PyDict).entries()[0]);
  }

  #known(id: PyValue): boolean {
    return isIn(id, this.dict("user_map").values());
  }

  #userId(user: PyValue): PyDict {
    const id = this.dict("user_map").get(user);
    if (id === undefined) return failure(`User '${pyStr(user)}' not found in the workspace.`);
    return PyDict.of({ user_id: id });
  }

  #login(id: PyValue): PyDict {
    const known = this.#known(id);
    const name = pyStr(id);
    if (known) this.set("current_user", id);
    const message = known
      ? `User '${name}' logged in successfully.`
      : `User ID '${name}' not found.`;
    return PyDict.of({ login_status: known, message });
  }

  #send(receiver: PyValue, text: PyValue): PyDict {
    if (!this.#loggedIn) return failure(NO_USER);
    if (!this.#known(receiver)) return failure(`Receiver ID '${pyStr(receiver)}' not found.`);
    const ids = this.get("generated_ids") as PySet;
    let id = BigInt(this.#random.randint(10000, 99999));
    while (ids.has(id)) id = BigInt(this.#random.randint(10000, 99999));
    ids.add(id);
    this.list("inbox").push(new PyDict([[receiver, text]]));
    this.set("message_count", (this.get("message_count") as bigint) + 1n);
    return PyDict.of({
      sent_status: true,
      message_id: PyDict.of({ new_id: id }),
      message: `Message sent to '${pyStr(receiver)}' successfully.`,
    });
  }

  /** Finds the receiver's last message, and deletes the first that equals it. */
  #delete(receiver: PyValue): PyDict {
    if (!this.#loggedIn) return failure(NO_USER);
    const inbox = this.list("inbox");
    const found = inbox.findLast((_, i) => pyEqual(this.#inbox[i][0], receiver));
    if (found === undefined) return failure(`Receiver ID ${pyStr(receiver)} not found.`);
    inbox.splice(inbox.findIndex((message) => pyEqual(message, found)), 1);
    return PyDict.of({
      deleted_status: true,
      message_id: (found as PyDict).keys()[0],
      message: `Receiver ${pyStr(receiver)}'s first message deleted successfully.`,
    });
  }

  #sent(): PyDict {
    if (!this.#loggedIn) return failure(NO_USER);
    const messages = new PyDict();
    for (const [receiver, text] of this.#inbox) {
      const list = messages.get(receiver) as PyValue[] | undefined;
      if (list) list.push(text);
      else messages.set(receiver, [text]);
    }
    return PyDict.of({ messages });
  }

  #addContact(name: PyValue): PyDict {
    const users = this.dict("user_map");
    if (users.has(name)) return failure(`User name '${pyStr(name)}' already exists.`);
    const count = (this.get("user_count") as bigint) + 1n;
    this.set("user_count", count);
    const id = `USR${String(count).padStart(3, "0")}`;
    if (this.#known(id)) return failure(`User ID '${id}' already exists.`);
    users.set(name, id);
    return PyDict.of({
      added_status: true,
      user_id: id,
      message: `Contact '${pyStr(name)}' added successfully.`,
    });
  }

  #search(keyword: PyValue): PyDict {
    if (!this.#loggedIn) return failure(NO_USER);
    const wanted = pyLower(keyword);
    const results = this.#inbox.filter(([, text]) => pyLower(text).includes(wanted))
      .map(([receiver_id, message]) => PyDict.of({ receiver_id, message }));
    return PyDict.of({ results });
  }

  #stats(): PyDict {
    if (!this.#loggedIn) return failure(NO_USER);
    const contacts = new PySet(this.#inbox.map(([receiver]) => receiver));
    return PyDict.of({
      stats: PyDict.of({
        received_count: BigInt(this.#inbox.length),
        total_contacts: BigInt(contacts.items.length),
      }),
    });
  }
}
