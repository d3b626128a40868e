// SPDX-License-Identifier: MIT
//
// lattn-seq ngram: bits per character of a character n-gram model, what a network has to beat.
//
// Interpolated Kneser-Ney. c is how often an n-gram of the highest order occurs; of a lower one, how many
// different characters stand before it.
//
//     p(w | h) = (max(c(h w) - D, 0) + D types(h) p(w | h')) / total(h)      D = n1 / (n1 + 2 n2)
//
// h' is h without its first character, types(h) the number of different w behind h, total(h) the sum of
// their c, and nk how many n-grams of the order have c = k. Below the first order all are alike.
//
// Source: Kneser & Ney 1995, "Improved backing-off for m-gram language modeling"; interpolated as in Chen &
//         Goodman 1998, "An empirical study of smoothing techniques for language modeling"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "seq/seq.h"

static const char name[] = "lattn-seq ngram";
enum { MAX_ORDER = 8 };

// An n-gram, and what it is as a context of the next order.
struct gram {
    uint64_t key;  // its tokens as digits, plus 1; 0 = an empty place
    int64_t count, total, types;
};

struct table {
    struct gram *items;  // [capacity], a power of two
    size_t n, capacity;
};

struct model {
    const char *train, *validation, *text_column;
    int order;
    lattn_tokenizer *tokenizer;
    uint64_t base;                      // number of tokens
    struct table table[MAX_ORDER + 1];  // by order; 0 has the empty context
    double discount[MAX_ORDER + 1];
};

// ---- tables ---------------------------------------------------------------------------------------

static struct gram *place_of(const struct table *t, uint64_t key)
{
    uint64_t hash = (key + 1) * 0x9E3779B97F4A7C15u;
    size_t i = (size_t) (hash >> 20) & (t->capacity - 1);
    while (t->items[i].key && t->items[i].key != key + 1)
        i = (i + 1) & (t->capacity - 1);
    return &t->items[i];
}

static const struct gram *find(const struct table *t, uint64_t key)
{
    const struct gram *g = t->capacity ? place_of(t, key) : NULL;
    return g && g->key ? g : NULL;
}

static bool grow(struct table *t)
{
    struct table more = { .n = t->n, .capacity = t->capacity ? 2 * t->capacity : 1024 };
    more.items = calloc(more.capacity, sizeof *more.items);
    if (!more.items)
        return false;
    for (size_t i = 0; i < t->capacity; i++)
        if (t->items[i].key)
            *place_of(&more, t->items[i].key - 1) = t->items[i];
    free(t->items);
    *t = more;
    return true;
}

// The n-gram of that key, made where it is not there; NULL = no memory.
static struct gram *at(struct table *t, uint64_t key)
{
    if (2 * t->n >= t->capacity && !grow(t))
        return NULL;
    struct gram *g = place_of(t, key);
    t->n += !g->key;
    g->key = key + 1;
    return g;
}

// ---- counting -------------------------------------------------------------------------------------

static uint64_t power(uint64_t base, int n)
{
    uint64_t p = 1;
    while (n-- > 0)
        p *= base;
    return p;
}

// Every n-gram of the highest order.
static lattn_status count_text(struct model *m, const int32_t *ids, int64_t n)
{
    uint64_t key = 0, most = power(m->base, m->order);
    for (int64_t i = 0; i < n; i++) {
        key = (key * m->base + (uint64_t) ids[i]) % most;
        struct gram *g = i + 1 >= m->order ? at(&m->table[m->order], key) : NULL;
        if (i + 1 >= m->order && !g)
            return LATTN_ERR_HOST_MEMORY;
        if (g)
            g->count++;
    }
    return LATTN_OK;
}

// From the n-grams of an order: the contexts they are behind and, below the highest order, theirs.
static lattn_status count_below(struct model *m, int order)
{
    const struct table *t = &m->table[order];
    uint64_t rest = power(m->base, order - 1);
    int64_t once = 0, twice = 0;
    for (size_t i = 0; i < t->capacity; i++) {
        const struct gram *g = &t->items[i];
        if (!g->key || !g->count)
            continue;
        struct gram *context = at(&m->table[order - 1], (g->key - 1) / m->base);
        if (!context)
            return LATTN_ERR_HOST_MEMORY;
        context->total += g->count;
        context->types++;
        struct gram *shorter = at(&m->table[order - 1], (g->key - 1) % rest);
        if (!shorter)
            return LATTN_ERR_HOST_MEMORY;
        shorter->count++;
        once += g->count == 1;
        twice += g->count == 2;
    }
    m->discount[order] = once ? (double) once / (double) (once + 2 * twice) : 0.5;
    return LATTN_OK;
}

