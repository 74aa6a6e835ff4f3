/** Edge: compiled and shell languages with Debian's tools, in the sandbox. */
import {
  type Availability,
  type Executor,
  type Job,
  type Language,
  lastLine,
  type Status,
  type Verdict,
} from "./executor.ts";
import { type Finished, said } from "./process.ts";
import { type Prebuilt, prebuilt } from "./prebuilt.ts";
import { limitsOf, PROBE_MS, type Sandbox } from "./sandbox.ts";

/**
 * Stands in a program where its checks have ended: replaced by a statement that prints the job's secret. Only the
 * last one counts, so that an answer cannot bring its own.
 */
export const END_OF_CHECKS = "UNMASK_END_OF_CHECKS";

/** Time for compiling, beside the job's own. */
const COMPILE_MS = 60_000;

/** Exit code by which the script says that the program did not compile. */
const NOT_COMPILED = 97;

/** How programs of a language are built and run. */
interface Recipe {
  /** Debian packages that bring the tools. */
  readonly packages: string;
  /** Must exit with 0 when the tools are there; its first line is the version. */
  readonly probe: string;
  /** Fills the folder that is /prebuilt in the sandbox. */
  readonly prebuild?: string;
  /** The program is `$ENTRY` in the current folder, and gone when it runs: it cannot read its checks. */
  readonly compile?: string;
  /** Without a compile step it has the program on stdin. */
  readonly run: string;
  /** Prints `\n<a><b>\n`; the secret is nowhere whole. */
  readonly end: (a: string, b: string) => string;
  /** Address space and processes: virtual machines reserve much. */
  readonly memoryMb: number;
  readonly processes: number;
  readonly binds?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What the program's stderr must not hold. */
  readonly failure?: RegExp;
}

