import { taskRecords } from "../lib/eval/run.ts";
import { TASK_GROUPS, TASKS } from "../tasks/mod.ts";
import type { Command } from "./command.ts";
import { findTasks } from "./find_tasks.ts";
import { INPUT_FLAGS } from "./flags.ts";

/** `unmask tasks`: the benchmarks, or their items as records. */
const command: Command = {
  summary: "List benchmarks, or write their items as records",
  arguments: "[TASKS]",
  examples: [
    "unmask tasks",
    "unmask tasks nano_math --limit 3 | jq -r '.messages[0].content'",
    "unmask tasks nano | unmask sample | unmask eval",
  ],
  flags: { limit: { ...INPUT_FLAGS.limit, help: "items of each task" } },
  async run(context) {
    if (context.args.length === 0) {
      const width = Math.max(...TASKS.map(({ name }) => name.length));
      const lines = TASKS.map(({ name, group, summary }) =>
        `${name.padEnd(width)}  ${group.padEnd(9)}  ${summary}`
      );
      const groups = Object.entries(TASK_GROUPS).map(([name, members]) =>
        `${name.padEnd(width)}  ${"group".padEnd(9)}  ${members.length} tasks`
      );
      return await context.print([...lines, ...groups, ""].join("\n"));
    }
    const limit = context.flags.limit as number | undefined;
    const records = taskRecords(findTasks(context.args), { limit });
    await context.write(ReadableStream.from(records));
  },
};
export default command;
