import assert from "@std/assert";
import { denoise } from "../../lib/denoise.ts";
import { prefill } from "../../lib/prefill.ts";
import { sample, type SampleOptions } from "../../lib/sample.ts";
import { resolveDecode } from "../../lib/diffusion/options.ts";
import { DeviceLost } from "../../lib/gpu/device.ts";
import { Faults, type OnError } from "../../lib/records/faults.ts";
import { Rec, tokensOf } from "../../lib/records/record.ts";
import { Replay } from "../../lib/replay.ts";
import { Session, type SessionOptions } from "../../lib/session.ts";
import { detokenize, tokenize } from "../../lib/tokenize.ts";
import { TINY, withConfig, withNaN } from "../fixtures.ts";
import { withGpu } from "../gpu.ts";
import { refuses } from "../mutate.ts";

const DECODE = { block_length: 8, gen_length: 24, threshold: 0.5 };

async function* records(count: number): AsyncGenerator<Rec> {
  for (let i = 0; i < count; i++) {
    const tokens = Array.from({ length: 5 + i }, (_, k) => (3 + 37 * k + i) % 240);
    yield Rec.from({ id: `r${i}`, tokens });
    await Promise.resolve();
  }
}

/** Outputs of a run with `onDone` told of each record. */
async function run(
  session: Session,
  count: number,
  onDone?: (rec: Rec) => void,
): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  const options = { session, decode: DECODE, onDone };
  for await (const rec of denoise(records(count), options)) {
    found.push(JSON.parse(String(rec)));
  }
  return found;
}

withGpu("a session that is closed inside the loop over results says so", {}, async () => {
  const session = new Session({ model: TINY, batch: 2 });
  const answers = async () => {
    const options = { session, decode: DECODE, faults: new Faults("record") };
    for await (const _ of denoise(records(12), options)) await session.close();
  };
  await refuses(answers, /the device was closed while results were awaited/);
  await session.close();
});

withGpu("a signal ends every stage with its reason, and the session goes on", {}, async () => {
  const cacheDir = await Deno.makeTempDir();
  {
    await using session = new Session({ model: TINY, cacheDir, passesPerSubmit: 1 });
    const wanted = await run(session, 2);
    for (const stage of [prefill, denoise, sample]) {
      const stop = new AbortController();
      const options = { session, decode: DECODE, signal: stop.signal };
      const reading = async () => {
        const source = stage(records(40), options)[Symbol.asyncIterator]();
        const first = source.next();
        stop.abort(new Error("enough"));
        await first;
        while (!(await source.next()).done);
      };
      await assert.rejects(reading, { message: "enough" });
    }
    assert.deepEqual(await run(session, 2), wanted);
  }
  await Deno.remove(cacheDir, { recursive: true });
});

withGpu(
  "a signal ends a stage that waits for its source, and the session goes on",
  {},
  async () => {
    await using session = new Session({ model: TINY });
    const wanted = await run(session, 2);
    const chain = (records: AsyncIterable<Rec>, options: SampleOptions) =>
      sample(denoise(prefill(tokenize(records, options), options), options), options);
    for (const stage of [tokenize, prefill, denoise, sample, chain]) {
      for (const before of [0, 2]) {
        const stop = new AbortController();
        let closed = false;
        const source = new ReadableStream<Rec>({
          async start(controller) {
            for await (const rec of records(before)) controller.enqueue(rec);
          },
          cancel: () => void (closed = true),
        });
        const timer = setTimeout(() => stop.abort(new Error("enough")), 300);
        const options = { session, decode: DECODE, signal: stop.signal };
        const reading = Array.fromAsync(stage(source, options));
        await assert.rejects(reading, { message: "enough" }, `${stage.name} behind ${before}`);
        assert.ok(closed, `${stage.name} frees its source`);
        clearTimeout(timer);
      }
    }
    assert.deepEqual(await run(session, 2), wanted);
  },
);

