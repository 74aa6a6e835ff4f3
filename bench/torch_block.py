"""Times a block of 32 tokens through PyTorch layers of the published shapes, in bfloat16, eager and compiled.

    python3 bench/torch_block.py [--shape mini flash] [--context 0 4096] [--device cuda] [--json FILE]

Rows have the form of bench/results: ms is one layer's forward (or the head's), gbps and gflops count the
weights of the experts that were chosen, once. `--shape toy --device cpu` only shows that the script runs.
"""
import argparse
import datetime
import json
import pathlib
import sys
import time

BLOCK = 32
ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPES = json.loads((ROOT / "lib/quant/shapes.json").read_text())
TOY = {
    "vocab_size": 512, "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 96,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rotary_dim": 8,
    "num_experts": 16, "moe_intermediate_size": 32, "n_group": 4, "topk_group": 2,
    "num_experts_per_tok": 2,
}


def refuse(line):
    print(line, file=sys.stderr)
    sys.exit(2)


try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    refuse(f"Cannot time PyTorch: {error}, expected torch in {sys.executable} (Debian: apt-get install python3-torch)")


class Layer(torch.nn.Module):
    """A LLaDA2 layer of the last block of a sequence, behind `context` cached positions."""

    def __init__(self, c, experts, context, make):
        super().__init__()
        self.c, self.experts, self.context = c, experts, context
        h, d, f = c["hidden_size"], c["head_dim"], c["moe_intermediate_size"]
        heads, kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.input_norm, self.post_norm = make(h), make(h)
        self.q_norm, self.k_norm = make(d), make(d)
        self.qkv, self.dense = make((heads + 2 * kv) * d, h), make(h, heads * d)
        self.keys, self.values = make(kv, context + BLOCK, d), make(kv, context + BLOCK, d)
        angle = make(BLOCK, 1, c["rotary_dim"] // 2).float()
        self.cos, self.sin = angle.cos(), angle.sin()
        if experts is None:
            self.up, self.down = make(2 * c["intermediate_size"], h), make(h, c["intermediate_size"])
            return
        count = c["num_experts"]
        self.router, self.bias = make(count, h).float(), make(count).float() * 0.01
        self.up, self.down = make(count, 2 * f, h), make(count, h, f)
        wide = c["num_shared_experts"] * f
        self.shared_up, self.shared_down = make(2 * wide, h), make(h, wide)

    def forward(self, x):
        x = x + self.attention(self.norm(x, self.input_norm))
        h = self.norm(x, self.post_norm)
        if self.experts is None:
            return x + swiglu(h, self.up, self.down)
        return x + self.moe(h) + swiglu(h, self.shared_up, self.shared_down)

    def norm(self, x, weight):
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.c["rms_norm_eps"])
        return weight * (wide * scale).to(x.dtype)

    def rope(self, x):
        half = self.c["rotary_dim"] // 2
        a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        turned = torch.cat((a * self.cos - b * self.sin, b * self.cos + a * self.sin), -1)
        return torch.cat((turned.to(x.dtype), rest), -1)

    def attention(self, h):
        kv, d = self.c["num_key_value_heads"], self.c["head_dim"]
        heads = self.c["num_attention_heads"]
        q, k, v = F.linear(h, self.qkv).view(BLOCK, -1, d).split((heads, kv, kv), 1)
        q, k = self.rope(self.norm(q, self.q_norm)), self.rope(self.norm(k, self.k_norm))
        self.keys[:, self.context :] = k.transpose(0, 1)
        self.values[:, self.context :] = v.transpose(0, 1)
        # All rows of the last block see all keys, so a group's query heads are rows of its KV head.
        q = q.transpose(0, 1).reshape(kv, -1, d)
        out = attend(q[None], self.keys[None], self.values[None])[0]
        return F.linear(out.view(heads, BLOCK, d).transpose(0, 1).reshape(BLOCK, -1), self.dense)

    def choose(self, h):
        """Group-limited sigmoid gate: experts [rows, k] and their weights."""
        c = self.c
        score = torch.sigmoid(F.linear(h.float(), self.router))
        biased = (score + self.bias).view(BLOCK, c["n_group"], -1)
        best = biased.topk(2, -1).values.sum(-1).topk(c["topk_group"], -1).indices
        kept = torch.zeros(BLOCK, c["n_group"], device=h.device).scatter(1, best, 1.0)
        masked = biased.masked_fill(kept[..., None] == 0, -1e9).flatten(1)
        chosen = masked.topk(c["num_experts_per_tok"], -1).indices
        weight = score.gather(1, chosen)
        return chosen, weight / (weight.sum(-1, keepdim=True) + 1e-20) * c["routed_scaling_factor"]

    def moe(self, h):
        chosen, weight = self.choose(h)
        order = chosen.flatten().argsort()
        row = torch.div(order, chosen.shape[1], rounding_mode="floor")
        counts = torch.bincount(chosen.flatten(), minlength=self.up.shape[0])
        found = self.experts(h[row], counts, self.up, self.down)
        found = found * weight.flatten()[order, None].to(h.dtype)
        return torch.zeros_like(h).index_add(0, row, found)


def swiglu(h, up, down):
    a, b = F.linear(h, up).chunk(2, -1)
    return F.linear(F.silu(a) * b, down)


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    return torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1) @ v


def looped(rows, counts, up, down):
    """One matrix product an expert that has rows, as the published modeling code runs them."""
    parts, at = [], 0
    for expert, count in enumerate(counts.tolist()):
        if count > 0:
            parts.append(swiglu(rows[at : at + count], up[expert], down[expert]))
            at += count
    return torch.cat(parts)


