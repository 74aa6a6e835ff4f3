import assert from "@std/assert";
import { PHASE, REASON } from "../../../kernels/decode/slots.ts";
import { GOLDEN, largestDifference, withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { runStep } from "./drive.ts";

const MASK = 244;
const VOCAB = 256;
const { one_step: ONE } = GOLDEN;
const BLOCK: number[] = ONE.ids.slice(16);

withGpu("one_step: logits, argmax and confidence equal the golden ones", {}, async (gpu) => {
  await withEngine(gpu, {}, async (engine) => {
    const logits = await engine.logits(ONE.ids, ONE.block);
    for (let row = 0; row < ONE.block; row++) {
      const z = logits.subarray((16 + row) * VOCAB, (17 + row) * VOCAB);
      assert.ok(largestDifference(z, ONE.logits[row]) < 3e-4);
    }
    const { drawn } = await runStep(engine, { ids: BLOCK, start: 16, logits: ONE.logits });
    for (const [row, { token, confidence }] of drawn.entries()) {
      assert.equal(token, ONE.argmax[row]);
      assert.ok(Math.abs(confidence - ONE.confidence[row]) < 1e-4);
    }
  });
});

withGpu("one_step: each rule accepts the positions it should", {}, async (gpu) => {
  // Masked rows by confidence: 18 (0.51), 23 (0.31), 22 is settled, 21 (0.24), 20 (0.18), 17 (0.27).
  const masked = [17, 18, 20, 21, 23];
  const ranked = masked.toSorted((a, b) => ONE.confidence[b - 16] - ONE.confidence[a - 16]);
  const cases: [Record<string, unknown>, number[]][] = [
    // dInfer's threshold rule is credit without credit.
    [{ policy: "credit", credit_alpha: 0, threshold: 0.6 }, ONE["dinfer_threshold_0.6"]],
    [
      { policy: "credit", credit_alpha: 0, threshold: 0.25 },
      masked.filter((p) => ONE.confidence[p - 16] >= 0.25),
    ],
    [
      { policy: "hierarchy", threshold: 0.6, low_threshold: 0.25 },
      ONE["dinfer_hierarchy_0.6_low_0.25"],
    ],
    // The best of the runs 17-18, 20-21 and 23; a row above the threshold beside its run's best; the best of all.
    [{ policy: "hierarchy", threshold: 0.6, low_threshold: 0.2 }, [18, 21, 23]],
    [{ policy: "hierarchy", threshold: 0.26, low_threshold: 0.2 }, [17, 18, 21, 23]],
    [{ policy: "hierarchy", threshold: 0.6, low_threshold: 0.55 }, [18]],
    // dInfer's fixed rule is hf-2.0 with a threshold nothing passes.
    [{ steps: 4, threshold: 1.5 }, ranked.slice(0, 2)],
    [{ steps: 2, threshold: 1.5 }, ranked.slice(0, 4)],
    [{ steps: 1, threshold: 1.5 }, masked],
    [{ steps: 8, threshold: 0.6 }, ranked.slice(0, 1)],
    [{ steps: 8, threshold: 0.26 }, masked.filter((p) => ONE.confidence[p - 16] > 0.26)],
    [{ policy: "hf-2.1", num_to_transfer: 3, threshold: 0.6 }, ranked.slice(0, 3)],
    [{ policy: "hf-2.1", num_to_transfer: 200, threshold: 0.6 }, masked],
    [{ policy: "low-confidence", threshold: 0.6 }, ranked.slice(0, 1)],
    [
      { policy: "low-confidence", threshold: 0.3 },
      masked.filter((p) => ONE.confidence[p - 16] > 0.3),
    ],
  ];
  await withEngine(gpu, {}, async (engine) => {
    for (const [decode, wanted] of cases) {
      const step = { ids: BLOCK, start: 16, logits: ONE.logits, decode, state: { prompt: 16 } };
      const { trace } = await runStep(engine, step);
      const accepted = trace!.accepted.map(([position]) => position);
      assert.deepEqual(accepted, wanted.toSorted((a, b) => a - b), JSON.stringify(decode));
    }
  });
});

withGpu("one_step: credit fuses what was on top before", {}, async (gpu) => {
  const { iterations } = ONE.credit_same_logits_3_iterations;
  await withEngine(gpu, {}, async (engine) => {
    for (const [step, { top1_prob, argmax }] of iterations.entries()) {
      const decode = { policy: "credit" };
      const input = { ids: BLOCK, start: 16, logits: ONE.logits, decode, state: { step } };
      const { drawn } = await runStep(engine, input);
      for (const [row, { token, confidence }] of drawn.entries()) {
        assert.equal(token, argmax[row], `iteration ${step} row ${row}`);
        assert.ok(Math.abs(confidence - top1_prob[row]) < 1e-4, `iteration ${step} row ${row}`);
      }
    }
  });
});

withGpu("sampling: keeps and weighs exactly the golden ids", {}, async (gpu) => {
  await withEngine(gpu, {}, async (engine) => {
    for (const golden of GOLDEN.sampling.cases) {
      // The goldens' temperature 0 means "not scaled"; ours would be greedy.
      const temperature = golden.temperature || 1;
      const decode = { temperature, top_k: golden.top_k ?? 0, top_p: golden.top_p ?? 1 };
      const seen = new Map<number, number>();
      // The same row everywhere: positions draw independently.
      const ids = new Array(256).fill(MASK);
      const logits = ids.map(() => ONE.logits[golden.row]);
      for (const drawn of (await runStep(engine, { ids, start: 0, logits, decode })).drawn) {
        const { token, confidence, kept } = drawn;
        assert.equal(kept, golden.kept);
        seen.set(token, confidence);
        if (!golden.ids) continue;
        const index = golden.ids.indexOf(token);
        assert.ok(index >= 0, `drew ${token}, expected one of ${golden.ids}`);
        assert.ok(Math.abs(confidence - golden.probs[index]) < 1e-4);
      }
      assert.ok(seen.size > 1, "every draw was the same");
      assert.ok(Math.abs(seen.get(golden.argmax)! - golden.max_prob) < 1e-4);
    }
  });
});

withGpu("sampling: draws follow the probabilities", {}, async (gpu) => {
  // Three ids of probability 0.6, 0.3 and 0.1 in 256 equal rows: 2,048 independent draws.
  const wanted = [0.6, 0.3, 0.1];
  const row = Array.from({ length: VOCAB }, (_, id) => id < 3 ? Math.log(wanted[id]) : -100);
  const ids = new Array(256).fill(MASK);
  const counts = [0, 0, 0];
  await withEngine(gpu, {}, async (engine) => {
    for (let seed = 1; seed <= 8; seed++) {
      const step = { ids, start: 0, logits: ids.map(() => row), decode: { temperature: 1 } };
      const { drawn } = await runStep(engine, { ...step, state: { seed } });
      for (const { token } of drawn) counts[token]++;
    }
  });
  for (const [id, share] of wanted.entries()) {
    const deviation = Math.sqrt(2048 * share * (1 - share));
    assert.ok(Math.abs(counts[id] - 2048 * share) < 4 * deviation, `counts are ${counts}`);
  }
});

withGpu("sampling: SGLang's top-p is of all mass, HF's of what top-k left", {}, async (gpu) => {
  const shares = [0.5, 0.25, 0.15, 0.1];
  const row = Array.from({ length: VOCAB }, (_, id) => id < 4 ? Math.log(shares[id]) : -100);
  await withEngine(gpu, {}, async (engine) => {
    for (const [policy, wanted] of [["hf-2.0", 1], ["hf-2.1", 1], ["low-confidence", 2]] as const) {
      const decode = { policy, temperature: 1, top_k: 2, top_p: 0.55 };
      const { drawn } = await runStep(engine, { ids: [MASK], start: 0, logits: [row], decode });
      assert.equal(drawn[0].kept, wanted, policy);
    }
  });
});

withGpu("joint-threshold keeps a settled id that is likely enough itself", {}, async (gpu) => {
  // Ids 7 and 9 are drawn about as often; id 8 is next to impossible.
  const row = Array.from({ length: VOCAB }, (_, id) => id === 7 ? 2 : id === 9 ? 1.9 : -10);
  const ids = Array.from({ length: 64 }, (_, i) => 7 + i % 3);
  const logits = ids.map(() => row);
  await withEngine(gpu, {}, async (engine) => {
    const edited = async (decode: Record<string, unknown>, from: number) => {
      const all = { threshold: 0.5, edit_threshold: 0, temperature: 1, ...decode };
      const { trace } = await runStep(engine, { ids, start: 0, logits, decode: all });
      return trace!.edited.filter(([, old]) => old === from).length;
    };
    const joint = { policy: "joint-threshold" };
    assert.equal(await edited(joint, 8), 21);
    assert.equal(await edited(joint, 7) + await edited(joint, 9), 0);
    // Likely enough is what the threshold says: here e^-0.1 is not.
    assert.ok(await edited({ ...joint, threshold: 0.95 }, 9) > 0);
    // A top_k of 1 is greedy decoding.
    assert.equal(await edited({ ...joint, top_k: 1 }, 9), 21);
    assert.ok(await edited({ policy: "hf-2.1" }, 7) > 0);
  });
});

for (const target of ["cpu", "gpu"] as const) {
  withGpu(`G12: ties go to the lower id, then to the lower position (${target} shapes)`, {
    target,
  }, async (gpu) => {
    // Ids 9, 10 and 200 share the top in every row, so that all rows have the same confidence too.
    const row = Array.from({ length: VOCAB }, (_, id) => [9, 10, 200].includes(id) ? 5 : -1);
    const ids = new Array(32).fill(MASK);
    const logits = ids.map(() => row);
    await withEngine(gpu, {}, async (engine) => {
      const cases: [Record<string, unknown>, number][] = [
        [{ steps: 32, threshold: 0.9 }, 1],
        [{ steps: 5, threshold: 0.9 }, 7],
        [{ policy: "low-confidence" }, 1],
        [{ policy: "hf-2.1", num_to_transfer: 3 }, 3],
      ];
      for (const [decode, count] of cases) {
        const { drawn, trace } = await runStep(engine, { ids, start: 0, logits, decode });
        assert.ok(drawn.every(({ token }) => token === 9), JSON.stringify(drawn));
        assert.deepEqual(
          trace!.accepted.map(([position]) => position),
          Array.from({ length: count }, (_, i) => i),
          JSON.stringify(decode),
        );
      }
    });
  });
}

withGpu("the mask is never drawn, and its probability still counts", {}, async (gpu) => {
  const row = Array.from({ length: VOCAB }, (_, id) => id === MASK ? 3 : id === 7 ? 2 : -20);
  const ids = new Array(8).fill(MASK);
  const share = Math.exp(2) / (Math.exp(3) + Math.exp(2));
  await withEngine(gpu, {}, async (engine) => {
    const wanted: [Record<string, unknown>, number][] = [
      [{}, share],
      [{ policy: "credit", credit_alpha: 0 }, share],
      [{ temperature: 1 }, share],
      [{ temperature: 1, top_k: 1 }, share],
      [{ temperature: 1, top_k: 2, top_p: 0.5 }, share],
    ];
    for (const [decode, confidence] of wanted) {
      const { drawn, ids: after } = await runStep(engine, {
        ids,
        start: 0,
        logits: ids.map(() => row),
        decode: { ...decode, steps: 1 },
      });
      for (const [i, { token, confidence: c }] of drawn.entries()) {
        assert.equal(token, 7, JSON.stringify(decode));
        assert.equal(after[i], 7);
        assert.ok(Math.abs(c - confidence) < 1e-4, `${JSON.stringify(decode)}: ${c}`);
      }
    }
  });
});

withGpu(
  "penalty_lambda lowers the id to the left, greedy or drawn, in joint-threshold alone",
  {},
  async (gpu) => {
    // Id 7 stands at the left of the second row and leads by 2; a penalty of 5 lets id 9 win.
    const row = Array.from({ length: VOCAB }, (_, id) => id === 7 ? 12 : id === 9 ? 10 : -30);
    const ids = [7, MASK, MASK, MASK];
    const second = 1 / (1 + Math.exp(-3));
    await withEngine(gpu, {}, async (engine) => {
      for (const temperature of [0, 0.01]) {
        for (const policy of ["joint-threshold", "hf-2.0", "low-confidence"]) {
          const decode = { policy, penalty_lambda: 5, temperature };
          const step = { ids, start: 0, logits: ids.map(() => row), decode, state: { prompt: 1 } };
          const { drawn } = await runStep(engine, step);
          const penalized = policy === "joint-threshold";
          assert.equal(drawn[1].token, penalized ? 9 : 7, `${policy} at ${temperature}`);
          assert.equal(drawn[2].token, 7, "the mask to the left is not an id to punish");
          if (penalized) assert.ok(Math.abs(drawn[1].confidence - second) < 1e-4);
        }
      }
    });
  },
);

withGpu("a slot that stores the block before takes its step as any other", {}, async (gpu) => {
  const broken = ONE.logits.map(() => new Array(VOCAB).fill(NaN));
  const cases = [
    { steps: 8, logits: ONE.logits, wanted: { phase: PHASE.denoise, block_start: 16, step: 1 } },
    { steps: 1, logits: ONE.logits, wanted: { phase: PHASE.commit, block_start: 24, step: 0 } },
    { steps: 1, logits: broken, wanted: { phase: PHASE.done, block_start: 16, step: 0 } },
  ];
  await withEngine(gpu, {}, async (engine) => {
    for (const { steps, logits, wanted } of cases) {
      // Drawn, so that it is from the logits themselves.
      const decode = { steps, threshold: 1.5, temperature: 1 };
      const step = { ids: BLOCK, start: 16, logits, decode };
      const run = (phase: number) => runStep(engine, { ...step, state: { phase, end: 32 } });
      const found = await run(PHASE.commit);
      assert.deepEqual(found, await run(PHASE.denoise));
      const { phase, block_start, step: at, reason } = found.state;
      assert.deepEqual({ phase, block_start, step: at }, wanted);
      assert.equal(reason, logits === broken ? REASON.notFinite : REASON.none);
      if (logits === broken) assert.deepEqual(found.ids, BLOCK);
    }
  });
});
