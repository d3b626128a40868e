// SPDX-License-Identifier: MIT
//
// What kinds of tasks do with files in the same way.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "seq/seq.h"

const struct seq_task *const seq_tasks[] = { &seq_task_lm, &seq_task_classify, &seq_task_pairs,
    &seq_task_series, &seq_task_tag, NULL };
const char *const seq_task_names[] = { "lm", "classify", "pairs", "series", "tag", NULL };
const char *const seq_tokenizers[] = { "characters", "bpe", "wordpiece", NULL };

static void close_set(struct seq_set *s)
{
    lattn_loader_destroy(&s->loader);
    lattn_rows_free(&s->rows);
    free(s->numbers);
    lattn_dataset_close(&s->data);
}

void seq_data_close(struct seq_data *d)
{
    // Parts of one file share its dataset.
    if (d->validation.data == d->train.data)
        d->validation.data = NULL;
    close_set(&d->train);
    close_set(&d->validation);
    close_set(&d->test);
}

// ---- a tokenizer ----------------------------------------------------------------------------------

static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && memcmp(path + n - m, end, m) == 0;
}

// As lattn_stream_open tells texts in columns from plain ones.
static bool has_columns(const char *path)
{
    static const char *const ends[] = { ".tsv", ".csv", ".jsonl", ".json", ".tsv.gz", ".csv.gz",
        ".jsonl.gz", ".json.gz" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(path, ends[i]))
            return true;
    return false;
}

static lattn_status add_rows(lattn_vocab *v, const struct seq_files *f, double percent)
{
    const lattn_text_params params = {
        .text_column = f->text_column, .pair_column = "", .no_labels = true
    };
    lattn_dataset *rows = NULL;
    lattn_status st;
    TRY(lattn_text_open(f->train, &params, &rows));
    int64_t n = (int64_t) ((double) lattn_dataset_count(rows) * percent / 100);
    for (int64_t i = 0; i < (n > 0 ? n : 1); i++) {
        size_t bytes = 0;
        const char *text = lattn_dataset_text(rows, i, &bytes);
        TRY(lattn_vocab_add(v, text, bytes));
    }

done:
    lattn_dataset_close(&rows);
    return st;
}

