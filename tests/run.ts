/** Runs all tests: most files side by side, a few alone. With arguments, one `deno test` that gets them. */

/** Files that nothing runs beside, and why. */
const ALONE: Readonly<Record<string, string>> = {
  "tests/cli/faults_test.ts":
    "waits to see that a process is stuck; on a busy machine any seems so",
  "tests/lib/exec/escapes_test.ts": "starts fork bombs and the like, and ends them after a second",
  "tests/lib/memory_test.ts": "measures the memory of its own process",
};

/** Whether the tests pass. */
async function pass(args: readonly string[]): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), { args: ["test", "-A", ...args] });
  return (await command.spawn().status).success;
}

const alone = Object.keys(ALONE);
const parts = Deno.args.length > 0
  ? [Deno.args]
  : [["--parallel", `--ignore=${alone.join()}`], alone];
// Each part runs, also behind one that failed.
let passed = true;
for (const args of parts) passed = await pass(args) && passed;
if (!passed) Deno.exit(1);
