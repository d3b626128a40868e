# SPDX-License-Identifier: MIT
"""What the scripts of this folder share: files in the format safetensors, and values made from names."""
import json
import struct

import numpy as np
import torch


def save_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0  # transformers asks for it
    for name in sorted(tensors):
        size = tensors[name].nbytes
        kind = {"float32": "F32", "int32": "I32"}[str(tensors[name].dtype)]
        header[name] = {"dtype": kind, "shape": list(tensors[name].shape),
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            f.write(np.ascontiguousarray(tensors[name]).tobytes())


def array(t):
    t = t.detach()
    return t.to(torch.float32).numpy() if t.is_floating_point() else t.to(torch.int32).numpy()


def bits(name, n):
    """64 random bits per index: FNV-1a of the name, then splitmix64 (tests/harness/named.c)."""
    h = 0xcbf29ce484222325
    for c in name.encode():
        h = (h ^ c) * 0x100000001b3 % 2**64
    z = np.uint64(h) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
    return z ^ (z >> np.uint64(31))


def uniform(name, n):
    """n values in [-1, 1) as float64, each a float32's."""
    return (bits(name, n) >> np.uint64(40)).astype(np.float64) / 2**23 - 1
