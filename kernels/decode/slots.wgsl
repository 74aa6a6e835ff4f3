// One record being decoded is a slot: SLOT_WORDS words of state, written by the host when the record
// enters and then kept by `plan` and `accept` alone. Floats are stored by their bits. The same order as
// SLOT_FIELDS in kernels/decode/slots.ts.
const IDLE = 0u;
const DENOISE = 1u;
const COMMIT = 2u;                  // denoises a block, and stores the one before it in the same pass
const DONE = 3u;

const RULE_STOP_AFTER_BLOCK = 1u;   // EOS in a finished block ends the record
const RULE_STOP_INSIDE = 2u;        // EOS with no mask before it ends the record inside a block
const RULE_EDIT = 4u;               // token-to-token editing
const RULE_CAP_AFTER = 8u;          // the edit budget is looked at after a forward (SGLang), not before (HF)
const RULE_RELATIVE = 16u;          // accept c >= min(threshold, best - 1e-5) (dInfer), not c > threshold
const RULE_CREDIT = 32u;            // fuse credit into the logits
const RULE_SCHEDULE = 64u;          // at least B / steps per step (HF 2.0); a block ends after `steps`
const RULE_RUNS = 128u;             // accept the best of each run of masked rows too (dInfer)
const RULE_INDEL = 256u;            // drawn ids may remove rows and insert masks (HF 2.2; indel.wgsl)

struct Slot {
  phase: u32, block_start: u32, step: u32, post: u32,
  draws: u32, reason: u32, block: u32, prompt: u32,
  end: u32, rules: u32, steps: u32, minimum: u32,
  max_post: u32, seed: u32, threshold: f32, edit_threshold: f32,
  penalty: f32, temperature: f32, top_k: u32, top_p: f32,
  confidence_rule: u32, credit_alpha: f32, credit_beta: f32, credit_gamma: f32,
  low_threshold: f32,
}

// Whether a pass denoises a slot's block; one that stores blocks alone (live[3]) does that first.
fn denoises(phase: u32, alone: u32) -> bool {
  return phase == DENOISE || (phase == COMMIT && alone == 0u);
}

// Whether a slot's rows are drawn from the head's partial results alone; isGreedy in kernels/decode/slots.ts.
fn is_greedy(slot: Slot) -> bool {
  return slot.temperature == 0.0 && slot.penalty == 0.0 && (slot.rules & (RULE_CREDIT | RULE_INDEL)) == 0u;
}

// Words that look random, for draws by a slot's seed.
fn hash(a: vec4u) -> vec4u {
  var h = a;
  h = (h ^ (h >> vec4u(16u))) * 0x21f0aaadu;
  h = (h ^ (h >> vec4u(15u))) * 0x735a2d97u;
  return h ^ (h >> vec4u(15u));
}
