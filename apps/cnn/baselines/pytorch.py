#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The network of the full run on clothes in PyTorch, on the CPU: accuracy and seconds per epoch.

usage: pytorch.py DATA_DIR [epochs 12] [threads 2] [seed 0]
DATA_DIR has the IDX files of Fashion-MNIST. The same job as in apps/cnn/README.md: 54,000 of the
training pictures, batches of 128, mirrored half of the time, SGD with Nesterov momentum 0.9, rate 0.05
with warm-up and cosine, decay 5e-4 of weights only, weights as lattn starts them (He et al. 2015). Needs python3-torch and libopenblas0-pthread.
"""
import gzip
import math
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

args = sys.argv[1:] + ["12", "2", "0"][len(sys.argv) - 2:]
folder, epochs, threads, seed = args[0], int(args[1]), int(args[2]), int(args[3])
BATCH, RATE, TRAIN = 128, 0.05, 54000
torch.set_num_threads(threads)
torch.manual_seed(seed)


def pictures(part):
    with gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz") as f:
        pixels = numpy.frombuffer(f.read(), numpy.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(f"{folder}/{part}-labels-idx1-ubyte.gz") as f:
        labels = numpy.frombuffer(f.read(), numpy.uint8, offset=8)
    return torch.tensor(pixels) / 255.0, torch.tensor(labels, dtype=torch.long)


def block(n_in, n_out):
    return [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]


def network():
    net = nn.Sequential(*block(1, 32), nn.MaxPool2d(2), *block(32, 64), *block(64, 64),
                        nn.MaxPool2d(2), *block(64, 128), nn.Flatten(), nn.Dropout(0.5),
                        nn.Linear(128 * 7 * 7, 10))
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
    return net


def mirrored(x):
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        hits = [net(x[k:k + 500]).argmax(1) == y[k:k + 500] for k in range(0, len(x), 500)]
    return torch.cat(hits).float().mean().item()


def main():
    (x, y), (xe, ye) = pictures("train"), pictures("t10k")
    order = torch.randperm(len(x))[:TRAIN]
    x, y = x[order], y[order]
    mean, std = x.mean(), x.std()
    x, xe = (x - mean) / std, (xe - mean) / std
    net, n = network(), math.ceil(TRAIN / BATCH)
    decayed = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() == 1]
    optim = torch.optim.SGD([{"params": decayed, "weight_decay": 5e-4}, {"params": others}],
                            lr=RATE, momentum=0.9, nesterov=True)
    total = epochs * n
    warmup = 0.1 * total
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optim, lambda k: k / warmup if k < warmup
        else 0.5 + 0.5 * math.cos(math.pi * (k - warmup) / (total - warmup)))
    for epoch in range(epochs):
        net.train()
        start, order = time.time(), torch.randperm(TRAIN)
        for i in range(n):
            batch = order[i * BATCH:(i + 1) * BATCH]
            loss = functional.cross_entropy(net(mirrored(x[batch])), y[batch])
            optim.zero_grad()
            loss.backward()
            optim.step()
            schedule.step()
        seconds = time.time() - start
        print(f"epoch {epoch + 1}: {seconds:.1f} s, {TRAIN / seconds:.0f} pictures/s, "
              f"test accuracy {100 * accuracy(net, xe, ye):.2f} %", flush=True)


main()
