/** Java calls with arguments written `name=value`, as BFCL reads them: values stay source text. */
import type { Call } from "./call.ts";
import { CurlyReader, unreadable } from "./curly_reader.ts";
import { PyDict, PyError } from "./py_value.ts";

const ASSIGN = ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", ">>>="];
const BINARY = "+ - * / % == != < > <= >= << >> & | ^ && ||".split(" ");
const PREFIX = ["+", "-", "!", "~", "++", "--"];
const PRIMITIVES = ["boolean", "byte", "char", "double", "float", "int", "long", "short", "void"];
const WORDS = ["true", "false", "null", "this", "super"];

/** An expression. */
interface Node {
  readonly kind: "call" | "name" | "class" | "assignment" | "string" | "other";
  /** As source. */
  readonly source: string;
  /** As the official reader prints it inside a value: without blanks, calls as they are. */
  readonly print: () => string;
  /** Of a call. */
  readonly callee?: string;
  readonly args?: readonly Node[];
  /** Of an assignment. */
  readonly left?: Node;
  readonly right?: Node;
  /** The first call in it, itself included, from the outside to the inside. */
  readonly firstCall?: Node;
}

/** The first call of the source, as a list of one; undefined without one; a PyError if unreadable. */
export function javaCalls(source: string): Call[] | undefined {
  const call = new Reader(source).firstCall();
  return call && [{ name: call.callee!, args: namedArguments(call.args!) }];
}

function namedArguments(nodes: readonly Node[]): PyDict {
  const args = new PyDict();
  for (const { kind, left, right, source } of nodes) {
    const named = kind === "assignment" ? left!.source : null;
    if (named === null && kind !== "name" && kind !== "class") continue;
    if (args.has(named)) throw new PyError("Exception", "several arguments of the same name");
    args.set(named, named === null ? source : valueOf(right!));
  }
  return args;
}

/** Strings and characters lose their quotes. */
function valueOf(node: Node): string {
  return node.kind === "string" ? node.source.slice(1, -1) : node.print();
}

class Reader extends CurlyReader {
  constructor(source: string) {
    super(source, { javascript: false });
  }

  firstCall(): Node | undefined {
    let first: Node | undefined;
    let statements = 0;
    for (; !this.ended; statements++) {
      if (this.accept(";")) continue;
      const statement = this.#expression();
      first ??= statement.firstCall;
      // Only what ends in a call stands without its semicolon.
      if (!this.accept(";") && !statement.source.endsWith(")")) this.fail();
    }
    if (statements > 0 && first === undefined) throw unreadable("no call", 0);
    return first;
  }

