/** One form for a call, whatever language it was written in. */
import type { Expr } from "./py_parser.ts";
import { parseExpression } from "./py_parser.ts";
import { binaryOp, evaluate, unaryOp } from "./py_eval.ts";
import { unparse } from "./py_unparse.ts";
import { PyDict, PyError, PyTuple, type PyValue } from "./py_value.ts";

/** A function's name, dotted as written, and its named arguments in order. */
export interface Call {
  readonly name: string;
  readonly args: PyDict;
}

/** Longest text that is read as calls. */
export const MAX_CALL_TEXT = 100_000;

/**
 * Calls of one Python expression: a call, or a list, tuple or set of calls. A PyError says why there are
 * none. Positional arguments vanish, as BFCL's official decoder has it.
 */
export function pythonCalls(source: string): Call[] {
  if (source.length > MAX_CALL_TEXT) throw new PyError("SyntaxError", "text too long");
  const body = parseExpression(source);
  if (body.type === "call") return [callOf(body)];
  if (body.type !== "list" && body.type !== "tuple" && body.type !== "set") {
    throw new PyError("AttributeError", "neither a call nor a list of calls");
  }
  return body.items.map((item) => {
    if (item.type !== "call") throw new PyError("AssertionError", "a list item is not a call");
    return callOf(item);
  });
}

type CallNode = Extract<Expr, { type: "call" }>;

function callOf(node: CallNode): Call {
  const args = new PyDict();
  for (const { name, value } of node.keywords) args.set(name, argument(value));
  return { name: dottedName(node.func), args };
}

/** `a.b.c`; what is neither a name nor an attribute adds nothing. */
function dottedName(func: Expr): string {
  const parts: string[] = [];
  let node = func;
  for (; node.type === "attribute"; node = node.value) parts.unshift(node.name);
  if (node.type === "name") parts.unshift(node.name);
  return parts.join(".");
}

/** An argument's value; names and calls without named arguments stand for themselves, as text. */
function argument(node: Expr): PyValue {
  switch (node.type) {
    case "constant":
      return node.value;
    case "ellipsis":
      return "...";
    case "name":
      return node.name;
    case "list":
      return node.items.map(argument);
    case "tuple":
      return new PyTuple(node.items.map(argument));
    case "dict":
      return new PyDict(node.entries.map(({ key, value }) => {
        if (key === null) throw unsupported();
        return [argument(key), argument(value)] as const;
      }));
    case "unary": // whatever the operator is, the official decoder negates
      if (node.operand.type !== "constant") throw unsupported();
      return unaryOp("-", node.operand.value);
    case "binary":
      return binaryOp(node.op, operand(node.left), operand(node.right));
    case "call": {
      if (node.keywords.length === 0) return unparse(node);
      const { name, args } = callOf(node);
      return new PyDict([[name, args]]);
    }
    case "subscript":
      return `${unparse(node.value)}[${unparse(node.index)}]`;
    default:
      throw unsupported();
  }
}

const NO_NAMES: ReadonlyMap<string, PyValue> = new Map();

function operand(node: Expr): PyValue {
  return evaluate(node, NO_NAMES);
}

function unsupported(): PyError {
  return new PyError("Exception", "unsupported kind of expression");
}
