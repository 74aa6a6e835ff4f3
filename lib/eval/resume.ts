/** What a run has done already, so that a restart goes on behind it. */
import { sha256 } from "../digest.ts";
import type { Rec } from "../records/record.ts";
import { Refusal } from "../refusal.ts";

/** Records of earlier parts of a run by id, with a digest of their answers. */
export class Done {
  readonly #answers = new Map<string, string | undefined>();

  /** Counts a record as done. */
  async add(rec: Rec): Promise<void> {
    this.#answers.set(rec.id, await digestOf(rec));
  }

  /** Whether a record of this id is done. */
  has(id: string): boolean {
    return this.#answers.has(id);
  }

  /** Records that are not done; one with another answer than was scored refuses. */
  async *rest(records: AsyncIterable<Rec>): AsyncGenerator<Rec> {
    for await (const rec of records) {
      const known = this.#answers.get(rec.id);
      if (known !== undefined && known !== await digestOf(rec)) {
        throw new Refusal(
          `Cannot continue: record "${rec.id}" (${rec.where}) has another answer than was scored, ` +
            "expected the same (--force starts over)",
        );
      }
      if (!this.has(rec.id)) yield rec;
    }
  }
}

/** Digest of an answer; undefined where the record keeps none. */
async function digestOf(rec: Rec): Promise<string | undefined> {
  const answer = rec.get("outputs") ?? rec.get("text");
  return answer === undefined ? undefined : await sha256(JSON.stringify(answer));
}