withGpu("G6: a device lost in mid-run is replaced once, and no record is lost", {}, async () => {
  const notices: string[] = [];
  const options = { model: TINY, batch: 3, onNotice: (line: string) => notices.push(line) };
  const undisturbed = new Session(options);
  const wanted = await run(undisturbed, 12);
  await undisturbed.close();
  notices.length = 0;

  const session = new Session(options);
  let done = 0;
  const losing = async (at: readonly number[]) => {
    if (at.includes(++done)) (await session.gpu()).device.destroy();
  };
  const found = await run(session, 12, () => void losing([4]));
  assert.deepEqual(found, wanted);
  assert.equal(notices.filter((line) => /lost: trying a new one/.test(line)).length, 1);

  done = 0;
  const written: string[] = [];
  const second = async () => {
    const stage = denoise(records(12), {
      session,
      decode: DECODE,
      onDone: () => void losing([4]),
    });
    for await (const rec of stage) written.push(rec.id);
  };
  await assert.rejects(second, DeviceLost);
  assert.ok(written.length >= 4 && written.length < 12, `${written.length} records written`);
  await session.close();
});

withGpu("G6: a device lost while prefilling is replaced", {}, async () => {
  const cacheDir = await Deno.makeTempDir();
  const session = new Session({ model: TINY, cacheDir });
  (await session.engine()).model.gpu.device.destroy();
  const found = await Array.fromAsync(
    prefill(records(6), { session, decode: DECODE }),
    (rec) => rec.has("cache"),
  );
  assert.deepEqual(found, [false, false, false, true, true, true]);
  await session.close();
  await Deno.remove(cacheDir, { recursive: true });
});

withGpu("G6: a device lost under chained stages is replaced once for both", {}, async () => {
  const cacheDir = await Deno.makeTempDir();
  const notices: string[] = [];
  const onNotice = (line: string) => notices.push(line);
  const session = new Session({ model: TINY, batch: 3, cacheDir, onNotice });
  const wanted = await run(session, 12);
  const options = { session, decode: DECODE };
  const found: unknown[] = [];
  for await (const rec of denoise(prefill(records(12), options), options)) {
    found.push(rec.get("output"));
    if (found.length === 4) (await session.gpu()).device.destroy();
  }
  assert.deepEqual(found, wanted.map(({ output }) => output));
  assert.equal(notices.filter((line) => /lost: trying a new one/.test(line)).length, 1);
  await session.close();
  await Deno.remove(cacheDir, { recursive: true });
});

withGpu(
  "D6: records of one session share a store: one notice, one look at the folder",
  {},
  async () => {
    const cacheDir = await Deno.makeTempDir();
    await Deno.writeTextFile(`${cacheDir}/kv`, "a file");
    const notices: string[] = [];
    const onNotice = (line: string) => notices.push(line);
    const session = new Session({ model: TINY, cacheDir, onNotice });
    await Array.fromAsync(prefill(records(8), { session, decode: DECODE }));
    assert.equal(notices.filter((line) => /KV cache in ".*" is not written/.test(line)).length, 1);
    assert.equal(session.store, session.store);
    await session.close();
    await Deno.remove(cacheDir, { recursive: true });
  },
);

withGpu("a session that is closed twice at once is closed once", {}, async () => {
  const session = new Session({ model: TINY });
  await run(session, 1);
  await Promise.all([session.close(), session.close()]);
});

withGpu("stages chained over one session answer as they do one by one", {}, async () => {
  const cacheDir = await Deno.makeTempDir();
  const session = new Session({ model: TINY, batch: 4, cacheDir });
  const options = { session, decode: DECODE };
  const outputs = async (stage: AsyncIterable<Rec>) =>
    await Array.fromAsync(stage, (rec) => rec.get("output"));
  const wanted = await outputs(denoise(records(40), options));
  assert.deepEqual(await outputs(denoise(prefill(records(40), options), options)), wanted);
  await session.close();
  await Deno.remove(cacheDir, { recursive: true });
});

withGpu("G7: memory on the device is flat over many records", {}, async () => {
  const session = new Session({ model: TINY, batch: 4 });
  const { memory } = (await session.engine()).model.gpu;
  const before = [memory.buffers, memory.bytes];
  await run(session, 60);
  assert.deepEqual([memory.buffers, memory.bytes], before);
  await session.close();
  assert.deepEqual([memory.buffers, memory.bytes], [0, 0]);
});

withGpu("G7: a run that is left early frees what was in flight", {}, async () => {
  const session = new Session({ model: TINY, batch: 4 });
  const { memory } = (await session.engine()).model.gpu;
  const before = [memory.buffers, memory.bytes];
  for await (const rec of denoise(records(30), { session, decode: DECODE })) {
    assert.equal(rec.id, "r0");
    break;
  }
  assert.deepEqual([memory.buffers, memory.bytes], before);
  await session.close();
});

