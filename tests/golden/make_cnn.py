#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Networks for images in PyTorch, as goldens for tests/models/test_cnn.c.

usage: make_cnn.py [OUTPUT_DIR]      (default: cnn beside this script)

Logits of ResNet-18, MobileNetV2, GoogLeNet and a vision transformer (evaluation; the transformer also of an
image whose sides are no multiples of the patch, with black rows and columns added, and embedded positions
interpolated for other image sizes), and twenty training steps of ResNet-18: SGD
at 0.01, momentum 0.9, decay 1e-4 on all but biases and norms; losses and running statistics. The networks
are torchvision's, written out, with its parameter names. No weights are written: every value is a
formula of its name and index (values() below, and in the test), so a wrong name, shape or order shows
as wrong logits. Computed in double precision, so that the golden is the truth and not one of many
roundings. Needs only torch and numpy; made with torch 1.13.1.
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import bits, save_safetensors, uniform  # noqa: E402

STEPS, BATCHES, B, SIDE, CLASSES = 20, 4, 8, 32, 10
# Of several batches tried, those that keep the activations of the last stages farthest from the kink of
# ReLU (4e-6): a rounding that crosses it cuts or frees a gradient, in any implementation.
FIRST = 108


# ---- values from names ----------------------------------------------------------------------------

