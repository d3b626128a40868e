#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Results and gradients of ops in PyTorch, as goldens for tests/ops/test_golden.c.

usage: make_ops.py [OUTPUT_DIR]      (default: ops beside this script)

One file for each family. A case NAME has the tensors NAME/in0, NAME/in1, ... (inputs), NAME/out, and
where the op has gradients NAME/grad_out (given) and NAME/grad0, ... of the float inputs. Inputs are
f32 (indices i32); results are computed in double precision and rounded to f32 at the end, so that
the golden is the truth and not one of many roundings. Needs only torch and numpy; made with torch
1.13 of Debian 12.
"""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import array, save_safetensors  # noqa: E402


class Family:
    def __init__(self, seed):
        self.tensors = {}
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator)

    def positive(self, *shape):
        return 0.5 + 1.5 * torch.rand(*shape, generator=self.generator)

    def index(self, limit, *shape):
        return torch.randint(0, limit, shape, generator=self.generator)

    def case(self, name, fn, *inputs):
        xs = [x.double().requires_grad_() if x.is_floating_point() else x for x in inputs]
        out = fn(*xs)
        for i, x in enumerate(inputs):
            self.tensors[f"{name}/in{i}"] = array(x)
        self.tensors[f"{name}/out"] = array(out)
        if not out.is_floating_point():
            return
        grad_out = torch.randn(out.shape, generator=self.generator)
        self.tensors[f"{name}/grad_out"] = array(grad_out)
        floats = [x for x in xs if x.is_floating_point()]
        grads = torch.autograd.grad(out, floats, grad_out.double(), allow_unused=True)
        grads = iter(grads)
        for i, x in enumerate(xs):
            if x.is_floating_point():
                g = next(grads)
                self.tensors[f"{name}/grad{i}"] = array(torch.zeros_like(x) if g is None else g)


def pointwise():
    f = Family(1)
    a, b = f.normal(3, 4, 5), f.normal(4, 1)
    f.case("add", lambda a, b: a + b, a, b)
    f.case("sub", lambda a, b: a - b, b, a)
    f.case("mul", lambda a, b: a * b, a, f.normal(5))
    f.case("div", lambda a, b: a / b, a, f.positive(3, 1, 5))
    f.case("pow", lambda a, b: a ** b, f.positive(4, 5), f.normal(5))
    f.case("scale", lambda x: 1.5 * x - 0.25, a)
    f.case("pow_scalar", lambda x: x ** 2.5, f.positive(4, 5))
    f.case("where", lambda c, a, b: torch.where(c != 0, a, b), f.index(2, 4, 1), f.normal(4, 5), f.normal(5))
    x = f.normal(6, 7)
    for name, fn in {
            "exp": torch.exp, "abs": torch.abs, "sign": torch.sign, "tanh": torch.tanh,
            "clamp": lambda x: torch.clamp(x, -0.5, 0.75), "sigmoid": torch.sigmoid, "relu": F.relu,
            "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu}.items():
        f.case(name, fn, x)
    f.case("log", torch.log, f.positive(6, 7))
    f.case("sqrt", torch.sqrt, f.positive(6, 7))
    return f


def reduce():
    f = Family(2)
    x = f.normal(4, 5, 6)
    f.case("sum", lambda x: x.sum(1), x)
    f.case("sum_all", lambda x: x.sum(), x)
    f.case("mean", lambda x: x.mean((0, 2), keepdim=True), x)
    f.case("max", lambda x: x.amax((0, 2)), x)
    ties = f.index(3, 4, 30).float()
    f.case("max_ties", lambda x: x.amax(1), ties)
    f.case("norm", lambda x: torch.linalg.vector_norm(x, dim=2), x)
    f.case("argmax", lambda x: x.argmax(1), x)
    return f


def norm():
    f = Family(3)
    x = f.normal(3, 7, 10)
    f.case("softmax", lambda x: x.softmax(-1), 4 * x)
    f.case("softmax_middle", lambda x: x.softmax(1), x)
    f.case("log_softmax", lambda x: x.log_softmax(-1), 4 * x)
    w, b = f.normal(10), f.normal(10)
    f.case("layer_norm", lambda x, w, b: F.layer_norm(x, (10,), w, b, 1e-5), x, w, b)
    f.case("add_layer_norm", lambda x, r, w, b: F.layer_norm(x + r, (10,), w, b, 1e-12),
           x, f.normal(3, 7, 10), w, b)

    # Running statistics go in as mean, var, and come out as mean_after, var_after.
    def batch_norm(name, training, relu, *inputs):
        mean, var = f.normal(4), f.positive(4)
        f.tensors[f"{name}/mean"], f.tensors[f"{name}/var"] = array(mean), array(var)
        mean, var = mean.double(), var.double()

        def forward(x, w, b, residual=0):
            y = F.batch_norm(x, mean, var, w, b, training, 0.3, 1e-3) + residual
            return F.relu(y) if relu else y
        f.case(name, forward, *inputs)
        f.tensors[f"{name}/mean_after"], f.tensors[f"{name}/var_after"] = array(mean), array(var)
    images, w, b = 3 + f.normal(5, 4, 6, 7), f.normal(4), f.normal(4)
    batch_norm("batch_norm", True, False, images, w, b)
    batch_norm("batch_norm_running", False, False, images, w, b)
    batch_norm("batch_norm_residual_relu", True, True, images, w, b, f.normal(5, 4, 6, 7))
    return f


def matmul():
    f = Family(4)
    f.case("matmul", lambda a, b: a @ b, f.normal(2, 3, 5, 7), f.normal(3, 7, 4))
    x, w, b = f.normal(2, 5, 6), f.normal(9, 6), f.normal(9)
    f.case("linear", lambda x, w, b: F.linear(x, w, b), x, w, b)
    f.case("linear_gelu", lambda x, w, b: F.gelu(F.linear(x, w, b)), x, w, b)
    f.case("linear_add", lambda x, w, b, r: F.linear(x, w, b) + r, x, w, b, f.normal(2, 5, 9))
    return f


def conv():
    f = Family(20)
    x, w, b = f.normal(2, 6, 6, 7) / 4, f.normal(8, 6, 3, 3) / 4, f.normal(8)

    def conv2d(**args):
        return lambda x, w, b: F.conv2d(x, w, b, **args)
    f.case("conv2d", conv2d(), x, w, b)
    f.case("conv2d_no_bias", lambda x, w: F.conv2d(x, w), x, w)
    f.case("conv2d_padding", conv2d(padding=(1, 2)), x, w, b)
    f.case("conv2d_strided", conv2d(stride=(2, 3), padding=1), x, w, b)
    f.case("conv2d_dilated", conv2d(dilation=(2, 1), padding=2), x, w, b)
    f.case("conv2d_all", conv2d(stride=2, dilation=(2, 3), padding=(3, 4)), x, w, b)
    f.case("conv2d_relu", lambda x, w, b: F.relu(F.conv2d(x, w, b, padding=1)), x, w, b)
    f.case("conv2d_same", conv2d(padding="same"), x, w, b)
    f.case("conv2d_same_even", conv2d(padding="same", dilation=(1, 3)), x, f.normal(8, 6, 4, 2) / 4, b)
    f.case("conv2d_groups", conv2d(groups=2, padding=1), x, f.normal(8, 3, 3, 3) / 4, b)
    f.case("conv2d_depthwise", conv2d(groups=6, stride=2, padding=1), x, f.normal(12, 1, 3, 3), f.normal(12))
    f.case("conv2d_1x1", conv2d(), x, f.normal(5, 6, 1, 1), f.normal(5))
    f.case("conv2d_1x1_strided", conv2d(stride=2), x, f.normal(5, 6, 1, 1), f.normal(5))
    f.case("conv2d_wide", conv2d(stride=2, padding=1), f.normal(2, 17, 9, 8) / 4, f.normal(32, 17, 3, 3) / 12,
           f.normal(32))
    f.case("conv1d", lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=3, dilation=2), f.normal(3, 4, 20) / 4,
           f.normal(5, 4, 4) / 4, f.normal(5))

    def transpose(**args):
        return lambda x, w, b: F.conv_transpose2d(x, w, b, **args)
    w = f.normal(6, 4, 3, 3) / 4
    f.case("transpose", transpose(), x, w, f.normal(4))
    f.case("transpose_strided", transpose(stride=(2, 3), padding=1, output_padding=(1, 2)), x, w, f.normal(4))
    f.case("transpose_groups", transpose(stride=2, padding=2, dilation=2, groups=3, output_padding=1), x,
           w, f.normal(12))

    def conv3d(**args):
        return lambda x, w, b: F.conv3d(x, w, b, **args)
    x, w, b = f.normal(2, 4, 4, 5, 3) / 4, f.normal(6, 4, 3, 2, 3) / 6, f.normal(6)
    f.case("conv3d", conv3d(), x, w, b)
    f.case("conv3d_padding", conv3d(padding=(2, 1, 0)), x, w, b)
    f.case("conv3d_strided", conv3d(stride=(2, 3, 1), padding=1), x, w, b)
    f.case("conv3d_all", conv3d(stride=(3, 2, 2), dilation=(2, 1, 3), padding=(4, 0, 2)), x, w, b)
    f.case("conv3d_relu", lambda x, w, b: F.relu(F.conv3d(x, w, b, padding=1)), x, w, b)
    f.case("conv3d_same", conv3d(padding="same"), x, w, b)
    f.case("conv3d_groups", conv3d(groups=2, padding=1), x, f.normal(6, 2, 3, 3, 3) / 6, b)
    f.case("conv3d_depthwise", conv3d(groups=4, stride=2, padding=1), x, f.normal(8, 1, 3, 3, 3), f.normal(8))
    f.case("conv3d_depth_alone", conv3d(padding=(1, 0, 0)), x, f.normal(5, 4, 3, 1, 1), f.normal(5))
    f.case("conv3d_1x1", conv3d(), x, f.normal(5, 4, 1, 1, 1), f.normal(5))
    return f


def index():
    f = Family(5)
    tokens = f.index(11, 3, 8)
    tokens[0, 0] = tokens[1, 2] = 4
    f.case("embedding", lambda w, i: F.embedding(i, w), f.normal(11, 6), tokens)
    f.case("embedding_padding", lambda w, i: F.embedding(i, w, padding_idx=4), f.normal(11, 6), tokens)
    f.case("gather", lambda x, i: x.gather(1, i), f.normal(4, 9), f.index(9, 4, 5))
    return f


def loss():
    f = Family(6)
    x, labels = 2 * f.normal(9, 13), f.index(13, 9)
    w = f.positive(13)
    some = labels.clone()
    some[2] = some[5] = -100

    def ce(**args):
        return lambda x, labels: F.cross_entropy(x, labels, **args)
    f.case("ce", ce(), x, labels)
    f.case("ce_sum", ce(reduction="sum"), x, labels)
    f.case("ce_none", ce(reduction="none"), x, labels)
    f.case("ce_ignore", ce(), x, some)
    f.case("ce_smoothing", ce(label_smoothing=0.1), x, labels)
    f.case("ce_smoothing_ignore", ce(label_smoothing=0.1), x, some)
    for name, args in {"ce_weights": {}, "ce_weights_smoothing": {"label_smoothing": 0.1}}.items():
        weights = w.double()
        f.case(name, ce(weight=weights, **args), x, some)
        f.tensors[f"{name}/weights"] = array(w)
    target = f.normal(4, 6)
    f.case("mse", lambda x, y: F.mse_loss(x, y), f.normal(4, 6), target)
    f.case("bce", lambda x, y: F.binary_cross_entropy_with_logits(x, y), 3 * f.normal(4, 6),
           torch.rand(4, 6, generator=f.generator))

    def linear_ce(x, w, b, labels):
        return F.cross_entropy(F.linear(x, w, b), labels, label_smoothing=0.1)
    some = f.index(13, 70)
    some[3] = some[68] = -100
    f.case("linear_ce", linear_ce, f.normal(70, 6), f.normal(13, 6), f.normal(13), some)
    return f


def attention():
    f = Family(7)

    def attend(q, k, v, bias=None):
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        return (scores if bias is None else scores + bias).softmax(-1) @ v
    q, k, v = f.normal(2, 4, 5, 8), f.normal(2, 4, 9, 8), f.normal(2, 4, 9, 8)
    f.case("attention", attend, q, k, v)
    f.case("attention_grouped", attend, q, k[:, :2].contiguous(), v[:, :2].contiguous())
    t, s = 5, 9
    hidden = torch.arange(s)[None, :] > torch.arange(t)[:, None] + (s - t)
    causal = torch.zeros(t, s, dtype=torch.float64).masked_fill(hidden, -math.inf)
    f.case("attention_causal", lambda q, k, v: attend(q, k, v, causal), q, k, v)
    mask = f.normal(2, 1, 5, 9)
    f.case("attention_mask", lambda q, k, v: attend(q, k, v, mask.double()), q, k, v)
    f.tensors["attention_mask/mask"] = array(mask)
    lengths = torch.tensor([9, 4])
    padding = torch.zeros(2, 1, 1, s, dtype=torch.float64).masked_fill(
        (torch.arange(s)[None, :] >= lengths[:, None])[:, None, None, :], -math.inf)
    f.case("attention_lengths", lambda q, k, v: attend(q, k, v, padding), q, k, v)
    f.tensors["attention_lengths/lengths"] = array(lengths)
    bias = f.normal(1, 4, 5, 9)
    f.case("attention_bias", lambda q, k, v, bias: attend(q, k, v, bias), q, k, v, bias)
    distance = (torch.arange(t)[:, None] + (s - t) - torch.arange(s)[None, :]).abs()
    slopes = 2.0 ** -torch.arange(2, 10, 2, dtype=torch.float64)[:, None, None]  # 4 heads
    f.case("attention_alibi", lambda q, k, v: attend(q, k, v, -slopes * distance), q, k, v)
    near = torch.zeros(t, s, dtype=torch.float64).masked_fill(distance >= 3, -math.inf)
    f.case("attention_window", lambda q, k, v: attend(q, k, v, near), q, k, v)
    return f


def t5_buckets(t, s, causal, buckets=32, farthest=128):
    """The code of T5, as transformers has it."""
    distance = torch.arange(s)[None, :] - (torch.arange(t)[:, None] + s - t)
    result = torch.zeros_like(distance)
    if not causal:
        buckets //= 2
        result += (distance > 0).long() * buckets
        distance = distance.abs()
    else:
        distance = -torch.minimum(distance, torch.zeros_like(distance))
    exact = buckets // 2
    far = exact + (torch.log(distance.float() / exact) / math.log(farthest / exact)
                   * (buckets - exact)).long()
    return result + torch.where(distance < exact, distance, far.clamp(max=buckets - 1))


def position():
    f = Family(14)
    x = f.normal(2, 5, 3, 8)

    def table(dim, base=10000.0):
        angle = torch.arange(9).double()[:, None] / base ** (torch.arange(0, dim, 2).double() / dim)
        return angle.cos()[:, None], angle.sin()[:, None]

    def halves(x):  # as transformers' Llama
        c, s = (torch.cat((v, v), -1)[:5] for v in table(8))
        return x * c + torch.cat((-x[..., 4:], x[..., :4]), -1) * s

    def neighbours(x):  # as RoFormer: complex numbers
        c, s = table(6)
        z = torch.view_as_complex(x[..., :6].reshape(2, 5, 3, 3, 2)) * torch.complex(c, s)[[7, 0, 3, 3, 8]]
        return torch.cat((torch.view_as_real(z).reshape(2, 5, 3, 6), x[..., 6:]), -1)
    f.case("rotary", halves, x)
    f.case("rotary_interleaved", neighbours, x)

    def waves(x):
        y = x[..., None] * math.pi * 2.0 ** torch.arange(4).double()
        return torch.stack((y.sin(), y.cos()), -1).reshape(6, 24)
    f.case("fourier_features", waves, f.normal(6, 3))
    f.tensors["buckets/out"] = array(t5_buckets(150, 170, False))
    f.tensors["buckets_causal/out"] = array(t5_buckets(170, 170, True))
    return f


def pool():
    f = Family(8)
    x = f.normal(2, 3, 9, 11)
    # PyTorch's choice among equal elements shows in the gradient.
    f.case("max_pool", lambda x: F.max_pool2d(x, 2), x)
    f.case("max_pool_padding", lambda x: F.max_pool2d(x, 3, 2, 1), x)
    f.case("max_pool_dilation", lambda x: F.max_pool2d(x, (2, 3), (2, 1), (1, 1), (3, 2), True), x)
    f.case("max_pool_ties", lambda x: F.max_pool2d(x, 3, 2, 1), f.index(3, 2, 3, 9, 11).float())
    f.case("avg_pool", lambda x: F.avg_pool2d(x, 3, 2, 1, True), x)
    f.case("avg_pool_exclude", lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), x)
    f.case("avg_pool_divisor", lambda x: F.avg_pool2d(x, (2, 3), divisor_override=5), x)
    f.case("adaptive_avg_pool", lambda x: F.adaptive_avg_pool2d(x, (4, 5)), x)
    f.case("adaptive_avg_pool_larger", lambda x: F.adaptive_avg_pool2d(x, (10, 3)), x)
    f.case("global_avg_pool", lambda x: F.adaptive_avg_pool2d(x, 1), x)
    return f


def activation():
    f = Family(9)
    x = 3 * f.normal(4, 3, 20)
    f.case("leaky_relu", lambda x: F.leaky_relu(x, 0.1), x)
    f.case("elu", lambda x: F.elu(x, 1.25), x)
    f.case("selu", F.selu, x)
    f.case("softplus", lambda x: F.softplus(x, 1.5, 2), x)
    f.case("hardsigmoid", F.hardsigmoid, x)
    f.case("hardswish", F.hardswish, x)
    f.case("mish", F.mish, x)
    f.case("threshold", lambda x: F.threshold(x, 0.25, -1.5), x)
    f.case("prelu", F.prelu, x, f.normal(3))
    f.case("prelu_one", F.prelu, x, f.normal(1))
    return f


def resize():
    f = Family(12)
    x = f.normal(2, 3, 4, 5)
    f.case("pad", lambda x: F.pad(x, (1, 2, 0, 3), value=-1.5), x)
    f.case("pad_reflect", lambda x: F.pad(x, (4, 2, 3, 1), mode="reflect"), x)
    f.case("pad_replicate", lambda x: F.pad(x, (1, 6, 0, 2), mode="replicate"), x)
    f.case("nearest", lambda x: F.interpolate(x, (8, 15)), x)
    f.case("nearest_uneven", lambda x: F.interpolate(x, (7, 3)), x)
    f.case("bilinear", lambda x: F.interpolate(x, (8, 10), mode="bilinear"), x)
    f.case("bilinear_uneven", lambda x: F.interpolate(x, (7, 3), mode="bilinear"), x)
    f.case("bilinear_corners", lambda x: F.interpolate(x, (9, 7), mode="bilinear", align_corners=True), x)
    f.case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), f.normal(2, 12, 3, 4))
    return f


def channel_norm():
    f = Family(10)
    x, w, b = 2 + f.normal(3, 6, 4, 5), f.normal(6), f.normal(6)
    f.case("group_norm", lambda x, w, b: F.group_norm(x, 3, w, b, 1e-5), x, w, b)
    f.case("group_norm_plain", lambda x: F.group_norm(x, 2, eps=1e-3), x)
    f.case("instance_norm", lambda x, w, b: F.instance_norm(x, weight=w, bias=b), x, w, b)
    f.case("rms_norm", lambda x, w: x * (x.square().mean(-1, True) + 1e-5).rsqrt() * w, x, f.normal(5))
    f.case("local_response_norm", lambda x: F.local_response_norm(x, 5, 0.1, 0.75, 2), x)
    f.case("local_response_norm_even", lambda x: F.local_response_norm(x, 2, 0.3, 0.5, 1), x)
    return f


def class_loss():
    f = Family(11)
    x, labels, p = 2 * f.normal(9, 13), f.index(13, 9), f.normal(9, 13).softmax(-1)
    f.case("soft", lambda x, t: F.cross_entropy(x, t), x, p)
    f.case("soft_none", lambda x, t: F.cross_entropy(x, t, reduction="none"), x, p)
    f.case("hinge", lambda x, t: 13 * F.multi_margin_loss(x, t.long()), x, labels)
    f.case("hinge_sum", lambda x, t: 13 * F.multi_margin_loss(x, t.long(), margin=0.5, reduction="sum"), x, labels)

    def focal(x, t, alpha, gamma):
        p = x.sigmoid()
        right = p * t + (1 - p) * (1 - t)
        bce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
        weight = alpha * t + (1 - alpha) * (1 - t) if alpha >= 0 else 1
        return weight * (1 - right) ** gamma * bce
    t = f.index(2, 4, 6).float()
    f.case("focal", lambda x, t: focal(x, t, 0.25, 2).mean(), 2 * f.normal(4, 6), t)
    f.case("focal_none", lambda x, t: focal(x, t, -1, 1.5), 2 * f.normal(4, 6), t)
    return f


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops")
    os.makedirs(folder, exist_ok=True)
    for family in (pointwise, reduce, norm, matmul, conv, index, loss, attention, pool, activation,
                   channel_norm, class_loss, resize, position):
        save_safetensors(os.path.join(folder, family.__name__ + ".safetensors"), family().tensors)


if __name__ == "__main__":
    main()
