/** README's figure: an answer of nano by block, each token in the colour of the step that accepted it. */
import { lines, unmask } from "../cli/itself.ts";
import { canvasOf } from "../lib/diffusion/canvas.ts";
import type { TraceStep } from "../lib/diffusion/trace.ts";
import { NANO } from "../lib/hub/resolve.ts";
import { INKS, SCALE, shadeOf } from "../lib/page/scale.ts";
import { escape } from "../lib/page/svg.ts";
import { loadTokenizer } from "../lib/tokenizer/mod.ts";
import { AS_REPORTED } from "./nano.ts";

/** The question that is drawn: its answer is right and takes two blocks of several steps. */
const ITEM = { task: "nano_math", index: 68 };

const WIDTH = 800;
const LEFT = 96;
const CELL = { height: 38, gap: 4, pad: 9, letter: 11 };
const LINE = CELL.height + 22;

const STYLE = `
.back{fill:#fff}.ink{fill:#1c2733}.soft{fill:#5d6b7a}.edge{fill:none;stroke:#d9dfe6}
@media(prefers-color-scheme:dark){.back{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#9aa7b4}.edge{stroke:#30363d}}
text{font:13px system-ui,sans-serif}.token{font:18px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.step{font-size:10px;text-anchor:middle}.token,.middle{text-anchor:middle}
`;

/** A token of the answer; `step` counts from 0. */
interface Drawn {
  readonly text: string;
  readonly step: number;
}

/** Decodes the question and draws its answer. */
export async function unmaskingFigure(): Promise<string> {
  const { task, index } = ITEM;
  const item = (await unmask(["tasks", task, "--limit", `${index + 1}`])).trim().split("\n")[index];
  const dir = await Deno.makeTempDir();
  try {
    const trace = `${dir}/trace.jsonl`;
    const answered = await unmask(["denoise", "--quiet", ...AS_REPORTED, "--trace", trace], item);
    const [record] = lines<Answer>(answered);
    const steps = lines<TraceStep>(await Deno.readTextFile(trace));
    return figure(record.messages.at(-1)!.content, await blocksOf(record, steps));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

interface Answer {
  readonly messages: readonly { readonly content: string }[];
  readonly tokens: readonly number[];
  readonly decode: { readonly block_length: number };
  readonly output: { readonly tokens: readonly number[] };
}

/** The answer's tokens by block, without its end. */
async function blocksOf(
  { tokens, decode, output }: Answer,
  trace: readonly TraceStep[],
): Promise<Drawn[][]> {
  const tokenizer = await loadTokenizer(NANO);
  const end = tokens.length + output.tokens.length - 1;
  return canvasOf(trace, { block: decode.block_length }).map(({ start, first, rows }) =>
    rows.flatMap((versions, row) => {
      const [value] = versions.at(-1)?.token.values ?? [];
      if (!value || start + row >= end) return [];
      return [{ text: tokenizer.decode([value.id]), step: value.at - first }];
    })
  );
}

function figure(question: string, blocks: readonly Drawn[][]): string {
  const most = 1 + Math.max(...blocks.flat().map(({ step }) => step));
  let y = 64;
  const parts = blocks.map((tokens, i) => {
    const { cells, bottom } = drawnTokens(tokens, { y, most });
    const steps = 1 + Math.max(...tokens.map(({ step }) => step));
    const label = `<text class="ink" x="20" y="${y + 17}">block ${i + 1}</text>` +
      `<text class="soft" x="20" y="${y + 34}">${steps} steps</text>`;
    y = bottom + 8;
    return label + cells;
  });
  const height = y + 44;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">`,
    `<style>${STYLE}</style>`,
    `<rect class="back" width="${WIDTH}" height="${height}" rx="10"/>`,
    `<rect class="edge" x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="10"/>`,
    `<text class="ink" x="20" y="34">${escape(question)}</text>`,
    ...parts,
    scale(most, y + 12),
    "</svg>\n",
  ].join("\n");
}

/** Cells with the step below each, in lines as wide as the figure. */
function drawnTokens(
  tokens: readonly Drawn[],
  { y, most }: { y: number; most: number },
): { cells: string; bottom: number } {
  let x = LEFT;
  let cells = "";
  for (const { text, step } of tokens) {
    const shown = text.trim() || "␣";
    const width = 2 * CELL.pad + CELL.letter * shown.length;
    if (x + width > WIDTH - 20) {
      x = LEFT;
      y += LINE;
    }
    const shade = shadeOf(step, most);
    const middle = x + width / 2;
    cells +=
      `<rect x="${x}" y="${y}" width="${width}" height="${CELL.height}" rx="4" fill="${
        SCALE[shade]
      }"/><text class="token" x="${middle}" y="${y + 25}" fill="${INKS[shade]}" textLength="${
        CELL.letter * shown.length
      }" lengthAdjust="spacingAndGlyphs">${escape(shown)}</text>` +
      `<text class="step soft" x="${middle}" y="${y + CELL.height + 13}">${step + 1}</text>`;
    x += width + CELL.gap;
  }
  return { cells, bottom: y + LINE };
}

/** The colours of the steps. */
function scale(steps: number, y: number): string {
  const width = 34;
  const swatches = Array.from({ length: steps }, (_, step) => {
    const shade = shadeOf(step, steps);
    const x = LEFT + step * width;
    return `<rect x="${x}" y="${y}" width="${width}" height="16" fill="${
      SCALE[shade]
    }"/><text class="middle" x="${x + width / 2}" y="${y + 12}" fill="${
      INKS[shade]
    }" style="font-size:11px">${step + 1}</text>`;
  });
  const text = "in which the token was accepted";
  return `<text class="soft" x="20" y="${y + 12}">step</text>${
    swatches.join("")
  }<text class="soft" x="${LEFT + steps * width + 12}" y="${y + 12}">${text}</text>`;
}
