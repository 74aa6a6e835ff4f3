import assert from "@std/assert";
import { scoreIfeval } from "../../../../lib/eval/ifeval/score.ts";
import type { Doc } from "../../../../lib/eval/task.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../../shared.ts";

const doc = (...instructions: [id: string, args: Record<string, unknown>][]): Doc => ({
  instruction_id_list: instructions.map(([id]) => id),
  kwargs: instructions.map(([, args]) => args),
});

Deno.test("scoreIfeval() is strict by the text and loose by its eight variants", async () => {
  const noComma: [string, Record<string, unknown>] = ["punctuation:no_comma", {}];
  const quoted: [string, Record<string, unknown>] = ["startend:quotation", {}];
  const ends: [string, Record<string, unknown>] = ["startend:end_checker", { end_phrase: "bye" }];
  const cases: [string, Doc, string][] = [
    ["plain", doc(noComma), "strict 1, loose 1"],
    ["Sure, here:\nplain", doc(noComma), "strict 0, loose 1"],
    ["plain\nHope this helps, bye", doc(noComma), "strict 0, loose 1"],
    ["Sure, here:\nplain\nSo, bye", doc(noComma), "strict 0, loose 1"],
    ["a\nb, c\nd", doc(noComma), "strict 0, loose 0"],
    ['Sure:\n**"a"**', doc(quoted), "strict 0, loose 1"],
    ["good *bye*", doc(ends), "strict 0, loose 1"],
    // Each instruction may take another variant.
    ['"x"\ny, bye', doc(quoted, ends, noComma), "strict 010, loose 111"],
    ["  \n ", doc(noComma), "strict 0, loose 0"], // a blank text follows nothing
    ["*", doc(noComma, noComma), "strict 11, loose 11"],
    ["a", doc(["unknown:id", {}]), "strict 0, loose 0"],
    ["a", { instruction_id_list: ["punctuation:no_comma"] }, "strict 1, loose 1"],
  ];
  for (const [text, row, wanted] of cases) {
    const { extracted, metrics } = await scoreIfeval(text, row);
    assert.equal(extracted, wanted, text);
    const [strict, loose] = wanted.match(/\d+/g)!;
    assert.equal(metrics.strict, strict.includes("0") ? 0 : 1);
    assert.equal(metrics.loose, loose.includes("0") ? 0 : 1);
    assert.equal(metrics.strict_instructions, strict.replaceAll("0", "").length / strict.length);
  }
  assert.equal((await scoreIfeval("\n", doc(noComma))).unparsed, true);
});

Deno.test({
  name: "scoreIfeval() scores every golden case",
  ignore: !sharedIsThere("benchmarks/ifeval/scoring.jsonl"),
  async fn() {
    const text = await Deno.readTextFile(`${SHARED_BENCHMARKS}/ifeval/scoring.jsonl`);
    const cases = text.trim().split("\n").map((line) => JSON.parse(line));
    for (const { output, doc, expected, stable, note } of cases) {
      if (stable === false) continue;
      const { metrics, extracted } = await scoreIfeval(output, doc);
      assert.deepEqual([metrics.strict, metrics.loose], [expected.strict, expected.loose], note);
      const wanted = `strict ${expected.strict_list.join("")}, loose ${
        expected.loose_list.join("")
      }`;
      assert.equal(extracted, wanted, note);
    }
    assert.ok(cases.length > 100);
  },
});
