import assert from "@std/assert";
import { Tokenizer as Oracle } from "@huggingface/tokenizers";
import fc from "fast-check";
import { BpeTokenizer } from "../../../lib/tokenizer/bpe.ts";
import { loadChatTemplate } from "../../../lib/tokenizer/chat_template.ts";
import { loadTokenizer } from "../../../lib/tokenizer/mod.ts";
import { BYTE_CHARACTERS, parseTokenizer } from "../../../lib/tokenizer/parse.ts";
import { translatePattern } from "../../../lib/tokenizer/pattern.ts";
import { NANO } from "../../fixtures.ts";
import { inFolder } from "../../folder.ts";
import { checkDamaged, refuses } from "../../mutate.ts";

const TEXT = Deno.readTextFileSync(`${NANO}/tokenizer.json`);
const JSON_ = JSON.parse(TEXT);

const AWKWARD = [
  "hello world",
  " a , b .",
  "\0\x01\x7f",
  "a\r\n\r\nb  c\n \n",
  "\u65e5\u672c\u8a9e \ud83d\ude00 \ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67",
  "\uff11\uff12\uff13 45",
  "don't DON'T we'll THEY'RE",
  "<role>HUMAN</role>x<|role_end|><|mas",
  "e\u0301 \u00e9",
  "   ",
  "x".repeat(500),
];

/** A tokenizer with the published family's pattern and merges learned from a text. */
function trained(pattern: string, merges: number): Record<string, unknown> {
  const text = "the cat and the dog don't sit; they'll run. 123 456\n\nThe END\u65e5\u672c ".repeat(
    3,
  );
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => BYTE_CHARACTERS[byte]);
  const vocab: Record<string, number> = Object.fromEntries(BYTE_CHARACTERS.map((c, id) => [c, id]));
  let symbols = bytes;
  const learned: [string, string][] = [];
  while (learned.length < merges) {
    const counts = new Map<string, number>();
    for (let i = 0; i + 1 < symbols.length; i++) {
      const pair = `${symbols[i]}\t${symbols[i + 1]}`;
      if (!(symbols[i] + symbols[i + 1] in vocab)) counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
    const best = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0].split("\t") as [string, string];
    if (!best) break;
    learned.push(best);
    vocab[best[0] + best[1]] = Object.keys(vocab).length;
    const next: string[] = [];
    for (let i = 0; i < symbols.length; i++) {
      if (symbols[i] === best[0] && symbols[i + 1] === best[1]) {
        next.push(symbols[i] + symbols[++i]);
      } else next.push(symbols[i]);
    }
    symbols = next;
  }
  const pre_tokenizer = structuredClone(JSON_.pre_tokenizer);
  pre_tokenizer.pretokenizers[0].pattern.Regex = pattern;
  return {
    ...JSON_,
    added_tokens: [],
    pre_tokenizer,
    model: { ...JSON_.model, vocab, merges: learned },
  };
}

const FAMILY =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";

/** Where JavaScript's \s and Unicode's White_Space differ, the oracle follows JavaScript. */
const DISPUTED = /[\ufeff\u0085]/;

Deno.test("encode() equals the oracle's on awkward and random text, and decodes back", () => {
  const { clean_up_tokenization_spaces } = { clean_up_tokenization_spaces: false };
  for (const json of [JSON_, trained(FAMILY, 200)]) {
    const { table, meta } = parseTokenizer(JSON.stringify(json), "t");
    const ours = new BpeTokenizer(table, meta, "");
    const oracle = new Oracle(json, { clean_up_tokenization_spaces });
    const check = (text: string) => {
      const ids = ours.encode(text);
      assert.deepEqual(
        ids,
        oracle.encode(text, { add_special_tokens: false }).ids,
        JSON.stringify(text),
      );
      assert.equal(ours.decode(ids), text);
    };
    AWKWARD.forEach(check);
    const valid = fc.string({ unit: "binary", maxLength: 60 }).filter((text) =>
      !DISPUTED.test(text)
    );
    fc.assert(fc.property(valid, check), { seed: 1, numRuns: 300 });
    const words = fc.array(
      fc.constantFrom("the", " cat", "'LL", "\n", " ", "7", "\u65e5", "don't"),
    );
    fc.assert(fc.property(words, (parts) => check(parts.join(""))), { seed: 2, numRuns: 300 });
  }
});

Deno.test("encode() gives the prompt tokens beside nano, through its chat template", async () => {
  const tokenizer = await loadTokenizer(NANO);
  const template = await loadChatTemplate(NANO);
  for (const line of (await Deno.readTextFile(`${NANO}/items.jsonl`)).trim().split("\n")) {
    const { question, prompt_tokens } = JSON.parse(line);
    const prompt = await template!.render([{ role: "user", content: question }], "item");
    assert.deepEqual(tokenizer.encode(prompt), prompt_tokens);
  }
});

