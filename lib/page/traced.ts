/** One record's part of a trace's page: the canvas of each block, with what stood there before. */
import {
  type CanvasBlock,
  canvasOf,
  type CanvasOptions,
  type Change,
  type Token,
  type Value,
} from "../diffusion/canvas.ts";
import type { DecodeOptions } from "../diffusion/options.ts";
import type { Decoded } from "../diffusion/sequence.ts";
import type { TraceStep } from "../diffusion/trace.ts";
import { visible } from "../refusal.ts";
import { shadeOf } from "./scale.ts";
import { escape } from "./svg.ts";

/** A record as its canvas is drawn. */
export interface TracedRecord {
  readonly id: string;
  /** What was asked. */
  readonly question: string;
  /** Prompt token ids. */
  readonly tokens: readonly number[];
  readonly decode: Pick<DecodeOptions, "policy" | "block_length" | "threshold">;
  readonly result: Pick<Decoded, "tokens" | "blocks" | "trace">;
  /** Ids that end an answer. */
  readonly eos: readonly number[];
  /** Ids that move rows, where the policy does what they say. */
  readonly edits?: CanvasOptions["edits"];
  /** Text of an id. */
  text(id: number): string;
}

/** A block's canvas and what `usage` counts of it. */
export interface BlockFigures {
  readonly canvas: CanvasBlock;
  readonly steps: number;
  readonly forwards: number;
  readonly tokens: number;
}

/** What cells look like. */
export const KEY = `<p class="key">${
  [
    "<i>prompt</i>",
    '<b class="m">mask</b>masked',
    '<b class="k24" style="--p:60">text</b>accepted: the colour is the step, the line below the confidence',
    '<b class="k24 e">text</b>edited since',
    '<b class="k24 i">text</b>inserted',
    '<b class="k24 d">text</b>behind a deleted one',
    '<b class="k24 x"></b>padding behind the answer',
  ].map((entry) => `<span>${entry}</span>`).join("")
}</p>`;

/** Characters of a question that are shown. */
const QUESTION = 300;

/** A record's blocks, with its figures by block. */
export function blocksOf({ tokens, decode, result, eos, edits }: TracedRecord): BlockFigures[] {
  const first = Math.floor(tokens.length / decode.block_length);
  return canvasOf(result.trace, { block: decode.block_length, edits }).map((canvas) => {
    const { steps, forwards } = result.blocks[canvas.steps[0].block - first];
    const from = Math.max(0, canvas.start - tokens.length);
    const to = Math.max(0, canvas.start + decode.block_length - tokens.length);
    const own = result.tokens.slice(from, to).filter((id) => !eos.includes(id));
    return { canvas, steps, forwards, tokens: own.length };
  });
}

/** How many tokens a step accepted; ids that move rows are none. */
export function acceptedOf({ edits }: TracedRecord, { accepted }: TraceStep): number {
  return accepted.filter(([, id]) => id !== edits?.remove && id !== edits?.split).length;
}

/** The record's part of the page. */
export function section(record: TracedRecord, blocks: readonly BlockFigures[]): string {
  const { id, question, decode } = record;
  const accepting = blocks.flatMap(({ canvas: { steps } }) =>
    1 + steps.findLastIndex((step) => acceptedOf(record, step) > 0)
  );
  const most = Math.max(1, ...accepting);
  const all = {
    tokens: sum(blocks, ({ tokens }) => tokens),
    steps: sum(blocks, ({ steps }) => steps),
    forwards: sum(blocks, ({ forwards }) => forwards),
  };
  return [
    `<section data-s="${attribute(stepWords(record, blocks))}"><h2>${markup(id)}</h2>`,
    `<p class="prompt">${markup(shortened(question))}</p>`,
    `<p class="what">${figureWords(all)}; ${decode.policy}, threshold ${decode.threshold}</p>`,
    scale(most),
    ...blocks.map((block, i) => drawnBlock({ record, block, number: i + 1, most })),
    "</section>\n",
  ].join("\n");
}

function figureWords({ tokens, steps, forwards }: Omit<BlockFigures, "canvas">): string {
  return `${count(tokens, "token")} in ${count(steps, "step")}, ${count(forwards, "forward")}, ${
    rate(tokens, steps)
  } tokens per forward`;
}

/** What each step did. */
function stepWords(record: TracedRecord, blocks: readonly BlockFigures[]): string[] {
  const { length } = record.result.trace;
  return blocks.flatMap(({ canvas: { first, steps, changes } }, block) =>
    steps.map((step, i) => {
      const at = first + i;
      const edits = changes.filter((change) => change.at === at && change.kind !== "pushed out");
      return `after step ${at + 1} of ${length} (block ${block + 1}, step ${i + 1}): ${
        acceptedOf(record, step)
      } accepted${step.fallback ? ", the best of those below the threshold" : ""}${
        edits.length > 0 ? `, ${count(edits.length, "edit")}` : ""
      }; ${step.left} masked`;
    })
  );
}

/** The colours of steps, first to last. */
function scale(steps: number): string {
  const shades = Array.from({ length: steps }, (_, i) => `<i class="k${shadeOf(i, steps)}"></i>`);
  const last = steps > 1 ? steps : "";
  return `<div class="scale">step 1<span>${shades.join("")}</span>${last}</div>`;
}

/** What drawing a block needs. */
interface Drawing {
  readonly record: TracedRecord;
  readonly block: BlockFigures;
  /** Of the block, from 1. */
  readonly number: number;
  /** The last step of a block that accepted a token, from 1. */
  readonly most: number;
}

