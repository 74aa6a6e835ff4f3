import assert from "@std/assert";
import { openSource } from "../../../lib/data/open.ts";
import { fileSource } from "../../../lib/data/local.ts";
import { readRows } from "../../../lib/data/rows.ts";
import { envOf, standIn } from "../hub/stand_in.ts";
import { all } from "./make.ts";

const SHARED = new URL("../../../../shared/benchmarks", import.meta.url).pathname;
const present = await Deno.stat(SHARED).then(({ isDirectory }) => isDirectory, () => false);
if (!present) console.log(`ignored: no benchmark samples at ${SHARED}`);

/** Rows of files whose count the notes beside them tell. */
const COUNTS: Readonly<Record<string, number>> = {
  "aime2025/aime2025.jsonl": 30,
  "aime2025/aime_2025_I/answers.csv": 15,
  "bfcl_v3/BFCL_v3_simple.json": 12,
  "bfcl_v3/multi_turn_func_doc/math_api.json": 17,
  "bird_sql/dev.sample.json": 30,
  "cmmlu/dev/agronomy.csv": 5,
  "cmmlu/test/agronomy.csv": 6,
  "codeif_bench/L_1_part_1.jsonl": 30,
  "cruxeval_o/cruxeval.sample.jsonl": 120,
  "gsm8k/test.sample.jsonl": 40,
  "humaneval/HumanEval.jsonl": 120,
  "ifeval/input_data.jsonl": 39,
  "korbench/logic/rule.jsonl": 9,
  "livecodebench/code_generation_lite.sample.jsonl": 1,
  "math/math500.sample.jsonl": 40,
  "mbpp/sanitized-mbpp.sample.json": 50,
  "nexus/cve_cpe_queries.json": 30,
  "ocnli/dev.json": 42,
  "piqa/valid-labels.lst": 40,
  "piqa/valid.jsonl": 40,
  "prontoqa/dev.json": 40,
  "zebralogic/grid_mode.jsonl": 41,
};

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

Deno.test({
  name: "every benchmark sample loads",
  ignore: !present,
  async fn() {
    const counted = new Set<string>();
    let files = 0;
    for await (const path of filesBelow(SHARED)) {
      const name = path.slice(SHARED.length + 1);
      if (name.endsWith("SOURCE.md")) continue;
      const rows = await all(readRows(fileSource(path), { name }));
      assert.ok(rows.length > 0, name);
      if (name in COUNTS) {
        assert.equal(rows.length, COUNTS[name], name);
        counted.add(name);
      }
      files++;
    }
    assert.deepEqual(Object.keys(COUNTS).filter((name) => !counted.has(name)), []);
    assert.ok(files > 300, String(files));
  },
});

Deno.test({
  name: "benchmark samples come the same through the network",
  ignore: !present,
  async fn() {
    const cache = await Deno.makeTempDir();
    const names = Object.keys(COUNTS);
    const files = Object.fromEntries(
      names.map((name) => [name, Deno.readFileSync(`${SHARED}/${name}`)]),
    );
    await using server = standIn({ files });
    try {
      const opened = await openSource("task", {
        repo: "github:org/name",
        revision: "main",
        licence: "see SOURCE.md",
        items: 1,
        files: names.map((name) => ({ name, rows: COUNTS[name] })),
      }, {
        env: envOf({ UNMASK_RAW_ENDPOINT: server.url, UNMASK_CACHE: cache }),
        notice: assert.fail,
      });
      for (const { name, rows } of opened.files) {
        const local = await all(readRows(fileSource(`${SHARED}/${name}`), { name }));
        assert.deepEqual(await all(rows()), local, name);
      }
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});
