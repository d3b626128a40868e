// SPDX-License-Identifier: MIT
//
// Data: tokenizers, vocabularies, text files, pictures, splits, and batches prepared ahead.
//
// Everything here is host memory; nothing needs a device. A trainer copies the arrays
// of a batch into its tensors. Of pictures C, H and W are channels, height and width.
#ifndef LATTN_DATA_H
#define LATTN_DATA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lattn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- tokenizer ----------------------------------------------------------------------------

// From text to ids and back. Never changes after its creation: any number of threads may
// encode with one at the same time.
typedef struct lattn_tokenizer lattn_tokenizer;

typedef enum lattn_token_kind {
    LATTN_TOKEN_KIND_WORDPIECE,   // BERT: pieces of words
    LATTN_TOKEN_KIND_BPE,         // GPT-2: merged bytes; every text comes back as it was
    LATTN_TOKEN_KIND_CHARACTERS,  // one Unicode code point each
} lattn_token_kind;

typedef struct lattn_tokenizer_params {  // all but max_length of WordPiece alone
    bool keep_case;                      // no lower-casing ("cased" models)
    bool keep_accents;                   // keep accents although lower-casing
    bool strip_accents;                  // remove accents although keeping case
    bool no_chinese_chars;               // do not put blanks around CJK ideographs
    int32_t max_length;                  // model_max_length; 0 = 512, of other kinds 1024
} lattn_tokenizer_params;

// Ids of the special tokens; -1 where the vocabulary has none. WordPiece has pad to mask; the
// others have pad, unk, bos and eos. With BPE all of these may be one: <|endoftext|>.
typedef struct lattn_special_ids {
    int32_t pad, unk, cls, sep, mask;
    int32_t bos, eos;  // begin and end of a sequence
} lattn_special_ids;

/**
 * Loads the tokenizer of a Hugging Face model folder: WordPiece from vocab.txt (or the
 * vocabulary in tokenizer.json where there is no vocab.txt), byte-level BPE from vocab.json
 * and merges.txt (or from tokenizer.json alone), characters from what lattn_tokenizer_save wrote;
 * and, if they are there, tokenizer_config.json and added_tokens.json.
 *
 * Edge     a byte-order mark and CRLF in vocab.txt are accepted; of a token that
 *          occurs twice the last id counts, with a warning; a BPE folder without a padding
 *          token pads with eos
 * Owner    the caller; lattn_tokenizer_destroy
 * Errors   ERR_IO; ERR_FORMAT (empty, a special token missing, invalid UTF-8, token
 *          above 256 bytes (BPE: 4096), a line of merges.txt that is no pair, with its number,
 *          malformed JSON); ERR_UNSUPPORTED (tokenizer of another kind or setting);
 *          ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tokenizer_load(
    const char *dir, lattn_tokenizer **out);

/**
 * Makes a WordPiece tokenizer from tokens in memory; token i gets id i. (The other kinds come
 * from lattn_vocab_build or lattn_tokenizer_load.)
 *
 * Args     params  NULL = defaults (bert-base-uncased)
 * Owner    the caller
 * Errors   as lattn_tokenizer_load
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tokenizer_create(const char *const *tokens,
    int32_t n_tokens, const lattn_tokenizer_params *params, lattn_tokenizer **out);

/**
 * Writes vocab.txt (BPE: vocab.json and merges.txt, characters: vocab.json),
 * tokenizer_config.json and special_tokens_map.json, WordPiece and BPE as transformers
 * reads them. Each file is replaced as a whole.
 *
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tokenizer_save(
    const lattn_tokenizer *t, const char *dir);

/** Frees a tokenizer; sets *t to NULL. Accepts NULL. Nobody may be encoding with it. */
LATTN_API void lattn_tokenizer_destroy(lattn_tokenizer **t);

