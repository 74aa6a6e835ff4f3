/** The tasks of BIG-Bench Hard and of BIG-Bench Extra Hard. */

/** BBH's tasks that ask for a lettered option. */
export const BBH_CHOICE_TASKS: ReadonlySet<string> = new Set([
  "date_understanding",
  "disambiguation_qa",
  "geometric_shapes",
  "hyperbaton",
  "logical_deduction_five_objects",
  "logical_deduction_seven_objects",
  "logical_deduction_three_objects",
  "movie_recommendation",
  "penguins_in_a_table",
  "reasoning_about_colored_objects",
  "ruin_names",
  "salient_translation_error_detection",
  "snarks",
  "temporal_sequences",
  "tracking_shuffled_objects_five_objects",
  "tracking_shuffled_objects_seven_objects",
  "tracking_shuffled_objects_three_objects",
]);

/** BBH's 27 tasks, in alphabetical order. */
export const BBH_TASKS: readonly string[] = [
  ...BBH_CHOICE_TASKS,
  "boolean_expressions",
  "causal_judgement",
  "dyck_languages",
  "formal_fallacies",
  "multistep_arithmetic_two",
  "navigate",
  "object_counting",
  "sports_understanding",
  "web_of_lies",
  "word_sorting",
].sort();

/** Examples of a BBH task: 250 but for three. */
export function bbhExamples(task: string): number {
  return { causal_judgement: 187, penguins_in_a_table: 146, snarks: 178 }[task] ?? 250;
}

/** BBEH's tasks whose answer OpenCompass compares as a lettered option. */
export const BBEH_CHOICE_TASKS: ReadonlySet<string> = new Set([
  "bbeh_boolean_expressions",
  "bbeh_disambiguation_qa",
  "bbeh_geometric_shapes",
  "bbeh_hyperbaton",
  "bbeh_movie_recommendation",
  "bbeh_nycc",
  "bbeh_shuffled_objects",
]);

/** BBEH's 23 tasks, in alphabetical order; 200 examples each but for disambiguation_qa's 120. */
export const BBEH_TASKS: readonly string[] = [
  ...BBEH_CHOICE_TASKS,
  "bbeh_boardgame_qa",
  "bbeh_buggy_tables",
  "bbeh_causal_understanding",
  "bbeh_dyck_languages",
  "bbeh_linguini",
  "bbeh_multistep_arithmetic",
  "bbeh_object_counting",
  "bbeh_object_properties",
  "bbeh_sarc_triples",
  "bbeh_spatial_reasoning",
  "bbeh_sportqa",
  "bbeh_temporal_sequence",
  "bbeh_time_arithmetic",
  "bbeh_web_of_lies",
  "bbeh_word_sorting",
  "bbeh_zebra_puzzles",
].sort();
