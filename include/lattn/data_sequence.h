// SPDX-License-Identifier: MIT
//
// Data of sequence models: streams of tokens, sentences with a label at every word, pairs of
// texts, and series of numbers.
//
// All of them become batches by loaders of data.h. Included by that header.
#ifndef LATTN_DATA_SEQUENCE_H
#define LATTN_DATA_SEQUENCE_H
#include "lattn/data.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- parts of a sequence ------------------------------------------------------------------

// Consecutive tokens of a stream, or rows of a series.
typedef struct lattn_range {
    int64_t first, n;
} lattn_range;

/**
 * Splits a stream or a series into consecutive parts: what is later is in a later part, so that
 * nothing of the validation and test parts is seen in training.
 *
 * Args     ratios  [n_parts], positive; their sum counts as 1
 *          parts   [n_parts]
 * Edge     a part differs from its share by less than one token or row; together they are all
 * Errors   ERR_ARG (no stream or series, a ratio that is not positive and finite, a part that
 *          would be empty)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_sequence_split(
    const lattn_dataset *d, const double *ratios, int32_t n_parts, lattn_range *parts);

// ---- streams of tokens --------------------------------------------------------------------

typedef struct lattn_stream_params {
    const lattn_tokenizer *tokenizer;
    const char *text_column;  // of TSV, CSV, JSONL: as in lattn_text_params
    bool plain;               // the file is plain text whatever its name
} lattn_stream_params;

/**
 * Reads a text as one stream of tokens, for language models. Files that end in .tsv, .csv,
 * .jsonl or .json are read as lattn_text_open does, without labels, and eos (of WordPiece
 * [SEP]) follows every row; any other file is plain text. All also with .gz behind.
 *
 * Edge     what the vocabulary lacks becomes unk, counted in the stats with a warning
 * Owner    the caller; lattn_dataset_close. The tokenizer is not needed afterwards
 * Errors   ERR_IO; ERR_FORMAT (an empty text, UTF-16, those of lattn_text_open); ERR_ARG (no
 *          tokenizer); ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_stream_open(
    const char *path, const lattn_stream_params *params, lattn_dataset **out);

/** The tokens of a stream, lent; n may be NULL. NULL if the dataset is no stream. */
LATTN_API const int32_t *lattn_stream_tokens(const lattn_dataset *d, int64_t *n);

typedef struct lattn_stream_loader_params {
    const lattn_dataset *dataset;  // a stream; must outlive the loader
    const lattn_range *part;       // of it; NULL = all
    int32_t batch_size;            // 0 = 32
    int32_t T;                     // tokens of a row; 0 = 64
    bool windows;                  // batches of windows from anywhere, for transformers
    int32_t stride;                // from one window to the next; 0 = T
    bool shuffle;                  // windows: another order each epoch, from seed and epoch
    bool drop_last;                // leave out a last batch of fewer or shorter rows
    uint64_t seed;
    int32_t n_threads;  // 0 = 1
    int32_t n_ahead;    // batches prepared ahead, per thread; 0 = 4
} lattn_stream_loader_params;

/**
 * Makes a loader of a stream, at the start of epoch 0: input_ids [n, T], and target_ids [n, T] the
 * tokens that follow each. The batches depend on the parameters alone.
 *
 *     contiguous: the stream is cut into batch_size rows of L = (tokens - 1) / batch_size, and
 *     batch k has places k T to k T + T of every row. The state of a recurrent network is
 *     carried from batch to batch, and begins anew at index 0 (truncated back-propagation)
 *     windows: window w has the tokens from w stride on
 *
 * Edge     contiguous: the last batch is shorter where T does not divide L, and up to batch_size
 *          tokens at the end are not read. Windows: those that would be shorter than T are left out
 * Owner    the caller; lattn_loader_destroy
 * Errors   ERR_ARG (fewer tokens than one batch row or window needs, with the numbers; shuffle or
 *          stride without windows), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_stream_loader_create(
    const lattn_stream_loader_params *params, lattn_loader **out);

#ifdef __cplusplus
}
#endif
#endif