def values(name, shape):
    """Uniform values, scaled as such a tensor's are. The last norm of a residual block starts small: with
    1 there, single precision leaves double after four steps, in PyTorch as well."""
    n = int(np.prod(shape))
    v = uniform(name, n)
    if name.endswith("running_var"):
        v = 1 + 0.5 * v
    elif len(shape) == 4 and name.startswith("images"):
        v = 2 * v
    elif len(shape) == 4:
        v = v * np.sqrt(6 / (n // shape[0]))
    elif len(shape) == 2:
        v = v / np.sqrt(shape[1])
    elif name.endswith("bn2.weight"):
        v = 0.2 + 0.04 * v
    elif name.endswith(".weight"):
        v = 1 + 0.2 * v
    else:
        v = 0.1 * v
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(shape))


class Net:
    """Parameters and buffers by name, made when first asked for."""

    def __init__(self):
        self.w, self.training = {}, False

    def get(self, name, *shape):
        if name not in self.w:
            self.w[name] = values(name, shape)
        return self.w[name]

    def conv(self, name, x, out, kernel, stride=1, groups=1):
        w = self.get(name + ".weight", out, x.shape[1] // groups, kernel, kernel)
        return F.conv2d(x, w, None, stride, kernel // 2, 1, groups)

    def bn(self, name, x, eps=1e-5):
        c = x.shape[1]
        mean, var, weight, bias = (
            self.get(f"{name}.{s}", c) for s in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, var, weight, bias, self.training, 0.1, eps)

    def linear(self, name, x, out):
        return F.linear(x, self.get(name + ".weight", out, x.shape[-1]), self.get(name + ".bias", out))


# ---- networks -------------------------------------------------------------------------------------

def resnet18(net, x, classes):
    x = F.relu(net.bn("bn1", net.conv("conv1", x, 64, 7, 2)))
    x = F.max_pool2d(x, 3, 2, 1)
    for stage in range(4):
        for i in range(2):
            p, out, stride = f"layer{stage + 1}.{i}.", 64 << stage, 2 if stage and i == 0 else 1
            y = F.relu(net.bn(p + "bn1", net.conv(p + "conv1", x, out, 3, stride)))
            y = net.bn(p + "bn2", net.conv(p + "conv2", y, out, 3))
            if stage and i == 0:
                x = net.bn(p + "downsample.1", net.conv(p + "downsample.0", x, out, 1, stride))
            x = F.relu(x + y)
    return net.linear("fc", x.mean((2, 3)), classes)


def mobilenet_v2(net, x, classes):
    def conv(name, x, out, kernel, stride=1, groups=1):
        return F.relu6(net.bn(name + ".1", net.conv(name + ".0", x, out, kernel, stride, groups)))

    x, n = conv("features.0", x, 32, 3, 2), 1
    for expand, out, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                       (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(count):
            p, y, at, wide = f"features.{n}.conv.", x, 0, x.shape[1] * expand
            if expand != 1:
                y, at = conv(p + "0", y, wide, 1), 1
            y = conv(f"{p}{at}", y, wide, 3, 1 if i else stride, wide)
            y = net.bn(f"{p}{at + 2}", net.conv(f"{p}{at + 1}", y, out, 1))
            x, n = x + y if x.shape == y.shape else y, n + 1
    x = conv(f"features.{n}", x, 1280, 1)
    return net.linear("classifier.1", x.mean((2, 3)), classes)


def googlenet(net, x, classes):
    def conv(name, x, out, kernel, stride=1):
        return F.relu(net.bn(name + ".bn", net.conv(name + ".conv", x, out, kernel, stride), 1e-3))

    def inception(name, x, one, red3, three, red5, five, pooled):
        return torch.cat([
            conv(name + ".branch1", x, one, 1),
            conv(name + ".branch2.1", conv(name + ".branch2.0", x, red3, 1), three, 3),
            conv(name + ".branch3.1", conv(name + ".branch3.0", x, red5, 1), five, 3),
            conv(name + ".branch4.1", F.max_pool2d(x, 3, 1, 1, ceil_mode=True), pooled, 1)], 1)

    x = F.max_pool2d(conv("conv1", x, 64, 7, 2), 3, 2, ceil_mode=True)
    x = F.max_pool2d(conv("conv3", conv("conv2", x, 64, 1), 192, 3), 3, 2, ceil_mode=True)
    x = inception("inception3a", x, 64, 96, 128, 16, 32, 32)
    x = inception("inception3b", x, 128, 128, 192, 32, 96, 64)
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    x = inception("inception4a", x, 192, 96, 208, 16, 48, 64)
    x = inception("inception4b", x, 160, 112, 224, 24, 64, 64)
    x = inception("inception4c", x, 128, 128, 256, 24, 64, 64)
    x = inception("inception4d", x, 112, 144, 288, 32, 64, 64)
    x = inception("inception4e", x, 256, 160, 320, 32, 128, 128)
    x = F.max_pool2d(x, 2, 2, ceil_mode=True)
    x = inception("inception5a", x, 256, 160, 320, 32, 128, 128)
    x = inception("inception5b", x, 384, 192, 384, 48, 128, 128)
    return net.linear("fc", x.mean((2, 3)), classes)


def vit(net, x, classes, patch=16, dim=192, layers=12, heads=3):
    def norm(name, x):
        return F.layer_norm(x, (dim,), net.get(name + ".weight", dim), net.get(name + ".bias", dim), 1e-6)

    x = F.pad(x, (0, -x.shape[3] % patch, 0, -x.shape[2] % patch))
    x = F.conv2d(x, net.get("conv_proj.weight", dim, x.shape[1], patch, patch),
                 net.get("conv_proj.bias", dim), patch)
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([net.get("class_token", 1, 1, dim).expand(len(x), 1, dim), x], 1)
    n = x.shape[1]
    x = x + net.get("encoder.pos_embedding", 1, n, dim)
    for i in range(layers):
        p = f"encoder.layers.encoder_layer_{i}."
        a = F.linear(norm(p + "ln_1", x), net.get(p + "self_attention.in_proj_weight", 3 * dim, dim),
                     net.get(p + "self_attention.in_proj_bias", 3 * dim))
        q, k, v = (t.reshape(-1, n, heads, dim // heads).transpose(1, 2) for t in a.chunk(3, 2))
        a = torch.softmax(q @ k.transpose(2, 3) / (dim // heads) ** 0.5, 3) @ v
        x = x + net.linear(p + "self_attention.out_proj", a.transpose(1, 2).reshape(-1, n, dim), dim)
        h = F.gelu(net.linear(p + "mlp.0", norm(p + "ln_2", x), 4 * dim))
        x = x + net.linear(p + "mlp.3", h, dim)
    return net.linear("heads.head", norm("encoder.ln", x)[:, 0], classes)


def positions(h, w):
    """Of 4 x 4 patches, width 8, for h x w: torchvision's interpolate_embeddings."""
    grid = values("positions", (1, 16, 8)).transpose(1, 2).reshape(1, 8, 4, 4)
    grid = F.interpolate(grid, (h, w), mode="bicubic", align_corners=True)
    return grid.reshape(8, h * w).T.contiguous()


# ---- goldens --------------------------------------------------------------------------------------

def train():
    net = Net()
    images = [values(f"images.{FIRST + i}", (B, 3, SIDE, SIDE)) for i in range(BATCHES)]
    labels = [torch.from_numpy((bits(f"labels.{i}", B) % np.uint64(CLASSES)).astype(np.int64))
              for i in range(BATCHES)]
    resnet18(net, images[0], CLASSES)  # makes the parameters
    net.training = True
    weights = {k: v.requires_grad_() for k, v in net.w.items() if "running" not in k}
    optim = torch.optim.SGD([{"params": [v for v in weights.values() if v.dim() > 1],
                              "weight_decay": 1e-4},
                             {"params": [v for v in weights.values() if v.dim() == 1]}],
                            lr=0.01, momentum=0.9)
    losses = []
    for step in range(STEPS):
        loss = F.cross_entropy(resnet18(net, images[step % BATCHES], CLASSES), labels[step % BATCHES])
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(float(loss))
    return losses, net.w


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(
        os.path.abspath(__file__)), "cnn")
    os.makedirs(out, exist_ok=True)
    golden = {}
    for model in (resnet18, mobilenet_v2, googlenet):
        net = Net()
        logits = model(net, values("images", (2, 3, 64, 64)), 1000)
        count = sum(v.numel() for k, v in net.w.items() if "running" not in k)
        golden[model.__name__] = logits.numpy().astype(np.float32)
        print(f"{model.__name__}: {count} parameters, logits {float(logits.min()):.4f} to "
              f"{float(logits.max()):.4f}, images differ by {float((logits[0] - logits[1]).abs().max()):.4f}")
    golden["vit_ti_16"] = vit(Net(), values("images", (2, 3, 64, 64)), 1000).numpy().astype(np.float32)
    golden["vit_ti_16.odd"] = vit(Net(), values("images", (2, 3, 40, 23)), 1000).numpy().astype(np.float32)
    for h, w in ((7, 5), (1, 3), (4, 4)):
        golden[f"positions.{h}x{w}"] = positions(h, w).numpy().astype(np.float32)
    losses, w = train()
    golden["losses"] = np.array(losses, np.float32)
    for norm in ("bn1", "layer4.1.bn2"):
        for s in ("running_mean", "running_var"):
            golden[f"{norm}.{s}"] = w[f"{norm}.{s}"].numpy().astype(np.float32)
    save_safetensors(os.path.join(out, "golden.safetensors"), golden)
    print(f"torch {torch.__version__}: losses " + " ".join(f"{v:.4f}" for v in losses))


main()
