/** How BFCL v3's categories make its scores. */

/** Items of each category (4,441 in all). */
export const CATEGORY_ITEMS = {
  simple: 400,
  java: 100,
  javascript: 50,
  multiple: 200,
  parallel: 200,
  parallel_multiple: 200,
  irrelevance: 240,
  live_simple: 258,
  live_multiple: 1053,
  live_parallel: 16,
  live_parallel_multiple: 24,
  live_irrelevance: 882,
  live_relevance: 18,
  multi_turn_base: 200,
  multi_turn_miss_func: 200,
  multi_turn_miss_param: 200,
  multi_turn_long_context: 200,
} as const;

/** A category. */
export type Category = keyof typeof CATEGORY_ITEMS;

const SIMPLE: readonly Category[] = ["simple", "java", "javascript"];
const NON_LIVE: readonly Category[] = ["multiple", "parallel", "parallel_multiple", "irrelevance"];
const LIVE: readonly Category[] = [
  "live_simple",
  "live_multiple",
  "live_parallel",
  "live_parallel_multiple",
  "live_irrelevance",
  "live_relevance",
];
const MULTI_TURN: readonly Category[] = [
  "multi_turn_base",
  "multi_turn_miss_func",
  "multi_turn_miss_param",
  "multi_turn_long_context",
];

/** The leaderboard's four scores, 0..1. */
export interface Overall {
  readonly non_live: number;
  /** Of which the report most probably gives this one. */
  readonly live: number;
  readonly multi_turn: number;
  readonly overall: number;
}

/** Accuracy over some items. */
export interface CategoryScore {
  readonly score: number;
  readonly items: number;
}

/**
 * Non-live: mean of {mean of simple, java, javascript; multiple; parallel; parallel_multiple; irrelevance}.
 * Live: mean over the items of its six categories. Multi-turn: mean of its four categories. Overall: mean
 * of the three. A category that was not run counts 0, with all its items.
 */
export function overallScores(categories: ReadonlyMap<string, CategoryScore>): Overall {
  const score = (category: Category) => categories.get(category)?.score ?? 0;
  const simple = mean(SIMPLE.map(score));
  const non_live = mean([simple, ...NON_LIVE.map(score)]);
  const live = itemMean(
    LIVE.map((category) =>
      categories.get(category) ?? { score: 0, items: CATEGORY_ITEMS[category] }
    ),
  );
  const multi_turn = mean(MULTI_TURN.map(score));
  return { non_live, live, multi_turn, overall: mean([non_live, live, multi_turn]) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function itemMean(parts: readonly CategoryScore[]): number {
  const items = parts.reduce((sum, part) => sum + part.items, 0);
  return items === 0 ? 0 : parts.reduce((sum, part) => sum + part.score * part.items, 0) / items;
}
