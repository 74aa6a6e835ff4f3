/** A parser for the WGSL that our kernels are written in; what else the language has is refused by name. */

/** Where something stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** An expression, or a type: the grammar has one for both. */
export type Expr =
  & { readonly at: Place }
  & (
    | { readonly kind: "number"; readonly value: number; readonly type: NumberType }
    | { readonly kind: "name"; readonly name: string; readonly template?: readonly Expr[] }
    | {
      readonly kind: "call";
      readonly to: Expr & { kind: "name" };
      readonly args: readonly Expr[];
    }
    | { readonly kind: "index"; readonly of: Expr; readonly index: Expr }
    | { readonly kind: "member"; readonly of: Expr; readonly name: string }
    | { readonly kind: "unary"; readonly op: string; readonly of: Expr }
    | { readonly kind: "binary"; readonly op: string; readonly a: Expr; readonly b: Expr }
  );

/** Literals without a suffix fit the type of what they meet. */
export type NumberType = "u32" | "i32" | "f32" | "int" | "float";

/** A declaration of a value, in a function or outside. */
export interface Variable {
  readonly kind: "const" | "let" | "var";
  readonly name: string;
  readonly space?: string;
  readonly access?: string;
  readonly binding?: number;
  readonly type?: Expr;
  readonly value?: Expr;
  readonly at: Place;
}

/** A statement. */
export type Statement =
  & { readonly at: Place }
  & (
    | Variable
    | { readonly kind: "assign"; readonly op: string; readonly to: Expr; readonly value: Expr }
    | { readonly kind: "call"; readonly call: Expr }
    | { readonly kind: "if"; readonly test: Expr; readonly then: Block; readonly other?: Block }
    | {
      readonly kind: "for";
      readonly first?: Statement;
      readonly test?: Expr;
      readonly next?: Statement;
      readonly body: Block;
    }
    | { readonly kind: "break" | "continue" }
    | { readonly kind: "return"; readonly value?: Expr }
    | { readonly kind: "block"; readonly body: Block }
  );

/** Statements between braces. */
export type Block = readonly Statement[];

/** A field of a struct, or a parameter of a function. */
export interface Field {
  readonly name: string;
  readonly type: Expr;
  readonly builtin?: string;
}

/** A function. */
export interface Fn {
  readonly kind: "fn";
  readonly name: string;
  readonly parameters: readonly Field[];
  readonly returns?: Expr;
  readonly body: Block;
  /** Of an entry point. */
  readonly workgroupSize?: readonly Expr[];
  readonly at: Place;
}

/** What stands at the top of a file. */
export type Declaration =
  | Variable
  | Fn
  | { readonly kind: "alias"; readonly name: string; readonly type: Expr }
  | { readonly kind: "struct"; readonly name: string; readonly fields: readonly Field[] };

interface Token {
  readonly text: string;
  readonly line: number;
  /** Whether nothing stands between it and the token before: `> >` is no shift. */
  readonly joined: boolean;
}

const TOKEN =
  /(\s+|\/\/.*)|(0x[\da-f]*\.?[\da-f]+(?:p[+-]?\d+)?[uif]?|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[uif]?|[a-z_]\w*|->|[-+*/%&|^=!<]=|<<=?|&&|\|\||\+\+|--|.)/giy;

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let line = 1;
  let joined = false;
  for (const [, blank, token] of text.matchAll(TOKEN)) {
    if (token) found.push({ text: token, line, joined });
    joined = token !== undefined;
    line += (blank ?? "").split("\n").length - 1;
  }
  return found;
}

/** Names that a `<` behind makes a template of. */
const TEMPLATES = new Set(["array", "vec2", "vec3", "vec4", "ptr", "atomic", "bitcast", "var"]);

const PRECEDENCE: Record<string, number> = Object.fromEntries(
  ["||", "&&", "|", "^", "&", "== !=", "< > <= >=", "<< >>", "+ -", "* / %"]
    .flatMap((ops, level) => ops.split(" ").map((op) => [op, level + 1])),
);

/** Above comparisons and shifts, whose signs end a template. */
const IN_TEMPLATE = PRECEDENCE["+"];

