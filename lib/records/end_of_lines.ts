/** Edge: where the whole lines of a file end, when its writer may have been stopped in the middle of one. */

/** Offset after the last newline of a file; `start` when there is none behind it. */
export async function endOfLines(file: Deno.FsFile, start: number): Promise<number> {
  const part = new Uint8Array(64 << 10);
  for (let end = (await file.stat()).size; end > start;) {
    const from = Math.max(start, end - part.length);
    await file.seek(from, Deno.SeekMode.Start);
    const count = await file.read(part.subarray(0, end - from)) ?? 0;
    const newline = part.lastIndexOf(10, count - 1);
    if (newline >= 0) return from + newline + 1;
    end = from;
  }
  return start;
}
