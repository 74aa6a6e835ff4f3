/** The decoding state machine on the device: plan a pass, draw tokens, accept them. */
import acceptSource from "./accept.wgsl" with { type: "text" };
import filterSource from "./filter.wgsl" with { type: "text" };
import greedySource from "./greedy.wgsl" with { type: "text" };
import indelSource from "./indel.wgsl" with { type: "text" };
import planSource from "./plan.wgsl" with { type: "text" };
import sampleSource from "./sample.wgsl" with { type: "text" };
import slotsSource from "./slots.wgsl" with { type: "text" };
import { LANES_FILE, lanesOf } from "../lanes.ts";
import { CPU_LANES, type Dispatch, type Launcher, type WgslFile } from "../launch.ts";
import { logitsFile } from "../logits.ts";

/** Largest block length: bounds the shared arrays of `accept` and the credit list. */
export const MAX_BLOCK = 256;

/** Buffers of the slots, shared by the kernels. */
export interface SlotBuffers {
  readonly slots: number;
  /** Positions of a slot's canvas. */
  readonly canvasLength: number;
  /** Rows, rows that need logits, passes since reset, 1 where blocks are stored alone, first row with logits of each slot. */
  readonly live: GPUBuffer;
  /** [rows] (slot, position, token, visible keys) */
  readonly rows: GPUBuffer;
  /** [slots] struct Slot */
  readonly state: GPUBuffer;
  /** [slots, canvasLength] token ids */
  readonly canvas: GPUBuffer;
  /** [slots, canvasLength] confidence with which each token was accepted */
  readonly confidence: GPUBuffer;
  /** [rows] (token, confidence bits, kept, finite) */
  readonly drawn: GPUBuffer;
  /** [slots, canvasLength] (steps, forwards) by block index */
  readonly stats: GPUBuffer;
  /** [slots, MAX_BLOCK, 1 + MAX_BLOCK] what a policy keeps of a block's rows: credit's in sample.wgsl, others' in indel.wgsl */
  readonly notes: GPUBuffer;
  /** [passes, slots, 1 + MAX_BLOCK], or any buffer when not tracing */
  readonly trace: GPUBuffer;
}

/** Token ids with a meaning; at most four end-of-sequence ids. */
export interface SpecialIds {
  readonly mask: number;
  readonly eos: readonly number[];
  readonly edits?: EditIds;
}

/** Ids that edit the block they are drawn in (LLaDA2.2). */
export interface EditIds {
  /** Its position goes. */
  readonly remove: number;
  /** A mask comes in front of what its position held. */
  readonly split: number;
}

/** No id. */
const NONE = 2 ** 32 - 1;

/** Edits as kernels take them. */
function editParams(edits: EditIds | undefined): { remove: number; split: number } {
  return { remove: edits?.remove ?? NONE, split: edits?.split ?? NONE };
}

const SLOTS: WgslFile = { name: "kernels/decode/slots.wgsl", text: slotsSource };

/** Prepares the start of a pass: rows of every slot that has work. */
export async function planKernel(launcher: Launcher, buffers: SlotBuffers): Promise<Dispatch> {
  return await launcher.prepare({
    label: "plan",
    files: [SLOTS, { name: "kernels/decode/plan.wgsl", text: planSource }],
    constants: {
      ...(launcher.target === "gpu" ? { LANES: 256, TEAM: 16 } : { LANES: CPU_LANES, TEAM: 1 }),
      CANVAS: buffers.canvasLength,
    },
    params: { slots: buffers.slots },
    bindings: [buffers.live, buffers.state, buffers.canvas, buffers.rows],
    groups: () => [1],
  });
}