/** What the tokens are. */
LATTN_API lattn_token_kind lattn_tokenizer_kind(const lattn_tokenizer *t);
/** Number of ids. */
LATTN_API int32_t lattn_tokenizer_size(const lattn_tokenizer *t);
/** Text of an id, lent; NULL if id is out of range. */
LATTN_API const char *lattn_tokenizer_token(const lattn_tokenizer *t, int32_t id);
/** Id of a token as it stands in the vocabulary; -1 if it is not there. */
LATTN_API int32_t lattn_tokenizer_id(const lattn_tokenizer *t, const char *token);
/** Ids of the special tokens. */
LATTN_API lattn_special_ids lattn_tokenizer_special(const lattn_tokenizer *t);
/** model_max_length of the folder; 512 (other kinds than WordPiece: 1024) if it does not say. */
LATTN_API int32_t lattn_tokenizer_max_length(const lattn_tokenizer *t);

// The result of encoding. Start from { 0 }; used again, it keeps its memory.
typedef struct lattn_encoding {
    int32_t *ids;       // [n]
    int32_t *type_ids;  // [n]: 0 for the first text, 1 for the second
    int32_t n;
    int32_t n_cut;       // tokens dropped to fit max_tokens
    int64_t n_replaced;  // bytes that are no UTF-8, read as U+FFFD (which WordPiece then drops;
                         // BPE keeps the bytes)
    int64_t n_unknown;   // words or characters that the vocabulary lacks: each one unk
    struct lattn_encoding_scratch *scratch;
} lattn_encoding;

/**
 * Encodes one text, [CLS] a [SEP], or a pair, [CLS] a [SEP] b [SEP]. BPE and characters add
 * nothing: a, or a b.
 *
 *     WordPiece: clean, split at blanks and CJK, lower-case, strip accents, split at
 *     punctuation, then the longest piece of the vocabulary from the left, continued with ##
 *     BPE: split as GPT-2 (contractions; letters, numbers or others with the space before
 *     them; blanks), then of the neighbours in a part the pair merged that comes first in
 *     merges.txt, again and again
 *
 * Args     b           second text; NULL = none
 *          max_tokens  longest result, with the special tokens; 0 = no limit. The longer
 *                      of two texts is cut first
 * Edge     an empty text gives [CLS] [SEP], of other kinds no token; words above 100
 *          characters give [UNK]; a special token written in the text, [MASK] or <|endoftext|>,
 *          is that token, but characters are only characters
 * Owner    the caller; lattn_encoding_free
 * Errors   ERR_ARG (max_tokens below the number of special tokens), ERR_HOST_MEMORY
 * Source   Devlin et al. 2018, arXiv:1810.04805; Radford et al. 2019, "Language models are
 *          unsupervised multitask learners", section 2.2; transformers, BertTokenizer and
 *          GPT2Tokenizer
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tokenizer_encode(const lattn_tokenizer *t,
    const char *a, size_t a_bytes, const char *b, size_t b_bytes, int32_t max_tokens,
    lattn_encoding *out);

/** Frees what an encoding holds and makes it { 0 } again. */
LATTN_API void lattn_encoding_free(lattn_encoding *e);

// A text made from ids. Start from { 0 }; used again, it keeps its memory.
typedef struct lattn_decoded {
    char *text;  // [bytes], and a NUL behind it
    size_t bytes, capacity;
} lattn_decoded;

/**
 * Makes text from ids. BPE and characters give back what was encoded, BPE also bytes that
 * are no UTF-8; WordPiece gives words with one blank between them.
 *
 * Args     skip_special  leave out special tokens (of characters unk stays)
 * Edge     the text of one token alone may end within a character; of characters unk is U+FFFD
 * Owner    the caller; lattn_decoded_free
 * Errors   ERR_ARG (an id that the vocabulary lacks, with its place), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tokenizer_decode(
    const lattn_tokenizer *t, const int32_t *ids, int32_t n, bool skip_special, lattn_decoded *out);

/** Frees what a decoded text holds and makes it { 0 } again. */
LATTN_API void lattn_decoded_free(lattn_decoded *d);

// ---- building a vocabulary ----------------------------------------------------------------

typedef struct lattn_vocab_params {
    int32_t size;           // most entries, special tokens included; 0 = 30522, BPE 50257
    int32_t min_frequency;  // pairs rarer than this are not merged; 0 = 2. Characters rarer
                            // than this are unk; 0 = 1
    int32_t max_alphabet;   // WordPiece: single characters kept, the most frequent; 0 = 1000
    lattn_token_kind kind;
    lattn_tokenizer_params tokenizer;
} lattn_vocab_params;

