/** Faults that need more than text in and out: signals, memory, terminals, full disks, two processes. */
import assert from "@std/assert";
import { checkRuntime, report } from "../../cli/report.ts";
import { lockFolder } from "../../lib/folder.ts";
import { NEEDS_GPU } from "../gpu.ts";
import { footprint, shell, start } from "./unmask.ts";
import { inFolder } from "../folder.ts";

const encoder = new TextEncoder();
const LINE = encoder.encode('{"prompt":"a"}\n');
const full = Deno.env.has("UNMASK_FULL");
const linux = Deno.build.os === "linux";

/** Ends a process that `start` began and frees its pipes. */
async function finish({ child, stdin, stdout }: ReturnType<typeof start>) {
  await stdin.abort().catch(() => {});
  await stdout.cancel().catch(() => {});
  const stderr = await new Response(child.stderr).text();
  return { ...await child.status, stderr };
}

Deno.test("J6 a line above the cap is refused in little memory", { ignore: !linux }, async () => {
  const run = start(["tokenize"]);
  const chunk = encoder.encode("x".repeat(1 << 20));
  let most = 0;
  try {
    for (let i = 0; i < 600; i++) {
      await run.stdin.write(chunk);
      if (i % 8 === 0) most = Math.max(most, (await footprint(run.child.pid)).peak);
    }
    assert.fail("600 MB were read");
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
  }
  const { code, stderr } = await finish(run);
  assert.equal(code, 1);
  assert.match(stderr, /^unmask: Cannot read stdin:1: the line has more than 67108864 bytes.*\n$/);
  assert.ok(most < 200, `${most} MiB`);
});

Deno.test(
  "J22 C11 a terminal as stdin: one line, exit 2, no wait",
  { ignore: !linux },
  async () => {
    for (const command of ["tokenize", "sample", "eval"]) {
      const line = `script -qec "$UNMASK ${command}" /dev/null`;
      const { code, stdout } = await shell(line);
      assert.equal(code, 2, stdout);
      assert.match(stdout, /^unmask: Cannot read records: stdin is a terminal, [^\n]*\n$/);
    }
  },
);

const STREAMS: Record<string, (index: number) => unknown> = {
  tokenize: (i) => ({ id: `r${i}`, prompt: `What is ${i} + 3?` }),
  detokenize: (i) => ({ id: `r${i}`, tokens: [72, 105, i % 256] }),
  eval: (i) => ({
    id: `r${i}`,
    task: "nano_math",
    doc: { reference: { answer: `${i}` } },
    text: "1",
  }),
};

for (const [command, record] of Object.entries(STREAMS)) {
  // 1,000,000 records under UNMASK_FULL; docs/testing.md has the figures.
  const count = full ? 1_000_000 : 20_000;
  Deno.test(
    `J23 D17 ${command}: memory and open files do not grow`,
    { ignore: !linux },
    async () => {
      const small = await stream(command, record, 1_000);
      const large = await stream(command, record, count);
      assert.ok(large.files <= small.files, `${large.files} open files, before ${small.files}`);
      const grown = large.peak - small.peak;
      if (full) console.log(`${command}: ${large.peak.toFixed(0)} MiB, ${grown.toFixed(0)} above`);
      assert.ok(grown < (full ? 200 : 64), `${grown} MiB more for ${count} records`);
    },
  );
}

async function stream(command: string, record: (index: number) => unknown, count: number) {
  const run = start([command, "--quiet"]);
  const written = (async () => {
    for (let from = 0; from < count; from += 1000) {
      const lines = Array.from({ length: 1000 }, (_, i) => JSON.stringify(record(from + i)) + "\n");
      await run.stdin.write(encoder.encode(lines.join("")));
    }
  })();
  let lines = 0;
  while (lines < count) {
    const { value = new Uint8Array(), done } = await run.stdout.read();
    assert.ok(!done, "the output ended early");
    for (const byte of value) if (byte === 10) lines++;
  }
  await written;
  const print = await footprint(run.child.pid);
  let { files } = print;
  // Deno opens files of its own for a moment, its caches' for one; what a record left open stays.
  for (let look = 0; look < 5; look++) {
    await new Promise((done) => setTimeout(done, 20));
    files = Math.min(files, (await footprint(run.child.pid)).files);
  }
  await run.stdin.close();
  while (!(await run.stdout.read()).done);
  const { code, stderr } = await finish(run);
  assert.equal(code, 0, stderr);
  return { ...print, files };
}

