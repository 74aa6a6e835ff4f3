/**
 * Sentences, words and languages as NLTK 3.8 and Python's langdetect 1.0.9 find them. The expected values here
 * are what those libraries gave for these sentences.
 */
import assert from "@std/assert";
import { textTools } from "../../../../lib/eval/ifeval/score.ts";
import { treebankWords } from "../../../../lib/eval/ifeval/treebank.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../../shared.ts";

const { punkt, languages } = await textTools();

Deno.test("Punkt splits at ends of sentences and not at abbreviations", () => {
  const cases: [string, string[]][] = [
    ["Dr. Adams met Mrs. Brown at 5 p.m. on Monday. They left early.", [
      "Dr. Adams met Mrs. Brown at 5 p.m. on Monday.",
      "They left early.",
    ]],
    ["Prices rose 3.5 percent. Why? Nobody knows... Perhaps oil.", [
      "Prices rose 3.5 percent.",
      "Why?",
      "Nobody knows... Perhaps oil.",
    ]],
    ["He lives in the U.S. He works there. The U.S. economy grew.", [
      "He lives in the U.S.", // a frequent sentence starter follows
      "He works there.",
      "The U.S. economy grew.",
    ]],
    ['"Stop!" she cried. (He did not.) Then he ran!', [
      '"Stop!"', // closing marks go to the left
      "she cried.",
      "(He did not.)",
      "Then he ran!",
    ]],
    ["J. Brahms wrote it. Plan B. was better.", ["J. Brahms wrote it.", "Plan B. was better."]],
    ["No final mark\n- one\n- two", ["No final mark\n- one\n- two"]],
    ["Wait . . . What? Yes.", ["Wait .", ".", ".", "What?", "Yes."]],
    ['It cost $4. "Too much," he said.--Then he paid.', [
      "It cost $4.",
      '"Too much," he said.--Then he paid.',
    ]],
    ["Ünder 10. Ärger? 3. Tag", ["Ünder 10.", "Ärger?", "3.", "Tag"]],
    ["See Fig. 2. Also sect. 4. ok. Then.", ["See Fig.", "2.", "Also sect.", "4. ok. Then."]],
    ["Hello.World. a.b. C", ["Hello.World.", "a.b.", "C"]],
    ["   Blank first. Then.  ", ["   Blank first.", "Then."]],
    ["Inc. said so. It did, e.g. Tuesday. Mr. X vs. Ms. Y.", [
      "Inc. said so.",
      "It did, e.g.",
      "Tuesday.",
      "Mr. X vs. Ms. Y.",
    ]],
    ["?!", ["?", "!"]],
    ["  \n ", []],
    ["", []],
  ];
  for (const [text, wanted] of cases) assert.deepEqual(punkt.sentences(text), wanted, text);
});

Deno.test("treebankWords() parts marks, clitics and contractions from words", () => {
  const cases: [string, string][] = [
    [
      `I CAN'T go; they'll say "NO WAY" (twice).`,
      "I CA N'T go ; they 'll say `` NO WAY '' ( twice ) .",
    ],
    [
      "cannot gonna WANNA go 'TIS O'NEIL'S ROCK'N'ROLL.",
      "can not gon na WAN NA go 'T IS O'NEIL 'S ROCK'N'ROLL .",
    ],
    ['A-B C/D U.S.A. x... END." ', "A-B C/D U.S.A. x ... END . ''"],
    [
      "NASA's 3,000 ITEMS: $5, 7% #TAG @HOME A&B don't--STOP",
      "NASA 's 3,000 ITEMS : $ 5 , 7 % # TAG @ HOME A & B do n't -- STOP",
    ],
    ["‘Quoted’ «MOT» “WORD”", "‘ Quoted ’ « MOT » “ WORD ”"],
    ["It is THE END . ' X", "It is THE END . ' X"],
    ["Ends (with IT.) ", "Ends ( with IT . )"],
    ["", ""],
  ];
  for (const [text, wanted] of cases) assert.equal(treebankWords(text).join(" "), wanted);
});

Deno.test("LanguageDetector tells languages as langdetect does with every seed", () => {
  const cases: [string, string | undefined][] = [
    ["The committee will meet again next week to decide about the new library.", "en"],
    ["Die Sitzung wird fortgesetzt, weil noch nicht alle Fragen geklärt sind.", "de"],
    ["La réunion reprendra, car toutes les questions ne sont pas réglées.", "fr"],
    ["Собрание продолжится, потому что не все вопросы решены.", "ru"],
    ["会议将在下周继续进行，因为还有很多问题没有解决。", "zh-cn"],
    ["會議將在下週繼續進行，因為還有很多問題沒有解決。", "ko"], // its known confusion
    ["会議は来週続けられます。まだ多くの問題が残っているからです。", "ja"],
    ["회의는 다음 주에 계속됩니다. 아직 해결되지 않은 문제가 많습니다.", "ko"],
    ["बैठक अगले सप्ताह जारी रहेगी क्योंकि कई प्रश्न अभी हल नहीं हुए हैं।", "hi"],
    ["Cuộc họp sẽ tiếp tục vào tuần tới vì còn nhiều câu hỏi chưa được giải quyết.", "vi"],
    ["Mkutano utaendelea wiki ijayo kwa sababu maswali mengi bado hayajajibiwa.", "sw"],
    ["la reunió continuarà la setmana vinent perquè encara queden moltes preguntes", "ca"],
    ["Şedinţa va continua săptămâna viitoare, iar întrebările vor fi discutate.", "ro"],
    ["THE COMMITTEE WILL MEET AGAIN NEXT WEEK.", "en"],
    ["ok", "sk"],
    ["XYZ", "so"],
    ["12345 !!", undefined],
    ["http://example.org/only a@b.org", undefined],
    ["", undefined],
  ];
  assert.equal(languages.languages.length, 55);
  for (const [text, wanted] of cases) {
    for (let seed = 0; seed < 3; seed++) assert.equal(languages.detect(text, seed), wanted, text);
  }
});

function rows(name: string): Record<string, unknown>[] {
  const text = Deno.readTextFileSync(`${SHARED_BENCHMARKS}/ifeval/${name}`);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test({
  name: "Punkt and treebankWords() agree with NLTK on every shared text",
  ignore: !sharedIsThere("benchmarks/ifeval/sentences.jsonl"),
  fn() {
    for (const { text, sentences, count, capital_words } of rows("sentences.jsonl")) {
      const found = punkt.sentences(String(text));
      assert.deepEqual([found, found.length], [sentences, count]);
      const capital = found.flatMap(treebankWords).filter((word) =>
        word === word.toUpperCase() && word !== word.toLowerCase()
      );
      assert.equal(capital.length, capital_words, String(text));
    }
  },
});

Deno.test({
  name: "LanguageDetector agrees with langdetect on every shared text and seed",
  ignore: !sharedIsThere("benchmarks/ifeval/langdetect.jsonl"),
  fn() {
    for (const { text, detections_seed0_4: wanted } of rows("langdetect.jsonl")) {
      const found = [0, 1, 2, 3, 4].map((seed) => languages.detect(String(text), seed));
      assert.deepEqual(found, wanted, String(text));
    }
  },
});
