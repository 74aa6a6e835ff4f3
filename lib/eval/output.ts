/** Edge: the folder of a run. samples.jsonl grows by whole lines; results are written beside and renamed. */
import { readJsonl } from "../records/jsonl.ts";
import type { Rec } from "../records/record.ts";
import { Refusal } from "../refusal.ts";

/** What decides a run's results; a resume with other values refuses. */
export type RunIdentity = Readonly<Record<string, unknown>>;

/** Time between two syncs of samples to disk. */
const SYNC_MS = 1000;

/** An opened run folder; one process at a time. */
export class RunFolder {
  readonly #encoder = new TextEncoder();
  #synced = performance.now();

  private constructor(
    readonly dir: string,
    readonly identity: RunIdentity,
    /** Records of earlier parts of this run. */
    readonly done: readonly Rec[],
    private readonly file: Deno.FsFile,
  ) {}

  /** Opens or continues a run; refuses foreign content, other options and a second owner. */
  static async open(
    dir: string,
    { identity, force = false }: { identity: RunIdentity; force?: boolean },
  ): Promise<RunFolder> {
    await Deno.mkdir(dir, { recursive: true });
    await lock(dir);
    try {
      if (force) {
        for (const name of ["samples.jsonl", "results.json", "timing.json"]) {
          await Deno.remove(`${dir}/${name}`).catch(() => {});
        }
      }
      await checkContent(dir, identity);
      await writeWhole(`${dir}/results.json`, json({ tasks: {}, ...identity }), { keep: true });
      const samples = `${dir}/samples.jsonl`;
      const done = await cutToWholeLines(samples);
      const file = await Deno.open(samples, { append: true, create: true });
      return new RunFolder(dir, identity, done, file);
    } catch (error) {
      await Deno.remove(`${dir}/lock`).catch(() => {});
      throw error;
    }
  }

  /** Appends one scored record. */
  async append(rec: Rec): Promise<void> {
    const bytes = this.#encoder.encode(`${rec}\n`);
    try {
      for (let at = 0; at < bytes.length;) at += await this.file.write(bytes.subarray(at));
      if (performance.now() - this.#synced > SYNC_MS) {
        await this.file.syncData();
        this.#synced = performance.now();
      }
    } catch (cause) {
      throw new Refusal(
        `Cannot write "${this.dir}/samples.jsonl": ${(cause as Error).message}`,
        { cause },
      );
    }
  }

  /** Writes the final results, and times (which alone differ between runs) beside them. */
  async finish(tasks: unknown, seconds: Readonly<Record<string, number>>): Promise<void> {
    await this.file.syncData();
    await this.addTimes(seconds);
    await writeWhole(`${this.dir}/results.json`, json({ tasks, ...this.identity }));
  }

  /** Adds this part's seconds to those of earlier parts; returns the totals. */
  async addTimes(seconds: Readonly<Record<string, number>>): Promise<Record<string, number>> {
    const path = `${this.dir}/timing.json`;
    const text = await Deno.readTextFile(path).catch(() => '{"seconds":{}}');
    const known = JSON.parse(text).seconds as Record<string, number>;
    const names = new Set([...Object.keys(known), ...Object.keys(seconds)]);
    const total = Object.fromEntries(
      [...names].map((name) => [name, (known[name] ?? 0) + (seconds[name] ?? 0)]),
    );
    await writeWhole(path, json({ finished: new Date().toISOString(), seconds: total }));
    return total;
  }

  async close(): Promise<void> {
    this.file.close();
    await Deno.remove(`${this.dir}/lock`).catch(() => {});
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Writes beside and renames, so that the name shows the old or the new whole file. */
async function writeWhole(
  path: string,
  text: string,
  { keep = false }: { keep?: boolean } = {},
): Promise<void> {
  if (keep && await Deno.stat(path).then(() => true, () => false)) return;
  const beside = `${path}.tmp`;
  try {
    using file = await Deno.open(beside, { write: true, create: true, truncate: true });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.syncData();
  } catch (cause) {
    throw new Refusal(`Cannot write "${path}": ${(cause as Error).message}`, { cause });
  }
  await Deno.rename(beside, path);
}

async function lock(dir: string): Promise<void> {
  const path = `${dir}/lock`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await Deno.writeTextFile(path, String(Deno.pid), { createNew: true });
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      const owner = (await Deno.readTextFile(path).catch(() => "")).trim();
      if (await alive(owner)) {
        throw new Refusal(`Cannot use "${dir}": process ${owner} is writing to it`);
      }
      await Deno.remove(path).catch(() => {});
    }
  }
}

async function alive(pid: string): Promise<boolean> {
  if (!/^\d+$/.test(pid)) return false;
  if (Deno.build.os !== "linux") return true;
  return await Deno.stat(`/proc/${pid}`).then(() => true, () => false);
}

async function checkContent(dir: string, identity: RunIdentity): Promise<void> {
  const ours = new Set(["samples.jsonl", "results.json", "timing.json", "lock"]);
  for await (const { name } of Deno.readDir(dir)) {
    if (!ours.has(name) && !name.endsWith(".tmp")) {
      throw new Refusal(
        `Cannot use "${dir}": it holds "${name}", expected a run or an empty folder`,
      );
    }
  }
  const text = await Deno.readTextFile(`${dir}/results.json`).catch(() => undefined);
  if (text === undefined) return;
  let known: Record<string, unknown>;
  try {
    known = JSON.parse(text);
  } catch (cause) {
    throw new Refusal(`Cannot read "${dir}/results.json" as JSON: expected a run's results`, {
      cause,
    });
  }
  const changed = differences(known, identity);
  if (changed.length > 0) {
    throw new Refusal(
      `Cannot continue the run in "${dir}": ${changed.join("; ")} (--force starts over)`,
    );
  }
}

/** Every leaf that differs, as "path was X, now Y". */
function differences(known: unknown, now: unknown, path = ""): string[] {
  if (now !== null && typeof now === "object" && !Array.isArray(now)) {
    const before = (known ?? {}) as Record<string, unknown>;
    const after = now as Record<string, unknown>;
    const names = new Set([...(path === "" ? [] : Object.keys(before)), ...Object.keys(after)]);
    return [...names].flatMap((name) =>
      differences(before[name], after[name], path ? `${path}.${name}` : name)
    );
  }
  const [a, b] = [known, now].map((value) => JSON.stringify(value) ?? "unset");
  return a === b ? [] : [`${path} was ${a}, now ${b}`];
}

/** Records of a file of JSON Lines; a half line at its end is cut off. */
async function cutToWholeLines(path: string): Promise<Rec[]> {
  const bytes = await Deno.readFile(path).catch(() => undefined);
  if (!bytes) return [];
  const whole = bytes.lastIndexOf(10) + 1;
  if (whole < bytes.length) await Deno.truncate(path, whole);
  const stream = new Blob([bytes.subarray(0, whole)]).stream();
  return await Array.fromAsync(readJsonl(stream, { source: path }));
}
