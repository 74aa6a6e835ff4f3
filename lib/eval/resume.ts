/** What a run has done already, so that a restart goes on behind it. */
import { sha256 } from "../digest.ts";
import { nameOf, type Rec } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import { originalOf } from "./tally.ts";

/** Records of earlier parts of a run by id, with a digest of their answers. */
export class Done {
  readonly #answers = new Map<string, string | undefined>();
  readonly #places = new Map<string, number>();

  /** Records are matched by id with fingerprints of the run's items, where those are known. */
  constructor(readonly items?: ReadonlyMap<string, string>) {}

  /** Counts a record as done; one that stands twice, is no item of the run, or of a changed item refuses. */
  async add(rec: Rec): Promise<void> {
    if (this.has(rec.id)) {
      throw new Refusal(
        `Cannot continue the run: ${nameOf(rec)} stands twice, expected once (--force starts over)`,
      );
    }
    await this.#check(rec);
    this.#answers.set(rec.id, await digestOf(rec));
  }

  async #check(rec: Rec): Promise<void> {
    // A dialogue that failed on the way holds its later turns too.
    if (!this.items || rec.failed) return;
    const known = this.items.get(rec.id) ?? this.items.get(originalOf(rec.id));
    const now = known === undefined
      ? "is no longer an item of this run"
      : rec.has("doc") && known !== await fingerprint(rec)
      ? "has other data or another prompt than now"
      : undefined;
    if (now === undefined) return;
    throw new Refusal(
      `Cannot continue the run: ${nameOf(rec)} ${now} (--force starts over)`,
    );
  }

  /** Whether a record of this id is done. */
  has(id: string): boolean {
    return this.#answers.has(id);
  }

  /** Whether the next record of the run, which has this id, is still to be done. */
  wants(id: string): boolean {
    // A run that begins anew does all of them in their order.
    if (this.#answers.size > 0) this.#places.set(id, this.#places.size);
    return !this.has(id);
  }

  /** How many records that were done are none of the run's, once all of these were asked for. */
  get others(): number {
    return [...this.#answers.keys()].filter((id) => !this.#places.has(id)).length;
  }

  /** Where the records of a run that goes on stand in it; empty when it began anew. */
  get places(): ReadonlyMap<string, number> {
    return this.#places;
  }

  /** Records that are not done; one with another answer than was scored refuses. */
  async *rest(records: AsyncIterable<Rec>): AsyncGenerator<Rec> {
    for await (const rec of records) {
      const known = this.#answers.get(rec.id);
      if (known !== undefined && known !== await digestOf(rec)) {
        throw new Refusal(
          `Cannot continue: ${nameOf(rec)} has another answer than was scored, ` +
            "expected the same (--force starts over)",
        );
      }
      if (this.wants(rec.id)) yield rec;
    }
  }
}

/** What tells whether an item changed: its row and prompt. Confidential items keep neither in a run. */
export async function fingerprint(rec: Rec): Promise<string> {
  return (await sha256(JSON.stringify([rec.exact("doc"), rec.get("messages")]))).slice(0, 16);
}

/** Digest of an answer; undefined where the record keeps none. */
async function digestOf(rec: Rec): Promise<string | undefined> {
  const answer = rec.get("outputs") ?? rec.get("text");
  return answer === undefined ? undefined : await sha256(JSON.stringify(answer));
}
