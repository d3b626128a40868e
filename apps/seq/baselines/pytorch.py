#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The demo's character LSTM in PyTorch, on the CPU: bits per character and seconds per epoch.

usage: pytorch.py DATA_DIR [--option VALUE ...]    (the options of lattn-seq train that are below)
DATA_DIR has train.tsv and validation.tsv with a column text. The same text, batches, initial distributions,
optimiser and schedule as `lattn-seq train`: rows of the text side by side, the state carried from window to
window and begun anew each epoch, AdamW with linear decay. Needs python3-torch and libopenblas0-pthread.
"""
import argparse
import math
import time

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--hidden_size", type=int, default=192)
parser.add_argument("--embedding_size", type=int, default=32)
parser.add_argument("--num_layers", type=int, default=1)
parser.add_argument("--seq_len", type=int, default=16)
parser.add_argument("--per_device_train_batch_size", type=int, default=8)
parser.add_argument("--per_device_eval_batch_size", type=int, default=128)
parser.add_argument("--learning_rate", type=float, default=8e-3)
parser.add_argument("--warmup_ratio", type=float, default=0.02)
parser.add_argument("--max_grad_norm", type=float, default=1.0)
parser.add_argument("--num_train_epochs", type=float, default=1.0)
parser.add_argument("--max_steps", type=int, default=0)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(args.seed)
B, T = args.per_device_train_batch_size, args.seq_len


def texts(name):
    with open(f"{args.folder}/{name}.tsv", encoding="utf-8") as f:
        column = next(f).rstrip("\n").split("\t").index("text")
        return [line.rstrip("\n").split("\t")[column] for line in f]


train, validation = texts("train"), texts("validation")
END, UNKNOWN = 0, 1
ids = {c: i + 2 for i, c in enumerate(sorted({c for text in train for c in text}))}


def rows(table, n):
    stream = torch.tensor([i for text in table for i in [*(ids.get(c, UNKNOWN) for c in text), END]])
    length = (len(stream) - 1) // n
    return stream[:n * length].view(n, length), stream[1:n * length + 1].view(n, length)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Embedding(len(ids) + 2, args.embedding_size)
        self.rnn = nn.LSTM(args.embedding_size, args.hidden_size, args.num_layers)
        self.decoder = nn.Linear(args.hidden_size, len(ids) + 2)
        with torch.no_grad():  # forget gates begin open
            for layer in range(args.num_layers):
                getattr(self.rnn, f"bias_ih_l{layer}")[args.hidden_size:2 * args.hidden_size] = 1

    def forward(self, x, state):
        y, state = self.rnn(self.encoder(x.t()), state)
        return self.decoder(y).flatten(0, 1), tuple(s.detach() for s in state)


def bits(net, x, y):
    total, state = 0.0, None
    with torch.no_grad():
        for k in range(0, x.shape[1], T):
            logits, state = net(x[:, k:k + T], state)
            total += nn.functional.cross_entropy(logits, y[:, k:k + T].t().flatten(), reduction="sum").item()
    return total / y.numel() / math.log(2)


def main():
    (xt, yt), (xe, ye) = rows(train, B), rows(validation, args.per_device_eval_batch_size)
    net = Model()
    optim = torch.optim.AdamW(net.parameters(), lr=args.learning_rate, weight_decay=0)
    per_epoch = -(-xt.shape[1] // T)
    total = args.max_steps or math.ceil(args.num_train_epochs * per_epoch)
    warm = math.ceil(args.warmup_ratio * total)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optim, lambda k: k / warm if k < warm else (total - k) / max(total - warm, 1))
    print(f"{xt.numel()} tokens, vocabulary {len(ids) + 2}, "
          f"{sum(p.numel() for p in net.parameters())} parameters, {total} updates", flush=True)
    step, state, spent, seen = 0, None, 0.0, 0
    while step < total:
        state = None
        for k in range(0, xt.shape[1], T):
            start = time.time()
            logits, state = net(xt[:, k:k + T], state)
            loss = nn.functional.cross_entropy(logits, yt[:, k:k + T].t().flatten())
            optim.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), args.max_grad_norm)
            optim.step()
            schedule.step()
            spent, seen, step = spent + time.time() - start, seen + xt[:, k:k + T].numel(), step + 1
            if step % per_epoch == 0 or step == total:
                print(f"update {step}: {spent:.1f} s, {spent * xt.numel() / seen:.1f} s an epoch, "
                      f"{seen / spent:.0f} tokens/s, {bits(net, xe, ye):.4f} bits per character", flush=True)
            if step == total:
                break


main()
