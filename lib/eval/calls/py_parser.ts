/** Python expressions to a tree: the part of CPython's grammar that calls and their arguments can hold. */
import { syntax, type Token, tokenizePython } from "./py_tokens.ts";
import { PyBytes, type PyValue } from "./py_value.ts";

/** An argument `name=value`; `**value` has no name. */
export interface Keyword {
  readonly name: string | null;
  readonly value: Expr;
}

/** A node of the tree. `other` stands for what no scorer looks into: its source is kept. */
export type Expr =
  | { readonly type: "constant"; readonly value: PyValue }
  | { readonly type: "ellipsis" }
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "attribute"; readonly value: Expr; readonly name: string }
  | {
    readonly type: "call";
    readonly func: Expr;
    readonly args: readonly Expr[];
    readonly keywords: readonly Keyword[];
  }
  | { readonly type: "subscript"; readonly value: Expr; readonly index: Expr }
  | { readonly type: "unary"; readonly op: string; readonly operand: Expr }
  | { readonly type: "binary"; readonly op: string; readonly left: Expr; readonly right: Expr }
  | { readonly type: "bool"; readonly op: string; readonly values: readonly Expr[] }
  | {
    readonly type: "compare";
    readonly left: Expr;
    readonly rest: readonly { readonly op: string; readonly right: Expr }[];
  }
  | { readonly type: "conditional"; readonly test: Expr; readonly then: Expr; readonly else: Expr }
  | { readonly type: "list" | "tuple" | "set"; readonly items: readonly Expr[] }
  | {
    readonly type: "dict";
    readonly entries: readonly { readonly key: Expr | null; readonly value: Expr }[];
  }
  | { readonly type: "starred"; readonly value: Expr }
  | {
    readonly type: "other";
    readonly kind: "lambda" | "comprehension" | "fstring" | "named" | "yield" | "await" | "slice";
    readonly source: string;
  };

type Other = Extract<Expr, { type: "other" }>;

/** Deepest nesting of expressions read; deeper ones are syntax errors, as in CPython. */
const MAX_DEPTH = 400;
/** Longest chain of operators or of `.a(b)[c]`, which nest to the left. */
const MAX_CHAIN = 1000;

const RESERVED = new Set(
  ("False None True and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield").split(
      " ",
    ),
);

/** Binary operators from the loosest to the tightest. */
const BINARY = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%", "@"]];
const COMPARISONS = ["==", "!=", "<", "<=", ">", ">=", "in", "is"];

/** Reads one expression, as `ast.parse(source, mode="eval")`; a PyError of kind SyntaxError if it is none. */
export function parseExpression(source: string): Expr {
  const parser = new Parser(source);
  parser.newlines();
  const body = parser.expressions(false);
  parser.newlines();
  parser.finish();
  return body;
}

/** A statement: an expression, whose value a name may get. */
export interface Statement {
  readonly target?: string;
  readonly value: Expr;
}

/**
 * Reads statements separated by `;` or line breaks: expressions and plain assignments. Others (imports,
 * control flow) are refused like syntax errors: no scorer runs them.
 */
export function parseStatements(source: string): Statement[] {
  const parser = new Parser(source);
  const statements: Statement[] = [];
  for (parser.newlines(); !parser.ended; parser.newlines()) {
    do statements.push(parser.statement()); while (parser.accept(";") && !parser.lineEnd);
    if (!parser.lineEnd) throw syntax("invalid syntax");
  }
  return statements;
}

class Parser {
  readonly #tokens: Token[];
  #at = 0;
  #depth = 0;

  constructor(readonly source: string) {
    this.#tokens = tokenizePython(source);
  }

  get ended(): boolean {
    return this.#token.type === "end";
  }

  get lineEnd(): boolean {
    return this.ended || this.#token.type === "newline";
  }

