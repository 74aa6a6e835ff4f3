/** Edge: free space of a file system; Deno does not tell, `df` does where it is there. */

/** Free bytes for a file at `path`, whose folder exists; undefined when nothing can say. */
export async function freeSpace(path: string): Promise<number | undefined> {
  if (Deno.build.os === "windows") return undefined;
  const folder = path.replace(/\/[^/]*$/, "") || "/";
  try {
    const { success, stdout } = await new Deno.Command("df", {
      args: ["-Pk", folder],
      stderr: "null",
      env: { LC_ALL: "C" },
    }).output();
    if (!success) return undefined;
    // Filesystem 1024-blocks Used Available Capacity Mounted: a name may hold blanks, so count from "NN%".
    const line = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
    const free = /\s(\d+)\s+\d+%\s/.exec(line)?.[1];
    return free === undefined ? undefined : Number(free) * 1024;
  } catch {
    return undefined; // no df, or no permission to run it
  }
}
