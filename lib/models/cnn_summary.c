// SPDX-License-Identifier: MIT
//
// What a network consists of: one image goes through it while an observer notes each layer's output.

#include <string.h>
#include "models/cnn.h"
#include "nn/module.h"
#include "tensor/tensor.h"

struct summary {
    lattn_layer_fn each;
    void *user;
};

// Of the projections, whose weights meet every token once.
static int64_t attention_flops(const lattn_module *m, const lattn_tensor *out)
{
    int64_t weights = 0;
    for (size_t i = 0; i < m->params.n; i++)
        weights +=
            lat_rank(m->params.items[i].tensor) == 2 ? lat_numel(m->params.items[i].tensor) : 0;
    for (size_t i = 0; i < m->children.n; i++)
        weights += lat_numel(lattn_module_parameter(m->children.items[i], "weight"));
    return 2 * weights * (lat_numel(out) / lat_dim(out, -1));
}

// A layer with a matrix of weights does one multiply-add per weight and output position; a block what
// its layers do. positions of a layer: elements of its output per row of the weight.
static int64_t flops_of(const lattn_module *m, const lattn_tensor *out)
{
    if (strcmp(m->kind, "multihead_attention") == 0)
        return attention_flops(m, out);
    for (size_t i = 0; i < m->params.n; i++) {
        const lattn_tensor *w = m->params.items[i].tensor;
        if (strcmp(m->params.items[i].name, "weight") == 0 && lat_rank(w) >= 2)
            return 2 * lat_numel(w) * (lat_numel(out) / lat_dim(w, 0));
    }
    return 0;
}

static void note(void *user, const lattn_module *m, lattn_tensor *out)
{
    struct summary *s = user;
    char path[256];
    lattn_module_path(m, path, sizeof path);
    lattn_layer_info info = {
        .path = path,
        .kind = m->kind,
        .rank = lat_rank(out),
        .n_parameters = lattn_module_numel(m),
        .flops = flops_of(m, out),
    };
    for (int d = 0; d < info.rank; d++)
        info.dim[d] = lat_dim(out, d);
    for (const lattn_module *p = m; p->parent; p = p->parent)
        info.depth++;
    s->each(s->user, &info);
}

lattn_status lattn_cnn_summary(lattn_ctx *ctx, lattn_cnn *cnn, lattn_layer_fn each, void *user)
{
    LAT_CHECK_ARG(cnn);
    LAT_CHECK_ARG(each);
    const lattn_cnn_config *c = &cnn->config;
    struct summary s = { .each = each, .user = user };
    bool training = lattn_is_training(ctx);
    LAT_TRY(lattn_step_begin(ctx));
    lattn_set_training(ctx, false);
    lattn_no_grad_begin(ctx);
    lattn_module_observe(cnn->root, note, &s);
    int64_t dims[] = { 1, c->channels, c->height, c->width };
    lattn_cnn_forward(ctx, cnn, lattn_zeros(ctx, LATTN_DTYPE_F32, 4, dims));
    lattn_module_observe(cnn->root, NULL, NULL);
    lattn_no_grad_end(ctx);
    lattn_set_training(ctx, training);
    return lattn_step_end(ctx);
}
