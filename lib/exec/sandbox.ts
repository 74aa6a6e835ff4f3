/**
 * Edge: programs of the system under bubblewrap: no network, no files but /usr and their own folder in memory,
 * limits on processes, memory, files and time. Started by root they run as nobody, because the limit on
 * processes does not count for root.
 */
import type { Availability, Job } from "./executor.ts";
import { type Finished, runProcess, said, withParent } from "./process.ts";

const NOT_INSTALLED = "bubblewrap (bwrap, prlimit) is not installed";

/** Where the tools of the sandbox live, inside and outside. */
const PATH = "/usr/local/bin:/usr/bin:/bin";

/** uid and gid of nobody. */
const NOBODY = "65534";

/** Largest file a program may write, and all files together, in MB. */
const FILE_MB = 16;
const SCRATCH_MB = 64;

/** Time for a look whether something is there, on a machine that has other work. */
export const PROBE_MS = 60_000;

/** Where memory runs out, the kernel takes these processes first. */
const FIRST_TO_GO = "choom -n 1000 --".split(" ");

/** What a sandboxed command may use. */
export interface SandboxOptions {
  readonly memoryMb: number;
  readonly processes: number;
  readonly timeoutMs: number;
  readonly stepMs?: number;
  readonly stdin?: string;
  readonly keepBytes?: number;
  /** Folder of the host that is seen read-only as /prebuilt. */
  readonly prebuilt?: string;
  /** Further files or folders of the host, read-only, at their own paths. */
  readonly binds?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly scratchMb?: number;
  readonly fileMb?: number;
  /** /proc is there: memory of the own process can be read through it. */
  readonly proc?: boolean;
}

/** Runs commands of the system; with `unsafe` without any sandbox, which only `--unsafe-exec` asks for. */
export class Sandbox {
  #found: Promise<Availability> | undefined;

  constructor(private readonly options: { unsafe?: boolean; bwrap?: string } = {}) {}

  get #bwrap(): string {
    return this.options.bwrap ?? "bwrap";
  }

  /** Tries a real run: namespaces may be forbidden where bubblewrap is installed. */
  available(): Promise<Availability> {
    return this.#found ??= this.#probe();
  }

  async run(command: readonly string[], options: SandboxOptions): Promise<Finished> {
    const { timeoutMs, stepMs, stdin, keepBytes } = options;
    if (this.options.unsafe) return await this.#runUnsafe(command, options);
    const [first, ...args] = [
      ...FIRST_TO_GO,
      ...unprivileged(),
      this.#bwrap,
      ...await wrapped(options),
      ...command,
    ];
    return await runProcess(first, { args, env: { PATH }, timeoutMs, stepMs, stdin, keepBytes });
  }

  /** Limits and a time cap, nothing else: the program can read and write what we can. */
  async #runUnsafe(command: readonly string[], options: SandboxOptions): Promise<Finished> {
    const { timeoutMs, stepMs, stdin, keepBytes, env } = options;
    const cwd = await Deno.makeTempDir();
    try {
      const [first, ...args] = [
        ...await withParent(),
        ...limits(options, { processes: false }),
        ...command,
      ];
      return await runProcess(first, {
        args,
        env: { PATH, HOME: cwd, TMPDIR: cwd, LANG: "C.UTF-8", ...env },
        cwd,
        timeoutMs,
        stepMs,
        stdin,
        keepBytes,
      });
    } finally {
      await Deno.remove(cwd, { recursive: true }).catch(() => {});
    }
  }

  async #probe(): Promise<Availability> {
    if (Deno.build.os !== "linux") {
      return { ok: false, why: `no sandbox on ${Deno.build.os}`, sandbox: true };
    }
    if (this.options.unsafe) return { ok: true, version: "no sandbox" };
    try {
      const done = await this.run([this.#bwrap, "--version"], {
        memoryMb: 1024,
        processes: 16,
        timeoutMs: PROBE_MS,
      });
      const version = /bubblewrap \S+/.exec(done.stdout)?.[0];
      if (done.code === 0 && version) return { ok: true, version };
      // What starts it (choom, setpriv) says so by 127 and a line of its own.
      if (done.code === 127 && /No such file/.test(done.stderr)) {
        return { ok: false, why: NOT_INSTALLED, sandbox: true };
      }
      return { ok: false, why: `bubblewrap cannot start: ${said(done)}`, sandbox: true };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return { ok: false, why: NOT_INSTALLED, sandbox: true };
    }
  }
}

/** Root becomes nobody. */
function unprivileged(): string[] {
  if (Deno.uid() !== 0) return [];
  return [
    "setpriv",
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    "--clear-groups",
    "--no-new-privs",
  ];
}

async function wrapped(options: SandboxOptions): Promise<string[]> {
  const { prebuilt, binds = [], env = {}, proc, scratchMb = SCRATCH_MB } = options;
  return [
    ..."--unshare-all --unshare-user --disable-userns --die-with-parent --new-session".split(" "),
    ..."--cap-drop ALL --clearenv --hostname sandbox".split(" "),
    ...Object.entries({ PATH, HOME: "/tmp", TMPDIR: "/tmp", LANG: "C.UTF-8", ...env })
      .flatMap(([name, value]) => ["--setenv", name, value]),
    ..."--ro-bind /usr /usr --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache".split(" "),
    ...await systemFolders(),
    ...(proc ? ["--proc", "/proc"] : []),
    // Shared memory has a size of its own: the rest of /dev would take half of the machine's.
    ..."--dev /dev --size".split(" "),
    String(scratchMb << 20),
    ..."--tmpfs /dev/shm --remount-ro /dev --size".split(" "),
    String(scratchMb << 20),
    ..."--tmpfs /tmp".split(" "),
    ...binds.flatMap((path) => ["--ro-bind-try", path, path]),
    ...(prebuilt ? ["--ro-bind", prebuilt, "/prebuilt"] : []),
    ..."--remount-ro / --chdir /tmp --".split(" "),
    ...limits(options, { processes: true }),
  ];
}

/** /bin and its kind: links into /usr where the system has merged them. */
async function systemFolders(): Promise<string[]> {
  const found: string[] = [];
  for (const name of ["/bin", "/sbin", "/lib", "/lib64"]) {
    const info = await Deno.lstat(name).catch(() => undefined);
    if (info?.isSymlink) found.push("--symlink", `usr${name}`, name);
    else if (info?.isDirectory) found.push("--ro-bind", name, name);
  }
  return found;
}

function limits(
  { memoryMb, processes, timeoutMs, fileMb = FILE_MB }: SandboxOptions,
  { processes: limited }: { processes: boolean },
): string[] {
  return [
    "prlimit",
    `--as=${memoryMb * (1 << 20)}`,
    `--cpu=${Math.ceil(timeoutMs / 1000) + 1}`,
    ...(limited ? [`--nproc=${processes}`] : []),
    `--fsize=${fileMb << 20}`,
    "--nofile=256",
    "--core=0",
  ];
}

/** Defaults of a job. */
export function limitsOf(
  job: Job,
): Pick<SandboxOptions, "memoryMb" | "processes" | "timeoutMs" | "stepMs"> {
  const { memoryMb = 4096, processes = 64, timeoutMs, stepMs } = job;
  return { memoryMb, processes, timeoutMs, stepMs };
}
