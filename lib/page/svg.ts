/** Plots as SVG text: bars, points with lines. Colours come from the page's style. */

/** One bar of a group: a value on 0..1, and the name of its series. */
export interface Bar {
  readonly value: number;
  readonly series: string;
  readonly interval?: readonly [number, number];
}

/** Groups of bars. */
export interface BarGroup {
  readonly name: string;
  readonly bars: readonly Bar[];
}

/** A point of a curve; both axes are numbers. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly label?: string;
  /** Area of the point, relative to others. */
  readonly size?: number;
}

/** What a plot of points shows. */
export interface PointPlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xRange?: readonly [number, number];
  readonly curves: readonly { readonly name: string; readonly points: readonly Point[] }[];
  /** Draw y = x. */
  readonly diagonal?: boolean;
}

/** Sizes of a plot, and of the margins around its axes. */
export const WIDTH = 640;
export const HEIGHT = 320;
export const LEFT = 52;
export const RIGHT = 16;
export const TOP = 30;
export const BOTTOM = 46;

/** Text safe inside markup, in one line, control characters shown as such. */
export function escape(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, " ").replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** A coordinate to a tenth. */
export const round = (value: number): number => Math.round(10 * value) / 10;

/** Bars in groups, in percent from 0 to `top`, which is 1 for all. */
export function barPlot(title: string, groups: readonly BarGroup[], top = 1): string {
  const series = [...new Set(groups.flatMap(({ bars }) => bars.map(({ series }) => series)))];
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const slot = (WIDTH - LEFT - RIGHT) / groups.length;
  const width = Math.min(28, (slot - 12) / series.length);
  const parts = groups.flatMap(({ name, bars }, g) => {
    const middle = LEFT + (g + 0.5) * slot;
    const left = middle - series.length * width / 2;
    return [
      ...bars.map(({ value, series: own, interval }) => {
        const x = left + series.indexOf(own) * width;
        const upper = y(value);
        const whisker = interval
          ? `<path class="whisker" d="M${round(x + width / 2)} ${round(y(interval[0]))}V${
            round(y(interval[1]))
          }"/>`
          : "";
        return `<rect class="s${series.indexOf(own)}" x="${round(x + 1)}" y="${
          round(upper)
        }" width="${round(width - 2)}" height="${round(y(0) - upper)}"><title>${escape(own)} ${
          (100 * value).toFixed(1)
        }</title></rect>${whisker}`;
      }),
      `<text x="${round(middle)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${
        escape(name)
      }</text>`,
    ];
  });
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    gridLine(y(share * top), `${round(100 * share * top)}`)
  );
  return frame(title, [...grid, ...parts, series.length > 1 ? legend(series) : ""]);
}

/** Points joined by lines, one colour a curve; y is percent from 0 to 100. */
export function pointPlot(plot: PointPlot): string {
  const xs = plot.curves.flatMap(({ points }) => points.map(({ x }) => x));
  const [low, high] = plot.xRange ?? [Math.min(...xs), Math.max(...xs)];
  const span = high - low || 1;
  const [from, to] = plot.xRange ? [low, high] : [low - 0.08 * span, high + 0.08 * span];
  const x = (value: number) => LEFT + (value - from) / (to - from) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => TOP + (1 - value) * (HEIGHT - TOP - BOTTOM);
  const ticks = roundTicks(from, to);
  const axes = [
    ...[0, 0.25, 0.5, 0.75, 1].map((value) => gridLine(y(value), `${100 * value}`)),
    ...ticks.map((tick) =>
      `<text x="${round(x(tick))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${
        Number(tick.toFixed(6))
      }</text>`
    ),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escape(plot.xLabel)}</text>`,
    `<text class="axis" transform="translate(13 ${HEIGHT / 2}) rotate(-90)">${
      escape(plot.yLabel)
    }</text>`,
  ];
  const diagonal = plot.diagonal
    ? `<path class="grid" d="M${round(x(from))} ${round(y(from))}L${round(x(to))} ${
      round(y(to))
    }"/>`
    : "";
  const curves = plot.curves.map(({ points }, c) => {
    const path = points.map((p, i) => `${i ? "L" : "M"}${round(x(p.x))} ${round(y(p.y))}`).join("");
    const dots = points.map((p, i) => {
      const radius = 3 + 5 * Math.sqrt(p.size ?? 0);
      // Above and below in turn, so that neighbours do not write over each other.
      const label = p.label
        ? `<text x="${round(x(p.x))}" y="${
          round(y(p.y) + (i % 2 ? radius + 13 : -radius - 3))
        }" text-anchor="middle">${escape(p.label)}</text>`
        : "";
      return `<circle class="s${c}" cx="${round(x(p.x))}" cy="${round(y(p.y))}" r="${
        round(radius)
      }"/>${label}`;
    });
    return `<path class="line l${c}" d="${path}"/>${dots.join("")}`;
  });
  const names = plot.curves.map(({ name }) => name);
  return frame(plot.title, [...axes, diagonal, ...curves, names.length > 1 ? legend(names) : ""]);
}

/** Multiples of 1, 2 or 5 times a power of ten: about five in the range. */
export function roundTicks(from: number, to: number): number[] {
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough)!;
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}

/** A line across the plot with its label on the axis. */
export function gridLine(y: number, label: string): string {
  return `<path class="grid" d="M${LEFT} ${round(y)}H${WIDTH - RIGHT}"/><text x="${LEFT - 6}" y="${
    round(y + 4)
  }" text-anchor="end">${label}</text>`;
}

/** Names beside their colours, above the plot; cut where they are too long for it. */
export function legend(names: readonly string[]): string {
  const widthOf = (name: string) => 26 + 7 * name.length;
  const room = WIDTH - LEFT;
  const fits = names.reduce((sum, name) => sum + widthOf(name), 0) <= room;
  const most = fits ? Infinity : Math.floor((room / names.length - widthOf("")) / 7);
  let x = LEFT;
  return names.map((name, i) => {
    const at = x;
    const shown = name.length > most ? `${name.slice(0, most - 1)}…` : name;
    x += widthOf(shown);
    return `<rect class="s${i}" x="${at}" y="4" width="11" height="11"/><text x="${
      at + 15
    }" y="14">${escape(shown)}</text>`;
  }).join("");
}

/** The plot of these parts. */
export function frame(title: string, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">${
    parts.join("")
  }</svg>`;
}

/** Colours of curves and bars on a white page. */
export const COLORS: readonly string[] = ["#2563eb", "#f59e0b", "#10b981", "#a855f7", "#ef4444"];
