/**
 * Comma-separated text (RFC 4180): quoted fields with newlines and doubled quotes, rows ended by LF, CRLF or CR, a
 * byte-order mark, blank lines between rows. A quote inside an unquoted field is an ordinary character. Line ends
 * inside fields become LF, as Python's text files have them: of C-Eval's 1346 questions 169 have CRLF.
 */
import { Refusal } from "../refusal.ts";
import type { ByteSource } from "./bytes.ts";
import type { Row } from "./source.ts";

/** Longest field, in UTF-16 units. */
const MAX_FIELD = 64 << 20;

/** Rows by the `columns`' names, else by those in the first row; a row with another number of fields refuses. */
export async function* readCsv(
  source: ByteSource,
  columns?: readonly string[],
): AsyncGenerator<Row> {
  for await (const { fields, line } of rawRows(source)) {
    if (!columns) {
      columns = fields;
      const twice = fields.find((name, i) => fields.indexOf(name) !== i);
      if (twice !== undefined) {
        throw new Refusal(
          `Cannot read ${source.name}:${line}: the column "${twice}" stands twice, expected once`,
        );
      }
      continue;
    }
    if (fields.length !== columns.length) {
      throw new Refusal(
        `Cannot read ${source.name}:${line}: the row has ${fields.length} fields, expected ${columns.length}`,
      );
    }
    yield Object.fromEntries(columns.map((name, i) => [name, fields[i]]));
  }
  if (!columns) {
    throw new Refusal(`Cannot read ${source.name}: it is empty, expected a header line`);
  }
}

interface RawRow {
  readonly fields: string[];
  /** Line of its first character. */
  readonly line: number;
}

async function* rawRows(source: ByteSource): AsyncGenerator<RawRow> {
  const parser = new Parser(source.name);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array<ArrayBuffer>) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      throw new Refusal(
        `Cannot read ${source.name}: after line ${parser.line} bytes are not UTF-8, expected UTF-8 text`,
        { cause },
      );
    }
  };
  for await (const bytes of source.stream()) yield* parser.push(decode(bytes));
  yield* parser.push(decode());
  yield* parser.end();
}

/** Where the next character falls. */
type State = "start" | "plain" | "quoted" | "closed";

/** Fields from text that comes in pieces. */
class Parser {
  /** Line of the next character. */
  line = 1;
  #state: State = "start";
  #field = "";
  #fields: string[] = [];
  #rowLine = 1;
  #afterCr = false;
  #blank = false;

  constructor(readonly name: string) {}

  *push(text: string): Generator<RawRow> {
    let from = 0; // start of what is not yet in #field
    for (let i = 0; i < text.length; i++) {
      const c = text[i];
      const lfOfCrlf = this.#afterCr && c === "\n";
      this.#afterCr = c === "\r";
      if ((c === "\n" && !lfOfCrlf) || c === "\r") this.line++;
      if (this.#state === "quoted") {
        if (c !== '"') continue;
        this.#take(text.slice(from, i));
        this.#state = "closed";
        from = i + 1;
      } else if (this.#state === "closed" && c === '"') {
        from = i; // the second of two is the character itself
        this.#state = "quoted";
      } else if (c === "," || c === "\n" || c === "\r") {
        if (!lfOfCrlf) {
          this.#take(this.#state === "plain" ? text.slice(from, i) : "");
          this.#endField();
          if (c !== ",") yield* this.#endRow();
        }
        if (this.#fields.length === 0) this.#rowLine = this.line;
        from = i + 1;
      } else if (this.#state === "start") {
        this.#state = c === '"' ? "quoted" : "plain";
        from = c === '"' ? i + 1 : i;
      } else if (this.#state === "closed") {
        throw this.#wrong("text after the closing quote", "a delimiter");
      }
    }
    if (this.#state === "plain" || this.#state === "quoted") this.#take(text.slice(from));
  }

  *end(): Generator<RawRow> {
    if (this.#state === "quoted") {
      throw this.#wrong("the text ends inside quotes", "a closing quote");
    }
    if (this.#state !== "start" || this.#fields.length > 0) {
      this.#endField();
      yield* this.#endRow();
    }
  }

  #take(text: string): void {
    this.#field += text;
    if (this.#field.length > MAX_FIELD) {
      throw this.#wrong(`a field of more than ${MAX_FIELD} characters`, "a shorter one");
    }
  }

  #endField(): void {
    // A blank line is no row; a quoted empty field is one.
    this.#fields.push(this.#field.replace(/\r\n?/g, "\n"));
    this.#blank = this.#fields.length === 1 && this.#state === "start";
    this.#field = "";
    this.#state = "start";
  }

  *#endRow(): Generator<RawRow> {
    const fields = this.#fields;
    this.#fields = [];
    if (!this.#blank) yield { fields, line: this.#rowLine };
  }

  #wrong(problem: string, wanted: string): Refusal {
    return new Refusal(
      `Cannot read ${this.name}:${this.#rowLine}: ${problem}, expected ${wanted}`,
    );
  }
}
