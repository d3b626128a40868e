#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""RNN, LSTM and GRU in PyTorch, as goldens for tests/nn/test_rnn_golden.c.

usage: make_rnn.py [OUTPUT_DIR]      (default: rnn beside this script)

Twenty random configurations of each, and some with projected states or, as their formulas written out, with
layer norm (Ba et al. 2016, in the form of lattn/nn.h): results, last states, and the gradients of the input,
the initial states and every parameter. Inputs and weights are formulas of their names and indices (values()
below, and in the test), so they are not stored. Of every result there are its largest magnitude, one random
projection of all of it, and PICKS random elements. Computed in double precision. Needs only torch and
numpy; made with torch 1.13.0.
"""
import os
import random
import sys

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import bits, save_safetensors, uniform  # noqa: E402

PICKS, MOST_ROWS = 16, 8
MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
KINDS = {"rnn": 20, "lstm": 20, "gru": 20, "lstm_projected": 6,  # how many of each
         "rnn_normed": 2, "lstm_normed": 4, "gru_normed": 2}


def values(name, shape, scale=1.0):
    n = int(np.prod(shape))
    v = scale * uniform(name, n)
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(shape))


def digest(name, t):
    v = t.detach().numpy().reshape(-1)
    picks = v[(bits(name + ".pick", PICKS) % np.uint64(v.size)).astype(np.int64)]
    along = values(name + ".along", v.shape).numpy()
    return [np.abs(v).max(), float(along @ v), *picks]


def configuration(kind, i):
    r = random.Random(f"{kind} {i}")
    hidden = r.randint(1, 33)
    if i % 3 == 0:
        hidden = 8 * r.randint(1, 5)  # whole vectors: other kernels
    c = {"input": r.randint(1, 17), "hidden": hidden, "layers": 1 + i % 3,
         "bidirectional": r.random() < 0.5, "batch_first": r.random() < 0.5, "T": r.randint(1, 13),
         "B": r.randint(1, MOST_ROWS), "no_bias": r.random() < 0.2,
         "relu": kind == "rnn" and r.random() < 0.5, "initial": r.random() < 0.7}
    if kind.endswith("projected"):
        c["hidden"] += 1
    c["proj"] = r.randint(1, c["hidden"] - 1) if kind.endswith("projected") else 0
    c["normed"] = kind.endswith("normed")
    if c["normed"]:
        c["hidden"] += 2
        if kind == "lstm_normed" and i % 2:
            c["proj"] = r.randint(1, c["hidden"] - 1)
    lengths = [r.randint(1, c["T"]) for _ in range(c["B"])]
    return c, lengths if r.random() < 0.7 else None


class Normed(torch.nn.Module):
    """A stack with layer norm. Takes and gives what torch's modules do, but lengths as a tensor."""

    def __init__(self, base, c):
        super().__init__()
        self.base, self.c, self.width = base, c, c["proj"] or c["hidden"]
        rows, directions = {"rnn": 1, "lstm": 4, "gru": 3}[base] * c["hidden"], 1 + c["bidirectional"]
        for layer in range(c["layers"]):
            for suffix in [f"_l{layer}", f"_l{layer}_reverse"][:directions]:
                shapes = {"weight_ih": (rows, directions * self.width if layer else c["input"]),
                          "weight_hh": (rows, self.width)}
                if not c["no_bias"]:
                    shapes.update(bias_ih=(rows,), bias_hh=(rows,))
                if c["proj"]:
                    shapes["weight_hr"] = (c["proj"], c["hidden"])
                shapes.update(norm_ih=(rows,), norm_hh=(rows,))
                if base == "lstm":
                    shapes["norm_c"] = (c["hidden"],)
                    if not c["no_bias"]:
                        shapes["norm_c_bias"] = (c["hidden"],)
                for name, shape in shapes.items():
                    self.register_parameter(name + suffix, torch.nn.Parameter(torch.zeros(shape)))

    def cell(self, w, x, h, c):
        norm = lambda v, name, bias: torch.nn.functional.layer_norm(
            v, v.shape[-1:], w("norm_" + name), w(bias), 1e-5)
        x = norm(x @ w("weight_ih").T, "ih", "bias_ih")
        a = norm(h @ w("weight_hh").T, "hh", "bias_hh")
        if self.base == "rnn":
            return (torch.relu if self.c["relu"] else torch.tanh)(x + a), c
        if self.base == "gru":
            (xr, xz, xn), (ar, az, an) = x.chunk(3, -1), a.chunk(3, -1)
            z = torch.sigmoid(xz + az)
            return (1 - z) * torch.tanh(xn + torch.sigmoid(xr + ar) * an) + z * h, c
        i, f, g, o = (x + a).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(norm(c, "c", "norm_c_bias"))
        return (h @ w("weight_hr").T if self.c["proj"] else h), c

    def forward(self, x, lengths, h0, c0):
        x, params = x.transpose(0, 1) if self.c["batch_first"] else x, dict(self.named_parameters())
        last_h, last_c, steps = [], [], x.shape[0]
        for layer in range(self.c["layers"]):
            outs = []
            for suffix in [f"_l{layer}", f"_l{layer}_reverse"][:1 + self.c["bidirectional"]]:
                h, c, y = h0[len(last_h)], c0[len(last_h)], [None] * steps
                for t in range(steps) if "reverse" not in suffix else reversed(range(steps)):
                    live = (t < lengths)[:, None]
                    new_h, new_c = self.cell(lambda n: params.get(n + suffix), x[t], h, c)
                    h, c = torch.where(live, new_h, h), torch.where(live, new_c, c)
                    y[t] = torch.where(live, new_h, torch.zeros_like(h))
                outs.append(torch.stack(y))
                last_h.append(h)
                last_c.append(c)
            x = torch.cat(outs, -1)
        return x.transpose(0, 1) if self.c["batch_first"] else x, torch.stack(last_h), torch.stack(last_c)


