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

// ---- sentences with a label at every word -------------------------------------------------

typedef struct lattn_tags_params {
    int32_t word_column;        // from 1, or from the end: -1; 0 = the first
    int32_t tag_column;         // 0 = the last
    const char *const *labels;  // as in lattn_text_params
    int32_t n_labels;
    bool no_labels;  // tags are not read; a line may be a word alone
} lattn_tags_params;

/**
 * Reads a file as those of the CoNLL tasks, also with .gz behind: one word a line, its tag in
 * another column, an empty line behind a sentence. Columns are separated by tabs, in a line
 * without any by blanks. The tags are the labels of the dataset, lattn_dataset_text gives a
 * sentence with one blank between the words.
 *
 * Args     params  NULL = defaults
 * Edge     lines that begin with -DOCSTART- are skipped and counted
 * Owner    the caller; lattn_dataset_close
 * Errors   ERR_IO; ERR_FORMAT with file and line (a column missing, no word, no sentence, a tag
 *          that is not among params->labels); ERR_ARG; ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tags_open(
    const char *path, const lattn_tags_params *params, lattn_dataset **out);

/** Number of words of sentence i; 0 if it is out of range or the dataset has no sentences. */
LATTN_API int32_t lattn_tags_count(const lattn_dataset *d, int64_t i);
/** Word k of sentence i, lent, not NUL-terminated; NULL if there is none. */
LATTN_API const char *lattn_tags_word(const lattn_dataset *d, int64_t i, int32_t k, size_t *bytes);
/** Label id of word k of sentence i; -1 if there is none. */
LATTN_API int32_t lattn_tags_label(const lattn_dataset *d, int64_t i, int32_t k);

/**
 * Makes a loader of sentences from the parameters of a loader of texts: input_ids [n, T], and
 * the label of a word at its first token in target_ids [n, T], -100 elsewhere; word_starts
 * says the same of rows without labels. The batches depend on the parameters alone.
 *
 *     WordPiece: [CLS] words [SEP]. BPE: words, all but the first with a blank before them.
 *     Characters: words with the token of a blank between them
 *
 * Edge     a word without any token is unk; words beyond max_tokens have no place
 * Owner    the caller; lattn_loader_destroy
 * Errors   ERR_ARG, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tags_loader_create(
    const lattn_loader_params *params, lattn_loader **out);

// ---- pairs of texts -----------------------------------------------------------------------

typedef struct lattn_pairs_loader_params {
    const lattn_dataset *dataset;      // texts with a pair, from lattn_text_open; must outlive
    const lattn_tokenizer *tokenizer;  // of the source, as must this
    const lattn_tokenizer *target_tokenizer;  // NULL = tokenizer
    const lattn_rows *rows;                   // which rows; NULL = all
    int32_t batch_size;                       // 0 = 32
    bool no_targets;                          // sources alone: T_out is 0, pairs are not read
    int32_t max_source, max_target;           // tokens, with eos; 0 = the tokenizer's max_length
    int32_t pad_multiple;                     // T and T_out are rounded up to a multiple; 0 = 8
    bool pad_to_max;                          // T = max_source and T_out = max_target always
    bool shuffle;                             // another order each epoch, from seed and epoch
    bool drop_last;                           // leave out a last batch that is not full
    uint64_t seed;
    int32_t n_threads;  // 0 = 1
    int32_t n_ahead;    // batches prepared ahead, per thread; 0 = 4
} lattn_pairs_loader_params;

/**
 * Makes a loader of pairs for sequence-to-sequence models. The batches depend on the parameters
 * alone.
 *
 *     input_ids [n, T]       source, eos          (WordPiece: [CLS] source [SEP])
 *     output_ids [n, T_out]  bos, target          (bos and eos of WordPiece are [CLS] and [SEP])
 *     target_ids [n, T_out]  target, eos, then -100
 *
 * Edge     a source that is cut keeps its eos, a target that is cut has none
 * Owner    the caller; lattn_loader_destroy
 * Errors   ERR_ARG (a dataset without pairs, unless no_targets; numbers out of range), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_pairs_loader_create(
    const lattn_pairs_loader_params *params, lattn_loader **out);

// ---- series of numbers --------------------------------------------------------------------

typedef struct lattn_series_params {
    const char *const *columns;  // names of those that are read to forecast from
    int32_t n_columns;           // 0 = all of the file
    const char *const *targets;  // names of those that are forecast
    int32_t n_targets;           // 0 = the same
} lattn_series_params;

/**
 * Reads a series: a .csv or .tsv file, also with .gz behind, with names of columns in its first
 * line and one step in time in every other one, the earliest first. A column that is only a target
 * is kept behind the others.
 *
 * Args     params  NULL = defaults
 * Owner    the caller; lattn_dataset_close
 * Errors   ERR_IO; ERR_FORMAT with file, line, column and value (no finite number, an empty
 *          field, another number of fields, no such column, no rows); ERR_ARG (a column named
 *          twice, another kind of file); ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_series_open(
    const char *path, const lattn_series_params *params, lattn_dataset **out);

/** Number of columns that are kept: those read, then those that are only targets; else 0. */
LATTN_API int32_t lattn_series_n_columns(const lattn_dataset *d);
/** Number of columns that are read, the first ones. */
LATTN_API int32_t lattn_series_n_inputs(const lattn_dataset *d);
/** Number of columns that are forecast. */
LATTN_API int32_t lattn_series_n_targets(const lattn_dataset *d);
/** Which column target i is; -1 if there is none. */
LATTN_API int32_t lattn_series_target(const lattn_dataset *d, int32_t i);
/** Name of a column, lent; NULL if there is none. */
LATTN_API const char *lattn_series_column(const lattn_dataset *d, int32_t column);
/** A number as it stands in the file; NaN if there is none. */
LATTN_API double lattn_series_value(const lattn_dataset *d, int64_t row, int32_t column);

