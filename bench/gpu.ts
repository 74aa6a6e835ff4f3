/**
 * `deno task bench:gpu FOLDER [PART...]`: what only a GPU decides, the parts below in their order, each with a
 * time limit of its own, so that one that hangs costs no other's time. FOLDER gets what each printed and the rows
 * of each bench, which are there as they come, also of a part that was stopped. All parts take 14 minutes at most.
 */

/** Processes that run side by side, by name: program and arguments. */
interface Part {
  readonly seconds: number;
  readonly processes: Readonly<Record<string, readonly string[]>>;
}

/** What decides most comes first. */
function partsFor(folder: string): Readonly<Record<string, Part>> {
  const deno = Deno.execPath();
  const bench = (name: string, ...flags: string[]): Part["processes"] => ({
    [name]: [
      deno,
      "run",
      "-A",
      "--no-check",
      "bench/main.ts",
      ...flags,
      "--json",
      `${folder}/${name}.json`,
    ],
  });
  const shapes = (name: string, shape: string, dtypes: string, layers: number) => {
    const flags = ["--shapes", shape, "--dtypes", dtypes, "--layers", `${layers}`];
    return bench(name, "--only", "shapes", ...flags);
  };
  const test = (...args: string[]) => [deno, "test", "-A", "--no-check", ...args];
  const kernels = (forms: string) =>
    test("tests/kernels/kernels_test.ts", "--filter", `(${forms})`);
  return {
    check: {
      seconds: 60,
      processes: { check: [deno, "run", "-A", "--no-check", "cli/main.ts", "doctor"] },
    },
    mini: { seconds: 100, processes: shapes("mini", "mini", "q4,q4 int8", 20) },
    tests: {
      seconds: 150,
      processes: {
        "tests-kernels": kernels("gpu shape"),
        "tests-kernels-plain": kernels("gpu shape, no features"),
        "tests-gradients": test("tests/kernels/gradients_test.ts"),
        "tests-forward": test("tests/lib/model/forward_test.ts"),
        "tests-engine": test("tests/lib/diffusion/engine_test.ts"),
        "tests-indel": test("tests/lib/diffusion/indel_test.ts"),
      },
    },
    tiles: { seconds: 120, processes: bench("tiles", "--only", "tiles") },
    flash: { seconds: 110, processes: shapes("flash", "flash", "q4,q4 int8", 32) },
    mini22: { seconds: 50, processes: shapes("mini22", "mini-2.2", "q4", 20) },
    wide: { seconds: 60, processes: shapes("wide", "mini", "q8,f16", 20) },
    torch: { seconds: 60, processes: { torch: ["python3", "bench/torch_block.py"] } },
    kernels: { seconds: 60, processes: bench("kernels", "--only", "kernels") },
    matrices: { seconds: 40, processes: bench("matrices", "--only", "matrices") },
  };
}

const [folder, ...asked] = Deno.args;
const parts = partsFor(folder);
const wrong = asked.find((name) => !Object.hasOwn(parts, name));
if (!folder || folder.startsWith("-") || wrong !== undefined) {
  const found = wrong === undefined ? "without a folder" : `part "${wrong}"`;
  console.error(`Cannot bench ${found}: expected FOLDER [${Object.keys(parts).join("|")} ...]`);
  Deno.exit(2);
}
await Deno.mkdir(folder, { recursive: true });
let good = true;
for (const name of asked.length > 0 ? asked : Object.keys(parts)) {
  const { seconds, processes } = parts[name];
  const ended = Object.entries(processes).map(([name, argv]) => runs(name, { argv, seconds }));
  good = (await Promise.all(ended)).every((well) => well) && good;
}
Deno.exit(good ? 0 : 1);

/** Runs a process with its output in FOLDER; whether it ended well and in time. */
async function runs(
  name: string,
  { argv, seconds }: { argv: readonly string[]; seconds: number },
): Promise<boolean> {
  const start = performance.now();
  const path = `${folder}/${name}.log`;
  // Straight into the file: a pipe stays open as long as anything that a part left running.
  const args = ["-c", 'exec "$@" > "$0" 2>&1', path, ...argv];
  const child = new Deno.Command("sh", { args, env: { NO_COLOR: "1" } }).spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), 1000 * seconds);
  const { success, code, signal } = await child.status;
  clearTimeout(limit);
  const took = ((performance.now() - start) / 1000).toFixed(0);
  const end = success ? "done" : signal ? "stopped" : `failed with ${code}`;
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  console.log(
    `${name}: ${end}, ${took} s of ${seconds}\n${lines.slice(success ? -1 : -8).join("\n")}`,
  );
  return success;
}
