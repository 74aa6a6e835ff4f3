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
  for (const index of arranged(range(x * y * z), order)) {
    now.group = now.workgroup = now.storage = ++now.time;
    for (const { bool } of local) bool.fill(0);
    const group = [index % x, Math.floor(index / x) % y, Math.floor(index / x / y)];
    runGroup(program, group, { groups, subgroupSize, order });
  }
}

/** Memory of workgroups, one after the other. */
const LOCAL = new WeakMap<MemoryVariable, Bound>();

function place(variable: MemoryVariable, bound: readonly (Bound | undefined)[]): Bound {
  const { name, space, size, unit, binding } = variable;
  if (space === "workgroup") {
    const bytes = Math.ceil(size / 8) * 8;
    const local = LOCAL.get(variable) ??
      { buffer: new ArrayBuffer(bytes), offset: 0, size, shadow: new Shadow(bytes, unit) };
    LOCAL.set(variable, local);
    return local;
  }
  // What no kernel of these constants touches is not bound: an array of nothing.
  const given = bound[binding!] ?? { buffer: new ArrayBuffer(0), offset: 0, size: 0 };
  if (bound[binding!] && given.size < size) {
    throw new RangeError(`Cannot run: "${name}" has ${given.size} bytes, expected ${size}`);
  }
  const { buffer, offset } = given;
  return { buffer, offset, size: given.size, shadow: variable.written ? given.shadow : undefined };
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
  const running: (Generator<Request, void, unknown> | undefined)[] = Array(x * y * z);
  for (const lane of arranged(range(running.length), order)) {
    now.lane = lane;
    const local = [lane % x, Math.floor(lane / x) % y, Math.floor(lane / x / y)];
    running[lane] = program.main({
      workgroup_id: group,
      num_workgroups: groups,
      local_invocation_id: local,
      local_invocation_index: lane,
      global_invocation_id: [
        group[0] * x + local[0],
        group[1] * y + local[1],
        group[2] * z + local[2],
      ],
    }) ?? undefined;
  }
  const waits: (Request | undefined)[] = Array(running.length).fill(undefined);
  const answers: unknown[] = [];
  let ready = range(running.length).filter((lane) => running[lane]);
  while (ready.length > 0) {
    for (const lane of arranged(ready, order)) {
      now.lane = lane;
      const { done, value } = running[lane]!.next(answers[lane]);
      waits[lane] = done ? undefined : value as Request;
    }
    ready = subgroupSize > 0 ? exchange(waits, subgroupSize, answers) : [];
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
  for (let first = 0; first < waits.length; first += subgroupSize) {
    const end = Math.min(first + subgroupSize, waits.length);
    let asking = first;
    while (asking < end && !waits[asking]?.op.startsWith("subgroup")) asking++;
    if (asking === end) continue;
    const together = alike(waits, asking, end);
    if (together.length < end - first) {
      const { op, at } = waits[asking]!;
      report(
        "divergence",
        at,
        `${together.length} of a subgroup's ${end - first} lanes come to ${op}`,
      );
    }
    answer(waits, together, { first, answers });
    ready.push(...together);
  }
  return ready;
}

/** Lanes from `first` on that wait for the same as that one. */
function alike(waits: readonly (Request | undefined)[], first: number, end: number): number[] {
  const { at, path } = waits[first]!;
  const lanes: number[] = [];
  for (let lane = first; lane < end; lane++) {
    if (waits[lane]?.at === at && waits[lane]!.path === path) lanes.push(lane);
  }
  return lanes;
}

/** Gives lanes of a subgroup, from lane `first` on, what their operation makes of all their values. */
function answer(
  waits: readonly (Request | undefined)[],
  together: readonly number[],
  { first, answers }: { first: number; answers: unknown[] },
): void {
  const { op, at, path, by } = waits[together[0]]!;
  const reduce = REDUCTIONS[op];
  if (reduce) {
    const result = reduce(together.map((lane) => waits[lane]!.value));
    for (const lane of together) answers[lane] = result;
    return;
  }
  if (op === "subgroupBroadcast" && together.some((lane) => waits[lane]!.by !== by)) {
    report("divergence", at, "lanes of a subgroup broadcast from different lanes");
  }
  for (const lane of together) {
    const { by = 0, value } = waits[lane]!;
    const source = op === "subgroupShuffleXor" ? first + ((lane - first) ^ by) : first + by;
    const found = waits[source];
    if (together.at(-1)! >= source && found?.at === at && found.path === path) {
      answers[lane] = found.value;
    } else {
      answers[lane] = value;
      report(
        "undefined",
        at,
        `${op} from lane ${source - first}, which the subgroup does not have here`,
      );
    }
  }
}

/** Operations of which all lanes get the same. */
const REDUCTIONS: Readonly<Record<string, (values: unknown[]) => unknown>> = {
  subgroupMin: (values) => Math.min(...values as number[]),
  subgroupMax: (values) => Math.max(...values as number[]),
  subgroupAny: (values) => values.some(Boolean),
};

/** Lets lanes pass a barrier that all wait at. */
function meet(waits: readonly (Request | undefined)[]): number[] {
  const first = waits.findIndex((wait) => wait);
  if (first < 0) return [];
  const { op, at } = waits[first]!;
  const together = alike(waits, first, waits.length);
  if (together.length < waits.length) {
    report("divergence", at, `${together.length} of ${waits.length} invocations come to ${op}`);
  }
  now[op === "storageBarrier" ? "storage" : "workgroup"] = ++now.time;
  return together;
}

/** The numbers below `count`. */
function range(count: number): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) numbers.push(i);
  return numbers;
}

let state = 1;

/** A list brought into an order. */
function arranged(list: number[], order: Order): number[] {
  if (order === "descending") return list.reverse();
  for (let i = list.length - 1; order === "shuffled" && i > 0; i--) {
    state = Math.imul(state, 0x915f77f5) + 0x3c6ef35f >>> 0;
    const other = Math.floor(state / 2 ** 32 * (i + 1));
    [list[i], list[other]] = [list[other], list[i]];
  }
  return list;
}
