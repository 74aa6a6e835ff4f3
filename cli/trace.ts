/** The file of `--trace`: one JSON line per denoising step, or a page. */
import type { DecodeStageOptions } from "../lib/prepare.ts";
import { writeAll, writingTo } from "../lib/folder.ts";
import { toJson } from "../lib/records/record.ts";
import type { Session } from "../lib/session.ts";
import type { Context } from "./command.ts";

/** A trace that is being written. */
export interface Trace {
  readonly onTrace: NonNullable<DecodeStageOptions["onTrace"]>;
  /** Ends the file; one that is not complete says so where it can. */
  close(complete: boolean): void | Promise<void>;
}

/** Opens the file of a trace; its name says which kind. */
export async function openTrace(
  path: string,
  context: Context,
  session: Session,
): Promise<Trace> {
  const file = await context.create(path);
  // A reader that is gone, too: a broken pipe would pass for that of stdout, a quiet end.
  const write = (text: string) => writingTo(path, () => writeAll(file, text));
  const close = () => file.close();
  return /\.html$/i.test(path) ? await openPage({ path, write, close }, context, session) : {
    onTrace: (rec, steps) =>
      write(steps.map((step) => `${toJson({ id: rec.id, ...step })}\n`).join("")),
    close,
  };
}

/** A page that grows by whole records, and is complete with its last write. */
async function openPage(
  { path, write, close }: {
    path: string;
    write: (text: string) => Promise<void>;
    close: () => void;
  },
  context: Context,
  session: Session,
): Promise<Trace> {
  const { TracePage } = await import("../lib/page/trace.ts");
  const { tracedRecord } = await import("../lib/page/traced_record.ts");
  const page = new TracePage({
    model: session.name,
    onLimit: (line) => context.notice(`"${path}": ${line}`),
  });
  await write(page.start());
  return {
    onTrace: async (rec, steps) => write(page.add(await tracedRecord(rec, steps, session))),
    async close(complete) {
      try {
        await write(page.end({ complete }));
      } catch (error) {
        // What ended an incomplete run is told already.
        if (complete) throw error;
      } finally {
        close();
      }
    },
  };
}
