#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What lattn-bench has measured, in PyTorch on the same machine: rows of the same names.

usage: pytorch.py FILE... [--device cuda|cpu] [--threads 2] [--quick] > pytorch.json
FILE is what `lattn-bench time --json`, `floors --json` or `model --json` wrote. Ops and networks that are not
in the tables below are left out. `lattn-bench compare pytorch.json FILE` shows both, and `lattn-bench page` has a
column of it. On a GPU: 16-bit rows in those dtypes, attention as scaled_dot_product_attention, AdamW fused, TF32 off;
networks in 16 bits under autocast, and a second row `.../compiled` from torch.compile.
"""
import argparse
import contextlib
import json
import math
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument("files", nargs="+")
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--quick", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
GPU = args.device.startswith("cuda")
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


# ---- the clock --------------------------------------------------------------------------------------

def wait():
    if GPU:
        torch.cuda.synchronize()


def batch(f, n):
    wait()
    start = time.perf_counter()
    for _ in range(n):
        f()
    wait()
    return (time.perf_counter() - start) / n


def measure(f):
    """Median seconds of an application, and the width of the middle half as a share of it."""
    seconds = 0.1 if args.quick else 1.0
    f()
    n = max(1, int(seconds / 10 / max(batch(f, 2), 1e-6)))
    times = sorted(batch(f, n) for _ in range(9))
    return statistics.median(times), (times[6] - times[2]) / times[4]


# ---- ops --------------------------------------------------------------------------------------------

def tensor(dims, dtype, grad=True):
    return torch.randn(dims, device=args.device, dtype=dtype).requires_grad_(grad)


def attention(q, k, v, causal):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, -1) @ v


def pair(f):
    def make(row, dtype):
        a, b = (tensor(d, dtype) for d in row["inputs"][:2])
        return [a, b], lambda: f(a, b)
    return make


def single(f):
    def make(row, dtype):
        x = tensor(row["inputs"][0], dtype)
        return [x], lambda: f(x)
    return make


def make_matmul(row, dtype):
    # The layout of B is not in the row: as nn.Linear has it where the dimensions are those of one.
    a, b = (tensor(d, dtype) for d in row["inputs"])
    return [a, b], lambda: a @ b


def make_linear(row, dtype):
    x, w = (tensor(d, dtype) for d in row["inputs"][:2])
    bias = tensor(row["inputs"][2], dtype) if row["inputs"][2] else None
    gelu = row["integers"][:1] == [1]
    leaves = [t for t in (x, w, bias) if t is not None]
    return leaves, lambda: F.gelu(F.linear(x, w, bias)) if gelu else F.linear(x, w, bias)


def make_attention(row, dtype):
    if any(row["inputs"][3:]) or any(row["integers"][1:]):
        return None  # masks, lengths, windows: not the same work everywhere
    q, k, v = (tensor(d, dtype) for d in row["inputs"][:3])
    if q.shape[1] != k.shape[1]:
        return None
    return [q, k, v], lambda: attention(q, k, v, row["integers"][:1] == [1])


def make_layer_norm(row, dtype):
    x, w, b = (tensor(d, dtype) for d in row["inputs"][:3])
    return [x, w, b], lambda: F.layer_norm(x, w.shape, w, b, 1e-12)


def make_embedding(row, dtype):
    w = tensor(row["inputs"][0], dtype)
    index = torch.randint(w.shape[0], row["inputs"][1], device=args.device)
    return [w], lambda: F.embedding(index, w)


def make_cross_entropy(row, dtype):
    x = tensor(row["inputs"][0], dtype)
    target = torch.randint(x.shape[1], (x.shape[0],), device=args.device)
    return [x], lambda: F.cross_entropy(x, target)


def make_linear_cross_entropy(row, dtype):
    x, w = (tensor(row["inputs"][i], dtype) for i in (0, 3))
    target = torch.randint(w.shape[0], (x.shape[0],), device=args.device)
    return [x, w], lambda: F.cross_entropy(F.linear(x, w), target)


def make_conv2d(row, dtype):
    x, w = (tensor(d, dtype) for d in row["inputs"][:2])
    bias = tensor(row["inputs"][2], dtype) if row["inputs"][2] else None
    i = row["integers"] + [0] * (8 - len(row["integers"]))
    if i[7]:
        return None
    stride, padding, dilation = i[0:2], i[2:4], i[4:6]
    leaves = [t for t in (x, w, bias) if t is not None]
    return leaves, lambda: F.conv2d(x, w, bias, [s or 1 for s in stride], padding,
                                    [d or 1 for d in dilation], i[6] or 1)


def make_adamw(row, dtype):
    if dtype != torch.float32:
        return None
    p = tensor(row["inputs"][0], dtype)
    p.grad = torch.randn_like(p)
    optim = torch.optim.AdamW([p], lr=1e-5, **({"fused": True} if GPU else {"foreach": True}))
    return [], optim.step


def make_lstm_layer(row, dtype):
    steps, rows, width = row["inputs"][0]
    hidden = width // 4
    if dtype != torch.float32 or row["inputs"][1][-1] != hidden:
        return None
    # The input's projection is another op there: this layer has one of its own, of width 1.
    layer, x = nn.LSTM(1, hidden).to(args.device), tensor([steps, rows, 1], dtype)
    return list(layer.parameters()) + [x], lambda: layer(x)[0]


OPS = {
    "add": pair(torch.add), "mul": pair(torch.mul), "gelu": single(F.gelu), "exp": single(torch.exp),
    "softmax": single(lambda x: torch.softmax(x, -1)), "log_softmax": single(lambda x: torch.log_softmax(x, -1)),
    "matmul": make_matmul, "linear": make_linear, "attention": make_attention, "layer_norm": make_layer_norm,
    "embedding": make_embedding, "cross_entropy": make_cross_entropy,
    "linear_cross_entropy": make_linear_cross_entropy, "conv2d": make_conv2d, "adamw": make_adamw,
    "lstm_layer": make_lstm_layer,
}


def time_op(rows):
    """The forward and the backward row of one case: (row, seconds, spread) each."""
    op, _, dtype = rows[0]["name"].split("/")[:3]
    made = OPS[op](rows[0], DTYPES[dtype]) if op in OPS and "inputs" in rows[0] else None
    if made is None:
        return
    leaves, forward = made
    with torch.no_grad():
        seconds, spread = measure(forward)
    backward = [r for r in rows if r["name"].endswith("/backward")]
    for row in rows:
        if row not in backward:
            yield row, seconds, spread
    if not backward or not leaves:
        return
    result = forward()
    gradient = torch.ones_like(result)
    seconds, spread = measure(
        lambda: torch.autograd.grad(result, leaves, gradient, retain_graph=True))
    for row in backward:
        yield row, seconds, spread


# ---- networks ---------------------------------------------------------------------------------------

# vocabulary, width, layers, heads, inner width: as apps/bench/model.c has them
NETWORKS = {"wordnet": (16000, 128, 2, 2, 512), "bert-base": (30522, 768, 12, 12, 3072),
            "bert-large": (30522, 1024, 24, 16, 4096)}
DROPOUT = 0.1


class Layer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-12), nn.LayerNorm(width, 1e-12)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=DROPOUT)
        else:
            scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
            y = F.dropout(torch.softmax(scores, -1), DROPOUT) @ v
        x = self.norm1(x + F.dropout(self.out(y.transpose(1, 2).reshape(b, t, c)), DROPOUT))
        return self.norm2(x + F.dropout(self.down(F.gelu(self.up(x))), DROPOUT))


class Bert(nn.Module):
    def __init__(self, vocabulary, width, layers, heads, inner):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(512, width)
        self.types, self.norm = nn.Embedding(2, width), nn.LayerNorm(width, 1e-12)
        self.layers = nn.ModuleList(Layer(width, heads, inner) for _ in range(layers))
        self.pool, self.head = nn.Linear(width, width), nn.Linear(width, 26)

    def forward(self, ids):
        x = self.words(ids) + self.places.weight[:ids.shape[1]] + self.types.weight[0]
        x = F.dropout(self.norm(x), DROPOUT)
        for layer in self.layers:
            x = layer(x)
        return self.head(F.dropout(torch.tanh(self.pool(x[:, 0])), DROPOUT))


def train_step(name, rows, tokens, dtype, compiled):
    net = Bert(*NETWORKS[name]).to(args.device)
    optim = torch.optim.AdamW(net.parameters(), lr=2e-5, weight_decay=0.01,
                              **({"fused": True} if GPU else {"foreach": True}))
    scaler = torch.cuda.amp.GradScaler(enabled=GPU and dtype == torch.float16)
    ids = torch.randint(NETWORKS[name][0], (rows, tokens), device=args.device)
    labels = torch.randint(26, (rows,), device=args.device)
    run = torch.compile(net) if compiled else net

    def step():
        optim.zero_grad(set_to_none=True)
        precision = contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(args.device, dtype=dtype)
        with precision:
            loss = F.cross_entropy(run(ids).float(), labels)
        scaler.scale(loss).backward()
        scaler.unscale_(optim)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optim)
        scaler.update()
    return step


def time_network(row):
    name, shape, dtype, _ = row["name"].split("/")
    if name not in NETWORKS or (not GPU and dtype != "f32"):
        return
    rows, tokens = (int(part[1:]) for part in shape.split("_"))
    for compiled in [False, True] if GPU and hasattr(torch, "compile") else [False]:
        if GPU:
            torch.cuda.reset_peak_memory_stats()
        seconds, spread = measure(train_step(name, rows, tokens, DTYPES[dtype], compiled))
        more = {"samples_per_second": rows / seconds}
        if GPU:
            more["peak_bytes"] = torch.cuda.max_memory_allocated()
        yield dict(row, name=row["name"] + ("/compiled" if compiled else "")), seconds, spread, more


# ---- all of it --------------------------------------------------------------------------------------

def results(file):
    rows = file["benchmarks"]
    if file["context"].get("executable") == "lattn-bench model":
        for row in rows:
            yield from time_network(row)
        return
    cases = {}
    for row in rows:
        cases.setdefault(tuple(row["name"].split("/")[:3]), []).append(row)
    for case in cases.values():
        yield from time_op(case)


def main():
    device = torch.cuda.get_device_name() if GPU else f"CPU, {args.threads} threads"
    out = {"context": {"executable": "pytorch.py", "library_version": torch.__version__, "device": device},
           "benchmarks": []}
    for path in args.files:
        try:
            with open(path, encoding="utf-8") as f:
                file = json.load(f)
            file["benchmarks"], file["context"]
        except (OSError, ValueError, KeyError, TypeError) as e:
            sys.exit(f"pytorch.py: {path} is not a file of lattn-bench: {e}")
        for row, seconds, spread, *more in results(file):
            print(f"{row['name']}: {1e6 * seconds:.1f} us", file=sys.stderr)
            out["benchmarks"].append({"name": row["name"], "run_name": row["name"], "run_type": "iteration",
                                      "real_time": 1e9 * seconds, "cpu_time": 1e9 * seconds, "time_unit": "ns",
                                      "spread": spread, **(more[0] if more else {})})
    json.dump(out, sys.stdout, indent=2)
    print()


main()