function drawnBlock(drawing: Drawing): string {
  const { number, block } = drawing;
  const { start, rows, changes } = block.canvas;
  const last = start + rows.length - 1;
  const list = changes.map((change) => `<li>${changeWords(drawing, change)}</li>`).join("");
  return [
    `<div class="block"><p><b>Block ${number}</b> (positions ${start} to ${last}): ${
      figureWords(block)
    }</p>`,
    `<div class="cells">${rows.map((_, row) => cell(drawing, row)).join("")}</div>`,
    list &&
    `<details><summary>${count(changes.length, "change")}</summary><ul>${list}</ul></details>`,
    "</div>",
  ].join("\n");
}

/** What a cell shows at some time. */
interface View {
  /** How many steps were done when it came to that. */
  readonly since: number;
  readonly look: string;
  /** Confidence in percent; none of masks. */
  readonly sure?: number;
  readonly text: string;
  readonly known: readonly string[];
}

function cell(drawing: Drawing, row: number): string {
  const { record: { tokens, text }, block: { canvas } } = drawing;
  const position = canvas.start + row;
  const own = position < tokens.length ? text(tokens[position]) : undefined;
  if (own !== undefined) return `<i>${markup(own)}</i>${lineEnd(own)}`;
  const views = canvas.rows[row].map(({ since, token }) =>
    view(drawing, { since, token, position })
  );
  const last = views.at(-1);
  if (!last) return '<b class="m x">mask</b>';
  const { look, sure, text: shown, known } = last;
  // One view that came and stayed can be read from the cell itself.
  const before = views.length > 1
    ? ` data-h="${
      attribute(views.map(({ since, look, sure, text, known }) => [
        since,
        look,
        sure ?? "",
        glyphs(text),
        known.join("\n"),
      ]))
    }"`
    : ` data-g="${last.since}"`;
  return `<b class="${look}"${sure === undefined ? "" : ` style="--p:${sure}"`}${before} title="${
    known.map(markup).join("&#10;")
  }">${markup(shown || "mask")}</b>${lineEnd(shown)}`;
}

function view(
  drawing: Drawing,
  { since, token, position }: { since: number; token: Token; position: number },
): View {
  const { record: { tokens, result, text }, block: { canvas }, most } = drawing;
  const { values, inserted, deleted } = token;
  const present = values.at(-1);
  const looks = [
    present ? `k${shadeOf(values[0].at - canvas.first, most)}` : "m",
    values.length > 1 ? "e" : "",
    inserted ? "i" : "",
    deleted > 0 ? "d" : "",
    position < tokens.length + result.tokens.length ? "" : "x",
  ];
  const known = [
    `position ${position}${present ? "" : ": masked"}`,
    ...values.slice(0, 1).map((value) =>
      `${named(drawing, value)} accepted in ${sureIn(drawing, value)}`
    ),
    ...(values.length > 2 ? [count(values.length - 2, "edit")] : []),
    ...values.slice(1).slice(-1).map((value) =>
      `${named(drawing, value)} edited in ${sureIn(drawing, value)}`
    ),
    ...(inserted ? ["inserted"] : []),
    ...(deleted > 0 ? [`${deleted} deleted before it`] : []),
  ];
  return {
    since,
    look: looks.filter(Boolean).join(" "),
    sure: present && Math.round(100 * present.confidence),
    text: present ? text(present.id) : "",
    known,
  };
}

function changeWords(drawing: Drawing, { kind, at, position, from, to }: Change): string {
  const step = at - drawing.block.canvas.first + 1;
  const code = (value: Value) =>
    `<code>${markup(drawing.record.text(value.id))}</code> (${sureIn(drawing, value)})`;
  if (kind === "inserted") return `step ${step}, position ${position}: a mask inserted`;
  return `step ${step}, position ${position}: ${from ? code(from) : "a mask"} ${
    to ? `edited to ${code(to)}` : kind
  }`;
}

function sureIn({ block: { canvas } }: Drawing, { at, confidence }: Value): string {
  return `step ${at - canvas.first + 1}, confidence ${confidence.toFixed(3)}`;
}

function named({ record: { text } }: Drawing, { id }: Value): string {
  return `“${glyphs(text(id))}” (id ${id})`;
}

/** Where a token ends a line, the next one begins another. */
function lineEnd(text: string): string {
  return text.includes("\n") ? "<br>" : "";
}

/** A token's text with what cannot be seen made visible. */
function glyphs(text: string): string {
  return visible(text.replaceAll("\n", "↵").replaceAll("\t", "⇥"));
}

function markup(text: string): string {
  return escape(glyphs(text));
}

function attribute(value: unknown): string {
  return escape(JSON.stringify(value));
}

function shortened(text: string): string {
  const characters = Array.from(text.trim().replace(/\s+/g, " "));
  return characters.length > QUESTION
    ? `${characters.slice(0, QUESTION).join("")}…`
    : characters.join("");
}

function count(items: number, name: string): string {
  return `${items} ${name}${items === 1 ? "" : "s"}`;
}

/** Tokens per forward, as figures are shown. */
export function rate(tokens: number, forwards: number): string {
  return forwards > 0 ? (tokens / forwards).toFixed(2) : "–";
}

/** Sum of what each item counts. */
export function sum<V>(items: readonly V[], of: (item: V) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
