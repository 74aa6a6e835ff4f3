import assert from "@std/assert";
import fc from "fast-check";
import { NEXUS_SETS, nexusPrompt, scoreNexus } from "../../../lib/eval/calls/nexus.ts";
import { notebookFunctions } from "../../../lib/eval/calls/nexus_notebook.ts";
import { readPyJson } from "../../../lib/eval/calls/py_json.ts";
import { PyDict, pyEqual, pyRepr, type PyValue } from "../../../lib/eval/calls/py_value.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../shared.ts";

Deno.test({
  name: "scoreNexus() scores every golden case as the official notebook does",
  ignore: !sharedIsThere("benchmarks/nexus/scoring.jsonl"),
  fn: () => {
    const lines = Deno.readTextFileSync(`${SHARED_BENCHMARKS}/nexus/scoring.jsonl`).trim().split(
      "\n",
    );
    for (const line of lines) {
      const { output, note, expected } = JSON.parse(line);
      const row = readPyJson(line) as PyDict;
      const { metrics, extracted = [], unparsed } = scoreNexus(output, row.get("doc"));
      assert.equal(metrics.accuracy, expected.accuracy, note);
      const recorded = (row.get("expected") as PyDict).get("recorded")!;
      const same = recorded === "invalid call" ? unparsed : pyEqual([...extracted], recorded);
      assert.ok(same, `${note}: ${pyRepr([...extracted])}, expected ${pyRepr(recorded)}`);
    }
    assert.ok(lines.length >= 27);
  },
});

Deno.test("scoreNexus() compares recorded calls", () => {
  const domain = "vt_get_domain_report(domain='a.com', x_apikey='k')";
  const nested = `vt_get_last_analysis_date_from_report(report=${domain})`;
  const cve = "searchCVE(keywordSearch='x', limit=2)";
  const cases: [string, string, string, number][] = [
    ["vt_multi", domain, "vt_get_domain_report('a.com', 'k')", 1],
    ["vt_multi", domain, "vt_get_domain_report('a.com', x_apikey='k', limit=1)", 0],
    ["vt_multi", domain, "vt_get_domain_report('a.com')", 0],
    ["vt_multi", nested, nested, 1],
    ["vt_multi", nested, domain, 0],
    ["vt_multi", nested, `print(${domain})\nr = vt_get_last_analysis_date_from_report(None)`, 1],
    ["vt_multi", nested, ` ${nested}`, 0],
    ["vt_multi", nested, "vt_get_last_analysis_date_from_report(\nreport=1)", 0],
    ["vt_multi", `${domain}; ${nested}`, `${nested}; ${domain}`, 0],
    ["vt_multi", domain, `${domain}; import os`, 0],
    ["vt_multi", domain, `${domain}; 1/0; ${nested}`, 1],
    ["vt_multi", domain, `${domain} or ${nested}`, 0],
    ["nvdlibrary", cve, "searchCVE(limit=2, keywordSearch='x')", 1],
    ["nvdlibrary", cve, "searchCVE(limit=2, keywordSearch='x', verbose=None)", 1],
    ["nvdlibrary", `r = nvdlib.${cve}`, cve, 1],
    ["nvdlibrary", cve, "searchCVE(limit=2.0, keywordSearch='x', hasKev=0)", 0],
    ["cvecpe_multi", cve, "searchCVE(limit=2.0, keywordSearch='x', hasOval=0)", 1],
    ["cvecpe_multi", `getCPEName(cpeObject=${cve})`, `getCPEName(${cve})`, 1],
    ["cvecpe_multi", "searchCPE(limit=2)", "searchCPE(limit=2)", 0], // it has no body there
    ["places", "get_current_location()", "get_current_location()", 1],
    ["climate", "get_timezone(lat_long=(1.5, 2))", "get_timezone((1.5, 2.0))", 1],
    ["nowhere", "f()", "f()", 0],
  ];
  for (const [api, ground_truth, answer, accuracy] of cases) {
    assert.deepEqual(scoreNexus(answer, { api, ground_truth }).metrics, { accuracy }, answer);
  }
});

