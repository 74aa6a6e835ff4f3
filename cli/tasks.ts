import { countRecords, taskRecords } from "../lib/eval/harness.ts";
import { openTasks } from "../lib/eval/open_tasks.ts";
import { taskList, taskRows } from "../lib/eval/report/tasks.ts";
import { select, type Shard } from "../lib/records/select.ts";
import { TASK_GROUPS, TASKS, VARIANTS } from "../tasks/mod.ts";
import type { Command } from "./command.ts";
import { usage } from "./parse.ts";
import { findTasks } from "./find_tasks.ts";
import { DATA_FLAGS, INPUT_FLAGS, openOptions } from "./flags.ts";

/** `unmask tasks`: the benchmarks, or their items as records. */
const command: Command = {
  summary: "List benchmarks, or write their items as records",
  arguments: "[TASKS]",
  examples: [
    "unmask tasks",
    "unmask tasks nano_math --limit 3 | jq -r '.messages[0].content'",
    "unmask tasks nano | unmask sample | unmask eval",
  ],
  flags: {
    ...DATA_FLAGS,
    limit: { ...INPUT_FLAGS.limit, help: "items of each task" },
    shard: INPUT_FLAGS.shard,
    json: {
      type: "boolean",
      help: "the list as JSON Lines, with sources, licences and the report's scores",
    },
  },
  async run(context) {
    const { flags } = context;
    const idle = ["json", "limit", "shard"].find((name) =>
      flags[name] !== undefined && (name === "json") === (context.args.length > 0)
    );
    if (idle !== undefined) {
      throw usage(
        idle === "json"
          ? "Cannot use --json with TASKS: their items are JSON Lines, expected it for the list alone"
          : `Cannot use --${idle} without TASKS: the list is whole, expected names of tasks`,
      );
    }
    if (context.args.length === 0) {
      const list = flags.json
        ? taskRows([...TASKS, ...VARIANTS]).map((row) => `${JSON.stringify(row)}\n`).join("")
        : taskList(TASKS, { groups: TASK_GROUPS, variants: VARIANTS });
      return await context.print(list);
    }
    const { ready, missing } = await openTasks(findTasks(context.args), openOptions(context));
    for (const { task, reason } of missing) context.notice(`${task.name} is left out: ${reason}`);
    for (const { task } of ready.filter(({ task }) => task.next)) {
      context.notice(`${task.name} is interactive: its later turns run under "unmask eval" alone`);
    }
    const limit = flags.limit as number | undefined;
    const shard = flags.shard as Shard | undefined;
    const items = countRecords({ tasks: ready, limit });
    await context.write(select(taskRecords(ready, { limit }), { shard, items }));
  },
};
export default command;
