import assert from "@std/assert";
import fc from "fast-check";
import { sameLines, sameValue } from "../../../../lib/eval/coding/outputs.ts";
import { unpickledString } from "../../../../lib/eval/coding/pickle.ts";

/** What a program printed, what was expected, and whether that is the same. */
const LINES: [string, string, boolean][] = [
  ["YES\nNO\n", "YES\nNO", true],
  ["  YES \n NO", "YES\nNO", true],
  ["yes", "YES", false],
  ["1\n2", "1 2", false],
  ["1.50 2", "1.5 2.0", true],
  ["50000000000000001", "50000000000000000", false],
  ["2.5e+16 1", "25000000000000000 1", true],
  ["0.10", ".1", true],
  ["-0", "0", true],
  ["1e400", "1e400", true],
  ["1e400", "1e401", false],
  ["1 x", "1.0 x", false],
  ["", "", true],
  ["1\n\n2", "1\n2", false],
  ["1e999999999", "1", false],
  ["1_000", "1000", true],
  ["Infinity -inf", "inf -INF", true],
  ["inf", "-inf", false],
  ["nan", "NaN", false],
  ["１２", "12", true],
  ["10e150000000000000000", "1e150000000000000001", true],
  // Blanks are Python's.
  ["\x1c1\x852.0\x1f", "1 2", true],
  ["\ufeff1", "1", false],
];

Deno.test("sameLines() compares as text, then token by token as decimals", () => {
  for (const [found, wanted, same] of LINES) assert.equal(sameLines(found, wanted), same, found);
});

/** JSON of an answer and of the expected value. */
const VALUES: [string, string, boolean][] = [
  ["3", "3", true],
  ["3.0", "3", true],
  ["true", "1", true],
  ["false", "0.0", true],
  ["null", "0", false],
  ['"3"', "3", false],
  ["[1, 2]", "[1,2]", true],
  ["[1, 2]", "[2,1]", false],
  ["[1]", '{"0": 1}', false],
  ['{"a": 1.0}', '{"a":1}', true],
  ['{"": "tuple"}', "[1]", false],
  ["9007199254740993", "9007199254740992", false],
  ["9007199254740993", "9007199254740992.0", false],
  ["0.1", "0.10000000000000001", true],
  ["1e400", "1e400", true],
  ["not json", "1", false],
];

Deno.test("sameValue() compares as Python does", () => {
  for (const [found, wanted, same] of VALUES) {
    assert.equal(sameValue(found, wanted), same, `${found} and ${wanted}`);
  }
});

/** Protocol 4: PROTO 4, FRAME, SHORT_BINUNICODE or BINUNICODE, MEMOIZE, STOP. */
function pickled(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  const head = bytes.length < 256 ? [0x8c, bytes.length] : [0x58, ...length];
  return Uint8Array.from([0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0, ...head, ...bytes, 0x94, 0x2e]);
}

Deno.test("unpickledString() reads a string and refuses everything else", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), (text) => {
    assert.equal(unpickledString(pickled(text)), text);
  }));
  // A call of os.system, two strings, a cut end, nothing.
  const evil = new TextEncoder().encode("cos\nsystem\n(S'true'\ntR.");
  const cut = pickled("abc").slice(0, 13);
  const twice = Uint8Array.from([...pickled("a").slice(0, -1), ...pickled("b").slice(2)]);
  for (const bytes of [evil, cut, twice, new Uint8Array()]) {
    assert.throws(() => unpickledString(bytes), SyntaxError);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      unpickledString(bytes);
    } catch (error) {
      assert.ok(error instanceof SyntaxError || error instanceof TypeError);
    }
  }));
});