Deno.test("scoreNexus() never throws, whatever the model wrote", () => {
  const bits = fc.constantFrom(
    ...[
      "get_timezone(",
      ")",
      "lat_long=",
      "1",
      "'",
      ", ",
      "; ",
      "\n",
      "[",
      "]",
      "{",
      "}",
      "**",
      "*",
      "=",
    ],
    ...[
      "print(",
      "len(",
      "x",
      " if ",
      " else ",
      "lambda: ",
      "f'{x}'",
      "-",
      "9**9",
      "é",
      "\\",
      "#",
      ":=",
    ],
  );
  const doc = { api: "climate", ground_truth: "get_timezone(1)" };
  fc.assert(
    fc.property(fc.array(bits, { maxLength: 16 }), (parts) => {
      const { accuracy } = scoreNexus(`get_timezone(${parts.join("")}`, doc).metrics;
      assert.ok(accuracy === 0 || accuracy === 1);
    }),
    { seed: 4, numRuns: 2000 },
  );
  for (const broken of [null, undefined, 5, {}, { api: [], ground_truth: {} }]) {
    assert.equal(scoreNexus("f(x)", broken).metrics.accuracy, 0);
  }
});

Deno.test({
  name: "nexusPrompt() makes the notebook's prompt",
  ignore: !sharedIsThere("benchmarks/nexus/prompts.jsonl"),
  fn: () => {
    const [line] = Deno.readTextFileSync(`${SHARED_BENCHMARKS}/nexus/prompts.jsonl`).split("\n");
    const { query, messages } = JSON.parse(line);
    const shown: string = messages[0].content;
    const functions = Array.from(
      shown.matchAll(/Function:\ndef (.*):\n"""\n([^]*?)\n"""\n/g),
      ([, signature, docstring]) => ({ signature, docstring }),
    );
    assert.equal(functions.length, 2);
    assert.equal(nexusPrompt(query, functions), shown);
  },
});

Deno.test("notebookFunctions() gives what the notebook's tools show, types and docstrings too", () => {
  const prompts = ["VT_PROMPT", "PLACES_PROMPT", "CLIMATE_PROMPT", "OTX_PROMPT", "VT_MULTI"];
  const cell = `correctness = []
def find(where: tuple,  kinds : List[str], limit: int=None, key='k') -> List[Dict]:
    """
    Finds " it".

    Args:
        - where: a place
    """
    correctness.append({'find': locals()})

def here():
    """Here."""

`;
  const named =
    `${cell}tools = [here, find, here]\nNVD_PROMPT = construct_tool_descriptions(tools)\n`;
  const all = (variable: string) =>
    `${cell}tools = [eval(e) for e in globals() if "e" in e]\n${variable} = construct_tool_descriptions(tools)`;
  const sources = [...named.split(/(?<=\n)/), "", "x = 1"];
  const cells = [
    { cell_type: "code", source: sources },
    ...[...prompts, "NVDMULTI"].map((variable) => ({ cell_type: "code", source: all(variable) })),
  ];
  const found = notebookFunctions(JSON.stringify({ cells }), "nb.ipynb");
  const here = { signature: "here()", docstring: "Here." };
  const find = {
    signature: "find(where: tuple, kinds: List[str], limit: int = None, key='k') -> List[Dict]",
    docstring: 'Finds " it".\n\n    Args:\n        - where: a place',
  };
  assert.deepEqual(found.nvdlibrary, [here, find, here]);
  assert.deepEqual(found.virustotal, [find, here]);
  const apis = new Set(Object.values(NEXUS_SETS).map(({ api }) => api));
  assert.deepEqual(new Set(Object.keys(found)), apis);
  assert.throws(
    () => notebookFunctions(JSON.stringify({ cells: cells.slice(1) }), "nb.ipynb"),
    /^Refusal: Cannot use "nb.ipynb" for nexus: no cell sets NVD_PROMPT, expected the authors' notebook$/,
  );
  assert.throws(() => notebookFunctions("<html>", "nb.ipynb"), /no cell sets NVD_PROMPT/);
});

Deno.test("the eight sets have the published sizes", () => {
  const sizes: PyValue[] = Object.values(NEXUS_SETS).map(({ items }) => items);
  assert.equal(sizes.length, 8);
  assert.equal(sizes.reduce((sum, items) => Number(sum) + Number(items), 0), 542);
});