/** The declarations of a file, in order. */
export function parse(text: string, file: string): Declaration[] {
  const list = tokens(text);
  let next = 0;

  const peek = () => list[next]?.text ?? "";
  const at = (): Place => ({ file, line: list[Math.min(next, list.length - 1)]?.line ?? 1 });
  function refuse(wanted: string): never {
    throw new SyntaxError(`${file}:${at().line}: found "${peek()}", expected ${wanted}`);
  }
  function accept(text: string): boolean {
    if (peek() !== text) return false;
    next++;
    return true;
  }
  function expect(text: string): void {
    if (!accept(text)) refuse(`"${text}"`);
  }
  function word(): string {
    if (!/^[a-z_]\w*$/i.test(peek())) refuse("a name");
    return list[next++].text;
  }
  function listUntil<T>(end: string, item: () => T): T[] {
    const items: T[] = [];
    while (!accept(end)) {
      items.push(item());
      if (!accept(",")) {
        expect(end);
        break;
      }
    }
    return items;
  }

  /** The operator here, of one or two tokens: `>` is one of its own, since it ends templates. */
  function operator(): string {
    const joined = (ahead: number) => list[next + ahead]?.joined ? list[next + ahead].text : "";
    if (peek() !== ">") return peek();
    if (joined(1) === ">") return joined(2) === "=" ? ">>=" : ">>";
    return joined(1) === "=" ? ">=" : ">";
  }
  function skipOperator(op: string): void {
    next += op[0] === ">" ? op.length : 1;
  }

  function expression(level = 1): Expr {
    let a = unary();
    for (let op = operator(); PRECEDENCE[op] >= level; op = operator()) {
      const place = at();
      skipOperator(op);
      a = { kind: "binary", op, a, b: expression(PRECEDENCE[op] + 1), at: place };
    }
    return a;
  }
  function unary(): Expr {
    const place = at();
    for (const op of ["-", "!", "~", "&", "*"]) {
      if (accept(op)) return { kind: "unary", op, of: unary(), at: place };
    }
    return postfix(primary());
  }
  function postfix(of: Expr): Expr {
    const place = at();
    if (accept(".")) return postfix({ kind: "member", of, name: word(), at: place });
    if (!accept("[")) return of;
    const index = expression();
    expect("]");
    return postfix({ kind: "index", of, index, at: place });
  }
  function primary(): Expr {
    const place = at();
    if (accept("(")) {
      const inner = expression();
      expect(")");
      return inner;
    }
    if (/^[.\d]/.test(peek())) return { kind: "number", ...literal(list[next++].text), at: place };
    const to = name();
    return accept("(") ? { kind: "call", to, args: listUntil(")", expression), at: place } : to;
  }
  function name(): Expr & { kind: "name" } {
    const place = at();
    const name = word();
    if (!TEMPLATES.has(name) || !accept("<")) return { kind: "name", name, at: place };
    return {
      kind: "name",
      name,
      template: listUntil(">", () => expression(IN_TEMPLATE)),
      at: place,
    };
  }

  function variable(kind: Variable["kind"], attributes: Record<string, Expr[]> = {}): Variable {
    const place = at();
    const [space, access] = accept("<") ? listUntil(">", word) : [];
    const named = word();
    const type = accept(":") ? name() : undefined;
    const value = accept("=") ? expression() : undefined;
    const [binding] = attributes.binding ?? [];
    return {
      kind,
      name: named,
      space,
      access,
      binding: binding?.kind === "number" ? binding.value : undefined,
      type,
      value,
      at: place,
    };
  }
  function block(): Block {
    expect("{");
    const body: Statement[] = [];
    while (!accept("}")) if (!accept(";")) body.push(statement());
    return body;
  }
  function statement(): Statement {
    const place = at();
    if (peek() === "{") return { kind: "block", body: block(), at: place };
    if (accept("if")) return conditional(place);
    if (accept("for")) {
      expect("(");
      const first = peek() === ";" ? undefined : simple();
      expect(";");
      const test = peek() === ";" ? undefined : expression();
      expect(";");
      const step = peek() === ")" ? undefined : simple();
      expect(")");
      return { kind: "for", first, test, next: step, body: block(), at: place };
    }
    if (accept("while")) return { kind: "for", test: expression(), body: block(), at: place };
    if (accept("loop")) return { kind: "for", body: block(), at: place };
    const done = simple();
    expect(";");
    return done;
  }
  function conditional(place: Place): Statement {
    const test = expression();
    const then = block();
    let other: Block | undefined;
    if (accept("else")) {
      const elsewhere = at();
      other = accept("if") ? [conditional(elsewhere)] : block();
    }
    return { kind: "if", test, then, other, at: place };
  }
  /** A statement that may stand in the head of a loop, or a jump. */
  function simple(): Statement {
    const place = at();
    if (accept("break")) return { kind: "break", at: place };
    if (accept("continue")) return { kind: "continue", at: place };
    if (accept("return")) {
      return { kind: "return", value: peek() === ";" ? undefined : expression(), at: place };
    }
    for (const kind of ["var", "let", "const"] as const) if (accept(kind)) return variable(kind);
    if (["switch", "continuing", "discard", "const_assert", "_"].includes(peek())) {
      refuse("no such statement: the sanitizer does not know it");
    }
    const to = unary();
    if (to.kind === "call") return { kind: "call", call: to, at: place };
    const op = operator();
    skipOperator(op);
    const one: Expr = { kind: "number", value: 1, type: "int", at: place };
    if (op === "++" || op === "--") {
      return { kind: "assign", op: op[0], to, value: one, at: place };
    }
    if (!op.endsWith("=")) refuse("an assignment");
    return { kind: "assign", op: op.slice(0, -1), to, value: expression(), at: place };
  }

  function attributes(): Record<string, Expr[]> {
    const found: Record<string, Expr[]> = {};
    while (accept("@")) {
      const name = word();
      found[name] = accept("(") ? listUntil(")", expression) : [];
    }
    return found;
  }
  function field(): Field {
    const [builtin] = attributes().builtin ?? [];
    const named = word();
    expect(":");
    return {
      name: named,
      type: name(),
      builtin: builtin?.kind === "name" ? builtin.name : undefined,
    };
  }
  function declaration(): Declaration {
    const given = attributes();
    const place = at();
    const kind = word();
    if (kind === "fn") {
      const named = word();
      expect("(");
      const parameters = listUntil(")", field);
      const returns = accept("->") ? name() : undefined;
      const { workgroup_size: workgroupSize } = given;
      return { kind, name: named, parameters, returns, body: block(), workgroupSize, at: place };
    }
    if (kind === "struct") {
      const named = word();
      expect("{");
      return { kind, name: named, fields: listUntil("}", field) };
    }
    if (kind === "alias") {
      const named = word();
      expect("=");
      return { kind, name: named, type: name() };
    }
    if (kind !== "const" && kind !== "var") refuse("fn, struct, alias, const or var");
    return variable(kind, given);
  }

  const all: Declaration[] = [];
  while (next < list.length) {
    if (accept(";")) continue;
    all.push(declaration());
  }
  return all;
}

/** Value and type of a number as WGSL writes it. */
function literal(text: string): { value: number; type: NumberType } {
  const hex = /^0x/i.test(text);
  const suffix = /[ui]$/.exec(text)?.[0] ?? (hex && !/p/i.test(text) ? "" : /f$/.exec(text)?.[0]);
  const digits = suffix ? text.slice(0, -1) : text;
  const real = hex ? /[.p]/i.test(digits) : /[.e]/i.test(digits);
  const type = suffix
    ? ({ u: "u32", i: "i32", f: "f32" } as const)[suffix]!
    : real
    ? "float"
    : "int";
  if (!hex || !real) return { value: Number(digits), type };
  const [, whole, fraction = "", power = "0"] = /^0x([\da-f]*)\.?([\da-f]*)(?:p(.*))?$/i.exec(
    digits,
  )!;
  const value = parseInt(whole + fraction, 16) * 2 ** (Number(power) - 4 * fraction.length);
  return { value, type };
}
