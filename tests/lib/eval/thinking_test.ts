import assert from "@std/assert";
import { withoutThinking } from "../../../lib/eval/thinking.ts";

Deno.test("withoutThinking() leaves the answer alone", () => {
  const cases: [string, string][] = [
    ["no tags", "no tags"],
    ["<think>a</think>b", "b"],
    ["\n <think>\na\n</think>\n\nb", "\n\nb"],
    ["<think>never ends", ""],
    ["a</think>b</think>c", "c"],
    ["It says <think>x</think> here", "It says <think>x</think> here"],
    ["<think></think>", ""],
    ["", ""],
  ];
  for (const [text, wanted] of cases) assert.equal(withoutThinking(text), wanted, text);
});
