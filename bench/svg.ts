/** Bar charts as SVG text: no dependency, the same bytes for the same figures. */

/** A group of bars with one label. */
export interface BarGroup {
  readonly label: string;
  readonly bars: readonly { readonly name: string; readonly value: number }[];
}

const COLORS = ["#3b6ea8", "#d9822b", "#4f9d69", "#a05195", "#8a8f98"];
const LEFT = 190;
const WIDTH = 460;
const BAR = 16;

/** Horizontal bars, one color a name; lengths linear from zero, or by logarithm with lines at powers of ten. */
export function barChart(
  groups: readonly BarGroup[],
  { title, unit, digits = 1, logarithmic = false }: {
    title: string;
    unit: string;
    digits?: number;
    logarithmic?: boolean;
  },
): string {
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const most = Math.max(...values);
  const first = Math.floor(Math.log10(Math.min(...values)));
  const lengthOf = (value: number) =>
    WIDTH * (logarithmic ? (Math.log10(value) - first) / (Math.log10(most) - first) : value / most);
  const parts: string[] = [];
  let y = logarithmic ? 72 : 58;
  if (logarithmic) {
    const bottom = y + groups.reduce((sum, { bars }) => sum + bars.length * BAR + 10, -10);
    for (let power = first; power <= Math.log10(most); power++) {
      const at = LEFT + lengthOf(10 ** power);
      parts.push(
        `<path d="M${at.toFixed(1)} ${y - 4}V${bottom}" stroke="#ccc"/>`,
        text(at, y - 8, `${10 ** power} ${unit}`, 'font-size="11" text-anchor="middle"'),
      );
    }
  }
  for (const { label, bars } of groups) {
    const middle = y + bars.length * BAR / 2 + 4;
    parts.push(text(LEFT - 10, middle, label, 'text-anchor="end"'));
    for (const { name, value } of bars) {
      const width = Math.max(1, lengthOf(value));
      const color = COLORS[names.indexOf(name) % COLORS.length];
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${
          BAR - 3
        }" fill="${color}"/>`,
        text(LEFT + width + 6, y + 11, `${value.toFixed(digits)} ${unit}`, 'font-size="11"'),
      );
      y += BAR;
    }
    y += 10;
  }
  let x = LEFT;
  for (const [index, name] of names.entries()) {
    parts.push(
      `<rect x="${x}" y="34" width="11" height="11" fill="${COLORS[index % COLORS.length]}"/>`,
      text(x + 16, 44, name, 'font-size="12"'),
    );
    x += 40 + 7 * name.length;
  }
  return `${
    [
      `<svg xmlns="http://www.w3.org/2000/svg" width="780" height="${y}" font-family="sans-serif" font-size="13" fill="#222">`,
      `<rect width="100%" height="100%" fill="#fff"/>`,
      text(16, 22, title, 'font-weight="bold"'),
      ...parts,
      "</svg>",
    ].join("\n")
  }\n`;
}

function text(x: number, y: number, content: string, more: string): string {
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y}" ${more}>${safe}</text>`;
}
