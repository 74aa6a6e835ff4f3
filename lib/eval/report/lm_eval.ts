/** A run in the shape of lm-evaluation-harness's results and samples files. */
import { Rec } from "../../records/record.ts";
import type { Results } from "../tally.ts";
import type { Task } from "../task.ts";

/**
 * Its results file: metrics as `<name>,none`, the headline one as its benchmark aggregates it and with the
 * standard error that its interval implies, in the metric's own units; and what ran.
 */
export function lmEvalResults(
  { tasks }: Results,
  identity: Readonly<Record<string, unknown>>,
  taskOf: (name: string) => Task | undefined,
): Record<string, unknown> {
  const z = 1.959963984540054;
  const results = Object.fromEntries(
    Object.entries(tasks).map(([name, { metrics, metric, score, interval }]) => {
      const means = Object.entries(metrics).map(([key, value]) => [`${key},none`, value]);
      const scale = taskOf(name)?.scale ?? 1;
      const spread = interval ? scale * (interval[1] - interval[0]) / (2 * z) : "N/A";
      return [name, {
        alias: name,
        ...Object.fromEntries(means),
        ...(score === null ? {} : { [`${metric},none`]: scale * score }),
        [`${metric}_stderr,none`]: spread,
      }];
    }),
  );
  const counts = Object.entries(tasks).map(([name, { items }]) => [
    name,
    { original: items, effective: items },
  ]);
  return {
    results,
    configs: Object.fromEntries(Object.keys(tasks).map((task) => [task, { task }])),
    versions: Object.fromEntries(Object.keys(tasks).map((task) => [task, 1])),
    "n-samples": Object.fromEntries(counts),
    higher_is_better: Object.fromEntries(
      Object.entries(tasks).map(([task, { metric }]) => [task, { [metric]: true }]),
    ),
    config: identity,
  };
}

/** One line of its samples file. */
export function lmEvalSample(rec: Rec, index: number, task: Task | undefined): Rec {
  const metrics = (rec.get("metrics") ?? {}) as Record<string, number>;
  const text = rec.get("text") ?? null;
  const fields = {
    doc_id: index,
    doc: rec.exact("doc") ?? {},
    target: null,
    arguments: [[rec.get("messages") ?? rec.get("prompt") ?? "", {}]],
    resps: [[text]],
    filtered_resps: [rec.get("extracted") ?? text],
    filter: "none",
    metrics: Object.keys(metrics),
    ...metrics,
    id: rec.id,
    task: task?.name ?? rec.get("task"),
  };
  return Rec.from(fields, rec.where);
}
