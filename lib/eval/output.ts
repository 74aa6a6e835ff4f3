/** Edge: the folder of a run. samples.jsonl grows by whole lines; results are written beside and renamed. */
import { type FolderLock, lockFolder, writeAll, writeWhole, writingTo } from "../folder.ts";
import { endOfLines } from "../records/end_of_lines.ts";
import { differences, parseJson } from "../records/json.ts";
import { readJsonl } from "../records/jsonl.ts";
import { byteLines, lineText, MAX_LINE } from "../records/lines.ts";
import { kindOf, Rec, shown } from "../records/record.ts";
import { reason, Refusal } from "../refusal.ts";
import type { Results } from "./tally.ts";

/** What decides a run's results; a resume with other values refuses. */
export type RunIdentity = Readonly<Record<string, unknown>>;

/** Files of a run; anything else in its folder is foreign. */
const FILES = [
  ...["samples.jsonl", "results.json", "timing.json"],
  ...["report.html", "summary.md", "junit.xml", "lm_eval"],
];
const OURS: ReadonlySet<string> = new Set([...FILES, "lock"]);

/** Longest time between a record's append and its sync to disk. */
const SYNC_MS = 1000;

/** Least time between two writes of a run's times while it goes on. */
const TIMES_MS = 5000;

/** An opened run folder; one process at a time. */
export class RunFolder {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #syncing: Promise<void> = Promise.resolve();
  #failure: Error | undefined;
  /** Seconds by task of this part of the run, as they grow. */
  #seconds: Seconds = {};
  #timed = performance.now();

  private constructor(
    readonly dir: string,
    readonly identity: RunIdentity,
    private readonly lock: FolderLock,
    private file: Deno.FsFile,
    /** Seconds by task of the parts before. */
    private readonly before: Seconds,
    /** Records that failed in the run before, and are to be done again. */
    readonly again: number,
  ) {}

  /**
   * Opens or continues a run; refuses foreign content, other options and a second owner. Records that failed
   * in a run that came to its end are left out, so that they are done again.
   */
  static async open(
    dir: string,
    { identity, force = false, onNotice }: {
      identity: RunIdentity;
      force?: boolean;
      onNotice?: (line: string) => void;
    },
  ): Promise<RunFolder> {
    const lock = await lockFolder(dir);
    try {
      if (force) {
        for (const name of FILES) {
          await Deno.remove(`${dir}/${name}`, { recursive: true }).catch(() => {});
        }
      }
      const known = await checkContent(dir, identity, onNotice);
      const before = await timesOf(dir);
      await cutToWholeLines(`${dir}/samples.jsonl`);
      // Before the results that say so are gone: a kill in between would keep them.
      const again = known?.complete === false ? await dropFailed(dir) : 0;
      const changed = known === undefined ||
        JSON.stringify(identityOf(known)) !== JSON.stringify(identity);
      if (changed || known.complete === false) {
        await writeWhole(`${dir}/results.json`, json({ tasks: {}, ...identity }));
      }
      return new RunFolder(dir, identity, lock, await openSamples(dir), before, again);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Records of earlier parts of this run. */
  done(): AsyncIterable<Rec> {
    return readSamples(this.dir);
  }

  /** Appends one scored record. */
  async append(rec: Rec): Promise<void> {
    await this.#writing(async () => {
      await writeAll(this.file, `${rec}\n`);
      this.#timer ??= setTimeout(() => this.#sync(), SYNC_MS);
    });
  }

  /** What the disk says against the records is a refusal; a sync that failed behind is told here. */
  async #writing(body: () => Promise<void>): Promise<void> {
    try {
      await body();
      // The system tells of bytes that it lost once: a further sync would seem to do.
      if (this.#failure) throw this.#failure;
    } catch (cause) {
      const path = `${this.dir}/samples.jsonl`;
      await cutToWholeLines(path).catch(() => {}); // others may read it before the run goes on
      throw new Refusal(`Cannot write "${path}": ${reason(cause)}`, { cause });
    }
  }

