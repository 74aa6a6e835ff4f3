import assert from "@std/assert";
import { TracePage } from "../../../lib/page/trace.ts";
import type { TracedRecord } from "../../../lib/page/traced.ts";
import { BROWSER, opened } from "../../browser.ts";

/** Ids of the trace below, by their texts. */
const TEXTS = [" end", "one", " two", "three\n", "4", "fünf", " fore", "six"];

/** Two blocks of four behind a prompt of two tokens; the first block edits, the second ends the answer. */
const RECORD: TracedRecord = {
  id: "a/1",
  question: "Count\nto six.",
  tokens: [7, 7],
  decode: { policy: "hf-2.1", block_length: 4, threshold: 0.9 },
  result: {
    tokens: [1, 2, 3, 4, 0],
    blocks: [{ steps: 2, forwards: 3 }, { steps: 2, forwards: 2 }],
    trace: [
      {
        block: 0,
        step: 0,
        masked: 2,
        fallback: false,
        accepted: [[2, 1, 0.95], [3, 6, 0.91]],
        edited: [],
        left: 0,
      },
      {
        block: 0,
        step: 1,
        masked: 0,
        fallback: false,
        accepted: [],
        edited: [[3, 6, 2, 0.99]],
        left: 0,
      },
      {
        block: 1,
        step: 0,
        masked: 4,
        fallback: false,
        accepted: [[4, 3, 1], [6, 0, 1], [7, 0, 1]],
        edited: [],
        left: 1,
      },
      {
        block: 1,
        step: 1,
        masked: 1,
        fallback: true,
        accepted: [[5, 4, 0.4]],
        edited: [],
        left: 0,
      },
    ],
  },
  eos: [0],
  text: (id) => TEXTS[id],
};

const NAMED = { model: "some <model>" };

/** A page of these records, as a run leaves it. */
function pageOf(records: readonly TracedRecord[], options = {}): string {
  const page = new TracePage({ ...NAMED, ...options });
  const parts = records.map((record) => page.add(record));
  return [page.start(), ...parts, page.end({ complete: true })].join("");
}

/** Text between tags, in order. */
function textsOf(html: string): string[] {
  return [...html.matchAll(/>([^<>]+)</g)].map(([, text]) => text.trim()).filter(Boolean);
}

Deno.test("a trace's page has every token in the colour of its step, and each block's figures", () => {
  const html = new TracePage(NAMED).add(RECORD);
  const cells = [...html.matchAll(/<b class="([^"]*)"(?: style="--p:(\d+)")?[^>]*>([^<]*)<\/b>/g)]
    .map(([, look, sure, text]) => [look, sure, text]);
  assert.deepEqual(cells, [
    ["k0", "95", "one"],
    ["k0 e", "99", " two"],
    ["k0", "100", "three↵"],
    ["k31", "40", "4"],
    ["k0", "100", " end"],
    ["k0 x", "100", " end"],
  ]);
  assert.equal((html.match(/<i>six<\/i>/g) ?? []).length, 2, "the prompt's tokens");
  assert.match(html, /three↵<\/b><br>/);
  const texts = textsOf(html);
  for (
    const line of [
      "Count to six.",
      "4 tokens in 4 steps, 5 forwards, 1.00 tokens per forward; hf-2.1, threshold 0.9",
      "(positions 0 to 3): 2 tokens in 2 steps, 3 forwards, 1.00 tokens per forward",
      "(positions 4 to 7): 2 tokens in 2 steps, 2 forwards, 1.00 tokens per forward",
      "1 change",
      "(step 1, confidence 0.910) edited to",
      "(step 2, confidence 0.990)",
    ]
  ) assert.ok(texts.includes(line), `${line} is not in ${texts.join(" | ")}`);
  assert.ok(
    html.includes(
      'title="position 3&#10;“ fore” (id 6) accepted in step 1, confidence 0.910&#10;“ two” (id 2) edited in step 2, confidence 0.990"',
    ),
  );
});

