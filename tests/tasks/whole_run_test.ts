/** All benchmarks in one run: through the embedded model, in a pipe, and through a server. */
import assert from "@std/assert";
import { REPORT_TASKS } from "../../tasks/mod.ts";
import { shell } from "../cli/unmask.ts";
import { NEEDS_GPU } from "../gpu.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../shared.ts";

const ignore = !sharedIsThere("benchmarks");
const DATA = `--data ${SHARED_BENCHMARKS}`;
/** No way out: what is not in the folder is not run. */
const OFFLINE = { HF_HUB_OFFLINE: "1", UNMASK_CACHE: "/dev/null/none" };
/** nano's context is 512 tokens. */
const SHORT = "--truncate left --gen-length 32";
const LIMIT = Deno.env.get("UNMASK_FULL") ? 3 : 1;

interface Found {
  tasks: Record<string, { score: number | null; items: number; not_run: Record<string, number> }>;
}

/** Every benchmark was run, or says why not. */
function checkAll({ tasks }: Found): void {
  for (const { name } of REPORT_TASKS) {
    const { score, items, not_run } = tasks[name];
    const reasons = Object.keys(not_run);
    assert.ok((score !== null && items > 0) || reasons.length > 0, name);
    for (const reason of reasons) assert.ok(reason.length > 10, `${name}: ${reason}`);
  }
  const ran = Object.values(tasks).filter(({ items }) => items > 0).length;
  assert.ok(ran >= REPORT_TASKS.length / 2, `${ran} of ${REPORT_TASKS.length} ran`);
}

Deno.test({
  name: "every benchmark runs over nano, or says why it does not",
  ignore: ignore || NEEDS_GPU.ignore,
  async fn() {
    const line = `unmask eval report --limit ${LIMIT} ${SHORT} ${DATA} --json --quiet`;
    const { code, stdout, stderr } = await shell(line, { env: OFFLINE });
    assert.equal(code, 0, stderr);
    checkAll(JSON.parse(stdout));
  },
});

Deno.test({
  name: "tasks | sample | eval gives the scores of one process",
  ignore: ignore || NEEDS_GPU.ignore,
  async fn() {
    const names = "gsm8k scibench ocnli";
    const whole = `unmask eval ${names} --limit 2 ${SHORT} ${DATA} --json --quiet`;
    const pipe = `unmask tasks ${names} --limit 2 ${DATA} | unmask sample ${SHORT} | ` +
      "unmask eval --json --quiet";
    const [one, several] = await Promise.all(
      [whole, pipe].map(async (line) => {
        const { code, stdout, stderr } = await shell(line, { env: OFFLINE });
        assert.equal(code, 0, stderr);
        const { tasks } = JSON.parse(stdout) as Found;
        return Object.entries(tasks).map(([name, { score, items }]) => ({ name, score, items }));
      }),
    );
    assert.deepEqual(several, one);
  },
});

/** Runs `body` with the address of a server that answers questions, and judges answers as right. */
async function withServer(body: (url: string) => Promise<void>): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (request.method === "GET") return Response.json({ data: [{ id: "stand-in" }] });
    const { messages } = await request.json();
    const question: string = messages.at(-1).content;
    const content = question.includes("## Equivalence Judgement")
      ? "## Student Final Answer\n1\n\n## Equivalence Judgement\nTRUE\n\n## Justification\nSame."
      : `ANSWER: A\nThe answer is \\boxed{${question.length % 7}}.`;
    return Response.json({
      choices: [{ message: { content }, finish_reason: "stop" }],
      usage: { prompt_tokens: 9, completion_tokens: 12 },
    });
  });
  try {
    await body(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

Deno.test({
  name: "every benchmark runs against an OpenAI-compatible server",
  ignore,
  fn: () =>
    withServer(async (url) => {
      const line = `unmask eval report --limit ${LIMIT} --endpoint ${url} ${DATA} --json --quiet`;
      const { code, stdout, stderr } = await shell(line, { env: OFFLINE });
      assert.equal(code, 0, stderr);
      checkAll(JSON.parse(stdout));
    }),
});

Deno.test({
  name: "a judge is asked where the original asks one, and the result names it",
  ignore,
  fn: () =>
    withServer(async (url) => {
      const dir = await Deno.makeTempDir();
      const line = `unmask eval omni_math --limit 2 --endpoint ${url} --judge-endpoint ${url} ` +
        `--judge-model j ${DATA} --output ${dir}/run --json --quiet`;
      const { code, stderr } = await shell(line, { env: OFFLINE });
      assert.equal(code, 0, stderr);
      const { tasks, options } = JSON.parse(await Deno.readTextFile(`${dir}/run/results.json`));
      assert.equal(tasks.omni_math.metrics.judge_correct, 1);
      assert.equal(options.judge, `j at ${url}`);
      await Deno.remove(dir, { recursive: true });
    }),
});
