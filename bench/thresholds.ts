/**
 * Score and tokens per forward of nano at several thresholds, and how it does on the items that were
 * answered in PyTorch. `deno task thresholds` writes both into README.md.
 */
import { lines, unmask } from "../cli/itself.ts";
import { NANO } from "../lib/hub/resolve.ts";
import { replaceMarked } from "./marked.ts";
import { AS_REPORTED, percent, readRun, SKILLS, THRESHOLDS } from "./nano.ts";
import { table } from "./tables.ts";

const README = new URL("../README.md", import.meta.url);

/** What a record says about one answer. */
interface Answer {
  id: string;
  text: string;
  tokens: number[];
  decode: { block_length: number };
  output: { blocks: { steps: number }[] };
  usage: { completion_tokens: number; forwards: number };
  device: { adapter: string };
}

/** One line of models/nano/items.jsonl. */
interface Item {
  task: string;
  question: string;
  answer: string;
  greedy_text: string;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

/** A row of the table: scores by task, their mean, completion tokens per denoising forward. */
async function row(folder: string, threshold: number): Promise<{ cells: string[]; items: number }> {
  const { items, scores, mean, tokensPerForward } = await readRun(
    `${folder}/threshold=${threshold}`,
  );
  const cells = [threshold, ...[...scores, mean].map(percent), tokensPerForward.toFixed(2)];
  return { cells: cells.map(String), items };
}

/** The items scored in PyTorch: exact match by task, equal texts, tokens per forward with end padding. */
async function reference(): Promise<{ text: string; adapter: string }> {
  const known = JSON.parse(await Deno.readTextFile(`${NANO}/reference_scores.json`));
  const items = lines<Item>(await Deno.readTextFile(`${NANO}/items.jsonl`));
  const input = items.map(({ question }, i) =>
    `${JSON.stringify({ id: String(i), messages: [{ role: "user", content: question }] })}\n`
  );
  const out = await unmask(
    ["sample", ...AS_REPORTED, "--threshold", String(known.threshold)],
    input.join(""),
  );
  const answers = lines<Answer>(out);
  const right = (name: string) => {
    const own = answers.filter((_, i) => items[i].task === `nano_${name}`);
    return own.filter(({ id, text }) => text === items[Number(id)].answer).length / own.length;
  };
  const equal = answers.filter(({ text }, i) => text === items[i].greedy_text).length;
  const filled = answers.map(({ output, decode, tokens }) =>
    output.blocks.length * decode.block_length - tokens.length % decode.block_length
  );
  const rate = sum(filled) / sum(answers.map(({ usage }) => usage.forwards));
  const scores = SKILLS.map((name) =>
    `${name} ${percent(right(name))} (${percent(known.exact_match[name])})`
  );
  const text =
    `On the ${items.length} items that PyTorch answered (\`bench/torch_reference.py\`, ` +
    `threshold ${known.threshold}), ${equal} texts are the same; exact match, PyTorch's in brackets: ` +
    `${scores.join(", ")}; ${rate.toFixed(2)} tokens per forward with end padding counted ` +
    `(${known.tokens_per_denoising_forward.toFixed(2)}).`;
  return { text, adapter: answers[0].device.adapter };
}

const folder = await Deno.makeTempDir();
const sweep = `threshold=${THRESHOLDS.join(",")}`;
await unmask([
  "eval",
  "nano",
  ...AS_REPORTED,
  "--sweep",
  sweep,
  "--output",
  `${folder}/run`,
  "--json",
]);
const head = ["threshold", ...SKILLS, "mean", "tokens per forward"];
const rows = await Promise.all(THRESHOLDS.map((threshold) => row(`${folder}/run`, threshold)));
await Deno.remove(folder, { recursive: true });
const scores = table(head, rows.map(({ cells }) => cells), 1);
const { text, adapter } = await reference();
const made = `Made by \`deno task thresholds\` on ${new Date().toISOString().slice(0, 10)}: the ` +
  `${rows[0].items} items of \`unmask eval nano\`, f32, policy hf-2.0, on ${adapter}, ` +
  `${navigator.hardwareConcurrency} cores. ${text}`;

const readme = await Deno.readTextFile(README);
await Deno.writeTextFile(README, replaceMarked(readme, "thresholds", `${scores}\n\n${made}`));
