#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Loads a folder that lattn-bert wrote (or read) in transformers and compares the logits.

usage: lattn-bert predict -m DIR -f FILE | compare_transformers.py DIR [max_seq_length 512]

Prints the worst difference over all rows; ends with 1 when one is above 1e-4, a label differs, or
transformers finds a weight missing or unknown. Needs torch and transformers; run with transformers
4.36.2 and torch 1.13.
"""
import json
import sys

import torch
from transformers import BertForSequenceClassification, BertTokenizer

folder = sys.argv[1]
length = int(sys.argv[2]) if len(sys.argv) > 2 else 512
model, report = BertForSequenceClassification.from_pretrained(folder, output_loading_info=True)
tokenizer = BertTokenizer.from_pretrained(folder)
model.eval()

rows, worst, labels_differ = 0, 0.0, 0
with torch.no_grad():
    for line in sys.stdin:
        ours = json.loads(line)
        tokens = tokenizer(ours["text"], ours.get("text_pair"), truncation=True, max_length=length,
                           return_tensors="pt")
        theirs = model(**tokens).logits[0]
        worst = max(worst, (theirs - torch.tensor(ours["logits"])).abs().max().item())
        labels_differ += model.config.id2label[int(theirs.argmax())] != ours["label"]
        rows += 1
trouble = [name for name, found in report.items() if found]
print(f"{rows} rows, worst logit difference {worst:.3g}, {labels_differ} labels differ"
      + (f", {trouble}" if trouble else ""))
sys.exit(rows == 0 or worst > 1e-4 or labels_differ > 0 or bool(trouble))