// How the columns of a series are normalised: (value - mean) / std. Start from { 0 }.
typedef struct lattn_series_scale {
    int32_t n;
    char **names;  // [n] of the columns
    double *mean, *std;
} lattn_series_scale;

/**
 * Finds mean and standard deviation of every column over a part of a series: the training part
 * alone, or the test is not one.
 *
 * Args     part  NULL = all
 * Edge     a column that is constant gets the deviation 1
 * Owner    the caller; lattn_series_scale_free. *out is { 0 } on failure
 * Errors   ERR_ARG (no series, a part out of range), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_series_scale_fit(
    const lattn_dataset *d, const lattn_range *part, lattn_series_scale *out);

/**
 * Writes a scale as JSON, to be stored with the model. The file is replaced as a whole.
 *
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_series_scale_save(
    const lattn_series_scale *scale, const char *path);

/**
 * Reads what lattn_series_scale_save wrote; every bit of the numbers comes back.
 *
 * Owner    the caller; lattn_series_scale_free. *out is { 0 } on failure
 * Errors   ERR_IO; ERR_FORMAT (malformed, a mean that is not finite, a deviation that is not
 *          positive); ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_series_scale_load(
    const char *path, lattn_series_scale *out);

/** Frees a scale and makes it { 0 } again. */
LATTN_API void lattn_series_scale_free(lattn_series_scale *scale);

typedef struct lattn_series_loader_params {
    const lattn_dataset *dataset;     // a series; must outlive the loader
    const lattn_range *part;          // of it, as is every window whole; NULL = all
    const lattn_series_scale *scale;  // NULL = numbers as they are; not needed afterwards
    int32_t T;                        // steps that are read; required
    int32_t T_out;                    // steps that are forecast; 0 = 1
    int32_t stride;                   // from one window to the next; 0 = 1
    int32_t batch_size;               // 0 = 32
    bool shuffle;                     // another order each epoch, from seed and epoch
    bool drop_last;                   // leave out a last batch that is not full
    uint64_t seed;
    int32_t n_threads;  // 0 = 1
    int32_t n_ahead;    // batches prepared ahead, per thread; 0 = 4
} lattn_series_loader_params;

/**
 * Makes a loader of windows of a series: x [n, T, C] and, right behind them in time, targets
 * [n, T_out, n_labels], normalised. The batches depend on the parameters alone.
 *
 * Owner    the caller; lattn_loader_destroy
 * Errors   ERR_ARG (a part with fewer steps than a window, numbers out of range, a scale of
 *          other columns), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_series_loader_create(
    const lattn_series_loader_params *params, lattn_loader **out);

#ifdef __cplusplus
}
#endif
#endif
