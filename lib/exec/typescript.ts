/** Edge: type checks in a process of their own, started by the first program and killed when one takes too long. */
import { Refusal } from "../refusal.ts";
import { confinedDeno, killed, packageFolder, spawned, streamLines, within } from "./process.ts";

const HOST = new URL("./typescript_host.ts", import.meta.url);

/** Time for the first check, which reads the library files, and for any other. */
const START_MS = 60_000;
const CHECK_MS = 30_000;

/** A checked program: its JavaScript, or the first error. */
export type Checked =
  & { readonly version: string }
  & ({ readonly code: string } | { readonly why: string });

interface Host {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly lines: AsyncIterator<string>;
  readonly version: string;
}

/** The TypeScript compiler. */
export class TypeScriptChecker {
  #host: Promise<Host> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  check(code: string): Promise<Checked> {
    const checked = this.#turn.then(() => this.#check(code));
    this.#turn = checked.catch(() => {});
    return checked;
  }

  async close(): Promise<void> {
    await this.#turn;
    const host = await this.#host?.catch(() => undefined);
    this.#host = undefined;
    if (!host) return;
    killed(host.child);
    await host.writer.close().catch(() => {});
    await host.lines.return?.();
    await host.child.status;
  }

  async #check(code: string): Promise<Checked> {
    const host = await (this.#host ??= start());
    const { version } = host;
    await host.writer.write(new TextEncoder().encode(`${JSON.stringify(code)}\n`));
    const answer = await within(host.lines.next(), CHECK_MS);
    if (answer && !answer.done) return { version, ...JSON.parse(answer.value) };
    this.#turn = Promise.resolve();
    await this.#drop(host);
    return { version, why: "the type check did not end" };
  }

  async #drop(host: Host): Promise<void> {
    this.#host = undefined;
    killed(host.child);
    await host.writer.close().catch(() => {});
    await host.lines.return?.();
    await host.child.status;
  }
}

async function start(): Promise<Host> {
  const folder = packageFolder(import.meta.resolve("typescript"), "../");
  const command = await confinedDeno(HOST, {
    read: [decodeURIComponent(folder.pathname)],
    args: [folder.href],
    env: true,
  });
  const child = spawned(command);
  const lines = streamLines(child.stdout);
  const first = await within(lines.next(), START_MS);
  const writer = child.stdin.getWriter();
  if (first && !first.done) {
    return { child, writer, lines, version: `typescript ${JSON.parse(first.value)}` };
  }
  killed(child);
  await writer.close().catch(() => {});
  await lines.return(undefined);
  await child.status;
  throw new Refusal("Cannot start the type checker: its process ended, expected npm:typescript");
}
