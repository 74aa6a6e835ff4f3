/** Scorers of the mathematics benchmarks, SciBench and PHYBench: pure, bounded, never throwing. */
export { scoreAime } from "./aime.ts";
export { scoreCmath } from "./cmath.ts";
export { equalAnswers } from "./equal.ts";
export { scoreGsm8k } from "./gsm8k.ts";
export { scoreGsmPlus } from "./gsm_plus.ts";
export { scoreHardMath2 } from "./hardmath2.ts";
export { scoreMath } from "./math.ts";
export { scoreOlympiadBench } from "./olympiadbench.ts";
export { judgeVerdict, scoreOmniMath } from "./omni_math.ts";
export { eed, scorePhyBench } from "./phybench.ts";
export { scoreScibench } from "./scibench.ts";
export type { Doc, MathScore } from "./score.ts";
