/** Decoding as spec/model.md sections 5 to 7 tell it: plain loops, no cache, the whole window each step. */
import type { EditIds } from "../../../kernels/decode/decode.ts";
import type { DecodeOptions } from "../../../lib/diffusion/options.ts";
import { type Ranked, referenceIndel } from "./indel_reference.ts";

/** What a step changed: [position, id]. */
export interface ReferenceStep {
  readonly accepted: [number, number][];
  readonly edited: [number, number][];
}

/** A decoded answer. */
export interface ReferenceResult {
  readonly tokens: number[];
  readonly steps: ReferenceStep[];
  /** Denoising passes of each decoded block. */
  readonly forwards: number[];
}

/** Logits of the last `rows` positions of a window. */
export type LogitsOf = (window: number[], rows: number) => Promise<Float32Array[]>;

/** Greedy decoding of one prompt by the policies that have a public definition without credit. */
export async function referenceDecode(
  logitsOf: LogitsOf,
  prompt: readonly number[],
  { decode, mask, eos, editIds, seed = 0 }: {
    decode: DecodeOptions;
    mask: number;
    eos: readonly number[];
    editIds?: EditIds;
    seed?: number;
  },
): Promise<ReferenceResult> {
  const { block_length: B, gen_length: G, policy } = decode;
  const P = prompt.length;
  const blocks = Math.ceil((P + G) / B);
  const x: number[] = [...prompt, ...new Array(blocks * B - P).fill(mask)];
  const answer = () => x.slice(P, P + G);
  const steps: ReferenceStep[] = [];
  const forwards: number[] = [];
  const isEos = (id: number) => eos.includes(id);
  const most = Math.max(1, Math.min(decode.steps, Math.floor(G / decode.minimal_topk)));
  const edits = decode.edit_threshold !== "off" && ["hf-2.1", "joint-threshold"].includes(policy);
  const lambda = policy === "joint-threshold" ? decode.penalty_lambda : 0;
  let stopped = false;
  for (let b = Math.floor(P / B); b < blocks && !stopped; b++) {
    const start = b * B;
    const positions = Array.from({ length: B }, (_, i) => start + i);
    let post = 0;
    let step = 0;
    if (policy === "hf-2.2") {
      const found = await referenceIndel({
        ids: x.slice(start, start + B),
        protectedIds: Math.max(0, P - start),
        ...{ decode, mask, edits: editIds!, seed, draws: steps.length },
        rank: async (ids) => {
          const logits = await logitsOf([...x.slice(0, start), ...ids], B);
          return logits.map((row) => ranked(row, mask));
        },
      });
      x.splice(start, B, ...found.ids);
      const place = ([i, id]: [number, number]): [number, number] => [start + i, id];
      for (const { accepted, edited } of found.steps) {
        steps.push({ accepted: accepted.map(place), edited: edited.map(place) });
      }
      step = found.steps.length;
    }
    for (; policy !== "hf-2.2"; step++) {
      const active = positions.filter((p) => x[p] === mask);
      if (policy === "hf-2.0" && step >= most) break;
      if (active.length === 0 && !edits) break;
      if (active.length === 0) post++;
      if (policy === "hf-2.1" && post > decode.max_post_steps) break;
      const logits = await logitsOf(x.slice(0, start + B), B);
      const capped = policy === "joint-threshold" && post > decode.max_post_steps;
      const found = positions.map((p, i) =>
        best(logits[i], { mask, penalized: i > 0 ? x[p - 1] : -1, lambda })
      );
      const confidence = (p: number) => found[p - start].confidence;
      const high = active.filter((p) =>
        confidence(p) > decode.threshold ||
        policy === "hierarchy" && confidence(p) > decode.low_threshold &&
          runOf(p, active).every((q) => confidence(q) <= confidence(p))
      );
      const need = needed(decode, { step, most });
      const ranked = active.toSorted((p, q) => confidence(q) - confidence(p) || p - q);
      const accepted = high.length >= need ? high : ranked.slice(0, need);
      const edited = !edits || capped
        ? []
        : positions.filter((p) =>
          p >= P && x[p] !== mask && found[p - start].id !== x[p] &&
          confidence(p) > (decode.edit_threshold as number)
        );
      const change = (p: number): [number, number] => [p, found[p - start].id];
      const changes = {
        accepted: accepted.toSorted((p, q) => p - q).map(change),
        edited: edited.map(change),
      };
      for (const [p, id] of [...changes.accepted, ...changes.edited]) x[p] = id;
      if (capped) {
        step++;
        break;
      }
      steps.push(changes);
      if (decode.eos_early_stop && ["hf-2.0", "low-confidence", "hierarchy"].includes(policy)) {
        const end = x.findIndex((id, p) => p >= P && isEos(id));
        const open = x.indexOf(mask, P);
        if (changes.accepted.some(([, id]) => isEos(id)) && (open < 0 || end < open)) {
          stopped = true;
          step++;
          break;
        }
      }
      if (active.length === 0 && edited.length === 0) {
        step++;
        break;
      }
    }
    forwards.push(step);
    const mayStop = !["hf-2.1", "hf-2.2"].includes(policy) || decode.eos_early_stop;
    if (mayStop && x.slice(P, start + B).some(isEos)) stopped = true;
  }
  const end = answer().findIndex(isEos);
  return { tokens: end < 0 ? answer() : answer().slice(0, end + 1), steps, forwards };
}

/** Masked positions that no settled one parts from `position`. */
function runOf(position: number, masked: readonly number[]): number[] {
  return masked.filter((other) => {
    const [from, to] = [Math.min(position, other), Math.max(position, other)];
    return masked.filter((p) => p >= from && p <= to).length === to - from + 1;
  });
}

/** Fewest tokens a step accepts. */
function needed(decode: DecodeOptions, { step, most }: { step: number; most: number }): number {
  if (decode.policy === "hf-2.1") return decode.num_to_transfer;
  if (decode.policy !== "hf-2.0") return 1;
  const B = decode.block_length;
  return Math.floor(B / most) + (step < B % most ? 1 : 0);
}

/** Ids of a row from the likeliest on. */
function ranked(row: Float32Array, mask: number): Ranked {
  const top = row.reduce((a, b) => Math.max(a, b));
  const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
  const ids = [...row.keys()].filter((id) => id !== mask);
  return {
    ids: ids.toSorted((a, b) => row[b] - row[a] || a - b),
    probability: (id) => Math.exp(row[id] - top) / sum,
  };
}

function best(
  row: Float32Array,
  { mask, penalized, lambda }: { mask: number; penalized: number; lambda: number },
): { id: number; confidence: number } {
  const z = Array.from(row, (value, id) => id === penalized ? value - lambda : value);
  let id = -1;
  for (let v = 0; v < z.length; v++) if (v !== mask && (id < 0 || z[v] > z[id])) id = v;
  const top = Math.max(...z);
  const sum = z.reduce((total, value) => total + Math.exp(value - top), 0);
  return { id, confidence: Math.exp(z[id] - top) / sum };
}
