/** Seeded damage to bytes, and what may come of it. */
import assert from "@std/assert";
import { Refusal } from "../lib/refusal.ts";
import { Random } from "../tasks/nano/corpus.ts";

/** Flips, cuts, repeats or splices some bytes. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const copy = Array.from(bytes);
  for (let edits = random.between(1, 4); edits > 0; edits--) {
    const at = random.between(0, copy.length + 1);
    const length = random.between(1, 30);
    switch (random.between(0, 4)) {
      case 0:
        if (at < copy.length) copy[at] ^= 1 << random.between(0, 8);
        break;
      case 1:
        copy.splice(at, random.next() < 0.2 ? copy.length : length);
        break;
      case 2:
        copy.splice(at, 0, ...copy.slice(at, at + length));
        break;
      default: {
        const from = random.between(0, copy.length + 1);
        copy.splice(at, length, ...copy.slice(from, from + length));
      }
    }
  }
  return Uint8Array.from(copy);
}

/** Runs `read` on damaged copies: each succeeds or refuses in one line, within a second. */
export async function checkMutations(
  bytes: Uint8Array,
  { slice, full }: { slice: number; full: number },
  read: (damaged: Uint8Array<ArrayBuffer>) => unknown,
): Promise<void> {
  const random = new Random(1);
  const count = Deno.env.get("UNMASK_FULL") ? full : slice;
  for (let i = 0; i < count; i++) {
    const damaged = mutate(bytes, random);
    const start = performance.now();
    try {
      await read(damaged);
    } catch (error) {
      // Anything but a refusal is our bug: rethrown with its stack.
      if (!(error instanceof Refusal)) throw new Error(`case ${i}`, { cause: error });
      assert.ok(!error.message.includes("\n"), `case ${i}: ${error.message}`);
    }
    assert.ok(performance.now() - start < 1000, `case ${i} took too long`);
  }
}

/** Asserts that `body` refuses with a matching line. */
export async function refuses(body: () => unknown, pattern: RegExp): Promise<void> {
  await assert.rejects(async () => await body(), (error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
    assert.match(error.message, pattern);
    assert.match(error.message, /^Cannot [^\n]+$/);
    return true;
  });
}

/** Time one damaged file may take; the machine may be busy with other tests. */
const CASE_MS = 5000;

/** Heap of the process that reads damaged files, in MiB: the largest of them has 12 KiB. */
const HEAP_MIB = 96;

/**
 * Lets a process of its own read damaged files of a kind (mutation_child.ts): each is read or refused in
 * one line, within a deadline and little memory. 10,000 of them with UNMASK_FULL=1.
 */
export async function checkDamaged(kind: string): Promise<void> {
  const count = Deno.env.get("UNMASK_FULL") ? 10_000 : 300;
  const script = new URL("./mutation_child.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", `--v8-flags=--max-old-space-size=${HEAP_MIB}`]
      .concat(script, kind, String(count)),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  let late = false;
  let seen = 0;
  const kill = () => {
    late = true;
    child.kill("SIGKILL");
  };
  // Starting the process counts as a case of its own.
  let timer = setTimeout(kill, 6 * CASE_MS);
  let rest = "";
  const results = new Map<string, number>();
  for await (const text of lines) {
    clearTimeout(timer);
    timer = setTimeout(kill, CASE_MS);
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    for (const line of parts) {
      if (line.startsWith("wrong")) {
        clearTimeout(timer);
        child.kill("SIGKILL");
        await child.status;
        await errors;
        assert.fail(`${kind} case ${seen}: ${line}`);
      }
      results.set(line, (results.get(line) ?? 0) + 1);
      seen++;
    }
  }
  clearTimeout(timer);
  const { success } = await child.status;
  assert.ok(!late, `${kind} case ${seen} took longer than ${CASE_MS / 1000} s`);
  assert.ok(success && seen === count, `${kind} died in case ${seen}: ${await errors}`);
  await errors;
  assert.ok((results.get("refused") ?? 0) > 0, `${kind}: no damage was noticed`);
}
