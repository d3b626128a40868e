#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TF-IDF of one and two words with a linear classifier: what a transformer has to beat.

usage: linear.py DATA_DIR      (train.tsv and test.tsv of `lattn-bert wordnet`)
Needs python3-sklearn.
"""
import sys
import time

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier


def rows(name):
    with open(f"{sys.argv[1]}/{name}.tsv", encoding="utf-8") as f:
        next(f)
        return [line.rstrip("\n").split("\t") for line in f]


train, test = rows("train"), rows("test")
start = time.time()
features = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
model = SGDClassifier(loss="log_loss", alpha=2e-6, max_iter=20, random_state=0)
model.fit(features.fit_transform([r[1] for r in train]), [r[0] for r in train])
accuracy = model.score(features.transform([r[1] for r in test]), [r[0] for r in test])
print(f"test accuracy {100 * accuracy:.2f} % in {time.time() - start:.1f} s")
