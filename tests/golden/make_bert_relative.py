#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small BERT classifiers with embeddings of distances, by transformers, as goldens for
tests/models/test_bert_relative.c.

usage: make_bert_relative.py [OUTPUT_DIR]      (default: bert_relative beside this script)

For position_embedding_type relative_key and relative_key_query a folder as save_pretrained writes it, with
golden.safetensors beside: a batch with padding, its logits, and the gradients of the mean cross-entropy with
respect to each layer's distance_embedding and the first layer's key. Dropout 0, in double precision. Made
with transformers 4.36.2 and torch 1.13.0.
"""
import os
import sys

import torch
import transformers

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import save_safetensors  # noqa: E402

V, C, LAYERS, HEADS, FF, POSITIONS, LABELS, B, T = 41, 16, 2, 2, 24, 12, 3, 4, 9


def make(out, kind):
    torch.manual_seed(3)
    m = transformers.BertForSequenceClassification(transformers.BertConfig(
        vocab_size=V, hidden_size=C, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=FF, max_position_embeddings=POSITIONS, num_labels=LABELS,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, position_embedding_type=kind))
    with torch.no_grad():
        for name, p in m.named_parameters():
            p.copy_((torch.randn(p.shape) / 4).add("LayerNorm.weight" in name))
    folder = os.path.join(out, kind)
    m.save_pretrained(folder, safe_serialization=True)
    m = m.double()
    ids, lengths = torch.randint(1, V, (B, T)), torch.tensor([T, 4, 1, 7])
    labels = torch.randint(0, LABELS, (B,))
    seen = torch.arange(T)[None] < lengths[:, None]
    ids[~seen] = 0
    logits = m(ids, attention_mask=seen.long()).logits
    torch.nn.functional.cross_entropy(logits, labels).backward()
    i32 = lambda t: t.numpy().astype("int32")
    golden = {"input_ids": i32(ids), "lengths": i32(lengths), "labels": i32(labels),
              "logits": logits.detach().float().numpy()}
    for name, p in m.named_parameters():
        if "distance_embedding" in name or name.endswith("0.attention.self.key.weight"):
            golden["grad." + name] = p.grad.float().numpy()
    save_safetensors(os.path.join(folder, "golden.safetensors"), golden)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}: {kind}, "
          f"logits to {logits.abs().max():.3f}")


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(
        os.path.abspath(__file__)), "bert_relative")
    for kind in ("relative_key", "relative_key_query"):
        make(out, kind)


if __name__ == "__main__":
    main()
