import assert from "@std/assert";
import { convertJava, convertJavascript } from "../../../lib/eval/bfcl/convert.ts";
import { decodeCalls } from "../../../lib/eval/bfcl/decode.ts";
import { executableCalls } from "../../../lib/eval/bfcl/multi_turn.ts";
import { decimalRoot, logarithm } from "../../../lib/eval/bfcl/apis/big_real.ts";
import type { Call } from "../../../lib/eval/calls/call.ts";
import { javaCalls } from "../../../lib/eval/calls/java.ts";
import { javascriptCalls } from "../../../lib/eval/calls/javascript.ts";
import { evaluate } from "../../../lib/eval/calls/py_eval.ts";
import { BUILTINS } from "../../../lib/eval/calls/py_builtins.ts";
import { pyJson, readPyJson, toPython } from "../../../lib/eval/calls/py_json.ts";
import { parseExpression } from "../../../lib/eval/calls/py_parser.ts";
import { fixedPoint, roundDecimal } from "../../../lib/eval/calls/py_round.ts";
import { PyDict, PyError, pyRepr, type PyValue } from "../../../lib/eval/calls/py_value.ts";
import { parseExactJson } from "../../../lib/records/json.ts";

const FIXTURES = new URL("../../fixtures/bfcl_v3/", import.meta.url).pathname;

// deno-lint-ignore no-explicit-any
function lines(file: string): any[] {
  return Deno.readTextFileSync(FIXTURES + file).trim().split("\n").map((line) => JSON.parse(line));
}

/** The value, null where Python raises. */
function orNull<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch (error) {
    if (error instanceof PyError) return null;
    throw error;
  }
}

Deno.test("decodeCalls() reads Python as the official decoder does", () => {
  for (const { text, decoded, calls = [] } of lines("python_calls.jsonl")) {
    const found = decodeCalls(text);
    const values = "calls" in found
      ? pyRepr(found.calls.map(({ name, args }) => new PyDict([[name, args]])))
      : null;
    assert.equal(values, decoded, text);
    assert.deepEqual(executableCalls(text), calls, text);
  }
});

Deno.test("javaCalls() and javascriptCalls() read what the official walk of the syntax tree reads", () => {
  const readers: Record<string, (source: string) => Call[] | undefined> = {
    java: javaCalls,
    javascript: javascriptCalls,
  };
  for (const { language, text, call } of lines("curly_calls.jsonl")) {
    const found = orNull(() => readers[language](text))?.[0];
    assert.deepEqual(found ? [found.name, found.args.entries()] : null, call, text);
  }
});

Deno.test("arguments become values as the official converters have it", () => {
  for (const { language, text, type, items, value } of lines("converted.jsonl")) {
    const convert = language === "java" ? convertJava : convertJavascript;
    assert.equal(orNull(() => pyRepr(convert(text, type, items))), value, `${type}: ${text}`);
  }
});

Deno.test("expressions have the values that Python gives them", () => {
  const cases: [string, string][] = [
    ["7 // -2, -7 % 3, 7.5 // 2, -7.5 % 2", "(-4, 2, 3.0, 0.5)"],
    [
      "2 ** 100, 2 ** -1, 1e16, 1e-5, 0.1 + 0.2",
      "(1267650600228229401496703205376, 0.5, 1e+16, 1e-05, 0.30000000000000004)",
    ],
    ["10 ** 20 / 3, True + True, not [], -True", "(3.333333333333333e+19, 2, True, -1)"],
    ["1 < 2 < 3, 'a' in 'cat', [1] < [1, 2], 1 == 1.0", "(True, True, True, True)"],
    ["{1: 'a', True: 'b', 1.0: 'c'}", "{1: 'c'}"],
    ["[1, *(2, 3)], {**{'a': 1}, 'b': 2}", "([1, 2, 3], {'a': 1, 'b': 2})"],
    ["'it\\'s', \"a\\\"'\", '\\x07é\\u200b\\U0001f600'", `("it's", 'a"\\'', '\\x07é\\u200b😀')`],
    ["round(2.5), round(0.125, 2), round(-1250, -2), round(2.675, 2)", "(2, 0.12, -1200, 2.67)"],
    ["sum([0.1] * 3), max(1, 2.5), min([3, 2]), abs(-0.0)", "(0.30000000000000004, 2.5, 2, 0.0)"],
    ["int('1_0'), float(' 1e3 '), str(None), len('😀')", "(10, 1000.0, 'None', 1)"],
    ["sorted(['b', 'B', 'a']), list(range(3)), (), (1,)", "(['B', 'a', 'b'], [0, 1, 2], (), (1,))"],
    ["print('a', sep='', end='', file=None, flush=True)", "None"],
    ["b'a\\x00' == b'a\\0', 3j, ..., [][:0] if 0 else 5", "(True, 3j, Ellipsis, 5)"],
  ];
  for (const [source, wanted] of cases) {
    assert.equal(pyRepr(evaluate(parseExpression(source), BUILTINS)), wanted, source);
  }
  const faults: [string, string][] = [
    ["1 / 0", "division by zero"],
    ["'a' + 1", 'can only concatenate str (not "int") to str'],
    ["[1][5]", "list index out of range"],
    ["{}['k']", "'k'"],
    ["{[1]: 2}", "unhashable type: 'list'"],
    ["1 < 'a'", "'<' not supported between instances of 'int' and 'str'"],
    ["len(1, 2)", "len() takes 1 positional argument but 2 were given"],
    ["len(y=1)", "len() got an unexpected keyword argument 'y'"],
    ["print(1, end='', text='a')", "'text' is an invalid keyword argument for print()"],
    ["nope", "name 'nope' is not defined"],
    ["f(", "'(' was never closed (<string>, line 1)"],
    ["(1]", "closing parenthesis ']' does not match opening parenthesis '(' (<string>, line 1)"],
  ];
  for (const [source, message] of faults) {
    const failing = () => evaluate(parseExpression(source), BUILTINS);
    assert.throws(failing, { message }, source);
  }
  for (const huge of ["9 ** 9 ** 9", "'a' * 10 ** 9", "1 << 10 ** 9", "range(10 ** 12)"]) {
    assert.throws(() => evaluate(parseExpression(huge), BUILTINS), PyError, huge);
  }
});

