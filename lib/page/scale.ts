/** A scale of colours from first to last that looks even: equal distances in OKLab, darker first. */

/** Stops of the scale as lightness, chroma and hue in degrees. */
const STOPS = [[0.36, 0.13, 285], [0.57, 0.1, 235], [0.76, 0.13, 160], [0.93, 0.15, 105]] as const;

/** Shades of the scale. */
const SHADES = 32;

type Point = readonly [number, number, number];

/** Colours of the scale. */
export const SCALE: readonly string[] = shades();

/** Colour of text on each of them: the one with more contrast. */
export const INKS: readonly string[] = SCALE.map((color) =>
  // From this luminance on black has more than white: both 4.58.
  luminance(color) > 0.1791 ? "#000" : "#fff"
);

/** Which shade is the `index`-th of `count` steps. */
export function shadeOf(index: number, count: number): number {
  return count < 2 ? 0 : Math.round(index / (count - 1) * (SHADES - 1));
}

/** Relative luminance of a colour, as WCAG has it. */
export function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function shades(): string[] {
  const points = STOPS.map(([lightness, chroma, hue]): Point => [
    lightness,
    chroma * Math.cos(hue * Math.PI / 180),
    chroma * Math.sin(hue * Math.PI / 180),
  ]);
  const lengths = points.slice(1).map((point, i) => distance(points[i], point));
  const whole = lengths.reduce((sum, length) => sum + length, 0);
  return Array.from({ length: SHADES }, (_, shade) => {
    let left = shade / (SHADES - 1) * whole;
    let leg = 0;
    while (leg < lengths.length - 1 && left > lengths[leg]) left -= lengths[leg++];
    const share = left / lengths[leg];
    return hexOf(points[leg].map((from, i) => from + share * (points[leg + 1][i] - from)));
  });
}

function distance(a: Point, b: Point): number {
  return Math.hypot(...a.map((value, i) => value - b[i]));
}

/** OKLab to sRGB. */
function hexOf([lightness, a, b]: readonly number[]): string {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const bytes = linear.map((value) => {
    const kept = Math.min(1, Math.max(0, value));
    return Math.round(255 * (kept <= 0.0031308 ? 12.92 * kept : 1.055 * kept ** (1 / 2.4) - 0.055));
  });
  return `#${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
