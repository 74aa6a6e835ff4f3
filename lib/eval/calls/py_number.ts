/** Numbers in texts, as Python's `int()` and `float()` read them. */

const INT = /^[+-]?\d+(?:_\d+)*$/;
const FLOAT =
  /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const SPECIAL = /^([+-]?)(?:(inf|infinity)|nan)$/i;

/** `int(text)`, undefined where it raises a ValueError. */
export function parseInteger(text: string): bigint | undefined {
  const bare = text.trim();
  if (!INT.test(bare)) return undefined;
  const digits = bare.replaceAll("_", "");
  return digits.startsWith("-") ? -BigInt(digits.slice(1)) : BigInt(digits.replace("+", ""));
}

/** `float(text)`, undefined where it raises a ValueError. */
export function parseFloating(text: string): number | undefined {
  const bare = text.trim();
  if (FLOAT.test(bare)) return Number(bare.replaceAll("_", ""));
  const special = SPECIAL.exec(bare);
  if (!special) return undefined;
  if (special[2] === undefined) return NaN;
  return special[1] === "-" ? -Infinity : Infinity;
}
