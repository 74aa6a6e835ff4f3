/** Ranges of numbers that users give. */

/** A number's range; `above` when the lower end is excluded, `whole` when fractions are. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
  readonly above?: boolean;
}

/** Whether a value is a number that lies in a range. */
export function inRange(value: unknown, { min, max, whole, above }: Range): value is number {
  return typeof value === "number" && value >= min && value <= max && !(above && value === min) &&
    (!whole || Number.isInteger(value));
}

/** A range in words. */
export function rangeText({ min, max, whole, above }: Range): string {
  return `a ${whole ? "whole " : ""}number ${above ? "above" : "from"} ${min} to ${max}`;
}
