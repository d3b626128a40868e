#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Forward and backward of one LSTM layer in PyTorch, on the CPU: nanoseconds per step.

usage: lstm.py [threads 2]
Batch 64, 128 steps, as many inputs as hidden units; the table is in shaders/README.md. Needs python3-torch
and libopenblas0-pthread.
"""
import sys
import time

import torch

BATCH, STEPS, RUNS = 64, 128, 4
torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
for hidden in 256, 512, 1024:
    layer = torch.nn.LSTM(hidden, hidden)
    x = torch.randn(STEPS, BATCH, hidden, requires_grad=True)
    times = []
    for _ in range(RUNS + 1):  # the first one is not counted
        start = time.perf_counter()
        layer(x)[0].sum().backward()
        times.append(time.perf_counter() - start)
    seconds = sorted(times[1:])[RUNS // 2]
    flops = 3 * 2 * STEPS * BATCH * 8 * hidden * hidden
    print(f"hidden {hidden}: {1e9 * seconds / STEPS:.0f} ns per step, {1e-9 * flops / seconds:.1f} GFLOP/s")
