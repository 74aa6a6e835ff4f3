/**
 * `deno task bench [--json FILE] [--only GROUP] [--layers N] [--shapes LIST] [--dtypes LIST] [--match TEXT]
 * [--python PATH]`: what each kernel, the decoding loop, a training step (beside PyTorch's where PATH, else
 * python3, has torch), long contexts, the published models' shapes (N layers, 2 unless given), a GPU's tiles (of
 * kernels whose name holds TEXT) and, by Dawn, subgroup matrices, each stage and each command's start cost, beside
 * the device's own measured ceilings; and how many experts a block of real text chooses. Groups are the names
 * below. A whole run is kept under bench/results/, a part of one where `--json` says.
 */
import { parseArgs } from "node:util";
import { formatsName, PRODUCT_FORMATS } from "../kernels/weights/weight.ts";
import { openTasks } from "../lib/eval/open_tasks.ts";
import { openGpu } from "../lib/gpu/device.ts";
import { TASK_GROUPS, taskOf } from "../tasks/mod.ts";
import { benchContext } from "./context.ts";
import { benchDecode } from "./decode.ts";
import { benchExperts } from "./experts.ts";
import { benchKernels } from "./kernels.ts";
import { Report, resultPath } from "./report.ts";
import { benchShapes } from "./shapes.ts";
import { benchStages, benchStartup } from "./stages.ts";
import { benchMatrices } from "./subgroup_matrix.ts";
import { benchTiles } from "./tiles.ts";
import { clockOf } from "./timing.ts";
import { benchTrain } from "./train.ts";

const { values } = options();
const gpu = await openGpu();
console.log(
  `${gpu.adapter} (${gpu.backend}, ${gpu.launcher.target} kernels), Deno ${Deno.version.deno}; kernels by ${
    clockOf(gpu)
  } time`,
);
const path = values.json ?? (values.only === undefined ? resultPath(gpu) : undefined);
const report = new Report(gpu, values.json);
const nano = TASK_GROUPS.nano.map((name) => taskOf(name)!);
const { ready } = await openTasks(nano, { env: Deno.env, notice: console.error });
const groups: Readonly<Record<string, () => Promise<void>>> = {
  kernels: () => benchKernels(gpu, report),
  decode: () => benchDecode(report, ready),
  train: () => benchTrain(gpu, report, values.python),
  context: () => benchContext(gpu, report),
  shapes: () =>
    benchShapes(gpu, report, {
      layers: Number(values.layers),
      shapes: values.shapes.split(","),
      names: values.dtypes?.split(","),
    }),
  tiles: () => benchTiles(gpu, report, values.match),
  matrices: () => benchMatrices(report),
  experts: () => benchExperts(report, ready),
  stages: () => benchStages(report, ready),
  startup: () => benchStartup(report),
};
function options() {
  try {
    return parseArgs({
      options: {
        json: { type: "string" },
        only: { type: "string" },
        layers: { type: "string", default: "2" },
        shapes: { type: "string", default: "mini,flash" },
        dtypes: { type: "string" },
        match: { type: "string" },
        python: { type: "string", default: "python3" },
      },
    });
  } catch (error) {
    console.error(`Cannot bench: ${(error as Error).message}, see the head of bench/main.ts`);
    Deno.exit(2);
  }
}

function expect(found: readonly string[], known: readonly string[]): void {
  const wrong = found.find((name) => !known.includes(name));
  if (wrong === undefined) return;
  console.error(`Cannot bench "${wrong}": expected one of ${known.join(", ")}`);
  Deno.exit(2);
}
expect(values.only === undefined ? [] : [values.only], Object.keys(groups));
expect(values.dtypes?.split(",") ?? [], PRODUCT_FORMATS.map(formatsName));
for (const [name, bench] of Object.entries(groups)) {
  if (values.only === undefined || values.only === name) await bench();
}
if (path !== undefined) {
  report.write(path);
  console.log(`kept in ${path}`);
}
gpu.destroy();
