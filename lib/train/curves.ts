/** A training run as one self-contained page of curves: losses, learning rate, gradient norm, by stage. */
import { page, wide } from "../page/page.ts";
import {
  BOTTOM,
  escape,
  frame,
  gridLine,
  HEIGHT,
  LEFT,
  legend,
  RIGHT,
  round,
  roundTicks,
  TOP,
  WIDTH,
} from "../page/svg.ts";
import type { StepMetrics } from "./metrics.ts";

/** One line of a plot: [step, value]. */
interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  /** Measured at few steps: drawn with dots. */
  readonly sparse?: boolean;
}

/** Steps of one stage. */
interface Band {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Points drawn of a curve; more steps are averaged, with their range behind the line. */
const MOST_POINTS = 280;

/** The page of a run's steps. */
export function curvesPage(title: string, metrics: readonly StepMetrics[]): string {
  if (metrics.length === 0) return page({ title, subtitle: "no step is done yet" }, []);
  const bands = stageBands(metrics);
  const values = (of: (line: StepMetrics) => number | undefined) =>
    metrics.flatMap((line) => {
      const value = of(line);
      return value === undefined || !Number.isFinite(value) ? [] : [[line.step, value] as const];
    });
  const validation = values((line) => line.validation);
  const loss: Curve[] = [{ name: "loss", points: values(({ loss }) => loss) }];
  if (validation.length > 0) loss.push({ name: "validation", points: validation, sparse: true });
  const one = (name: string, of: (line: StepMetrics) => number, log: boolean) =>
    linePlot({ title: name, curves: [{ name, points: values(of) }], bands, log });
  return page({ title, subtitle: headline(metrics) }, [
    `<h2>Loss</h2>${linePlot({ title: "loss", curves: loss, bands, log: true })}`,
    `<h2>Learning rate</h2>${one("learning rate", ({ lr }) => lr, false)}`,
    `<h2>Gradient norm before clipping</h2>${
      one("gradient norm", (line) => line.gradient_norm, true)
    }`,
  ]);
}

function headline(metrics: readonly StepMetrics[]): string {
  const last = metrics.at(-1)!;
  const tokens = metrics.reduce((sum, line) => sum + line.tokens, 0);
  const measured = metrics.findLast((line) => line.validation !== undefined)?.validation;
  return [
    `${last.step} steps`,
    `${tokens.toLocaleString("en")} tokens`,
    `loss ${last.loss.toFixed(4)}`,
    ...(measured === undefined ? [] : [`validation ${measured.toFixed(4)}`]),
    `stage ${last.stage}`,
  ].join(", ");
}

function stageBands(metrics: readonly StepMetrics[]): Band[] {
  const bands: { name: string; from: number; to: number }[] = [];
  for (const { stage, step } of metrics) {
    const last = bands.at(-1);
    if (last?.name === stage) last.to = step;
    else bands.push({ name: stage, from: step - 1, to: step });
  }
  return bands;
}

/** Lines over steps; a logarithmic axis leaves out what is not above zero. */
function linePlot(
  { title, curves, bands, log }: {
    title: string;
    curves: readonly Curve[];
    bands: readonly Band[];
    log: boolean;
  },
): string {
  const drawn = curves.map((curve) => ({
    ...curve,
    points: log ? curve.points.filter(([, value]) => value > 0) : curve.points,
  }));
  const all = drawn.flatMap(({ points }) => points.map(([, value]) => value));
  if (all.length === 0) return "<p>Nothing was measured.</p>";
  const least = all.reduce((a, b) => Math.min(a, b));
  const most = all.reduce((a, b) => Math.max(a, b));
  const [low, high] = log ? [least / 1.1, most * 1.1] : [Math.min(0, least), most * 1.1 || 1];
  const axis = log ? Math.log : (value: number) => value;
  const y = (value: number) =>
    TOP + (axis(high) - axis(value)) / (axis(high) - axis(low)) * (HEIGHT - TOP - BOTTOM);
  const first = bands[0].from;
  const last = bands.at(-1)!.to;
  const x = (step: number) => LEFT + (step - first) / (last - first) * (WIDTH - LEFT - RIGHT);
  const ticks = log ? logTicks(low, high) : roundTicks(low, high);
  return wide(frame(title, [
    ...bands.map((band, index) => bandOf(band, index, x)),
    ...ticks.map((tick) => gridLine(y(tick), tickText(tick))),
    ...roundTicks(first, last).map((step) =>
      `<text x="${round(x(step))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${step}</text>`
    ),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">step</text>`,
    ...drawn.map((curve, index) => pathOf(curve, index, { x, y })),
    drawn.length > 1 ? legend(drawn.map(({ name }) => name)) : "",
  ]));
}

/** A value that fits beside its line: 0.0001, 5e-5. */
function tickText(value: number): string {
  const text = String(Number(value.toPrecision(3)));
  return text.length <= 6 ? text : Number(text).toExponential();
}

function bandOf({ name, from, to }: Band, index: number, x: (step: number) => number): string {
  const shade = index % 2 === 1
    ? `<rect class="band" x="${round(x(from))}" y="${TOP}" width="${
      round(x(to) - x(from))
    }" height="${HEIGHT - TOP - BOTTOM}"/>`
    : "";
  // A stage too narrow for its name has it in a tooltip.
  const fits = x(to) - x(from) > 7 * name.length;
  const label = fits
    ? `<text x="${round((x(from) + x(to)) / 2)}" y="${TOP + 13}" text-anchor="middle">${
      escape(name)
    }</text>`
    : "";
  return `<g><title>${escape(name)}</title>${shade}${label}</g>`;
}

type Scale = { x: (step: number) => number; y: (value: number) => number };

function pathOf({ points, sparse }: Curve, index: number, { x, y }: Scale): string {
  const buckets = bucketsOf(points);
  const at = (step: number, value: number) => `${round(x(step))} ${round(y(value))}`;
  const line = buckets.map(({ step, mean }, i) => `${i ? "L" : "M"}${at(step, mean)}`).join("");
  const above = buckets.map(({ step, most }, i) => `${i ? "L" : "M"}${at(step, most)}`);
  const below = buckets.toReversed().map(({ step, least }) => `L${at(step, least)}`);
  const spread = buckets.length < points.length
    ? `<path class="spread s${index}" d="${above.join("")}${below.join("")}Z"/>`
    : "";
  const dots = sparse
    ? buckets.map(({ step, mean }) =>
      `<circle class="s${index}" cx="${round(x(step))}" cy="${
        round(y(mean))
      }" r="2.5"><title>${step}: ${mean.toFixed(4)}</title></circle>`
    )
    : [];
  return `${spread}<path class="line l${index}" d="${line}"/>${dots.join("")}`;
}

interface Bucket {
  readonly step: number;
  readonly mean: number;
  readonly least: number;
  readonly most: number;
}

function bucketsOf(points: Curve["points"]): Bucket[] {
  const size = Math.ceil(points.length / MOST_POINTS);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const own = points.slice(i * size, (i + 1) * size);
    const values = own.map(([, value]) => value);
    const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
    return {
      step: mean(own.map(([step]) => step)),
      mean: mean(values),
      least: Math.min(...values),
      most: Math.max(...values),
    };
  });
}

/** 1, 2 and 5 times powers of ten in the range; the powers alone where those are many. */
function logTicks(low: number, high: number): number[] {
  const from = Math.floor(Math.log10(low));
  const to = Math.ceil(Math.log10(high));
  const factors = to - from > 3 ? [1] : [1, 2, 5];
  return Array.from({ length: to - from + 1 }, (_, i) => i + from)
    .flatMap((power) => factors.map((factor) => factor * 10 ** power))
    .filter((tick) => tick >= low && tick <= high);
}
