/**
 * From WGSL text to a recorded dispatch: constants in front of the body, uniforms packed by field
 * name, pipelines cached by source. Knows buffers and shapes, no models.
 */
import { type Constants, unroll } from "./unroll.ts";

export type { Constants };

/** One WGSL file, as imported with `{ type: "text" }`. */
export interface WgslFile {
  /** Path shown in messages, for example "kernels/matmul/matmul.wgsl". */
  readonly name: string;
  /** The file's whole text. */
  readonly text: string;
}

/** A buffer, or a part of one, bound to a kernel. */
export type Binding = GPUBuffer | GPUBufferBinding;

/** What a kernel needs to become a dispatch. Bindings are in order after the uniform (binding 0). */
export interface KernelCall {
  /** Names the dispatch in messages, traces and timings, for example "layers.3.qkv". */
  readonly label: string;
  /** Concatenated in order; one of them declares `struct Params`. */
  readonly files: readonly WgslFile[];
  /** Values of the `const` lines in front. */
  readonly constants?: Constants;
  /** Values of `struct Params`, by field name. */
  readonly params: Readonly<Record<string, number>>;
  /** WGSL's extensions to enable, beside subgroups, which are seen by their functions. */
  readonly extensions?: readonly string[];
  /** Buffers of bindings 1, 2 and on; undefined leaves a number out. */
  readonly bindings: readonly (Binding | undefined)[];
  /**
   * Workgroups for a pass over at most `rows` rows that see at most `keys` keys; those that find no rows
   * leave at once. The `usual` rows decide where kernels differ in speed alone.
   */
  groups(rows: number, keys: number, usual: number): readonly [number, number?, number?];
}

/** A kernel ready to be encoded any number of times. */
export interface Dispatch {
  /** The call's label. */
  readonly label: string;
  /**
   * Records one run over at most `rows` rows, none of which sees more than `keys` keys. Where passes hardly
   * ever have so many, kernels are chosen for the `usual` rows.
   */
  encode(pass: GPUComputePassEncoder, rows: number, keys?: number, usual?: number): void;
}

/** Dispatches that only passes of some sizes run, by their usual rows. */
export function onlyFor(
  takes: (rows: number) => boolean,
  dispatches: readonly Dispatch[],
): Dispatch[] {
  return dispatches.map(({ label, encode }) => ({
    label,
    encode(pass, rows, keys, usual = rows) {
      if (takes(usual)) encode(pass, rows, keys, usual);
    },
  }));
}

/** The most workgroups one dimension of a dispatch may have (WebGPU's own minimum). */
export const MAX_GROUPS = 65535;

/**
 * Turns after which Mesa's CPU driver ends all loops of a SIMD vector of invocations, without a word:
 * those of all its loops together, nested ones and those of functions too. A loop of n turns counts one
 * more, for the check that ends it; unrolled ones count nothing (docs/performance-log.md). Kernels must
 * stay below that at every size that is promised.
 */
export const MOST_TURNS = 65535;

/** One SIMD vector of a CPU driver. */
export const CPU_LANES = 8;

/** Which shape of a kernel an adapter likes: SIMD lanes of a CPU driver, or a GPU's workgroups. */
export type Target = "cpu" | "gpu";

/** Compiles kernels for one device and keeps the pipelines, keyed by source text. */
export class Launcher {
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #uniforms: GPUBuffer[] = [];

  /** Lanes of a subgroup where subgroups are there and all of one size, else 0. */
  readonly subgroupSize: number;
  /** Lanes of the smallest subgroup, 0 without subgroups. */
  readonly leastSubgroup: number;
  /** Whether WGSL may use 64-bit integers. */
  readonly int64: boolean;

  /** For one device; compiles nothing yet. `features` are the optional ones that kernels may use. */
  constructor(
    readonly device: GPUDevice,
    readonly target: Target,
    features: Iterable<string> = device.features,
  ) {
    const usable = new Set(features);
    const { subgroupMinSize, subgroupMaxSize } = device.adapterInfo;
    this.leastSubgroup = usable.has("subgroups") ? subgroupMinSize : 0;
    this.subgroupSize = subgroupMinSize === subgroupMaxSize ? this.leastSubgroup : 0;
    this.int64 = usable.has("wgpu-shader-int64");
  }

