// SPDX-License-Identifier: MIT
//
// The language of layers: items between commas, an item is a word and its arguments.
//
//     conv 32 3x3 stride=2, bn, relu, res(conv 32 3x3, bn, relu, conv 32 3x3, bn), globalpool
//
// A table says which arguments a word takes, so that every error can name what is allowed.

#include "models/cnn_text.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"

enum { MAX_WORD = 24, MAX_LAYERS = 4096, MAX_DEPTH = 4 };
enum { MAX_CHANNELS = 65536, MAX_KERNEL = 255 };

// Which arguments a layer takes.
enum {
    CHANNELS = 1,  // a number, first
    KERNEL = 2,    // 3 or 3x5
    STRIDE = 4,
    PAD = 8,
    GROUPS = 16,
    BIAS = 32,
    SHARE = 64,  // a number in [0, 1)
    BODY = 128,  // layers in parentheses
};

static const struct {
    const char *word;
    unsigned takes;
} table[LAT_CNN_N_KINDS] = {
    [LAT_CNN_CONV] = { "conv", CHANNELS | KERNEL | STRIDE | PAD | GROUPS | BIAS },
    [LAT_CNN_FC] = { "fc", CHANNELS | BIAS },
    [LAT_CNN_BN] = { "bn", 0 },
    [LAT_CNN_MAXPOOL] = { "maxpool", KERNEL | STRIDE | PAD },
    [LAT_CNN_AVGPOOL] = { "avgpool", KERNEL | STRIDE | PAD },
    [LAT_CNN_GLOBALPOOL] = { "globalpool", 0 },
    [LAT_CNN_DROPOUT] = { "dropout", SHARE },
    [LAT_CNN_FLATTEN] = { "flatten", 0 },
    [LAT_CNN_RES] = { "res", BODY },
    [LAT_CNN_RELU] = { "relu", 0 },
    [LAT_CNN_GELU] = { "gelu", 0 },
    [LAT_CNN_SILU] = { "silu", 0 },
    [LAT_CNN_TANH] = { "tanh", 0 },
    [LAT_CNN_SIGMOID] = { "sigmoid", 0 },
};

struct parser {
    const char *at;
    int depth, n_layers;
};

const char *lat_cnn_word(enum lat_cnn_kind kind)
{
    return table[kind].word;
}

void lat_cnn_layers_free(struct lat_cnn_layers *layers)
{
    for (size_t i = 0; i < layers->n; i++)
        lat_cnn_layers_free(&layers->items[i].body);
    lat_free(layers->items);
    *layers = (struct lat_cnn_layers){ 0 };
}

// ---- errors ---------------------------------------------------------------------------------------

static lattn_status wrong(const struct parser *p, const char *what, const char *word)
{
    char quoted[64];
    return lat_err(LATTN_ERR_FORMAT, "layers: layer %d: %s \"%s\"", p->n_layers, what,
        lat_quoted(word, quoted, sizeof quoted));
}

static lattn_status unknown_word(const struct parser *p, const char *word)
{
    char known[256] = "", quoted[64];
    for (int i = 0; i < LAT_CNN_N_KINDS; i++) {
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", table[i].word);
    }
    return lat_err(LATTN_ERR_FORMAT, "layers: layer %d: there is no layer \"%s\"; there are %s",
        p->n_layers, lat_quoted(word, quoted, sizeof quoted), known);
}

// ---- arguments ------------------------------------------------------------------------------------

static void skip_space(struct parser *p)
{
    while (isspace((unsigned char) *p->at))
        p->at++;
}

// The next run of characters that is no separator; "" at one.
static void next_word(struct parser *p, char word[MAX_WORD])
{
    size_t n = 0;
    skip_space(p);
    while (*p->at && !isspace((unsigned char) *p->at) && !strchr(",()", *p->at)) {
        if (n + 1 < MAX_WORD)
            word[n++] = *p->at;
        p->at++;
    }
    word[n] = 0;
}

static bool number(const char *text, int64_t lo, int64_t hi, int64_t *out)
{
    return lat_parse_i64(text, out) && *out >= lo && *out <= hi;
}

static bool kernel_of(const char *text, int64_t kernel[2])
{
    char first[MAX_WORD];
    const char *by = strchr(text, 'x');
    if (!by) {
        bool good = number(text, 1, MAX_KERNEL, &kernel[0]);
        kernel[1] = kernel[0];
        return good;
    }
    snprintf(first, sizeof first, "%.*s", (int) (by - text), text);
    return number(first, 1, MAX_KERNEL, &kernel[0]) && number(by + 1, 1, MAX_KERNEL, &kernel[1]);
}

// key=value
static lattn_status option(const struct parser *p, unsigned takes, const char *word,
    const char *value, struct lat_cnn_layer *layer)
{
    size_t key = (size_t) (value - word) - 1;
    int64_t bias = 1;
    const struct {
        const char *key;
        unsigned bit;
        int64_t lo, hi, *out;
    } keys[] = {
        { "stride", STRIDE, 1, MAX_KERNEL, &layer->stride },
        { "pad", PAD, 0, MAX_KERNEL, &layer->padding },
        { "groups", GROUPS, 1, MAX_CHANNELS, &layer->groups },
        { "bias", BIAS, 0, 1, &bias },
    };
    for (size_t i = 0; i < LAT_COUNT(keys); i++) {
        if (strlen(keys[i].key) != key || memcmp(keys[i].key, word, key) != 0 ||
            !(takes & keys[i].bit))
            continue;
        if (!number(value, keys[i].lo, keys[i].hi, keys[i].out))
            return lat_err(LATTN_ERR_FORMAT,
                "layers: layer %d: %s is \"%s\", allowed are %lld to %lld", p->n_layers,
                keys[i].key, value, (long long) keys[i].lo, (long long) keys[i].hi);
        layer->no_bias = !bias;
        return LATTN_OK;
    }
    return wrong(p, "it does not take", word);
}

