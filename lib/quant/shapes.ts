/**
 * Edge: configurations of published models (model cards, dFactory's configs), which `shapes.json` keeps for
 * bench/torch_block.py too, and of the embedded one.
 */
import { NANO } from "../hub/resolve.ts";
import { type ModelConfig, parseConfig } from "../model/config.ts";
import published from "./shapes.json" with { type: "json" };

/** Names that `shapeConfig` knows; those of LLaDA2.2 share experts by blocks and have edits. */
export const SHAPE_NAMES = ["nano", "mini", "flash", "mini-2.2", "flash-2.2"];

/** config.json of a shape, with another number of layers if given. */
export function shapeConfig(
  name: string,
  layers?: number,
): { readonly json: Record<string, unknown>; readonly config: ModelConfig } {
  const [size, version] = name.split("-");
  const base = size === "mini" || size === "flash"
    ? { ...published.shared, ...published[size], ...(version ? published.edits : {}) }
    : JSON.parse(Deno.readTextFileSync(`${NANO}/config.json`));
  const json = layers === undefined ? base : { ...base, num_hidden_layers: layers };
  return { json, config: parseConfig(JSON.stringify(json), `${name}/config.json`) };
}
