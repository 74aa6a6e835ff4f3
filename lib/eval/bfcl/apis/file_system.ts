/** GorillaFileSystem: files and directories that live in memory. */
import { binaryOp, compareText, isIn } from "../../calls/py_eval.ts";
import { fixedPoint } from "../../calls/py_round.ts";
import {
  hashKey,
  PyDict,
  PyError,
  PyObject,
  pyRepr,
  pyStr,
  type PyValue,
  truthy,
  typeName,
} from "../../calls/py_value.ts";
import { splitLines, words } from "../../choice/python_text.ts";
import { Api, failure, type LongContext, type Method, method } from "./api.ts";
import { textOf } from "./python_text.ts";

/** A directory copied into itself holds itself: what walks it stops here, as Python does. */
const MAX_DEPTH = 300;
/** Copies share their contents, so a few calls make trees that no one can walk: walks end here. */
const MAX_ENTRIES = 100_000;

type Entry = File | Directory;

/** A file; equal by name and content. */
class File extends PyObject {
  readonly type = "File";

  constructor(readonly fileName: PyValue, public content: PyValue = "") {
    super();
  }

  repr(): string {
    return `<<File: ${pyStr(this.fileName)}, Content: ${pyStr(this.content)}>>`;
  }

  override equals(other: PyValue): boolean {
    return other instanceof File && other.fileName === this.fileName &&
      pyRepr(other.content) === pyRepr(this.content);
  }
}

/** A directory; equal by name and contents. Moved and copied ones share their contents. */
class Directory extends PyObject {
  readonly type = "Directory";
  contents = new Map<string, Entry>();

  constructor(readonly directoryName: string, readonly parent?: Directory) {
    super();
  }

  repr(): string {
    const parent = this.parent?.directoryName ?? "None";
    return `<Directory: ${this.directoryName}, Parent: ${parent}, Contents: ${this.contents.size}>`;
  }

  override equals(other: PyValue): boolean {
    return other instanceof Directory && sameTree(this, other, new Walk());
  }
}

/** Counts what is visited, and how deep. */
class Walk {
  #left = MAX_ENTRIES;
  #depth = 0;

  into<T>(visit: () => T): T {
    if (++this.#depth > MAX_DEPTH || --this.#left < 0) {
      throw new PyError("RecursionError", "maximum recursion depth exceeded");
    }
    const result = visit();
    this.#depth--;
    return result;
  }
}

function sameTree(a: Entry, b: Entry | undefined, walk: Walk): boolean {
  if (!(a instanceof Directory) || !(b instanceof Directory)) return b !== undefined && a.equals(b);
  if (a.directoryName !== b.directoryName || a.contents.size !== b.contents.size) return false;
  return walk.into(() =>
    [...a.contents].every(([name, item]) => sameTree(item, b.contents.get(name), walk))
  );
}

/** The simulated API. */
export class FileSystem extends Api {
  #current: Directory;
  readonly methods: Readonly<Record<string, Method>>;

