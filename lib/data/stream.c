// SPDX-License-Identifier: MIT
//
// A text as one stream of tokens, and consecutive parts of streams and series.
//
// The text is encoded once, when it is opened: 4 bytes a token are less than the text of most
// vocabularies, and batches are then only copies.

#include <math.h>
#include <string.h>
#include "base/log.h"
#include "data/dataset.h"
#include "data/text_rows.h"
#include "text/tokenizer.h"

struct opener {
    const char *path;
    const lattn_stream_params *params;
    lattn_dataset *d;
    struct lat_encoder encoder;
    struct lat_ids ids;
};

static lattn_status add_text(struct opener *o, const char *text, size_t bytes)
{
    lattn_data_stats *s = &o->d->stats;
    for (size_t i = 0; i < bytes; i++)
        s->n_characters += ((unsigned char) text[i] & 0xC0) != 0x80;
    s->n_bytes += (int64_t) bytes;
    return lat_encode(o->params->tokenizer, &o->encoder, text, bytes, &o->ids);
}

static lattn_status read_plain(struct opener *o)
{
    struct lat_bytes b;
    LAT_TRY(lat_bytes_read(o->path, &b));
    o->d->stats.hash = b.hash;
    o->d->stats.file_bytes = b.file_bytes;
    lattn_status st = add_text(o, b.items, b.n);
    lat_free(b.items);
    return st;
}

static lattn_status read_rows(struct opener *o)
{
    const lattn_text_params params = {
        .text_column = o->params->text_column, .pair_column = "", .no_labels = true
    };
    lattn_special_ids special = lattn_tokenizer_special(o->params->tokenizer);
    int32_t end = special.eos >= 0 ? special.eos : special.sep;
    lattn_dataset *rows;
    LAT_TRY(lattn_text_open(o->path, &params, &rows));
    o->d->stats = lattn_dataset_stats(rows);
    lattn_status st = LATTN_OK;
    for (int64_t i = 0; i < lattn_dataset_count(rows) && !st; i++) {
        size_t n;
        const char *text = lattn_dataset_text(rows, i, &n);
        st = add_text(o, text, n);
        if (!st)
            st = LAT_PUSH(&o->ids, end);
    }
    lattn_dataset_close(&rows);
    return st;
}

static lattn_status finish(struct opener *o)
{
    lattn_data_stats *s = &o->d->stats;
    s->n_replaced += o->encoder.n_replaced;
    s->n_unknown = o->encoder.n_unknown;
    if (s->n_bytes == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: the text is empty", o->path);
    if (o->ids.n == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: the text has no tokens", o->path);
    if (s->n_unknown)
        lat_log(LATTN_LOG_WARN, "%s: %lld of %zu tokens are unknown to the vocabulary", o->path,
            (long long) s->n_unknown, o->ids.n);
    o->d->tokens.items = o->ids.items;
    o->d->tokens.n = o->ids.n;
    o->ids.items = NULL;
    return LATTN_OK;
}

lattn_status lattn_stream_open(
    const char *path, const lattn_stream_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(path);
    LAT_CHECK_ARG(params);
    if (!params->tokenizer)
        return lat_err(LATTN_ERR_ARG, "stream: no tokenizer");
    struct opener o = { .path = path, .params = params };
    enum lat_text_format format;
    bool plain = params->plain || lat_text_format_of(path, &format);
    LAT_TRY(lat_dataset_create(LAT_DATA_STREAM, 0, &o.d));
    lattn_status st = plain ? read_plain(&o) : read_rows(&o);
    if (!st)
        st = finish(&o);
    lat_encoder_free(&o.encoder);
    lat_free(o.ids.items);
    if (st)
        lattn_dataset_close(&o.d);
    *out = o.d;
    return st;
}

const int32_t *lattn_stream_tokens(const lattn_dataset *d, int64_t *n)
{
    if (n)
        *n = d ? (int64_t) d->tokens.n : 0;
    return d && d->kind == LAT_DATA_STREAM ? d->tokens.items : NULL;
}

// ---- parts ------------------------------------------------------------------------------------

lattn_status lattn_sequence_split(
    const lattn_dataset *d, const double *ratios, int32_t n_parts, lattn_range *parts)
{
    int64_t n = lattn_dataset_count(d), first = 0;
    double sum = 0, so_far = 0;
    LAT_CHECK_ARG(d);
    LAT_CHECK_ARRAY(ratios, n_parts);
    LAT_CHECK_ARRAY(parts, n_parts);
    if (d->kind != LAT_DATA_STREAM && d->kind != LAT_DATA_SERIES)
        return lat_err(LATTN_ERR_ARG, "split: the dataset is no stream and no series");
    if (n_parts < 1)
        return lat_err(LATTN_ERR_ARG, "split: %d parts", n_parts);
    for (int32_t i = 0; i < n_parts; i++) {
        if (!(ratios[i] > 0) || !isfinite(ratios[i]))
            return lat_err(LATTN_ERR_ARG, "split: ratio %d is %g", i, ratios[i]);
        sum += ratios[i];
    }
    for (int32_t i = 0; i < n_parts; i++) {
        so_far += ratios[i];
        int64_t end = i + 1 == n_parts ? n : (int64_t) floor(so_far / sum * (double) n);
        if (end <= first)
            return lat_err(LATTN_ERR_ARG, "split: part %d of %lld tokens or rows would be empty", i,
                (long long) n);
        parts[i] = (lattn_range){ first, end - first };
        first = end;
    }
    return LATTN_OK;
}

lattn_status lat_range_check(
    const char *who, const lattn_dataset *d, const lattn_range *part, lattn_range *out)
{
    int64_t n = lattn_dataset_count(d);
    *out = part ? *part : (lattn_range){ 0, n };
    if (out->first < 0 || out->n < 1 || out->first >= n || out->n > n - out->first)
        return lat_err(LATTN_ERR_ARG, "%s: %lld from %lld on, of %lld", who, (long long) out->n,
            (long long) out->first, (long long) n);
    return LATTN_OK;
}
