#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/golden/tokenizer/: a small vocabulary and what transformers' BertTokenizer says.

    pip install "transformers==4.57.6"
    python3 make_tokenizer.py

The C test encodes every text of cases.jsonl with the same vocabulary and settings and compares
ids and token types. Texts are hand-picked for each rule of the tokenizer, then random ones from
a pool of difficult characters. Characters newer than Unicode 14 are left out: whether they are
assigned depends on the Unicode version of either side.
"""
import json
import os
import random
import unicodedata

from transformers import BertTokenizer

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer")

HAND = [
    "", " ", "\t\n\r ", "hello", "Hello, World!", "unaffable", "UNAFFABLE", "runningly",
    "don't stop", "it's 10$ (or 5^2) ~ `x`", "a_b-c/d\\e", "!!!", "...a...", "x" * 100,
    "x" * 101, "hello " + "y" * 101 + " world", "q" * 5 + "\u00e9" * 95, "q" * 5 + "\u00e9" * 96,
    # control, format, private use, unassigned
    "a\x00b", "a\x01b\x7fc", "a\u200bb", "a\u200db", "a\u00adb", "\ufeffhello", "a\ufffdb",
    "a\ue000b", "a\U000f0000b", "a\u0378b", "a\u0085b", "a\x1cb", "a\x0bb\x0cc",
    # blanks
    "a\u00a0b", "a\u2003b", "a\u3000b", "a\u2028b", "a\u2029b", "a\u202fb", "a\u1680b",
    "a\u180eb", "  a   b  ",
    # CJK
    "\u4e2d\u6587", "abc\u4e2d\u6587def", "\u3042\u4e2d\u30a2", "\uac00\ub098\ub2e4",
    "\uf900", "\U00020000x", "\U0002f800", "\u9fff\ua000", "\u3400\u4dbf\u4dc0", "\u3007",
    # case and accents
    "\u00c9COLE \u00e9cole e\u0301cole", "\u00c5ngstr\u00f6m \u212b", "\u0130stanbul I\u0307",
    "STRASSE stra\u00dfe \u1e9e", "\u03a3\u0391\u03a3 \u03c3\u03b1\u03c2", "\u01c4\u01c5\u01c6",
    "\u1e69 s\u0323\u0307 s\u0307\u0323", "\u0958 \u0915\u093c", "\u212a", "\u2126", "\u0149",
    "na\u00efve co\u00f6perate", "\u0301", "a \u0301 b", "\u0301a", "\ufb01x", "\u00bd",
    "\u0e01\u0e34\u0e19", "\u05e9\u05c1\u05dc\u05d5\u05dd", "\u0627\u0644\u0633\u064e\u0644\u0627\u0645",
    "\u1ea4\u1ebe", "A\u030a", "\u0344", "\u1fef\u037e\u0387", "\u2000\u2001", "\U0001d15e",
    # punctuation and symbols
    "\u201cquoted\u201d", "a\u2014b", "a\u2026b", "\u00bfque?", "\u3002\u3001", "\u20ac5", "\u00a9\u00ae",
    "a\u2019s", "\u00b7", "\u2212", "+=<>|~^`$", "\u066a", "\U0001f600 smile", "\U0001f468\u200d\U0001f469",
    # special tokens in the text
    "[MASK]", "the [MASK] sat", "a[SEP]b", "[CLS][SEP]", "[PAD][UNK]", "[mask]", "[MASK", "x[MASK]y",
    "[[MASK]]", "[ MASK ]", "[UNKNOWN]",
]

PAIRS = [
    ("hello world", "hello again"), ("", ""), ("a", ""), ("", "b"),
    ("a a a a a a a a", "b b"), ("a a", "b b b b b b b b"),
    ("a a a a a", "b b b b b"), ("a a a a a a", "b b b b b"),
    ("hello, world", "the [MASK] sat"),
]

POOL = (
    [chr(c) for c in range(0x20, 0x7F)] * 2
    + list("\t\n\x00\x1f\x85\u00a0\u00ad\u00b4\u00c0\u00c5\u00df\u00e9\u00f1\u0130\u0131\u0149\u01c5\u0301")
    + list("\u0308\u0323\u0345\u0391\u03a3\u03c2\u0410\u0451\u05d0\u05b0\u0627\u064b\u0905\u093c\u0e33\u0e34")
    + list("\u1100\u1161\u11a8\u1e9b\u1ea4\u1f80\u2003\u200b\u200d\u2014\u2019\u2028\u2126\u212a\u2460\u2fa1")
    + list("\u3000\u3002\u3042\u304c\u30f4\u4e00\u9fa5\uac00\uac01\ud7a3\uf900\ufb01\ufb1d\ufdfa\ufeff\uff01\uff21\uff9e\ufffd")
    + list("\U0001d400\U0001d15e\U0001f600\U0002f81a\U000e0001\U00020000\U00010400\u0cca\u1b06\u0340\u20dd")
)

CONFIGS = {
    "uncased": dict(do_lower_case=True),
    "cased": dict(do_lower_case=False),
    "keep_accents": dict(do_lower_case=True, strip_accents=False),
    "strip_accents": dict(do_lower_case=False, strip_accents=True),
    "no_chinese": dict(do_lower_case=True, tokenize_chinese_chars=False),
}


def old_enough(c):
    return unicodedata.category(c) != "Cn" or c in "\u0378"


def make_vocab():
    words = "hello world the sat un ##aff ##able run ##ning ##ly again ##ly école ecole naive sat".split()
    chars = set()
    for text in HAND + [t for p in PAIRS for t in p] + POOL:
        for form in (text, text.lower(), text.upper()):
            for kind in ("NFC", "NFD"):
                chars |= set(unicodedata.normalize(kind, form))
    # Some are left out so that [UNK] happens.
    chars = [c for c in sorted(chars) if not c.isspace() and unicodedata.category(c)[0] != "C" and ord(c) % 13]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words + chars + ["##" + c for c in chars]
    return list(dict.fromkeys(vocab))


def main():
    os.makedirs(HERE, exist_ok=True)
    vocab = os.path.join(HERE, "vocab.txt")
    with open(vocab, "w", encoding="utf-8", newline="\n") as f:
        f.writelines(token + "\n" for token in make_vocab())
    rng = random.Random(1)
    pool = [c for c in POOL if old_enough(c)]
    texts = HAND + ["".join(rng.choice(pool) for _ in range(rng.randint(1, 24))) for _ in range(150)]
    with open(os.path.join(HERE, "cases.jsonl"), "w", encoding="utf-8", newline="\n") as f:
        for name, config in CONFIGS.items():
            t = BertTokenizer(vocab, **config)

            def put(text, pair=None, limit=0):
                e = t(text, pair, truncation="longest_first" if limit else False, max_length=limit or None)
                row = {"config": name, "text": text, "pair": pair, "max": limit,
                       "ids": e["input_ids"], "types": e["token_type_ids"]}
                f.write(json.dumps(row) + "\n")

            for text in texts:
                put(text)
            if name != "uncased":
                continue
            # (Room for no token at all is left out: transformers then does not cut.)
            for text in ("hello world the sat", "a"):
                for limit in range(3, 8):
                    put(text, None, limit)
            for text, pair in PAIRS:
                put(text, pair)
                for limit in range(3, 16):
                    put(text, pair, limit)


if __name__ == "__main__":
    main()
