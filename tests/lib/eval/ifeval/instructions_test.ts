/** Each of IFEval's 25 instructions: what follows it and what does not. */
import assert from "@std/assert";
import fc from "fast-check";
import type { Args } from "../../../../lib/eval/ifeval/check.ts";
import { INSTRUCTIONS } from "../../../../lib/eval/ifeval/instructions.ts";
import { scoreIfeval, textTools } from "../../../../lib/eval/ifeval/score.ts";
import { repeatFaults } from "../pattern_rules.ts";

const tools = await textTools();
const FULL = Deno.env.has("UNMASK_FULL");
const PROSE = "the committee will meet again next week to decide about the new library.";
const atLeast = (bound: string, n: number) => ({ relation: "at least", [bound]: n });
const lessThan = (bound: string, n: number) => ({ relation: "less than", [bound]: n });
const letter = (letter: string, n: number) => ({
  let_relation: "at least",
  letter,
  let_frequency: n,
});
const capital = (relation: string, n: number) => ({
  capital_relation: relation,
  capital_frequency: n,
});
const nth = (first_word: string, nth_paragraph: number, num_paragraphs: number) => ({
  first_word,
  nth_paragraph,
  num_paragraphs,
});

/** Of each instruction: arguments, responses that follow, responses that do not. */
const CASES: Readonly<Record<string, readonly [args: Args, yes: string[], no: string[]][]>> = {
  "keywords:existence": [
    [{ keywords: ["mom", "Tree"] }, ["A momentary TREE", "trees, Mom"], ["mom", "", "tree mo m"]],
    [{ keywords: ["a.c"] }, ["abc", "A-C"], ["ac", "a\nc"]],
    [{ keywords: ["c++", "(x"] }, ["C++ (X"], ["ccc x"]], // no patterns here: taken as they are
    [{ keywords: ["[ab]?z"] }, ["z", "az"], ["y"]],
  ],
  "keywords:frequency": [
    [{ keyword: "war", ...atLeast("frequency", 2) }, ["War, wardrobe"], ["war", "w ar war"]],
    [{ keyword: " war ", ...lessThan("frequency", 2) }, ["war", ""], ["warwar"]],
  ],
  "keywords:forbidden_words": [
    [{ forbidden_words: ["rock", "roll"] }, ["rocks, _rock", ""], ["a ROCK.", "troll-roll"]],
    [{ forbidden_words: ["été"] }, ["étés"], ["l'été"]],
  ],
  "keywords:letter_frequency": [
    [letter("O", 2), ["Oo", "foo"], ["o", "ö0"]],
    [letter("#", 1), ["#"], [""]],
    [letter("ab", 1), [], ["abab"]],
    [{ ...letter("o", 1), let_relation: "less than" }, ["x"], ["o"]],
  ],
  "language:response_language": [
    [
      { language: "de" },
      ["Die Sitzung wird fortgesetzt, weil noch nicht alle Fragen geklärt sind.", "123"],
      [PROSE],
    ],
  ],
  "length_constraints:number_sentences": [
    [atLeast("num_sentences", 2), ["A cat. A dog.", "Hm? Yes"], ["Mr. Cat", "one\ntwo\n"]],
    [lessThan("num_sentences", 2), ["Dr. No", ""], ["Yes. No."]],
  ],
  "length_constraints:number_paragraphs": [
    [
      { num_paragraphs: 2 },
      ["a\n***\nb", "***\na *** b\n***", "a***b"],
      ["a", "a\n\nb", "a***   ***b", "a * * * b"],
    ],
  ],
  "length_constraints:number_words": [
    [atLeast("num_words", 3), ["it's me", "a-b-c", "x_y 1 ß"], ["two words", "中文字", ""]],
    [lessThan("num_words", 2), ["one", "...", "中文字"], ["a-b"]],
  ],
  "length_constraints:nth_paragraph_first_word": [
    [
      nth("President", 2, 2),
      ["x\n\npresident is", "x\n\n''\"President's day"],
      ["x\n\na President", "x\n\npresident\n\ny", "x\npresident", "x\n\n\n\npresident"],
    ],
    [nth("a", 1, 1), ["A, b", "\n\na".trim()], ["", "'.a"]],
    [nth("a", 3, 2), [], ["x\n\n\n\na"]],
  ],
  "detectable_content:number_placeholders": [
    [{ num_placeholders: 2 }, ["[a] [b] [c]", "[][]"], ["[a\n] [b]", "] [a] [", "[[a] ]]"]],
  ],
  "detectable_content:postscript": [
    [{ postscript_marker: "P.S." }, ["x\np.s. y", "P. S.: z"], ["PS", "p.  s."]],
    [{ postscript_marker: "P.P.S" }, ["P.P.S", "p. p.\ns"], ["P.S.", "pps"]],
    [{ postscript_marker: "N.B." }, ["n.b. x", "nabs"], ["nb"]],
  ],
  "detectable_format:number_bullet_lists": [
    [
      { num_bullets: 2 },
      ["* a\n* b", "- a\n  - b", "*a\nx\n\n\n\t-b", "*\n* a\n* b", "* a\n---", "* a\n** b\n-"],
      ["* a", "* a\n* b\n* c", "x * a\n* b", "** a\n** b", "*", "*\n* a"],
    ],
  ],
  "detectable_format:constrained_response": [
    [{}, ["My answer is yes.", "So: My answer is maybe. Ok"], ["my answer is no.", "Yes."]],
  ],
  "detectable_format:number_highlighted_sections": [
    [
      { num_highlights: 2 },
      ["*a* *b*", "**a**\n*b*", "*a* **b**", "*a * b* c*"],
      ["*a*", "*a\nb* *", "** ** *a*", "*  * *a*"],
    ],
  ],
  "detectable_format:multiple_sections": [
    [
      { section_spliter: "Section", num_sections: 2 },
      ["Section 1 a Section 2", "Section1Section2 3", "SubSection\n1, Section 2"],
      ["Section 1", "SECTION 1 SECTION 2", "Section  1 Section 2", "Section one Section two"],
    ],
  ],
  "detectable_format:json_format": [
    [
      {},
      [
        '{"a": [1, NaN, -Infinity]}',
        ' ```json\n{"a": "```"}\n``` ',
        "```JSON [] ```",
        "null",
        '"NaN"',
        '"\\""',
      ],
      ["{'a': 1}", '{"a": 1,}', "", "1NaN", "-NaN", "{NaN: 1}", '"a', '"a\nb"', '{"a":1} x'],
    ],
  ],
  "detectable_format:title": [
    [
      {},
      ["<<T>>", "x\n<<a>> <<>>", "<<<>>> >>", "<<a>>>>"],
      ["<T>", "<<>>", "<< \t>>", "<<a\nb>>", ">>a<<", "<<<>>>"],
    ],
  ],
  "combination:two_responses": [
    [
      {},
      ["a******b", "******a\n******\nb******"],
      ["a", "a******a ", "a******b******c", "a************b", "a******"],
    ],
  ],
  "combination:repeat_prompt": [
    [{ prompt_to_repeat: " Say Hi. " }, ["say hi. Hi!", "\nSAY HI."], ["Hi! Say hi.", '"Say hi."']],
  ],
  "startend:end_checker": [
    [{ end_phrase: "The End. " }, ["x the end.", '"THE END."" \n'], ["the end", 'the end." x']],
    [{ end_phrase: '"a' }, [], ['"a']],
  ],
  "change_case:capital_word_frequency": [
    [capital("at least", 3), ["I AM OK", "WANNA SO", "U.S.A. A-B C3"], [
      "I Am OK",
      "A.B C",
      "1 2 3",
    ]],
    [capital("less than", 1), ["i am", "123"], ["I am"]],
  ],
  "change_case:english_capital": [
    [{}, [PROSE.toUpperCase()], [PROSE, "DIE SITZUNG WIRD NÄCHSTE WOCHE FORTGESETZT.", "12!"]],
  ],
  "change_case:english_lowercase": [
    [{}, [PROSE], [`The ${PROSE}`, "la réunion reprendra la semaine prochaine.", "ǅ the", "12"]],
  ],
  "punctuation:no_comma": [[{}, ["a; b，", ""], ["a, b", ","]]],
  "startend:quotation": [[{}, ['"a"', ' "" \n'], ['"', "“a”", '"a', "'a'"]]],
};

