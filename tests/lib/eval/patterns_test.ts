import assert from "@std/assert";
import { repeatFaults } from "./pattern_rules.ts";
import { sources } from "../../sources.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** Patterns that may break the rule, as "file pattern", with the reason. */
const ALLOWED: ReadonlyMap<string, string> = new Map([]);

Deno.test("repeatFaults() tells patterns that can take more than linear time", () => {
  const good = [
    /-?\d+(?:,\d{3})*(?:\.\d+)?/,
    /ANSWER\s*:\s*([A-D])/i,
    /"(?:[^"\\]|\\.)*"/,
    /\s*(?:[:：]+\s*)?[A-Z]/,
    /a+(?=\s*)b+/,
    /^[A-Za-z]{2,}(?: [A-Za-z]+)*$/,
    /(?:\\text\{[^{}]*\} ?)+/,
    /[*+]\*[(*+)]+/,
  ];
  const bad = [
    /(a+)+/,
    /(?:\s*x?)*y/,
    /\s*[:：]*\s*[A-Z]/,
    /\d+\w*/,
    /(?:\w*b)*c/,
    /(?: |#[^\n]*)*x/,
    /(?:\d+,?)+/,
    /(?:a\s*)?\s+b/,
    /.*(?:x|.*y)/,
    /\w+\b\p{L}{2,}/u,
  ];
  for (const { source, flags } of good) assert.deepEqual(repeatFaults(source, flags), [], source);
  for (const { source, flags } of bad) assert.ok(repeatFaults(source, flags).length > 0, source);
});

Deno.test("E3 no pattern of the scorers has nested or adjacent unbounded repeats", async () => {
  const faults: string[] = [];
  let seen = 0;
  for (const dir of ["lib/eval", "tasks"]) {
    for await (const path of sources(`${ROOT}${dir}`)) {
      const file = path.slice(ROOT.length);
      for (const { source, flags } of written(file, await Deno.readTextFile(path))) {
        seen++;
        faults.push(...judged(file, { source, flags }));
      }
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(seen > 20);
});

/** Patterns put together at run time do not stand in the source: they are seen as they are made. */
Deno.test("E3 no pattern that the scorers put together has such repeats", async () => {
  const made = new Map<string, Pattern>();
  const original = globalThis.RegExp;
  const note = (source: unknown, flags: unknown) => {
    const text = source instanceof original ? source.source : String(source);
    made.set(`${text}/${flags ?? ""}`, { source: text, flags: String(flags ?? "") });
  };
  globalThis.RegExp = new Proxy(original, {
    construct: (target, args) => (note(args[0], args[1]), Reflect.construct(target, args)),
    apply: (target, self, args) => (note(args[0], args[1]), Reflect.apply(target, self, args)),
  });
  try {
    for (const dir of ["choice", "ifeval", "knowledge", "reasoning"]) {
      for await (const path of sources(`${ROOT}lib/eval/${dir}`)) {
        const exported: Record<string, unknown> = await import(`file://${path}`);
        for (const [name, score] of Object.entries(exported)) {
          // Some are built on first use.
          if (name.startsWith("score") && typeof score === "function") {
            await score("A", { answer: "A", target: "A" });
          }
        }
      }
    }
  } finally {
    globalThis.RegExp = original;
  }
  const faults = [...made.values()].flatMap((pattern) => judged("made", pattern));
  assert.deepEqual(faults, []);
  assert.ok(made.size > 100, `${made.size} patterns`);
});

interface Pattern {
  readonly source: string;
  readonly flags: string;
}

function judged(file: string, { source, flags }: Pattern): string[] {
  if (ALLOWED.has(`${file} ${source}`)) return [];
  return repeatFaults(source, flags).map((fault) => `${file}: /${source}/${flags}: ${fault}`);
}

/** Regular expressions in a source text, found by Deno's own parser: literals, and RegExp() of a plain string. */
function written(file: string, text: string): Pattern[] {
  const found: Pattern[] = [];
  const constructed = (node: Deno.lint.NewExpression | Deno.lint.CallExpression) => {
    const [first, second] = node.arguments;
    if (node.callee.type !== "Identifier" || node.callee.name !== "RegExp") return;
    if (first?.type !== "Literal" || typeof first.value !== "string") return;
    const flags = second?.type === "Literal" ? String(second.value) : "";
    found.push({ source: first.value, flags });
  };
  const plugin: Deno.lint.Plugin = {
    name: "patterns",
    rules: {
      collect: {
        create: () => ({
          Literal(node) {
            const { regex } = node as { regex?: { pattern: string; flags: string } };
            if (regex) found.push({ source: regex.pattern, flags: regex.flags });
          },
          NewExpression: constructed,
          CallExpression: constructed,
        }),
      },
    },
  };
  Deno.lint.runPlugin(plugin, file, text);
  return found;
}
