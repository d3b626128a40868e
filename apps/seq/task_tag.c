// SPDX-License-Identifier: MIT
//
// Tags of words: a network reads a sentence, in both directions, and the hidden state at a word's first token
// says its tag.
//
// Entities are counted where the tags are B-, I- and O: a span begins at B-, or at I- behind another kind or O,
// and ends where the next tag is no I- of its kind, as in conlleval and seqeval. A word beyond the token limit has
// no prediction: it counts as O.
//
//   fields   input_ids [B, T], lengths [B], target_ids [B T], -100 where no word begins

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "seq/seq.h"

enum { INPUTS, LENGTHS, TARGETS };
enum {
    F1,
    PRECISION,
    RECALL,
    N_ENTITIES,
    N_VALUES
};  // of struct seq_more; N_ENTITIES -1: no spans

// ---- data -----------------------------------------------------------------------------------------

static lattn_status open_set(
    struct seq_model *m, const struct seq_files *f, const char *path, struct seq_set *s)
{
    const struct seq_names *labels = &m->config.labels;
    lattn_tags_params params = {
        .labels = f->no_labels ? NULL : (const char *const *) labels->item,
        .n_labels = f->no_labels ? 0 : labels->n,
        .no_labels = f->no_labels,
    };
    return path ? lattn_tags_open(path, &params, &s->data) : LATTN_OK;
}

static lattn_status open(struct seq_model *m, const struct seq_files *f, struct seq_data *d)
{
    return seq_open_rows(m, f, d, open_set, true);
}

// In evaluation every place is a sample: those where no word begins have no label and count as nothing.
static lattn_status next(void *user, lattn_fields *out)
{
    struct seq_set *s = user;
    const lattn_batch *b = NULL;
    lattn_status st;
    *out = (lattn_fields){ 0 };
    TRY(lattn_loader_next(s->loader, &b));
    if (!b)
        return LATTN_OK;
    seq_fields_of_texts(b, out);
    int64_t n = (int64_t) b->n * b->T;
    out->field[TARGETS] =
        (lattn_field){ .dtype = LATTN_DTYPE_I32, .rank = 1, .dim = { n }, .data = b->target_ids };
    out->n_fields = 3;
    out->n_samples = s->training ? 0 : n;
    for (int64_t i = 0; i < n; i++)
        out->n_samples += s->training && b->target_ids[i] >= 0;
    out->labels = b->target_ids;

done:
    return st;
}

static lattn_status begin(
    struct seq_model *m, const struct seq_files *f, struct seq_set *s, bool training)
{
    const lattn_loader_params params = seq_loader_of_rows(m, f, s, training);
    lattn_status st;
    s->training = training;
    TRY(lattn_tags_loader_create(&params, &s->loader));
    s->source = seq_source(s, seq_set_count(s), next);

done:
    return st;
}

// ---- loss -----------------------------------------------------------------------------------------

// [B T, labels]
static lattn_tensor *outputs(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *ids, lattn_tensor *lengths)
{
    const struct seq_pass pass = { .lengths = lengths };
    lattn_tensor *y = seq_model_outputs(ctx, m, seq_model_hidden(ctx, m, ids, &pass));
    const int64_t rows[] = { lattn_tensor_numel(ids), m->config.n_outputs };
    return lattn_reshape(ctx, y, 2, rows);
}

static lattn_tensor *loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *const *fields,
    lattn_tensor **logits, bool training)
{
    lattn_tensor *y = outputs(ctx, m, fields[INPUTS], fields[LENGTHS]);
    return seq_choice_loss(ctx, m, y, fields[TARGETS], -100, training, logits);
}

// ---- tags of a set --------------------------------------------------------------------------------

// Called for each sentence with the ids of its n words' tags, as they were said and as the file has them; -1: the
// word had no place, or the file no tags.
typedef void (*sentence_fn)(
    void *user, int64_t row, const int32_t *tags, const int32_t *truth, int32_t n);