// The whole of a file, also of one that is compressed. The caller frees *text.
static lattn_status read_file(const char *path, char **text, size_t *n)
{
    size_t capacity = 1 << 20;
    gzFile file = gzopen(path, "rb");
    int got = 0;
    *n = 0;
    *text = file ? malloc(capacity) : NULL;
    while (*text && (got = gzread(file, *text + *n, (unsigned) (capacity - *n))) > 0) {
        *n += (size_t) got;
        if (*n < capacity)
            continue;
        char *more = capacity < (size_t) 1 << 30 ? realloc(*text, 2 * capacity) : NULL;
        if (!more)
            free(*text);
        *text = more;
        capacity *= 2;
    }
    if (!file)
        return cli_error(LATTN_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    gzclose(file);
    if (got < 0)
        return cli_error(LATTN_ERR_IO, "%s: it cannot be read", path);
    return *text ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

// Whole lines of it at a time: BPE would otherwise know words that two parts cut.
static lattn_status add_text(lattn_vocab *v, const char *path, double percent)
{
    char *text = NULL;
    size_t n = 0, at = 0;
    lattn_status st;
    TRY(read_file(path, &text, &n));
    if (!n)
        TRY(cli_error(LATTN_ERR_FORMAT, "%s: the text is empty", path));
    n = (size_t) ((double) n * percent / 100);
    while (at < n) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t bytes = end ? (size_t) (end - text) + 1 - at : n - at;
        TRY(lattn_vocab_add(v, text + at, bytes));
        at += bytes;
    }

done:
    free(text);
    return st;
}

static lattn_status create_vocab(const struct seq_files *f, lattn_vocab **out)
{
    static const lattn_token_kind kinds[] = { LATTN_TOKEN_KIND_CHARACTERS, LATTN_TOKEN_KIND_BPE,
        LATTN_TOKEN_KIND_WORDPIECE };
    lattn_vocab_params params = {
        .size = (int32_t) f->vocab_size,
        .min_frequency = f->min_frequency,
        .kind = kinds[f->tokenizer],
    };
    return lattn_vocab_create(&params, out);
}

lattn_status seq_tokenizer_build(const struct seq_files *f, double percent, lattn_tokenizer **out)
{
    lattn_vocab *v = NULL;
    lattn_status st;
    TRY(create_vocab(f, &v));
    TRY(has_columns(f->train) ? add_rows(v, f, percent) : add_text(v, f->train, percent));
    TRY(lattn_vocab_build(v, out));

done:
    lattn_vocab_destroy(&v);
    return st;
}

static lattn_status tokenizer_of_set(
    const struct seq_files *f, const struct seq_set *s, lattn_tokenizer **out)
{
    lattn_vocab *v = NULL;
    lattn_status st;
    TRY(create_vocab(f, &v));
    for (int64_t i = 0; i < seq_set_count(s); i++) {
        size_t bytes = 0;
        int64_t row = seq_set_row(s, i);
        const char *text = lattn_dataset_text(s->data, row, &bytes);
        TRY(lattn_vocab_add(v, text, bytes));
        text = lattn_dataset_pair(s->data, row, &bytes);
        if (text)
            TRY(lattn_vocab_add(v, text, bytes));
    }
    TRY(lattn_vocab_build(v, out));

done:
    lattn_vocab_destroy(&v);
    return st;
}

static lattn_status learn_labels(struct seq_model *m, const lattn_dataset *d)
{
    lattn_status st = LATTN_OK;
    for (int i = 0; i < lattn_dataset_n_labels(d); i++)
        TRY(seq_names_add(&m->config.labels, lattn_dataset_label_name(d, i)));
    if (m->config.labels.n < 2)
        return cli_error(LATTN_ERR_FORMAT, "the training file has %d label, a choice needs two",
            m->config.labels.n);
    m->config.n_outputs = m->config.labels.n;

done:
    return st;
}

// ---- sets of rows ---------------------------------------------------------------------------------

static lattn_status split_rows(const struct seq_files *f, struct seq_data *d)
{
    double percent = (double) f->validation_split;
    const double ratios[] = { 100 - percent, percent };
    lattn_rows parts[2] = { { 0 }, { 0 } };
    lattn_status st = LATTN_OK;
    if (!d->train.data || d->validation.data || percent <= 0)
        return LATTN_OK;
    TRY(lattn_dataset_split(d->train.data, ratios, 2, f->seed, parts));
    d->train.rows = parts[0];
    d->validation.data = d->train.data;
    d->validation.rows = parts[1];

done:
    return st;
}

lattn_status seq_open_rows(struct seq_model *m, const struct seq_files *f, struct seq_data *d,
    seq_open_fn open_set, bool labels)
{
    lattn_status st;
    TRY(open_set(m, f, f->train, &d->train));
    if (labels && !m->config.labels.n)
        TRY(learn_labels(m, d->train.data));
    TRY(open_set(m, f, f->validation, &d->validation));
    TRY(open_set(m, f, f->test, &d->test));
    TRY(split_rows(f, d));
    if (!m->tokenizer) {
        TRY(tokenizer_of_set(f, &d->train, &m->tokenizer));
        m->config.vocab_size = lattn_tokenizer_size(m->tokenizer);
        m->config.n_outputs = labels ? m->config.n_outputs : m->config.vocab_size;
    }

done:
    return st;
}

int64_t seq_set_count(const struct seq_set *s)
{
    return s->rows.n ? s->rows.n : lattn_dataset_count(s->data);
}

int64_t seq_set_row(const struct seq_set *s, int64_t i)
{
    return s->rows.n ? s->rows.items[i] : i;
}

// ---- batches --------------------------------------------------------------------------------------

void seq_fields_of_texts(const lattn_batch *b, lattn_fields *out)
{
    out->field[0] = (lattn_field){
        .dtype = LATTN_DTYPE_I32, .rank = 2, .dim = { b->n, b->T }, .data = b->input_ids
    };
    out->field[1] =
        (lattn_field){ .dtype = LATTN_DTYPE_I32, .rank = 1, .dim = { b->n }, .data = b->lengths };
    out->n_fields = 2;
    out->n_samples = b->n;
    out->n_cut = b->n_cut;
}

lattn_status seq_set_room(struct seq_set *s, size_t n)
{
    if (n <= s->n_numbers)
        return LATTN_OK;
    float *numbers = realloc(s->numbers, n * sizeof *numbers);
    if (!numbers)
        return LATTN_ERR_HOST_MEMORY;
    s->numbers = numbers;
    s->n_numbers = n;
    return LATTN_OK;
}

static lattn_status seek(void *set, int64_t epoch, int64_t index)
{
    struct seq_set *s = set;
    return lattn_loader_seek(s->loader, epoch, index);
}

lattn_loader_params seq_loader_of_rows(
    const struct seq_model *m, const struct seq_files *f, const struct seq_set *s, bool training)
{
    return (lattn_loader_params){
        .dataset = s->data,
        .tokenizer = m->tokenizer,
        .rows = s->rows.n ? &s->rows : NULL,
        .batch_size = training ? f->batch_size : f->eval_batch_size,
        .max_tokens = f->seq_len,
        .shuffle = training,
        .seed = f->seed,
        .n_threads = f->threads,
    };
}

lattn_source seq_source(struct seq_set *s, int64_t n_samples, seq_next_fn next)
{
    return (lattn_source){
        .user = s,
        .n_batches = lattn_loader_n_batches(s->loader),
        .n_samples = n_samples,
        .next = next,
        .seek = seek,
    };
}
