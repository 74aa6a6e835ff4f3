/** Edge: files of a source that are not in the data folder, from the caches or the network. */
import { cacheDir } from "../cache_dir.ts";
import { hubFiles, pageOf, rawAddress } from "../hub/client.ts";
import { download } from "../hub/download.ts";
import { type HubSettings, hubSettings } from "../hub/settings.ts";
import { sha256 } from "../digest.ts";
import { Refusal } from "../refusal.ts";
import { contentsOf, lastPart } from "./local.ts";
import { checkFileName } from "../file_name.ts";
import type { OpenOptions, Source, SourceFile } from "./source.ts";

/** What fetching may use. */
export interface FetchOptions extends OpenOptions {
  readonly task: string;
  /** `DIR/<task>`, for the line that says where to put a file. */
  readonly dir?: string;
}

/** Local paths of the files, or of the archives that hold them. */
export async function fetchFiles(
  source: Source,
  files: readonly SourceFile[],
  options: FetchOptions,
): Promise<Map<SourceFile, string>> {
  const settled = { ...options, settings: hubSettings(options.env) };
  const found = new Map<SourceFile, string>();
  const fromHub = files.filter((file) => isOnHub(source, file));
  if (fromHub.length > 0) {
    const paths = [...new Set(fromHub.map(pathOf))];
    const local = await advising(source, fromHub[0], settled, () =>
      hubFiles({
        repo: { kind: "dataset", name: source.repo! },
        revision: source.revision ?? "main",
        paths,
      }, settled));
    for (const file of fromHub) found.set(file, local[paths.indexOf(pathOf(file))]);
  }
  for (const file of files) {
    if (found.has(file)) continue;
    found.set(file, await advising(source, file, settled, () => fetchOne(source, file, settled)));
  }
  return found;
}

type Settled = FetchOptions & { readonly settings: HubSettings };

function isOnHub({ repo }: Source, file: SourceFile): boolean {
  return repo !== undefined && !repo.startsWith("github:") && urlOf(file) === undefined;
}

/** Path of the file, or of the archive that holds it, in its repository. */
function pathOf({ name, path, archive }: SourceFile): string {
  return archive?.path ?? path ?? name;
}

function urlOf({ url, archive }: SourceFile): string | undefined {
  return archive ? archive.url : url;
}

async function fetchOne(source: Source, file: SourceFile, options: Settled): Promise<string> {
  const { settings, progress, task, env } = options;
  const path = pathOf(file);
  const address = addressOf(source, file, settings);
  if (!address || path.endsWith("/")) {
    throw new Refusal(`Cannot find "${file.name}" of ${task}: nothing can download it`);
  }
  const cache = cacheDir(env);
  if (!cache) {
    throw new Refusal(`Cannot download "${path}": no home for a cache, expected UNMASK_CACHE`);
  }
  const place = urlOf(file)
    ? `url/${(await sha256(address)).slice(0, 16)}/${lastPart(path)}`
    : `${source.repo!.replace(":", "/")}/${source.revision ?? "main"}/${path}`;
  checkFileName(place, task);
  const local = `${cache}/data/${place}`;
  const digest = file.archive ? file.archive.digest : file.digest;
  await download(address, local, { settings, what: `${task}/${lastPart(path)}`, digest, progress });
  return local;
}

/** Runs `body`; its refusal also says what a person can do. */
async function advising<V>(
  source: Source,
  file: SourceFile,
  { task, dir, settings }: Settled,
  body: () => Promise<V>,
): Promise<V> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof Refusal) || error.exitCode === 2) throw error;
    const address = addressOf(source, file, settings);
    const name = file.archive ? lastPart(file.archive.path) : file.name;
    const way = address === undefined && source.home
      ? ` (${source.home}), looked in "${dir ?? `DIR/${task}`}"`
      : `; or download ${address ?? "the published file"} to "${dir ?? `DIR/${task}`}/${name}"`;
    const found = dir ? ` (${await contentsOf(dir)})` : " and use --data DIR";
    throw new Refusal(`${error.message}${way}${found}`, { cause: error });
  }
}

/** Where a file, or the archive that holds it, is published; undefined when only a person can get it. */
function addressOf(
  source: Source,
  file: SourceFile,
  settings: HubSettings,
): string | undefined {
  const path = pathOf(file);
  const url = urlOf(file);
  if (url || !source.repo) return url;
  const revision = source.revision ?? "main";
  const github = /^github:(.+)$/.exec(source.repo)?.[1];
  if (github) return rawAddress({ name: github, revision, path }, settings);
  const page = pageOf({ kind: "dataset", name: source.repo }, settings);
  return `${page}/resolve/${revision}/${path}`;
}