static lattn_status read_batch(struct seq_model *m, const lattn_batch *b, int32_t *best)
{
    lattn_ctx *ctx = m->ctx;
    const int64_t dims[] = { b->n, b->T };
    lattn_status st, ended;
    TRY(lattn_step_begin(ctx));
    lattn_tensor *ids = lattn_from_i32(ctx, 2, dims, b->input_ids);
    lattn_tensor *lengths = lattn_from_i32(ctx, 1, dims, b->lengths);
    lattn_tensor *y = ids && lengths ? outputs(ctx, m, ids, lengths) : NULL;
    y = lattn_argmax(ctx, y, -1, false);
    st = y ? lattn_tensor_read(y, best, (size_t) (b->n * b->T) * sizeof *best)
           : lattn_ctx_status(ctx);
    ended = lattn_step_end(ctx);
    st = st ? st : ended;

done:
    return st;
}

static lattn_status tell_sentences(const struct seq_set *s, const lattn_batch *b,
    const int32_t *best, sentence_fn told, void *user)
{
    for (int i = 0; i < b->n; i++) {
        int32_t n = lattn_tags_count(s->data, b->rows[i]);
        int32_t *tags = malloc((2 * (size_t) n + 1) * sizeof *tags), *truth = tags + n;
        if (!tags)
            return LATTN_ERR_HOST_MEMORY;
        for (int32_t k = 0; k < n; k++) {
            tags[k] = -1;
            truth[k] = lattn_tags_label(s->data, b->rows[i], k);
        }
        for (int t = 0; t < b->T; t++) {
            int64_t at = (int64_t) i * b->T + t;
            if (b->word_starts[at] >= 0)
                tags[b->word_starts[at]] = best[at];
        }
        told(user, b->rows[i], tags, truth, n);
        free(tags);
    }
    return LATTN_OK;
}

static lattn_status tag_all(struct seq_model *m, struct seq_set *s, sentence_fn told, void *user)
{
    const lattn_batch *b = NULL;
    bool training = lattn_is_training(m->ctx);
    int32_t *best = NULL;
    lattn_status st;
    lattn_set_training(m->ctx, false);
    lattn_no_grad_begin(m->ctx);
    TRY(lattn_loader_seek(s->loader, 0, 0));
    while (!(st = lattn_loader_next(s->loader, &b)) && b) {
        free(best);
        best = malloc((size_t) (b->n * b->T) * sizeof *best);
        if (!best)
            TRY(LATTN_ERR_HOST_MEMORY);
        TRY(read_batch(m, b, best));
        TRY(tell_sentences(s, b, best, told, user));
    }

done:
    free(best);
    lattn_no_grad_end(m->ctx);
    lattn_set_training(m->ctx, training);
    return st;
}

// ---- entities -------------------------------------------------------------------------------------

struct counting {
    const struct seq_names *labels;
    const struct seq_set *set;
    int64_t n_true, n_said, n_both;
};

static const char *name_of(const struct seq_names *labels, int32_t id)
{
    return id < 0 ? "O" : labels->item[id];
}

static bool has_spans(const struct seq_names *labels)
{
    bool spans = false;
    for (int i = 0; i < labels->n; i++) {
        const char *name = labels->item[i];
        bool part = (name[0] == 'B' || name[0] == 'I') && name[1] == '-';
        if (!part && strcmp(name, "O") != 0)
            return false;
        spans = spans || part;
    }
    return spans;
}

// Whether a span begins at a tag, and whether the one of the tag before goes on in it.
static bool begins(const char *before, const char *tag)
{
    return tag[0] == 'B' ||
           (tag[0] == 'I' && (before[0] == 'O' || strcmp(before + 2, tag + 2) != 0));
}

static bool goes_on(const char *before, const char *tag)
{
    return tag[0] == 'I' && before[0] != 'O' && strcmp(before + 2, tag + 2) == 0;
}

// End of the span that begins at word k of n.
static int32_t span_end(const struct seq_names *labels, const int32_t *tags, int32_t n, int32_t k)
{
    for (k++; k < n; k++)
        if (!goes_on(name_of(labels, tags[k - 1]), name_of(labels, tags[k])))
            return k;
    return n;
}

static bool span_at(const struct seq_names *labels, const int32_t *tags, int32_t k)
{
    return begins(k ? name_of(labels, tags[k - 1]) : "O", name_of(labels, tags[k]));
}

