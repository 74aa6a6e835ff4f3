import assert from "@std/assert";
import { ROOT, shell } from "./cli/unmask.ts";
import { NEEDS_GPU } from "./gpu.ts";

/** What the examples read. */
const FILES: Readonly<Record<string, string>> = {
  "answers.jsonl": JSON.stringify({
    id: "a",
    task: "nano_math",
    doc: { reference: { answer: "5" } },
    text: "The answer is 5.",
  }),
  "data.jsonl": '{"text":"2 + 3 = 5"}\n',
  "recipe.json": JSON.stringify({
    model: { start: `${ROOT}models/nano` },
    data: { train: ["data.jsonl"], validation: [], row_length: 32 },
    stages: [{ name: "one", objective: "bdlm", blocks: [32], steps: [1], batch: 1, lr: 0.001 }],
  }),
};

/** What each of mod.ts's examples says. */
const SAID = [
  /^2 \+ 3 = .+\n$/,
  /^a \{ acc: 1 \}\n$/,
  /^$/,
];

Deno.test("the examples of mod.ts do what they say, word for word", NEEDS_GPU, async () => {
  const text = await Deno.readTextFile(`${ROOT}mod.ts`);
  const examples = [...text.matchAll(/^ \* ```ts\n((?: \*.*\n)+?) \* ```$/gm)].map(([, block]) =>
    block.replace(/^ \* ?/gm, "")
  );
  assert.equal(examples.length, SAID.length);
  const cwd = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(FILES)) {
      await Deno.writeTextFile(`${cwd}/${name}`, content);
    }
    for (const [i, example] of examples.entries()) {
      await Deno.writeTextFile(`${cwd}/example.ts`, example);
      const run = `"${Deno.execPath()}" run -A --no-check -q -c "${ROOT}deno.json" example.ts`;
      const { code, stdout, stderr } = await shell(run, { cwd });
      assert.equal(code, 0, stderr);
      assert.match(stdout, SAID[i]);
    }
    assert.ok((await Deno.stat(`${cwd}/run/checkpoints/step-00000001`)).isDirectory);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});
