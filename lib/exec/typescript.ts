/** Edge: type checks in a process of their own, started by the first program and killed when one takes too long. */
import { Refusal } from "../refusal.ts";
import { within } from "../within.ts";
import { confinedDeno, endHost, type Host, packageFolder, startHost } from "./process.ts";

const HOST = new URL("./typescript_host.ts", import.meta.url);

/** Time for the first check, which reads the library files, and for any other. */
const START_MS = 60_000;
const CHECK_MS = 30_000;

/** A checked program: its JavaScript, or the first error. */
export type Checked =
  & { readonly version: string }
  & ({ readonly code: string } | { readonly why: string });

interface Compiler extends Host {
  readonly version: string;
}

/** The TypeScript compiler. */
export class TypeScriptChecker {
  #host: Promise<Compiler> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  check(code: string): Promise<Checked> {
    const checked = this.#turn.then(() => this.#check(code));
    this.#turn = checked.catch(() => {});
    return checked;
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#drop();
  }

  async #check(code: string): Promise<Checked> {
    const host = await (this.#host ??= start());
    const { version } = host;
    await host.writer.write(new TextEncoder().encode(`${JSON.stringify(code)}\n`));
    const answer = await within(host.lines.next(), CHECK_MS);
    if (answer && !answer.done) return { version, ...JSON.parse(answer.value) };
    this.#turn = Promise.resolve();
    await this.#drop();
    return { version, why: "the type check did not end" };
  }

  async #drop(): Promise<void> {
    const host = await this.#host?.catch(() => undefined);
    this.#host = undefined;
    if (host) await endHost(host);
  }
}

async function start(): Promise<Compiler> {
  const folder = packageFolder(import.meta.resolve("typescript"), "../");
  const command = await confinedDeno(HOST, {
    read: [decodeURIComponent(folder.pathname)],
    args: [folder.href],
    env: true,
  });
  const host = startHost(command);
  const first = await within(host.lines.next(), START_MS);
  if (first && !first.done) return { ...host, version: `typescript ${JSON.parse(first.value)}` };
  await endHost(host);
  throw new Refusal("Cannot start the type checker: its process ended, expected npm:typescript");
}
