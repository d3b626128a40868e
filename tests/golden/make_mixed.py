#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Training in 16 bits in PyTorch, as goldens for tests/optim/test_mixed_golden.c.

usage: make_mixed.py [OUTPUT_DIR]      (default: mixed beside this script)

STEPS updates of two linear layers with a tanh between them, from weights and batches that are formulas of
their names. Parameters, activations and gradients are stored in 16 bits and every product is computed in f32
from them, as on a device; f32 masters, torch's own optimisers on them, gradients unscaled and clipped, and
the scale after GradScaler: that class is CUDA's alone in torch 1.13, so its rule is written out here, in
scale_after(). Some updates read an infinity. Of each case: losses, the scale after each update, 1 where it
was skipped, and the final masters. Needs only torch and numpy; made with torch 1.13.0.
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import array, save_safetensors, uniform  # noqa: E402

STEPS, ROWS, IN, HIDDEN, OUT = 30, 16, 6, 8, 3
BAD = (7, 8, 19)  # updates, counted from 0, whose batch has an infinity
INTERVAL = 6      # good updates until the scale doubles
SHAPES = {"first.weight": (HIDDEN, IN), "first.bias": (HIDDEN,), "second.weight": (OUT, HIDDEN),
          "second.bias": (OUT,)}


def values(name, shape):
    return torch.from_numpy(uniform(name, int(np.prod(shape))).astype(np.float32).reshape(shape))


def batch(step):
    x = values(f"mixed.x{step % 4}", (ROWS, IN))
    labels = (x[:, 0] + x[:, 1] > 0).long() + (x[:, 2] > 0.3).long()
    if step in BAD:
        x = x.clone()
        x[0, 0] = float("inf")
    return x, labels


def linear(x, w, b):
    return (x.float() @ w.float().t() + b.float()).to(x.dtype)


class Tanh(torch.autograd.Function):
    """As torch's own for halves: backward reads the rounded result, near 1 another number."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x.float()).to(x.dtype)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        y, = ctx.saved_tensors
        return (dy.float() * (1 - y.float() ** 2)).to(dy.dtype)


def scale_after(scale, good, finite, interval):
    if not finite:
        return scale * 0.5, 0
    good += 1
    return (scale * 2, 0) if good == interval else (scale, good)


def run(dtype, optimiser):
    masters = {k: values("mixed." + k, s).requires_grad_() for k, s in SHAPES.items()}
    if optimiser == "adamw":
        groups = [{"params": [m], "weight_decay": 0.01 if m.dim() > 1 else 0}  # biases have none
                  for m in masters.values()]
        optim = torch.optim.AdamW(groups, lr=0.02)
    else:
        optim = torch.optim.SGD(masters.values(), lr=0.2, momentum=0.9, dampening=0.1)
    scaled = dtype == torch.float16
    scale, good = (2.0 ** 15 if scaled else 1.0), 0
    losses, scales, skipped = [], [], []
    for step in range(STEPS):
        x, labels = batch(step)
        p = {k: m.detach().to(dtype).requires_grad_() for k, m in masters.items()}
        h = Tanh.apply(linear(x.to(dtype), p["first.weight"], p["first.bias"]))
        loss = F.cross_entropy(linear(h, p["second.weight"], p["second.bias"]).float(), labels)
        (loss * scale).backward()
        for k, m in masters.items():
            m.grad = p[k].grad.float() / scale
        finite = all(bool(torch.isfinite(m.grad).all()) for m in masters.values())
        if finite:
            torch.nn.utils.clip_grad_norm_(masters.values(), 0.5)
            optim.step()
        if scaled:
            scale, good = scale_after(scale, good, finite, INTERVAL)
        losses.append(float(loss))
        scales.append(scale)
        skipped.append(float(not finite))
    final = torch.cat([masters[k].detach().reshape(-1) for k in SHAPES])
    return {"losses": torch.tensor(losses), "scales": torch.tensor(scales),
            "skipped": torch.tensor(skipped), "final": final}


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "mixed")
    os.makedirs(out, exist_ok=True)
    tensors = {}
    for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        for optimiser in ("adamw", "sgd"):
            for k, v in run(dtype, optimiser).items():
                tensors[f"{name}.{optimiser}.{k}"] = array(v)
    save_safetensors(os.path.join(out, "updates.safetensors"), tensors)


if __name__ == "__main__":
    main()
