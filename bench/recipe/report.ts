/** `deno task recipe:report`: tables and plots of docs/recipe.md from bench/recipe/results.json. */
import { COLORS, HEIGHT, pointPlot, WIDTH } from "../../lib/page/svg.ts";
import { replaceMarked } from "../marked.ts";
import { table } from "../tables.ts";
import { experiments } from "./experiments.ts";

/** What one arm is worth. */
export interface ArmRow {
  readonly experiment: string;
  readonly arm: string;
  readonly seed: number;
  readonly steps: number;
  readonly items: number;
  /** Mean of the five tasks' scores, and each of them. */
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
  readonly tokens_per_forward: number;
  /** Loss on held-out rows at the end of training. */
  readonly validation?: number;
  /** Mean and largest gradient norm of the first steps. */
  readonly first_gradient_norm?: readonly [mean: number, most: number];
}

const DOCS = new URL("../../docs/", import.meta.url);

const { date, machine, note, rows }: Results = JSON.parse(
  await Deno.readTextFile(new URL("results.json", import.meta.url)),
);

interface Results {
  readonly date: string;
  readonly machine: string;
  readonly note?: string;
  readonly rows: readonly ArmRow[];
}

/** Mean of some numbers, with the spread of several: half the distance of the extremes. */
function meanOf(values: readonly number[], digits: number): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = (Math.max(...values) - Math.min(...values)) / 2;
  return values.length < 2
    ? mean.toFixed(digits)
    : `${mean.toFixed(digits)} ± ${spread.toFixed(digits)}`;
}

const PLAIN_STYLE = [
  "text{font:12px system-ui,sans-serif;fill:#5d6b7a}.axis{text-anchor:middle}",
  ".grid{stroke:#d9dfe6;fill:none}.whisker{stroke:#1c2733;stroke-width:1.5}.line{fill:none;stroke-width:2}",
  ...COLORS.map((color, i) => `.s${i}{fill:${color}}.l${i}{stroke:${color}}`),
].join("");

/** A plot as a file of its own: outside a page it needs namespace, size and style. */
function standalone(svg: string): string {
  const head = `xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"`;
  const back = '<rect width="100%" height="100%" fill="#fff"/>';
  return `${
    svg.replace("<svg ", `<svg ${head} `).replace(">", `><style>${PLAIN_STYLE}</style>${back}`)
  }\n`;
}

/** One line an arm: its seeds together. */
function armsTable(id: string): string {
  const own = rows.filter(({ experiment }) => experiment === id);
  const arms = [...new Set(own.map(({ arm }) => arm))];
  const lines = arms.map((arm) => {
    const seeds = own.filter((row) => row.arm === arm);
    const of = (value: (row: ArmRow) => number | undefined, digits: number) => {
      const values = seeds.map(value).filter((value) => value !== undefined);
      return values.length === 0 ? "" : meanOf(values, digits);
    };
    return [
      arm,
      String(seeds.length),
      of(({ score }) => 100 * score, 1),
      of((row) => row.tokens_per_forward, 2),
      of((row) => row.validation, 4),
      of((row) => row.first_gradient_norm?.[0], 2),
      of((row) => row.first_gradient_norm?.[1], 2),
    ];
  });
  const head = ["arm", "seeds", "score", "tokens per forward", "held-out loss"];
  return table([...head, "first gradient norms, mean", "most"], lines, 1);
}

/** Score against tokens per forward: a colour an arm, a point a seed. */
function points(id: string, title: string): string {
  const own = rows.filter(({ experiment }) => experiment === id);
  const arms = [...new Set(own.map(({ arm }) => arm))];
  const curves = arms.map((name) => ({
    name,
    points: own.filter(({ arm }) => arm === name)
      .map(({ tokens_per_forward: x, score: y }) => ({ x, y })),
  }));
  return standalone(
    pointPlot({ title, xLabel: "tokens per forward", yLabel: "score, percent", curves }),
  );
}

/** Steps of most arms; decoding has none. */
const steps = Math.min(...rows.map((row) => row.steps).filter((count) => count > 0));
const sections: string[] = [];
const titles = new Map(experiments(1).map(({ id, title }) => [id, title]));
titles.set("merge", "Merged against single checkpoints");
for (const [id, title] of titles) {
  if (!rows.some(({ experiment }) => experiment === id)) {
    sections.push(`### ${title}\n\nNot measured.`);
    continue;
  }
  await Deno.writeTextFile(new URL(`plots/recipe-${id}.svg`, DOCS), points(id, title));
  const own = rows.find(({ experiment }) => experiment === id)!.steps;
  const length = own === steps ? "" : `${own} steps an arm.\n\n`;
  sections.push(`### ${title}\n\n${length}![${title}](plots/recipe-${id}.svg)\n\n${armsTable(id)}`);
}
for (const name of ["threshold", "block-length"]) {
  const id = `decoding: ${name}`;
  const own = rows.filter(({ experiment }) => experiment === id);
  const title = `Decoding the embedded model: ${name.replace("-", " ")}`;
  if (own.length === 0) {
    sections.push(`### ${title}\n\nNot measured.`);
    continue;
  }
  const points = own.map(({ arm, score, tokens_per_forward: x }) => ({ x, y: score, label: arm }));
  const plot = { title, xLabel: "tokens per forward", yLabel: "score, percent" };
  const svg = standalone(pointPlot({ ...plot, curves: [{ name, points }] }));
  await Deno.writeTextFile(new URL(`plots/recipe-${name}.svg`, DOCS), svg);
  sections.push(`### ${title}\n\n![${title}](plots/recipe-${name}.svg)\n\n${armsTable(id)}`);
}
const items = Math.max(...rows.map((row) => row.items));
const made =
  `Measured ${date} on ${machine}: ${steps} steps an arm, ${items} of nano's items, threshold 0.95 ` +
  `where it is not the question; score is the mean of the five tasks. Several seeds: mean ± half the ` +
  `range; in the plots each is a point of its arm's line.${note ? ` ${note}` : ""}`;
const file = new URL("recipe.md", DOCS);
const text = await Deno.readTextFile(file);
const found = `${made}\n\n${sections.join("\n\n")}`;
await Deno.writeTextFile(file, replaceMarked(text, "experiments", found));
