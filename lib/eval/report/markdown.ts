/** A run as Markdown, for the step summary of a CI job. */
import type { Results } from "../tally.ts";
import { oneLine } from "../../refusal.ts";
import { percent, reasons, scoredOf } from "./table.ts";

/** Table cells hold no line breaks and no pipes. */
function cell(text: string): string {
  return oneLine(text).replaceAll("|", "\\|");
}

/** One table row a task, and the mean. */
export function markdownSummary({ tasks, mean, mean_interval, lacking }: Results): string {
  const rows = Object.entries(tasks).map(([name, result]) => {
    const { score, interval, items, tokens_per_forward: rate, sample } = result;
    const cells = [
      sample ? `${name} (sample)` : name,
      String(items),
      score === null ? "" : percent(score),
      interval === null ? "" : interval.map(percent).join(" to "),
      rate?.toFixed(2) ?? "",
      reasons(result).join(", "),
    ];
    return `| ${cells.map(cell).join(" | ")} |`;
  });
  const found = mean === null
    ? "nothing was scored"
    : `${percent(mean)} (${mean_interval!.map(percent).join(" to ")}), mean ${scoredOf(tasks)}`;
  return [
    `### Unmask evaluation: ${found}`,
    "",
    ...(lacking === undefined ? [] : [`Incomplete: ${lacking}`, ""]),
    "| task | items | score | 95% interval | tokens/forward | of which |",
    "| --- | ---: | ---: | ---: | ---: | --- |",
    ...rows,
    "",
  ].join("\n");
}
