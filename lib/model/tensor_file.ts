/** Edge: safetensors files, read by ranges of bytes, and written one tensor at a time. */
import { writeAll } from "../folder.ts";
import { reason, Refusal } from "../refusal.ts";
import type { OpenFile } from "./folder.ts";
import {
  encodeHeader,
  readHeader,
  tensorBytes,
  type TensorEntry,
  type TensorInfo,
} from "./safetensors.ts";
import { LAYOUT, LAYOUT_KEY } from "./tensors.ts";

/** One opened safetensors file. */
export class WeightFile {
  private constructor(
    private readonly file: OpenFile,
    readonly tensors: ReadonlyMap<string, TensorInfo>,
  ) {}

  /** Reads the header; the file is closed when that fails. */
  static async open(file: OpenFile): Promise<WeightFile> {
    try {
      const { path, size } = file;
      const read = (start: number, length: number) => file.read(start, length);
      const { tensors, metadata } = await readHeader(path, size, read);
      checkLayout(path, metadata);
      return new WeightFile(file, tensors);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get path(): string {
    return this.file.path;
  }

  async read(start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return await this.file.read(start, length);
  }

  /** Twice is once. */
  close(): void {
    this.file.close();
  }
}

/** Refuses blocks of another layout than docs/formats.md describes. */
function checkLayout(path: string, metadata: ReadonlyMap<string, string>): void {
  const layout = metadata.get(LAYOUT_KEY);
  if (layout === undefined || layout === LAYOUT) return;
  throw new Refusal(
    `Cannot read "${path}": its blocks have layout "${layout}", expected "${LAYOUT}"`,
  );
}

/** Values of a tensor, or of a part of it. */
export interface NamedTensor {
  /** The tensor's name. */
  readonly name: string;
  /** Row after row. */
  readonly values: Float32Array;
  /** Place of the part's first value in the tensor. */
  readonly at?: number;
}

/** Writes tensors to their places in the file, in whatever order they come; all of `shapes` must. */
export async function writeTensorFile(
  path: string,
  shapes: Iterable<readonly [string, readonly number[]]>,
  tensors: AsyncIterable<NamedTensor>,
): Promise<void> {
  const entries = Array.from(
    shapes,
    ([name, shape]): [string, TensorEntry] => [name, { dtype: "F32", shape }],
  );
  const header = encodeHeader(entries, { format: "pt" });
  const places = new Map<string, { start: number; bytes: number; left: number }>();
  let end = header.length;
  for (const [name, entry] of entries) {
    const bytes = tensorBytes(entry);
    places.set(name, { start: end, bytes, left: bytes });
    end += bytes;
  }
  try {
    using file = await Deno.open(path, { write: true, create: true, truncate: true });
    await writeAll(file, header);
    for await (const { name, values, at = 0 } of tensors) {
      const place = places.get(name);
      if (!place || 4 * at + values.byteLength > place.bytes) {
        throw new TypeError(`tensor "${name}" is not as large as was said`);
      }
      place.left -= values.byteLength;
      await file.seek(place.start + 4 * at, Deno.SeekMode.Start);
      await writeAll(file, bytesOf(values));
    }
    for (const [name, { left }] of places) {
      if (left !== 0) throw new TypeError(`tensor "${name}" did not come whole and once`);
    }
    await file.sync();
  } catch (cause) {
    if (cause instanceof TypeError || cause instanceof Refusal) throw cause;
    throw new Refusal(`Cannot write "${path}": ${reason(cause)}`, { cause });
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
