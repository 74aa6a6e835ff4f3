/** Training as a library: a recipe as a whole run, or a trainer with batches and objectives of one's own. */
export {
  type DataItem,
  parseRecipe,
  type Phase,
  type PhaseData,
  readRecipe,
  type Recipe,
} from "./recipe.ts";
export { type ObjectiveName, OBJECTIVES, type Settings } from "./settings.ts";
export { type ScheduleOptions, SCHEDULES } from "./schedule.ts";
export type {
  AnswerExample,
  Encoded,
  Encoder,
  ExampleSource,
  Input,
  PairExample,
  TextExample,
  TrainExample,
} from "./examples.ts";
export {
  type CorpusRequest,
  type OpenedSetting,
  openSetting,
  type SettingOptions,
} from "./setting.ts";
export {
  type RunResult,
  type RunSetting,
  type RunTrainer,
  train,
  type TrainOptions,
} from "./run.ts";
export type { ModelFiles, RunState, SavedCheckpoint, Trained } from "./checkpoints.ts";
export type { Backward, Forward, NoiseIds } from "./passes.ts";
export type { PassSizes } from "./plan.ts";
export type { RunProgress } from "./pace.ts";
export {
  openTrainer,
  type StepOptions,
  type StepPart,
  type Trainer,
  type TrainerOptions,
} from "./trainer.ts";
export type { TrainerBytes } from "./memory.ts";
export type { TrainSizes } from "./activations.ts";
export type { ParameterKind, Tensor } from "./parameters.ts";
export {
  type BatchOptions,
  buildBatch,
  type NoisyCopy,
  type PackedRow,
  type Targets,
  type TrainBatch,
} from "./streams.ts";
export { type NoiseKey, type NoiseOptions, noisyCopies } from "./noise.ts";
export { type DrawKey, type Use, USES } from "./random.ts";
export {
  meanObjective,
  type Objective,
  preferenceObjective,
  type PreferencePair,
  type TargetStats,
  weightedObjective,
  withConfidence,
} from "./objectives.ts";
export { initialTensors, type InitOptions, type TensorSource } from "./init.ts";
export { bestCheckpoints, merge, type MergeOptions } from "./merge.ts";
export type { WriteOptions } from "../quant/write.ts";
export type { NamedTensor } from "../model/tensor_file.ts";
export { type ModelConfig, parseConfig, type RopeScaling } from "../model/config.ts";
export { type Gpu, type GpuOptions, openGpu } from "../gpu/device.ts";
export type { DeviceMemory } from "../gpu/memory.ts";
export type { EngineName } from "../gpu/engines.ts";
export type { ChatTemplate } from "../tokenizer/chat_template.ts";