const RECIPES: Partial<Record<Language, Recipe>> = {
  cpp: {
    packages: "g++ (and libboost-dev, libssl-dev for HumanEvalFix)",
    probe: "g++ --version",
    compile: 'g++ "$ENTRY" -o program $FLAGS',
    run: "./program",
    end: (a, b) => `printf("\\n%s%s\\n", "${a}", "${b}");`,
    memoryMb: 4096,
    processes: 64,
    binds: ["/etc/alternatives"],
  },
  java: {
    packages: "default-jdk-headless libjavatuples-java",
    probe: "javac -version && ls /usr/share/java/javatuples.jar",
    compile: 'javac -J-Xmx512m -encoding UTF8 -cp /usr/share/java/javatuples.jar -d . "$ENTRY"',
    run: 'java -ea -Xmx1g -Xss64m -cp .:/usr/share/java/javatuples.jar "${ENTRY%.java}"',
    end: (a, b) => `System.out.println(); System.out.print("${a}"); System.out.println("${b}");`,
    memoryMb: 16384,
    processes: 256,
    binds: [
      "/etc/alternatives",
      "/etc/java-17-openjdk",
      "/etc/java-21-openjdk",
      "/etc/java-11-openjdk",
    ],
  },
  cs: {
    packages: "mono-mcs mono-runtime libmono-system-numerics4.0-cil libmono-system-core4.0-cil",
    probe: "mcs --version && command -v mono",
    compile: 'mcs -d:DEBUG -r:System.Numerics.dll -out:program.exe "$ENTRY"',
    run: "mono program.exe",
    end: (a, b) => `Console.WriteLine(); Console.Write("${a}"); Console.WriteLine("${b}");`,
    memoryMb: 8192,
    processes: 256,
    binds: ["/etc/mono", "/etc/alternatives"],
    // mono goes on after a failed Debug.Assert and exits with 0.
    env: { MONO_TRACE_LISTENER: "Console.Error" },
    failure: /Fail/,
  },
  php: {
    packages: "php-cli",
    probe: "php --version",
    // PHP and bash read the whole program before they start it; from stdin itself PHP has no STDIN.
    run: "cat | php /dev/fd/3 3<&0 < /dev/null",
    end: (a, b) => `echo "\\n", "${a}", "${b}", "\\n";`,
    memoryMb: 4096,
    processes: 64,
    binds: ["/etc/alternatives", "/etc/php"],
  },
  sh: {
    packages: "bash",
    probe: "bash --version",
    // Not an argument of bash: /proc, without which there is no `< <(command)`, would show it.
    run: 'exec bash -c "eval \\"\\$(cat)\\""',
    end: (a, b) => `printf '\\n%s%s\\n' ${a} ${b}`,
    // awk is a link into it.
    binds: ["/etc/alternatives"],
    memoryMb: 1024,
    processes: 64,
  },
  go: {
    packages: "golang-go golang-github-stretchr-testify-dev",
    probe: "go version && ls -d /usr/share/gocode/src/github.com/stretchr/testify",
    // Compiling the standard library and testify anew would take each program 10 s.
    prebuild: [
      'printf \'package main\\nimport ("testing"; "fmt"; "os"; "github.com/stretchr/testify/assert"',
      '; _ "crypto/md5"; _ "math"; _ "math/rand"; _ "regexp"; _ "sort"; _ "strconv"; _ "strings"; _ "time")',
      "\\nfunc TestX(t *testing.T) { assert.Equal(t, 1, 1); fmt.Print(os.Args) }\\n' > main_test.go",
      "; GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$PWD/go go test -c -o x main_test.go; rm x",
    ].join(""),
    compile: 'cp -r /prebuilt/go /tmp/.go && go test -c -o program "$ENTRY"',
    run: "./program",
    end: (a, b) => `println(); fmt.Print("\\n${a}"); fmt.Println("${b}")`,
    memoryMb: 16384,
    processes: 512,
    binds: ["/etc/alternatives"],
    env: { GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOCACHE: "/tmp/.go", GOFLAGS: "" },
  },
  rs: {
    packages:
      "rustc cargo librust-rand-dev librust-regex-dev librust-md5-dev librust-aho-corasick-dev",
    probe: "rustc --version && cargo --version && ls -d /usr/share/cargo/registry/regex-*",
    prebuild: `mkdir -p src .cargo; echo 'fn main(){}' > src/main.rs
      printf '[package]\\nname="prebuilt"\\nversion="0.1.0"\\nedition="2018"\\n' > Cargo.toml
      printf '[dependencies]\\nrand="*"\\nregex="*"\\nmd5="*"\\n' >> Cargo.toml
      printf '[source.crates-io]\\nreplace-with="debian"\\n' > .cargo/config.toml
      printf '[source.debian]\\ndirectory="/usr/share/cargo/registry"\\n' >> .cargo/config.toml
      cargo build --offline; mkdir crates; cp target/debug/deps/*.rlib crates; rm -r target src`,
    compile: `rustc --edition 2018 --cap-lints allow --test -L dependency=/prebuilt/crates $(
      for name in rand regex md5; do echo --extern $name=$(ls /prebuilt/crates/lib$name-*); done
    ) "$ENTRY" -o program`,
    run: "./program --nocapture",
    end: (a, b) => `::std::println!("\n{}{}", "${a}", "${b}");`,
    memoryMb: 8192,
    processes: 256,
    binds: ["/etc/alternatives"],
  },
};

/** Languages that a toolchain runs. */
export const TOOLCHAINS = Object.keys(RECIPES) as Language[];

/** Runs programs of one language. */
export class ToolchainExecutor implements Executor {
  readonly id: string;
  readonly #recipe: Recipe;
  #found: Promise<Availability> | undefined;
  #prebuilt: Promise<Prebuilt> | undefined;

  constructor(
    private readonly language: Language,
    private readonly sandbox: Sandbox,
    private readonly cache: string | null = null,
  ) {
    this.id = `toolchain:${language}`;
    const recipe = RECIPES[language];
    if (!recipe) throw new RangeError(`no toolchain for ${language}`);
    this.#recipe = recipe;
  }

  available(): Promise<Availability> {
    return this.#found ??= this.#probe();
  }

