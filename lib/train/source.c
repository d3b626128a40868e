// SPDX-License-Identifier: MIT
//
// A loader as a source of batches: input_ids, token_type_ids, lengths, labels of texts; x, labels and,
// with mixup, targets of pictures.

#include "base/status.h"
#include "lattn/train.h"

static lattn_field matrix(const int32_t *data, int64_t n, int64_t T)
{
    return (lattn_field){ .dtype = LATTN_DTYPE_I32, .rank = 2, .dim = { n, T }, .data = data };
}

static lattn_field vector(const int32_t *data, int64_t n)
{
    return (lattn_field){ .dtype = LATTN_DTYPE_I32, .rank = 1, .dim = { n }, .data = data };
}

static void texts(const lattn_batch *b, lattn_fields *out)
{
    out->field[0] = matrix(b->input_ids, b->n, b->T);
    out->field[1] = matrix(b->token_type_ids, b->n, b->T);
    out->field[2] = vector(b->lengths, b->n);
    out->field[3] = vector(b->labels, b->n);
    out->n_fields = 4;
}

static void pictures(const lattn_batch *b, lattn_fields *out)
{
    out->field[0] = (lattn_field){
        .dtype = LATTN_DTYPE_F32, .rank = 4, .dim = { b->n, b->C, b->H, b->W }, .data = b->x
    };
    out->field[1] = vector(b->labels, b->n);
    out->n_fields = 2;
    if (b->targets)
        out->field[out->n_fields++] = (lattn_field){
            .dtype = LATTN_DTYPE_F32, .rank = 2, .dim = { b->n, b->n_labels }, .data = b->targets
        };
}

static lattn_status next(void *user, lattn_fields *out)
{
    const lattn_batch *b = NULL;
    *out = (lattn_fields){ 0 };
    LAT_TRY(lattn_loader_next(user, &b));
    if (!b)
        return LATTN_OK;
    if (b->x)
        pictures(b, out);
    else
        texts(b, out);
    out->n_samples = b->n;
    out->n_cut = b->n_cut;
    out->labels = b->labels;
    return LATTN_OK;
}

static lattn_status seek(void *user, int64_t epoch, int64_t index)
{
    return lattn_loader_seek(user, epoch, index);
}

lattn_source lattn_source_from_loader(lattn_loader *loader, int64_t n_samples)
{
    return (lattn_source){
        .user = loader,
        .n_batches = lattn_loader_n_batches(loader),
        .n_samples = n_samples,
        .next = next,
        .seek = seek,
    };
}
