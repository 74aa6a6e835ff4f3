/** From what came of a program to a score. */
import type { Verdict } from "../../exec/executor.ts";
import type { Score } from "../task.ts";

/** Score of one program under one metric. */
export function scoreOf(verdict: Verdict, { metric = "pass", extracted }: {
  metric?: string;
  extracted?: string;
} = {}): Score {
  return scoreAll({ [metric]: verdict }, { extracted });
}

/** Score of several programs, each under its own metric; the first one is the headline. */
export function scoreAll(
  verdicts: Readonly<Record<string, Verdict>>,
  { extracted }: { extracted?: string } = {},
): Score {
  const [first] = Object.values(verdicts);
  const missing = Object.values(verdicts).find(({ status }) => status === "tool_missing");
  if (missing) return { metrics: {}, not_run: missing.message };
  return {
    metrics: Object.fromEntries(
      Object.entries(verdicts).map(([name, { status }]) => [name, status === "passed" ? 1 : 0]),
    ),
    ...(first.status === "timeout" ? { timeout: true } : {}),
    ...(first.status === "oom" ? { memory: true } : {}),
    ...(extracted === undefined ? {} : { extracted }),
    executor: first.executor,
  };
}

/** Score of an answer without anything to run. */
export function nothing(...metrics: string[]): Score {
  return { metrics: Object.fromEntries(metrics.map((name) => [name, 0])), unparsed: true };
}
