/** Traces as a page that grows record by record: answers' canvases, coloured by the step that accepted a token. */
import { PAGE_END, pageStart, wide } from "./page.ts";
import { INKS, SCALE } from "./scale.ts";
import { barPlot } from "./svg.ts";
import { acceptedOf, blocksOf, KEY, rate, section, sum, type TracedRecord } from "./traced.ts";
import script from "./trace.js" with { type: "text" };
import style from "./trace.css" with { type: "text" };

/** Most that a page shows, so that it stays quick to open: records, and characters of HTML. */
export interface PageLimits {
  readonly records: number;
  readonly characters: number;
}

const LIMITS: PageLimits = { records: 100, characters: 8e6 };

/** A page that takes one record after the other and keeps only their figures. */
export class TracePage {
  #records = 0;
  #drawn = 0;
  #characters = 0;
  #tokens = 0;
  #forwards = 0;
  /** Steps by how many tokens they accepted. */
  readonly #accepted = new Map<number, number>();

  /** `onLimit` is told once, when records begin to be counted only. */
  constructor(
    readonly options: {
      /** Name of the model. */
      readonly model: string;
      readonly limits?: PageLimits;
      readonly onLimit?: (line: string) => void;
    },
  ) {}

  /** The page's beginning. */
  start(): string {
    const colors = SCALE.map((color, i) =>
      `.k${i}{background-color:${color};color:${INKS[i]};--l:${INKS[i]}8}`
    );
    return [
      pageStart({
        title: "Unmask: a trace",
        subtitle: `How ${this.options.model} filled its masked blocks, step by step.`,
        head: `<style>${style}${colors.join("")}</style><script>${script}</script>`,
      }),
      '<p class="partial">This page is not complete: its run goes on, or was ended.</p>',
      KEY,
      "",
    ].join("\n");
  }

  /** A record's part of the page; empty behind the limit. */
  add(record: TracedRecord): string {
    const blocks = blocksOf(record);
    const forwards = sum(blocks, ({ steps }) => steps);
    const tokens = sum(blocks, ({ tokens }) => tokens);
    this.#records++;
    this.#tokens += tokens;
    this.#forwards += forwards;
    for (const step of blocks.flatMap(({ canvas }) => canvas.steps)) {
      const accepted = acceptedOf(record, step);
      this.#accepted.set(accepted, (this.#accepted.get(accepted) ?? 0) + 1);
    }
    // Behind the first record that is not drawn none is, so that those drawn are the first ones.
    if (this.#drawn < this.#records - 1) return "";
    const html = section(record, blocks);
    if (this.#fits(html)) {
      this.#drawn++;
      this.#characters += html.length;
      return html;
    }
    this.options.onLimit?.(this.#limit());
    return `<p>${this.#limit()}</p>\n`;
  }

  /** The page's end, with the figures of all; an incomplete page keeps saying so. */
  end({ complete }: { complete: boolean }): string {
    const figures = [
      ["records", String(this.#records)],
      ["tokens", String(this.#tokens)],
      ["steps", String(this.#forwards)],
      ["tokens per forward", rate(this.#tokens, this.#forwards)],
    ].map(([name, value]) => `<li><b>${value}</b>${name}</li>`);
    const cut = this.#drawn < this.#records ? `${this.#limit()} Figures are those of all. ` : "";
    return [
      complete ? "<style>.partial{display:none}</style>" : "",
      `<div class="summary"><ul class="figures">${figures.join("")}</ul>`,
      `<p>${cut}A step is a denoising forward; where a block was stored, that took one more. Tokens are those of answers, without their ends.</p>`,
      histogram(this.#accepted),
      "</div>",
      PAGE_END,
    ].join("\n");
  }

  /** Whether a record has room; the first always does. */
  #fits({ length }: string): boolean {
    const { records, characters } = this.options.limits ?? LIMITS;
    return this.#drawn === 0 || (this.#drawn < records && this.#characters + length <= characters);
  }

  #limit(): string {
    const some = this.#drawn === 1 ? "record is" : `${this.#drawn} records are`;
    return `Only the first ${some} drawn.`;
  }
}

/** Bars: how many steps accepted so many tokens. */
function histogram(accepted: ReadonlyMap<number, number>): string {
  if (accepted.size === 0) return "";
  const all = sum([...accepted.values()], (steps) => steps);
  const bins = binsTo(Math.max(...accepted.keys())).map(([from, to]) => {
    const own = [...accepted].filter(([tokens]) => tokens >= from && tokens <= to);
    return { from, to, share: sum(own, ([, steps]) => steps) / all };
  });
  // None accepts nothing unless steps edit.
  const shown = bins.filter(({ from, share }) => from > 0 || share > 0);
  const groups = shown.map(({ from, to, share }) => ({
    name: from === to ? `${from}` : `${from}–${to}`,
    bars: [{ series: "percent of steps", value: share }],
  }));
  const most = Math.max(...shown.map(({ share }) => share));
  const top = [0.1, 0.2, 0.4, 0.6, 0.8, 1].find((top) => top >= most)!;
  const title = "Steps in percent, by how many tokens they accepted";
  return `<p>${title} (ends and padding are among these):</p>${wide(barPlot(title, groups, top))}`;
}

/** One by one up to 4, then two bins for every doubling. */
function binsTo(most: number): [from: number, to: number][] {
  const bins: [number, number][] = [[0, 0]];
  for (let from = 1; from <= most;) {
    const width = Math.max(1, 2 ** Math.floor(Math.log2((from - 1) / 2)));
    bins.push([from, from + width - 1]);
    from += width;
  }
  return bins;
}
