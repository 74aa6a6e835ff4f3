/** Corpora that recipes know by name. */
import { hashName } from "../lib/hash.ts";
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

/** Examples of a corpus: nano's skills in turn, of its train split. */
export function corpusExamples({ corpus, parts, use, seed }: CorpusRequest): ExampleSource {
  if (corpus !== "nano") {
    throw new Refusal(`Cannot train on corpus "${corpus}": it is not known, expected "nano"`);
  }
  const skills = parts.map((part) => {
    if (isSkill(part)) return part;
    throw new Refusal(
      `Cannot train on part "${part}" of corpus "nano": it is not known, expected one of ${
        SKILL_NAMES.join(", ")
      }`,
    );
  });
  return async function* () {
    // A skill that is named twice comes twice as often, with other questions each time.
    const streams = new Map(skills.map((skill) => [skill, ofUse(skill, { use, seed })]));
    for (let number = 0; number < EPOCH; number++) {
      for (const skill of skills) {
        yield exampleOf(streams.get(skill)!.next().value!, `nano ${skill}:${number}`);
      }
    }
  };
}

/** Train questions that are for training, or for validation: without end. */
function* ofUse(
  skill: Skill,
  { use, seed }: Pick<CorpusRequest, "use" | "seed">,
): Generator<Question> {
  for (const question of questions(skill, { split: "train", seed })) {
    const held = (hashName(question.question, 1) >>> 0) % VALIDATION_SHARE === 0;
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
