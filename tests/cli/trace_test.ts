/** `denoise --trace FILE.html`: what the page holds with each policy, and behind runs that end in other ways. */
import assert from "@std/assert";
import { POLICY_NAMES } from "../../lib/diffusion/options.ts";
import { withConfig } from "../fixtures.ts";
import { inFolder } from "../folder.ts";
import { NEEDS_GPU } from "../gpu.ts";
import { shell, start } from "./unmask.ts";

const PARTIAL = "This page is not complete";
const HIDDEN = ".partial{display:none}";

/** The ids of the answer's cells, by record. */
function idsOf(html: string): string[] {
  return html.split("<section").slice(1).map((section) =>
    Array.from(
      section.matchAll(/<b class="(?![^"]*x")[^>]*title="[^"]*\(id (\d+)\)[^("]*"/g),
      ([, id]) => id,
    ).join()
  );
}

/** Options that make policies edit. */
const EAGER: Readonly<Record<string, string>> = {
  "hf-2.1": "--threshold 0.5 --edit-threshold 0.3 --max-post-steps 4",
  "joint-threshold": "--threshold 0.5 --edit-threshold 0.3 --max-post-steps 4",
};

for (const policy of POLICY_NAMES.filter((name) => name !== "hf-2.2")) {
  Deno.test(
    `a page of ${policy} has the answers' tokens`,
    NEEDS_GPU,
    () =>
      inFolder(async (cwd) => {
        const { code, stdout, stderr } = await shell(
          `unmask tasks nano --limit 1 | unmask denoise --quiet --trace t.html --policy ${policy} ${
            EAGER[policy] ?? ""
          }`,
          { cwd },
        );
        assert.deepEqual([code, stderr], [0, ""]);
        const html = await Deno.readTextFile(`${cwd}/t.html`);
        const records = stdout.trim().split("\n").map((line) => JSON.parse(line));
        assert.deepEqual(idsOf(html), records.map(({ output }) => output.tokens.join()));
        assert.ok(html.includes(HIDDEN));
        assert.ok(html.includes("Which number is the largest? A. 54 B. 52"), "a question");
        assert.ok(html.includes(`; ${policy}, threshold `));
        assert.equal(/<b class="k\d+ e"[^>]* data-h=/.test(html), policy in EAGER, "edited tokens");
        const { tokens } = records.reduce((sum, { output }) => ({
          tokens: sum.tokens + output.tokens.filter((id: number) => id !== 506).length,
        }), { tokens: 0 });
        assert.ok(html.includes(`<li><b>${tokens}</b>tokens</li>`), `${tokens} tokens`);
      }),
  );
}

Deno.test(
  "a page of hf-2.2 has the answers' tokens, by id where there is no tokenizer",
  NEEDS_GPU,
  () =>
    withConfig({ delete_token_id: 72, split_token_id: 27 }, (dir) =>
      inFolder(async (cwd) => {
        const stdin = [5, 8, 11].map((length, i) => {
          const tokens = Array.from({ length }, (_, j) => (11 * i + 37 * j) % 240);
          return `${JSON.stringify({ tokens })}\n`;
        }).join("");
        const { code, stdout, stderr } = await shell(
          `unmask denoise --model ${dir} --trace t.html --policy hf-2.2 --gen-length 20 --block-length 8 --threshold 0.3 --edit-threshold 0.1`,
          { cwd, stdin },
        );
        assert.equal(code, 0, stderr);
        const notes = stderr.split("\n").filter((line) => line.includes("tokenizer.json"));
        assert.equal(notes.length, 1, stderr);
        const html = await Deno.readTextFile(`${cwd}/t.html`);
        const records = stdout.trim().split("\n").map((line) => JSON.parse(line));
        assert.deepEqual(idsOf(html), records.map(({ output }) => output.tokens.join()));
        assert.match(html, /<b class="[^"]*"[^>]*>#\d+<\/b>/);
        for (const kind of ["edited to", "deleted", "a mask inserted", "pushed out"]) {
          assert.match(html, new RegExp(`<li>[^\n]*${kind}`), kind);
        }
      })),
);

