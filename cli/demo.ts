/**
 * Edge: the five stages as five processes over one question of each nano task, drawn as the blocks are
 * unmasked, then the evaluation table. `deno task demo`.
 */
import { loadTokenizer } from "../lib/tokenizer/mod.ts";
import { NANO } from "../lib/hub/resolve.ts";
import type { TraceStep } from "../lib/diffusion/trace.ts";
import { visible } from "../lib/refusal.ts";
import { lines, unmask } from "./itself.ts";

const PIPE = ["tokenize", "prefill", "denoise", "sample", "eval"];
const fancy = Deno.stdout.isTerminal() && !Deno.noColor;
const dim = (text: string) => fancy ? `\x1b[2m${text}\x1b[22m` : text;
const bold = (text: string) => fancy ? `\x1b[1m${text}\x1b[22m` : text;
const fresh = (text: string) => fancy ? `\x1b[32m${text}\x1b[39m` : text;

interface Answer {
  id: string;
  messages: { content: string }[];
  tokens: number[];
  text: string;
  metrics: Record<string, number>;
  usage: { tokens_per_forward: number; forwards: number };
}

const names = ["knowledge", "reasoning", "coding", "math", "agent"].map((skill) => `nano_${skill}`);
console.log(bold(`unmask tasks ${names.join(" ")} --limit 1 | unmask ${PIPE.join(" | unmask ")}`));
const traceFile = await Deno.makeTempFile({ suffix: ".jsonl" });
let records = await unmask(["tasks", ...names, "--limit", "1"]);
for (const stage of PIPE) {
  const trace = stage === "denoise" ? ["--trace", traceFile] : [];
  records = await unmask([stage, "--quiet", ...trace], records);
}
const trace = lines<TraceStep & { id: string }>(await Deno.readTextFile(traceFile));
await Deno.remove(traceFile);

const tokenizer = await loadTokenizer(NANO);
for (const answer of lines<Answer>(records)) {
  console.log(`\n${bold(answer.messages[0].content.split("\n").map(visible).join("\n"))}`);
  const canvas = new Map<number, number>();
  for (const { block, step, accepted, left } of trace.filter(({ id }) => id === answer.id)) {
    for (const [position, token] of accepted) canvas.set(position, token);
    const line = drawn(canvas, answer.tokens.length, new Set(accepted.map(([at]) => at)));
    const head = `block ${block} step ${step}`.padEnd(16);
    console.log(`  ${dim(head)} ${line}${dim(`  ${left} masked`)}`);
    if (fancy) await new Promise((done) => setTimeout(done, 120));
  }
  const right = Object.values(answer.metrics)[0] === 1 ? "right" : "wrong";
  const { forwards, tokens_per_forward: rate } = answer.usage;
  const passes = `${forwards} forward${forwards === 1 ? "" : "s"}`;
  console.log(`  ${right}, ${passes}, ${rate.toFixed(1)} tokens per forward`);
}

/** The answer so far, behind `start` prompt tokens: masks as "_", what this step settled in green. */
function drawn(canvas: Map<number, number>, start: number, added: Set<number>): string {
  let line = "";
  for (let position = start; position <= Math.max(...canvas.keys()); position++) {
    const token = canvas.get(position);
    if (token === undefined) {
      line += dim("_");
      continue;
    }
    const text = visible(tokenizer.decode([token], { skipSpecial: true }));
    line += added.has(position) && text !== "" ? fresh(text) : text;
  }
  return line;
}

console.log(`\n${bold("unmask eval nano --limit 20")}`);
await unmask(["eval", "nano", "--limit", "20", "--json"]);