// Counts words or characters until the vocabulary is built.
typedef struct lattn_vocab lattn_vocab;

/**
 * Begins to count words for a vocabulary.
 *
 * Args     params  NULL = defaults
 * Owner    the caller; lattn_vocab_destroy
 * Errors   ERR_ARG (negative numbers), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_vocab_create(
    const lattn_vocab_params *params, lattn_vocab **out);

/**
 * Counts the words of a text, split as the tokenizer will split them.
 *
 * Edge     WordPiece leaves out words above 100 characters, which are never looked up, BPE those
 *          above 1000 bytes; bytes that are no UTF-8 are no characters
 * Errors   ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_vocab_add(
    lattn_vocab *v, const char *text, size_t bytes);

/**
 * Builds the vocabulary of everything added and a tokenizer with it. The same texts in any
 * order give the same vocabulary.
 *
 *     WordPiece: [PAD] [UNK] [CLS] [SEP] [MASK], the characters, then the pieces in the order
 *     they were merged (the most frequent pair first, ties by lower ids)
 *     BPE: the 256 bytes in GPT-2's order, the merged pieces, <|endoftext|>
 *     characters: <pad> <unk> <bos> <eos>, then the code points in ascending order; the most
 *     frequent ones where size does not hold all
 *
 * Owner    the caller owns *out
 * Errors   ERR_ARG (size too small for the characters or bytes, nothing added), ERR_HOST_MEMORY
 * Source   Schuster & Nakajima 2012, "Japanese and Korean voice search"; Sennrich et al.
 *          2015, arXiv:1508.07909, algorithm 1
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_vocab_build(lattn_vocab *v, lattn_tokenizer **out);

/** Frees a vocabulary builder; sets *v to NULL. Accepts NULL. */
LATTN_API void lattn_vocab_destroy(lattn_vocab **v);

// ---- data sets ----------------------------------------------------------------------------

// Rows with labels: texts, pictures, or rows of numbers. Never changes after open: any number
// of threads may read one at the same time.
typedef struct lattn_dataset lattn_dataset;

// What was met while reading.
typedef struct lattn_data_stats {
    int64_t n_replaced;   // texts: bytes that are no UTF-8, and NUL: read as U+FFFD
    int64_t n_skipped;    // empty lines; in a folder, files that are no pictures by their names
    int64_t n_empty;      // empty texts, kept
    int64_t n_bad;        // pictures left out because they cannot be decoded (skip_bad)
    uint64_t hash;        // XXH3 of the file, of a folder that of its names and file sizes, to
                          // notice a change between runs
    uint64_t file_bytes;  // of all files
    int64_t n_unknown;    // streams: words or characters that the vocabulary lacks
    int64_t n_bytes, n_characters;  // streams: of the text, for bits per character
} lattn_data_stats;

/** Frees a dataset and all it lent; sets *d to NULL. Accepts NULL. */
LATTN_API void lattn_dataset_close(lattn_dataset **d);

/** Number of rows, at least 1; of a stream its tokens. */
LATTN_API int64_t lattn_dataset_count(const lattn_dataset *d);
/** Label id of row i; -1 if the file has none. */
LATTN_API int32_t lattn_dataset_label(const lattn_dataset *d, int64_t i);
/** Number of different labels: those that were given, or those found; 0 if there are none. */
LATTN_API int32_t lattn_dataset_n_labels(const lattn_dataset *d);
/** Name of a label id, lent; NULL if id is out of range. */
LATTN_API const char *lattn_dataset_label_name(const lattn_dataset *d, int32_t id);
/** What was met while reading. */
LATTN_API lattn_data_stats lattn_dataset_stats(const lattn_dataset *d);

// ---- text files ---------------------------------------------------------------------------

