/** Files inside published archives, found by path; zip members are streamed, tar members kept in memory. */
import { Refusal } from "../refusal.ts";
import { type ByteSource, memorySource, readAll, streamed } from "./bytes.ts";
import { inflate } from "./inflate.ts";
import { readTar } from "./tar.ts";
import { readZip } from "./zip.ts";

/** Most bytes of tar members that are kept. */
const MAX_KEPT = 1 << 30;

/** Members by their path in the archive. */
export type Members = ReadonlyMap<string, ByteSource>;

/** What is wanted of an archive. */
export interface ArchiveOptions {
  readonly password?: string;
  /** Paths of files, and of folders with a `/` at the end. */
  readonly wanted: readonly string[];
}

/** The members of a zip, tar or tar.gz by what its first bytes say; of a tar only those that are wanted. */
export async function openArchive(source: ByteSource, options: ArchiveOptions): Promise<Members> {
  const head = await source.slice(0, Math.min(4, await source.size()));
  if (head[0] === 0x50 && head[1] === 0x4b) return await zipMembers(source, options);
  const gzipped = head[0] === 0x1f && head[1] === 0x8b;
  const plain = gzipped ? inflate(source.name, source.stream(), "gzip") : source.stream();
  return await tarMembers(source.name, plain, options);
}

async function zipMembers(source: ByteSource, { password }: ArchiveOptions): Promise<Members> {
  const members = await readZip(source);
  return new Map(members.map(({ name, stream }) => [
    name,
    streamed(`${source.name}/${name}`, () => stream(password)),
  ]));
}

async function tarMembers(
  archive: string,
  plain: ReadableStream<Uint8Array<ArrayBuffer>>,
  { wanted }: ArchiveOptions,
): Promise<Members> {
  const found = new Map<string, ByteSource>();
  let kept = 0;
  for await (const member of readTar(archive, plain)) {
    if (!wanted.some((path) => matches(member.name, path))) continue;
    const where = `${archive}/${member.name}`;
    kept += member.size;
    if (kept > MAX_KEPT) {
      throw new Refusal(`Cannot read ${where}: more than ${MAX_KEPT} bytes, expected at most that`);
    }
    const bytes = await readAll(where, ReadableStream.from(member.body()));
    found.set(member.name, memorySource(where, bytes));
  }
  return found;
}

/**
 * Members that a declared path means: the file, or all files below a folder, in the order of their code
 * units; with the rest of the path.
 */
export function membersAt(members: Members, path: string): { rest: string; source: ByteSource }[] {
  const found: { rest: string; source: ByteSource; name: string }[] = [];
  for (const [name, source] of members) {
    if (!matches(name, path)) continue;
    const from = `/${name}`.indexOf(`/${path}`) + path.length;
    found.push({ rest: name.slice(from), source, name });
  }
  // A member at exactly this path is meant, whatever else ends like it.
  const exact = found.filter(({ name }) =>
    name === path || name.startsWith(path) && path.endsWith("/")
  );
  return (exact.length > 0 ? exact : found).sort((a, b) => a.rest < b.rest ? -1 : 1);
}

/** Publishers like to put everything into one more folder. */
function matches(name: string, path: string): boolean {
  if (path.endsWith("/")) return `/${name}`.includes(`/${path}`);
  return name === path || name.endsWith(`/${path}`);
}