  newlines(): void {
    while (this.#token.type === "newline") this.#at++;
  }

  finish(): void {
    if (!this.ended) throw syntax("invalid syntax");
  }

  /** Takes the token if it is this operator or keyword. */
  accept(text: string): boolean {
    const found = this.#is(text);
    if (found) this.#at++;
    return found;
  }

  statement(): Statement {
    const value = this.expressions(true);
    if (value.type !== "name" || !this.accept("=")) return { value };
    return { target: value.name, value: this.expressions(true) };
  }

  /** One expression, or several with commas as a tuple. */
  expressions(starred: boolean): Expr {
    const first = starred ? this.#starOrNamed() : this.#expression();
    if (!this.#is(",")) return first;
    const items = [first];
    while (this.accept(",") && this.#startsExpression()) {
      items.push(starred ? this.#starOrNamed() : this.#expression());
    }
    return { type: "tuple", items };
  }

  get #token(): Token {
    return this.#tokens[this.#at];
  }

  #is(text: string): boolean {
    const token = this.#token;
    return (token.type === "op" || token.type === "name") && token.text === text;
  }

  #expect(text: string): void {
    if (!this.accept(text)) throw syntax("invalid syntax");
  }

  #name(): string {
    const token = this.#token;
    if (token.type !== "name" || RESERVED.has(token.text)) throw syntax("invalid syntax");
    this.#at++;
    return token.text;
  }

  #startsExpression(): boolean {
    const { type, text } = this.#token;
    if (type === "name") {
      return !RESERVED.has(text) ||
        ["False", "None", "True", "lambda", "not", "await"].includes(text);
    }
    return type === "value" || type === "fstring" ||
      (type === "op" && ["(", "[", "{", "-", "+", "~", "*", "..."].includes(text));
  }

  #other(kind: Other["kind"], from: number): Other {
    const source = this.source.slice(this.#tokens[from].start, this.#tokens[this.#at - 1].end);
    return { type: "other", kind, source };
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw syntax("too many nested expressions");
    const result = read();
    this.#depth--;
    return result;
  }

  #starOrNamed(): Expr {
    if (this.accept("*")) return { type: "starred", value: this.#binary(0) };
    return this.#named();
  }

  #named(): Expr {
    const from = this.#at;
    const value = this.#expression();
    if (!this.#is(":=")) return value;
    if (value.type !== "name") throw syntax("cannot use assignment expressions here");
    this.#at++;
    this.#expression();
    return this.#other("named", from);
  }

  #expression(): Expr {
    return this.#nested(() => {
      if (this.#is("lambda")) return this.#lambda();
      const then = this.#or();
      if (!this.accept("if")) return then;
      const test = this.#or();
      this.#expect("else");
      return { type: "conditional", test, then, else: this.#expression() };
    });
  }

  #lambda(): Expr {
    const from = this.#at++;
    while (!this.#is(":")) {
      if (!this.accept("*") && !this.accept("**") && !this.accept("/")) {
        this.#name();
        if (this.accept("=")) this.#expression();
      } else if (!this.#is(",") && !this.#is(":")) this.#name();
      if (!this.accept(",") && !this.#is(":")) throw syntax("invalid syntax");
    }
    this.#at++;
    this.#expression();
    return this.#other("lambda", from);
  }

  #or(): Expr {
    return this.#boolean("or", () => this.#boolean("and", () => this.#not()));
  }

  #boolean(op: string, operand: () => Expr): Expr {
    const first = operand();
    if (!this.#is(op)) return first;
    const values = [first];
    while (this.accept(op)) values.push(operand());
    return { type: "bool", op, values };
  }

  #not(): Expr {
    if (!this.accept("not")) return this.#comparison();
    return { type: "unary", op: "not", operand: this.#nested(() => this.#not()) };
  }

  #comparison(): Expr {
    const left = this.#binary(0);
    const rest: { op: string; right: Expr }[] = [];
    for (let op = this.#comparator(); op; op = this.#comparator()) {
      rest.push({ op, right: this.#binary(0) });
    }
    return rest.length === 0 ? left : { type: "compare", left, rest };
  }

  #comparator(): string | undefined {
    if (this.#is("not") && this.#tokens[this.#at + 1].text === "in") {
      this.#at += 2;
      return "not in";
    }
    const op = COMPARISONS.find((text) => this.accept(text));
    return op === "is" && this.accept("not") ? "is not" : op;
  }

  #binary(level: number): Expr {
    if (level === BINARY.length) return this.#unary();
    let left = this.#binary(level + 1);
    for (let chain = 0; chain < MAX_CHAIN; chain++) {
      const op = BINARY[level].find((text) => this.accept(text));
      if (op === undefined) return left;
      left = { type: "binary", op, left, right: this.#binary(level + 1) };
    }
    throw syntax("too many nested expressions");
  }

  #unary(): Expr {
    const op = ["-", "+", "~"].find((text) => this.accept(text));
    if (op === undefined) return this.#power();
    return { type: "unary", op, operand: this.#nested(() => this.#unary()) };
  }

  #power(): Expr {
    const from = this.#at;
    const awaited = this.accept("await");
    const plain = this.#primary();
    const base = awaited ? this.#other("await", from) : plain;
    if (!this.accept("**")) return base;
    return { type: "binary", op: "**", left: base, right: this.#nested(() => this.#unary()) };
  }

  #primary(): Expr {
    let value = this.#atom();
    for (let chain = 0; chain < MAX_CHAIN; chain++) {
      if (this.accept(".")) value = { type: "attribute", value, name: this.#name() };
      else if (this.accept("(")) value = this.#call(value);
      else if (this.accept("[")) value = { type: "subscript", value, index: this.#index() };
      else return value;
    }
    throw syntax("too many nested expressions");
  }

  #call(func: Expr): Expr {
    const args: Expr[] = [];
    const keywords: Keyword[] = [];
    while (!this.accept(")")) {
      const from = this.#at;
      if (this.accept("**")) keywords.push({ name: null, value: this.#expression() });
      else if (this.#tokens[this.#at + 1].text === "=" && this.#token.type === "name") {
        const name = this.#name();
        this.#at++;
        keywords.push({ name, value: this.#expression() });
      } else {
        const starred = this.#is("*");
        if (keywords.some(({ name }) => name === null || !starred)) {
          throw syntax("positional argument follows keyword argument");
        }
        let value: Expr = this.accept("*")
          ? { type: "starred", value: this.#expression() }
          : this.#named();
        if (this.#is("for") || this.#is("async")) {
          this.#generators();
          const { source } = this.#other("comprehension", from);
          value = { type: "other", kind: "comprehension", source: `(${source})` };
          if (args.length > 0 || !this.#is(")")) {
            throw syntax("Generator expression must be parenthesized");
          }
        }
        args.push(value);
      }
      if (!this.accept(",") && !this.#is(")")) throw syntax("invalid syntax");
    }
    return { type: "call", func, args, keywords };
  }

  #index(): Expr {
    const items: Expr[] = [];
    let tuple = false;
    while (!this.accept("]")) {
      items.push(this.#slice());
      if (this.accept(",")) tuple = true;
      else if (!this.#is("]")) throw syntax("invalid syntax");
    }
    if (items.length === 0) throw syntax("invalid syntax");
    return tuple ? { type: "tuple", items } : items[0];
  }

  #slice(): Expr {
    const from = this.#at;
    const first = this.#is(":") ? undefined : this.#starOrNamed();
    if (first && !this.#is(":")) return first;
    for (let colons = 0; colons < 2 && this.accept(":"); colons++) {
      if (!this.#is(":") && !this.#is(",") && !this.#is("]")) this.#expression();
    }
    return this.#other("slice", from);
  }

  #atom(): Expr {
    const token = this.#token;
    if (token.type === "value" || token.type === "fstring") return this.#literal();
    if (this.accept("(")) return this.#nested(() => this.#group());
    if (this.accept("[")) return this.#nested(() => this.#list());
    if (this.accept("{")) return this.#nested(() => this.#braces());
    if (this.accept("...")) return { type: "ellipsis" };
    if (this.accept("True")) return { type: "constant", value: true };
    if (this.accept("False")) return { type: "constant", value: false };
    if (this.accept("None")) return { type: "constant", value: null };
    return { type: "name", name: this.#name() };
  }

  /** A number, or strings side by side. */
  #literal(): Expr {
    const from = this.#at;
    const first = this.#tokens[this.#at++];
    if (first.type === "value" && isPlainNumber(first.value!)) {
      return { type: "constant", value: first.value! };
    }
    const parts = [first];
    for (;; this.#at++) {
      const token = this.#token;
      const string = token.type === "fstring" ||
        (token.type === "value" && !isPlainNumber(token.value!));
      if (!string) break;
      parts.push(token);
    }
    const bytes = parts.filter(({ value }) => value instanceof PyBytes).length;
    if (bytes > 0 && bytes < parts.length) throw syntax("cannot mix bytes and nonbytes literals");
    if (parts.some(({ type }) => type === "fstring")) return this.#other("fstring", from);
    const text = parts.map(({ value }) => value instanceof PyBytes ? value.text : value).join("");
    return { type: "constant", value: bytes > 0 ? new PyBytes(text) : text };
  }

  #group(): Expr {
    const from = this.#at - 1;
    if (this.accept(")")) return { type: "tuple", items: [] };
    if (this.accept("yield")) {
      this.accept("from");
      if (!this.#is(")")) this.expressions(true);
      this.#expect(")");
      return this.#other("yield", from);
    }
    const first = this.#starOrNamed();
    if (this.#comprehension(")")) return this.#other("comprehension", from);
    if (!this.#is(",")) {
      this.#expect(")");
      if (first.type === "starred") throw syntax("cannot use starred expression here");
      return first;
    }
    return { type: "tuple", items: this.#rest(first, ")") };
  }

  #list(): Expr {
    const from = this.#at - 1;
    if (this.accept("]")) return { type: "list", items: [] };
    const first = this.#starOrNamed();
    if (this.#comprehension("]")) return this.#other("comprehension", from);
    return { type: "list", items: this.#rest(first, "]") };
  }

  #rest(first: Expr, close: string): Expr[] {
    const items = [first];
    while (!this.accept(close)) {
      this.#expect(",");
      if (!this.#is(close)) items.push(this.#starOrNamed());
    }
    return items;
  }

  #braces(): Expr {
    const from = this.#at - 1;
    if (this.accept("}")) return { type: "dict", entries: [] };
    if (!this.#is("**")) {
      const first = this.#starOrNamed();
      if (!this.#is(":")) {
        if (this.#comprehension("}")) return this.#other("comprehension", from);
        return { type: "set", items: this.#rest(first, "}") };
      }
      if (first.type === "starred" || first.type === "other" && first.kind === "named") {
        throw syntax("invalid syntax");
      }
      this.#at++;
      const value = this.#expression();
      if (this.#comprehension("}")) return this.#other("comprehension", from);
      return { type: "dict", entries: this.#entries([{ key: first, value }]) };
    }
    return { type: "dict", entries: this.#entries([]) };
  }

  #entries(entries: { key: Expr | null; value: Expr }[]): { key: Expr | null; value: Expr }[] {
    while (!this.accept("}")) {
      if (entries.length > 0) {
        this.#expect(",");
        if (this.accept("}")) break;
      }
      if (this.accept("**")) entries.push({ key: null, value: this.#binary(0) });
      else {
        const key = this.#expression();
        this.#expect(":");
        entries.push({ key, value: this.#expression() });
      }
    }
    return entries;
  }

  /** The `for ... in ...` parts up to the closing bracket, if there are any. */
  #comprehension(close: string): boolean {
    if (!this.#is("for") && !this.#is("async")) return false;
    this.#generators();
    this.#expect(close);
    return true;
  }

  #generators(): void {
    while (this.#is("for") || this.#is("async")) {
      this.accept("async");
      this.#expect("for");
      do {
        this.accept("*");
        this.#primary();
      } while (this.accept(",") && !this.#is("in"));
      this.#expect("in");
      this.#or();
      while (this.accept("if")) this.#or();
    }
  }
}

function isPlainNumber(value: PyValue): boolean {
  return typeof value !== "string" && !(value instanceof PyBytes);
}