withGpu("J24: a record whose logits are not finite fails alone", {}, async () => {
  const bad = 200;
  const broken = { names: ["model.word_embeddings.weight"], row: bad };
  await withNaN(broken, async (model) => {
    const session = new Session({ model, batch: 3 });
    async function* some() {
      for await (const rec of records(12)) {
        const tokens = [...rec.get("tokens") as number[]];
        if (rec.id === "r6") tokens[9] = bad;
        rec.set("tokens", tokens);
        yield rec;
      }
    }
    const outcome = async (policy: OnError) => {
      const faults = new Faults(policy);
      const found: [string, unknown][] = [];
      const stage = denoise(some(), { session, decode: DECODE, faults });
      const failed = await (async () => {
        for await (const rec of stage) found.push([rec.id, rec.get("output") ?? rec.get("error")]);
      })().catch((error) => error);
      return { found, faults, failed };
    };
    const { found: all, faults } = await outcome("record");
    assert.equal(faults.count, 1);
    const { stage, message } = all[6][1] as { stage: string; message: string };
    assert.equal(stage, "denoise");
    assert.match(message, /logits are not finite, first seen in the embedding/);
    assert.deepEqual((await outcome("skip")).found, all.toSpliced(6, 1));
    const stopped = await outcome("stop");
    assert.deepEqual(stopped.found, all.slice(0, 6));
    assert.equal(stopped.failed.message, message);
    await session.close();
  });
});

withGpu("a context longer than a CPU driver walks is cut, and a notice says so", {
  target: "cpu",
}, async () => {
  await withConfig({ max_position_embeddings: 2 ** 18 }, async (model) => {
    const notices: string[] = [];
    const session = new Session({ model, batch: 1, onNotice: (line) => notices.push(line) });
    const context = (await session.engine()).context;
    const cut = notices.filter((line) => line.includes("context"));
    const { target } = (await session.gpu()).launcher;
    assert.equal(context, target === "gpu" ? 2 ** 18 : 255_744);
    const wanted = `the model's context is 262144 tokens, of which this adapter holds ${context}`;
    assert.deepEqual(cut, target === "gpu" ? [] : [wanted]);
    await session.close();
  });
});

withGpu("a model with edits is decoded by the policy that does them", {}, async () => {
  await withConfig({ delete_token_id: 72, split_token_id: 27 }, async (model) => {
    const session = new Session({ model, batch: 1 });
    const policies = async (decode: Record<string, unknown>) => {
      const input = ReadableStream.from([Rec.from({ id: "a", tokens: [1, 2, 3] })]);
      const found = await Array.fromAsync(denoise(input, { session, decode }));
      return found.map((rec) => (rec.get("decode") as { policy: string }).policy);
    };
    assert.deepEqual(await policies(DECODE), ["hf-2.2"]);
    assert.deepEqual(await policies({ ...DECODE, policy: "hf-2.0" }), ["hf-2.0"]);
    await session.close();
  });
});

withGpu("G2 G13: a result names adapter, backend, dtype and kernels", {}, async () => {
  const notices: string[] = [];
  const onNotice = (line: string) => notices.push(line);
  const session = new Session({ model: TINY, onNotice });
  const [{ device }] = await run(session, 1);
  const { adapter, backend, software, launcher } = await session.gpu();
  assert.deepEqual(device, { adapter, backend, dtype: "f32", kernels: launcher.target });
  assert.equal(notices.some((line) => line.includes(adapter)), software);
  await session.close();
  notices.length = 0;
  const asked = new Session({ model: TINY, adapter, onNotice });
  await asked.gpu();
  assert.deepEqual(notices, []);
  await asked.close();
});