// Spans agree where they begin and end at the same words and are of one kind.
static void count(void *user, int64_t row, const int32_t *tags, const int32_t *truth, int32_t n)
{
    struct counting *c = user;
    const struct seq_names *l = c->labels;
    (void) row;
    for (int32_t k = 0; k < n; k++) {
        bool is_true = span_at(l, truth, k), is_said = span_at(l, tags, k);
        c->n_true += is_true;
        c->n_said += is_said;
        if (is_true && is_said && span_end(l, truth, n, k) == span_end(l, tags, n, k))
            c->n_both += strcmp(name_of(l, truth[k]) + 2, name_of(l, tags[k]) + 2) == 0;
    }
}

static lattn_status measure(
    struct seq_model *m, const struct seq_files *f, struct seq_set *s, double **values)
{
    struct counting c = { .labels = &m->config.labels, .set = s };
    lattn_status st = LATTN_OK;
    (void) f;
    double *v = calloc(N_VALUES, sizeof *v);
    if (!v)
        return LATTN_ERR_HOST_MEMORY;
    *values = v;
    v[N_ENTITIES] = -1;
    if (!has_spans(c.labels))
        return LATTN_OK;
    TRY(tag_all(m, s, count, &c));
    v[PRECISION] = c.n_said ? (double) c.n_both / (double) c.n_said : 0;
    v[RECALL] = c.n_true ? (double) c.n_both / (double) c.n_true : 0;
    v[F1] = c.n_both ? 2 * v[PRECISION] * v[RECALL] / (v[PRECISION] + v[RECALL]) : 0;
    v[N_ENTITIES] = (double) c.n_true;

done:
    return st;
}

static void print_figures(const lattn_metrics *m, const void *more, const char *prefix)
{
    const double *v = ((const struct seq_more *) more)->values;
    bool spans = v[N_ENTITIES] >= 0;
    if (prefix && spans)
        printf("\"%sentity_f1\": %.6f, \"%sentity_precision\": %.6f, \"%sentity_recall\": %.6f, "
               "\"%sentities\": %.0f, ",
            prefix, v[F1], prefix, v[PRECISION], prefix, v[RECALL], prefix, v[N_ENTITIES]);
    if (prefix)
        printf("\"%saccuracy\": %.6f, \"%sloss\": %.9g", prefix, m->accuracy, prefix, m->loss);
    else
        printf("accuracy %.2f %%", 100 * m->accuracy);
    if (!prefix && spans)
        printf(", F1 %.2f %% of %.0f entities (precision %.2f %%, recall %.2f %%)", 100 * v[F1],
            v[N_ENTITIES], 100 * v[PRECISION], 100 * v[RECALL]);
}

// ---- predictions ----------------------------------------------------------------------------------

// Word and tag a line, an empty line behind a sentence; a word without a place has the tag _.
static void print_sentence(
    void *user, int64_t row, const int32_t *tags, const int32_t *truth, int32_t n)
{
    const struct counting *c = user;
    (void) truth;
    for (int32_t k = 0; k < n; k++) {
        size_t bytes = 0;
        const char *word = lattn_tags_word(c->set->data, row, k, &bytes);
        fwrite(word, 1, bytes, stdout);
        printf("\t%s\n", tags[k] < 0 ? "_" : c->labels->item[tags[k]]);
    }
    printf("\n");
}

static lattn_status predict(struct seq_model *m, const struct seq_files *f, struct seq_set *s,
    const struct seq_asked *asked)
{
    struct counting c = { .labels = &m->config.labels, .set = s };
    lattn_status st;
    (void) f;
    (void) asked;
    TRY(tag_all(m, s, print_sentence, &c));
    st = ferror(stdout) ? LATTN_ERR_IO : LATTN_OK;  // cli_end says so

done:
    return st;
}

const struct seq_task seq_task_tag = {
    .name = "tag",
    .rows = "sentences",
    .counted = "words",
    .model_type = SEQ_LSTM,
    .tokenizer = SEQ_WORDPIECE,
    .transformers = true,
    .recurrent = true,
    .both_ways = true,
    .open = open,
    .begin = begin,
    .loss = loss,
    .measure = measure,
    .predict = predict,
    .figures = print_figures,
    .classes = true,
};