  constructor(config: PyDict, longContext?: LongContext) {
    super("GorillaFileSystem", longContext);
    const [name, root] = (config.get("root") as PyDict | undefined)?.entries()[0] ?? [];
    this.#current = new Directory(name === undefined ? "/" : String(name));
    if (root instanceof PyDict) this.#fill(this.#current, root.get("contents") as PyDict);
    this.set("root", this.#current);
    this.methods = { ...this.#places(), ...this.#writing(), ...this.#reading() };
  }

  #places(): Record<string, Method> {
    return {
      pwd: method("", () => PyDict.of({ current_working_directory: this.#path() })),
      ls: method("a=False", (all) => {
        const names = [...this.#contents.keys()];
        const current_directory_content = truthy(all)
          ? names
          : names.filter((name) => !name.startsWith("."));
        return PyDict.of({ current_directory_content });
      }),
      cd: method("folder", (folder) => this.#changeTo(folder)),
      mkdir: method("dir_name", (name) => this.#make(name)),
      rmdir: method("dir_name", (name) => this.#removeDirectory(name)),
      find: method("path='.', name=None", (path, name) => this.#find(path, name)),
      du: method("human_readable=False", (human) => this.#diskUsage(truthy(human))),
    };
  }

  #writing(): Record<string, Method> {
    return {
      touch: method("file_name", (name) => this.#touch(name)),
      echo: method("content, file_name=None", (content, name) => this.#echo(content, name)),
      rm: method("file_name", (name) => {
        const shown = pyStr(name);
        if (!this.#contents.delete(key(name))) {
          return failure(`rm: cannot remove '${shown}': No such file or directory`);
        }
        return PyDict.of({ result: `'${shown}' removed` });
      }),
      mv: method("source, destination", (from, to) => this.#transfer("mv", from, to)),
      cp: method("source, destination", (from, to) => this.#transfer("cp", from, to)),
    };
  }

  #reading(): Record<string, Method> {
    return {
      cat: method("file_name", (name) => this.#cat(name)),
      wc: method("file_name, mode='l'", (name, mode) => this.#count(name, mode)),
      sort: method("file_name", (name) => {
        const file = this.#file(name);
        if (!file) return noFile("sort", name);
        const lines = splitLines(textOf(file.content, "splitlines")).sort(compareText);
        return PyDict.of({ sorted_content: lines.join("\n") });
      }),
      grep: method("file_name, pattern", (name, pattern) => {
        const file = this.#file(name);
        if (!file) return noFile("grep", name);
        const lines = splitLines(textOf(file.content, "splitlines"));
        return PyDict.of({ matching_lines: lines.filter((line) => isIn(pattern, line)) });
      }),
      tail: method("file_name, lines=10", (name, count) => this.#tail(name, count)),
      diff: method("file_name1, file_name2", (first, second) => this.#diff(first, second)),
    };
  }

  get #contents(): Map<string, Entry> {
    return this.#current.contents;
  }

  #fill(directory: Directory, items: PyDict): void {
    const extension = this.long("FILE_CONTENT_EXTENSION");
    const plain = this.long("FILES_TAIL_USED") ?? [];
    let innermost = true;
    for (const [name, item] of items.entries() as [string, PyDict][]) {
      if (item.get("type") === "directory") {
        innermost = false;
        const inner = new Directory(name, directory);
        this.#fill(inner, item.get("contents") as PyDict);
        directory.contents.set(name, inner);
      } else if (item.get("type") === "file") {
        const content = item.get("content")!;
        const longer = extension !== undefined && !isIn(name, plain);
        const text = longer ? binaryOp("+", content, extension) : content;
        directory.contents.set(name, new File(name, text));
      }
    }
    if (!innermost) return;
    for (const name of (this.long("POPULATE_FILE_EXTENSION") ?? []) as string[]) {
      directory.contents.set(name, new File(name));
    }
  }

  #file(name: PyValue): File | undefined {
    const item = this.#contents.get(key(name));
    return item instanceof File ? item : undefined;
  }

  #path(): string {
    const names: string[] = [];
    for (let at: Directory | undefined = this.#current; at; at = at.parent) {
      names.unshift(at.directoryName);
    }
    return `/${names.join("/")}`;
  }

  #changeTo(folder: PyValue): PyDict {
    if (folder === "..") {
      if (!this.#current.parent) {
        return failure("Cuurent directory is already the root. Cannot go back.");
      }
      this.#current = this.#current.parent;
      return new PyDict();
    }
    const target = this.#navigate(folder);
    if (!target) {
      const rule = "No such directory. You cannot use path to change directory.";
      return failure(`cd: ${pyStr(folder)}: ${rule}`);
    }
    this.#current = target;
    return PyDict.of({ current_working_directory: target.directoryName });
  }

  #navigate(path: PyValue): Directory | undefined {
    if (path === null || path === ".") return this.#current;
    const root = this.get("root") as Directory;
    const text = textOf(path, "strip");
    if (text === "/") return root;
    let at: Directory | undefined = text.startsWith("/") ? root : this.#current;
    let names = text;
    while (names.startsWith("/")) names = names.slice(1);
    while (names.endsWith("/")) names = names.slice(0, -1);
    for (const name of names.split("/")) {
      const next: Entry | undefined = name === "." ? at : at.contents.get(name);
      if (!(next instanceof Directory)) return undefined;
      at = next;
    }
    return at;
  }

  #make(name: PyValue): PyDict | null {
    const shown = `mkdir: cannot create directory '${pyStr(name)}'`;
    if (!nameIsValid(name)) return failure(`${shown}: Invalid character`);
    if (this.#contents.has(key(name))) return failure(`${shown}: File exists`);
    this.#contents.set(key(name), new Directory(pyStr(name), this.#current));
    return null;
  }

  #touch(name: PyValue): PyDict | null {
    const shown = `touch: cannot touch '${pyStr(name)}'`;
    if (!nameIsValid(name)) return failure(`${shown}: Invalid character`);
    if (this.#contents.has(key(name))) return failure(`${shown}: File exists`);
    this.#contents.set(key(name), new File(name));
    return null;
  }

  #echo(content: PyValue, name: PyValue): PyDict | null {
    if (name === null) return PyDict.of({ terminal_output: content });
    if (!nameIsValid(name)) {
      return failure(`echo: cannot touch '${pyStr(name)}': Invalid character`);
    }
    if (!truthy(name)) return PyDict.of({ terminal_output: content });
    const item = this.#contents.get(key(name));
    if (item instanceof Directory) {
      throw new PyError("AttributeError", "'Directory' object has no attribute '_write'");
    }
    if (item) item.content = content;
    else this.#contents.set(key(name), new File(name, content));
    return null;
  }

  #cat(name: PyValue): PyDict {
    const shown = pyStr(name);
    if (!nameIsValid(name)) return failure(`cat: '${shown}': Invalid character`);
    const item = this.#contents.get(key(name));
    if (item === undefined) return noFile("cat", name);
    if (item instanceof Directory) return failure(`cat: ${shown}: Is a directory`);
    return PyDict.of({ file_content: item.content });
  }

  #removeDirectory(name: PyValue): PyDict {
    const shown = pyStr(name);
    const item = this.#contents.get(key(name));
    if (item === undefined) {
      return failure(`rmdir: cannot remove '${shown}': No such file or directory`);
    }
    if (item instanceof File) return failure(`rmdir: cannot remove '${shown}': Not a directory`);
    if (item.contents.size > 0) {
      return failure(`rmdir: failed to remove '${shown}': Directory not empty`);
    }
    this.#contents.delete(key(name));
    return PyDict.of({ result: `'${shown}' removed` });
  }

  /** Searches below the current directory, whatever the path says; the path only starts the names. */
  #find(path: PyValue, wanted: PyValue): PyDict {
    const matches: string[] = [];
    const walk = new Walk();
    const search = (directory: Directory, base: string) => {
      for (const [name, item] of directory.contents) {
        const at = `${base}/${name}`;
        if (wanted === null || isIn(wanted, name)) matches.push(at);
        if (item instanceof Directory) walk.into(() => search(item, at));
      }
    };
    let base = textOf(path, "rstrip");
    while (base.endsWith("/")) base = base.slice(0, -1);
    search(this.#current, base);
    return PyDict.of({ matches });
  }

  #diskUsage(human: boolean): PyDict {
    const bytes = size(this.#current, new Walk());
    if (!human) return PyDict.of({ disk_usage: `${bytes} bytes` });
    const units = ["B", "KB", "MB", "GB", "TB", "PB"];
    let [amount, unit] = [bytes, 0];
    for (; amount >= 1024 && unit < units.length - 1; unit++) amount /= 1024;
    return PyDict.of({ disk_usage: `${fixedPoint(amount, 2)} ${units[unit]}` });
  }

  #count(name: PyValue, mode: PyValue): PyDict {
    if (!isIn(mode, ["l", "w", "c"])) return failure(`wc: invalid mode '${pyStr(mode)}'`);
    const file = this.#file(name);
    if (!file) return noFile("wc", name);
    const count = (length: number, type: string) => PyDict.of({ count: BigInt(length), type });
    if (mode === "l") return count(splitLines(textOf(file.content, "splitlines")).length, "lines");
    if (mode === "w") return count(words(textOf(file.content, "split")).length, "words");
    return count(Array.from(textOf(file.content, "__len__")).length, "characters");
  }

  #tail(name: PyValue, count: PyValue): PyDict {
    const file = this.#file(name);
    if (!file) return noFile("tail", name);
    const lines = splitLines(textOf(file.content, "splitlines"));
    if (typeof count !== "bigint" && typeof count !== "boolean") {
      throw new PyError("TypeError", `bad operand type for tail: '${typeName(count)}'`);
    }
    const wanted = Math.min(Number(count), lines.length);
    return PyDict.of({ last_lines: lines.slice(-wanted).join("\n") });
  }

  /** Line pairs that differ, up to the end of the shorter file. */
  #diff(first: PyValue, second: PyValue): PyDict {
    const files = [first, second].map((name) => this.#file(name));
    if (!files[0] || !files[1]) return noFile("diff", `${pyStr(first)} or ${pyStr(second)}`);
    const [a, b] = files.map((file) => splitLines(textOf(file!.content, "splitlines")));
    const pairs = a.slice(0, b.length).flatMap((line, i) =>
      line === b[i] ? [] : [`- ${line}\n+ ${b[i]}`]
    );
    return PyDict.of({ diff_lines: pairs.join("\n") });
  }

  #transfer(command: "mv" | "cp", from: PyValue, to: PyValue): PyDict {
    const [verb, done] = command === "mv" ? ["move", "moved"] : ["copy", "copied"];
    const [source, destination] = [pyStr(from), pyStr(to)];
    const item = this.#contents.get(key(from));
    const cannot = `${command}: cannot ${verb} '${source}'`;
    if (!item) return failure(`${cannot}: No such file or directory`);
    if (isIn("/", to)) return failure(NO_PATH[command]);
    const target = this.#contents.get(key(to));
    if (target instanceof File) return failure(`${cannot} to '${destination}': Not a directory`);
    const path = target ? `${destination}/${source}` : destination;
    const into = target ?? this.#current;
    const name = target ? source : destination;
    // The official copy looks for "destination/source" in the directory and then fails to add the file.
    if (into.contents.has(name) && command === "mv") {
      return failure(`${cannot} to '${path}': File exists`);
    }
    if (into.contents.has(name)) throw alreadyThere(item, name, into);
    if (command === "mv") this.#contents.delete(source);
    place(item, { name, into, share: command === "mv" });
    return PyDict.of({ result: `'${source}' ${done} to '${path}'` });
  }
}

const NO_PATH = {
  mv:
    "mv: no path allowed in destination. Only file name and folder name is supported for this operation.",
  cp:
    "cp: don't allow path in destination. Only file name and folder name is supported for this operation.",
};

/** Keys of contents are names as text; no other value is one. */
function key(name: PyValue): string {
  return typeof name === "string" ? name : `\0${hashKey(name)}`;
}

function nameIsValid(name: PyValue): boolean {
  return !Array.from('|/\\?%*:"><').some((c) => isIn(c, name));
}

function noFile(command: string, name: PyValue): PyDict {
  return failure(`${command}: ${pyStr(name)}: No such file or directory`);
}

function size(item: Entry, walk: Walk): number {
  if (item instanceof File) {
    return new TextEncoder().encode(textOf(item.content, "encode")).length;
  }
  const sizes = () =>
    [...item.contents.values()].reduce((sum, inner) => sum + size(inner, walk), 0);
  return walk.into(sizes);
}

function alreadyThere(item: Entry, name: string, { directoryName }: Directory): PyError {
  const kind = item instanceof File ? "File" : "Directory";
  return new PyError(
    "ValueError",
    `${kind} '${name}' already exists in directory '${directoryName}'.`,
  );
}

/**
 * Puts the item under a new name: as a new file, or as a new directory with the same contents. The new
 * directory is there before its contents are copied, so a directory copied into itself holds itself.
 */
function place(
  item: Entry,
  { name, into, share }: { name: string; into: Directory; share: boolean },
): void {
  if (item instanceof File) {
    into.contents.set(name, new File(name, item.content));
    return;
  }
  const directory = new Directory(name, into);
  into.contents.set(name, directory);
  directory.contents = share ? item.contents : new Map(item.contents);
}
