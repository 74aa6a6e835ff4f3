/**
 * How good and how large each weight format is: logits of the first denoising step against f32 (nano and
 * the tiny random model), nano's scores. `deno task formats` writes the table into docs/formats.md.
 */
import { WEIGHT_FORMATS, type WeightFormat } from "../kernels/weight.ts";
import { logitDistance, probeLogits } from "../lib/quant/quality.ts";
import { parameterCount } from "../lib/model/config.ts";
import { openCheckpoint } from "../lib/model/checkpoint.ts";
import { weightBytes } from "../lib/model/placement.ts";
import { nanoProbe, onGpu, type Probe, tinyProbe, withEngine } from "../tests/fixtures.ts";
import { NANO } from "../lib/hub/resolve.ts";

const TASKS = ["knowledge", "reasoning", "coding", "math", "agent"];
const PAGE = new URL("../docs/formats.md", import.meta.url);
const MARKS = ["<!-- quality -->", "<!-- /quality -->"];
const percent = (share: number) => (100 * share).toFixed(1);

/** Logits of a probe's cases in a format. */
function logitsOf({ dir, cases }: Probe, dtype: WeightFormat): Promise<Float32Array> {
  return onGpu(
    {},
    (gpu) =>
      withEngine(
        gpu,
        { dir, engine: { slots: 2 }, model: { dtype } },
        (engine) => probeLogits(engine, cases),
      ),
  );
}

/** Scores of `unmask eval nano`. */
async function scores(dtype: WeightFormat): Promise<number[]> {
  const run = await Deno.makeTempDir();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--quiet",
      "cli/main.ts",
      "eval",
      "nano",
      "--quiet",
      "--no-cache",
    ]
      .concat(["--dtype", dtype, "--output", `${run}/run`, "--json"]),
    cwd: new URL("..", import.meta.url),
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) Deno.exit(1);
  const { tasks } = JSON.parse(await Deno.readTextFile(`${run}/run/results.json`));
  await Deno.remove(run, { recursive: true });
  return TASKS.map((name) => tasks[`nano_${name}`].score as number);
}

const probes = [nanoProbe(1), tinyProbe()];
const exact = await Promise.all(probes.map((probe) => logitsOf(probe, "f32")));
const checkpoint = await openCheckpoint(NANO);
checkpoint.close();
const rows: string[][] = [];
for (const dtype of WEIGHT_FORMATS) {
  const distances = [];
  for (const [index, probe] of probes.entries()) {
    distances.push(logitDistance(exact[index], await logitsOf(probe, dtype), probe.vocab));
  }
  const own = await scores(dtype);
  const bits = 8 * weightBytes(checkpoint.config, dtype) / parameterCount(checkpoint.config);
  rows.push([
    `\`${dtype}\``,
    bits.toFixed(2),
    ...distances.flatMap(({ kl, top1 }) => [kl.toExponential(1), percent(top1)]),
    ...own.map(percent),
    percent(own.reduce((sum, score) => sum + score, 0) / own.length),
  ]);
  console.log(rows.at(-1)!.join(" "));
}
const head = ["format", "bits", "nano KL", "top-1", "tiny KL", "top-1", ...TASKS, "mean"];
const table = [head, head.map((_, i) => i === 0 ? "---" : "--:"), ...rows]
  .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
const positions = probes.map(({ vocab }, index) => exact[index].length / vocab);
const made =
  `Made by \`deno task formats\` on ${
    new Date().toISOString().slice(0, 10)
  }. KL(f32 || format) in nats ` +
  `and agreement of the most likely token in percent: nano at the ${
    positions[0]
  } masked positions of the first ` +
  `denoising step of ${probes[0].cases.length} items; tiny-llada2 at all ${
    positions[1]
  } positions of its golden ` +
  `cases. Then percent of \`unmask eval nano\`.`;
const page = await Deno.readTextFile(PAGE);
const [before, after] = [page.split(MARKS[0])[0], page.split(MARKS[1])[1]];
await Deno.writeTextFile(
  PAGE,
  `${before}${MARKS[0]}\n\n${table}\n\n${made}\n\n${MARKS[1]}${after}`,
);
