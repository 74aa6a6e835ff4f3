/** The tool of this checkout in a process of its own, for what shows and measures it. */

const MAIN = new URL("./main.ts", import.meta.url).href;

/** Output of one run; what it says on stderr is shown. Ends this process where it fails. */
export async function unmask(args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", MAIN, ...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const written = new Response(input).body!.pipeTo(child.stdin);
  const { stdout, success } = await child.output();
  await written.catch(() => {});
  if (!success) Deno.exit(1);
  return new TextDecoder().decode(stdout);
}

/** Values of JSON Lines. */
export function lines<V>(text: string): V[] {
  return text.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
}