withGpu(
  "int8 activations are named in results, and their keys and values are their own",
  {},
  async () => {
    const cacheDir = await Deno.makeTempDir();
    const tokens = Array.from({ length: 16 }, (_, k) => (3 + 37 * k) % 240);
    const one = ReadableStream.from([Rec.from({ id: "a", tokens })]);
    const notices: string[] = [];
    const open = (activations: "f32" | "int8") =>
      new Session({
        model: TINY,
        dtype: "q8",
        activations,
        cacheDir,
        onNotice: (line) => notices.push(line),
      });
    const rounded = open("int8");
    const [filled] = await Array.fromAsync(prefill(one, { session: rounded, decode: DECODE }));
    const cached = String(filled);
    const recomputed = () => notices.filter((line) => /of another model, dtype/.test(line)).length;
    const again = async (session: Session) => {
      const records = ReadableStream.from([Rec.parse(cached, "cached")]);
      const [rec] = await Array.fromAsync(denoise(records, { session, decode: DECODE }));
      return JSON.parse(String(rec)).device;
    };
    assert.equal((await again(rounded)).activations, "int8");
    assert.equal(recomputed(), 0);
    const exact = open("f32");
    assert.ok(!("activations" in await again(exact)));
    assert.equal(recomputed(), 1);
    await rounded.close();
    await exact.close();
    await Deno.remove(cacheDir, { recursive: true });
  },
);

withGpu(
  "prefill() of a record that has a cache makes another where it would not serve",
  {},
  async () => {
    const cacheDir = await Deno.makeTempDir();
    let rec = Rec.from({ id: "a", tokens: [...new Array(20).keys()] });
    const made = async (options: SessionOptions, decode: Record<string, unknown>) => {
      const session = new Session({ model: TINY, cacheDir, ...options });
      [rec] = await Array.fromAsync(prefill(ReadableStream.from([rec]), { session, decode }));
      await session.close();
      const { path: _, digest, ...facts } = rec.get("cache") as Record<string, unknown>;
      return { digest, facts };
    };
    const first = await made({}, DECODE);
    assert.deepEqual(first.facts, { blocks: 2, block_length: 8, dtype: "f32" });
    assert.deepEqual(await made({ adapter: "is not asked for" }, DECODE), first);
    const { facts } = await made({ dtype: "f16" }, { ...DECODE, block_length: 4 });
    assert.deepEqual(facts, { blocks: 5, block_length: 4, dtype: "f16" });
    await Deno.remove(cacheDir, { recursive: true });
  },
);

withGpu("sample() counts forwards with and without prefill and commits", {}, async () => {
  const session = new Session({ model: "nano" });
  const one = ReadableStream.from([Rec.from({ id: "a", prompt: "What is 2 + 3? ".repeat(4) })]);
  const decode = { block_length: 4, gen_length: 10, eos_early_stop: false };
  const [rec] = await Array.fromAsync(sample(one, { session, decode }));
  const { usage, output, tokens } = JSON.parse(String(rec));
  const { blocks } = output;
  const steps = blocks.reduce((sum: number, block: { steps: number }) => sum + block.steps, 0);
  const completion = output.tokens.filter((token: number) => token !== 506).length;
  assert.deepEqual(usage, {
    prompt_tokens: tokens.length,
    completion_tokens: completion,
    forwards: steps,
    // One prefill of the whole prompt blocks, and a commit of every block but the last.
    forwards_all: steps + 1 + blocks.length - 1,
    tokens_per_forward: completion / steps,
  });
  await session.close();
});

withGpu("sample() with --n draws answers that differ, the same in every run", {}, async () => {
  const session = new Session({ model: "nano", batch: 3 });
  const answers = async (seed: number) => {
    const one = ReadableStream.from([Rec.from({ id: "a", prompt: "What" })]);
    const decode = { gen_length: 8, temperature: 20, seed };
    const found = await Array.fromAsync(sample(one, { session, decode, n: 3 }));
    return found.map((rec) => [rec.id, JSON.stringify(rec.get("output"))]);
  };
  const first = await answers(1);
  assert.deepEqual(first.map(([id]) => id), ["a#1", "a#2", "a#3"]);
  assert.equal(new Set(first.map(([, output]) => output)).size, 3);
  assert.deepEqual(await answers(1), first);
  assert.notDeepEqual(await answers(2), first);
  await session.close();
});

Deno.test("M28: a record of another model, or another tokenizer, refuses with both digests", async () => {
  const session = new Session({ model: "nano" });
  const cases = [
    [{ digest: "d1" }, `"model.digest" is "d1", expected this model's "${await session.digest()}"`],
    [
      { tokenizer: "t1" },
      `"model.tokenizer" is "t1", expected this model's "${await session.tokenizerDigest()}"`,
    ],
  ] as const;
  const output = { tokens: [1], blocks: [] };
  const cache = { dtype: "f32", block_length: 32 };
  for (const [model, message] of cases) {
    const one = (more = {}) =>
      ReadableStream.from([Rec.from({ id: "a", tokens: [1, 2], model, ...more })]);
    for (
      const records of [
        ...[denoise, prefill, sample].map((stage) => stage(one(), { session })),
        prefill(one({ cache }), { session }),
        sample(one({ output }), { session }),
        detokenize(one({ output }), { session }),
      ]
    ) {
      await refuses(() => Array.fromAsync(records), new RegExp(message));
    }
  }
  await session.close();
});

