/** The few formats of Python's `datetime.strptime` that the simulated APIs read. */
import { PyError, pyRepr, type PyValue, typeName } from "../../calls/py_value.ts";

/** Pattern of each format; its groups are numbers in the order of the format. */
const FORMATS = {
  "%Y-%m-%d": /^(\d{4})-(\d{1,2})-(\d{1,2})/,
  "%Y-%m-%d %H:%M:%S": /^(\d{4})-(\d{1,2})-(\d{1,2})\s+(\d{1,2}):(\d{1,2}):(\d{1,2})/,
  "%I:%M %p": /^(\d{1,2}):(\d{1,2})\s+([ap])m/i,
};

/** Seconds of a time of the given format, for comparison; a ValueError where Python raises one. */
export function parseTime(value: PyValue, format: keyof typeof FORMATS): number {
  if (typeof value !== "string") {
    const type = typeName(value);
    throw new PyError("TypeError", `strptime() argument 1 must be str, not ${type}`);
  }
  const match = FORMATS[format].exec(value);
  const seconds = match && (format === "%I:%M %p" ? clockTime(match) : calendarTime(match));
  if (!match || seconds === undefined || seconds === null) {
    throw new PyError("ValueError", `time data ${pyRepr(value)} does not match format '${format}'`);
  }
  if (match[0].length < value.length) {
    throw new PyError("ValueError", `unconverted data remains: ${value.slice(match[0].length)}`);
  }
  return seconds;
}

function clockTime([, hour, minute, half]: RegExpExecArray): number | undefined {
  if (Number(hour) < 1 || Number(hour) > 12 || Number(minute) > 59) return undefined;
  const afternoon = half.toLowerCase() === "p" ? 12 : 0;
  return ((Number(hour) % 12 + afternoon) * 60 + Number(minute)) * 60;
}

function calendarTime(match: RegExpExecArray): number | undefined {
  const [year, month, day, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > 31 || year < 1) return undefined;
  if (hour > 23 || minute > 59 || second > 61) return undefined;
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second));
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCDate() !== day) throw new PyError("ValueError", "day is out of range for month");
  return date.getTime() / 1000;
}