  /** A node whose print is that of its parts, with tokens as they are between them. */
  #node(kind: Node["kind"], from: number, parts: Partial<Node> & { children?: Node[] } = {}): Node {
    const { children = [], ...rest } = parts;
    const source = this.textFrom(from);
    const joined = this.joinedFrom(from);
    return {
      kind,
      source,
      print: () => joined,
      firstCall: children.find(({ firstCall }) => firstCall)?.firstCall,
      ...rest,
    };
  }

  #expression(): Node {
    return this.nested(() => {
      const from = this.position;
      if (this.#lambdaAhead()) return this.#lambda(from);
      const target = this.#binary();
      if (!this.accept("?")) return target;
      const then = this.#expression();
      this.expect(":");
      const other = this.#expression();
      return this.#node("other", from, {
        children: [target, then, other],
        print: () => `${target.print()}?${then.print()}:${other.print()}`,
      });
    });
  }

  #lambdaAhead(): boolean {
    if (this.is("(")) return this.textAt(this.closing() + 1) === "->";
    return this.token.type === "name" && this.peek(1) === "->";
  }

  #lambda(from: number): Node {
    if (this.is("(")) this.skipBrackets("(");
    else this.next();
    this.expect("->");
    const head = this.joinedFrom(from);
    if (this.is("{")) {
      this.skipBrackets("{");
      return this.#node("other", from);
    }
    const body = this.#expression();
    return this.#node("other", from, { children: [body], print: () => head + body.print() });
  }

  #binary(): Node {
    const from = this.position;
    const first = this.#unary();
    const rest: { op: string; operand: Node }[] = [];
    for (;;) {
      const op = this.token.text;
      if (this.accept("instanceof")) {
        const start = this.position;
        this.#type();
        rest.push({ op, operand: this.#node("other", start) });
      } else if (this.accept(...BINARY)) rest.push({ op, operand: this.#unary() });
      else break;
    }
    if (rest.length === 0) return first;
    return this.#node("other", from, {
      children: [first, ...rest.map(({ operand }) => operand)],
      print: () => first.print() + rest.map(({ op, operand }) => op + operand.print()).join(""),
    });
  }

  #unary(): Node {
    const from = this.position;
    const op = this.token.text;
    const prefix = this.accept(...PREFIX);
    if (!prefix && !this.#castAhead()) return this.#assignment();
    if (!prefix) this.skipBrackets("(");
    const head = prefix ? op : this.joinedFrom(from);
    const operand = this.nested(() => this.#unary());
    return this.#node("other", from, { children: [operand], print: () => head + operand.print() });
  }

  /** A postfix expression, and what is assigned to it: `a + b = 1` means `a + (b = 1)`. */
  #assignment(): Node {
    const from = this.position;
    const left = this.#postfix();
    const op = this.token.text;
    if (!this.accept(...ASSIGN)) return left;
    if (left.kind !== "name" && left.kind !== "other") this.fail();
    const right = this.#expression();
    return this.#node("assignment", from, {
      left,
      right,
      children: [left, right],
      print: () => left.print() + op + right.print(),
    });
  }

  /** `(Type) operand`. */
  #castAhead(): boolean {
    if (!this.is("(")) return false;
    const close = this.closing();
    const inner = Array.from(
      { length: close - this.position - 1 },
      (_, i) => this.textAt(this.position + 1 + i),
    );
    if (inner.length === 0 || !inner.every((text) => /^(?:[\p{L}_$].*|[.,<>?&[\]])$/u.test(text))) {
      return false;
    }
    const after = this.textAt(close + 1);
    return PRIMITIVES.includes(inner[0]) || /^[\p{L}_$"'\d(!~]/u.test(after);
  }

  #postfix(): Node {
    const from = this.position;
    let node = this.#primary();
    for (;;) {
      const head = node;
      if (this.is("(") && head.kind === "name") {
        node = this.#call(from, { callee: head.source, object: undefined });
      } else if (this.accept(".")) node = this.#member(from, head);
      else if (this.accept("[")) {
        const index = this.#expression();
        this.expect("]");
        node = this.#node("other", from, {
          children: [head, index],
          print: () => `${head.print()}[${index.print()}]`,
        });
      } else if (this.is("++", "--")) {
        const op = this.next().text;
        node = this.#node("other", from, { children: [head], print: () => head.print() + op });
      } else if (this.accept("::")) {
        const name = this.next();
        if (name.type !== "name") this.fail();
        node = this.#node("other", from, {
          children: [head],
          print: () => `${head.print()}::${name.text}`,
        });
      } else return node;
    }
  }

  #member(from: number, object: Node): Node {
    if (this.accept("class")) return this.#classLiteral(from);
    if (this.is("<")) this.#typeArguments();
    const name = this.next();
    if (name.type !== "name") this.fail();
    if (this.is("(")) {
      return this.#call(from, { callee: `${object.source}.${name.text}`, object });
    }
    return this.#node("other", from, {
      children: [object],
      print: () => `${object.print()}.${name.text}`,
    });
  }

  #classLiteral(from: number): Node {
    const source = this.textFrom(from);
    return this.#node("class", from, { print: () => source });
  }

  #call(from: number, { callee, object }: { callee: string; object?: Node }): Node {
    const args = this.#arguments();
    const call: { firstCall?: Node } & Node = this.#node("call", from, {
      callee,
      args,
      children: object ? [object, ...args] : [...args],
    });
    const { source } = call;
    return Object.assign(call, { print: () => source, firstCall: call });
  }

  #arguments(): Node[] {
    const nodes: Node[] = [];
    this.expect("(");
    if (this.accept(")")) return nodes;
    do nodes.push(this.#expression()); while (this.accept(","));
    this.expect(")");
    return nodes;
  }

  #primary(): Node {
    const from = this.position;
    const { type, text } = this.token;
    if (type === "string" || type === "char") {
      this.next();
      return this.#node("string", from);
    }
    if (type === "number") this.next();
    else if (this.accept("(")) {
      const inner = this.#expression();
      this.expect(")");
      return this.#node("other", from, { children: [inner], print: () => `(${inner.print()})` });
    } else if (this.accept("new")) return this.#creation(from);
    else if (PRIMITIVES.includes(text)) {
      this.#type();
      this.expect(".");
      this.expect("class");
      return this.#classLiteral(from);
    } else if (this.accept(...WORDS)) return this.#node("other", from);
    else if (type === "name") {
      this.next();
      return this.#node("name", from);
    } else this.fail();
    return this.#node("other", from);
  }

  #creation(from: number): Node {
    const typeStart = this.position;
    this.#type({ dimensions: false });
    const type = this.joinedFrom(typeStart);
    if (this.is("[")) return this.#arrayCreation(from, type);
    const args = this.#arguments();
    if (this.is("{")) this.#classBody();
    return this.#node("other", from, {
      children: args,
      print: () => `new ${type}(${args.map((arg) => arg.print()).join(", ")})`,
    });
  }

  /** The body of an anonymous class, which is not printed; `{{ add(1); }}` is the usual one. */
  #classBody(): void {
    if (this.peek(1) !== "{") return this.skipBrackets("{");
    this.expect("{");
    this.expect("{");
    while (!this.accept("}")) {
      if (this.accept(";")) continue;
      this.#expression();
      this.expect(";");
    }
    this.expect("}");
  }

  #arrayCreation(from: number, type: string): Node {
    while (this.accept("[")) {
      if (!this.is("]")) this.#expression();
      this.expect("]");
    }
    const init = this.is("{") ? this.#initializer() : undefined;
    return this.#node("other", from, {
      children: init ? [init] : [],
      print: () => {
        if (!init) throw new PyError("AttributeError", "an array without values");
        return `new ${type}[]${init.print()}`;
      },
    });
  }

  #initializer(): Node {
    const from = this.position;
    const children: Node[] = [];
    this.expect("{");
    while (!this.accept("}")) {
      children.push(this.is("{") ? this.nested(() => this.#initializer()) : this.#expression());
      if (!this.is("}")) this.expect(",");
    }
    const comma = this.textAt(this.position - 2) === "," && children.length > 0 ? "," : "";
    const print = () => `{${children.map((child) => child.print()).join(",")}${comma}}`;
    return this.#node("other", from, { children, print });
  }

  #type({ dimensions = true } = {}): void {
    do {
      if (this.next().type !== "name") this.fail();
      if (this.is("<")) this.#typeArguments();
    } while (this.accept("."));
    while (dimensions && this.accept("[")) this.expect("]");
  }

  #typeArguments(): void {
    let depth = 0;
    do {
      const { type, text } = this.next();
      if (text === "<") depth++;
      else if (/^>+$/.test(text)) depth -= text.length;
      else if (type !== "name" && !["?", ",", ".", "[", "]", "&"].includes(text)) this.fail();
    } while (depth > 0);
    if (depth < 0) this.fail();
  }
}