Deno.test("a trace's page begins with figures of all its records, and loads nothing", () => {
  const html = pageOf([RECORD, { ...RECORD, id: "b" }]);
  const figures = [...html.matchAll(/<li><b>([^<]*)<\/b>([^<]*)<\/li>/g)].map(([, value, name]) => [
    name,
    value,
  ]);
  assert.deepEqual(figures, [
    ["records", "2"],
    ["tokens", "8"],
    ["steps", "8"],
    ["tokens per forward", "1.00"],
  ]);
  // 0, 1, 2 and 3 tokens in one step of four each.
  const bars = [...html.matchAll(/percent of steps ([\d.]+)/g)].map(([, share]) => share);
  assert.deepEqual(bars, ["25.0", "25.0", "25.0", "25.0"]);
  assert.match(html, /<p>How some &lt;model&gt; filled its masked blocks/);
  assert.doesNotMatch(html, /\bsrc=|\bhref=|url\(|@import|https?:/);
  assert.match(html, /\.partial\{display:none\}/);
  assert.match(html, /<\/html>\n$/);
});

/** Texts that could end what they stand in, or cannot be seen. */
const HOSTILE = [
  "</script><script>document.title='broken'</script>",
  '" onmouseover="document.title=1',
  "'><img src=x onerror=document.title=1>",
  "\u0000\u001b[31m\u202e\u2028\r",
  "\ufffd",
  "&lt;&#10;--></style><!--",
  ']]>\\";  \n',
  "\ud800",
];

/** The record with texts, ids and a question that are hostile. */
const ATTACK: TracedRecord = {
  ...RECORD,
  id: HOSTILE[0],
  question: HOSTILE.join(""),
  text: (id) => HOSTILE[id],
};

Deno.test("a trace's page shows hostile texts as text", () => {
  const html = new TracePage(NAMED).add(ATTACK);
  const tags = new Set(Array.from(html.matchAll(/<\/?([^\s>]+)/g), ([, name]) => name));
  const ours = ["section", "h2", "p", "div", "span", "i", "b", "br", "details", "summary", "ul"];
  assert.deepEqual([...tags].filter((tag) => ![...ours, "li", "code"].includes(tag)), []);
  // Between quotes there is no other quote, and outside them no attribute but ours.
  for (const [, inside] of html.matchAll(/<[a-z]\w*((?:\s[^<>]*)?)>/g)) {
    assert.match(inside, /^(?: (?:class|style|title|data-[ghs])="[^"<>]*")*$/);
  }
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(html, /[\x00-\x09\x0b-\x1f\u202e\u2028]/);
  assert.match(html, /\\u0000\\u001b\[31m\\u202e/);
  const plain = (value: string) =>
    value.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&");
  const [, data] = /data-h="([^"]*)"/.exec(html)!;
  const [[, , , before]] = JSON.parse(plain(data));
  assert.equal(before, ']]>\\";  ↵', "the edited token's first text");
});

Deno.test("a page's limits: the first records are drawn, all are counted, and it is told once", () => {
  const records = Array.from({ length: 5 }, (_, i) => ({ ...RECORD, id: `r${i}` }));
  const { length } = new TracePage(NAMED).add(RECORD);
  for (
    const [limits, drawn] of [
      [{ records: 2, characters: 1e9 }, 2],
      [{ records: 9, characters: 3.5 * length }, 3],
      [{ records: 9, characters: 1 }, 1],
      [{ records: 5, characters: 1e9 }, 5],
    ] as const
  ) {
    const told: string[] = [];
    const html = pageOf(records, { limits, onLimit: (line: string) => told.push(line) });
    assert.equal(html.match(/<section/g)!.length, drawn);
    const said = `Only the first ${drawn === 1 ? "record is" : `${drawn} records are`} drawn.`;
    assert.deepEqual(told, drawn < 5 ? [said] : []);
    // In front, and in the place of those that are not drawn.
    assert.equal(html.split(said).length - 1, drawn < 5 ? 2 : 0);
    assert.match(html, /<li><b>5<\/b>records<\/li>/);
  }
});

Deno.test("a page of no records has an end, too", () => {
  assert.match(pageOf([]), /<li><b>0<\/b>records<\/li><li><b>0<\/b>tokens<\/li>/);
});

/** Drives the player of the first record, and tells what it shows as the page's title. */
const DRIVER = `<script>addEventListener("DOMContentLoaded", () => {
  const section = document.querySelector("section");
  const slider = section.querySelector("input");
  const cells = () => Array.from(section.querySelectorAll(".cells b"), (cell) =>
    (cell.classList.contains("m") ? "_" : cell.textContent) + (cell.classList.contains("now") ? "!" : ""));
  const seen = [];
  for (let step = 0; step <= Number(slider.max); step++) {
    slider.value = step;
    slider.dispatchEvent(new Event("input"));
    seen.push([section.querySelector("output").textContent, ...cells()]);
  }
  section.querySelector(".cells b.e").click();
  document.body.dataset.seen = JSON.stringify([seen, document.querySelector(".tip").innerText,
    document.scripts.length, document.querySelectorAll("section").length]);
});</script>`;

/** What the driver saw. */
async function seenIn(page: string) {
  const [, seen] = /data-seen="([^"]*)"/.exec(await opened(page))!;
  return JSON.parse(
    seen.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&"),
  );
}

