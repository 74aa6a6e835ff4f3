/**
 * Edge: the files of a declared source, wherever they are: `DIR/<task>/`, a sample there, the caches, the
 * network. What cannot be had is a line that says what to download and where to put it.
 */
import { cacheDir } from "../cache_dir.ts";
import { fileDigest, rememberedDigest } from "../digest.ts";
import { isFile, isFolder } from "../folder.ts";
import { Refusal } from "../refusal.ts";
import { type Members, membersAt, openArchive } from "./archive.ts";
import { type ByteSource, readText } from "./bytes.ts";
import { fetchFiles } from "./fetch.ts";
import {
  filesBelow,
  fileSource,
  findLocal,
  type Found,
  isPointer,
  lastPart,
  sampleName,
} from "./local.ts";
import { countRows, gunzip, readRows } from "./rows.ts";
import type { OpenedFile, OpenedSource, OpenOptions, Row, Source, SourceFile } from "./source.ts";

/** The folder of local data, if one is named. */
export function namedFolder({ data, env }: OpenOptions): string | undefined {
  return data ?? (env.get("UNMASK_DATA") || undefined);
}

/** The same; refuses one that is not there. */
export async function dataFolder(options: OpenOptions): Promise<string | undefined> {
  const named = namedFolder(options);
  if (named === undefined || await isFolder(named)) return named;
  throw new Refusal(
    `Cannot use data folder "${named}": no such folder, expected one (--data DIR, or UNMASK_DATA)`,
  );
}

/** Finds every file of a task's source; of several forms, the first that is there, else the first of all. */
export async function openSource(
  task: string,
  source: Source | readonly Source[],
  options: OpenOptions,
): Promise<OpenedSource> {
  const forms = [source].flat();
  const data = await dataFolder(options);
  const dir = data && `${data.replace(/\/+$/, "")}/${task}`;
  const local = dir === undefined ? undefined : await findForm(dir, forms);
  const form = local?.form ?? forms[0];
  const opening = new Opening(task, { form, dir, found: local?.found ?? new Map(), options });
  return await opening.open();
}

interface LocalForm {
  readonly form: Source;
  readonly found: ReadonlyMap<SourceFile, Found>;
}

/** The first form that is all there, else the first of which something is. */
async function findForm(dir: string, forms: readonly Source[]): Promise<LocalForm | undefined> {
  let part: LocalForm | undefined;
  for (const form of forms) {
    const found = new Map<SourceFile, Found>();
    for (const file of form.files) {
      const place = await findLocal(dir, file);
      if (place) found.set(file, place);
    }
    const whole = found.size === form.files.length &&
      [...found.values()].every(({ sample }) => !sample);
    if (whole) return { form, found };
    if (found.size > 0) part ??= { form, found };
  }
  return part;
}

interface Plan {
  readonly form: Source;
  readonly dir?: string;
  readonly found: ReadonlyMap<SourceFile, Found>;
  readonly options: OpenOptions;
}

/** One source being opened. */
class Opening {
  readonly #task: string;
  readonly #plan: Plan;
  readonly #archives = new Map<string, Promise<Members>>();
  #samples = false;

  constructor(task: string, plan: Plan) {
    this.#task = task;
    this.#plan = plan;
  }

