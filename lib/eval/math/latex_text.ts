/** LaTeX as plain text, for the commands that occur in answers, as pylatexenc 3 writes it. */

const SYMBOLS: Readonly<Record<string, string>> = Object.fromEntries(
  ("pi π|infty ∞|cup ∪|cap ∩|cdot ·|times ×|div ÷|pm ±|mp ∓|leq ≤|le ≤|geq ≥|ge ≥|ne ≠|neq ≠|in ∈|circ ∘|" +
    "alpha α|beta β|gamma γ|delta δ|epsilon ϵ|theta θ|lambda λ|mu μ|phi ϕ|omega ω|Gamma Γ|Delta Δ|" +
    "Omega Ω|approx ≈|equiv ≡|sim ∼|to →|rightarrow →|emptyset ∅|varnothing ∅|setminus ∖|subset ⊂|" +
    "angle ∠|triangle △|dots …|ldots …|cdots ⋯|lfloor ⌊|rfloor ⌋|lceil ⌈|rceil ⌉|langle ⟨|rangle ⟩|" +
    "sqrt √|mid |lvert ||rvert ||vert ||degree °|sum ∑|prod ∏|int ∫|infinity ∞")
    .split("|").filter((pair) => pair.includes(" ")).map((pair) => pair.split(" ")),
);
const FUNCTIONS =
  /^(?:sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|log|ln|exp|max|min|gcd|lim|deg|arg|det)$/;
/** Styles that turn letters into mathematical ones; values are the code points of A and a. */
const STYLES: Readonly<Record<string, readonly [number, number]>> = {
  textbf: [0x1d400, 0x1d41a],
  mathbf: [0x1d400, 0x1d41a],
  textit: [0x1d434, 0x1d44e],
  mathit: [0x1d434, 0x1d44e],
};
const DOUBLE: Readonly<Record<string, string>> = { R: "ℝ", Z: "ℤ", N: "ℕ", Q: "ℚ", C: "ℂ" };

/** `latex` as text. */
export function latexToText(latex: string): string {
  return new Writer(latex).write("");
}

const MAX_DEPTH = 100;

class Writer {
  #at = 0;
  #depth = 0;

  constructor(private readonly text: string) {}

  /** Text up to the given closing mark. */
  write(close: string): string {
    let out = "";
    while (this.#at < this.text.length) {
      if (close !== "" && this.text.startsWith(close, this.#at)) {
        this.#at += close.length;
        return out;
      }
      out += this.#item();
    }
    return out;
  }

  #item(): string {
    const c = this.text[this.#at]!;
    if (c === "\\") return this.#command();
    this.#at++;
    if (c === "{") return this.#group();
    if (c === "}" || c === "$") return "";
    if (c === "~") return "\u00a0";
    if (c === "&") return " ";
    return c;
  }

  #group(): string {
    if (++this.#depth > MAX_DEPTH) return "";
    const inside = this.write("}");
    this.#depth--;
    return inside;
  }

  #command(): string {
    const m = /\\(?:([A-Za-z]+)\s*|([^]))/y;
    m.lastIndex = this.#at;
    const found = m.exec(this.text);
    if (!found) {
      this.#at = this.text.length;
      return "";
    }
    this.#at = m.lastIndex;
    const [, name, mark] = found;
    if (name === undefined) return MARKS[mark!] ?? mark!;
    if (name === "begin") return this.#environment();
    if (name === "frac" || name === "dfrac" || name === "tfrac") {
      const top = delimited(this.#argument());
      return `${top}/${delimited(this.#argument())}`;
    }
    if (name === "sqrt") return this.#root();
    if (name in SYMBOLS) return SYMBOLS[name]!;
    if (FUNCTIONS.test(name)) return name;
    if (name in STYLES) return styled(this.#argument(), STYLES[name]!);
    if (name === "mathbb") return this.#argument().replace(/[RZNQC]/g, (c) => DOUBLE[c]!);
    return "";
  }

  #root(): string {
    let index = "";
    if (this.text[this.#at] === "[") {
      this.#at++;
      index = this.write("]");
    }
    const sign = { "": "√", "2": "√", "3": "∛", "4": "∜" }[index];
    return `${sign ?? `${index}√`}(${this.#argument()})`;
  }

  /** A braced group, a command or one character. */
  #argument(): string {
    while (this.text[this.#at] === " ") this.#at++;
    if (this.#at >= this.text.length || ++this.#depth > MAX_DEPTH) return "";
    const item = this.#item();
    this.#depth--;
    return item;
  }

  #environment(): string {
    const name = this.#argument();
    if (++this.#depth > MAX_DEPTH) return "";
    const inside = this.write(`\\end{${name}}`);
    this.#depth--;
    return /matrix|array/.test(name) ? `[ ${inside.replaceAll("\n", "; ")} ]` : inside;
  }
}

/** Brackets around more than one character. */
function delimited(text: string): string {
  return [...text].length > 1 ? `(${text})` : text;
}

const MARKS: Readonly<Record<string, string>> = {
  ",": " ",
  ";": " ",
  ":": " ",
  "!": "",
  " ": " ",
  "\\": "\n",
  "(": "",
  ")": "",
  "[": "",
  "]": "",
};

function styled(text: string, [upper, lower]: readonly [number, number]): string {
  return text.replace(/[A-Za-z]/g, (c) => {
    const code = c.charCodeAt(0);
    return String.fromCodePoint(code < 97 ? upper + code - 65 : lower + code - 97);
  });
}
