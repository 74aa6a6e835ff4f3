/** Nexusflow's functions as the authors' evaluation notebook shows them to a model: with types and docstrings. */
import { Refusal } from "../../refusal.ts";
import type { NexusFunction } from "./nexus.ts";

/** The variable that holds an API's part of the prompt, by API. */
const PROMPTS: Readonly<Record<string, string>> = {
  nvdlibrary: "NVD_PROMPT",
  virustotal: "VT_PROMPT",
  places: "PLACES_PROMPT",
  climate: "CLIMATE_PROMPT",
  otx: "OTX_PROMPT",
  vt_multi: "VT_MULTI",
  cvecpe_multi: "NVDMULTI",
};

/** The functions shown for each API, from the text of the notebook; `where` is for messages. */
export function notebookFunctions(
  text: string,
  where: string,
): Readonly<Record<string, readonly NexusFunction[]>> {
  const cells = cellsOf(text).map(({ source }) => [source].flat().join(""));
  return Object.fromEntries(
    Object.entries(PROMPTS).map(([api, variable]) => {
      const cell = cells.find((source) => source.includes(`\n${variable} = construct_tool_desc`));
      if (cell === undefined) {
        throw new Refusal(
          `Cannot use "${where}" for nexus: no cell sets ${variable}, expected the authors' notebook`,
        );
      }
      return [api, shownBy(cell)];
    }),
  );
}

function cellsOf(text: string): readonly { source?: unknown }[] {
  try {
    const { cells } = JSON.parse(text);
    return Array.isArray(cells) ? cells : [];
  } catch {
    return [];
  }
}

/** The functions that a cell lists, some of them twice; without a list of names all that it defines. */
function shownBy(cell: string): NexusFunction[] {
  const defined = new Map(
    [...cell.matchAll(/^def (\w+)\((.*)\)(?: -> ([\w[\], ]+))?:\n\s*"""([^]*?)"""/gm)]
      .map(([, name, parameters, result, docstring]) => [name, {
        signature: `${name}(${typed(parameters)})${result ? ` -> ${result}` : ""}`,
        docstring: docstring.trim(),
      }]),
  );
  const listed = /^tools = \[([\w\s,']*)\]$/m.exec(cell)?.[1].match(/\w+/g) ?? defined.keys();
  return [...listed].flatMap((name) => defined.get(name) ?? []);
}

/** Parameters as Python's `inspect` writes them: a blank behind a colon, and around `=` where there is a type. */
function typed(parameters: string): string {
  return parameters.split(/,\s*(?![^[]*\])/).map((each) => {
    const [left, fallback] = each.split("=").map((part) => part.trim());
    const [name, type] = left.split(":").map((part) => part.trim());
    if (fallback === undefined) return type ? `${name}: ${type}` : name;
    return type ? `${name}: ${type} = ${fallback}` : `${name}=${fallback}`;
  }).join(", ");
}