static lattn_status positional(const struct parser *p, unsigned takes, const char *word, int place,
    struct lat_cnn_layer *layer)
{
    bool first_is_channels = takes & CHANNELS;
    if (place == 0 && first_is_channels)
        return number(word, 1, MAX_CHANNELS, &layer->channels)
                   ? LATTN_OK
                   : wrong(p, "1 to 65536 channels are allowed, not", word);
    if (place == 0 && takes & SHARE)
        return lat_parse_f64(word, &layer->p) && layer->p >= 0 && layer->p < 1
                   ? LATTN_OK
                   : wrong(p, "a share in [0, 1) is expected, not", word);
    if (takes & KERNEL && place == (first_is_channels ? 1 : 0))
        return kernel_of(word, layer->kernel)
                   ? LATTN_OK
                   : wrong(p, "a kernel as 3 or 3x5, 1 to 255 each, is expected, not", word);
    return wrong(p, "it does not take", word);
}

static lattn_status arguments(struct parser *p, unsigned takes, struct lat_cnn_layer *layer)
{
    char word[MAX_WORD];
    int place = 0;
    int needed = !!(takes & CHANNELS) + !!(takes & KERNEL) + !!(takes & SHARE);
    for (next_word(p, word); *word; next_word(p, word)) {
        const char *value = strchr(word, '=');
        if (value)
            LAT_TRY(option(p, takes, word, value + 1, layer));
        else
            LAT_TRY(positional(p, takes, word, place++, layer));
    }
    if (place < needed)
        return lat_err(LATTN_ERR_FORMAT, "layers: layer %d: \"%s\" needs %s", p->n_layers,
            table[layer->kind].word,
            takes & SHARE       ? "a share: dropout 0.5"
            : !(takes & KERNEL) ? "its features: fc 100"
            : takes & CHANNELS  ? "channels and a kernel: conv 32 3x3"
                                : "a kernel: maxpool 2");
    return LATTN_OK;
}

// ---- layers ---------------------------------------------------------------------------------------

static lattn_status parse_list(struct parser *p, struct lat_cnn_layers *out);

static lattn_status parse_body(struct parser *p, struct lat_cnn_layer *layer)
{
    skip_space(p);
    if (*p->at != '(')
        return wrong(p, "layers in parentheses are expected at", p->at);
    if (++p->depth > MAX_DEPTH)
        return lat_err(LATTN_ERR_FORMAT,
            "layers: layer %d: parentheses are nested more than %d deep", p->n_layers, MAX_DEPTH);
    p->at++;
    LAT_TRY(parse_list(p, &layer->body));
    if (*p->at != ')')
        return lat_err(LATTN_ERR_FORMAT, "layers: layer %d: a ) is missing", p->n_layers);
    p->at++;
    p->depth--;
    return LATTN_OK;
}

static lattn_status parse_layer(struct parser *p, struct lat_cnn_layer *layer)
{
    char word[MAX_WORD];
    if (++p->n_layers > MAX_LAYERS)
        return lat_err(LATTN_ERR_FORMAT, "layers: more than %d layers", MAX_LAYERS);
    next_word(p, word);
    int kind = 0;
    while (kind < LAT_CNN_N_KINDS && strcmp(table[kind].word, word) != 0)
        kind++;
    if (kind == LAT_CNN_N_KINDS)
        return unknown_word(p, word);
    unsigned takes = table[kind].takes;
    *layer = (struct lat_cnn_layer){
        .kind = (enum lat_cnn_kind) kind,
        .groups = 1,
        .padding = kind == LAT_CNN_CONV ? -1 : 0,
    };
    if (takes & BODY)
        LAT_TRY(parse_body(p, layer));
    LAT_TRY(arguments(p, takes, layer));
    if (!layer->stride)
        layer->stride = kind == LAT_CNN_CONV ? 1 : layer->kernel[0];
    return LATTN_OK;
}

static lattn_status parse_list(struct parser *p, struct lat_cnn_layers *out)
{
    for (;;) {
        struct lat_cnn_layer layer = { 0 };
        lattn_status st = parse_layer(p, &layer);
        if (!st)
            st = LAT_PUSH(out, layer);
        if (st) {
            lat_cnn_layers_free(&layer.body);
            return st;
        }
        skip_space(p);
        if (*p->at != ',')
            return LATTN_OK;
        p->at++;
    }
}

lattn_status lat_cnn_parse(const char *text, struct lat_cnn_layers *out)
{
    struct parser p = { .at = text };
    *out = (struct lat_cnn_layers){ 0 };
    lattn_status st = parse_list(&p, out);
    if (!st && *p.at)
        st = wrong(&p, "a comma is expected at", p.at);
    if (st)
        lat_cnn_layers_free(out);
    return st;
}