  /** Compiles (or finds) the pipeline, packs the uniform and binds the buffers. */
  async prepare(call: KernelCall): Promise<Dispatch> {
    const pipeline = await this.#pipeline(call);
    const uniform = this.#uniform(call);
    this.device.pushErrorScope("validation");
    const bindGroup = this.device.createBindGroup({
      label: call.label,
      layout: pipeline.getBindGroupLayout(0),
      entries: [uniform, ...call.bindings].flatMap((binding, index) =>
        binding
          ? [{ binding: index, resource: "buffer" in binding ? binding : { buffer: binding } }]
          : []
      ),
    });
    const error = await this.device.popErrorScope();
    if (error) {
      const name = call.files.at(-1)!.name;
      throw new TypeError(`Cannot bind ${name} for "${call.label}": ${oneLine(error.message)}`);
    }
    return {
      label: call.label,
      encode(pass, rows, keys = Infinity, usual = rows) {
        const [x, y = 1, z = 1] = call.groups(rows, keys, usual);
        if (x === 0 || y === 0 || z === 0) return;
        if (Math.max(x, y, z) > MAX_GROUPS) {
          throw new RangeError(
            `Cannot dispatch "${call.label}": ${x} x ${y} x ${z} workgroups, expected at most ${MAX_GROUPS} a side`,
          );
        }
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup);
        pass.dispatchWorkgroups(x, y, z);
      },
    };
  }

  /** Frees the uniforms of every dispatch made so far; the dispatches are dead afterwards. */
  destroy(): void {
    for (const buffer of this.#uniforms.splice(0)) buffer.destroy();
  }

  #uniform(call: KernelCall): GPUBuffer {
    const bytes = packParams(call.files, call.params);
    const buffer = this.device.createBuffer({
      label: `${call.label} params`,
      size: bytes.byteLength,
      usage: GPUBufferUsage.UNIFORM,
      mappedAtCreation: true,
    });
    new Uint8Array(buffer.getMappedRange()).set(new Uint8Array(bytes));
    buffer.unmap();
    this.#uniforms.push(buffer);
    return buffer;
  }

  /** Deno's own compiler refuses `enable subgroups;`, which all others ask for. */
  #enables({ files, extensions = [] }: KernelCall): string {
    const own = this.device instanceof GPUDevice;
    const used = files.some(({ text }) => /\bsubgroup[A-Z]/.test(text));
    const all = used && !own ? ["subgroups", ...extensions] : extensions;
    return all.map((name) => `enable ${name};\n`).join("");
  }

  #pipeline(call: KernelCall): Promise<GPUComputePipeline> {
    const header = this.#enables(call) + headerOf(call.constants ?? {});
    const key = `${header}\u0000${call.files.map((file) => file.name).join("\u0000")}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = compile(this.device, header, call);
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }
}

async function compile(
  device: GPUDevice,
  header: string,
  call: KernelCall,
): Promise<GPUComputePipeline> {
  const bodies = call.files.map((file) => unroll(file.text, call.constants ?? {}));
  const code = header + bodies.join("");
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: call.label, code });
  const info = await module.getCompilationInfo();
  const fault = info.messages.find((message) => message.type === "error");
  if (fault) {
    await device.popErrorScope();
    throw new SyntaxError(
      `Cannot compile ${place(call.files, bodies, header, fault.lineNum)}: ${
        oneLine(fault.message)
      }`,
    );
  }
  const pipeline = device.createComputePipeline({
    label: call.label,
    layout: "auto",
    compute: { module, entryPoint: "main" },
  });
  const error = await device.popErrorScope();
  if (error) {
    const name = call.files.at(-1)!.name;
    throw new SyntaxError(`Cannot compile ${name} for "${call.label}": ${oneLine(error.message)}`);
  }
  return pipeline;
}

/**
 * Line of the file that a compile message means. Unrolled loops keep their first copy's line breaks,
 * so a line inside one is the line of its first copy.
 */
function place(
  files: readonly WgslFile[],
  bodies: readonly string[],
  header: string,
  line: number,
): string {
  let rest = line - countLines(header);
  for (const [index, body] of bodies.entries()) {
    const lines = countLines(body);
    if (rest <= lines || index === bodies.length - 1) return `${files[index].name}:${rest}`;
    rest -= lines;
  }
  return files.at(-1)!.name;
}

function countLines(text: string): number {
  return text.split("\n").length - 1;
}

function oneLine(message: string): string {
  return message.trim().split("\n").map((line) => line.trim()).filter(Boolean).join("; ");
}

function headerOf(constants: Constants): string {
  return Object.entries(constants).map(([name, value]) =>
    typeof value === "boolean" ? `const ${name} = ${value};\n` : `const ${name} = ${value}u;\n`
  ).join("");
}

/** Packs `values` for `struct Params` by name; a missing or unknown name is a TypeError. */
export function packParams(
  files: readonly WgslFile[],
  values: Readonly<Record<string, number>>,
): ArrayBuffer {
  const file = files.find((file) => file.text.includes("struct Params {"));
  if (!file) throw new TypeError(`Cannot find "struct Params" in ${files.at(-1)?.name}`);
  const body = /struct Params \{([^}]*)\}/.exec(file.text)![1];
  const fields = [...body.matchAll(/(\w+):\s*(u32|f32)/g)];
  const view = new DataView(new ArrayBuffer(Math.ceil(fields.length / 4) * 16));
  for (const [index, [, name, type]] of fields.entries()) {
    const value = values[name];
    if (value === undefined) throw new TypeError(`Cannot pack ${file.name}: "${name}" is missing`);
    if (type === "u32") view.setUint32(index * 4, value, true);
    else view.setFloat32(index * 4, value, true);
  }
  const known = new Set(fields.map(([, name]) => name));
  const extra = Object.keys(values).find((name) => !known.has(name));
  if (extra) throw new TypeError(`Cannot pack ${file.name}: "${extra}" is not in struct Params`);
  return view.buffer;
}
