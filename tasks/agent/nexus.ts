import {
  NEXUS_SETS,
  type NexusFunction,
  nexusPrompt,
  scoreNexus,
} from "../../lib/eval/calls/nexus.ts";
import { NEXUS_FUNCTIONS } from "../../lib/eval/calls/nexus_functions.ts";
import { notebookFunctions } from "../../lib/eval/calls/nexus_notebook.ts";
import type { OpenedSource, Row } from "../../lib/data/source.ts";
import { type Item, type Score, task } from "../../lib/eval/task.ts";

/** Files of the sets: two in the authors' first repository, the others on the hub. */
const GITHUB = { nvd_library: "cve_cpe_queries.json", virustotal: "virustotal_queries.json" };
const HUB = {
  otx: "OTXAPIBenchmark",
  places: "PlacesAPIBenchmark",
  climate: "ClimateAPIBenchmark",
  virustotal_nested: "VirusTotalMultiple",
  virustotal_parallel: "VirusTotalMultiple",
  cve_cpe: "CVECPEAPIBenchmark",
};
/** Where the functions are described. */
const NOTEBOOK = "Benchmark_GPT4.ipynb";
const hubFile = (set: string) => `${set}/train-00000-of-00001.parquet`;

/** Nexusflow's function calling (2023): recorded calls equal, in eight sets. */
export default task({
  name: "nexus",
  title: "Nexus FC",
  group: "agent",
  summary: "Python function calls, nested and parallel too",
  source: {
    repo: "github:nexusflowai/NexusRaven",
    revision: "f32882763bb3e220722883821919c14abdd3d156",
    files: [
      ...Object.values(GITHUB).map((name) => ({ name, path: `raven/data/resources/${name}` })),
      ...[...new Set(Object.values(HUB))].map((set) => ({
        name: hubFile(set),
        url: `https://huggingface.co/datasets/Nexusflow/${set}/resolve/main/data/` +
          "train-00000-of-00001.parquet",
      })),
      {
        name: NOTEBOOK,
        url: "https://raw.githubusercontent.com/nexusflowai/NexusRaven-V2/" +
          "7794bc603a92856d075bb4a6607db550c96131c2/evaluation_notebook/GPT4_Evaluation/" +
          NOTEBOOK,
        digest: "206364363b37e8b0a63e2239d017e4427faf7f6e",
      },
    ],
    licence: "CC BY-NC 4.0",
    items: 542,
  },
  items,
  needs: ["api", "ground_truth"],
  prompt: ({ api, query, functions }) => {
    // Samples may lack the notebook: names and parameters alone.
    const plain = (signature: string) => ({ signature, docstring: "" });
    const shown = (functions ?? NEXUS_FUNCTIONS[String(api)]?.map(plain) ?? []) as NexusFunction[];
    return [{ role: "user", content: nexusPrompt(String(query), shown) }];
  },
  decode: { gen_length: 512 },
  metric: "accuracy",
  score: (text, doc): Score => {
    const { metrics, unparsed } = scoreNexus(text, doc);
    return { metrics, unparsed };
  },
  parts: { set: ({ set, api }) => String(set ?? api) },
  aggregate: { over: "set", mean: "macro" },
  reported: { mini: 35.18, flash: 50.45 },
  examples: [
    { answer: "searchCPE(keywordSearch='Exchange', limit=2)", doc: doc(), score: 1 },
    { answer: "searchCPE(limit=2, keywordSearch='Exchange')", doc: doc(), score: 1 },
    { answer: "Call: searchCPE(keywordSearch='Exchange', limit=2)", doc: doc(), score: 0 },
    { answer: "searchCPE(keywordSearch='Exchange')", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return {
    api: "nvdlibrary",
    query: "Two CPEs of Exchange.",
    ground_truth: "searchCPE(keywordSearch = 'Exchange', limit = 2)",
  };
}

async function* items(data: OpenedSource): AsyncGenerator<Item> {
  const notebook = data.file(NOTEBOOK);
  const described = notebook && notebookFunctions(await notebook.text(), notebook.where);
  for (const [set, { api }] of Object.entries(NEXUS_SETS)) {
    const file = GITHUB[set as keyof typeof GITHUB] ?? hubFile(HUB[set as keyof typeof HUB]);
    if (!data.file(file)) continue;
    let index = 0;
    for await (const row of data.rows(file)) {
      const found = read(row);
      if (set === "virustotal_nested" && found.calls !== 1) continue;
      if (set === "virustotal_parallel" && found.calls < 2) continue;
      const { query, ground_truth } = found;
      const functions = described && { functions: described[api] };
      yield { id: `nexus/${set}/${index++}`, doc: { set, api, query, ground_truth, ...functions } };
    }
  }
}

/** A row of either layout: `query` and `reference`, `Input` and `Output`, or a list of calls. */
function read(row: Row): { query: string; ground_truth: string; calls: number } {
  const calls = [row.fncall ?? row.Output ?? row.reference].flat().map(String);
  return {
    query: String(row.query ?? row.Input ?? row.generated_question),
    ground_truth: calls.join("; ").replaceAll("r = nvdlib.", ""),
    calls: calls.length,
  };
}