def grouped(rows, counts, up, down):
    """All experts in one kernel, where this torch and device have it."""
    ends = counts.cumsum(0).to(torch.int32)
    a, b = torch._grouped_mm(rows, up.transpose(1, 2), offs=ends).chunk(2, -1)
    return torch._grouped_mm(F.silu(a) * b, down.transpose(1, 2), offs=ends)


def milliseconds(run, device, seconds):
    """Least of three mean times, after enough runs to compile."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def timed(count):
        wait()
        start = time.perf_counter()
        for _ in range(count):
            run()
        wait()
        return (time.perf_counter() - start) / count

    timed(3)
    count = max(1, int(seconds / 3 / max(timed(1), 1e-6)))
    return 1e3 * min(timed(count) for _ in range(3))


class Bench:
    def __init__(self, options):
        self.options, self.rows = options, []
        self.device, self.dtype = options.device, torch.bfloat16
        torch.manual_seed(1)
        torch.set_grad_enabled(False)

    def make(self, *shape):
        scale = 1.0 if len(shape) == 1 else 0.02
        return torch.randn(shape, device=self.device, dtype=self.dtype) * scale

    def add(self, name, shape, **figures):
        row = {"group": "torch", "name": name, "shape": shape}
        for key, value in figures.items():
            if value is not None:
                row[key] = float(f"{value:.4g}") if isinstance(value, float) else value
        self.rows.append(row)
        print(json.dumps(row), file=sys.stderr)

    def time(self, shape, what, module, x, cost):
        """A row eager, one compiled; returns both times, None where there is none."""
        times = {}
        for way in ("eager", "compiled"):
            name = f"{shape} bf16 {way}"
            try:
                run = module if way == "eager" else self.compiled(module)
                ms = milliseconds(lambda: run(x), self.device, self.options.seconds)
            except Exception as error:  # a form that this torch or device lacks is a row that says so
                self.add(name, what, note=f"not measured: {str(error).splitlines()[0][:120]}")
                continue
            times[way] = ms
            self.add(name, what, ms=ms, gbps=cost[0] / ms / 1e6, gflops=cost[1] / ms / 1e6, note=cost[2])
        return times

    def compiled(self, module):
        if not hasattr(torch, "compile"):
            raise RuntimeError(f"torch {torch.__version__} has no torch.compile")
        torch._dynamo.reset()  # after eight layers it would quietly run them eager
        return torch.compile(module, mode=self.options.mode)

    def shape(self, name):
        c = TOY | {k: v for k, v in SHAPES["shared"].items() if k not in TOY} if name == "toy" else (
            SHAPES["shared"] | SHAPES[name])
        x = self.make(BLOCK, c["hidden_size"]) * 50
        head = torch.nn.Linear(c["hidden_size"], c["vocab_size"], bias=False, device=self.device, dtype=self.dtype)
        weights = head.weight.numel()
        cost = (2 * weights, 2 * BLOCK * weights, "logits stored")
        last = self.time(name, f"head, rows={BLOCK}", head, x, cost)
        del head
        for context in self.options.context:
            at = f"rows={BLOCK} context={context}"
            dense = self.layer(c, name, f"dense layer, {at}", None, context, x)
            for way, experts in (("grouped", grouped), ("looped", looped)):
                moe = self.layer(c, name, f"MoE layer, {way} experts, {at}", experts, context, x)
                for mode in moe.keys() & dense.keys() & last.keys():
                    count = c["num_hidden_layers"] - 1
                    ms = dense[mode] + count * moe[mode] + last[mode]
                    note = f"computed: head, a dense and {count} MoE layers"
                    self.add(f"{name} bf16 {mode}", f"block, {way} experts, {at}", ms=ms, note=note)

    def layer(self, c, name, what, experts, context, x):
        layer = Layer(c, experts, context, self.make)
        kv = 2 * c["num_key_value_heads"] * (context + BLOCK) * c["head_dim"]
        weights = layer.qkv.numel() + layer.dense.numel()
        flops = 2 * BLOCK * weights + 4 * BLOCK * c["num_attention_heads"] * c["head_dim"] * (context + BLOCK)
        note = None
        if experts is None:
            mlp = layer.up.numel() + layer.down.numel()
            flops += 2 * BLOCK * mlp
        else:
            chosen = layer.choose(layer.norm(x, layer.post_norm))[0]
            distinct = len(chosen.unique())
            expert = layer.up[0].numel() + layer.down[0].numel()
            shared = layer.shared_up.numel() + layer.shared_down.numel()
            mlp = distinct * expert + shared + 2 * layer.router.numel()
            flops += 2 * (chosen.numel() * expert + BLOCK * (shared + layer.router.numel()))
            note = f"{distinct} distinct experts"
        return self.time(name, what, layer, x, (2 * (weights + mlp + kv), flops, note))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", nargs="+", default=["mini", "flash"], choices=["mini", "flash", "toy"])
    parser.add_argument("--context", nargs="+", type=int, default=[0, 4096], help="cached positions")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--mode", default="default", help="mode of torch.compile")
    parser.add_argument("--seconds", type=float, default=1.0, help="time spent on a row")
    parser.add_argument("--json", help="file to write; stdout without it")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        refuse(f"Cannot time PyTorch on cuda: torch {torch.__version__} finds no CUDA device, "
               "expected one (--shape toy --device cpu shows that the script runs)")
    bench = Bench(options)
    for shape in options.shape:
        bench.shape(shape)
    adapter = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    machine = {"adapter": adapter, "torch": torch.__version__, "cuda": torch.version.cuda, "clock": "wall"}
    result = {"date": datetime.date.today().isoformat(), "machine": machine, "rows": bench.rows}
    text = json.dumps(result, indent=1) + "\n"
    if options.json:
        pathlib.Path(options.json).write_text(text)
    else:
        print(text, end="")


main()