Deno.test("J23 output leaves as soon as no more input is there", async () => {
  const run = start(["tokenize"]);
  for (let i = 1; i <= 3; i++) {
    await run.stdin.write(LINE);
    const { value } = await run.stdout.read();
    assert.match(new TextDecoder().decode(value), new RegExp(`^{"id":"stdin:${i}".*}\n$`));
  }
  await run.stdin.close();
  assert.ok((await run.stdout.read()).done);
  assert.equal((await finish(run)).code, 0);
});

Deno.test(
  "C8 a reader that does not read: the tool waits in flat memory",
  { ignore: !linux },
  async () => {
    const run = start(["tokenize"]);
    const chunk = encoder.encode('{"prompt":"a"}\n'.repeat(1000));
    let taken = 0;
    let blocked = false;
    while (!blocked && taken < 64 << 20) {
      const writing = run.stdin.write(chunk).catch(() => {});
      let timer: ReturnType<typeof setTimeout> | undefined;
      const patience = new Promise<"blocked">((done) => {
        timer = setTimeout(() => done("blocked"), 1500);
      });
      blocked = await Promise.race([writing, patience]) === "blocked";
      clearTimeout(timer);
      taken += chunk.length;
    }
    const { peak } = await footprint(run.child.pid);
    run.child.kill("SIGKILL");
    await finish(run);
    assert.ok(blocked && taken < 8 << 20, `${taken} bytes were taken`);
    assert.ok(peak < 200, `${peak} MiB`);
  },
);

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test(`C9 C10 ${signal} once: records in hand are written, exit ${code}`, async () => {
    const run = start(["tokenize"]);
    await run.stdin.write(LINE);
    const { value } = await run.stdout.read();
    assert.match(new TextDecoder().decode(value), /"tokens"/);
    run.child.kill(signal);
    assert.ok((await run.stdout.read()).done);
    const status = await finish(run);
    assert.deepEqual([status.code, status.stderr], [code, ""]);
  });
}

Deno.test(
  "C9 SIGINT while a named pipe waits for its writer",
  { ignore: !linux },
  () =>
    inFolder(async (dir) => {
      const { code } = await shell("mkfifo pipe", { cwd: dir });
      assert.equal(code, 0);
      const run = start(["tokenize", "-", `${dir}/pipe`]);
      await run.stdin.write(LINE);
      await run.stdin.close();
      await run.stdout.read();
      const patience = setTimeout(() => run.child.kill("SIGKILL"), 20_000);
      run.child.kill("SIGINT");
      const status = await finish(run);
      clearTimeout(patience);
      assert.deepEqual([status.code, status.stderr], [130, ""]);
    }),
);

Deno.test(
  "C7 a run whose reader leaves is stopped, not finished with what it had",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const line = "unmask eval nano_math --limit 40 --batch 1 --output run";
      const head = await shell(`${line} | head -1; echo \${PIPESTATUS[0]}; ls run`, { cwd });
      assert.match(head.stdout, /^{"id":"nano_math\/0".*}\n0\n/);
      assert.doesNotMatch(head.stdout, /report\.html/);
      assert.match(head.stderr, /note: interrupted: the same command goes on from here\n$/);
      const { code, stderr } = await shell(`${line} >/dev/null`, { cwd });
      assert.equal(code, 0);
      assert.match(stderr, /nano_math +40 /);
    }),
);

Deno.test(
  "D2 a trace that cannot be written ends the run in one line, exit 1",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const line = "unmask denoise --quiet --gen-length 32 --trace";
      const input = { stdin: LINE, cwd };
      const full = await shell(`${line} /dev/full`, input);
      assert.equal(full.code, 1);
      assert.match(full.stderr, /^unmask: Cannot write "\/dev\/full": No space left[^\n]*\n$/);
      const closed = await shell(`mkfifo pipe; (exec 3<pipe) & ${line} pipe`, input);
      assert.equal(closed.code, 1);
      assert.match(closed.stderr, /^unmask: Cannot write "pipe": Broken pipe[^\n]*\n$/);
    }),
);

Deno.test(
  "C9 SIGINT in the middle of a line, and of many records: no word about either",
  NEEDS_GPU,
  async () => {
    for (const input of ['{"prompt":"a"}\n{"prom', '{"prompt":"a"}\n'.repeat(4000) + "{"]) {
      const run = start(["denoise", "--quiet", "--gen-length", "32"]);
      const writing = run.stdin.write(encoder.encode(input)).catch(() => {});
      let text = new TextDecoder().decode((await run.stdout.read()).value);
      run.child.kill("SIGINT");
      for (let part = await run.stdout.read(); !part.done; part = await run.stdout.read()) {
        text += new TextDecoder().decode(part.value);
      }
      const status = await finish(run);
      await writing;
      assert.deepEqual([status.code, status.stderr], [130, ""]);
      const lines = text.trimEnd().split("\n");
      lines.forEach((line, i) => assert.ok(JSON.parse(line).output, `line ${i + 1}`));
      assert.ok(lines.length < 500, `${lines.length} records were still decoded`);
    }
  },
);