Deno.test(
  "a page draws 100 records, and one notice says so",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const stdin = '{"prompt":"a"}\n'.repeat(103);
      const line = "unmask denoise --trace t.html --gen-length 1 --block-length 1";
      const { code, stderr } = await shell(line, { cwd, stdin });
      assert.equal(code, 0, stderr);
      const notes = stderr.split("\n").filter((line) => line.includes("t.html"));
      assert.deepEqual(notes, ['note: "t.html": Only the first 100 records are drawn.']);
      const html = await Deno.readTextFile(`${cwd}/t.html`);
      assert.equal(html.match(/<section/g)!.length, 100);
      assert.ok(html.includes("<li><b>103</b>records</li>"));
    }),
);

Deno.test(
  "a page that cannot be written ends the run in one line",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const run = (file: string, more = "") =>
        shell(`${more} unmask denoise --quiet --gen-length 32 --trace ${file} in.html`, { cwd });
      await Deno.writeTextFile(`${cwd}/in.html`, '{"prompt":"a"}\n');
      const cases: [string, string, number, RegExp][] = [
        ["no/t.html", "", 1, /^unmask: Cannot write "no\/t\.html": no such folder\n$/],
        ["d.html", "mkdir d.html;", 1, /^unmask: Cannot write "d\.html": [^\n]*folder[^\n]*\n$/],
        ["in.html", "", 2, /^unmask: Cannot write "in\.html": it is also "in\.html"[^\n]*\n$/],
        [
          "full.html",
          "ln -s /dev/full full.html;",
          1,
          /^unmask: Cannot write "full\.html": No space left[^\n]*\n$/,
        ],
      ];
      for (const [file, more, wanted, message] of cases) {
        const { code, stderr } = await run(file, more);
        assert.equal(code, wanted, stderr);
        assert.match(stderr, message);
      }
    }),
);

function assertPartial(html: string): void {
  assert.ok(html.includes(PARTIAL) && !html.includes(HIDDEN));
}

/** A run that has answered one record and waits for the next; then it gets a signal. */
async function signalled(signal: Deno.Signal, path: string): Promise<string> {
  const run = start(["denoise", "--quiet", "--gen-length", "32", "--trace", path]);
  await run.stdin.write(new TextEncoder().encode('{"prompt":"a"}\n'));
  await run.stdout.read();
  run.child.kill(signal);
  await run.child.status;
  await run.stdin.abort().catch(() => {});
  await run.stdout.cancel().catch(() => {});
  await run.child.stderr.cancel();
  return await Deno.readTextFile(path);
}

Deno.test("a killed run leaves a page of what was there", NEEDS_GPU, () =>
  inFolder(async (cwd) => {
    const html = await signalled("SIGKILL", `${cwd}/t.html`);
    assert.equal(html.match(/<section/g)!.length, 1);
    assert.match(html, /<\/section>\n$/);
    assertPartial(html);
  }));

Deno.test(
  "an interrupted run's page has its figures, and says that it is not complete",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const html = await signalled("SIGINT", `${cwd}/t.html`);
      assert.match(html, /<li><b>1<\/b>records<\/li>[^]*<\/html>\n$/);
      assertPartial(html);
    }),
);

Deno.test(
  "a run that fails keeps its page of the records before",
  NEEDS_GPU,
  () =>
    inFolder(async (cwd) => {
      const line = "unmask denoise --quiet --gen-length 32 --trace t.html";
      const { code, stderr } = await shell(line, { cwd, stdin: '{"prompt":"a"}\n{"prompt":1}\n' });
      assert.equal(code, 1);
      assert.match(stderr, /^unmask: Cannot use record stdin:2: field "prompt"[^\n]*\n$/);
      const html = await Deno.readTextFile(`${cwd}/t.html`);
      assert.match(html, /<li><b>1<\/b>records<\/li>/);
      assertPartial(html);
    }),
);
