/**
 * Memory that watches who touches it: per location it remembers who wrote and read it last, and since which
 * barrier. So a race is seen whatever the order that lanes run in.
 */
import type { Place } from "./parse.ts";

/** What may be wrong with a kernel. */
export type Kind =
  /** Two invocations touch a location, one writes, and nothing orders them. */
  | "race"
  /** As a race, of an atomic: what is loaded depends on the order. */
  | "order"
  /** Two invocations write into one 32-bit word through smaller types; devices may write the whole word. */
  | "neighbours"
  /** An index outside its array, vector or binding. */
  | "bounds"
  /** A barrier or subgroup operation that not all invocations come to. */
  | "divergence"
  /** A shift, division or conversion without a result that all devices share. */
  | "undefined";

/** One fault; `where` is "file:line". */
export interface Finding {
  readonly kind: Kind;
  readonly where: string;
  readonly message: string;
}

/** A variable of a module that lies in memory. */
export interface MemoryVariable {
  readonly name: string;
  readonly space: "uniform" | "storage" | "workgroup";
  readonly written: boolean;
  readonly binding?: number;
  /** Bytes, of an array without a length those of one element. */
  readonly size: number;
  /** Bytes of the smallest thing in it. */
  readonly unit: number;
}

/** A part of a buffer, as bound. */
export interface Bound {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
  readonly size: number;
  /** Of the whole buffer; none where nothing writes. */
  readonly shadow?: Shadow;
}

/** Numbers of one location: who wrote last, who read first in the dispatch, and two that read since a barrier. */
const WRITE = 0;
const FIRST = 3;
const READ = 6;
const OTHER = 9;
const STRIDE = 12;

/** What is remembered of memory, by units of `unit` bytes. */
export class Shadow {
  readonly words: Int32Array;
  constructor(bytes: number, readonly unit: number) {
    this.words = new Int32Array(Math.ceil(bytes / unit) * STRIDE);
  }
}

/**
 * The invocation that runs; one at a time, so kernels' code reaches it without being told. `time` counts barriers
 * and workgroups over all dispatches; the others are times: when the dispatch and the workgroup began, and when
 * a barrier last ordered either kind of memory.
 */
export const now = {
  lane: 0,
  time: 0,
  dispatch: 0,
  group: 0,
  workgroup: 0,
  storage: 0,
  places: [] as readonly Place[],
};

let findings = new Map<string, Finding>();

/** What was found since the last call. */
export function takeFindings(): Finding[] {
  const found = [...findings.values()];
  findings = new Map();
  return found;
}

/** Notes a fault once for each pair of places. */
export function report(kind: Kind, at: number, message: string, other = at): void {
  const key = `${kind} ${name(at)} ${name(other)}`;
  if (!findings.has(key)) findings.set(key, { kind, where: name(at), message });
}

function name(at: number): string {
  return `${now.places[at].file}:${now.places[at].line}`;
}

/** A variable's memory. */
export class Memory {
  readonly f32: Float32Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  readonly bool: Uint8Array;
  readonly #shared: boolean;

  constructor(readonly variable: MemoryVariable, readonly bound: Bound) {
    const { buffer } = bound;
    this.f32 = new Float32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u64 = new BigUint64Array(buffer, 0, buffer.byteLength >> 3);
    this.bool = new Uint8Array(buffer);
    this.#shared = variable.space === "storage";
  }

  /** Elements of an array without a length. */
  length(stride: number): number {
    return Math.floor(this.bound.size / stride);
  }

  /** Before a read of `size` bytes at byte `from` of the variable. */
  read(from: number, size: number, at: number, atomic = false): void {
    const { shadow, offset } = this.bound;
    if (!shadow) return;
    const { words, unit } = shadow;
    const epoch = this.#shared ? now.storage : now.workgroup;
    const kind = atomic ? "order" : "race";
    const end = (offset + from + size) / unit * STRIDE;
    for (let i = (offset + from) / unit * STRIDE; i < end; i += STRIDE) {
      if (this.#unordered(words, i + WRITE, epoch)) this.#clash(kind, at, i + WRITE, "read");
      if (words[i + READ] < epoch) note(words, i + READ, at);
      else if (words[i + READ + 1] !== now.lane) note(words, i + OTHER, at);
      if (this.#shared && words[i + FIRST] < now.dispatch) note(words, i + FIRST, at);
    }
  }

  /** Before a write of `size` bytes at byte `from`; updates by atomics do not mind each other. */
  write(from: number, size: number, at: number, atomic: "" | "store" | "update" = ""): void {
    const { shadow, offset } = this.bound;
    if (!shadow) return;
    const { words, unit } = shadow;
    const epoch = this.#shared ? now.storage : now.workgroup;
    const kind = atomic ? "order" : "race";
    const update = atomic === "update";
    const end = (offset + from + size) / unit * STRIDE;
    for (let i = (offset + from) / unit * STRIDE; i < end; i += STRIDE) {
      if (this.#unordered(words, i + WRITE, epoch) && !(update && (words[i + 2] & 1))) {
        this.#clash(kind, at, i + WRITE, "written");
      }
      for (const read of [READ, OTHER]) {
        if (words[i + read] >= epoch && words[i + read + 1] !== now.lane) {
          this.#clash(kind, at, i + read, "written");
        }
      }
      if (this.#shared && words[i + FIRST] >= now.dispatch && words[i + FIRST] < now.group) {
        this.#clash(kind, at, i + FIRST, "written");
      }
      if (unit < 4) this.#neighbours(words, i, at, epoch);
      note(words, i + WRITE, at * 2 + (update ? 1 : 0));
    }
  }

  #neighbours(words: Int32Array, i: number, at: number, epoch: number): void {
    const inWord = 4 / this.bound.shadow!.unit;
    const place = i / STRIDE;
    const first = place - place % inWord;
    for (let other = first; other < first + inWord; other++) {
      if (other !== place && this.#unordered(words, other * STRIDE, epoch)) {
        this.#clash("neighbours", at, other * STRIDE, "written in one word");
      }
    }
  }

  /** Whether nothing orders what is noted at `i` before what happens now. */
  #unordered(words: Int32Array, i: number, epoch: number): boolean {
    const time = words[i];
    if (time < now.group) return this.#shared && time >= now.dispatch;
    return time >= epoch && words[i + 1] !== now.lane;
  }

  #clash(kind: Kind, at: number, noted: number, how: string): void {
    const { words } = this.bound.shadow!;
    const i = noted - noted % STRIDE;
    const other = noted % STRIDE === WRITE ? words[noted + 2] >> 1 : words[noted + 2];
    const who = words[noted] < now.group
      ? "two workgroups"
      : `lanes ${words[noted + 1]} and ${now.lane}`;
    const by = noted % STRIDE === WRITE ? "written" : "read";
    report(kind, at, `${this.#at(i)} is ${how} by ${who}, and ${by} at ${name(other)}`, other);
  }

  #at(i: number): string {
    const byte = i / STRIDE * this.bound.shadow!.unit - this.bound.offset;
    return `"${this.variable.name}" at byte ${byte}`;
  }
}

function note(words: Int32Array, i: number, at: number): void {
  words[i] = now.time;
  words[i + 1] = now.lane;
  words[i + 2] = at;
}
