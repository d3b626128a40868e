#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Peak memory of a training step in PyTorch, beside what `lattn-bench model` prints for the same step.

usage: memory.py [NETWORK wordnet] [BATCH 64] [TOKENS 32] [threads 2]
NETWORK is wordnet, bert-base or bert-large, f32, on the CPU: forward, backward, clipping at 1, AdamW, with
BERT's dropout, and labels for 26 classes. Every allocation and release of PyTorch's CPU allocator in the
second step is added up (torch.profiler), on top of what lives from step to step: parameters, the two
averages of AdamW and the batch. Gradients are dropped by zero_grad at the beginning of a step, as PyTorch does
since 2.0. Scratch memory that its libraries take from the system themselves (MKL-DNN, OpenBLAS) is not in it;
the growth of the process, printed beside, is an upper bound. Needs python3-torch alone; seconds to a minute.
"""
import resource
import sys

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

SIZES = {  # vocabulary, width, layers, heads, inner width
    "wordnet": (16000, 128, 2, 2, 512),
    "bert-base": (30522, 768, 12, 12, 3072),
    "bert-large": (30522, 1024, 24, 16, 4096),
}
args = sys.argv[1:] + ["wordnet", "64", "32", "2"][len(sys.argv) - 1:]
network, batch, tokens, threads = args[0], int(args[1]), int(args[2]), int(args[3])
vocabulary, width, layers, heads, inner = SIZES[network]
torch.set_num_threads(threads)
torch.manual_seed(0)


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.word, self.place = nn.Embedding(vocabulary, width), nn.Embedding(512, width)
        self.kind, self.norm = nn.Embedding(2, width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(width, heads, inner, dropout=0.1, activation="gelu",
                                           batch_first=True)
        self.layers = nn.TransformerEncoder(layer, layers)
        self.pool, self.head = nn.Linear(width, width), nn.Linear(width, 26)

    def forward(self, ids, padding):
        h = self.word(ids) + self.place.weight[:ids.shape[1]] + self.kind.weight[0]
        h = self.layers(self.dropout(self.norm(h)), src_key_padding_mask=padding)
        return self.head(self.dropout(torch.tanh(self.pool(h[:, 0]))))


def bytes_of(tensors):
    return sum(t.numel() * t.element_size() for t in tensors)


def grown():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


at_start = grown()
net = Bert().train()
optim = torch.optim.AdamW(net.parameters(), lr=2e-5, weight_decay=0.01)
x = torch.randint(0, vocabulary, (batch, tokens))
padding = torch.zeros(batch, tokens, dtype=torch.bool)
y = torch.randint(0, 26, (batch,))


def step():
    optim.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(net(x, padding), y)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optim.step()


def lives():
    states = [t for s in optim.state.values() for t in s.values() if torch.is_tensor(t)]
    return bytes_of(list(net.parameters()) + states + [x, padding, y])


step()
optim.zero_grad(set_to_none=True)
with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as prof:
    step()
events = sorted(((e.start_us(), e.nbytes()) for e in prof.profiler.kineto_results.events()
                 if e.name() == "[memory]"), key=lambda e: e[0])
now = peak = 0
for _, n in events:
    now += n
    peak = max(peak, now)
MB = 1e-6
print(f"{network}, batch {batch}, {tokens} tokens, PyTorch {torch.__version__}: peak {MB * (lives() + peak):.0f} MB: "
      f"{MB * lives():.0f} from step to step, {MB * peak:.0f} within one; "
      f"{len(events)} allocations and releases; the process grew by {MB * (grown() - at_start):.0f} MB")
