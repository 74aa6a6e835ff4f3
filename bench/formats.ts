/**
 * How good and how large each weight format is: logits of the first denoising step against f32 (nano and
 * the tiny random model), nano's scores. `deno task formats` writes the table into docs/formats.md.
 */
import { unmask } from "../cli/itself.ts";
import { formatsName, PRODUCT_FORMATS, type ProductFormats } from "../kernels/weights/weight.ts";
import { logitDistance, probeLogits } from "./quality.ts";
import { parameterCount } from "../lib/model/config.ts";
import { openCheckpoint } from "../lib/model/checkpoint.ts";
import { weightBytes } from "../lib/model/placement.ts";
import { nanoProbe, onGpu, type Probe, tinyProbe, withEngine } from "../tests/fixtures.ts";
import { NANO } from "../lib/hub/resolve.ts";
import { replaceMarked } from "./marked.ts";
import { percent, readRun, SKILLS } from "./nano.ts";
import { table } from "./tables.ts";

const PAGE = new URL("../docs/formats.md", import.meta.url);

/** Logits of a probe's cases in some formats. */
function logitsOf(
  { dir, cases }: Probe,
  { format: dtype, activations }: ProductFormats,
): Promise<Float32Array> {
  return onGpu(
    {},
    (gpu) =>
      withEngine(
        gpu,
        { dir, engine: { slots: 2 }, model: { dtype, activations } },
        (engine) => probeLogits(engine, cases),
      ),
  );
}

/** Scores of `unmask eval nano`, and their mean. */
async function scores({ format, activations }: ProductFormats): Promise<number[]> {
  const folder = await Deno.makeTempDir();
  const options = [
    "--quiet",
    "--no-cache",
    "--dtype",
    format,
    "--activations",
    activations,
    "--output",
    `${folder}/run`,
    "--json",
  ];
  await unmask(["eval", "nano", ...options]);
  const run = await readRun(`${folder}/run`);
  await Deno.remove(folder, { recursive: true });
  return [...run.scores, run.mean];
}

const probes = [nanoProbe(1), tinyProbe()];
const exact = await Promise.all(probes.map((probe) => logitsOf(probe, PRODUCT_FORMATS[0])));
const checkpoint = await openCheckpoint(NANO);
checkpoint.close();
const rows: string[][] = [];
for (const formats of PRODUCT_FORMATS) {
  const distances = [];
  for (const [index, probe] of probes.entries()) {
    distances.push(logitDistance(exact[index], await logitsOf(probe, formats), probe.vocab));
  }
  const own = await scores(formats);
  const bits = 8 * weightBytes(checkpoint.config, formats.format) /
    parameterCount(checkpoint.config);
  rows.push([
    `\`${formatsName(formats)}\``,
    bits.toFixed(2),
    ...distances.flatMap(({ kl, top1 }) => [kl.toExponential(1), percent(top1)]),
    ...own.map(percent),
  ]);
  console.log(rows.at(-1)!.join(" "));
}
const head = ["format", "bits", "nano KL", "top-1", "tiny KL", "top-1", ...SKILLS, "mean"];
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
await Deno.writeTextFile(
  PAGE,
  replaceMarked(page, "quality", `${table(head, rows, 1)}\n\n${made}`),
);
