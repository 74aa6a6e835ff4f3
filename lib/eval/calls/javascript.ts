/** JavaScript calls with arguments written `name=value`, as BFCL reads them: values stay source text. */
import type { Call } from "./call.ts";
import { CurlyReader } from "./curly_reader.ts";
import { PyDict, PyError } from "./py_value.ts";

const ASSIGN = [
  "+=",
  "-=",
  "*=",
  "/=",
  "%=",
  "**=",
  "<<=",
  ">>=",
  ">>>=",
  "&=",
  "|=",
  "^=",
  "&&=",
  "||=",
  "??=",
];
const BINARY = [
  ..."+ - * / % ** == != === !== < > <= >= << >> & | ^ && || ??".split(" "),
  "instanceof",
  "in",
];
const UNARY = ["!", "~", "+", "-", "typeof", "void", "delete", "await", "++", "--"];
/** Words that are no names in an expression. */
const RESERVED = new Set(
  "class function new import await yield true false null this super typeof void delete const throw"
    .split(" "),
);

/** What an expression is at its top. */
interface Node {
  readonly kind: "call" | "name" | "assignment" | "string" | "other";
  readonly text: string;
  /** Of a call. */
  readonly callee?: string;
  readonly args?: readonly Node[];
  /** Of an assignment: its sides. */
  readonly left?: string;
  readonly right?: Node;
}

/** The first statement that is a call, as a list of one; undefined without one; a PyError if unreadable. */
export function javascriptCalls(source: string): Call[] | undefined {
  const call = new Reader(source).statements().find(({ kind }) => kind === "call");
  return call && [{ name: call.callee!, args: namedArguments(call.args!) }];
}

function namedArguments(nodes: readonly Node[]): PyDict {
  const args = new PyDict();
  for (const node of nodes) {
    const named = node.kind === "assignment" ? node.left! : null;
    if (named === null && node.kind !== "name") continue;
    if (args.has(named)) throw new PyError("Exception", "several arguments of the same name");
    args.set(named, named === null ? node.text : unquoted(node.right!.text));
  }
  return args;
}

function unquoted(text: string): string {
  const quoted = text.length > 1 && (/^"[^]*"$/.test(text) || /^'[^]*'$/.test(text));
  return quoted ? text.slice(1, -1) : text;
}

class Reader extends CurlyReader {
  constructor(source: string) {
    super(source, { javascript: true });
  }

  statements(): Node[] {
    const nodes: Node[] = [];
    while (!this.ended) {
      if (this.accept(";")) continue;
      nodes.push(this.#sequence());
      if (!this.ended && !this.is(";") && !this.token.newLine) this.fail();
    }
    return nodes;
  }

  #node(kind: Node["kind"], from: number, parts: Partial<Node> = {}): Node {
    return { kind, text: this.textFrom(from), ...parts };
  }

