/** What every scorer of the mathematics group takes and gives. */

/** A row of a dataset as published. */
export type Doc = Readonly<Record<string, unknown>>;

/** All metrics of one answer. */
export interface MathScore {
  /** Metrics by name; one that does not apply to the row is absent. */
  readonly metrics: Record<string, number>;
  /** The published rule has nothing to score in the answer. */
  readonly unparsed?: boolean;
  /** What the headline metric took for the answer. */
  readonly extracted?: string | null;
  readonly diagnostics?: Record<string, unknown>;
}

/** A field of a row as text. */
export function field(doc: Doc, name: string): string {
  const value = doc[name];
  return typeof value === "string"
    ? value
    : value === undefined || value === null
    ? ""
    : String(value);
}
