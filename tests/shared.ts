/** Material that lies beside a checkout of the whole workshop; tests that need it are ignored, loudly, elsewhere. */

const SHARED = new URL("../../shared/", import.meta.url);

/** Real samples and scored cases of the benchmarks, a folder each. */
export const SHARED_BENCHMARKS: string = new URL("benchmarks", SHARED).pathname;

/** Whether a file or folder of it is there; says so where it is not. */
export function sharedIsThere(path: string): boolean {
  try {
    Deno.statSync(new URL(path, SHARED));
    return true;
  } catch {
    console.warn(`ignored: shared/${path} is not there`);
    return false;
  }
}
