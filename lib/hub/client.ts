/** Edge: files of Hub repositories and of git repositories, from the cache or else the network. */
import { checkFileName } from "../file_name.ts";
import { parseJson } from "../records/json.ts";
import { kindOf } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import {
  cachedCommit,
  cachedFile,
  COMMIT,
  place,
  type Repo,
  repoFolder,
  writeRef,
} from "./cache.ts";
import { download, writing } from "./download.ts";
import { freeSpace } from "./free_space.ts";
import { bodyOf, get } from "./http.ts";
import type { HubSettings, Progress } from "./settings.ts";

/** Longest answer of the Hub's API that is read. */
const MAX_ANSWER = 64 << 20;

const MAX_PAGES = 200;

/** What downloads may use. */
export interface HubOptions {
  readonly settings: HubSettings;
  readonly notice: (line: string) => void;
  readonly progress?: Progress;
}

/** Some files of a repository at a revision. */
export interface Wanted {
  readonly repo: Repo;
  readonly revision: string;
  readonly paths: readonly string[];
}

/** Local paths of all the files, in order; what the cache lacks is downloaded. */
export async function hubFiles(wanted: Wanted, options: HubOptions): Promise<string[]> {
  const { repo, revision, paths } = wanted;
  const { cache } = options.settings;
  if (!cache) {
    throw new Refusal(
      `Cannot download ${repo.name}: no home for a cache, expected HF_HOME or HF_HUB_CACHE to be set`,
    );
  }
  for (const name of [revision, ...paths]) checkFileName(name, repo.name);
  const known = await cachedCommit(repoFolder(cache, repo), revision);
  let found = known
    ? await atCommit(wanted, { cache, commit: known.commit })
    : new Map<string, string>();
  if (found.size < paths.length) {
    const commit = known && !known.assumed ? known.commit : await commitOf(wanted, options);
    found = await atCommit(wanted, { cache, commit });
    const missing = paths.filter((path) => !found.has(path));
    const folder = repoFolder(cache, repo);
    await writing(folder, async () => {
      await fetchMissing({ ...wanted, paths: missing }, { cache, commit }, options);
      await writeRef(folder, revision, commit);
    });
    found = await atCommit(wanted, { cache, commit });
  } else if (known?.assumed) {
    options.notice(
      `Using the one cached snapshot of ${repo.name}, ${known.commit}: refs/${revision} is absent`,
    );
  }
  return paths.map((path) => found.get(path)!);
}

interface Place {
  readonly cache: string;
  readonly commit: string;
}

async function atCommit(
  { repo, paths }: Wanted,
  { cache, commit }: Place,
): Promise<Map<string, string>> {
  const folder = repoFolder(cache, repo);
  const found = new Map<string, string>();
  for (const path of paths) {
    const file = await cachedFile(cache, { folder, commit, path });
    if (file) found.set(path, file);
  }
  return found;
}

async function fetchMissing(
  { repo, paths }: Wanted,
  { cache, commit }: Place,
  options: HubOptions,
): Promise<void> {
  const folder = repoFolder(cache, repo);
  const tree = await treeOf(repo, commit, options);
  const entries = paths.map((path) => entryOf(tree, { repo, path, commit }));
  await checkSpace(folder, repo, entries);
  for (const { path, size, digest } of entries) {
    const url = `${pageOf(repo, options.settings)}/resolve/${commit}/${encodePath(path)}`;
    const what = `${repo.name}/${path}`;
    await download(url, `${folder}/blobs/${digest}`, { ...options, what, size, digest });
    await place(folder, { commit, path, blob: digest });
  }
}

/** Address of one file of a GitHub repository. */
export function rawAddress(
  { name, revision, path }: { name: string; revision: string; path: string },
  { raw }: HubSettings,
): string {
  return `${raw}/${name}/${encodePath(revision)}/${encodePath(path)}`;
}

/** Page of a repository, where a person accepts terms or looks for a file. */
export function pageOf({ kind, name }: Repo, { endpoint }: HubSettings): string {
  return kind === "model" ? `${endpoint}/${name}` : `${endpoint}/datasets/${name}`;
}

function apiAddress({ kind, name }: Repo, { endpoint }: HubSettings): string {
  return `${endpoint}/api/${kind}s/${name}`;
}

async function commitOf({ repo, revision }: Wanted, options: HubOptions): Promise<string> {
  if (COMMIT.test(revision)) return revision;
  const url = `${apiAddress(repo, options.settings)}/revision/${encodeURIComponent(revision)}`;
  const { value } = await getJson(url, repo.name, options);
  const { sha } = value as { sha?: unknown };
  if (typeof sha === "string" && COMMIT.test(sha)) return sha;
  throw strange(repo.name, "the revision has no commit");
}

interface Entry {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file, git blob id of a small one. */
  readonly digest: string;
}

async function treeOf(
  repo: Repo,
  commit: string,
  options: HubOptions,
): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const { endpoint } = options.settings;
  let url = `${apiAddress(repo, options.settings)}/tree/${commit}?recursive=true`;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { value, next } = await getJson(url, repo.name, options);
    if (!Array.isArray(value)) throw strange(repo.name, `the tree is ${kindOf(value)}`);
    for (const item of value) {
      const { type, path, size, oid, lfs } = item ?? {};
      if (type !== "file" || typeof path !== "string") continue;
      const digest = lfs?.oid ?? oid;
      if (
        !Number.isSafeInteger(size) || size < 0 || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(digest)
      ) {
        throw strange(repo.name, `the entry ${JSON.stringify(path).slice(0, 80)} is damaged`);
      }
      entries.set(path, { path, size: lfs?.size ?? size, digest });
    }
    if (!next) return entries;
    if (new URL(next, url).origin !== new URL(endpoint).origin) {
      throw strange(repo.name, "the next page of the tree is on another host");
    }
    url = new URL(next, url).href;
  }
  throw strange(repo.name, `the tree has more than ${MAX_PAGES} pages`);
}

function entryOf(
  tree: ReadonlyMap<string, Entry>,
  { repo, path, commit }: { repo: Repo; path: string; commit: string },
): Entry {
  const entry = tree.get(path);
  if (entry) return entry;
  throw new Refusal(
    `Cannot download ${repo.name}/${path}: not among the ${tree.size} files of ${commit}, expected one of them`,
  );
}

async function checkSpace(folder: string, repo: Repo, entries: readonly Entry[]): Promise<void> {
  await Deno.mkdir(`${folder}/blobs`, { recursive: true });
  const needed = entries.reduce((sum, { size }) => sum + size, 0);
  const free = await freeSpace(`${folder}/blobs/`);
  if (free !== undefined && free < needed) {
    throw new Refusal(
      `Cannot download ${repo.name}: ${free} bytes are free at "${folder}", expected ${needed}`,
    );
  }
}

async function getJson(
  url: string,
  what: string,
  { settings }: HubOptions,
): Promise<{ value: unknown; next?: string }> {
  const response = await get(url, { settings, what, headers: { accept: "application/json" } });
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of bodyOf(response, what)) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > MAX_ANSWER) throw strange(what, `its list has more than ${MAX_ANSWER} bytes`);
  }
  const next = /<([^<>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
  return { value: parseJson(text, `the answer about ${what}`), next };
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

function strange(what: string, problem: string): Refusal {
  return new Refusal(`Cannot download ${what}: ${problem}, expected the Hub's answer`);
}
