"""Makes training steps of a LLaDA2 checkpoint in PyTorch: a step for each line on stdin, a JSON line each.

    printf '\n\n' | OMP_NUM_THREADS=1 python3 bench/torch_train.py PASS.json

PASS.json is written by `deno task bench --only train`: {checkpoint, row, position, token, spans, targets,
labels, optimizer}, one value a row of the pass (spans: from0, to0, from1, to1). Clipping and AdamW as the
trainer's. Times are milliseconds, of wall and of all threads' CPU time.
"""
import json
import pathlib
import sys
import time

from torch_model import DEVICE, F, Model, Pass, torch


def timed(run):
    wall, cpu = time.perf_counter(), time.process_time()
    value = run()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return value, {"wall": 1e3 * (time.perf_counter() - wall), "cpu": 1e3 * (time.process_time() - cpu)}


def main():
    given = json.loads(pathlib.Path(sys.argv[1]).read_text())
    model, rows, o = Model(pathlib.Path(given["checkpoint"])), Pass(given), given["optimizer"]
    weights = list(model.weights.values())
    adamw = torch.optim.AdamW(
        weights, lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"], weight_decay=o["weightDecay"]
    )

    def update():
        norm = torch.nn.utils.clip_grad_norm_(weights, o["maxGradNorm"])
        adamw.step()
        adamw.zero_grad(set_to_none=True)
        return float(norm)

    print(json.dumps({"torch": torch.__version__}), flush=True)
    for _ in sys.stdin:
        loss, forward = timed(lambda: F.cross_entropy(model.logits(rows), rows.labels))
        _, backward = timed(loss.backward)
        norm, optimizer = timed(update)
        times = {"forward": forward, "backward": backward, "optimizer": optimizer}
        print(json.dumps({**times, "loss": float(loss), "gradientNorm": norm}), flush=True)


main()
