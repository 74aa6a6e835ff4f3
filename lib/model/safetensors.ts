/** Reads and writes safetensors, strictly: every byte of the file belongs to exactly one tensor. */
import { concat } from "../concat.ts";
import { topLevel } from "../records/json.ts";
import { kindOf, shown } from "../records/record.ts";
import { Refusal } from "../refusal.ts";

/** Element types of the format, in bytes. */
const DTYPE_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

/** One tensor of a file; `start` is its byte offset from the beginning of the file. */
export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly bytes: number;
}

/** Largest header accepted, in bytes. */
const MAX_HEADER = 100 << 20;

/** Tensors and metadata of a file's header; `read` gives bytes `start .. start + length`. */
export async function readHeader(
  file: string,
  size: number,
  read: (start: number, length: number) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<{ tensors: Map<string, TensorInfo>; metadata: Map<string, string> }> {
  const fail = (problem: string): never => {
    throw new Refusal(`Cannot read "${file}" as safetensors: ${problem}`);
  };
  if (size < 8) fail(`the file has ${size} bytes, expected at least 8`);
  const length = new DataView((await read(0, 8)).buffer).getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER, size - 8))) {
    const most = Math.min(MAX_HEADER, size - 8);
    fail(`its header length is ${length}, expected at most ${most}`);
  }
  const bytes = await read(8, Number(length));
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    fail("its header is not UTF-8, expected UTF-8");
  }
  if (!text.startsWith("{")) fail(`its header starts with "${text.slice(0, 1)}", expected "{"`);
  const entries = parseHeader(text.trimEnd(), fail);
  const tensors = new Map<string, TensorInfo>();
  let metadata = new Map<string, string>();
  for (const [name, value] of entries) {
    if (name === "__metadata__") metadata = metadataOf(value, fail);
    else tensors.set(name, tensorInfo(name, value, { base: 8 + Number(length), fail }));
  }
  checkCoverage(tensors, { base: 8 + Number(length), size, fail });
  return { tensors, metadata };
}

type Fail = (problem: string) => never;

/**
 * The header's entries in order. Numbers are read from their digits, since JSON.parse rounds large ones,
 * and repeated names are refused, since it keeps the last.
 */
function parseHeader(text: string, fail: Fail): [string, unknown][] {
  let value: unknown;
  try {
    value = JSON.parse(text, (_key, inner, context?: { source?: string }) => {
      const exact = typeof inner !== "number" || /^\d{1,15}$/.test(context?.source ?? "");
      return exact ? inner : `number ${context?.source}`;
    });
  } catch (cause) {
    fail(`its header is not JSON: ${(cause as Error).message}`);
  }
  const names = new Set<string>();
  for (const { name } of topLevel(text)) {
    if (names.has(name)) fail(`tensor "${name}" stands twice, expected once`);
    names.add(name);
  }
  // Object.entries would put numeric names first and lose "__proto__"; names keep the file's order.
  const object = value as Record<string, unknown>;
  return Array.from(names, (name) => [name, Object.getOwnPropertyDescriptor(object, name)?.value]);
}

function metadataOf(value: unknown, fail: Fail): Map<string, string> {
  const entries = Object.entries(kindOf(value) === "object" ? value as object : { value });
  const bad = entries.find(([, text]) => typeof text !== "string");
  if (bad) fail(`"__metadata__" holds ${shown(bad[1])} as "${bad[0]}", expected strings by name`);
  return new Map(entries);
}

function tensorInfo(
  name: string,
  value: unknown,
  { base, fail }: { base: number; fail: Fail },
): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    const known = Object.keys(DTYPE_BYTES).join(", ");
    return fail(`tensor "${name}" has dtype ${JSON.stringify(dtype)}, expected one of ${known}`);
  }
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((item) => Number.isSafeInteger(item) && item >= 0);
  if (!whole(shape)) return fail(`tensor "${name}" has shape ${JSON.stringify(shape)}`);
  if (!whole(offsets) || offsets.length !== 2 || offsets[1] < offsets[0]) {
    return fail(
      `tensor "${name}" has data_offsets ${JSON.stringify(offsets)}, expected [start, end]`,
    );
  }
  const bytes = offsets[1] - offsets[0];
  const wanted = shape.reduce((product, n) => product * n, DTYPE_BYTES[dtype]);
  if (wanted !== bytes) {
    return fail(
      `tensor "${name}" of shape [${shape}] needs ${wanted} bytes, expected its range of ${bytes}`,
    );
  }
  return { dtype, shape, start: base + offsets[0], bytes };
}

function checkCoverage(
  tensors: ReadonlyMap<string, TensorInfo>,
  { base, size, fail }: { base: number; size: number; fail: Fail },
): void {
  let at = base;
  let before = "the header";
  const sorted = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.bytes - b.bytes);
  for (const [name, { start, bytes }] of sorted) {
    if (start + bytes > size) {
      fail(`tensor "${name}" ends at byte ${start + bytes}, expected at most ${size}`);
    }
    if (start !== at) {
      const what = start < at ? "overlaps" : `leaves ${start - at} bytes unused after`;
      fail(`tensor "${name}" ${what} "${before}"`);
    }
    at = start + bytes;
    before = name;
  }
  if (at !== size) fail(`${size - at} bytes after "${before}" belong to no tensor`);
}

/** What a header says of a tensor to write. */
export interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** A tensor to write. */
export interface TensorData extends TensorEntry {
  readonly bytes: Uint8Array;
}

/** Bytes of a tensor of this type and shape. */
export function tensorBytes({ dtype, shape }: TensorEntry): number {
  return shape.reduce((product, n) => product * n, DTYPE_BYTES[dtype]);
}

/** The start of a file, up to the first tensor's bytes, which follow in this order without gaps. */
export function encodeHeader(
  tensors: Iterable<readonly [string, TensorEntry]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  let at = 0;
  const entries: [string, unknown][] = [["__metadata__", metadata]];
  for (const [name, entry] of tensors) {
    const { dtype, shape } = entry;
    const end = at + tensorBytes(entry);
    entries.push([name, { dtype, shape, data_offsets: [at, end] }]);
    at = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(32, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}

/** The file that holds these tensors. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const header = encodeHeader(tensors, metadata);
  return concat([header, ...Array.from(tensors.values(), ({ bytes }) => bytes)]);
}
