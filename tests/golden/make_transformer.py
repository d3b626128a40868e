#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stacks of transformer layers in PyTorch, as goldens for tests/nn/test_transformer.c.

usage: make_transformer.py [OUTPUT_DIR]      (default: transformer beside this script)

For each stack NAME: NAME/w/PARAMETER (weights by liblattn's names), NAME/x, where it has one NAME/memory,
NAME/out, NAME/grad_out (given), NAME/dx, NAME/g/PARAMETER. Computed in double precision. The encoder and
the decoder are torch.nn's own; what torch 1.13 lacks (RMS norm, gated feed-forward, rotary positions,
ALiBi, windows, grouped heads) is written out here by the formulas of the papers. Needs torch and numpy.
"""
import math
import os
import sys

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import array, save_safetensors  # noqa: E402

B, T, S, C, H, FF, LAYERS = 3, 7, 9, 16, 4, 24, 2
LENGTHS = torch.tensor([7, 3, 5])
tensors = {}


def save(name, weights, out, grad_out, inputs):
    wanted = list(weights.values()) + list(inputs.values())
    grads = torch.autograd.grad(out, wanted, grad_out)
    for (key, w), g in zip(weights.items(), grads):
        tensors[f"{name}/w/{key}"] = array(w)
        tensors[f"{name}/g/{key}"] = array(g)
    for (key, v), g in zip(inputs.items(), grads[len(weights):]):
        tensors[f"{name}/{key}"] = array(v)
        tensors[f"{name}/d{key}"] = array(g)
    tensors[f"{name}/out"] = array(out)
    tensors[f"{name}/grad_out"] = array(grad_out)


def normal(*shape):
    return torch.randn(*shape).float().double().requires_grad_()


def rounded(module):
    """Weights that f32 holds exactly, none at its starting value."""
    for p in module.parameters():
        p.data = (p.data + 0.1 * torch.randn_like(p)).float().double()
    return module


def split(module):
    """torch's fused projections under liblattn's names: leaves that build the fused ones."""
    weights = {}
    for key, p in module.named_parameters():
        if "in_proj" in key:
            prefix, kind = key.split("in_proj_")
            for part, w in zip("qkv", p.detach().chunk(3)):
                weights[f"{prefix}{part}_proj.{kind}"] = w.clone().requires_grad_()
        else:
            weights[key] = p.detach().clone().requires_grad_()
    return weights


def joined(weights):
    params = {}
    for key, w in weights.items():
        for part in "qkv":
            if f"{part}_proj." in key and "out_proj" not in key:
                params.setdefault(key.replace(f"{part}_proj.", "in_proj_"), []).append(w)
                break
        else:
            params[key] = w
    return {k: torch.cat(v) if isinstance(v, list) else v for k, v in params.items()}


def run(module, weights, *args, **kwargs):
    from torch.nn.utils.stateless import functional_call
    return functional_call(module, joined(weights), args, kwargs)


def encoder():
    torch.manual_seed(1)
    layer = nn.TransformerEncoderLayer(C, H, FF, dropout=0.0, activation="gelu", batch_first=True)
    stack = rounded(nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False).double())
    weights, x, g = split(stack), normal(B, T, C), torch.randn(B, T, C).float().double()
    padding = torch.arange(T)[None, :] >= LENGTHS[:, None]
    save("encoder", weights, run(stack, weights, x, src_key_padding_mask=padding), g, {"x": x})


def decoder():
    torch.manual_seed(2)
    layer = nn.TransformerDecoderLayer(C, H, FF, dropout=0.0, norm_first=True, batch_first=True)
    stack = rounded(nn.TransformerDecoder(layer, LAYERS, nn.LayerNorm(C)).double())
    weights, x, memory = split(stack), normal(B, T, C), normal(B, S, C)
    g = torch.randn(B, T, C).float().double()
    causal = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
    out = run(stack, weights, x, memory, tgt_mask=causal)
    save("decoder", weights, out, g, {"x": x, "memory": memory})


def rms(x, weight):
    return weight * x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()


def rotate(x):  # [B, T, H, D], halves
    d = x.shape[-1]
    angle = torch.arange(T).double()[:, None] / 10000 ** (torch.arange(0, d, 2).double() / d)
    c, s = torch.cat((angle.cos(),) * 2, -1)[:, None], torch.cat((angle.sin(),) * 2, -1)[:, None]
    return x * c + torch.cat((-x[..., d // 2:], x[..., :d // 2]), -1) * s


def attend(w, p, x, bias, kv_heads=H, turned=False):
    def heads(name, n):
        y = x @ w[f"{p}{name}_proj.weight"].T + w.get(f"{p}{name}_proj.bias", 0)
        y = y.view(B, T, n, C // H)
        y = rotate(y) if turned and name != "v" else y
        return y.transpose(1, 2).repeat_interleave(H // n, 1)
    q, k, v = heads("q", H), heads("k", kv_heads), heads("v", kv_heads)
    y = (q @ k.transpose(-2, -1) / math.sqrt(C // H) + bias).softmax(-1) @ v
    y = y.transpose(1, 2).reshape(B, T, C)
    return y @ w[p + "out_proj.weight"].T + w.get(p + "out_proj.bias", 0)


def gated(w, p, x, f):
    def line(name, h):
        return h @ w[f"{p}{name}.weight"].T + w.get(f"{p}{name}.bias", 0)
    return line("linear2", f(line("gate", x)) * line("linear1", x))


def shapes(kv_heads, bias, norm_bias):
    kv = kv_heads * (C // H)
    for i in range(LAYERS):
        p = f"layers.{i}."
        for name, rows, cols in (("self_attn.q_proj", C, C), ("self_attn.k_proj", kv, C),
                                 ("self_attn.v_proj", kv, C), ("self_attn.out_proj", C, C),
                                 ("linear1", FF, C), ("gate", FF, C), ("linear2", C, FF)):
            yield p + name + ".weight", (rows, cols)
            if bias:
                yield p + name + ".bias", (rows,)
        for norm in ("norm1", "norm2"):
            yield p + norm + ".weight", (C,)
            if norm_bias:
                yield p + norm + ".bias", (C,)


def made(*args):
    return {key: ((torch.randn(shape) / 4 + (1 if "norm" in key and "weight" in key else 0))
                  .float().double().requires_grad_()) for key, shape in shapes(*args)}


def llama():
    """Pre-norm with RMS norm, SwiGLU, rotary positions, grouped heads, no biases, a norm at the end."""
    torch.manual_seed(3)
    w = made(2, False, False)
    w["norm.weight"] = (1 + torch.randn(C) / 4).float().double().requires_grad_()
    x, g = normal(B, T, C), torch.randn(B, T, C).float().double()
    causal = torch.zeros(T, T).double().masked_fill(torch.triu(torch.ones(T, T), 1) > 0, -math.inf)
    h = x
    for i in range(LAYERS):
        p = f"layers.{i}."
        h = h + attend(w, p + "self_attn.", rms(h, w[p + "norm1.weight"]), causal, 2, True)
        h = h + gated(w, p, rms(h, w[p + "norm2.weight"]), F.silu)
    save("llama", w, rms(h, w["norm.weight"]), g, {"x": x})


def alibi():
    """Post-norm with GEGLU, ALiBi and a window of three tokens to each side."""
    torch.manual_seed(4)
    w = made(H, True, True)
    x, g = normal(B, T, C), torch.randn(B, T, C).float().double()
    distance = (torch.arange(T)[:, None] - torch.arange(T)[None, :]).abs()
    slopes = 2.0 ** (-8 * (torch.arange(H).double() + 1) / H)
    bias = (-slopes[:, None, None] * distance).masked_fill(distance >= 3, -math.inf)
    h = x
    for i in range(LAYERS):
        p = f"layers.{i}."
        h = F.layer_norm(h + attend(w, p + "self_attn.", h, bias), (C,), w[p + "norm1.weight"], w[p + "norm1.bias"])
        h = F.layer_norm(h + gated(w, p, h, F.gelu), (C,), w[p + "norm2.weight"], w[p + "norm2.bias"])
    save("alibi", w, h, g, {"x": x})


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "transformer")
    os.makedirs(folder, exist_ok=True)
    for make in (encoder, decoder, llama, alibi):
        make()
    save_safetensors(os.path.join(folder, "golden.safetensors"), tensors)


main()