  async open(): Promise<OpenedSource> {
    const { form, dir, options } = this.#plan;
    // A folder that says where its files come from may hold parts of them under their own names.
    this.#samples = dir !== undefined && await isFile(`${dir}/SOURCE.md`);
    const found = new Map(this.#plan.found);
    const missing = form.files.filter((file) => !found.has(file));
    const sampled = found.size > 0 &&
      (this.#samples || [...found.values()].some(({ sample }) => sample));
    if (missing.length > 0 && !sampled) {
      const fetched = await fetchFiles(form, missing, { task: this.#task, dir, ...options });
      for (const [file, path] of fetched) {
        found.set(file, { path, archived: file.archive !== undefined });
      }
    } else if (missing.length > 0) {
      options.notice(
        `${this.#task}: ${missing.length} of ${form.files.length} files are absent from the samples in "${dir}"`,
      );
    }
    const files: OpenedFile[] = [];
    const problems: string[] = [];
    for (const file of form.files) {
      const place = found.get(file);
      if (place) files.push(await this.#openFile(file, place, problems));
    }
    if (problems.length > 0) {
      const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
      options.notice(`${this.#task}: ${problems[0]}${more}`);
    }
    return opened(form, files);
  }

  /** Opens a file; `problems` gets what makes it a sample. */
  async #openFile(file: SourceFile, found: Found, problems: string[]): Promise<OpenedFile> {
    if (await isPointer(found.path)) {
      throw new Refusal(
        `Cannot use "${found.path}" for ${this.#task}: it is a pointer of Git LFS, expected the file (git lfs pull)`,
      );
    }
    const parts = await this.#parts(file, found);
    const problem = found.sample ? undefined : await this.#pinProblem(file, found, parts);
    if (problem) {
      if (!this.#samples) {
        const own = file.name.endsWith("/") || found.archived
          ? ""
          : ` (other rows may stand in "${sampleName(file.name)}" beside it)`;
        throw new Refusal(`Cannot use "${found.path}" for ${this.#task}: ${problem}${own}`);
      }
      problems.push(`"${found.path}" is a sample: ${problem}`);
    }
    return {
      name: file.name,
      where: found.path,
      sample: found.sample === true || problem !== undefined,
      rows: () => rowsOf(file, parts),
      text: async () => await readText(plainOf(parts[0].source)),
    };
  }

  /** What a declared name stands for: one file, or the files of a folder. */
  async #parts(file: SourceFile, found: Found): Promise<Part[]> {
    if (!found.archived) {
      return file.name.endsWith("/")
        ? await filesBelow(found.path)
        : [{ rest: "", source: fileSource(found.path) }];
    }
    const path = file.path ?? file.name;
    const parts = membersAt(await this.#archive(file, found), path);
    if (parts.length === 0 || (parts.length > 1 && !path.endsWith("/"))) {
      const count = parts.length === 0 ? "no" : parts.length;
      throw new Refusal(
        `Cannot use "${found.path}" for ${this.#task}: ${count} members are "${path}", expected one`,
      );
    }
    return parts;
  }

  #archive(file: SourceFile, { path }: Found): Promise<Members> {
    let members = this.#archives.get(path);
    if (!members) {
      const { files } = this.#plan.form;
      const inside = files.filter(({ archive }) => archive?.path === file.archive!.path);
      const wanted = inside.map(({ name, path }) => path ?? name);
      const password = file.archive!.password;
      members = openArchive(fileSource(path), { password, wanted });
      this.#archives.set(path, members);
    }
    return members;
  }

  /** What of a file differs from its pins; the digest settles it, else rows are counted. */
  async #pinProblem(
    file: SourceFile,
    found: Found,
    parts: readonly Part[],
  ): Promise<string | undefined> {
    const pin = found.archived ? file.archive!.digest : file.digest;
    const published = found.archived ? file.archive!.path : file.path ?? file.name;
    if (pin && lastPart(published) === lastPart(found.path)) {
      const digest = pin.length === 40
        ? await fileDigest(found.path, "git")
        : await rememberedDigest(found.path, cacheDir(this.#plan.options.env));
      if (digest === pin) return undefined;
      const rows = file.rows === undefined ? undefined : await countAll(file, parts);
      const count = rows === file.rows ? "" : ` with ${rows} rows, expected ${file.rows} rows`;
      return `it has the digest ${digest}${count}, expected the digest ${pin}`;
    }
    if (file.rows === undefined) return undefined;
    const rows = await countAll(file, parts);
    return rows === file.rows ? undefined : `it has ${rows} rows, expected ${file.rows}`;
  }
}

interface Part {
  /** Path below the declared folder; "" for a declared file. */
  readonly rest: string;
  readonly source: ByteSource;
}

function opened(source: Source, files: readonly OpenedFile[]): OpenedSource {
  return {
    source,
    files,
    sample: files.length < source.files.length || files.some(({ sample }) => sample),
    file: (name) => files.find((file) => file.name === name),
    async *rows(name) {
      for (const file of files) {
        if (name === undefined || file.name === name) yield* file.rows();
      }
    },
  };
}

async function* rowsOf(file: SourceFile, parts: readonly Part[]): AsyncGenerator<Row> {
  if (!file.name.endsWith("/")) return yield* readRows(parts[0].source, file);
  for (const { rest, source } of parts) {
    if (file.format) yield* readRows(source, file);
    else yield { path: rest, text: await readText(source) };
  }
}

async function countAll(file: SourceFile, parts: readonly Part[]): Promise<number> {
  return file.name.endsWith("/") ? parts.length : await countRows(parts[0].source, file);
}

function plainOf(source: ByteSource): ByteSource {
  return source.name.endsWith(".gz") ? gunzip(source) : source;
}