Deno.test("C9 SIGINT twice: the first says what it waits for, the second ends at once", async () => {
  const run = start(["tokenize"]);
  const lines = encoder.encode('{"prompt":"a"}\n'.repeat(1000));
  // Nobody reads on, so that the records in hand cannot be written: then no more are taken.
  const after = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));
  let writing = run.stdin.write(lines);
  await run.stdout.read();
  while (await Promise.race([writing.then(() => true), after(1000)])) {
    writing = run.stdin.write(lines);
  }
  run.child.kill("SIGINT");
  const first = await Promise.race([run.child.status, after(1500)]);
  assert.equal(first, undefined, "it did not wait for the reader");
  run.child.kill("SIGINT");
  assert.equal((await run.child.status).code, 130);
  await writing.catch(() => {});
  const said = "note: stopping behind what is in hand; the second time stops at once\n";
  assert.equal((await finish(run)).stderr, said);
});

const ESCAPES = "\x1b";

Deno.test("C11 progress and escape codes on a terminal only, and not under NO_COLOR", {
  ignore: !linux || NEEDS_GPU.ignore,
}, async () => {
  const line = (setting: string) =>
    `${setting} script -qec "echo '{\\"prompt\\":\\"Hi\\"}' | $UNMASK sample --gen-length 32" /dev/null`;
  const colour = await shell(`unset NO_COLOR; ${line("TERM=xterm")}`);
  assert.ok(colour.stdout.includes(ESCAPES), colour.stdout);
  for (const setting of ["NO_COLOR=1 TERM=xterm", "TERM=dumb"]) {
    const { stdout, code } = await shell(`unset NO_COLOR; ${line(setting)}`);
    assert.equal(code, 0, stdout);
    assert.ok(!stdout.includes(ESCAPES), JSON.stringify(stdout));
    assert.ok(!stdout.includes("tokens/s"), stdout);
  }
});

Deno.test("C12 a cache folder that cannot be written is one note", NEEDS_GPU, async () => {
  const stdin = '{"prompt":"' + "What is 2 + 3? ".repeat(8) + '"}\n';
  const run = (env: Record<string, string>) => shell("unmask prefill", { stdin, env });
  const { code, stderr } = await run({ UNMASK_CACHE: "/dev/null/cache" });
  assert.equal(code, 0, stderr);
  const notes = stderr.split("\n").filter((line) => line.includes("/dev/null/cache"));
  assert.equal(notes.length, 1, stderr);
});

Deno.test(
  "C15 secrets in the environment are in no output",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const env = {
        HF_TOKEN: "hf_s3cret",
        OPENAI_API_KEY: "sk-s3cret",
        HTTP_PROXY: "http://u:s3cret@x",
      };
      const { stdout, stderr } = await shell(
        "unmask doctor; unmask doctor --json; unmask tokenize --debug; unmask eval nano_math --limit 1 --output run; " +
          "cat run/*",
        { stdin: "{\n", cwd, env },
      );
      assert.match(stdout, /samples|nano_math/);
      assert.match(stderr, /Cannot read stdin:1/);
      assert.ok(!/s3cret/.test(stdout + stderr));
    }),
);

Deno.test(
  "C16 results are the same bytes in another locale and time zone",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const line = (dir: string) =>
        `unmask eval nano_math nano_agent --limit 3 --quiet --output ${dir} >/dev/null`;
      const { code, stderr } = await shell(
        `${line("a")} && LANG=tr_TR.UTF-8 LANGUAGE=tr TZ=Asia/Kathmandu ${line("b")} && ` +
          "cmp a/samples.jsonl b/samples.jsonl && cmp a/results.json b/results.json",
        { cwd },
      );
      assert.equal(code, 0, stderr);
    }),
);

Deno.test("C18 an older Deno is told which one is wanted", () => {
  for (const version of ["1.46.3", "2.0.0", "2.8.9"]) {
    assert.throws(() => checkRuntime(version), {
      message: `Cannot run on Deno ${version}: expected 2.9 or newer`,
    });
  }
  for (const version of ["2.9.0", "2.10.1", "3.0.0-rc.1"]) checkRuntime(version);
});