static double probability(const struct model *m, const int32_t *ids, int64_t i)
{
    double p = 1 / (double) m->base;
    uint64_t context = 0, digit = 1;
    for (int k = 1; k <= m->order && k <= i + 1; k++) {
        const struct gram *h = find(&m->table[k - 1], context);
        if (!h || !h->total)
            break;
        const struct gram *g = find(&m->table[k], context * m->base + (uint64_t) ids[i]);
        double d = m->discount[k], c = g ? (double) g->count : 0;
        p = (fmax(c - d, 0) + d * (double) h->types * p) / (double) h->total;
        if (k <= i)
            context += (uint64_t) ids[i - k] * digit;
        digit *= m->base;
    }
    return p;
}

// ---- the command ----------------------------------------------------------------------------------

static lattn_status open_stream(const struct model *m, const char *path, lattn_dataset **out)
{
    lattn_stream_params params = { .tokenizer = m->tokenizer, .text_column = m->text_column };
    return lattn_stream_open(path, &params, out);
}

static lattn_status learn(struct model *m)
{
    const struct seq_files files = {
        .train = m->train, .text_column = m->text_column, .min_frequency = 1
    };
    lattn_dataset *data = NULL;
    int64_t n = 0;
    lattn_status st;
    TRY(seq_tokenizer_build(&files, 100, &m->tokenizer));
    m->base = (uint64_t) lattn_tokenizer_size(m->tokenizer);
    if (pow((double) m->base, m->order) > 9e18)
        TRY(cli_error(LATTN_ERR_UNSUPPORTED,
            "%s: %d different characters are too many for order %d", m->train, (int) m->base,
            m->order));
    TRY(open_stream(m, m->train, &data));
    const int32_t *ids = lattn_stream_tokens(data, &n);
    TRY(count_text(m, ids, n));
    for (int order = m->order; order > 0; order--)
        TRY(count_below(m, order));

done:
    lattn_dataset_close(&data);
    return st;
}

// As the loaders have it: the first token is not predicted.
static lattn_status judge(struct model *m, double *bits, int64_t *n)
{
    lattn_dataset *data = NULL;
    double sum = 0;
    lattn_status st;
    TRY(open_stream(m, m->validation, &data));
    const int32_t *ids = lattn_stream_tokens(data, n);
    if (*n < 2)
        TRY(cli_error(
            LATTN_ERR_FORMAT, "%s: one character, and nothing to predict", m->validation));
    for (int64_t i = 1; i < *n; i++)
        sum -= log2(probability(m, ids, i));
    *n -= 1;
    *bits = sum / (double) *n;

done:
    lattn_dataset_close(&data);
    return st;
}

int seq_ngram(int argc, char **argv)
{
    struct model m = { .order = 5 };
    bool json = false;
    const struct cli_opt opts[] = {
        CLI_STR("train_file", 0, &m.train, "FILE", "what is counted"),
        CLI_STR("validation_file", 'f', &m.validation, "FILE", "what it is judged on"),
        CLI_STR("text_column", 0, &m.text_column, "NAME", "column of the text"),
        CLI_INT("order", 'n', &m.order, 1, MAX_ORDER, "characters of an n-gram"),
        CLI_FLAG("json", 0, &json, "result as JSON"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name, .summary = "bits per character of a character n-gram model", .opts = opts
    };
    double bits = 0;
    int64_t n = 0;
    int code;
    lattn_status st;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    if (!m.train || !m.validation)
        return cli_usage_error(name, "--%s is missing", m.train ? "validation_file" : "train_file");
    TRY(learn(&m));
    TRY(judge(&m, &bits, &n));
    printf(json ? "{\"bits_per_character\": %.6f, \"n\": %lld, \"order\": %d}\n"
                : "%.4f bits per character on %lld characters, order %d\n",
        bits, (long long) n, m.order);

done:
    for (int k = 0; k <= MAX_ORDER; k++)
        free(m.table[k].items);
    lattn_tokenizer_destroy(&m.tokenizer);
    return st ? cli_fail(name, st, NULL) : CLI_EXIT_OK;
}
