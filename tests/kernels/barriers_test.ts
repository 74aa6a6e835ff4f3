import assert from "@std/assert";
import { sanitizedGpu, type SanitizedOptions } from "./sanitizer/device.ts";
import { takeFindings } from "./sanitizer/memory.ts";
import { DEVICES, ENGINE_RUNS, type Run, specRuns } from "./sanitizer/runs.ts";

Deno.test({
  name: "without any barrier of our kernels something is found",
  ignore: !Deno.env.has("UNMASK_FULL"),
  async fn() {
    const files = new Map<string, { text: string; reached: [Run, SanitizedOptions][] }>();
    for (const device of DEVICES.filter((_, i) => i % 2 === 0)) {
      for (const run of [...specRuns({ flops: 5e6, values: 3e5 }), ...ENGINE_RUNS]) {
        const gpu = sanitizedGpu(device);
        await (run.prepare ?? run.run)(gpu);
        for (const [name, text] of gpu.launcher.texts) {
          if (!files.has(name)) files.set(name, { text, reached: [] });
          files.get(name)!.reached.push([run, device]);
        }
      }
    }
    const needless: string[] = [];
    for (const [name, { text, reached }] of files) {
      reached.sort(([a], [b]) => (a.flops ?? Infinity) - (b.flops ?? Infinity) || 0);
      const barriers = [...text.matchAll(/(workgroup|storage)Barrier\(\);/g)];
      for (const [i, { index, 0: { length } }] of barriers.entries()) {
        const mutate = (given: string, file: string) =>
          file === name ? given.slice(0, index) + given.slice(index + length) : given;
        let needed = false;
        for (const [{ run }, device] of reached) {
          needed = await run(sanitizedGpu({ ...device, mutate })).then(() => false, () => true);
          needed = takeFindings().length > 0 || needed;
          if (needed) break;
        }
        if (!needed) needless.push(`${name} ${i}`);
      }
    }
    assert.deepEqual(needless, []);
  },
});