Deno.test("there are 25 instructions, each with cases", () => {
  assert.deepEqual(Object.keys(CASES).sort(), [...INSTRUCTIONS.keys()].sort());
  assert.equal(INSTRUCTIONS.size, 25);
});

for (const [id, cases] of Object.entries(CASES)) {
  Deno.test(`${id} is followed by what it should`, () => {
    const check = INSTRUCTIONS.get(id)!;
    for (const [args, yes, no] of cases) {
      for (const text of yes) assert.equal(check(text, args, tools), true, JSON.stringify(text));
      for (const text of no) assert.equal(check(text, args, tools), false, JSON.stringify(text));
    }
  });
}

Deno.test("arguments that are absent, null or of another kind never throw", () => {
  const odd: Args[] = [{}];
  for (const [args] of Object.values(CASES).flat()) {
    odd.push(Object.fromEntries(Object.keys(args).map((key) => [key, null])));
    odd.push(Object.fromEntries(Object.keys(args).map((key) => [key, [{}, 1]])));
  }
  for (const check of INSTRUCTIONS.values()) {
    for (const args of odd) assert.equal(typeof check("A. b,\n\n* c", args, tools), "boolean");
  }
});

/** All arguments of the cases together: each check finds its own. */
const DOC = {
  instruction_id_list: Object.entries(CASES).flatMap(([id, cases]) => cases.map(() => id)),
  kwargs: Object.values(CASES).flatMap((cases) => cases.map(([args]) => args)),
};

