/**
 * Questions of the five nano skills, with answers and references: the wording, ranges and split that
 * the embedded model was trained with. A question is *test* if FNV-1a of its text mod 10 is 0.
 */
import { fnv1a } from "../../lib/hash.ts";

/** The five skills. */
export type Skill = "knowledge" | "reasoning" | "coding" | "math" | "agent";

/** What an answer is scored against. */
export interface Reference {
  readonly answer?: string;
  readonly entry_point?: string;
  readonly tests?: readonly string[];
  readonly call?: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> };
}

/** One question. */
export interface Question {
  readonly question: string;
  /** The text the model learned to answer. */
  readonly answer: string;
  readonly reference: Reference;
}

const NAMES = "Tom Ana Ben Mia Leo Zoe Sam Eva Max Ida Kai Noa".split(" ");
const THINGS = "apples pens books coins cards shells stamps eggs keys cups".split(" ");
const COLORS = "red blue green white black gray pink gold".split(" ");
const WORDS = "sun cat map red cup dog hat pen box key bus egg car fox ice jam".split(" ");
const LEGS: Readonly<Record<string, number>> = {
  cat: 4,
  dog: 4,
  bird: 2,
  ant: 6,
  spider: 8,
  horse: 4,
  hen: 2,
  bee: 6,
  frog: 4,
  crab: 10,
};
const CAPITALS: Readonly<Record<string, string>> = {
  France: "Paris",
  Italy: "Rome",
  Spain: "Madrid",
  Japan: "Tokyo",
  Egypt: "Cairo",
  Peru: "Lima",
  Cuba: "Havana",
  Kenya: "Nairobi",
  Norway: "Oslo",
  Greece: "Athens",
  China: "Beijing",
  India: "New Delhi",
  Chile: "Santiago",
  Poland: "Warsaw",
  Austria: "Vienna",
  Ghana: "Accra",
};

/** Seeded random choices (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number from `low` to `high - 1`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low));
  }

  pick<V>(list: readonly V[]): V {
    return list[this.between(0, list.length)];
  }

  /** `count` different entries, in random order. */
  sample<V>(list: readonly V[], count: number): V[] {
    const rest = [...list];
    return Array.from({ length: count }, () => rest.splice(this.between(0, rest.length), 1)[0]);
  }
}

function math(r: Random): Question {
  const name = r.pick(NAMES);
  const things = r.pick(THINGS);
  const solved = (question: string, steps: string, value: number): Question => ({
    question,
    answer: `${steps} The answer is ${value}.`,
    reference: { answer: String(value) },
  });
  switch (r.between(0, 6)) {
    case 0: {
      const [a, b] = [r.between(2, 90), r.between(2, 90)];
      return solved(`What is ${a} + ${b}?`, `${a} + ${b} = ${a + b}.`, a + b);
    }
    case 1: {
      const a = r.between(10, 99);
      const b = r.between(1, a);
      return solved(`What is ${a} - ${b}?`, `${a} - ${b} = ${a - b}.`, a - b);
    }
    case 2: {
      const [a, b] = [r.between(2, 13), r.between(2, 13)];
      const question =
        `${name} has ${a} boxes with ${b} ${things} in each box. How many ${things} does ${name} have?`;
      return solved(question, `${a} * ${b} = ${a * b}.`, a * b);
    }
    case 3: {
      const [a, b] = [r.between(5, 60), r.between(2, 40)];
      const c = r.between(1, a + b);
      const question =
        `${name} has ${a} ${things}. ${name} buys ${b} more and then gives away ${c}. How many ${things} are left?`;
      const steps = `${a} + ${b} = ${a + b}. ${a + b} - ${c} = ${a + b - c}.`;
      return solved(question, steps, a + b - c);
    }
    case 4: {
      const [a, b, c] = [r.between(2, 10), r.between(2, 10), r.between(1, 40)];
      const question =
        `${name} buys ${a} bags of ${b} ${things} and finds ${c} more. How many ${things} does ${name} have now?`;
      const steps = `${a} * ${b} = ${a * b}. ${a * b} + ${c} = ${a * b + c}.`;
      return solved(question, steps, a * b + c);
    }
    default: {
      const other = r.pick(NAMES.filter((candidate) => candidate !== name));
      const [a, b] = [r.between(3, 50), r.between(2, 40)];
      const question =
        `${name} has ${a} ${things}. ${other} has ${b} more ${things} than ${name}. How many ${things} do they have together?`;
      const steps = `${a} + ${b} = ${a + b}. ${a} + ${a + b} = ${2 * a + b}.`;
      return solved(question, steps, 2 * a + b);
    }
  }
}

