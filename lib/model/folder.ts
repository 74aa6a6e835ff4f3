/** A model's folder, wherever it is: on disk (disk_folder.ts), or on the web (web_folder.ts). */
import { Refusal } from "../refusal.ts";

/** Files of one model in Hugging Face's layout, by their names. */
export interface ModelFolder {
  /** Its path or address: stands before names in messages. */
  readonly dir: string;
  /** A file's bytes; undefined where there is none. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** A file to read ranges of; undefined where there is none. */
  open(name: string): Promise<OpenFile | undefined>;
  /** Hex SHA-256 of a file; a folder on disk remembers it in `cacheDir`. */
  digest(name: string, cacheDir?: string): Promise<string>;
  /** Names of all files, as far as they are known. */
  names(): Promise<string[]>;
}

/** A file that is read by ranges. */
export interface OpenFile {
  /** Names it in messages. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /**
   * Bytes `start .. start + length`, in an array of their own, which may be given to another thread; refuses
   * when they are not there, or the file changed since it was opened.
   */
  read(start: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Twice is once. */
  close(): void;
}

/** A text file; undefined where there is none. */
export async function textOf(folder: ModelFolder, name: string): Promise<string | undefined> {
  const bytes = await folder.read(name);
  return bytes && new TextDecoder().decode(bytes);
}

/** A refusal for a file that a model cannot do without; a training run keeps its model one folder below. */
export async function missing(folder: ModelFolder, name: string): Promise<Refusal> {
  const below = await folder.read("model/config.json").catch(() => undefined);
  const hint = below ? `, did you mean the model in it, "${folder.dir}/model"?` : "";
  return new Refusal(`Cannot read "${folder.dir}/${name}": no such file${hint}`);
}

/** A file to read ranges of; refuses where there is none. */
export async function openExisting(folder: ModelFolder, name: string): Promise<OpenFile> {
  const file = await folder.open(name);
  if (file) return file;
  throw new Refusal(`Cannot open "${folder.dir}/${name}": no such file`);
}
