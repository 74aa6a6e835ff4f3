/**
 * Edge: configurations of published models (model cards, dFactory's configs), which `shapes.json` keeps for
 * bench/torch_block.py too, and of the embedded one.
 */
import { NANO } from "../hub/resolve.ts";
import { type ModelConfig, parseConfig } from "../model/config.ts";
import published from "./shapes.json" with { type: "json" };

/** Names that `shapeConfig` knows. */
export const SHAPE_NAMES = ["nano", "mini", "flash"];

/** config.json of a shape, with another number of layers if given. */
export function shapeConfig(
  name: string,
  layers?: number,
): { readonly json: Record<string, unknown>; readonly config: ModelConfig } {
  const base = name === "mini" || name === "flash"
    ? { ...published.shared, ...published[name] }
    : JSON.parse(Deno.readTextFileSync(`${NANO}/config.json`));
  const json = layers === undefined ? base : { ...base, num_hidden_layers: layers };
  return { json, config: parseConfig(JSON.stringify(json), `${name}/config.json`) };
}
