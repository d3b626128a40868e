// SPDX-License-Identifier: MIT
//
// A table of rows, looked up by index.

#include "nn/module.h"
#include "tensor/tensor.h"

static const char kind[] = "embedding";

struct embedding {
    lattn_tensor *weight;
    int64_t padding_idx;  // -1 = none
};

static lattn_status zero_padding_row(const struct embedding *e)
{
    if (e->padding_idx < 0)
        return LATTN_OK;
    lattn_tensor *row = lat_view_slice(e->weight, 0, e->padding_idx, 1, 1);
    return row ? lat_prim_fill(row, 0) : lat_take_error(e->weight->ctx);
}

static lattn_status add_parameters(lattn_module *m, const lattn_embedding_params *p)
{
    struct embedding *e = m->data;
    lattn_init normal = { LATTN_INIT_NORMAL, 1 };
    lattn_parameter_params param = {
        .dtype = p->dtype,
        .rank = 2,
        .dims = (int64_t[]){ p->num_embeddings, p->embedding_dim },
        .init = p->has_init ? p->init : normal,
    };
    e->padding_idx = p->has_padding_idx ? p->padding_idx : -1;
    LAT_TRY(lattn_module_add_parameter(m, "weight", &param, &e->weight));
    return zero_padding_row(e);
}

lattn_status lattn_embedding_create(
    lattn_ctx *ctx, const lattn_embedding_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    if (params->num_embeddings < 1 || params->embedding_dim < 1)
        return lat_err(LATTN_ERR_ARG,
            "embedding: num_embeddings %lld and embedding_dim %lld must be >= 1",
            (long long) params->num_embeddings, (long long) params->embedding_dim);
    if (params->has_padding_idx &&
        (params->padding_idx < 0 || params->padding_idx >= params->num_embeddings))
        return lat_err(LATTN_ERR_ARG, "embedding: padding_idx %lld is outside [0, %lld)",
            (long long) params->padding_idx, (long long) params->num_embeddings);
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct embedding), out));
    (*out)->forward = lattn_embedding_forward;
    lattn_status st = add_parameters(*out, params);
    if (st)
        lattn_module_destroy(out);
    return st;
}

lattn_tensor *lattn_embedding_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *index)
{
    LAT_NEED_ARG(ctx, m);
    const struct embedding *e = lat_module_data(ctx, m, kind);
    return e ? lattn_embedding(ctx, e->weight, index, e->padding_idx) : NULL;
}