typedef struct lattn_text_params {
    const char *text_column;    // NULL = "sentence1" if there is one, "text", "sentence", else
                                // the first column that is no label
    const char *pair_column;    // NULL = "sentence2" if there is one; "" = none
    const char *label_column;   // NULL = "label"
    const char *const *labels;  // names in the order of their ids, as the model knows them;
    int32_t n_labels;           // 0 = those found in this file, sorted
    bool no_labels;             // the file may lack labels; they are not read
    bool no_header;             // TSV, CSV: the first line is a row; the columns are "1", "2", ...
    bool strict;                // broken UTF-8, empty lines and empty texts are errors
    size_t max_line_bytes;      // 0 = 16 MiB
} lattn_text_params;

/**
 * Reads a text file: .tsv, .csv (quotes as RFC 4180) or .jsonl/.json (one object a
 * line), also with .gz behind. The first line of TSV and CSV names the columns, if there is a
 * header.
 *
 * Labels are texts or whole numbers. Without params->labels the different ones are
 * sorted, numbers by value and texts by bytes, and get the ids 0, 1, ...
 *
 * Args     params  NULL = defaults
 * Edge     empty lines are skipped, empty texts kept, both counted
 * Owner    the caller; lattn_dataset_close
 * Errors   ERR_IO; ERR_FORMAT with file and line (columns, quotes, UTF-16, line too
 *          long, no rows, a label that is not among params->labels); ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_text_open(
    const char *path, const lattn_text_params *params, lattn_dataset **out);

/**
 * Text of row i, lent, NUL-terminated; bytes may be NULL. Of a folder of pictures the path.
 * NULL if i is out of range or the rows have no texts.
 */
LATTN_API const char *lattn_dataset_text(const lattn_dataset *d, int64_t i, size_t *bytes);
/** Second text of row i, lent; NULL if the file has none. */
LATTN_API const char *lattn_dataset_pair(const lattn_dataset *d, int64_t i, size_t *bytes);

// ---- splits -------------------------------------------------------------------------------

// Some rows of a dataset. Start from { 0 }.
typedef struct lattn_rows {
    int64_t *items;
    int64_t n;
} lattn_rows;

/**
 * Splits a dataset into parts that have nothing in common, the shares of the labels being the
 * same in each. 70, 30 or 60, 20, 20 or 98, 1, 1 are usual. Rows are in ascending order.
 *
 * Args     ratios  [n_parts], positive; their sum counts as 1
 *          parts   [n_parts]
 * Edge     the size of a part differs from its share by less than n_parts rows, and so does
 *          that of every label
 * Owner    the caller; lattn_rows_free for every part
 * Errors   ERR_ARG (a ratio that is not positive and finite, a part that would get no row),
 *          ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_dataset_split(const lattn_dataset *d,
    const double *ratios, int32_t n_parts, uint64_t seed, lattn_rows *parts);

/**
 * One of the splits of a k-fold cross-validation: fold number fold is held out. For one
 * seed the folds have nothing in common and together have every row; they differ by at most
 * one row, and in every label by at most one.
 *
 * Args     n_folds  2 to the number of rows
 *          fold     0 to n_folds - 1
 * Owner    the caller; lattn_rows_free for both
 * Errors   ERR_ARG, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_dataset_fold(const lattn_dataset *d, int32_t n_folds,
    int32_t fold, uint64_t seed, lattn_rows *train, lattn_rows *held_out);

/** Frees rows and makes them { 0 } again. */
LATTN_API void lattn_rows_free(lattn_rows *r);

// ---- pictures -----------------------------------------------------------------------------

// A picture in memory: bytes [C, H, W].
typedef struct lattn_image {
    int32_t C, H, W;  // C: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    uint8_t *data;
} lattn_image;

typedef struct lattn_image_params {
    int32_t channels;    // what it is turned into, 1 to 4; 0 = as in the file
    int64_t max_pixels;  // larger pictures are refused; 0 = 2^26, at most 2^28
} lattn_image_params;

