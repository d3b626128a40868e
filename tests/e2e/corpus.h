// SPDX-License-Identifier: MIT
//
// A small task that a tiny model learns in a few updates: does a sentence speak of an animal, a
// plant or a tool?
#ifndef LT_CORPUS_H
#define LT_CORPUS_H

// Writes dir/train.tsv (96 rows) and dir/dev.tsv (24 rows). Returns dir.
const char *lt_corpus(const char *dir);

// The command line that trains a tiny model on it for 24 updates; extra options come last and win.
// Lent until the next call.
const char *lt_finetune_line(const char *dir, const char *output, const char *extra);

#endif