function knowledge(r: Random): Question {
  const [stem, right, wrong] = knowledgeStem(r);
  const options = r.sample([...r.sample(wrong, 3), right], 4);
  const letter = "ABCD"[options.indexOf(right)];
  const lines = options.map((option, i) => `\n${"ABCD"[i]}. ${option}`);
  return {
    question: stem + lines.join(""),
    answer: `The answer is ${letter}.`,
    reference: { answer: letter },
  };
}

function knowledgeStem(r: Random): [string, string, string[]] {
  switch (r.between(0, 3)) {
    case 0: {
      const country = r.pick(Object.keys(CAPITALS));
      const right = CAPITALS[country];
      const wrong = Object.values(CAPITALS).filter((city) => city !== right);
      return [`What is the capital of ${country}?`, right, wrong];
    }
    case 1: {
      const animal = r.pick(Object.keys(LEGS));
      const right = String(LEGS[animal]);
      const wrong = ["2", "4", "6", "8", "10", "0"].filter((legs) => legs !== right);
      return [`How many legs does a ${animal} have?`, right, wrong];
    }
    default: {
      const numbers = r.sample(Array.from({ length: 97 }, (_, i) => i + 2), 4);
      const largest = r.next() < 0.5;
      const right = String(largest ? Math.max(...numbers) : Math.min(...numbers));
      const wrong = numbers.map(String).filter((number) => number !== right);
      return [`Which number is the ${largest ? "largest" : "smallest"}?`, right, wrong];
    }
  }
}

function reasoning(r: Random): Question {
  const solved = (question: string, answer: string) => ({
    question,
    answer,
    reference: { answer },
  });
  switch (r.between(0, 5)) {
    case 0: {
      const numbers = Array.from({ length: r.between(3, 6) }, () => r.between(1, 99));
      const sorted = numbers.toSorted((a, b) => a - b);
      return solved(`Sort these numbers: ${numbers.join(" ")}`, sorted.join(" "));
    }
    case 1: {
      const words = r.sample(WORDS, r.between(3, 6));
      return solved(`Reverse these words: ${words.join(" ")}`, words.toReversed().join(" "));
    }
    case 2: {
      const [x, y, z] = r.sample(NAMES, 3);
      const tallest = r.next() < 0.5;
      const asked = tallest ? "tallest" : "shortest";
      const question = `${x} is taller than ${y}. ${y} is taller than ${z}. Who is the ${asked}?`;
      return solved(question, tallest ? x : z);
    }
    case 3: {
      const colors = Array.from({ length: r.between(4, 8) }, () => r.pick(COLORS));
      const color = r.pick(colors);
      const count = colors.filter((other) => other === color).length;
      return solved(`How many times does ${color} appear? ${colors.join(" ")}`, String(count));
    }
    default: {
      const [x, d] = [r.between(1, 80), r.between(2, 9)];
      const numbers = [0, 1, 2, 3].map((i) => x + i * d);
      return solved(`What comes next? ${numbers.join(" ")}`, String(x + 4 * d));
    }
  }
}

