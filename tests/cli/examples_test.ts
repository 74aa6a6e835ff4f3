/** Every example in a command's help runs; with fewer items, unless UNMASK_FULL is set. */
import assert from "@std/assert";
import { COMMANDS } from "../../cli/commands.ts";
import { NANO, smallConfig } from "../fixtures.ts";
import { NEEDS_GPU } from "../gpu.ts";
import { shell } from "./unmask.ts";

const full = Deno.env.has("UNMASK_FULL");
const hasJq = (await shell("command -v jq")).code === 0;

/** Three steps of a small model. */
const RECIPE = {
  model: { config: "config.json", start: "random", tokenizer: NANO },
  data: {
    train: [{ nano: ["math"] }],
    validation: [{ nano: ["math"] }],
    row_length: 64,
    rows_validation: 2,
  },
  defaults: { lr: 0.001, batch: 2 },
  stages: [{ name: "sft", objective: "sft", block: 32, steps: 3 }],
  checkpoints: { every: 1 },
};

const CONFIG = await smallConfig();

/** Why an example cannot run in a test; undefined when it can. */
function missing(line: string): string | undefined {
  if (line.includes("--endpoint")) return "needs a server";
  if (line.includes("jq") && !hasJq) return "needs jq";
  const onDevice = /unmask (prefill|denoise|sample|eval|train)|--best/.test(line);
  if (onDevice && NEEDS_GPU.ignore) return "needs a GPU";
  return undefined;
}

/** What has to be there before an example. */
function setting(line: string): string {
  if (/recipe\.json|\bRUN\b/.test(line)) {
    const recipe = `echo '${CONFIG}' > config.json; echo '${
      JSON.stringify(RECIPE)
    }' > recipe.json; `;
    return line.includes("RUN")
      ? `${recipe}unmask train recipe.json --output RUN --quiet >/dev/null; `
      : recipe;
  }
  if (!line.startsWith("unmask eval diff")) return "";
  return `for run in a b; do
    unmask eval nano_math --limit 2 --quiet --output runs/$run --seed 1 >/dev/null; done; `;
}

/** The example with the folder of nano for DIR, over a few items of a task or two. */
function small(line: string): string {
  const here = line.replace(/\bDIR\b/g, "$ROOT/models/nano");
  if (full) return here;
  return here.replace(
    /(unmask (?:eval|tasks)) (nano\w*)([^|]*)/,
    (_, head, tasks, rest) => {
      const few = tasks === "nano" ? "nano_reasoning nano_agent" : tasks;
      return `${head} ${few} --limit 4${rest.replace(/ --limit \d+/, "")}`;
    },
  );
}

for (const { name, load } of COMMANDS) {
  for (const line of (await load()).default.examples) {
    const reason = missing(line);
    const title = `help of ${name}: ${line}${reason ? ` (${reason})` : ""}`;
    Deno.test(title, { ignore: reason !== undefined }, async () => {
      const cwd = await Deno.makeTempDir();
      try {
        const run = `set -o pipefail; ${setting(line)}${small(line)}`;
        const { code, stdout, stderr } = await shell(run, { cwd });
        assert.equal(code, 0, stderr);
        assert.ok(stdout.trim() !== "" || /^task /m.test(stderr), "it said nothing");
      } finally {
        await Deno.remove(cwd, { recursive: true });
      }
    });
  }
}