def run(kind, i):
    c, lengths = configuration(kind, i)
    base = kind.split("_")[0]
    more = {"nonlinearity": "relu" if c["relu"] else "tanh"} if base == "rnn" else {}
    if c["proj"]:
        more["proj_size"] = c["proj"]
    m = Normed(base, c).double() if c["normed"] else MODULES[base](
        c["input"], c["hidden"], c["layers"], not c["no_bias"], c["batch_first"], 0.0,
        c["bidirectional"], **more).double()
    prefix = f"{kind}.{i}."
    with torch.no_grad():
        for name, p in m.named_parameters():
            p.copy_(values(prefix + name, p.shape, c["hidden"] ** -0.5))
    shape = (c["B"], c["T"]) if c["batch_first"] else (c["T"], c["B"])
    state = (c["layers"] * (1 + c["bidirectional"]), c["B"])
    x = values(prefix + "x", shape + (c["input"],)).requires_grad_()
    h0 = values(prefix + "h0", state + (c["proj"] or c["hidden"],), 0.5).requires_grad_()
    c0 = values(prefix + "c0", state + (c["hidden"],), 0.5).requires_grad_()
    given = (h0, c0) if base == "lstm" else h0
    if c["normed"]:
        y, h_n, c_n = m(x, torch.tensor(lengths or [c["T"]] * c["B"]),
                        *((h0, c0) if c["initial"] else (h0.detach() * 0, c0.detach() * 0)))
        return digests(kind, i, c, lengths, m, x, h0, c0, y, (h_n, c_n) if base == "lstm" else h_n)
    packed = x if lengths is None else pack_padded_sequence(
        x, torch.tensor(lengths), c["batch_first"], enforce_sorted=False)
    y, last = m(packed, given if c["initial"] else None)
    if lengths is not None:
        y, _ = pad_packed_sequence(y, c["batch_first"], 0.0, c["T"])
    return digests(kind, i, c, lengths, m, x, h0, c0, y, last)


def digests(kind, i, c, lengths, m, x, h0, c0, y, last):
    base, prefix = kind.split("_")[0], f"{kind}.{i}."
    outs = {"y": y, "h_n": last[0] if base == "lstm" else last}
    if base == "lstm":
        outs["c_n"] = last[1]
    sum((v * values(prefix + "grad." + k, v.shape)).sum() for k, v in outs.items()).backward()
    found = dict(outs, **{"x.grad": x.grad})
    if c["initial"]:
        found["h0.grad"] = h0.grad
        if base == "lstm":
            found["c0.grad"] = c0.grad
    for name, p in m.named_parameters():
        found[name + ".grad"] = p.grad
    numbers = [v for k, t in found.items() for v in digest(prefix + k, t)]
    config = [float(v) for v in c.values()] + [float(lengths is not None)]
    config += [float(v) for v in lengths or []] + [0.0] * (MOST_ROWS - len(lengths or []))
    return np.array(config, np.float32), np.array(numbers, np.float32)


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(
        os.path.abspath(__file__)), "rnn")
    os.makedirs(out, exist_ok=True)
    golden = {}
    for kind, count in KINDS.items():
        for i in range(count):
            golden[f"{kind}.{i}.config"], golden[f"{kind}.{i}"] = run(kind, i)
    save_safetensors(os.path.join(out, "golden.safetensors"), golden)
    print(f"torch {torch.__version__}: {len(golden) // 2} configurations")


main()