function coding(r: Random): Question {
  const kind = r.between(0, 6);
  const n = r.between(2, 20);
  const f = r.pick("f g h add calc run solve apply".split(" "));
  const three = (value: (x: number) => number) =>
    [0, 3, -4].map((x) => [x, String(value(x))] as const);
  const truth = (value: boolean) => value ? "True" : "False";
  const variants: [string, string, (readonly [number, string])[]][] = [
    [`returns x plus ${n}`, `return x + ${n}`, three((x) => x + n)],
    [`returns x times ${n}`, `return x * ${n}`, three((x) => x * n)],
    [`returns x minus ${n}`, `return x - ${n}`, three((x) => x - n)],
    [
      `returns True if x is greater than ${n}`,
      `return x > ${n}`,
      [n - 1, n, n + 1].map((x) => [x, truth(x > n)]),
    ],
    [
      `returns True if x is divisible by ${n}`,
      `return x % ${n} == 0`,
      [n, n + 1, 3 * n].map((x) => [x, truth(x % n === 0)]),
    ],
    [
      `returns x squared plus ${n}`,
      `return x * x + ${n}`,
      [0, 2, -3].map((x) => [x, String(x * x + n)]),
    ],
  ];
  const [description, body, tests] = variants[kind];
  return {
    question: `Write a Python function ${f}(x) that ${description}.`,
    answer: `\`\`\`python\ndef ${f}(x):\n    ${body}\n\`\`\``,
    reference: { entry_point: f, tests: tests.map(([x, y]) => `assert ${f}(${x}) == ${y}`) },
  };
}

function agent(r: Random): Question {
  const call = (question: string, name: string, args: Record<string, unknown>): Question => ({
    question,
    answer: `{"name": "${name}", "arguments": {${
      Object.entries(args).map(([key, value]) => `"${key}": ${JSON.stringify(value)}`).join(", ")
    }}}`,
    reference: { call: { name, arguments: args } },
  });
  const name = r.pick(NAMES);
  switch (r.between(0, 5)) {
    case 0: {
      const minute = r.pick([0, 5, 10, 15, 20, 30, 45]);
      const time = `${r.between(1, 13)}:${String(minute).padStart(2, "0")}`;
      return call(`Set an alarm for ${time}.`, "set_alarm", { time });
    }
    case 1: {
      const city = r.pick(Object.values(CAPITALS));
      return call(`What is the weather in ${city}?`, "get_weather", { city });
    }
    case 2: {
      const [a, b] = [r.between(1, 99), r.between(1, 99)];
      return call(`Use the tool to add ${a} and ${b}.`, "add", { a, b });
    }
    case 3:
      return call(`Call ${name}.`, "call", { person: name });
    default: {
      const color = r.pick(COLORS);
      return call(`Turn the lamp ${color}.`, "set_lamp", { color });
    }
  }
}

const SKILLS: Readonly<Record<Skill, (r: Random) => Question>> = {
  knowledge,
  reasoning,
  coding,
  math,
  agent,
};

/** Names of the skills. */
export const SKILL_NAMES: readonly Skill[] = Object.keys(SKILLS) as Skill[];

/** Whether a name is a skill's. */
export function isSkill(name: string): name is Skill {
  return Object.hasOwn(SKILLS, name);
}

/** Whether a question belongs to the test split. */
export function isTest(question: string): boolean {
  return fnv1a(question) % 10 === 0;
}

/** Questions of one skill and split without end; the same seed gives the same questions. */
export function* questions(
  skill: Skill,
  { split, seed = 0 }: { split: "train" | "test"; seed?: number },
): Generator<Question> {
  const random = new Random(seed);
  while (true) {
    const question = SKILLS[skill](random);
    if (isTest(question.question) === (split === "test")) yield question;
  }
}

/** The first `count` different questions; fewer when the skill runs dry. */
export function distinctQuestions(
  skill: Skill,
  options: { split: "train" | "test"; seed?: number; count: number },
): Question[] {
  const found = new Map<string, Question>();
  let tries = 0;
  for (const question of questions(skill, options)) {
    if (!found.has(question.question)) found.set(question.question, question);
    if (found.size === options.count || ++tries > 200 * options.count) break;
  }
  return [...found.values()];
}
