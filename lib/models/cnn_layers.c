// SPDX-License-Identifier: MIT
//
// Rates that fall from the head of a network to its first layer. A layer is a convolution, a linear layer
// or a block; a norm counts as part of what stands before it, and what belongs to no layer (a class token,
// embedded positions) as part of the first one.
//
// Source: Clark et al. 2020, arXiv:2003.10555, section 3.4 (layer-wise decay); timm's --layer_decay.

#include <math.h>
#include <string.h>
#include "models/cnn.h"
#include "nn/module.h"

struct decay {
    double factor;
    int n;     // layers met so far
    int last;  // number of the head; -1 while they are only counted
};

static bool is_kind(const lattn_module *m, const char *kind)
{
    return strcmp(m->kind, kind) == 0;
}

static bool is_row(const lattn_module *m)
{
    return !m->parent || is_kind(m, "sequential") || is_kind(m, "vit_encoder");
}

static float factor_of(const struct decay *d, int layer)
{
    return (float) pow(d->factor, d->last - layer);
}

static lattn_status walk(struct decay *d, lattn_module *m)
{
    for (size_t i = 0; i < m->params.n && d->last >= 0; i++)
        m->params.items[i].lr_factor *= factor_of(d, 0);
    for (size_t i = 0; i < m->children.n; i++) {
        lattn_module *child = m->children.items[i];
        if (!lattn_module_n_parameters(child))
            continue;
        if (is_row(child)) {
            LAT_TRY(walk(d, child));
            continue;
        }
        d->n += !d->n || !(is_kind(child, "batch_norm") || is_kind(child, "layer_norm"));
        if (d->last >= 0)
            LAT_TRY(lattn_module_scale_lr(child, "*", factor_of(d, d->n - 1)));
    }
    return LATTN_OK;
}

lattn_status lattn_cnn_layer_decay(lattn_cnn *cnn, double factor, int *n_layers)
{
    LAT_CHECK_ARG(cnn);
    struct decay d = { .factor = factor, .last = -1 };
    if (!(factor > 0 && factor <= 1))
        return lat_err(
            LATTN_ERR_ARG, "lattn_cnn_layer_decay: the factor %g is outside (0, 1]", factor);
    LAT_TRY(walk(&d, cnn->root));
    d.last = d.n - 1;
    if (n_layers)
        *n_layers = d.n;
    d.n = 0;
    return walk(&d, cnn->root);
}
