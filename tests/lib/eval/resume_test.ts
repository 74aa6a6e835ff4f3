/** What a second start of a run does: goes on by id, refuses what changed, does again what failed. */
import assert from "@std/assert";
import { Done, fingerprint } from "../../../lib/eval/resume.ts";
import { parseExactJson } from "../../../lib/records/json.ts";
import { Rec } from "../../../lib/records/record.ts";
import { shell } from "../../cli/unmask.ts";
import { NEEDS_GPU } from "../../gpu.ts";
import { inFolder } from "../../folder.ts";

const FIXTURES = new URL("../../fixtures/benchmarks", import.meta.url).pathname;

/** nano's context is 512 tokens. */
const SHORT = "--truncate left --gen-length 32 --quiet";

async function ok(line: string): Promise<string> {
  const { code, stdout, stderr } = await shell(line);
  assert.equal(code, 0, `${line}\n${stderr}`);
  return stdout;
}

async function refuses(line: string, pattern: RegExp): Promise<void> {
  const { code, stderr } = await shell(line);
  assert.notEqual(code, 0, line);
  assert.match(stderr, pattern);
}

const samples = async (run: string) =>
  (await Deno.readTextFile(`${run}/samples.jsonl`)).trimEnd().split("\n");

Deno.test("E7 Done matches records with the items of a run", async () => {
  const item = Rec.from({ id: "t/a", doc: { q: 1 }, messages: [{ role: "user", content: "?" }] });
  const items = new Map([["t/a", await fingerprint(item)], ["t/r#1", "x"]]);
  const grown = { doc: { q: 1 }, messages: [] };
  const good = [
    { id: "t/a#2", doc: { q: 1 }, messages: item.get("messages"), text: "1" },
    { id: "t/r#1", metrics: {} }, // a verdict, of an item that has a number itself
    { id: "t/a", ...grown, error: { stage: "sample", message: "no answer" } },
  ];
  const done = new Done(items);
  for (const fields of good) await done.add(Rec.from(fields));
  for (const { id } of good) assert.ok(done.has(id), id);
  await assert.rejects(() => done.add(Rec.from({ id: "t/a#3", ...grown })), /has other data/);
  await assert.rejects(() => done.add(Rec.from({ id: "t/b" })), /no longer an item/);
});

Deno.test("E7 Done counts the records of earlier input that are not in this one", async () => {
  const rec = (id: string) => Rec.from({ id, text: "1" });
  const done = new Done();
  for (const id of ["a", "b", "c"]) await done.add(rec(id));
  const rest = await Array.fromAsync(done.rest(ReadableStream.from([rec("d"), rec("b")])));
  assert.deepEqual(rest.map(({ id }) => id), ["d"]);
  assert.equal(done.others, 2);
  const anew = new Done();
  await Array.fromAsync(anew.rest(ReadableStream.from([rec("d")])));
  assert.equal(anew.others, 0);
});

Deno.test("E7 Done knows an item again whose numbers are not as JavaScript writes them", async () => {
  const doc = parseExactJson('{"inputs":[1.0,1e-06,-Infinity,10000000000000000000000]}', "t:1");
  const item = Rec.from({ id: "t/a", doc, messages: [] });
  const line =
    `{"id":"t/a","doc":{"inputs":[1.0,1e-06,-1e999,10000000000000000000000]},"messages":[]}`;
  assert.equal(item.toString(), line);
  await new Done(new Map([["t/a", await fingerprint(item)]])).add(Rec.parse(line, "samples:1"));
});