/**
 * Reads a picture: JPEG (baseline, progressive), PNG, BMP, or PNM (P5, P6). The content
 * tells which, not the name. The header, the size and the structure are checked before
 * memory is taken for pixels.
 *
 * Args     params  NULL = defaults
 * Edge     16 bits a sample become 8; a palette becomes RGB or RGBA; a picture that EXIF says
 *          is rotated is turned upright; from colour to grey 0.299 R + 0.587 G + 0.114 B;
 *          alpha that is not wanted is dropped
 * Owner    the caller; lattn_image_free. *out is { 0 } on failure
 * Errors   ERR_IO; ERR_FORMAT with the name (damaged or incomplete, checksum, a file above
 *          256 MiB, 0 or more than max_pixels pixels, an index outside of the palette, data that expand to more
 *          than the picture); ERR_UNSUPPORTED (another kind; JPEG that is arithmetic-coded,
 *          lossless, CMYK or has not 8 bits); ERR_ARG; ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_image_load(
    const char *path, const lattn_image_params *params, lattn_image *out);

/**
 * The same from memory. name stands for the path in sentences.
 *
 * Owner    the caller; lattn_image_free
 * Errors   as lattn_image_load
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_image_decode(const void *data, size_t bytes,
    const char *name, const lattn_image_params *params, lattn_image *out);

/**
 * Writes a picture as PNG. The file is replaced as a whole.
 *
 * Errors   ERR_ARG (no pixels, C not 1 to 4), ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_image_save_png(
    const char *path, const lattn_image *image);

/** Frees a picture and makes it { 0 } again. */
LATTN_API void lattn_image_free(lattn_image *image);

// ---- pictures for people ------------------------------------------------------------------

