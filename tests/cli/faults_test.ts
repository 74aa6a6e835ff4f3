import assert from "@std/assert";
import { shell } from "./unmask.ts";

const deep = `{"a":${"[".repeat(2000)}${"]".repeat(2000)}}`;

/** Shell lines with what they must do; `err` and `out` are patterns. */
const CASES: {
  name: string;
  line: string;
  stdin?: string | Uint8Array;
  code: number;
  err?: RegExp;
  out?: RegExp;
}[] = [
  {
    name: "J1 a line that is not JSON",
    line: "unmask tokenize",
    stdin: '{"prompt":"a"}\n{"x":NaN}\n',
    code: 1,
    err: /^unmask: Cannot read stdin:2 as JSON: column 6: .*\n$/,
    out: /^{"id":"stdin:1".*}\n$/,
  },
  {
    name: "J2 not an object",
    line: "unmask tokenize",
    stdin: "[1]\n",
    code: 1,
    err: /stdin:1: found array, expected object/,
  },
  {
    name: "J3 blank lines, CRLF, byte-order mark",
    line: "unmask tokenize | jq -c .id",
    stdin: '\ufeff\n\r\n{"prompt":"a"}\r\n\n{"prompt":"b"}',
    code: 0,
    out: /^"stdin:3"\n"stdin:5"\n$/,
  },
  {
    name: "J4 half a record at the end",
    line: "unmask tokenize",
    stdin: '{"prompt":"a"}\n{"prom',
    code: 1,
    err: /stdin:2/,
    out: /stdin:1/,
  },
  {
    name: "J5 bytes that are not UTF-8",
    line: "unmask tokenize",
    stdin: Uint8Array.of(0x7b, 0x22, 0x61, 0xff, 0x22, 0x7d),
    code: 1,
    err: /stdin:1: byte 3 of the line is not UTF-8/,
  },
  {
    name: "J7 nested too deep",
    line: "unmask tokenize",
    stdin: deep,
    code: 1,
    err: /nested deeper than 1000/,
  },
  {
    name: "J8 a field that may not repeat",
    line: "unmask tokenize",
    stdin: '{"id":"a","prompt":"x","id":"b"}',
    code: 1,
    err: /field "id" stands twice/,
  },
  {
    name: "J9 J11 J18 unknown fields pass byte for byte",
    line: "unmask tokenize",
    stdin: '{"id":"a", "n":12345678901234567890, "__proto__":{"x":1.0},"prompt":"a"}',
    code: 0,
    out: /^{"id":"a", "n":12345678901234567890, "__proto__":{"x":1.0},"prompt":"a","tokens":/,
  },
  {
    name: "J13 a field of the wrong type",
    line: "unmask tokenize",
    stdin: '{"id":"q","prompt":5}',
    code: 1,
    err: /record "q" \(stdin:1\): field "prompt" is number, expected a string/,
  },
  {
    name: "J14 a token outside the vocabulary",
    line: "unmask denoise",
    stdin: '{"tokens":[1,512]}',
    code: 1,
    err: /field "tokens\[1\]" is 512, expected a whole number below 512/,
  },
  {
    name: "J14 the mask in a prompt",
    line: "unmask denoise",
    stdin: '{"tokens":[1,508]}',
    code: 1,
    err: /the mask id/,
  },
  {
    name: "J15 both prompt and messages",
    line: "unmask tokenize",
    stdin: '{"prompt":"a","messages":[]}',
    code: 1,
    err: /both there/,
  },
  {
    name: "J15 neither",
    line: "unmask tokenize",
    stdin: "{}",
    code: 1,
    err: /"prompt" is undefined/,
  },
  {
    name: "J15 an unknown role",
    line: "unmask tokenize",
    stdin: '{"messages":[{"role":"robot","content":"a"}]}',
    code: 1,
    err: /messages\[0\]\.role" is "robot"/,
  },
  {
    name: "J15 an empty prompt",
    line: "unmask tokenize",
    stdin: '{"prompt":""}',
    code: 1,
    err: /empty/,
  },
  {
    name: "J16 prompt and gen_length beyond the context",
    line: "unmask denoise --gen-length 510",
    stdin: '{"tokens":[1,2,3]}',
    code: 1,
    err: /3 prompt tokens and gen_length 510 exceed the context of 512/,
  },
  {
    name: "J17 two records with one id",
    line: "unmask eval",
    stdin:
      '{"id":"a","task":"nano_math","doc":{"reference":{"answer":"1"}},"text":"1"}\n{"id":"a","task":"nano_math","doc":{"reference":{"answer":"1"}},"text":"1"}\n',
    code: 1,
    err: /id "a": it stands at stdin:1 and at stdin:2/,
  },
  {
    name: "J19 decode options out of range",
    line: "unmask denoise",
    stdin: '{"tokens":[1],"decode":{"threshold":0}}',
    code: 1,
    err: /decode option "threshold" is 0, expected a number above 0/,
  },
  {
    name: "J19 an unknown decode option",
    line: "unmask denoise",
    stdin: '{"tokens":[1],"decode":{"treshold":1}}',
    code: 1,
    err: /"treshold" is not a decode option/,
  },
  { name: "J21 empty stdin", line: "unmask tokenize", code: 0, out: /^$/, err: /^$/ },
  {
    name: "J24 bad records are kept with their error",
    line: "unmask tokenize --on-error record | jq -c '[.id,.error.stage]'",
    stdin: '{"id":"a","prompt":"x"}\n{"id":"b"}\n{"id":"c","prompt":"y"}\n',
    code: 0,
    out: /^\["a",null\]\n\["b","tokenize"\]\n\["c",null\]\n$/,
    err: /^1 bad records written with their error\n$/,
  },
  {
    name: "J24 bad records are skipped and counted",
    line: "unmask tokenize --on-error skip | jq -c .id",
    stdin: '{"id":"a","prompt":"x"}\n{"id":"b"}\n',
    code: 0,
    out: /^"a"\n$/,
    err: /^1 bad records skipped\n$/,
  },
  {
    name: "C1 an unknown command",
    line: "unmask tokenise",
    code: 2,
    err: /did you mean "tokenize"/,
  },
  {
    name: "C1 an unknown flag",
    line: "unmask denoise --treshold 1",
    code: 2,
    err: /"--treshold": unknown, did you mean --threshold/,
  },
  {
    name: "C1 an unknown task",
    line: "unmask eval nano_maths",
    code: 2,
    err: /did you mean "nano_math"/,
  },
  ...["abc", "3.5", "-1", "1e99", "''", ""].map((value) => ({
    name: `C2 --steps ${value}`,
    line: `unmask denoise --steps ${value}`,
    code: 2,
    err: /Cannot use --steps: its value is .*, expected a whole number from 1 to 1000000/,
  })),
  { name: "C2 a bad shard", line: "unmask tokenize --shard 4/3", code: 2, err: /1 <= I <= N/ },
  {
    name: "C4 a missing file",
    line: "unmask tokenize nowhere.jsonl",
    code: 1,
    err: /"nowhere.jsonl": no such file/,
  },
  { name: "C4 a folder", line: "unmask tokenize /tmp", code: 1, err: /"\/tmp": it is a folder/ },
  {
    name: "C4 - is stdin",
    line: "unmask tokenize - | jq -c .id",
    stdin: '{"prompt":"a"}',
    code: 0,
    out: /stdin:1/,
  },
  {
    name: "C6 input and output are the same file",
    line: `f=$(mktemp); echo '{"prompt":"a"}' > $f; unmask tokenize $f >> $f; c=$?; rm $f; exit $c`,
    code: 2,
    err: /it is also the output/,
  },
  {
    name: "C7 head ends the pipe",
    line: `yes '{"prompt":"a"}' | unmask tokenize | head -1 | jq -c .id; exit \${PIPESTATUS[1]}`,
    code: 0,
    out: /^"stdin:1"\n$/,
    err: /^$/,
  },
  { name: "C19 --limit 0", line: "unmask eval nano --limit 0", code: 2, err: /--limit/ },
  {
    name: "D2 a full device",
    line: "unmask tokenize > /dev/full",
    stdin: '{"prompt":"a"}',
    code: 1,
    err: /^unmask: Cannot write the output: .*\n$/,
  },
  {
    name: "M a model folder without weights",
    line: "unmask denoise --model /tmp/nowhere/x/y",
    stdin: '{"tokens":[1]}',
    code: 1,
    err: /Cannot find model/,
  },
  {
    name: "M28 another model",
    line: "unmask denoise",
    stdin: '{"tokens":[1],"model":{"digest":"abc"}}',
    code: 1,
    err: /field "model.digest" is "abc", expected this model/,
  },
  {
    name: "G2 another adapter",
    line: "unmask sample --adapter nothing-like-it",
    stdin: '{"prompt":"a"}',
    code: 1,
    err: /Cannot use adapter "nothing-like-it": found/,
  },
];

for (const { name, line, stdin, code, err, out } of CASES) {
  Deno.test(name, async () => {
    const found = await shell(line, { stdin });
    assert.equal(found.code, code, found.stderr);
    if (err) assert.match(found.stderr, err);
    if (out) assert.match(found.stdout, out);
    if (code === 1) assert.doesNotMatch(found.stderr, / {4}at /);
  });
}

Deno.test("J6 a line above the cap is refused quickly and in little memory", async () => {
  const line = `head -c 100000000 /dev/zero | tr '\\0' x | unmask tokenize --max-line 1000000`;
  const { code, stderr } = await shell(line);
  assert.equal(code, 1);
  assert.match(stderr, /stdin:1: the line has more than 1000000 bytes/);
});

Deno.test("C9 C10 a signal finishes the records in hand", async () => {
  const main = new URL("../../cli/main.ts", import.meta.url).pathname;
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", main, "tokenize"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode('{"prompt":"a"}\n'));
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    assert.match(new TextDecoder().decode(value), /"tokens"/);
    child.kill(signal);
    assert.equal((await child.status).code, code);
    await writer.abort().catch(() => {});
    await reader.cancel();
  }
});

Deno.test("C12 without a home nothing is cached and the pipe works", async () => {
  const { code, stdout, stderr } = await shell(
    "unset HOME XDG_CACHE_HOME UNMASK_CACHE; unmask tokenize",
    {
      stdin: '{"prompt":"a"}',
    },
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /tokens/);
  assert.match(stderr, /^note: no HOME and no XDG_CACHE_HOME: nothing is cached\n$/);
});

Deno.test("J23 first output leaves before the last input comes", async () => {
  const line =
    `(echo '{"prompt":"a"}'; sleep 3; date +%s%N >&2) | unmask tokenize | (read -r x; date +%s%N >&2; cat >/dev/null)`;
  const { stderr } = await shell(line);
  const [first, second] = stderr.trim().split("\n").map(Number);
  assert.ok(first < second, stderr);
});
