// SPDX-License-Identifier: MIT
//
// The network as the trainer sees it, and what it looks like as a table.

#include <stdio.h>
#include <string.h>
#include "cnn/cnn.h"

enum { IMAGES, LABELS, TARGETS };  // fields of a batch

void cnn_model_close(struct cnn_model *m)
{
    lattn_cnn_destroy(&m->cnn);
    lattn_ctx_destroy(&m->ctx);
}

lattn_status cnn_model_open(const char *dir, const char *device, struct cnn_model *m)
{
    lattn_ctx_params params = { .device = device };
    lattn_status st;
    TRY(lattn_ctx_create(&params, &m->ctx));
    TRY(lattn_cnn_load(m->ctx, dir, &m->cnn));

done:
    return st;
}

// ---- the task -------------------------------------------------------------------------------------

static lattn_tensor *loss(lattn_ctx *ctx, void *user, lattn_tensor *const *fields)
{
    struct cnn_model *m = user;
    lattn_tensor *logits = lattn_cnn_forward(ctx, m->cnn, fields[IMAGES]);
    lattn_cross_entropy_args args = { .label_smoothing = m->label_smoothing };
    if (fields[TARGETS])  // shares of several classes, as mixup makes them
        return lattn_cross_entropy_soft(
            ctx, lattn_cast(ctx, logits, LATTN_DTYPE_F32), fields[TARGETS], LATTN_REDUCTION_MEAN);
    return lattn_cross_entropy(ctx, logits, fields[LABELS], &args);
}

static lattn_tensor *evaluate(
    lattn_ctx *ctx, void *user, lattn_tensor *const *fields, lattn_tensor **logits)
{
    struct cnn_model *m = user;
    lattn_cross_entropy_args args = { .ignore_index = -1, .has_ignore_index = true };
    *logits = lattn_cnn_forward(ctx, m->cnn, fields[IMAGES]);
    return lattn_cross_entropy(ctx, *logits, fields[LABELS], &args);
}

static lattn_status save(void *user, const char *dir)
{
    return lattn_cnn_save(((struct cnn_model *) user)->cnn, dir);
}

static lattn_status load(void *user, const char *dir)
{
    return lattn_cnn_load_weights(((struct cnn_model *) user)->cnn, dir, NULL);
}

lattn_task cnn_task(struct cnn_model *m)
{
    return (lattn_task){
        .user = m,
        .module = lattn_cnn_module(m->cnn),
        .loss = loss,
        .evaluate = evaluate,
        .n_classes = lattn_cnn_get_config(m->cnn)->num_classes,
        .save = save,
        .load = load,
    };
}

lattn_transform cnn_transform(const lattn_cnn_config *c, const struct cnn_data *data)
{
    return (lattn_transform){
        .height = (int32_t) c->height,
        .width = (int32_t) c->width,
        .stretch = !data || data->height != c->height || data->width != c->width,
        .mean = c->has_normalisation ? c->mean : NULL,
        .std = c->has_normalisation ? c->std : NULL,
    };
}

const char *cnn_label(const void *config, int id, char *buffer, size_t bytes)
{
    const lattn_cnn_config *c = config;
    if (c->labels)
        return c->labels[id];
    snprintf(buffer, bytes, "%d", id);
    return buffer;
}

// ---- the table ------------------------------------------------------------------------------------

struct table {
    FILE *to;
    int64_t flops;
};

static void print_layer(void *user, const lattn_layer_info *layer)
{
    struct table *t = user;
    char shape[96] = "[";
    t->flops += layer->flops;
    if (!layer->depth)
        return;
    for (int d = 1; d < layer->rank; d++) {
        size_t n = strlen(shape);
        snprintf(
            shape + n, sizeof shape - n, "%s%lld", d > 1 ? ", " : "", (long long) layer->dim[d]);
    }
    strcat(shape, "]");
    fprintf(t->to, "  %-34s %-18s %-18s %12lld %14lld\n", layer->path, layer->kind, shape,
        (long long) layer->n_parameters, (long long) layer->flops);
}

lattn_status cnn_print_summary(struct cnn_model *m, FILE *to)
{
    const lattn_cnn_config *c = lattn_cnn_get_config(m->cnn);
    struct table t = { .to = to };
    fprintf(
        to, "  %-34s %-18s %-18s %12s %14s\n", "layer", "kind", "output", "parameters", "FLOPs");
    lattn_status st = lattn_cnn_summary(m->ctx, m->cnn, print_layer, &t);
    if (!st)
        fprintf(to, "  %s, %lld x %lld x %lld: %lld parameters, %.1f million FLOPs for an image\n",
            c->architecture ? c->architecture : "layers", (long long) c->channels,
            (long long) c->height, (long long) c->width,
            (long long) lattn_module_numel(lattn_cnn_module(m->cnn)), (double) t.flops * 1e-6);
    return st;
}
