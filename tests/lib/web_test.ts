import assert from "@std/assert";
import { readJsonl } from "../../lib/records/jsonl.ts";
import { sample } from "../../lib/sample.ts";
import { Session } from "../../lib/session.ts";
import { NANO } from "../fixtures.ts";
import { BROWSER, HEADLESS } from "../browser.ts";
import { serveFolder } from "../folder_server.ts";
import { NEEDS_GPU } from "../gpu.ts";

const FLAGS = [
  ...HEADLESS,
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
];

const RECORDS = [
  { messages: [{ role: "user", content: "What is 2 + 3?" }] },
  {
    messages: [{ role: "user", content: "How many legs does a cat have?\nA. 2\nB. 6\nC. 8\nD. 4" }],
  },
  { prompt: "What is", decode: { temperature: 1, seed: 3, gen_length: 32 } },
  { prompt: "What is", decode: { policy: "low-confidence", threshold: 0.5 } },
].map((record) => `${JSON.stringify(record)}\n`).join("");

/** A page's script, in one file. */
async function bundle(page: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", page],
    cwd: new URL("../..", import.meta.url),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "a web page samples the tokens that the command does",
  ignore: !BROWSER || NEEDS_GPU.ignore,
  async fn() {
    const script = await bundle("tests/lib/web_page.ts");
    assert.doesNotMatch(script, /^import\b/m, "the bundle needs modules that a page lacks");
    const { promise: answers, resolve, reject } = Promise.withResolvers<
      Record<string, unknown>[]
    >();
    const html = { headers: { "content-type": "text/html" } };
    const code = { headers: { "content-type": "text/javascript" } };
    await using server = serveFolder(NANO.replace(/\/nano$/, ""), {
      async answer(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/") {
          return new Response(`<script type=module src=page.js></script>`, html);
        }
        if (pathname === "/page.js") return new Response(script, code);
        if (pathname === "/records.jsonl") return new Response(RECORDS);
        if (pathname === "/answers") resolve(await request.json());
        else if (pathname === "/failed") reject(new Error(await request.json()));
        else return undefined;
        return new Response(null);
      },
    });
    const profile = await Deno.makeTempDir();
    const browser = new Deno.Command(BROWSER!, {
      args: [...FLAGS, `--user-data-dir=${profile}`, server.address],
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const session = new Session();
      const stream = new Response(RECORDS).body!;
      const wanted = await Array.fromAsync(
        sample(readJsonl(stream, { source: "records.jsonl" }), { session }),
        (rec) => JSON.parse(rec.toString()),
      );
      await session.close();
      browser.status.then(() => reject(new Error("the browser ended early")));
      for (const [i, found] of (await answers).entries()) {
        const { output, model, text } = found as typeof wanted[number];
        assert.deepEqual(model, wanted[i].model);
        assert.equal(text, wanted[i].text);
        assert.deepEqual(output.tokens, wanted[i].output.tokens);
        assert.deepEqual(output.blocks, wanted[i].output.blocks);
        for (const [at, value] of wanted[i].output.confidence.entries()) {
          assert.ok(Math.abs(output.confidence[at] - value) < 1e-4);
        }
      }
      assert.equal((await answers).length, wanted.length);
    } finally {
      browser.kill();
      await browser.status;
      await Deno.remove(profile, { recursive: true }).catch(() => {});
    }
  },
});