/** Prepares the draw for rows of greedy slots, from the partial results of a head (matmul.ts). */
export async function greedyKernel(
  launcher: Launcher,
  buffers: SlotBuffers,
  options: { partials: GPUBuffer; groups: number },
): Promise<Dispatch> {
  return await launcher.prepare({
    label: "greedy",
    files: [SLOTS, LANES_FILE, { name: "kernels/decode/greedy.wgsl", text: greedySource }],
    constants: lanesOf(launcher, launcher.target === "gpu" ? 256 : CPU_LANES),
    params: { groups: options.groups },
    bindings: [buffers.live, buffers.rows, buffers.state, options.partials, buffers.drawn],
    groups: (rows) => [rows],
  });
}

/** Lanes of a row of so many ids, their groups of ids, and a group's turns of eight ids (sample.wgsl). */
function sampleGroups({ target }: Launcher, vocab: number) {
  let lanes = target === "gpu" ? 256 : CPU_LANES;
  while (vocab > lanes * LANE_IDS) lanes *= 2;
  const turns = Math.ceil(vocab / (8 * lanes));
  const groupTurns = Math.ceil(turns / Math.min(LANE_GROUPS, MOST_GROUPS / lanes));
  return { lanes, turns: groupTurns, groups: lanes * Math.ceil(turns / groupTurns) };
}

/** Ids that a lane can go over in all walks before a CPU driver ends its loops. */
const LANE_IDS = 10_000;

/** Groups at most: more leave out more ids, but take turns and workgroup memory. */
const [LANE_GROUPS, MOST_GROUPS] = [64, 1024];

/** Prepares the draw of one token and its confidence for every other row that has logits. */
export async function sampleKernel(
  launcher: Launcher,
  buffers: SlotBuffers,
  { logits, vocab, mask, edits }: Omit<SpecialIds, "eos"> & { logits: GPUBuffer; vocab: number },
): Promise<Dispatch> {
  const { lanes, turns, groups } = sampleGroups(launcher, vocab);
  return await launcher.prepare({
    label: "sample",
    files: [
      SLOTS,
      LANES_FILE,
      logitsFile(vocab),
      { name: "kernels/decode/filter.wgsl", text: filterSource },
      { name: "kernels/decode/sample.wgsl", text: sampleSource },
    ],
    constants: {
      ...lanesOf(launcher, lanes),
      GROUPS: groups,
      CANVAS: buffers.canvasLength,
      BLOCK: MAX_BLOCK,
    },
    params: { vocab, mask, ...editParams(edits), entries: MAX_BLOCK, groups, turns },
    bindings: [
      buffers.live,
      logits,
      buffers.rows,
      buffers.state,
      buffers.canvas,
      buffers.drawn,
      buffers.notes,
    ],
    groups: (rows) => [rows],
  });
}

/** Prepares the end of a pass: accept, edit, trace, and move every slot on. */
export async function acceptKernel(
  launcher: Launcher,
  buffers: SlotBuffers,
  options: SpecialIds & { tracing: boolean },
): Promise<Dispatch> {
  const [eos0, eos1 = eos0, eos2 = eos0, eos3 = eos0] = options.eos;
  return await launcher.prepare({
    label: "accept",
    files: [
      SLOTS,
      { name: "kernels/decode/indel.wgsl", text: indelSource },
      { name: "kernels/decode/accept.wgsl", text: acceptSource },
    ],
    constants: {
      LANES: launcher.target === "gpu" ? 32 : 8,
      CANVAS: buffers.canvasLength,
      BLOCK: MAX_BLOCK,
    },
    params: {
      slots: buffers.slots,
      mask: options.mask,
      eos0,
      eos1,
      eos2,
      eos3,
      ...editParams(options.edits),
      trace: options.tracing ? 1 : 0,
      trace_stride: 1 + MAX_BLOCK,
      stats_stride: buffers.canvasLength,
    },
    bindings: [
      buffers.live,
      buffers.state,
      buffers.canvas,
      buffers.confidence,
      buffers.drawn,
      buffers.stats,
      buffers.trace,
      buffers.notes,
    ],
    groups: () => [buffers.slots],
  });
}
