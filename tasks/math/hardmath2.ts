import { rowItems } from "../../lib/eval/items.ts";
import { scoreHardMath2 } from "../../lib/eval/math/hardmath2.ts";
import { promptHardmath2 } from "../../lib/eval/math/prompts.ts";
import type { OpenedSource } from "../../lib/data/source.ts";
import { type Item, task } from "../../lib/eval/task.ts";

const LICENCE = "MIT";
const TYPES = [
  "asympytotic_series",
  "boundary_layers",
  "integrals",
  "nonlinear_ode",
  "nonlinear_pde",
  "other",
  "wkb",
];

/** Asymptotic analysis by its students (Roggeveen et al., 2025): expressions compared at one random point. */
export default task({
  name: "hardmath2",
  title: "HARDMath2",
  group: "math",
  summary: "boxed expressions, compared numerically",
  source: [
    {
      repo: "JVRoggeveen/HARDMath2",
      files: [{ name: "data/train-00000-of-00001.parquet", rows: 211 }],
      licence: LICENCE,
      items: 211,
    },
    {
      form: "yaml",
      repo: "github:JamesRoggeveen/hardmath2_data",
      revision: "29c32ae7674f5696b9ca75a19a421fa36dbd8074",
      files: TYPES.map((type) => ({ name: `data_src/${type}.yaml`, at: "problems" })),
      licence: LICENCE,
      items: 215,
    },
  ],
  items: (data) => data.source.form === "yaml" ? yamlItems(data) : rowItems("hardmath2")(data),
  needs: ["solution"],
  prompt: promptHardmath2,
  decode: { gen_length: 16384 },
  metric: "acc",
  score: scoreHardMath2,
  parts: { type: ({ type }) => String(type) },
  reported: { mini: 0.47, flash: 4.27 },
  examples: [
    { answer: "$\\boxed{y = 2x}$", doc: doc(), score: 1 },
    { answer: "$\\boxed{x + x}$", doc: doc(), score: 1 },
    { answer: "$\\boxed{x}$", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { solution: "$\\boxed{y = 2 x}$", parameters: "$x$" };
}

/** As the authors' build script: white space flattened, the file's type and a running number added. */
async function* yamlItems(data: OpenedSource): AsyncGenerator<Item> {
  for (const type of TYPES) {
    const file = `data_src/${type}.yaml`;
    if (!data.file(file)) continue;
    let index = 0;
    for await (const row of data.rows(file)) {
      index++;
      const flat = Object.entries(row).map(([name, value]) => [
        name,
        String(value).replace(/\s+/g, " ").trim(),
      ]);
      yield { id: `hardmath2/${type}/${index}`, doc: { type, index, ...Object.fromEntries(flat) } };
    }
  }
}