  /**
   * Puts the records in their places by id, once all are there: a run that goes on appends what it does again
   * or anew. Whether any moved.
   */
  async sort(places: ReadonlyMap<string, number>): Promise<boolean> {
    await this.#settle();
    const lines = await linesOf(this.dir, places);
    const sorted = lines.toSorted((a, b) => a.place - b.place);
    if (sorted.every((line, i) => line === lines[i])) return false;
    await rewrite(this.dir, async (write) => {
      using file = await Deno.open(`${this.dir}/samples.jsonl`);
      for (const { start, length } of sorted) {
        await file.seek(start, Deno.SeekMode.Start);
        const line = new Uint8Array(length);
        for (let at = 0; at < length;) at += (await file.read(line.subarray(at)))!;
        await write(line);
      }
    });
    this.file.close();
    this.file = await openSamples(this.dir);
    return true;
  }

  /** Takes the seconds by task of this part of the run, which may grow; timing.json follows them. */
  follow(seconds: Seconds): void {
    this.#seconds = seconds;
  }

  /** Puts what was appended on the disk, also when the next record takes long. */
  #sync(): void {
    this.#timer = undefined;
    this.#syncing = this.#syncing // one by one: a slow disk takes longer than the time between two
      .then(() => this.file.syncData())
      .then(() => performance.now() - this.#timed >= TIMES_MS ? this.writeTimes() : undefined)
      .catch((error) => void (this.#failure = error));
  }

  /** Writes the final results, and times (which alone differ between runs) beside them. */
  async finish(results: Results): Promise<void> {
    await this.#settle();
    await this.#writing(() => this.file.syncData());
    await this.writeTimes(new Date());
    await writeWhole(`${this.dir}/results.json`, json({ ...results, ...this.identity }));
  }

  /** Seconds by task of all parts of the run. */
  get seconds(): Seconds {
    const names = new Set([...Object.keys(this.before), ...Object.keys(this.#seconds)]);
    return Object.fromEntries(
      [...names].map((name) => [name, (this.before[name] ?? 0) + (this.#seconds[name] ?? 0)]),
    );
  }

  /** Writes the seconds of all parts of the run. */
  async writeTimes(finished?: Date): Promise<void> {
    this.#timed = performance.now();
    await writeWhole(`${this.dir}/timing.json`, json({ finished, seconds: this.seconds }));
  }

  /** No sync or write of times goes on behind. */
  async #settle(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#syncing;
  }

  async close(): Promise<void> {
    await this.#settle();
    this.file.close();
    await this.lock.release();
  }
}

type Seconds = Readonly<Record<string, number>>;

async function timesOf(dir: string): Promise<Seconds> {
  const path = `${dir}/timing.json`;
  const { seconds = {} } = await readObject<{ seconds?: Seconds }>(path) ?? {};
  const wrong = Object.entries(seconds).find(([, value]) => typeof value !== "number");
  if (kindOf(seconds) === "object" && wrong === undefined) return seconds;
  const [name, value] = wrong ? [`seconds.${wrong[0]}`, wrong[1]] : ["seconds", seconds];
  throw new Refusal(
    `Cannot read ${path}: field "${name}" is ${shown(value)}, expected ${
      wrong ? "a number" : "numbers by task"
    }`,
  );
}

function openSamples(dir: string): Promise<Deno.FsFile> {
  const path = `${dir}/samples.jsonl`;
  return writingTo(path, () => Deno.open(path, { append: true, create: true }));
}

/** Takes the records that failed out of an ended run; returns how many. */
async function dropFailed(dir: string): Promise<number> {
  let dropped = 0;
  await rewrite(dir, async (write) => {
    for await (const rec of readSamples(dir)) {
      if (rec.failed) dropped++;
      else await write(`${rec}\n`);
    }
  });
  return dropped;
}

/** Writes the records of a run anew, beside and renamed. */
async function rewrite(
  dir: string,
  body: (write: (data: Uint8Array | string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const path = `${dir}/samples.jsonl`;
  await writingTo(path, async () => {
    {
      using file = await Deno.open(`${path}.tmp`, { write: true, create: true, truncate: true });
      await body((data) => writeAll(file, data));
      await file.syncData();
    }
    await Deno.rename(`${path}.tmp`, path);
  });
}

/** Where each record's line lies in samples.jsonl, and its place; one that has none is behind all others. */
async function linesOf(
  dir: string,
  places: ReadonlyMap<string, number>,
): Promise<{ place: number; start: number; length: number }[]> {
  const source = `${dir}/samples.jsonl`;
  const found = [];
  let start = 0;
  const file = await Deno.open(source);
  for await (const bytes of byteLines(file.readable, { source, maxLine: MAX_LINE })) {
    const length = bytes.length + 1;
    const text = lineText(bytes, source, start === 0);
    if (text.trim() !== "") {
      const place = places.get(Rec.parse(text, source).id) ?? places.size;
      found.push({ place, start, length });
    }
    start += length;
  }
  return found;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The folder's results, if it has any and they are of this run. */
async function checkContent(
  dir: string,
  identity: RunIdentity,
  onNotice: (line: string) => void = () => {},
): Promise<Results & RunIdentity | undefined> {
  for await (const { name } of Deno.readDir(dir)) {
    if (!OURS.has(name) && !name.endsWith(".tmp")) {
      throw new Refusal(
        `Cannot use "${dir}": it holds "${name}", expected a run or an empty folder`,
      );
    }
    // A named pipe would be waited for; a link may lead to a file.
    const info = await Deno.stat(`${dir}/${name}`).catch(() => undefined);
    const wanted = name === "lm_eval" ? "folder" : "file";
    if (info && !(wanted === "file" ? info.isFile : info.isDirectory)) {
      throw new Refusal(
        `Cannot use "${dir}": "${name}" in it is no ${wanted}, expected a run's ${wanted} or nothing`,
      );
    }
  }
  const known = await readObject<Results & RunIdentity>(`${dir}/results.json`);
  if (known === undefined) return undefined;
  const { shard = null } = (identity.options ?? {}) as { shard?: unknown };
  // With another limit a shard has other items. Another address is another server once a run has ended; until
  // then the same model may have moved.
  const mayChange = (name: string) =>
    (shard === null && GROWING.test(name)) || (known.complete !== true && name === "endpoint");
  const changed = differences(identityOf(known), identity).filter((line) =>
    !mayChange(line.split(" was ")[0])
  );
  if (changed.length > 0) {
    // Where the tasks are others, so are their digests.
    const named = changed.filter((line) => line.startsWith("options.tasks "));
    const told = named.length > 0 ? named : changed;
    throw new Refusal(
      `Cannot continue the run in "${dir}": ${told.join("; ")} (--force starts over)`,
    );
  }
  if (known.endpoint !== identity.endpoint) {
    onNotice(`the run goes on at ${identity.endpoint}, it was at ${known.endpoint}`);
  }
  return known;
}

/** Records of a run's folder, or of a file of them. */
export async function* readSamples(place: string): AsyncGenerator<Rec> {
  let path = place;
  let file: Deno.FsFile;
  try {
    if ((await Deno.stat(place)).isDirectory) path = `${place}/samples.jsonl`;
    file = await Deno.open(path);
  } catch (cause) {
    throw new Refusal(
      `Cannot read "${path}": ${reason(cause)}, expected a run's folder or its samples.jsonl`,
      { cause },
    );
  }
  yield* readJsonl(file.readable, { source: path });
}

/** What a file of a run holds, where it is there. */
async function readObject<V>(path: string): Promise<V | undefined> {
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) return undefined;
  const value = parseJson(text, path);
  if (kindOf(value) === "object") return value as V;
  throw new Refusal(`Cannot read ${path}: found ${kindOf(value)}, expected an object of a run`);
}

/** Figures in results.json; all else there is the run's identity. */
const FIGURES = new Set(["tasks", "groups", "mean", "mean_interval", "complete", "lacking"]);

/** What may grow while a run goes on: its records are matched with the items one by one (`Done`). */
const GROWING = /^(?:options\.limit|digests\.tasks\.[^.]+\.(?:data|prompts))$/;

function identityOf(known: Results & RunIdentity): RunIdentity {
  return Object.fromEntries(Object.entries(known).filter(([name]) => !FIGURES.has(name)));
}

/** Cuts a half line at the end of a file of JSON Lines off, if the file is there. */
async function cutToWholeLines(path: string): Promise<void> {
  const size = await Deno.stat(path).then((info) => info.size, () => 0);
  if (size === 0) return;
  await writingTo(path, async () => {
    using file = await Deno.open(path, { read: true, write: true });
    const end = await endOfLines(file, 0);
    if (end < size) await file.truncate(end);
  });
}
