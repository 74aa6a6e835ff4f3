/** Numbers in texts, as Python's `int()` and `float()` read them. */

const INT = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const SPECIAL = /^([+-]?)(?:(inf|infinity)|nan)$/i;

/** The text without the underscores that may stand between digits. */
function digits(text: string): string {
  return text.trim().replace(/(?<=\d)_(?=\d)/g, "");
}

/** `int(text)`, undefined where it raises a ValueError. */
export function parseInteger(text: string): bigint | undefined {
  const bare = digits(text);
  if (!INT.test(bare)) return undefined;
  return bare.startsWith("-") ? -BigInt(bare.slice(1)) : BigInt(bare.replace("+", ""));
}

/** `float(text)`, undefined where it raises a ValueError. */
export function parseFloating(text: string): number | undefined {
  const bare = digits(text);
  if (FLOAT.test(bare)) return Number(bare);
  const special = SPECIAL.exec(bare);
  if (!special) return undefined;
  if (special[2] === undefined) return NaN;
  return special[1] === "-" ? -Infinity : Infinity;
}
