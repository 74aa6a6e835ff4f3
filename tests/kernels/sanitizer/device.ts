/**
 * A device in JavaScript for kernels and what launches them: the part of WebGPU that our code asks for. Each
 * dispatch runs when it is submitted, by `machine.ts`.
 */
import {
  type Dispatch,
  type KernelCall,
  Launcher,
  packParams,
  type Target,
} from "../../../kernels/launch.ts";
import type { Gpu } from "../../../lib/gpu/device.ts";
import { DeviceMemory } from "../../../lib/gpu/memory.ts";
import { dispatch, type Order, type Program } from "./machine.ts";
import { type Bound, Shadow } from "./memory.ts";
import { parse } from "./parse.ts";
import { translate } from "./translate.ts";

/** How a sanitized device presents itself, and runs. */
export interface SanitizedOptions {
  readonly target: Target;
  /** Lanes of a subgroup; 0 where there are none. */
  readonly subgroupSize?: number;
  /** Lanes that the smallest might have, if not as many. */
  readonly leastSubgroup?: number;
  readonly int64?: boolean;
  readonly order?: Order;
  /** Changes a kernel's text before it is translated. */
  readonly mutate?: (text: string, name: string) => string;
}

/** A buffer, and what is remembered of who touched it. */
class SanitizedBuffer {
  readonly label: string;
  readonly size: number;
  readonly bytes: ArrayBuffer;
  #shadow?: Shadow;

  constructor({ label = "", size }: GPUBufferDescriptor) {
    this.label = label;
    this.size = size;
    this.bytes = new ArrayBuffer(Math.ceil(size / 8) * 8);
  }

  /** Made when a kernel first may write, which most bytes of a model never see. */
  get shadow(): Shadow {
    return this.#shadow ??= new Shadow(this.size, 4);
  }

  mapAsync(): Promise<void> {
    return Promise.resolve();
  }

  getMappedRange(): ArrayBuffer {
    return this.bytes.slice(0, this.size);
  }

  destroy(): void {}
}

/** Commands, or the passes of some, in order. */
class SanitizedEncoder {
  readonly commands: (() => void)[] = [];

  beginComputePass(): this {
    return this;
  }

  copyBufferToBuffer(
    from: SanitizedBuffer,
    at: number,
    to: SanitizedBuffer,
    start: number,
    size: number,
  ): void {
    const copy = () => new Uint8Array(to.bytes, start).set(new Uint8Array(from.bytes, at, size));
    this.commands.push(copy);
  }

  clearBuffer({ bytes }: SanitizedBuffer): void {
    this.commands.push(() => new Uint8Array(bytes).fill(0));
  }

  end(): void {}

  finish(): this {
    return this;
  }
}

/** What our code asks of a device. */
function sanitizedDevice({ subgroupSize = 0, leastSubgroup = subgroupSize }: SanitizedOptions) {
  return {
    adapterInfo: { subgroupMinSize: leastSubgroup, subgroupMaxSize: subgroupSize },
    limits: new Proxy({}, { get: () => 1 << 30 }),
    createBuffer: (descriptor: GPUBufferDescriptor) => new SanitizedBuffer(descriptor),
    createCommandEncoder: () => new SanitizedEncoder(),
    pushErrorScope() {},
    popErrorScope: () => Promise.resolve(null),
    queue: {
      writeBuffer({ bytes }: SanitizedBuffer, at: number, data: Uint8Array) {
        new Uint8Array(bytes).set(data, at);
      },
      submit(encoders: readonly SanitizedEncoder[]) {
        for (const { commands } of encoders) for (const run of commands) run();
      },
      onSubmittedWorkDone: () => Promise.resolve(),
    },
  } as unknown as GPUDevice;
}

/** A device that reports what kernels do wrong, by `takeFindings`. */
export function sanitizedGpu(options: SanitizedOptions): Gpu & { launcher: SanitizedLauncher } {
  const launcher = new SanitizedLauncher(options);
  return {
    device: launcher.device,
    launcher,
    adapter: "sanitizer",
    backend: "javascript",
    software: true,
    features: [],
    wrong: [],
    memory: new DeviceMemory(),
    fault: undefined,
    fail(error) {
      throw error;
    },
    check() {},
    settle: () => Promise.resolve(),
    destroy() {},
  };
}

/** Programs by their text, for all devices: translating one takes longer than many of its runs. */
const PROGRAMS = new Map<string, Program>();

/** Compiles by translation. */
class SanitizedLauncher extends Launcher {
  /** Texts of the files that kernels were made of, by name. */
  readonly texts = new Map<string, string>();

  constructor(readonly options: SanitizedOptions) {
    super(sanitizedDevice(options), options.target, [
      ...(options.subgroupSize ? ["subgroups"] : []),
      ...(options.int64 ? ["wgpu-shader-int64"] : []),
    ]);
  }

  override prepare(call: KernelCall): Promise<Dispatch> {
    const program = this.#program(call);
    const uniform = packParams(call.files, call.params);
    const bound = [
      { buffer: uniform, offset: 0, size: uniform.byteLength },
      ...call.bindings.map((binding) => binding && boundOf(binding)),
    ];
    const { subgroupSize = 0, order = "ascending" } = this.options;
    return Promise.resolve({
      label: call.label,
      encode(pass, rows, keys = Infinity, usual = rows) {
        const [x, y = 1, z = 1] = call.groups(rows, keys, usual);
        const run = () => dispatch(program, bound, { groups: [x, y, z], subgroupSize, order });
        (pass as unknown as SanitizedEncoder).commands.push(run);
      },
    });
  }

  #program({ files, constants = {} }: KernelCall): Program {
    const changed = files.map(({ name, text }) => {
      this.texts.set(name, text);
      return { name, text: this.options.mutate?.(text, name) ?? text };
    });
    const key = JSON.stringify([changed, constants]);
    let program = PROGRAMS.get(key);
    if (!program) {
      program = translate(changed.flatMap(({ text, name }) => parse(text, name)), constants);
      PROGRAMS.set(key, program);
    }
    return program;
  }
}

function boundOf(binding: GPUBuffer | GPUBufferBinding): Bound {
  const { buffer, offset = 0, size } = "buffer" in binding ? binding : { buffer: binding };
  const whole = buffer as unknown as SanitizedBuffer;
  return {
    buffer: whole.bytes,
    offset,
    size: size ?? whole.size - offset,
    get shadow() {
      return whole.shadow;
    },
  };
}
