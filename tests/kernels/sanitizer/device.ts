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
import { type Declaration, parse } from "./parse.ts";
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
  readonly shadow: Shadow;

  constructor({ label = "", size }: GPUBufferDescriptor) {
    this.label = label;
    this.size = size;
    this.bytes = new ArrayBuffer(Math.ceil(size / 8) * 8);
    this.shadow = new Shadow(size, 4);
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

/** Compiles by translation. */
class SanitizedLauncher extends Launcher {
  readonly #programs = new Map<string, Program>();
  readonly #files = new Map<string, Declaration[]>();
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
    const key = JSON.stringify([files.map(({ name }) => name), constants]);
    let program = this.#programs.get(key);
    if (!program) {
      program = translate(files.flatMap(({ text, name }) => this.#parsed(text, name)), constants);
      this.#programs.set(key, program);
    }
    return program;
  }

  #parsed(text: string, name: string): Declaration[] {
    let parsed = this.#files.get(name);
    if (!parsed) {
      this.texts.set(name, text);
      parsed = parse(this.options.mutate?.(text, name) ?? text, name);
      this.#files.set(name, parsed);
    }
    return parsed;
  }
}

function boundOf(binding: GPUBuffer | GPUBufferBinding): Bound {
  const { buffer, offset = 0, size } = "buffer" in binding ? binding : { buffer: binding };
  const { bytes, shadow, size: all } = buffer as unknown as SanitizedBuffer;
  return { buffer: bytes, offset, size: size ?? all - offset, shadow };
}
