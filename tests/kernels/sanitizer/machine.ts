/** Runs a translated kernel invocation by invocation, from barrier to barrier. */
import { type Bound, Memory, type MemoryVariable, now, report, Shadow } from "./memory.ts";
import type { Place } from "./parse.ts";

/** In which order invocations run between two barriers, and workgroups of a dispatch. */
export type Order = "ascending" | "descending" | "shuffled";

/** What a lane waits for, in a place and on a path of calls that all have to agree on. */
export interface Request {
  readonly op: string;
  readonly at: number;
  readonly path: number;
  readonly value?: unknown;
  readonly by?: number;
}

/** A kernel as `translate` makes it. */
export interface Program {
  readonly size: readonly [number, number, number];
  /** Places by their numbers. */
  readonly places: readonly Place[];
  /** Its variables in memory. */
  readonly variables: readonly MemoryVariable[];
  /** Hands over the memory of `variables`, in their order. */
  bind(memories: readonly Memory[]): void;
  main(ids: Readonly<Record<string, unknown>>): Generator<Request, void, unknown> | void;
}

/** Runs all workgroups of a dispatch, one after the other, over buffers by binding. */
export function dispatch(
  program: Program,
  bound: readonly (Bound | undefined)[],
  { groups, subgroupSize, order }: {
    groups: readonly [number, number, number];
    subgroupSize: number;
    order: Order;
  },
): void {
  now.places = program.places;
  const memories = program.variables.map((variable) =>
    new Memory(variable, place(variable, bound))
  );
  const local = memories.filter(({ variable }) => variable.space === "workgroup");
  program.bind(memories);
  now.dispatch = ++now.time;
  const [x, y, z] = groups;
  for (const index of arranged(x * y * z, order)) {
    now.group = now.workgroup = now.storage = ++now.time;
    for (const { bool } of local) bool.fill(0);
    const group = [index % x, Math.floor(index / x) % y, Math.floor(index / x / y)];
    runGroup(program, group, { groups, subgroupSize, order });
  }
}

function place(variable: MemoryVariable, bound: readonly (Bound | undefined)[]): Bound {
  const { name, space, size, unit, binding } = variable;
  if (space === "workgroup") {
    const bytes = Math.ceil(size / 8) * 8;
    return { buffer: new ArrayBuffer(bytes), offset: 0, size, shadow: new Shadow(bytes, unit) };
  }
  // What no kernel of these constants touches is not bound: an array of nothing.
  const given = bound[binding!] ?? { buffer: new ArrayBuffer(0), offset: 0, size: 0 };
  if (bound[binding!] && given.size < size) {
    throw new RangeError(`Cannot run: "${name}" has ${given.size} bytes, expected ${size}`);
  }
  return variable.written ? given : { ...given, shadow: undefined };
}

function runGroup(
  program: Program,
  group: readonly number[],
  { groups, subgroupSize, order }: {
    groups: readonly number[];
    subgroupSize: number;
    order: Order;
  },
): void {
  const [x, y, z] = program.size;
  const started = Array.from({ length: x * y * z }, (_, lane) => {
    const local = [lane % x, Math.floor(lane / x) % y, Math.floor(lane / x / y)];
    return {
      workgroup_id: group,
      num_workgroups: groups,
      local_invocation_id: local,
      local_invocation_index: lane,
      global_invocation_id: group.map((at, i) => at * program.size[i] + local[i]),
    };
  });
  const running: (Generator<Request, void, unknown> | undefined)[] = [];
  for (const lane of arranged(started.length, order)) {
    now.lane = lane;
    running[lane] = program.main(started[lane]) ?? undefined;
  }
  const waits: (Request | undefined)[] = Array(started.length).fill(undefined);
  const answers: unknown[] = [];
  let ready = running.flatMap((lane, i) => lane ? [i] : []);
  while (ready.length > 0) {
    for (const i of arranged(ready.length, order)) {
      now.lane = ready[i];
      const { done, value } = running[now.lane]!.next(answers[now.lane]);
      waits[now.lane] = done ? undefined : value as Request;
    }
    ready = exchange(waits, subgroupSize, answers);
    if (ready.length === 0) ready = meet(waits);
  }
}

/** Answers subgroup operations, and says which lanes go on. */
function exchange(
  waits: readonly (Request | undefined)[],
  subgroupSize: number,
  answers: unknown[],
): number[] {
  const ready: number[] = [];
  for (let first = 0; subgroupSize > 0 && first < waits.length; first += subgroupSize) {
    const lanes = range(first, Math.min(first + subgroupSize, waits.length));
    const asking = lanes.filter((lane) => waits[lane]?.op.startsWith("subgroup"));
    if (asking.length === 0) continue;
    const { op, at, path } = waits[asking[0]]!;
    const together = asking.filter((lane) => waits[lane]!.at === at && waits[lane]!.path === path);
    if (together.length < lanes.length) {
      report(
        "divergence",
        at,
        `${together.length} of a subgroup's ${lanes.length} lanes come to ${op}`,
      );
    }
    for (const lane of together) answers[lane] = answer(waits, together, { lane, first });
    ready.push(...together);
  }
  return ready;
}

function answer(
  waits: readonly (Request | undefined)[],
  together: readonly number[],
  { lane, first }: { lane: number; first: number },
): unknown {
  const { op, at, by = 0, value } = waits[lane]!;
  const values = together.map((other) => waits[other]!.value);
  if (op === "subgroupMin") return Math.min(...values as number[]);
  if (op === "subgroupMax") return Math.max(...values as number[]);
  if (op === "subgroupAny") return values.some(Boolean);
  if (op === "subgroupBroadcast" && together.some((other) => waits[other]!.by !== by)) {
    report("divergence", at, "lanes of a subgroup broadcast from different lanes");
  }
  const source = op === "subgroupShuffleXor" ? first + ((lane - first) ^ by) : first + by;
  if (together.includes(source)) return waits[source]!.value;
  report(
    "undefined",
    at,
    `${op} from lane ${source - first}, which the subgroup does not have here`,
  );
  return value;
}

/** Lets lanes pass a barrier that all wait at. */
function meet(waits: readonly (Request | undefined)[]): number[] {
  const lanes = range(0, waits.length).filter((lane) => waits[lane]);
  if (lanes.length === 0) return [];
  const { op, at, path } = waits[lanes[0]]!;
  const together = lanes.filter((lane) => waits[lane]!.at === at && waits[lane]!.path === path);
  if (together.length < waits.length) {
    report("divergence", at, `${together.length} of ${waits.length} invocations come to ${op}`);
  }
  now[op === "storageBarrier" ? "storage" : "workgroup"] = ++now.time;
  return together;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}

let state = 1;

/** The numbers below `count` in an order. */
function arranged(count: number, order: Order): number[] {
  const all = range(0, count);
  if (order === "descending") return all.reverse();
  for (let i = count - 1; order === "shuffled" && i > 0; i--) {
    state = Math.imul(state, 0x915f77f5) + 0x3c6ef35f >>> 0;
    const other = Math.floor(state / 2 ** 32 * (i + 1));
    [all[i], all[other]] = [all[other], all[i]];
  }
  return all;
}