Deno.test("a trace's page in a browser goes through the steps", { ignore: !BROWSER }, async () => {
  const [seen, tip] = await seenIn(pageOf([RECORD]) + DRIVER);
  assert.deepEqual(seen, [
    ["all masked", "_", "_", "_", "_", "_", "_"],
    [
      "after step 1 of 4 (block 1, step 1): 2 accepted; 0 masked",
      ...["one!", " fore!", "_", "_", "_", "_"],
    ],
    [
      "after step 2 of 4 (block 1, step 2): 0 accepted, 1 edit; 0 masked",
      ...["one", " two!", "_", "_", "_", "_"],
    ],
    [
      "after step 3 of 4 (block 2, step 1): 3 accepted; 1 masked",
      ...["one", " two", "three↵!", "_", " end!", " end!"],
    ],
    [
      "after step 4 of 4 (block 2, step 2): 1 accepted, the best of those below the threshold; 0 masked",
      ...["one", " two", "three↵", "4!", " end", " end"],
    ],
  ]);
  assert.match(tip, /^position 3\n“ fore” \(id 6\) accepted in step 1, confidence 0\.910\n“ two”/);
});

Deno.test("hostile texts in a browser are only shown", { ignore: !BROWSER }, async () => {
  const [seen, tip, scripts, sections] = await seenIn(pageOf([ATTACK, RECORD]) + DRIVER);
  assert.deepEqual([scripts, sections], [2, 2]);
  assert.equal(seen.at(-1)[1], HOSTILE[1]);
  assert.equal(seen.at(-1)[2], HOSTILE[2]);
  assert.equal(tip.split("\n")[1], '“]]>\\";  ↵” (id 6) accepted in step 1, confidence 0.910');
});

Deno.test("a page that was cut off anywhere still opens", { ignore: !BROWSER }, async () => {
  const page = new TracePage(NAMED);
  const start = page.start();
  const [first, second] = [page.add(RECORD), page.add({ ...RECORD, id: "b" })];
  const half = second.slice(0, Math.floor(second.length / 2));
  for (const [text, sections] of [[start + first, 1], [start + first + second, 2]] as const) {
    const [seen, , , found] = await seenIn(text + DRIVER);
    assert.deepEqual([seen.length, found], [5, sections]);
  }
  // A write that was cut, too; the driver would be part of it.
  const html = await opened(`${start}${first}${half}`);
  assert.match(html, /This page is not complete/);
  assert.match(html, /class="player"/);
});
