#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A transformer encoder of the demo's size in PyTorch, on the CPU: accuracy and seconds per epoch.

usage: pytorch.py DATA_DIR [epochs 4] [threads 2] [seed 0]
DATA_DIR has train.tsv and test.tsv of `lattn-bert wordnet`. Whole words instead of word pieces, else
the same job: 2 layers, 128 wide, 2 heads, 32 tokens, batches of 64 padded to their longest row,
AdamW 1e-3 with linear decay, clipping at 1. Needs python3-torch and libopenblas0-pthread (without
OpenBLAS it is ten times slower, and no fair peer).
"""
import collections
import re
import sys
import time

import torch
from torch import nn

args = sys.argv[1:] + ["4", "2", "0"][len(sys.argv) - 2:]
folder, epochs, threads, seed = args[0], int(args[1]), int(args[2]), int(args[3])
WIDTH, LAYERS, HEADS, LENGTH, BATCH, VOCABULARY, RATE = 128, 2, 2, 32, 64, 16000, 1e-3
torch.set_num_threads(threads)
torch.manual_seed(seed)


def rows(name):
    with open(f"{folder}/{name}.tsv", encoding="utf-8") as f:
        next(f)
        return [line.rstrip("\n").split("\t") for line in f]


def words(text):
    return re.findall(r"[a-z]+|[0-9]|[^\sa-z0-9]", text.lower())


train, test = rows("train"), rows("test")
labels = {name: i for i, name in enumerate(sorted({r[0] for r in train}))}
counts = collections.Counter(w for _, text in train for w in words(text))
ids = {w: i + 3 for i, (w, _) in enumerate(counts.most_common(VOCABULARY))}  # 0 pad, 1 unknown, 2 cls


def encode(table):
    x = torch.zeros(len(table), LENGTH, dtype=torch.long)
    for i, (_, text) in enumerate(table):
        row = ([2] + [ids.get(w, 1) for w in words(text)])[:LENGTH]
        x[i, :len(row)] = torch.tensor(row)
    return x, torch.tensor([labels[name] for name, _ in table])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(len(ids) + 3, WIDTH, padding_idx=0)
        self.position = nn.Embedding(LENGTH, WIDTH)
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)
        self.norm = nn.LayerNorm(WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, dropout=0.1, activation="gelu",
                                           batch_first=True)
        self.layers = nn.TransformerEncoder(layer, LAYERS)
        self.pool, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, len(labels))

    def forward(self, x):
        h = self.norm(self.token(x) + self.position.weight[:x.shape[1]])
        h = self.layers(h, src_key_padding_mask=x == 0)
        return self.head(torch.tanh(self.pool(h[:, 0])))


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        hits = [(net(x[k:k + 500]).argmax(1) == y[k:k + 500]) for k in range(0, len(x), 500)]
    return torch.cat(hits).float().mean().item()


def main():
    (xt, yt), (xe, ye) = encode(train), encode(test)
    net, n = Encoder(), len(xt) // BATCH
    optim = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    total = epochs * n
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optim, lambda k: min((k + 1) / (0.1 * total), (total - k) / (0.9 * total)))
    for epoch in range(epochs):
        net.train()
        start, order = time.time(), torch.randperm(len(xt))
        for i in range(n):
            batch = order[i * BATCH:(i + 1) * BATCH]
            x = xt[batch]
            x = x[:, :int((x != 0).sum(1).max())]
            loss = nn.functional.cross_entropy(net(x), yt[batch])
            optim.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optim.step()
            schedule.step()
        seconds = time.time() - start
        print(f"epoch {epoch + 1}: {seconds:.1f} s, {n * BATCH / seconds:.0f} samples/s, "
              f"test accuracy {100 * accuracy(net, xe, ye):.2f} %", flush=True)


main()
