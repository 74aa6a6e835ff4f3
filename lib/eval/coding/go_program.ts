/** A Go test file out of an answer and its tests: one package clause, and exactly the imports that are used. */
import { END_OF_CHECKS } from "../../exec/toolchain.ts";
import type { Doc } from "../task.ts";

/** Standard packages by the name that code calls them by. */
const PACKAGES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ..."bufio bytes errors fmt math os regexp sort strconv strings sync time unicode".split(" "),
    ..."container/heap container/list crypto/md5 encoding/hex math/big math/bits math/cmplx".split(
      " ",
    ),
    ..."math/rand unicode/utf8 testing github.com/stretchr/testify/assert".split(" "),
  ].map((path) => [path.split("/").at(-1)!, path]),
);

/** Names that are rarely anything but a package; the others count when somebody imports them. */
const CERTAIN = new Set(
  "assert errors fmt math md5 os regexp sort strconv strings testing".split(" "),
);

/** Runs all tests, whatever arguments an answer wrote; its end is reached where they have passed. */
export const GO_MAIN = `
func TestMain(m *testing.M) {
	os.Args = os.Args[:1]
	code := m.Run()
	if code == 0 {
		${END_OF_CHECKS}
	}
	os.Exit(code)
}
`;

/** The program. */
export function goProgram(code: string, doc: Doc): string {
  const body = `${withoutImports(code)}\n${
    withoutImports(String(doc.test_setup ?? ""))
  }\n${doc.test}`;
  const text = body + GO_MAIN;
  // `fmt` prints the end; the others where the text calls them.
  const imported = `${code}\n${doc.import}`;
  const used = Object.entries(PACKAGES)
    .filter(([name, path]) => CERTAIN.has(name) || imported.includes(`"${path}"`))
    .filter(([name]) => name === "fmt" || new RegExp(`(?<![\\w.])${name}\\.[A-Za-z]`).test(text))
    .map(([, path]) => `\t"${path}"`);
  return `package main\n\nimport (\n${used.join("\n")}\n)\n${text}`;
}

/** Code without its package clause and import declarations. */
function withoutImports(code: string): string {
  const kept: string[] = [];
  let inside = false;
  for (const line of code.split("\n")) {
    const trimmed = line.trim();
    if (inside) inside = !trimmed.startsWith(")");
    else if (/^import\s{0,5}\(/.test(trimmed)) inside = !trimmed.includes(")");
    else if (!/^(?:package\s|import\s)/.test(trimmed)) kept.push(line);
  }
  return kept.join("\n");
}