Deno.test("scoreIfeval() scores any text and never throws", async () => {
  const piece = fc.constantFrom(
    ...Object.values(CASES).flat().flatMap(([, yes, no]) => [...yes, ...no]),
    ...["*", "-", "\n", "\n\n", "[", "<<", ".", " ", "'", '"', "\ud800", "\u2028", "😀", "```"],
  );
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.array(piece).map((all) => all.join("")));
  await fc.assert(
    fc.asyncProperty(text, async (answer) => {
      const { metrics } = await scoreIfeval(answer, DOC);
      assert.ok(Object.values(metrics).every((value) => value >= 0 && value <= 1));
      assert.ok(metrics.loose >= metrics.strict);
      assert.ok(metrics.loose_instructions >= metrics.strict_instructions);
    }),
    { numRuns: FULL ? 2000 : 60, seed: 7 },
  );
});

Deno.test("scoreIfeval() reads a bounded part of megabytes of hostile text", async () => {
  const units = [
    "*",
    "**a",
    "\n",
    " \n",
    "[",
    "<<",
    ">",
    "<<a>",
    ". ",
    ". . ",
    ".)",
    "a.)' ",
    '"',
    '\\"',
    "A ",
    "'",
  ];
  units.push(
    "-",
    "******x",
    "p.",
    "Section ",
    "```",
    "、",
    "a@",
    "http://",
    "{[",
    "word-",
    "é\u0301",
  );
  for (const unit of FULL ? units : units.filter((_, i) => i % 3 === 0)) {
    const { metrics } = await scoreIfeval(unit.repeat(2 ** 20 / unit.length), DOC);
    assert.equal(metrics.strict, 0);
  }
});

Deno.test("no pattern of the checks has nested or adjacent unbounded repeats", async () => {
  const made = new Map<string, string>();
  const original = globalThis.RegExp;
  globalThis.RegExp = new Proxy(original, {
    construct(target, [source, flags]) {
      made.set(String(source), String(flags ?? ""));
      return new target(source, flags);
    },
  });
  try {
    await scoreIfeval("x", DOC);
  } finally {
    globalThis.RegExp = original;
  }
  const faults = [...made].flatMap(([source, flags]) => repeatFaults(source, flags));
  assert.deepEqual(faults, []);
  assert.ok(made.size > 5, `${made.size} patterns`);
});