  async run(job: Job): Promise<Verdict> {
    const found = await this.available();
    if (!found.ok) return { status: "tool_missing", message: found.why, executor: this.id };
    const secret = crypto.randomUUID().replaceAll("-", "");
    const { prebuild } = this.#recipe;
    if (prebuild !== undefined) {
      this.#prebuilt ??= prebuilt(prebuild, { name: this.language, cache: this.cache });
    }
    const program = marked(job, this.#recipe, secret);
    const done = await this.#script(this.#build(job), { job, stdin: program });
    return { ...this.#verdict(done, { job, secret }), executor: found.version };
  }

  #build({ timeoutMs }: Job): string {
    const { compile, run } = this.#recipe;
    const limited = `timeout -v -s KILL ${timeoutMs / 1000}`;
    if (compile === undefined) return `${limited} sh -c '${run}'`;
    return `cat > "$ENTRY"; ${compile} >&2 || exit ${NOT_COMPILED}; rm "$ENTRY"; ${limited} ${run}`;
  }

  async close(): Promise<void> {
    await (await this.#prebuilt?.catch(() => undefined))?.remove();
  }

  async #script(script: string, { job, stdin }: { job: Job; stdin?: string }): Promise<Finished> {
    const { memoryMb, processes, binds, env } = this.#recipe;
    return await this.sandbox.run(["/bin/sh", "-c", script], {
      ...limitsOf(job),
      memoryMb: job.memoryMb ?? memoryMb,
      processes,
      timeoutMs: job.timeoutMs + COMPILE_MS,
      stdin,
      binds,
      prebuilt: (await this.#prebuilt)?.folder,
      env: { ...env, ENTRY: job.entry, FLAGS: job.flags ?? "" },
      scratchMb: 512,
      fileMb: 128,
      proc: true,
    });
  }

  #verdict(
    done: Finished,
    { job, secret }: { job: Job; secret: string },
  ): Omit<Verdict, "executor"> {
    const { code, late, stdout, stderr } = done;
    const broken = this.#recipe.failure?.exec(stderr);
    if (code === 0 && stdout.includes(`\n${secret}\n`) && !broken) {
      return { status: "passed", message: "" };
    }
    // A program that kills itself, or that memory ran out on, also ends with 137.
    if (late || (code === 137 && /^timeout: sending signal KILL/m.test(stderr))) {
      return { status: "timeout", message: `longer than ${job.timeoutMs / 1000} s` };
    }
    const message = code === NOT_COMPILED
      ? `does not compile: ${problem(stderr)}`
      : problem(stderr);
    // PHP ends with 255 by itself, and a failed assertion of C with 134.
    const status: Status = code > 128 && code < 255 && code !== 134 ? "crash" : "failed";
    return { status, message };
  }

  async #probe(): Promise<Availability> {
    const sandbox = await this.sandbox.available();
    if (!sandbox.ok) return sandbox;
    const job: Job = { language: "sh", files: {}, entry: "none", timeoutMs: PROBE_MS };
    const done = await this.#script(this.#recipe.probe, { job });
    if (done.code === 0) {
      return { ok: true, version: `${lastLine(done.stdout.split("\n")[0])}, ${sandbox.version}` };
    }
    const why = `${this.id} needs Debian's ${this.#recipe.packages}: ${lastLine(said(done))}`;
    return { ok: false, why };
  }
}

/** The first line of a compiler's or a runtime's output that names an error; a heading alone does not. */
function problem(output: string): string {
  const line = output.split("\n").find((text) =>
    /^(?!In file included).*(?:error|exception|assert|fatal|panic|fail).*[^:]$/i.test(text)
  );
  return lastLine(line ?? output);
}

/** The program with the end of its checks made real. */
function marked(job: Job, recipe: Recipe, secret: string): string {
  const text = job.files[job.entry];
  const at = text.lastIndexOf(END_OF_CHECKS);
  if (at < 0) throw new RangeError("a toolchain job without an end of checks");
  const end = recipe.end(secret.slice(0, 16), secret.slice(16));
  return text.slice(0, at) + end + text.slice(at + END_OF_CHECKS.length);
}