Deno.test("encode() takes 100,000 characters without a break in under a second", async () => {
  const tokenizer = await loadTokenizer(NANO);
  const text = "ab".repeat(50_000);
  const start = performance.now();
  assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  assert.ok(performance.now() - start < 5000);
});

Deno.test("decode() refuses ids outside the vocabulary and keeps cut characters visible", async () => {
  const tokenizer = await loadTokenizer(NANO);
  assert.throws(() => tokenizer.decode([512]), RangeError);
  assert.equal(tokenizer.decode(tokenizer.encode("\u65e5").slice(0, 2)), "\ufffd");
});

const change = (edit: (json: typeof JSON_) => void) => {
  const copy = structuredClone(JSON_);
  edit(copy);
  return JSON.stringify(copy);
};

const BAD: [string, string, RegExp][] = [
  [
    "M18 not BPE",
    change((j) => j.model.type = "Unigram"),
    /model type is "Unigram", expected "BPE"/,
  ],
  [
    "M18 a merge of unknown parts",
    change((j) => j.model.merges.push("zz qq")),
    /merge \d+ is "zz qq"/,
  ],
  ["M18 ids with gaps", change((j) => j.added_tokens[5].id = 600), /gaps/],
  ["M18 ids that repeat", change((j) => j.added_tokens[5].id = 510), /share id 510/],
  [
    "M18 an added token that shadows an entry",
    change((j) => j.added_tokens[0].content = Object.keys(j.model.vocab)[70]),
    /added token .* its vocabulary entry/,
  ],
  [
    "M19 a pattern without an exact form",
    change((j) => j.pre_tokenizer.pretokenizers[0].pattern.Regex = "\\w+|\\b."),
    /cannot be run exactly: "\\\\?w" has no exact form/,
  ],
];

for (const [name, text, pattern] of BAD) {
  Deno.test(`${name}: tokenizer.json refuses`, () =>
    refuses(() => parseTokenizer(text, "t"), pattern));
}

Deno.test("M20 decode() returns exactly the text, spaces before punctuation too", async () => {
  const tokenizer = await loadTokenizer(NANO);
  for (const text of ["a , b", "x . y ? z !", " do n't"]) {
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  }
});

Deno.test("property: special tokens in a text become their ids, alone, and decode back", async () => {
  const tokenizer = await loadTokenizer(NANO);
  const specials = JSON_.added_tokens.map(({ content }: { content: string }) => content);
  const part = fc.oneof(fc.constantFrom<string>(...specials), fc.string({ maxLength: 12 }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const text = parts.join("");
      const ids = tokenizer.encode(text);
      assert.equal(tokenizer.decode(ids), text);
      for (const { content, id } of JSON_.added_tokens) {
        assert.deepEqual(tokenizer.encode(content), [id]);
      }
      const plain = tokenizer.decode(ids, { skipSpecial: true });
      const special = new Set(
        JSON_.added_tokens.filter((token: { special: boolean }) => token.special)
          .map(({ id }: { id: number }) => id),
      );
      assert.equal(plain, tokenizer.decode(ids.filter((id) => !special.has(id))));
    }),
    { seed: 3, numRuns: 300 },
  );
});

Deno.test("property: any UTF-16 encodes; a lone surrogate becomes U+FFFD, all else stays", async () => {
  const tokenizer = await loadTokenizer(NANO);
  const unit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 30 }), (units) => {
      const text = units.join("");
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text.toWellFormed());
    }),
    { seed: 4, numRuns: 300 },
  );
  assert.equal(tokenizer.decode(tokenizer.encode("a\ud800b\udc00")), "a\ufffdb\ufffd");
});

Deno.test("translatePattern() keeps possessive quantifiers from giving back", () => {
  assert.deepEqual("aaa".match(translatePattern("a++a")), null);
  assert.deepEqual("aaab".match(translatePattern("a++b")), ["aaab"]);
  assert.deepEqual("X'LL".match(translatePattern("'(?i:ll)")), ["'LL"]);
});