Deno.test("JSON keeps 3 and 3.0 apart, and keys in order", () => {
  const text = '{"b": [1, 1.0, 1e5, -0.0, 12345678901234567890], "2": null, "1": "é\\u0000"}';
  const value = readPyJson(text);
  assert.equal(
    pyRepr(value),
    "{'b': [1, 1.0, 100000.0, -0.0, 12345678901234567890], '2': None, '1': 'é\\x00'}",
  );
  assert.equal(
    pyJson(value),
    '{"b": [1, 1.0, 100000.0, -0.0, 12345678901234567890], "2": null, "1": "\\u00e9\\u0000"}',
  );
  const exact = parseExactJson('{"a": [1, 1.0, 1e5, 0.5, -Infinity, "\\"Infinity"]}', "f:1");
  assert.equal(JSON.stringify(exact), '{"a":[1,1.0,1e5,0.5,-1e999,"\\"Infinity"]}');
  assert.equal(pyRepr(toPython(exact)), "{'a': [1, 1.0, 100000.0, 0.5, -inf, '\"Infinity']}");
  assert.throws(() => parseExactJson('{"a": [1,', "f:2"), /Cannot read f:2 as JSON: column 10: /);
  assert.equal(
    pyRepr(toPython({ a: [1, 1.5, true, null, "x"] })),
    "{'a': [1, 1.5, True, None, 'x']}",
  );
  for (const bad of ["", "[1", '{"a" 1}', "[1] 2", "{1: 2}", "nope", "[".repeat(1000)]) {
    assert.throws(() => readPyJson(bad), SyntaxError, bad);
  }
});

Deno.test("numbers are rounded and shown as Python does it", () => {
  const rounded: [number, number | null, PyValue][] = [
    [0.5, null, 0n],
    [1.5, null, 2n],
    [2.675, 2, 2.67],
    [1e22, -20, 1e22],
    [-0.4, 0, -0],
  ];
  for (const [value, digits, wanted] of rounded) assert.equal(roundDecimal(value, digits), wanted);
  assert.deepEqual([1.125, 1.135, -0.001, 5].map((value) => fixedPoint(value, 2)), [
    "1.12",
    "1.14",
    "-0.00",
    "5.00",
  ]);
  assert.deepEqual(
    [decimalRoot(2n, 5), decimalRoot(2.25, 5), decimalRoot(10n ** 20n, 5), decimalRoot(1e-9, 3)]
      .map(pyRepr),
    ["Decimal('1.4142')", "Decimal('1.5')", "Decimal('1.0000E+10')", "Decimal('0.0000316')"],
  );
  const logs = [[630, 10, 5], [20n, 10n, 2], [36, 6, 4], [1n, 10n, 5], [0.5, 2n, 30]] as const;
  assert.deepEqual(
    logs.map(([value, base, digits]) => pyRepr(logarithm(value, base, { digits }))),
    [
      "mpf('2.7993393')",
      "mpf('1.3027')",
      "mpf('2.0')",
      "mpf('0.0')",
      "mpf('-1.0')",
    ],
  );
});