  #sequence(): Node {
    const from = this.position;
    const first = this.#expression();
    if (!this.is(",")) return first;
    while (this.accept(",")) this.#expression();
    return this.#node("other", from);
  }

  #expression(): Node {
    return this.nested(() => {
      const from = this.position;
      if (this.#arrow()) return this.#node("other", from);
      if (this.accept("yield")) {
        this.accept("*");
        if (!this.is(")", "]", "}", ",", ";")) this.#expression();
        return this.#node("other", from);
      }
      const value = this.#binary();
      if (!this.accept("?")) return value;
      this.#expression();
      this.expect(":");
      this.#expression();
      return this.#node("other", from);
    });
  }

  /** `x => ...`, `(x, y) => ...`, with or without `async`. */
  #arrow(): boolean {
    const skip = this.is("async") && this.peek(1) !== "=" && this.peek(1) !== "=>" ? 1 : 0;
    const params = this.peek(skip);
    const arrow = params === "("
      ? this.#arrowAfterParens(skip)
      : /^[\p{L}_$]/u.test(params) && this.peek(skip + 1) === "=>";
    if (!arrow) return false;
    if (skip) this.next();
    if (this.is("(")) this.skipBrackets("(");
    else this.next();
    this.expect("=>");
    if (this.is("{")) this.skipBrackets("{");
    else this.#expression();
    return true;
  }

  #arrowAfterParens(skip: number): boolean {
    let depth = 0;
    for (let i = skip; i === skip || depth > 0; i++) {
      if (this.peek(i) === "(") depth++;
      else if (this.peek(i) === ")") depth--;
      if (depth === 0) return this.peek(i + 1) === "=>";
    }
    return false;
  }

  #binary(): Node {
    const from = this.position;
    const first = this.#unary();
    if (!this.is(...BINARY)) return first;
    while (this.accept(...BINARY)) this.#unary();
    return this.#node("other", from);
  }

  #unary(): Node {
    const from = this.position;
    if (!this.accept(...UNARY)) return this.#assignment();
    this.nested(() => this.#unary());
    return this.#node("other", from);
  }

  /** A postfix expression, and what is assigned to it: `a + b = 1` means `a + (b = 1)`. */
  #assignment(): Node {
    const from = this.position;
    const left = this.#postfix();
    if (this.accept("=")) {
      if (left.kind === "string" || left.kind === "call") this.fail();
      return this.#node("assignment", from, { left: left.text, right: this.#expression() });
    }
    if (!this.accept(...ASSIGN)) return left;
    this.#expression();
    return this.#node("other", from);
  }

  #postfix(): Node {
    const from = this.position;
    let node = this.#primary();
    for (;;) {
      if (this.is("(")) {
        const callee = this.textFrom(from);
        const args = this.#arguments();
        node = this.#node("call", from, { callee, args });
        continue;
      }
      if (this.accept(".", "?.")) {
        if (this.is("(", "[")) continue;
        this.accept("#");
        if (this.next().type !== "name") this.fail();
      } else if (this.accept("[")) {
        this.#sequence();
        this.expect("]");
      } else if (this.token.type === "template") this.next();
      else if (!this.token.newLine && this.accept("++", "--")) {
        return this.#node("other", from);
      } else return node;
      node = this.#node("other", from);
    }
  }

  #arguments(): Node[] {
    const nodes: Node[] = [];
    this.expect("(");
    while (!this.accept(")")) {
      if (this.accept("...")) this.#expression();
      else if (!this.is(",")) nodes.push(this.#expression());
      if (!this.is(")")) this.expect(",");
    }
    return nodes;
  }

  #primary(): Node {
    const from = this.position;
    const { type, text } = this.token;
    if (type === "string" || type === "char") {
      this.next();
      return this.#node("string", from);
    }
    if (type === "number" || type === "template" || type === "regex") this.next();
    else if (this.accept("(")) {
      this.#sequence();
      this.expect(")");
    } else if (this.is("[")) this.#array();
    else if (this.is("{")) this.#object();
    else if (this.is("function") || (this.is("async") && this.peek(1) === "function")) {
      this.accept("async");
      this.next();
      this.accept("*");
      if (this.token.type === "name") this.next();
      this.skipBrackets("(");
      this.skipBrackets("{");
    } else if (this.accept("class")) {
      while (!this.is("{") && this.token.type === "name") this.next();
      this.skipBrackets("{");
    } else if (this.accept("new")) {
      this.#constructed();
    } else if (this.accept("true", "false", "null", "this", "super")) {
      return this.#node(text === "true" ? "name" : "other", from);
    } else if (type === "name" && !RESERVED.has(text)) {
      this.next();
      return this.#node("name", from);
    } else this.fail();
    return this.#node("other", from);
  }

  #constructed(): void {
    if (this.is("new")) {
      this.next();
      this.#constructed();
      return;
    }
    this.#primary();
    while (this.accept(".", "[")) {
      if (this.textAt(this.position - 1) === "[") {
        this.#sequence();
        this.expect("]");
      } else this.next();
    }
    if (this.is("(")) this.#arguments();
  }

  #array(): void {
    this.expect("[");
    while (!this.accept("]")) {
      if (this.accept(",")) continue;
      this.accept("...");
      this.#expression();
      if (!this.is("]")) this.expect(",");
    }
  }

  #object(): void {
    this.expect("{");
    while (!this.accept("}")) {
      if (this.accept("...")) this.#expression();
      else this.#member();
      if (!this.is("}")) this.expect(",");
    }
  }

  #member(): void {
    const modifiers = ["get", "set", "async", "static"];
    const last = [":", ",", "}", "(", "="];
    while (this.is(...modifiers) && !last.includes(this.peek(1))) this.next();
    this.accept("*");
    const shorthand = this.token.type === "name";
    if (this.accept("[")) {
      this.#expression();
      this.expect("]");
    } else if (["name", "string", "char", "number"].includes(this.token.type)) this.next();
    else this.fail();
    if (this.accept(":")) this.#expression();
    else if (this.is("(")) {
      this.skipBrackets("(");
      this.skipBrackets("{");
    } else if (!shorthand) this.fail();
  }
}