async function withTemplate(source: string, body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/chat_template.jinja`, source);
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const hello = [{ role: "user", content: "hi" }];

Deno.test("a template may name the special tokens of tokenizer_config.json", () =>
  withTemplate("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", async (dir) => {
    const config = { bos_token: "<s>", eos_token: { content: "</s>" } };
    await Deno.writeTextFile(`${dir}/tokenizer_config.json`, JSON.stringify(config));
    const template = await loadChatTemplate(dir);
    assert.equal(await template!.render(hello, 'record "q"'), "<s>hi</s>");
  }));

const TEMPLATES: [string, string, RegExp][] = [
  ["M21 a syntax error", "{% if %}", /chat template of .* to record "q": /],
  ["M21 an unknown filter", "{{ messages | nonsense }}", /nonsense/],
  [
    "M22 a template that builds a gigabyte",
    "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(27) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s }}",
    /Invalid string length|characters, expected at most|died/,
  ],
  [
    "M22 a template that keeps a gigabyte",
    "{% for i in range(20000000) %}{{ 'x' ~ i }}{% endfor %}",
    /ran longer|died|characters/,
  ],
  ["M21 raise_exception", "{{ raise_exception('no system role') }}", /no system role/],
  [
    "M22 a template that does not end",
    "{% for i in range(1000000000) %}{% endfor %}",
    /ran longer|died/,
  ],
];

for (const [name, source, pattern] of TEMPLATES) {
  Deno.test(`${name} refuses`, () =>
    withTemplate(source, async (dir) => {
      const template = await loadChatTemplate(dir, { deadlineMs: 2000 });
      await refuses(() => template!.render(hello, 'record "q"'), pattern);
    }));
}

Deno.test("C9 a Ctrl-C that ends a template's first rendering, too, is no fault of the template", {
  ignore: Deno.build.os !== "linux",
}, () =>
  withTemplate("{% for i in range(200000) %}{% endfor %}hi", async (dir) => {
    const template = await loadChatTemplate(dir);
    const rendered = template!.render(hello, 'record "q"');
    let trial: number | undefined;
    while (trial === undefined) {
      await new Promise((done) => setTimeout(done, 1));
      trial = await childRunning("template_trial.ts");
    }
    Deno.kill(trial, "SIGINT");
    assert.equal(await rendered, "hi");
  }));

/** Number of a process that we started with such a word among its arguments. */
async function childRunning(word: string): Promise<number | undefined> {
  const read = (file: string) => Deno.readTextFile(`/proc/${file}`).catch(() => "");
  for await (const { name } of Deno.readDir("/proc")) {
    const [, parent] = /.*\) \S (\d+)/.exec(await read(`${name}/stat`)) ?? [];
    if (Number(parent) === Deno.pid && (await read(`${name}/cmdline`)).includes(word)) {
      return Number(name);
    }
  }
}

Deno.test("tokens that tokenizer_config.json would have added refuse", () =>
  inFolder(async (dir) => {
    await Deno.copyFile(`${NANO}/tokenizer.json`, `${dir}/tokenizer.json`);
    await Deno.writeTextFile(`${dir}/tokenizer_config.json`, '{"add_bos_token": true}');
    await refuses(
      () => loadTokenizer(dir),
      /config.json": field "add_bos_token" is true, expected/,
    );
  }));

Deno.test("M23 a template has no way to JavaScript", () =>
  withTemplate("{{ ''.constructor.constructor('return 1')() }}x", async (dir) => {
    const template = await loadChatTemplate(dir);
    const rendered = await template!.render(hello, "q").catch(() => "refused");
    assert.ok(["x", "refused"].includes(rendered));
  }));

Deno.test("D3 D5 D6 a large tokenizer is compiled once; a flipped bit is noticed; no cache is no harm", async () => {
  const dir = await Deno.makeTempDir();
  const big = structuredClone(JSON_);
  big.padding_text = "x".repeat(1 << 20);
  await Deno.writeTextFile(`${dir}/tokenizer.json`, JSON.stringify(big));
  const notices: string[] = [];
  const options = { cacheDir: `${dir}/cache`, onNotice: (line: string) => notices.push(line) };
  const wanted = (await loadTokenizer(NANO)).encode(AWKWARD.join(" "));
  const load = async () => (await loadTokenizer(dir, options)).encode(AWKWARD.join(" "));
  assert.deepEqual(await load(), wanted);
  assert.deepEqual(await load(), wanted);
  assert.deepEqual(notices, []);
  const [entry] = await Array.fromAsync(Deno.readDir(`${dir}/cache/tokenizers`));
  const path = `${dir}/cache/tokenizers/${entry.name}`;
  const bytes = await Deno.readFile(path);
  for (const at of [0, 40, 5000, bytes.length - 20]) {
    const damaged = bytes.slice();
    damaged[at] ^= 1;
    await Deno.writeFile(path, damaged);
    assert.deepEqual(await load(), wanted);
    assert.deepEqual(notices.splice(0), ["compiled tokenizer table is damaged: compiled again"]);
    assert.deepEqual(await load(), wanted);
    assert.deepEqual(notices, []);
  }
  await Deno.remove(`${dir}/cache`, { recursive: true });
  await Deno.writeTextFile(`${dir}/cache`, "a file where the folder should be");
  assert.deepEqual(await load(), wanted);
  assert.equal(notices.length, 1);
  await Deno.remove(dir, { recursive: true });
});

for (const kind of ["tokenizer", "template"]) {
  Deno.test(`damaged ${kind} files are read or refused, nothing else`, () => checkDamaged(kind));
}
