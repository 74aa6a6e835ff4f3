import assert from "@std/assert";
import { firstOption } from "../../../lib/eval/choice/first_option.ts";
import { answerLine, between, firstCapital } from "../../../lib/eval/choice/letters.ts";
import { multilingualAnswer } from "../../../lib/eval/choice/multilingual.ts";
import {
  ANSWER_END,
  bounded,
  pythonPattern,
  strip,
  words,
} from "../../../lib/eval/choice/python_text.ts";
import { letterOf, scoreLetters } from "../../../lib/eval/choice/row.ts";

Deno.test("firstOption() tries its cues in order and keeps their published slips", () => {
  const cases: [string, string][] = [
    ["答案是C", "C"],
    ["答案选项为 **(B)**", "B"],
    ["B 正确。答案：D", "D"], // an early cue beats an early place
    ["只有选项C是错的", "C"],
    ["说法不正确的选项的是 B", "B"],
    ["A不对，故D", "D"],
    ["A不对，故  D!", "A"], // 故 with blanks is no cue: it is run together with the next
    ["所以B。", "B"],
    ["x，故C。", "C"],
    ["答案应该是①②，即BD。因", "B"], // a run of text up to its last 。
    ["答案是 xC。 B!", "C"],
    ["Answer: b, the answer is  (C)", "C"],
    ["the correct answer is\nlong\n\\boxed{D}", "D"],
    ["选项 C", "C"],
    ["I say B. Not A.", "A"], // a letter and full stop at the end come before a letter alone
    ["I say B; so\nA fits", "B"], // a letter alone counts at the very start, elsewhere its group is the blank
    ["B fits, not A!", "B"],
    ["1. either D or C", "C"],
    ["xC:", "C"],
    ["ANSWER (C)", "A"],
    ["ｂ b", ""],
    ["", ""],
  ];
  for (const [text, wanted] of cases) assert.equal(firstOption(text, "ABCD"), wanted, text);
  assert.equal(firstOption("C, no: B", "AB"), "B");
});

Deno.test("answerLine(), firstCapital() and between() read what they should", () => {
  assert.equal(answerLine("so\nAnSwEr\u3000:\x1c\nC", "ABCD"), "C");
  assert.equal(answerLine("answer: e", "ABCD"), "");
  assert.equal(answerLine("ANSWER：C, ANSWER: **C**", "ABCD"), "");
  for (
    const [text, wanted] of [["ｘＡB", "Ａ"], ["éÉ", "É"], ["ǅⅣ", "Ⅳ"], ["答b1", ""], ["𝐀", "𝐀"]]
  ) {
    assert.equal(firstCapital(text), wanted, text);
  }
  assert.deepEqual([...between("是a。是\n。是。b。", "是", "。")], ["a", "。b"]);
});

Deno.test("multilingualAnswer() reads labels and letters of many languages", () => {
  const cases: [string, string | null][] = [
    ["**Answer:** $\\boxed{\\text{B}}$", "B"],
    ["Réponse : C", "C"],
    ["答案：Ｄ", "D"],
    ["الجواب: ج", "C"],
    ["الجواب: ت", "ت"],
    ["\u0989\u09a4\u09cd\u09a4\u09b0\u0983 \u09a2", "D"],
    ["Answer:\nB", null],
    ["answer: b", "b"],
    ["답: A, Answer: B", "B"],
  ];
  for (const [text, wanted] of cases) assert.equal(multilingualAnswer(text), wanted, text);
});

Deno.test("pythonPattern(), strip() and words() see Python's character classes", () => {
  const cases: [string, string, boolean][] = [
    ["^\\s$", "\x1f", true],
    ["^\\s$", "\ufeff", false],
    ["^\\S$", "\ufeff", true],
    ["^[^\\w\\s]$", "\u0301", true],
    ["^\\d+$", "２٣", true],
    ["a.b", "a\rb", true],
    ["a.b", "a\nb", false],
    ["a$", "a\n", true],
    ["a$", "a\n\n", false],
    ["[.$]$", "$", true],
    ["\\bB\\b", "选B", false],
    ["\\bB\\b", "(B)", true],
  ];
  for (const [source, text, wanted] of cases) {
    assert.equal(pythonPattern(source).test(text), wanted, `${source} on ${JSON.stringify(text)}`);
  }
  assert.equal(strip("\x1c\u3000 a\ufeff\x85"), "a\ufeff");
  assert.deepEqual(words("a\x1fb\u2028 c\ufeff"), ["a", "b", "c\ufeff"]);
});

Deno.test("bounded() keeps both ends of a long answer", () => {
  const ends = ["A".repeat(ANSWER_END), "B".repeat(ANSWER_END)];
  assert.equal(bounded(ends.join("")), ends.join(""));
  assert.equal(bounded(ends.join("middle")), ends.join("\n"));
});

Deno.test("scoreLetters() gives no metrics without a key and calls an empty headline unparsed", () => {
  assert.deepEqual(scoreLetters("", { acc: "" }), { metrics: {} });
  assert.deepEqual(scoreLetters("A", { acc: "", acc_other: "A" }), {
    metrics: { acc: 0, acc_other: 1 },
    extracted: null,
    unparsed: true,
  });
  const labels: [unknown, string][] = [["C", "C"], [2, "C"], ["0", "A"], [26, ""], ["-", ""], [
    null,
    "",
  ]];
  for (const [label, wanted] of labels) assert.equal(letterOf(label), wanted, String(label));
});
