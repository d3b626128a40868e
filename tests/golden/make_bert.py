#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Twenty training steps of a small BERT classifier in PyTorch, as a golden for tests/models/.

usage: make_bert.py [OUTPUT_DIR]      (default: bert_training beside this script)

Writes a model folder with the initial weights (names and layout of Hugging Face), four batches that
are gone through in turn, the loss of every step and the weights at the end. Dropout 0, AdamW at 1e-3 with decay 0.01 on all but
biases and norms, gradient norm clipped to 1. Computed in double precision, so that the golden is
the truth and not one of many roundings. Needs only torch and numpy; made with torch 1.13.1.
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import save_safetensors  # noqa: E402

V, C, LAYERS, HEADS, FF, POSITIONS, LABELS = 120, 32, 2, 4, 64, 16, 5
B, T, STEPS, BATCHES = 8, 12, 20, 4


def make_weights():
    def normal(*shape):
        return torch.randn(*shape) * 0.05
    w = {"bert.embeddings.word_embeddings.weight": normal(V, C),
         "bert.embeddings.position_embeddings.weight": normal(POSITIONS, C),
         "bert.embeddings.token_type_embeddings.weight": normal(2, C),
         "bert.pooler.dense.weight": normal(C, C), "bert.pooler.dense.bias": normal(C),
         "classifier.weight": normal(LABELS, C), "classifier.bias": normal(LABELS)}
    norms = ["bert.embeddings.LayerNorm"]
    for i in range(LAYERS):
        p = f"bert.encoder.layer.{i}."
        for name, rows, cols in (("attention.self.query", C, C), ("attention.self.key", C, C),
                                 ("attention.self.value", C, C), ("attention.output.dense", C, C),
                                 ("intermediate.dense", FF, C), ("output.dense", C, FF)):
            w[p + name + ".weight"] = normal(rows, cols)
            w[p + name + ".bias"] = normal(rows)
        norms += [p + "attention.output.LayerNorm", p + "output.LayerNorm"]
    for name in norms:
        w[name + ".weight"] = 1 + normal(C)
        w[name + ".bias"] = normal(C)
    w["bert.embeddings.word_embeddings.weight"][0] = 0
    return {k: v.float() for k, v in w.items()}


def forward(w, ids, types, lengths):
    def linear(name, x):
        return F.linear(x, w[name + ".weight"], w[name + ".bias"])

    def norm(name, x):
        return F.layer_norm(x, (C,), w[name + ".weight"], w[name + ".bias"], 1e-12)

    def heads(x):
        return x.view(x.shape[0], x.shape[1], HEADS, C // HEADS).transpose(1, 2)

    e = "bert.embeddings."
    n = ids.shape[1]
    x = (F.embedding(ids, w[e + "word_embeddings.weight"], padding_idx=0)
         + F.embedding(types, w[e + "token_type_embeddings.weight"])
         + w[e + "position_embeddings.weight"][:n])
    x = norm(e + "LayerNorm", x)
    mask = torch.zeros(ids.shape[0], 1, 1, n, dtype=x.dtype)
    mask.masked_fill_((torch.arange(n)[None] >= lengths[:, None])[:, None, None], -torch.inf)
    for i in range(LAYERS):
        p = f"bert.encoder.layer.{i}."
        q, k, v = (heads(linear(p + "attention.self." + s, x)) for s in ("query", "key", "value"))
        a = torch.softmax(q @ k.transpose(2, 3) / (C // HEADS) ** 0.5 + mask, -1) @ v
        a = a.transpose(1, 2).reshape(x.shape)
        x = norm(p + "attention.output.LayerNorm", x + linear(p + "attention.output.dense", a))
        h = linear(p + "output.dense", F.gelu(linear(p + "intermediate.dense", x)))
        x = norm(p + "output.LayerNorm", x + h)
    return linear("classifier", torch.tanh(linear("bert.pooler.dense", x[:, 0])))


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(
        os.path.abspath(__file__)), "bert_training")
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    start = make_weights()
    ids = torch.randint(1, V, (BATCHES, B, T))
    lengths = torch.randint(2, T + 1, (BATCHES, B))
    types = (torch.arange(T)[None, None] >= lengths[..., None] // 2).long()
    padding = torch.arange(T)[None, None] >= lengths[..., None]
    ids[padding], types[padding] = 0, 0
    labels = torch.randint(0, LABELS, (BATCHES, B))

    w = {k: v.double().requires_grad_() for k, v in start.items()}
    plain = [k for k in w if k.endswith(".bias") or "LayerNorm" in k]
    optim = torch.optim.AdamW([{"params": [w[k] for k in w if k not in plain], "weight_decay": 0.01},
                               {"params": [w[k] for k in plain], "weight_decay": 0.0}],
                              lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    losses, norms, first_logits = [], [], None
    for step in range(STEPS):
        logits = forward(w, ids[step % BATCHES], types[step % BATCHES], lengths[step % BATCHES])
        first_logits = logits.detach() if step == 0 else first_logits
        loss = F.cross_entropy(logits, labels[step % BATCHES])
        optim.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(w.values(), 1.0)))
        optim.step()
        losses.append(float(loss))

    save_safetensors(os.path.join(out, "model.safetensors"), {k: v.numpy() for k, v in start.items()})
    save_safetensors(os.path.join(out, "final.safetensors"),
                     {k: v.detach().float().numpy() for k, v in w.items()})
    i32 = lambda t: t.numpy().astype(np.int32)
    save_safetensors(os.path.join(out, "batches.safetensors"),
                     {"input_ids": i32(ids), "token_type_ids": i32(types), "lengths": i32(lengths),
                      "labels": i32(labels), "losses": np.array(losses, np.float32),
                      "grad_norms": np.array(norms, np.float32),
                      "first_logits": first_logits.float().numpy()})
    with open(os.path.join(out, "config.json"), "w") as f:
        json.dump({"model_type": "bert", "vocab_size": V, "hidden_size": C,
                   "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
                   "intermediate_size": FF, "max_position_embeddings": POSITIONS,
                   "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
                   "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
                   "pad_token_id": 0, "id2label": {str(i): f"class{i}" for i in range(LABELS)}},
                  f, indent=1)
        f.write("\n")
    print(f"torch {torch.__version__}: loss {losses[0]:.6f} -> {losses[-1]:.6f}, "
          f"gradient norm {norms[0]:.4f} -> {norms[-1]:.4f}")


if __name__ == "__main__":
    main()
