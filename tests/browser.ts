/** A browser without a screen; where none is installed, tests that need it say so and are ignored. */

/** Its name, if it is there. */
export const BROWSER = ["chromium", "google-chrome"].find((name) => {
  try {
    return new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
});
if (!BROWSER) console.warn("ignored: no Chromium is installed, which opens pages");

/** Flags that it starts with. */
export const HEADLESS = ["--headless=new", "--no-sandbox"];

/** What a page is once its scripts have run, as HTML. */
export async function opened(page: string): Promise<string> {
  const profile = await Deno.makeTempDir();
  try {
    const file = `${profile}/page.html`;
    await Deno.writeTextFile(file, page);
    const { stdout } = await new Deno.Command(BROWSER!, {
      args: [...HEADLESS, `--user-data-dir=${profile}`, "--dump-dom", `file://${file}`],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}