withGpu("J16: a prompt that does not fit refuses with three numbers, or is cut", {}, async () => {
  const session = new Session({ model: TINY });
  const long = () =>
    ReadableStream.from([Rec.from({ id: "long", tokens: new Array(5000).fill(7) })]);
  const { maxPositionEmbeddings } = (await session.checkpoint()).config;
  const numbers = new RegExp(`5000 prompt tokens and gen_length 24 .* ${maxPositionEmbeddings},`);
  await refuses(() => Array.fromAsync(denoise(long(), { session, decode: DECODE })), numbers);
  const options = { session, decode: DECODE, truncate: "left" as const };
  const [rec] = await Array.fromAsync(denoise(long(), options));
  assert.equal(rec.get("truncated"), 5000 - (maxPositionEmbeddings - 24));
  await session.close();
});

Deno.test("J19: a decode option of -0 is 0", () => {
  const values = { temperature: -0, edit_threshold: -0, top_k: -0 };
  const { temperature, edit_threshold, top_k } = resolveDecode([{ values, where: "test" }]);
  assert.deepEqual([temperature, edit_threshold, top_k], [0, 0, 0]);
});

Deno.test("sample() refuses a number of answers that is none, where it dropped the records", async () => {
  const session = new Session({ model: TINY });
  for (const n of [0, -1, 1.5, NaN]) {
    const answers = () => Array.fromAsync(sample(records(2), { session, n }));
    await refuses(answers, /n is .*, expected a whole number from 1/);
  }
});

Deno.test("sample() refuses an empty stop string, which every text begins with", async () => {
  const session = new Session({ model: TINY });
  const answers = () => Array.fromAsync(sample(records(1), { session, stop: ["x", ""] }));
  await refuses(answers, /a stop string is "", expected some text/);
});

Deno.test("a session refuses options that no model could be opened with", () => {
  const wrong: [object, RegExp][] = [
    [{ batch: 0 }, /batch is 0, expected a whole number from 1/],
    [{ batch: NaN }, /batch is NaN/],
    [{ passesPerSubmit: 1.5 }, /passesPerSubmit is 1.5/],
    [{ dtype: "f64" }, /dtype is "f64", expected one of f32, f16, q8, q4/],
    [{ activations: "int4" }, /activations is "int4"/],
  ];
  for (const [options, message] of wrong) assert.throws(() => new Session(options), message);
  new Session({ batch: undefined, dtype: "q4", activations: "int8", passesPerSubmit: 1 });
});

Deno.test("J19: decode options are checked by their types, and where they come from elsewhere", async () => {
  const session = new Session({ model: TINY });
  const answers = (decode: SampleOptions["decode"]) =>
    Array.fromAsync(sample(records(1), { session, decode }));
  // @ts-expect-error: no option of that name
  const misspelled: SampleOptions["decode"] = { treshold: 0.5 };
  await refuses(() => answers(misspelled), /^Cannot use option "decode": "treshold" is not a dec/);
  await refuses(
    () => answers({ steps: 0 }),
    /^Cannot use option "decode": .*"steps" is 0, expected/,
  );
  await session.close();
});

Deno.test("J19: a token of -0 is 0", () => {
  const rec = Rec.parse('{"tokens":[-0,1]}', "test");
  assert.deepEqual(tokensOf(rec, { vocab: 2 }), [0, 1]);
});

Deno.test("Replay hands out again what was not settled, in order, each item once", async () => {
  async function* source() {
    for (let i = 0; i < 6; i++) yield await Promise.resolve(i);
  }
  const replay = new Replay(source());
  const first = replay.rest();
  const seen: number[] = [];
  for (let i = 0; i < 3; i++) seen.push((await first.next()).value!);
  replay.settle();
  // A question still open when the first reader goes away.
  const open = first.next();
  const again = await Array.fromAsync(replay.rest());
  assert.deepEqual([seen, again, (await open).value], [[0, 1, 2], [1, 2, 3, 4, 5], 3]);
});