/**
 * Numbers as a picture: lo and below become black, hi and above white.
 *
 * Shapes   x [C, H, W]
 * Edge     NaN is black; with hi <= lo everything is grey
 * Owner    the caller; lattn_image_free
 * Errors   ERR_ARG (C not 1 to 4, no pixels, more than 2^28 bytes), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_image_from_f32(
    const float *x, int32_t C, int32_t H, int32_t W, float lo, float hi, lattn_image *out);

/**
 * A copy of a picture that fits into a square and keeps the ratio of its sides: enlarged by a whole
 * factor, so that pixels stay squares, or made smaller as lattn_transform.resize does.
 *
 * Args     side  of the square, at least 1
 * Owner    the caller; lattn_image_free
 * Errors   ERR_ARG (no pixels, C not 1 to 4, side below 1), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_image_fit(
    const lattn_image *image, int32_t side, lattn_image *out);

typedef struct lattn_grid_params {
    int32_t columns;     // 0 = about as many as rows
    int32_t tile;        // side of the square every picture is fitted into; 0 = the longest side
    int32_t gap;         // pixels between and around them
    uint8_t background;  // 0 black to 255 white
} lattn_grid_params;

/**
 * Pictures of any sizes side by side as one, row by row, each fitted as by lattn_image_fit.
 *
 * Args     params  NULL = defaults
 * Edge     the result has colours when one of them has; alpha is left out
 * Owner    the caller; lattn_image_free
 * Errors   ERR_ARG (no pictures, one without pixels, numbers out of range), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_image_grid(
    const lattn_image *pictures, int32_t n, const lattn_grid_params *params, lattn_image *out);

// What stands under a picture; each may be NULL.
typedef struct lattn_caption {
    const char *first, *second;  // lines, cut to the width of the picture
    const char *about;           // shown by a browser when the mouse rests on the picture
} lattn_caption;

/**
 * Pictures with captions as one SVG file, laid out as by lattn_image_grid (whose background is not used:
 * the file follows the viewer's light or dark theme).
 *
 * Shapes   captions [n]
 * Errors   as lattn_image_grid; ERR_IO
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_image_save_sheet(const char *path,
    const lattn_image *pictures, const lattn_caption *captions, int32_t n,
    const lattn_grid_params *params);

// ---- files of pictures --------------------------------------------------------------------

typedef struct lattn_idx_params {
    const char *const *labels;  // names of the labels 0, 1, ...; a larger label is refused
    int32_t n_labels;           // 0 = "0", "1", ... up to the largest in the file
} lattn_idx_params;

/**
 * Opens pictures and labels in the IDX format of MNIST and its family, also with .gz
 * behind: unsigned bytes [n, H, W] and [n].
 *
 * Args     labels  path of the labels; NULL = none
 *          params  NULL = defaults
 * Owner    the caller; lattn_dataset_close
 * Errors   ERR_IO; ERR_FORMAT with file and value (magic number, type, sizes that do not
 *          match the file, other numbers of pictures and labels, label out of range);
 *          ERR_UNSUPPORTED (other types than unsigned bytes); ERR_ARG; ERR_HOST_MEMORY
 * Source   LeCun, Cortes & Burges, "The MNIST database", section on file formats
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_idx_open(
    const char *images, const char *labels, const lattn_idx_params *params, lattn_dataset **out);

typedef struct lattn_cifar_params {
    int32_t n_classes;          // 10 or 100, the kind of file; 0 = 10
    bool coarse;                // of CIFAR-100 the 20 coarse labels
    const char *const *labels;  // names of all labels; NULL = CIFAR-10's own, "0", "1", ... of
    int32_t n_labels;           // CIFAR-100
} lattn_cifar_params;

/**
 * Opens the binary files of CIFAR-10 or CIFAR-100, also with .gz behind, as one set of
 * pictures [3, 32, 32] in the order of the paths.
 *
 * Args     params  NULL = defaults
 * Owner    the caller; lattn_dataset_close
 * Errors   ERR_IO; ERR_FORMAT with file and value (a size that is no whole number of
 *          records, label out of range); ERR_ARG; ERR_HOST_MEMORY
 * Source   Krizhevsky 2009, "Learning multiple layers of features from tiny images"
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cifar_open(const char *const *paths, int32_t n_paths,
    const lattn_cifar_params *params, lattn_dataset **out);

typedef struct lattn_numbers_params {
    const char *label_column;  // its name, or its number from 1 (from the end: -1); NULL = "label",
                               // with no_header the first
    const char *const *labels;  // as in lattn_text_params
    int32_t n_labels;
    bool no_labels;   // every column is a number of the sample
    bool no_header;   // the first line holds no names
    bool pixels;      // the numbers are whole, 0 to 255: kept as bytes, scaled as pictures are
    int32_t C, H, W;  // how the numbers of a row are laid out; 0 = [number of columns, 1, 1]
} lattn_numbers_params;

/**
 * Opens a CSV file of numbers, also with .gz behind: one row a sample.
 *
 * Args     params  NULL = defaults
 * Owner    the caller; lattn_dataset_close
 * Errors   ERR_IO; ERR_FORMAT with file, line, column and value (not a finite number, not 0 to
 *          255 with pixels, another number of columns, unknown label, no rows, C * H * W not
 *          the number of columns); ERR_ARG; ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_numbers_open(
    const char *path, const lattn_numbers_params *params, lattn_dataset **out);

typedef struct lattn_folder_params {
    lattn_image_params image;   // channels 0 = 3
    const char *const *labels;  // names of the sub-folders in the order of their ids, as the model
    int32_t n_labels;           // knows them; 0 = those found, sorted by bytes
    bool no_labels;             // the pictures lie in the folder itself
    bool skip_bad;              // decode every picture once and leave out, with a count, those that
                                // cannot be; else the first one that is met is an error
} lattn_folder_params;

/**
 * Opens a folder of pictures, one class per sub-folder. The files (.jpg, .jpeg, .png, .bmp,
 * .ppm, .pgm, .pnm, in any case) are sorted by name and decoded when they are needed, in
 * the workers of a loader. Names that begin with a dot are passed over.
 *
 * Args     params  NULL = defaults
 * Owner    the caller; lattn_dataset_close
 * Errors   ERR_IO; ERR_FORMAT (no classes, a class without pictures, a class that is
 *          not among params->labels); ERR_ARG; ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_folder_open(
    const char *dir, const lattn_folder_params *params, lattn_dataset **out);

/**
 * Opens single pictures by their paths, without labels, in this order; for predictions.
 *
 * Args     params  NULL = defaults; channels 0 = 3
 * Owner    the caller; lattn_dataset_close
 * Errors   ERR_IO, ERR_ARG, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_pictures_open(const char *const *paths,
    int32_t n_paths, const lattn_image_params *params, lattn_dataset **out);

/**
 * Shape of the samples; H and W are 0 where every picture has its own. False for texts.
 */
