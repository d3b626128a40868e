#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small GPT-2 folder and its logits in PyTorch, as a golden for tests/models/test_gpt2.c.

usage: make_gpt2.py [OUTPUT_DIR]      (default: gpt2 beside this script)

Writes config.json and model.safetensors in the layout of Hugging Face (weights [in, out], query, key and
value side by side), and golden.safetensors: ids [2, 11], logits, and the gradients of the mean
cross-entropy of the next token with respect to three parameters, in the file's layout. By the formulas of
the paper, in double precision. Where transformers is installed, its logits are compared on the way.
Needs torch and numpy.
"""
import json
import math
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import array, save_safetensors  # noqa: E402

V, P, C, LAYERS, HEADS = 61, 16, 24, 2, 3
CONFIG = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new",
          "vocab_size": V, "n_positions": P, "n_embd": C, "n_layer": LAYERS, "n_head": HEADS,
          "layer_norm_epsilon": 1e-5, "bos_token_id": V - 1, "eos_token_id": V - 1}


def weights():
    torch.manual_seed(7)

    def normal(*shape, mean=0.0):
        return (mean + torch.randn(*shape) / 6).float().double().requires_grad_()
    w = {"wte.weight": normal(V, C), "wpe.weight": normal(P, C),
         "ln_f.weight": normal(C, mean=1.0), "ln_f.bias": normal(C)}
    for i in range(LAYERS):
        for name, rows, columns in (("attn.c_attn", C, 3 * C), ("attn.c_proj", C, C),
                                    ("mlp.c_fc", C, 4 * C), ("mlp.c_proj", 4 * C, C)):
            w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"] = normal(rows, columns), normal(columns)
        for name in ("ln_1", "ln_2"):
            w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"] = normal(C, mean=1.0), normal(C)
    return w


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def logits(w, ids):
    b, t = ids.shape
    hidden = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
    x = w["wte.weight"][ids] + w["wpe.weight"][:t]
    for i in range(LAYERS):
        def part(name, h):
            return h @ w[f"h.{i}.{name}.weight"] + w[f"h.{i}.{name}.bias"]

        def norm(name, h):
            return F.layer_norm(h, (C,), w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"])
        q, k, v = (y.view(b, t, HEADS, C // HEADS).transpose(1, 2)
                   for y in part("attn.c_attn", norm("ln_1", x)).split(C, -1))
        scores = (q @ k.transpose(-2, -1) / math.sqrt(C // HEADS)).masked_fill(hidden, -math.inf)
        x = x + part("attn.c_proj", (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, C))
        x = x + part("mlp.c_proj", gelu(part("mlp.c_fc", norm("ln_2", x))))
    return F.layer_norm(x, (C,), w["ln_f.weight"], w["ln_f.bias"]) @ w["wte.weight"].T


def compare(folder, ids, expected):
    try:
        from transformers import GPT2LMHeadModel
    except ImportError:
        return
    with torch.no_grad():
        theirs = GPT2LMHeadModel.from_pretrained(folder).double().eval()(ids).logits
    print(f"transformers: {(theirs - expected).abs().max().item():.3g} off")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "gpt2")
    os.makedirs(folder, exist_ok=True)
    w = weights()
    ids = torch.randint(0, V, (2, 11))
    out = logits(w, ids)
    loss = F.cross_entropy(out[:, :-1].reshape(-1, V), ids[:, 1:].reshape(-1))
    names = ["wte.weight", "h.0.attn.c_attn.weight", "h.1.mlp.c_proj.weight"]
    grads = torch.autograd.grad(loss, [w[n] for n in names])
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(CONFIG, f, indent=2)
        f.write("\n")
    save_safetensors(os.path.join(folder, "model.safetensors"),
                     {f"transformer.{k}": array(v) for k, v in w.items()})
    golden = {"ids": array(ids), "logits": array(out), "loss": array(loss.reshape(1))}
    golden.update({f"grad/{n}": array(g) for n, g in zip(names, grads)})
    save_safetensors(os.path.join(folder, "golden.safetensors"), golden)
    compare(folder, ids, out)


main()
