/**
 * Score and tokens per forward of nano at several thresholds, and how it does on the items that were
 * scored in PyTorch when it was trained. `deno task thresholds` writes both into README.md.
 */
import { NANO } from "../lib/hub/resolve.ts";

const THRESHOLDS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];
const TASKS = ["knowledge", "reasoning", "coding", "math", "agent"];
const OPTIONS = ["--policy", "hf-2.0", "--dtype", "f32", "--no-cache"];
const README = new URL("../README.md", import.meta.url);
const MARKS = ["<!-- thresholds -->", "<!-- /thresholds -->"];

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

async function unmask(args: string[], input = ""): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "cli/main.ts", ...args],
    cwd: new URL("..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const written = new Response(input).body!.pipeTo(child.stdin);
  const { stdout, success } = await child.output();
  await written.catch(() => {});
  if (!success) Deno.exit(1);
  return new TextDecoder().decode(stdout);
}

function lines<V>(text: string): V[] {
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const percent = (share: number) => (100 * share).toFixed(1);

/** A row of the table: scores by task, their mean, completion tokens per denoising forward. */
async function row(folder: string, threshold: number): Promise<{ cells: string[]; items: number }> {
  const run = `${folder}/threshold=${threshold}`;
  const { tasks } = JSON.parse(await Deno.readTextFile(`${run}/results.json`));
  const answers = lines<Answer>(await Deno.readTextFile(`${run}/samples.jsonl`));
  const scores = TASKS.map((name) => tasks[`nano_${name}`].score as number);
  const tokens = sum(answers.map(({ usage }) => usage.completion_tokens));
  const forwards = sum(answers.map(({ usage }) => usage.forwards));
  const mean = percent(sum(scores) / scores.length);
  const cells = [String(threshold), ...scores.map(percent), mean, (tokens / forwards).toFixed(2)];
  return { cells, items: answers.length };
}

/** The items scored in PyTorch: exact match by task, equal texts, tokens per forward with end padding. */
async function reference(): Promise<{ text: string; adapter: string }> {
  const known = JSON.parse(await Deno.readTextFile(`${NANO}/reference_scores.json`));
  const items = lines<Item>(await Deno.readTextFile(`${NANO}/items.jsonl`));
  const input = items.map(({ question }, i) =>
    `${JSON.stringify({ id: String(i), messages: [{ role: "user", content: question }] })}\n`
  );
  const out = await unmask(
    ["sample", ...OPTIONS, "--threshold", String(known.threshold)],
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
  const scores = TASKS.map((name) =>
    `${name} ${percent(right(name))} (${percent(known.exact_match[name])})`
  );
  const text = `On the ${items.length} items that PyTorch answered when the model was trained ` +
    `(\`models/nano/reference_scores.json\`, threshold ${known.threshold}), ${equal} texts are the ` +
    `same; exact match, PyTorch's in brackets: ${scores.join(", ")}; ${
      rate.toFixed(2)
    } tokens per ` +
    `forward with end padding counted (${known.tokens_per_denoising_forward.toFixed(2)}).`;
  return { text, adapter: answers[0].device.adapter };
}

const folder = await Deno.makeTempDir();
const sweep = `threshold=${THRESHOLDS.join(",")}`;
await unmask(["eval", "nano", ...OPTIONS, "--sweep", sweep, "--output", `${folder}/run`, "--json"]);
const head = ["threshold", ...TASKS, "mean", "tokens per forward"];
const rows = await Promise.all(THRESHOLDS.map((threshold) => row(`${folder}/run`, threshold)));
await Deno.remove(folder, { recursive: true });
const table = [head, head.map((_, i) => i === 0 ? "---" : "--:"), ...rows.map(({ cells }) => cells)]
  .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
const { text, adapter } = await reference();
const made = `Made by \`deno task thresholds\` on ${new Date().toISOString().slice(0, 10)}: the ` +
  `${rows[0].items} items of \`unmask eval nano\`, f32, policy hf-2.0, on ${adapter}, ` +
  `${navigator.hardwareConcurrency} cores. ${text}`;

const readme = await Deno.readTextFile(README);
const [before, after] = [readme.split(MARKS[0])[0], readme.split(MARKS[1])[1]];
await Deno.writeTextFile(
  README,
  `${before}${MARKS[0]}\n\n${table}\n\n${made}\n\n${MARKS[1]}${after}`,
);
