/** A tree back to Python source, spaced and parenthesised as `ast.unparse` does it. */
import type { Expr } from "./py_parser.ts";
import { pyRepr } from "./py_value.ts";

/** How tightly a place binds; a looser node standing there is put in parentheses. */
const TEST = 1;
const COMPARE = 5;
const FACTOR = 12;
const POWER = 13;
const ATOM = 15;
const BOOL: Readonly<Record<string, number>> = { or: 2, and: 3 };
const BINARY: Readonly<Record<string, number>> = {
  "|": 6,
  "^": 7,
  "&": 8,
  "<<": 9,
  ">>": 9,
  "+": 10,
  "-": 10,
  "*": 11,
  "/": 11,
  "//": 11,
  "%": 11,
  "@": 11,
  "**": POWER,
};

/** Source text of a tree. */
export function unparse(node: Expr, place = TEST): string {
  switch (node.type) {
    case "constant":
      return pyRepr(node.value);
    case "ellipsis":
      return "...";
    case "name":
      return node.name;
    case "other":
      return node.source;
    case "attribute": {
      const value = unparse(node.value, ATOM);
      const blank = node.value.type === "constant" && typeof node.value.value === "bigint";
      return `${value}${blank ? " " : ""}.${node.name}`;
    }
    case "call":
      return `${unparse(node.func, ATOM)}(${callArguments(node)})`;
    case "subscript":
      return `${unparse(node.value, ATOM)}[${indexText(node.index)}]`;
    case "starred":
      return `*${unparse(node.value, 6)}`;
    case "tuple":
      return `(${commas(node.items)}${node.items.length === 1 ? "," : ""})`;
    case "list":
      return `[${commas(node.items)}]`;
    case "set":
      return `{${commas(node.items)}}`;
    case "dict":
      return `{${
        node.entries.map(({ key, value }) =>
          key === null ? `**${unparse(value, 6)}` : `${unparse(key)}: ${unparse(value)}`
        ).join(", ")
      }}`;
    default: {
      const [text, binds] = operation(node);
      return binds < place ? `(${text})` : text;
    }
  }
}

type Operation = Extract<Expr, { type: "unary" | "binary" | "bool" | "compare" | "conditional" }>;

/** Text and tightness of an operation. */
function operation(node: Operation): [string, number] {
  switch (node.type) {
    case "unary":
      return node.op === "not"
        ? [`not ${unparse(node.operand, 4)}`, 4]
        : [node.op + unparse(node.operand, FACTOR), FACTOR];
    case "binary": {
      const binds = BINARY[node.op];
      const rightward = node.op === "**";
      const left = unparse(node.left, rightward ? binds + 1 : binds);
      return [`${left} ${node.op} ${unparse(node.right, rightward ? binds : binds + 1)}`, binds];
    }
    case "bool": {
      const binds = BOOL[node.op];
      const parts = node.values.map((value, i) => unparse(value, Math.min(binds + 1 + i, ATOM)));
      return [parts.join(` ${node.op} `), binds];
    }
    case "compare": {
      const rest = node.rest.map(({ op, right }) => ` ${op} ${unparse(right, COMPARE + 1)}`);
      return [unparse(node.left, COMPARE + 1) + rest.join(""), COMPARE];
    }
    case "conditional": {
      const [then, test] = [unparse(node.then, TEST + 1), unparse(node.test, TEST + 1)];
      return [`${then} if ${test} else ${unparse(node.else)}`, TEST];
    }
  }
}

function commas(items: readonly Expr[]): string {
  return items.map((item) => unparse(item)).join(", ");
}

function callArguments({ args, keywords }: Extract<Expr, { type: "call" }>): string {
  const named = keywords.map(({ name, value }) =>
    name === null ? `**${unparse(value)}` : `${name}=${unparse(value)}`
  );
  return [...args.map((arg) => unparse(arg)), ...named].join(", ");
}

/** What stands between brackets: a tuple there needs no parentheses. */
function indexText(index: Expr): string {
  if (index.type !== "tuple" || index.items.length === 0) return unparse(index);
  return commas(index.items) + (index.items.length === 1 ? "," : "");
}
