"""A LLaDA2 checkpoint in PyTorch, float32: attention over packed rows with who-sees-whom as a bias, experts in a loop."""
import json
import struct
import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"Cannot run PyTorch: {error}, expected torch (Debian: apt-get install python3-torch)", file=sys.stderr)
    sys.exit(2)

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def read_tensors(path):
    """The tensors of a safetensors file as float32."""
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        dtype = types[entry["dtype"]]
        count = (end - start) // torch.empty(0, dtype=dtype).element_size()
        values = torch.frombuffer(data, dtype=dtype, count=count, offset=8 + length + start)
        tensors[name] = values.float().view(entry["shape"]).to(DEVICE)
    return tensors


class Pass:
    """Who sees whom: the rows of each packed row stand together, padded to the longest."""

    def __init__(self, given):
        names = "row position token targets labels spans".split()
        row, self.position, self.token, self.targets, self.labels, spans = (
            torch.tensor(given[name], device=DEVICE) for name in names
        )
        spans = spans.view(-1, 4)
        counts = torch.bincount(row)
        self.batch, self.length = len(counts), int(counts.max())
        start = counts.cumsum(0) - counts
        within = torch.arange(len(row), device=DEVICE) - start[row]
        self.place = row * self.length + within  # of each row in [batch, length]
        seen = torch.eye(self.length, dtype=torch.bool, device=DEVICE).repeat(self.batch, 1, 1)
        key = torch.arange(self.length, device=DEVICE)
        local = spans - start[row, None]
        inside = [(key >= local[:, i, None]) & (key < local[:, i + 1, None]) for i in (0, 2)]
        seen.view(-1, self.length)[self.place] = inside[0] | inside[1]
        self.bias = torch.zeros(seen.shape, device=DEVICE).masked_fill(~seen, float("-inf"))[:, None]

    def spread(self, x):
        """[rows, heads, D] to [batch, heads, length, D], zeros where there is no row."""
        wide = x.new_zeros(self.batch * self.length, *x.shape[1:]).index_copy(0, self.place, x)
        return wide.view(self.batch, self.length, *x.shape[1:]).transpose(1, 2)

    def gather(self, x):
        return x.transpose(1, 2).flatten(0, 1)[self.place]


class Model:
    def __init__(self, folder):
        c = self.c = json.loads((folder / "config.json").read_text())
        tensors = read_tensors(folder / "model.safetensors")
        self.bias = {name: value for name, value in tensors.items() if name.endswith("expert_bias")}
        # Gate and up stand together, as the device holds them: one product instead of two.
        self.weights = {}
        for name, value in tensors.items():
            if name.endswith("gate_proj.weight"):
                value = torch.cat((value, tensors[name.replace("gate_proj", "up_proj")]))
                name = name.replace("gate_proj", "gate_up")
            if name not in self.bias and not name.endswith("up_proj.weight"):
                self.weights[name] = value.requires_grad_()
        half = c["rotary_dim"] // 2
        steps = torch.arange(half, dtype=torch.float64) / half
        angle = torch.arange(c["max_position_embeddings"])[:, None] * c["rope_theta"] ** -steps
        self.cos, self.sin = angle.cos().float().to(DEVICE), angle.sin().float().to(DEVICE)

    def logits(self, rows):
        """Logits of the target rows."""
        c, w = self.c, self.weights
        x = F.embedding(rows.token, w["model.word_embeddings.weight"], padding_idx=c["pad_token_id"])
        for n in range(c["num_hidden_layers"]):
            name = f"model.layers.{n}."
            x = x + self.attention(name + "attention.", self.norm(x, name + "input_layernorm"), rows)
            h = self.norm(x, name + "post_attention_layernorm")
            mlp = self.swiglu if n < c["first_k_dense_replace"] else self.moe
            x = x + mlp(name + "mlp.", h)
        last = self.norm(x, "model.norm")[rows.targets]
        return F.linear(last, w["lm_head.weight"])

    def norm(self, x, name):
        scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + self.c["rms_norm_eps"])
        return self.weights[name + ".weight"] * (x * scale)

    def rope(self, x, position):
        half = self.c["rotary_dim"] // 2
        cos, sin = self.cos[position][:, None], self.sin[position][:, None]
        a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        return torch.cat((a * cos - b * sin, b * cos + a * sin, rest), -1)

    def attention(self, name, h, rows):
        c = self.c
        heads, kv, d = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        qkv = F.linear(h, self.weights[name + "query_key_value.weight"]).view(len(h), -1, d)
        q, k, v = qkv.split((heads, kv, kv), 1)
        q = self.rope(self.norm(q, name + "query_layernorm"), rows.position)
        k = self.rope(self.norm(k, name + "key_layernorm"), rows.position)
        q, k, v = (rows.spread(part) for part in (q, k, v))
        k, v = (part.repeat_interleave(heads // kv, 1) for part in (k, v))
        if hasattr(F, "scaled_dot_product_attention"):
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=rows.bias)
        else:
            out = torch.softmax(q @ k.transpose(-1, -2) / d**0.5 + rows.bias, -1) @ v
        return F.linear(rows.gather(out).flatten(1), self.weights[name + "dense.weight"])

    def swiglu(self, name, h):
        gate, up = F.linear(h, self.weights[name + "gate_up.weight"]).chunk(2, -1)
        return F.linear(F.silu(gate) * up, self.weights[name + "down_proj.weight"])

    def moe(self, name, h):
        chosen, weight = self.choose(name + "gate.", h)
        flat = chosen.flatten()
        order = flat.argsort()
        row = torch.div(order, chosen.shape[1], rounding_mode="floor")
        parts, at = [], 0
        for expert, count in enumerate(torch.bincount(flat, minlength=self.c["num_experts"]).tolist()):
            if count > 0:
                parts.append(self.swiglu(f"{name}experts.{expert}.", h[row[at : at + count]]))
                at += count
        found = torch.cat(parts) * weight.flatten()[order, None]
        return self.swiglu(name + "shared_experts.", h).index_add(0, row, found)

    def choose(self, name, h):
        """Group-limited sigmoid gate: experts [rows, k] and their weights."""
        c = self.c
        score = torch.sigmoid(F.linear(h, self.weights[name + "weight"]))
        biased = (score.detach() + self.bias[name + "expert_bias"]).view(len(h), c["n_group"], -1)
        best = biased.topk(2, -1).values.sum(-1).topk(c["topk_group"], -1).indices
        kept = h.new_zeros(len(h), c["n_group"]).scatter(1, best, 1.0)
        chosen = biased.masked_fill(kept[..., None] == 0, float("-inf")).flatten(1).topk(
            c["num_experts_per_tok"], -1
        ).indices
        weight = score.gather(1, chosen)
        return chosen, weight / (weight.sum(-1, keepdim=True) + 1e-20) * c["routed_scaling_factor"]