Deno.test(
  "C5 C20 a finished run prints its table again; a second process refuses",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const line = "unmask eval nano_math --limit 2 --output run --json";
      const first = await shell(line, { cwd });
      const again = await shell(line, { cwd });
      assert.equal(again.stdout, first.stdout);
      assert.match(again.stderr, /nano_math +2 /);
      const lock = await lockFolder(`${cwd}/run`);
      const second = await shell(line, { cwd });
      assert.equal(second.code, 1);
      assert.match(second.stderr, new RegExp(`process ${Deno.pid} is writing to it`));
      await lock.release();
      await Deno.writeTextFile(`${cwd}/run/lock`, "999999999");
      assert.equal(
        (await shell(line, { cwd })).code,
        0,
        "a lock whose owner is gone is taken over",
      );
    }),
);

/** A module that, loaded first, breaks one record's way to JSON: an error of ours. */
const BUG = `data:text/javascript,${
  encodeURIComponent(`
    const { parse } = JSON;
    JSON.parse = (text, reviver) => {
      const value = parse(text, reviver);
      if (value?.note === "boom") {
        value.messages = new Proxy([], { get() { throw new TypeError("boom\\n\\u001b[31m"); } });
      }
      return value;
    };`)
}`;

Deno.test("C21 an error of ours: one line with version and record, a trace under --debug", async () => {
  for (const debug of [false, true]) {
    const run = start(["tokenize", "--on-error", "skip", ...(debug ? ["--debug"] : [])], {
      deno: ["--preload", BUG],
    });
    await run.stdin.write(LINE);
    await run.stdin.write(encoder.encode('{"id":"bad one","note":"boom"}\n'));
    await run.stdin.close();
    const out = await run.stdout.read();
    assert.match(new TextDecoder().decode(out.value), /"stdin:1"/);
    const { code, stderr } = await finish(run);
    assert.equal(code, 1);
    const [line, ...trace] = stderr.trimEnd().split("\n");
    assert.match(
      line,
      /^unmask: Cannot tokenize record "bad one" \(stdin:2\): boom \\u001b\[31m \(this is a bug in unmask \d+\.\d+\.\d+; --debug shows where\)$/,
    );
    assert.equal(trace.some((text) => / {4}at /.test(text)), debug, stderr);
  }
});

Deno.test("C21 what was thrown need not be an error", () => {
  assert.match(report("boom", true)[0], /^unmask: boom \(this is a bug in unmask /);
});

Deno.test(
  "D1 a disk that fills up keeps whole lines of a run, too",
  { ignore: !linux },
  () =>
    inFolder(async (cwd) => {
      const record = '{"id":"&","task":"nano_math","doc":{"reference":{"answer":"1"}},"text":"1"}';
      const { code, stderr } = await shell(
        `trap '' XFSZ; prlimit --pid $$ --fsize=50000:50000
         seq 1000 | sed 's/.*/${record}/' | unmask eval --output run --quiet >/dev/null`,
        { cwd },
      );
      assert.equal(code, 1);
      assert.match(stderr, /^unmask: Cannot write "run\/samples.jsonl": [^\n]*\n$/);
      const text = await Deno.readTextFile(`${cwd}/run/samples.jsonl`);
      assert.ok(text.length > 49_000 && text.endsWith("}\n"), text.slice(-200));
    }),
);

Deno.test(
  "D1 a disk that fills up keeps whole lines",
  { ignore: !linux },
  () =>
    inFolder(async (cwd) => {
      await Deno.writeTextFile(`${cwd}/in.jsonl`, '{"prompt":"a"}\n'.repeat(5000));
      for (
        const [redirect, before] of [[">", ""], [">>", '{"id":"before"}\n'], [">>", "no newline"]]
      ) {
        await Deno.writeTextFile(`${cwd}/out.jsonl`, before);
        // A limit on the file's size: writes are short, then fail, as on a full disk; no root needed.
        const { code, stderr } = await shell(
          `trap '' XFSZ; prlimit --pid $$ --fsize=300000:300000
         unmask tokenize in.jsonl ${redirect} out.jsonl`,
          { cwd },
        );
        assert.equal(code, 1);
        assert.match(stderr, /^unmask: Cannot write the output: [^\n]*\n$/);
        const text = await Deno.readTextFile(`${cwd}/out.jsonl`);
        assert.ok(text.startsWith(before) && text.endsWith("}\n"), text.slice(-200));
        const lines = text.slice(before.length).trimEnd().split("\n");
        lines.forEach((line, i) => assert.equal(JSON.parse(line).id, `in.jsonl:${i + 1}`));
        assert.ok(lines.length > 1000);
      }
    }),
);
