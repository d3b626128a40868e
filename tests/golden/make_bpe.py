#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/golden/bpe/: a small GPT-2 folder and what transformers' GPT2Tokenizer says.

    pip install "transformers==4.57.6"
    python3 make_bpe.py

The vocabulary is trained with the tokenizers library on the sentences below, line by line; its
merges are also what lattn_vocab_build must find for the same lines (corpus.txt). The C test encodes
every text of cases.jsonl, compares ids, and decodes them. Where GPT2TokenizerFast says something else
this prints it (with 4.57.6: nowhere). Characters newer than Unicode 14 are left out, as in
make_tokenizer.py.
"""
import json
import os
import random
import unicodedata

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Tokenizer, GPT2TokenizerFast

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bpe")

CORPUS = (
    "the quick brown fox jumps over the lazy dog\n"
    "The dog doesn't care; it's the fox's problem, they're all tired.\n"
    "In 1999 there were 2024 foxes and 314159 dogs (3.14159 per fox).\n"
    "na\u00efve caf\u00e9 \u00e9cole \u00fcber stra\u00dfe \u4e2d\u6587 \u4e2d\u6587\u5b57 \u3042\u3042 \U0001f600\U0001f600\n"
    "    indented code:  for (int i = 0; i < 10; i++) { a[i] += 1; }\n\n\n"
    "WE'LL SEE, I'd say, we've I'm you'll don't can't won't --- ... !!! ===\n"
    "running runner runs ran the then there their other another mother brother\n"
) * 3

HAND = [
    "", " ", "  ", "   a", "a", "hello world", " hello world ", "Hello, World!", "a\nb", "a\n\nb", "a \n b",
    "a  b", "a   b", "\n", "\n\n", "\t\ta", " \t a", "a\u00a0b", "a \u00a0b", "\u2003\u2003a", "a\u3000 b",
    "don't", "DON'T", "it's they're we've I'm you'll I'd", "'s't're've'm'll'd", "' s", " 's", "x's'", "''s", "!'s",
    "'S", "'l", "'", "''", "rock 'n' roll", "a'\n's",
    "1999 2024", "a1b2", "\u00bd \u00b2 \u2460 \u0663", "3.14", "x=1;y=2", "a_b-c/d\\e", "!!! ???", " !!!", "  !!!",
    "caf\u00e9 cafe\u0301", "\u0301", "na\u00efve", "\u4e2d\u6587\u5b57", "\u3042\u4e2d\u30a2", "\U0001f600\U0001f600", "\U0001f468\u200d\U0001f469",
    "a\x00b", "a\x01b\x7fc", "a\u0085b", "a\x1cb\x1d \x1e\x1fc", "a\x0bb\x0cc\rd", "\ufeffa", "a\u200bb", "a\u180eb", "a\ufffdb", "a\u0378b",
    "\u0e01\u0e34\u0e19", "\u05e9\u05c1\u05dc\u05d5\u05dd", "\u0905\u093f\u0902", "\u02b0 \u01c5 \u2160 \u3007",
    "<|endoftext|>", "a<|endoftext|>b", "a <|endoftext|> b", "<|endoftext|", "<<|endoftext|>>", "<|endoftext|><|endoftext|>",
    "the the the", "x" * 300, " " * 300, "\n" * 99 + "a", "ab" * 200, "=" * 77, "e\u0301" * 50, "aaaaaaa", "\u00e9" * 33,
    "The quick brown fox doesn't jump over 2 lazy dogs; they're naive.",
]

POOL = (
    [chr(c) for c in range(0x20, 0x7F)] * 2 + [" "] * 30 + list("'''ssttredvemll")
    + list("\t\n\r\x0b\x0c\x00\x1c\x1f\x85\u00a0\u00ad\u00b2\u00bd\u00c0\u00e9\u0301\u0308\u0391\u0410\u05d0\u0627\u0663\u0905\u093f")
    + list("\u1680\u180e\u2003\u200b\u200d\u2014\u2019\u2028\u2029\u202f\u205f\u2160\u2460\u3000\u3042\u4e2d\u6587\uac00\ufb01\ufeff\uff11\ufffd")
    + list("\U0001d7ce\U0001f600\U00020000\U00010140")
)


def main():
    os.makedirs(HERE, exist_ok=True)
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=400, min_frequency=2, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    t.train_from_iterator(CORPUS.splitlines(keepends=True), trainer)
    model = json.loads(t.to_str())["model"]
    vocab, merges = model["vocab"], [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    vocab["<|endoftext|>"] = len(vocab)
    with open(os.path.join(HERE, "corpus.txt"), "w", encoding="utf-8", newline="") as f:
        f.write(CORPUS)
    with open(os.path.join(HERE, "vocab.json"), "w", encoding="utf-8", newline="\n") as f:
        json.dump(vocab, f, ensure_ascii=False)
    with open(os.path.join(HERE, "merges.txt"), "w", encoding="utf-8", newline="\n") as f:
        f.write("#version: 0.2\n" + "".join(m + "\n" for m in merges))

    files = (os.path.join(HERE, "vocab.json"), os.path.join(HERE, "merges.txt"))
    slow, fast = GPT2Tokenizer(*files), GPT2TokenizerFast(*files)
    rng = random.Random(2)
    pool = [c for c in POOL if unicodedata.category(c) != "Cn"]
    texts = HAND + ["".join(rng.choice(pool) for _ in range(rng.randint(1, 40))) for _ in range(600)]
    n_differ = 0
    with open(os.path.join(HERE, "cases.jsonl"), "w", encoding="utf-8", newline="\n") as f:
        for text in texts:
            ids = slow(text)["input_ids"]
            assert slow.decode(ids, clean_up_tokenization_spaces=False) == text, repr(text)
            if fast(text)["input_ids"] != ids:
                n_differ += 1
                print("fast differs:", json.dumps(text))
            f.write(json.dumps({"text": text, "ids": ids}) + "\n")
    print(len(texts), "texts,", n_differ, "differ between slow and fast")


if __name__ == "__main__":
    main()
