// SPDX-License-Identifier: MIT
//
// Which layers train, and how fast: --freeze, --freeze_layers, --layer_decay, --backbone_lr_factor,
// --lr_factor.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cnn/cnn.h"

bool cnn_rates_parse(struct cnn_rates *r, const char **wrong)
{
    for (int i = 0; i < r->factors.n; i++) {
        char *pattern = (char *) r->factors.items[i];  // of argv
        char *equals = strrchr(pattern, '='), *end = NULL;
        *wrong = pattern;
        if (!equals || equals == pattern)
            return false;
        r->factor[i] = strtof(equals + 1, &end);
        if (end == equals + 1 || *end || !(r->factor[i] >= 0) || !(r->factor[i] <= 1e6f))
            return false;
    }
    return true;
}

static lattn_status freeze_all_but_head(lattn_cnn *cnn)
{
    lattn_status st;
    TRY(lattn_module_freeze(lattn_cnn_module(cnn), "*"));
    TRY(lattn_module_set_requires_grad(lattn_cnn_head(cnn), true));

done:
    return st;
}

// Everything but the head, which may lie anywhere in the tree: by the paths of the parameters.
static lattn_status scale_backbone(lattn_cnn *cnn, float factor)
{
    lattn_module *m = lattn_cnn_module(cnn);
    int n = lattn_module_n_parameters(m);
    char head[256];
    lattn_parameter *list = calloc((size_t) n + 1, sizeof *list);
    lattn_status st;
    if (!list)
        return LATTN_ERR_HOST_MEMORY;
    lattn_module_path(lattn_cnn_head(cnn), head, sizeof head);
    TRY(lattn_module_parameters(m, list, n, &n));
    for (int i = 0; i < n; i++)
        if (!lattn_name_fits(list[i].name, head))
            TRY(lattn_module_scale_lr(m, list[i].name, factor));

done:
    free(list);
    return st;
}

static lattn_status slow_down(lattn_cnn *cnn, const struct cnn_rates *r)
{
    lattn_module *m = lattn_cnn_module(cnn);
    lattn_status st = LATTN_OK;
    if (r->layer_decay < 1)
        TRY(lattn_cnn_layer_decay(cnn, (double) r->layer_decay, NULL));
    if (r->backbone != 1)
        TRY(scale_backbone(cnn, r->backbone));
    for (int i = 0; i < r->factors.n; i++) {
        char pattern[1024];
        const char *text = r->factors.items[i];
        snprintf(pattern, sizeof pattern, "%.*s", (int) (strrchr(text, '=') - text), text);
        TRY(lattn_module_scale_lr(m, pattern, r->factor[i]));
    }

done:
    return st;
}

lattn_status cnn_rates_apply(lattn_cnn *cnn, const struct cnn_rates *r)
{
    lattn_status st;
    TRY(slow_down(cnn, r));
    if (r->freeze)
        TRY(freeze_all_but_head(cnn));
    for (int i = 0; i < r->freeze_layers.n; i++)
        TRY(lattn_module_freeze(lattn_cnn_module(cnn), r->freeze_layers.items[i]));

done:
    return st;
}

char *cnn_rates_text(const struct cnn_rates *r)
{
    size_t bytes = 128, n;
    for (int i = 0; i < r->freeze_layers.n; i++)
        bytes += strlen(r->freeze_layers.items[i]) + 2;
    for (int i = 0; i < r->factors.n; i++)
        bytes += strlen(r->factors.items[i]) + 2;
    char *text = malloc(bytes);
    if (!text)
        return NULL;
    n = (size_t) snprintf(text, bytes, "freeze %d, layer decay %.9g, backbone %.9g", r->freeze,
        (double) r->layer_decay, (double) r->backbone);
    for (int i = 0; i < r->freeze_layers.n; i++)
        n += (size_t) snprintf(text + n, bytes - n, " -%s", r->freeze_layers.items[i]);
    for (int i = 0; i < r->factors.n; i++)
        n += (size_t) snprintf(text + n, bytes - n, " *%s", r->factors.items[i]);
    return text;
}