LATTN_API bool lattn_dataset_shape(const lattn_dataset *d, int32_t *C, int32_t *H, int32_t *W);

/** Whether rows are pictures that lattn_dataset_image gives: not texts, not rows of numbers. */
LATTN_API bool lattn_dataset_has_pictures(const lattn_dataset *d);

/**
 * Picture i as bytes, decoded if need be.
 *
 * Owner    the caller; lattn_image_free
 * Errors   ERR_ARG (i out of range, rows that are no pictures), those of lattn_image_load
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_dataset_image(
    const lattn_dataset *d, int64_t i, lattn_image *out);

/**
 * Mean and standard deviation of every channel over rows of a dataset, to normalise with:
 * from the rows of the training split alone, or the test is not one. Of bytes they are those of
 * byte / 255.
 *
 *     mean = sum x / n, std = sqrt(sum (x - mean)^2 / n) over all pixels of all rows
 *
 * Args     rows  NULL = all
 *          mean, std  [C]
 * Edge     a channel that is constant gets the deviation 1
 * Errors   ERR_ARG (texts, a row out of range), those of decoding, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_dataset_mean_std(
    const lattn_dataset *d, const lattn_rows *rows, float *mean, float *std);

// ---- batches ------------------------------------------------------------------------------

// n rows: texts of T tokens each, pictures, or parts of a series of numbers. Lent by the loader until
// the next call on it; the arrays of other kinds are NULL.
typedef struct lattn_batch {
    int32_t n, T;
    int32_t *input_ids;       // [n, T], [PAD] behind the end
    int32_t *token_type_ids;  // [n, T], 0 behind the end
    int32_t *lengths;         // [n] tokens that are not padding, >= 1: the key lengths of attention
    int32_t *target_ids;   // [n, T] what is to be predicted at each place, -100 where nothing is:
                           // streams the next token, tags the label; of pairs [n, T_out]
    int32_t *word_starts;  // [n, T] tags: number of the word whose first token this is, or -1
    int32_t T_out;         // pairs, series: length of the other side
    int32_t *output_ids;   // [n, T_out] pairs: what the decoder reads, bos and the text
    int32_t *output_lengths;  // [n] pairs: of T_out what is not padding, >= 1
    int32_t C, H, W;
    float *x;              // [n, C, H, W]; series [n, T, C]
    float *targets;        // [n, n_labels] shares of the labels, with mixup; series
                           // [n, T_out, n_labels] what follows; else NULL
    int32_t n_labels;      // of the dataset (series: target columns), where targets are given
    int32_t *labels;       // [n], -1 without labels
    int64_t *rows;         // [n] row in the dataset; of a stream the first token
    int64_t n_tokens;      // sum of lengths
    int64_t n_cut;         // rows that were cut to max_tokens
    int64_t epoch, index;  // which batch of which epoch this is
} lattn_batch;

typedef struct lattn_loader_params {
    const lattn_dataset *dataset;  // texts; both must outlive the loader
    const lattn_tokenizer *tokenizer;
    const lattn_rows *rows;  // which rows of it; NULL = all
    int32_t batch_size;      // 0 = 8
    int32_t max_tokens;      // 0 = the tokenizer's max_length
    int32_t pad_multiple;    // T is rounded up to a multiple; 0 = 8. Few different
                             // T mean few captured steps
    bool pad_to_max;         // T = max_tokens always
    bool shuffle;            // another order each epoch, from seed and epoch
    bool drop_last;          // leave out a last batch that is not full
    uint64_t seed;
    int32_t n_threads;  // 0 = 1
    int32_t n_ahead;    // batches prepared ahead, per thread; 0 = 4
} lattn_loader_params;

typedef struct lattn_loader lattn_loader;

/**
 * Makes a loader of texts, at the start of epoch 0. The batches depend on the parameters alone,
 * not on the number of threads or their timing.
 *
 * Edge     a row without any token, an empty text that is no WordPiece, is the token eos
 * Owner    the caller; lattn_loader_destroy
 * Errors   ERR_ARG, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_loader_create(
    const lattn_loader_params *params, lattn_loader **out);

// From a picture to a sample. The steps are done in this order, and those left at 0 are not;
// random ones draw from (seed, epoch, row, step), so that none of them changes what another draws.
// Bytes are scaled to 0 .. 1 first.
typedef struct lattn_transform {
    int32_t resize;         // the shorter side gets this length, the ratio stays
    int32_t height, width;  // what a batch has; 0 = what the pictures have then, all the same
    bool stretch;           // resize to height x width without keeping the ratio
    float min_area;         // cut out a part with this share of the area or more, its sides
                            // 3:4 to 4:3, and resize it to height x width
    int32_t pad;            // black pixels on every side, before cropping
    bool random_crop;       // height x width of anywhere; else of the centre
    float flip_horizontal;  // probability of mirroring left and right
    float flip_vertical;
    float rotate;       // degrees: by an angle from -rotate to rotate, corners black
    float brightness;   // times a factor from 1 - v (at least 0) to 1 + v
    float contrast;     // the same for the distance from the mean grey
    float saturation;   // the same for the distance from the pixel's own grey
    const float *mean;  // [C], NULL = 0: subtracted
    const float *std;   // [C], NULL = 1: divided by
    int32_t cutout;     // side of a square, anywhere and cut at the borders, that becomes 0
    float mixup;        // alpha: batches are mixed with themselves in another order, by a share
                        // from Beta(alpha, alpha)
} lattn_transform;

typedef struct lattn_image_loader_params {
    const lattn_dataset *dataset;  // pictures or numbers; must outlive the loader
    const lattn_rows *rows;        // which rows of it; NULL = all
    lattn_transform transform;
    int32_t batch_size;  // 0 = 32
    bool shuffle;        // another order each epoch, from seed and epoch
    bool drop_last;      // leave out a last batch that is not full
    uint64_t seed;
    int32_t n_threads;  // 0 = 1
    int32_t n_ahead;    // batches prepared ahead, per thread; 0 = 4
} lattn_image_loader_params;

/**
 * Makes a loader of pictures, at the start of epoch 0. The batches depend on the
 * parameters alone, not on the number of threads or their timing.
 *
 * Resizing is bilinear; to a smaller size the triangle widens to all the pixels that
 * fall together (antialiased), as torchvision and Pillow do it. Rotation is bilinear.
 *
 * Edge     a last batch of one picture is mixed with itself: not at all
 * Owner    the caller; lattn_loader_destroy
 * Errors   ERR_ARG (numbers out of range, mixup without labels, colour steps on numbers that
 *          are no pictures, a folder of pictures and no height and width),
 *          ERR_HOST_MEMORY. From lattn_loader_next also those of lattn_image_load, and
 *          ERR_FORMAT for a picture smaller than the crop, with its name
 * Source   mixup: Zhang et al. 2017, arXiv:1710.09412, section 2; cutout: DeVries & Taylor
 *          2017, arXiv:1708.04552; min_area: Szegedy et al. 2014, arXiv:1409.4842, section 6
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_image_loader_create(
    const lattn_image_loader_params *params, lattn_loader **out);

/** Stops the workers and frees the loader and its batches; sets *l to NULL. Accepts NULL. */
LATTN_API void lattn_loader_destroy(lattn_loader **l);

/** Batches of one epoch. */
LATTN_API int64_t lattn_loader_n_batches(const lattn_loader *l);

/**
 * Goes to a batch of an epoch, as a resumed run needs it; what was prepared ahead is
 * dropped.
 *
 * Args     index  0 .. n_batches
 * Errors   ERR_ARG, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_loader_seek(
    lattn_loader *l, int64_t epoch, int64_t index);

/**
 * The next batch of the epoch. NULL when the epoch is over; the call after that begins
 * the next epoch.
 *
 * Waits    for the worker that prepares it
 * Errors   ERR_HOST_MEMORY, and those of reading a sample
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_loader_next(lattn_loader *l, const lattn_batch **out);

/** Where the next batch comes from: what lattn_loader_seek needs to continue here. */
LATTN_API void lattn_loader_position(const lattn_loader *l, int64_t *epoch, int64_t *index);

#ifdef __cplusplus
}
#endif

#include "lattn/data_sequence.h"
#endif
