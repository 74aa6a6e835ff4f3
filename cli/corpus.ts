/** Corpora that recipes know by name. */
import { fnv1a } from "../lib/hash.ts";
import { Refusal } from "../lib/refusal.ts";
import type { ExampleSource, TrainExample } from "../lib/train/examples.ts";
import type { CorpusRequest } from "../lib/train/setting.ts";
import {
  isSkill,
  type Question,
  questions,
  type Skill,
  SKILL_NAMES,
} from "../tasks/nano/corpus.ts";

/** Questions of a skill in one epoch. */
const EPOCH = 20_000;

/** One question in so many is kept from training, to measure on. */
const VALIDATION_SHARE = 32;

/**
 * The corpora: nano's train split without what is kept to measure on, and all of it. Small families of
 * questions (names to call, colors of the lamp) lose a tenth of their answers to what is kept.
 */
const CORPORA = ["nano", "nano_whole"];

/** Examples of a corpus: nano's skills in turn, of its train split. */
export function corpusExamples({ corpus, parts, use, seed }: CorpusRequest): ExampleSource {
  if (!CORPORA.includes(corpus)) {
    const known = CORPORA.map((name) => `"${name}"`).join(" or ");
    throw new Refusal(`Cannot train on corpus "${corpus}": it is not known, expected ${known}`);
  }
  const whole = corpus === "nano_whole";
  if (whole && use === "validation") {
    throw new Refusal(
      `Cannot measure on corpus "${corpus}": it keeps nothing from training, expected "nano"`,
    );
  }
  const skills = parts.map((part) => {
    if (isSkill(part)) return part;
    throw new Refusal(
      `Cannot train on part "${part}" of corpus "${corpus}": it is not known, expected one of ${
        SKILL_NAMES.join(", ")
      }`,
    );
  });
  return async function* () {
    // A skill that is named twice comes twice as often, with other questions each time.
    const streams = new Map(skills.map((skill) => [skill, ofUse(skill, { use, seed, whole })]));
    for (let number = 0; number < EPOCH; number++) {
      for (const skill of skills) {
        yield exampleOf(streams.get(skill)!.next().value!, `nano ${skill}:${number}`);
      }
    }
  };
}

/** Train questions that are for training, or for validation, or `whole` for training: without end. */
function* ofUse(
  skill: Skill,
  { use, seed, whole }: Pick<CorpusRequest, "use" | "seed"> & { whole: boolean },
): Generator<Question> {
  for (const question of questions(skill, { split: "train", seed })) {
    const held = !whole && fnv1a(question.question, 1) % VALIDATION_SHARE === 0;
    if (held === (use === "validation")) yield question;
  }
}

function exampleOf({ question, answer }: Question, where: string): TrainExample {
  return {
    where,
    kind: "answer",
    input: { messages: [{ role: "user", content: question }] },
    answer,
  };
}