Deno.test(
  "E7 a resume with other options, data or model refuses and says what changed",
  NEEDS_GPU,
  () =>
    inFolder(async (dir) => {
      const rows = `${dir}/data/arc_c/ARC-Challenge-Dev.sample.jsonl`;
      await Deno.mkdir(`${dir}/data/arc_c`, { recursive: true });
      await Deno.copyFile(`${FIXTURES}/arc_c/ARC-Challenge-Dev.sample.jsonl`, rows);
      const run = `unmask eval arc_c ${SHORT} --data ${dir}/data --output ${dir}/run`;
      await ok(`${run} --limit 2`);
      const before = await samples(`${dir}/run`);
      await refuses(
        `${run} --limit 2 --threshold 0.5`,
        /options\.decode\.threshold was "?unset"?, now 0\.5/,
      );
      await refuses(`${run} --limit 2 --n 2`, /options\.n was 1, now 2/);
      await refuses(`${run} --limit 2 --dtype f16`, /dtype was "f32", now "f16"|f16/);
      await refuses(`${run} --limit 1`, /record "arc_c\/.*" .* is no longer an item of this run/);
      const text = await Deno.readTextFile(rows);
      await Deno.writeTextFile(rows, text.replace('"stem":"', '"stem":"So: '));
      await refuses(`${run} --limit 2`, /has other data or another prompt than now \(--force/);
      assert.deepEqual(await samples(`${dir}/run`), before, "nothing was lost");
      await ok(`${run} --limit 2 --force`);
      assert.notDeepEqual(await samples(`${dir}/run`), before);
    }),
);

Deno.test(
  "E8 a run goes on by id after --limit, with its data shuffled and with items added",
  NEEDS_GPU,
  () =>
    inFolder(async (dir) => {
      const rows = `${dir}/data/arc_c/ARC-Challenge-Dev.sample.jsonl`;
      await Deno.mkdir(`${dir}/data/arc_c`, { recursive: true });
      const text = await Deno.readTextFile(`${FIXTURES}/arc_c/ARC-Challenge-Dev.sample.jsonl`);
      const lines = text.trimEnd().split("\n");
      await Deno.writeTextFile(rows, text);
      const run = `unmask eval arc_c ${SHORT} --data ${dir}/data --output ${dir}/run`;
      await ok(`${run} --limit 2`);
      const [first, second] = await samples(`${dir}/run`);
      const added = lines[0].replace(/"id":"[^"]*"/, '"id":"added"');
      assert.notEqual(added, lines[0]);
      await Deno.writeTextFile(rows, [added, ...lines.toReversed()].join("\n"));
      await ok(run);
      const all = await samples(`${dir}/run`);
      assert.deepEqual(all.slice(1), [second, first], "in the order of the data now");
      const ids = all.map((line) => JSON.parse(line).id);
      assert.equal(ids[0], "arc_c/added");
      const { tasks } = JSON.parse(await Deno.readTextFile(`${dir}/run/results.json`));
      assert.equal(tasks.arc_c.items, ids.length);
    }),
);

Deno.test(
  "E5 of confidential items a run keeps verdicts alone, and goes on from them",
  NEEDS_GPU,
  () =>
    inFolder(async (dir) => {
      const run = (name: string) =>
        ok(
          `unmask eval gpqa_diamond ${SHORT} --export lm-eval --data ${FIXTURES} --output ${dir}/${name}`,
        );
      const written = [await run("whole")];
      for await (const { name, isFile } of Deno.readDir(`${dir}/whole`)) {
        if (isFile) written.push(await Deno.readTextFile(`${dir}/whole/${name}`));
      }
      for await (const { name } of Deno.readDir(`${dir}/whole/lm_eval`)) {
        written.push(await Deno.readTextFile(`${dir}/whole/lm_eval/${name}`));
      }
      assert.ok(written.length >= 9 && written[0].includes("gpqa_diamond/"));
      const rows = await Deno.readTextFile(`${FIXTURES}/gpqa_diamond/gpqa_diamond.sample.csv`);
      const phrases = rows.split("\n").slice(1).flatMap((row) =>
        row.match(/[A-Za-z][A-Za-z ]{14,}/g) ?? []
      );
      assert.ok(phrases.length > 3);
      for (const phrase of phrases) {
        for (const text of written) assert.ok(!text.includes(phrase), phrase);
      }
      const files = ["samples.jsonl", "results.json"];
      const read = (name: string) =>
        Promise.all(files.map((file) => Deno.readTextFile(`${dir}/${name}/${file}`)));
      const whole = await read("whole");
      const lines = whole[0].trimEnd().split("\n");
      for (const kept of [lines.slice(0, 1), lines]) {
        await Deno.mkdir(`${dir}/cut`);
        await Deno.writeTextFile(`${dir}/cut/samples.jsonl`, `${kept.join("\n")}\n`);
        await run("cut");
        assert.deepEqual(await read("cut"), whole);
        await Deno.remove(`${dir}/cut`, { recursive: true });
      }
    }),
);

Deno.test("records that failed are done again in their places, and shards add up to the whole", () =>
  inFolder(async (dir) => {
    // A server that fails for one item until it is healed.
    let ill = true;
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        if (request.method === "GET") return Response.json({ data: [{ id: "m" }] });
        const { messages } = await request.json();
        if (ill && JSON.stringify(messages) === first) return new Response("no", { status: 400 });
        const content = "The answer is 7.";
        return Response.json({ choices: [{ message: { content }, finish_reason: "stop" }] });
      },
    );
    const first = JSON.stringify(
      JSON.parse((await ok("unmask tasks nano_math --limit 1")).trim()).messages,
    );
    try {
      const files = (name: string) =>
        Promise.all(
          ["samples.jsonl", "results.json"].map((file) =>
            Deno.readTextFile(`${dir}/${name}/${file}`)
          ),
        );
      const eval6 =
        `unmask eval nano_math --limit 6 --quiet --endpoint http://127.0.0.1:${server.addr.port}`;
      const run = `${eval6} --on-error record --output ${dir}/run`;
      await ok(run);
      const results = async (name: string) =>
        JSON.parse(await Deno.readTextFile(`${dir}/${name}/results.json`));
      const { complete, tasks } = await results("run");
      assert.deepEqual([complete, tasks.nano_math.errors, tasks.nano_math.items], [false, 1, 5]);
      await ok(`${eval6} --on-error skip --output ${dir}/skip`);
      assert.deepEqual((await files("skip"))[1], (await files("run"))[1]);
      ill = false;
      await ok(`${eval6} --on-error skip --output ${dir}/skip`);
      await ok(run);
      const healed = await results("run");
      assert.deepEqual([healed.complete, healed.tasks.nano_math.items], [true, 6]);
      await ok(`${eval6} --output ${dir}/whole`);
      for (const name of ["run", "skip"]) {
        assert.deepEqual(await files(name), await files("whole"), name);
      }
      await ok(`${eval6} --limit 2 nano_agent --output ${dir}/grown`);
      await ok(`${eval6} nano_agent --output ${dir}/grown`);
      await ok(`${eval6} nano_agent --output ${dir}/both`);
      assert.deepEqual(await files("grown"), await files("both"));
      await ok(`for i in 1 2; do ${eval6} --shard $i/2 --output ${dir}/$i; done`);
      await ok(
        `cat ${dir}/1/samples.jsonl ${dir}/2/samples.jsonl | unmask eval --quiet --output ${dir}/merged`,
      );
      const { score, interval } = (await results("merged")).tasks.nano_math;
      assert.deepEqual({ score, interval }, {
        score: healed.tasks.nano_math.score,
        interval: healed.tasks.nano_math.interval,
      });
    } finally {
      await server.shutdown();
    }
  }));

Deno.test(
  "C6 a run's samples are not scored into their own folder",
  NEEDS_GPU,
  () =>
    inFolder(async (dir) => {
      await ok(`unmask eval nano_math --limit 1 --quiet --output ${dir}/run`);
      const before = await samples(`${dir}/run`);
      const pattern = /its samples are also the input, expected another folder/;
      await refuses(`unmask eval --rescore ${dir}/run --output ${dir}/run --force`, pattern);
      await refuses(`unmask eval --output ${dir}/run --force < ${dir}/run/samples.jsonl`, pattern);
      assert.deepEqual(await samples(`${dir}/run`), before);
      await ok(`unmask eval --rescore ${dir}/run --output ${dir}/again --quiet`);
      assert.deepEqual(await samples(`${dir}/again`), before);
    }),
);
