// SPDX-License-Identifier: MIT
//
// dropout(layer_norm(word[ids] + type[types] + position)), how a transformer like BERT begins, in one kernel.
//
// Backward is made of the parts' own kernels: the mask drawn again over dy, layer norm's backward of the rows
// from the kept normalised sum, and its result dv summed up into the tables: by sorted ids for words and types
// (embedding_grad.c), over the sequences for positions.
//
// Tables are bound whole. One that is longer than the device lets a shader see makes the public function put
// the same together from its parts, with the same random numbers.

#include "ops/embedding.h"
#include "ops/internal.h"
#include "ops/layer_norm.h"
#include "ops/pointwise.h"
#include "ops/row.h"
#include "lattn/ops.h"
#include "lat_shaders.h"

enum { WORD, POSITION, TYPE, IDS, TYPES, WEIGHT, BIAS, RANDOM };
enum { Y, STATS, NORMALISED };

struct embed_attr {
    float eps;
    uint32_t drop_below;  // 0 = no dropout
    float keep_scale;
    uint32_t op;
    int64_t padding_idx;
};

// ---- infer --------------------------------------------------------------------------------------

static lattn_status check_table(
    struct lat_call *c, const char *what, const lattn_tensor *table, int64_t least_rows)
{
    const lattn_tensor *word = c->in[WORD];
    if (!table)
        return LATTN_OK;
    if (table->dtype != word->dtype)
        return lat_err(LATTN_ERR_DTYPE, "%s: %s is %s, word is %s", c->op_name, what,
            lattn_dtype_name(table->dtype), lattn_dtype_name(word->dtype));
    if (table->rank != 2 || table->dim[0] < least_rows || table->dim[1] != word->dim[1])
        return lat_err(LATTN_ERR_SHAPE, "%s: %s %s is not [%lld or more, %lld]", c->op_name, what,
            LAT_SHAPE(table), (long long) least_rows, (long long) word->dim[1]);
    return LATTN_OK;
}

static lattn_status check_indices(struct lat_call *c)
{
    const lattn_tensor *ids = c->in[IDS], *types = c->in[TYPES];
    if (ids->dtype != LATTN_DTYPE_I32 || (types && types->dtype != LATTN_DTYPE_I32))
        return lat_err(LATTN_ERR_DTYPE, "%s: %s is %s, not i32", c->op_name,
            ids->dtype != LATTN_DTYPE_I32 ? "ids" : "types",
            lattn_dtype_name(ids->dtype != LATTN_DTYPE_I32 ? ids->dtype : types->dtype));
    if (ids->rank == 0 || ids->rank == LATTN_MAX_RANK)
        return lat_err(LATTN_ERR_SHAPE, "%s: ids %s are not [..., T] with room for the rows",
            c->op_name, LAT_SHAPE(ids));
    if (types && !lat_same_shape(ids, types))
        return lat_err(LATTN_ERR_SHAPE, "%s: ids %s and types %s differ", c->op_name,
            LAT_SHAPE(ids), LAT_SHAPE(types));
    return LATTN_OK;
}

static lattn_status infer(struct lat_call *c)
{
    const lattn_tensor *word = c->in[WORD], *ids = c->in[IDS];
    LAT_TRY(lat_check_float(c, word));
    if (word->rank != 2)
        return lat_err(LATTN_ERR_SHAPE, "%s: word %s is not [V, C]", c->op_name, LAT_SHAPE(word));
    LAT_TRY(check_indices(c));
    LAT_TRY(check_table(c, "position", c->in[POSITION], lat_dim(ids, -1)));
    LAT_TRY(check_table(c, "type", c->in[TYPE], 1));
    int64_t dims[LATTN_MAX_RANK];
    for (int d = 0; d < ids->rank; d++)
        dims[d] = ids->dim[d];
    dims[ids->rank] = word->dim[1];
    LAT_TRY(lat_out(c, Y, word->dtype, ids->rank + 1, dims));
    LAT_TRY(lat_norm_check(c, c->out[Y], c->in[WEIGHT], c->in[BIAS]));
    if (!c->grad_wanted)
        return LATTN_OK;
    LAT_TRY(lat_out(c, STATS, LATTN_DTYPE_F32, 2, (int64_t[]){ lat_numel(ids), 2 }));
    return lat_out_like(c, NORMALISED, c->out[Y]);
}

// ---- forward ------------------------------------------------------------------------------------

static lattn_status forward(struct lat_call *c)
{
    const struct embed_attr *attr = c->attr;
    struct layer_norm_push push = {
        .flags = (c->in[WEIGHT] ? LAT_NORM_WEIGHT : 0) | (c->in[BIAS] ? LAT_NORM_BIAS : 0) |
                 (c->in[POSITION] ? LAT_NORM_POSITION : 0) | (c->in[TYPE] ? LAT_NORM_TYPE : 0) |
                 (c->in[TYPES] ? LAT_NORM_TYPES : 0) | (c->out[STATS] ? LAT_NORM_STATS : 0),
        .eps = attr->eps,
        .drop_below = attr->drop_below,
        .keep_scale = attr->keep_scale,
        .op = attr->op,
        .vocab = (uint32_t) c->in[WORD]->dim[0],
        .n_types = c->in[TYPE] ? (uint32_t) c->in[TYPE]->dim[0] : 0,
        .n_tokens = (uint32_t) lat_dim(c->in[IDS], -1),
    };
    const struct lat_norm_shaders shaders = {
        .base = &lat_shader_embed_layer_norm_fwd,
        .subgroup = &lat_shader_embed_layer_norm_fwd_subgroup,
        .cpu = &lat_shader_embed_layer_norm_fwd_cpu,
        .address = { 0, 1, 2, 3, 4 },
        .n_kept = 1,
        .whole = 0xff,
        .stats = 9,
    };
    double n = (double) lat_numel(c->out[Y]) * (double) lattn_dtype_bytes(c->out[Y]->dtype);
    struct lat_kernel kernel = {
        .read = { c->in[WORD], c->in[WEIGHT], c->in[BIAS], c->in[POSITION], c->in[TYPE], c->in[IDS],
            c->in[TYPES], c->in[RANDOM] },
        .n_read = 8,
        .write = { c->out[Y], c->out[STATS], c->out[NORMALISED] },
        .n_write = 3,
        .bytes = (c->out[NORMALISED] ? 3 : 2) * n,  // of the word table only rows of tokens
    };
    return lat_norm_rows_run(c->ctx, c->op_name, c->out[Y], &shaders, &push, &kernel);
}

// ---- backward -----------------------------------------------------------------------------------

// dy without what was dropped.
static lattn_tensor *undropped(struct lat_call *c)
{
    const struct embed_attr *attr = c->attr;
    lattn_tensor *dy = c->grad_out[Y];
    if (attr->drop_below == 0)
        return dy;
    const struct lat_dropout d = {
        .from = dy,
        .to = lat_tensor_new(c->ctx, dy->dtype, dy->rank, dy->dim),
        .random = c->in[RANDOM],
        .op = attr->op,
        .threshold = attr->drop_below,
        .scale = attr->keep_scale,
    };
    return d.to && !lat_dropout_run(c->ctx, &d) ? d.to : NULL;
}

static lattn_status by_index(struct lat_call *c, int table, int index, lattn_tensor *dv)
{
    const struct embed_attr *attr = c->attr;
    const struct lat_embedding_grad grad = {
        .index = c->in[index],
        .dy = dv,
        .dw = c->grad_in[table],
        .padding_idx = table == WORD ? attr->padding_idx : -1,
        .accumulate = c->accumulate >> table & 1,
    };
    return lat_embedding_grad_run(c->ctx, &grad);
}

// The first n rows of a table's gradient are sums over all sequences, the others get nothing.
static lattn_status by_place(struct lat_call *c, int table, int64_t n, lattn_tensor *dv)
{
    lattn_tensor *dw = c->grad_in[table];
    bool accumulate = c->accumulate >> table & 1;
    if (!accumulate && (lat_numel(dv) == 0 || n < dw->dim[0])) {
        LAT_TRY(lat_prim_fill(dw, 0));
        accumulate = true;
    }
    if (lat_numel(dv) == 0)
        return LATTN_OK;
    int64_t width = dw->dim[1], repeats = lat_numel(dv) / (n * width);
    lattn_tensor *src = lat_view_reshape(dv, 3, (int64_t[]){ repeats, n, width });
    lattn_tensor *rows = lat_view_slice(dw, 0, 0, n, 1);
    return src && rows ? lat_sum_to(c->ctx, src, rows, accumulate) : c->ctx->error;
}

static lattn_status backward_tables(struct lat_call *c, lattn_tensor *dv)
{
    if (c->grad_in[WORD])
        LAT_TRY(by_index(c, WORD, IDS, dv));
    if (c->grad_in[TYPE])
        LAT_TRY(c->in[TYPES] ? by_index(c, TYPE, TYPES, dv) : by_place(c, TYPE, 1, dv));
    if (c->grad_in[POSITION])
        LAT_TRY(by_place(c, POSITION, lat_dim(c->in[IDS], -1), dv));
    return LATTN_OK;
}

static lattn_status backward(struct lat_call *c)
{
    lattn_tensor *dy = undropped(c);
    if (!dy)
        return c->ctx->error;
    lattn_tensor *dv = NULL;  // the gradient of the sum
    if (c->grad_in[WORD] || c->grad_in[TYPE] || c->grad_in[POSITION]) {
        dv = lat_tensor_new(c->ctx, dy->dtype, dy->rank, dy->dim);
        if (!dv)
            return c->ctx->error;
    }
    const struct lat_norm_backward b = {
        .op = c->op_name,
        .v = c->out[NORMALISED],
        .stats = c->out[STATS],
        .normalised = true,
        .weight = c->in[WEIGHT],
        .dy = dy,
        .dresidual = dv,
        .dweight = c->grad_in[WEIGHT],
        .dbias = c->grad_in[BIAS],
        .add_weight = c->accumulate >> WEIGHT & 1,
        .add_bias = c->accumulate >> BIAS & 1,
    };
    LAT_TRY(lat_norm_backward(c->ctx, &b));
    return dv ? backward_tables(c, dv) : LATTN_OK;
}

const struct lat_op lat_op_embed_layer_norm = {
    .name = "embed_layer_norm",
    .n_inputs = 8,
    .n_outputs = 3,
    .attr_bytes = sizeof(struct embed_attr),
    .keep_in = 1u << IDS | 1u << TYPES | 1u << WEIGHT | 1u << RANDOM,
    .keep_out = 1u << STATS | 1u << NORMALISED,
    .no_grad_in = 1u << IDS | 1u << TYPES | 1u << RANDOM,
    .can_accumulate = 1u << WORD | 1u << POSITION | 1u << TYPE | 1u << WEIGHT | 1u << BIAS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .strategies = lat_norm_strategies,
    .n_strategies = LAT_NORM_STRATEGIES,
};

// ---- the public function ------------------------------------------------------------------------

static bool fits(const lattn_ctx *ctx, const lattn_tensor *table)
{
    uint64_t most = lat_caps(ctx)->max_binding_bytes;
    return !table || lat_tensor_span(table) <= most;
}

static lattn_tensor *from_parts(
    lattn_ctx *ctx, lattn_tensor *word, lattn_tensor *ids, const lattn_embed_layer_norm_args *a)
{
    lattn_tensor *x = lattn_embedding(ctx, word, ids, a->has_padding_idx ? a->padding_idx : -1);
    if (a->type) {
        lattn_tensor *type = a->types ? lattn_embedding(ctx, a->type, a->types, -1)
                                      : lattn_slice(ctx, a->type, 0, 0, 1, 1);
        x = lattn_add(ctx, x, type);
    }
    if (a->position) {
        lattn_tensor *places = lattn_slice(ctx, a->position, 0, 0, lat_dim(ids, -1), 1);
        x = lattn_add(ctx, x, places);
    }
    x = lattn_layer_norm(ctx, x, a->weight, a->bias, a->eps);
    return lattn_dropout(ctx, x, a->p);
}

static bool check_args(
    lattn_ctx *ctx, const lattn_tensor *word, const lattn_embed_layer_norm_args *a)
{
    const char *wrong = a->types && !a->type ? "types without a table of types" : NULL;
    if (wrong)
        lat_fail(ctx, LATTN_ERR_ARG, "embed_layer_norm: %s", wrong);
    else if (!(a->p >= 0.0f && a->p < 1.0f))
        lat_fail(ctx, LATTN_ERR_ARG, "embed_layer_norm: p = %g is outside [0, 1)", (double) a->p);
    else if (!lat_norm_eps_ok(a->eps))
        lat_fail(ctx, LATTN_ERR_ARG, "embed_layer_norm: eps = %g must be finite and not negative",
            (double) a->eps);
    else if (a->has_padding_idx && word->rank > 0 &&
             (a->padding_idx < 0 || a->padding_idx >= word->dim[0]))
        lat_fail(ctx, LATTN_ERR_ARG, "embed_layer_norm: padding_idx %lld is outside the table %s",
            (long long) a->padding_idx, LAT_SHAPE(word));
    else
        return true;
    return false;
}

lattn_tensor *lattn_embed_layer_norm(
    lattn_ctx *ctx, lattn_tensor *word, lattn_tensor *ids, const lattn_embed_layer_norm_args *args)
{
    LAT_NEED_ARG(ctx, args);
    if (!word || !ids || !check_args(ctx, word, args))
        return NULL;
    bool empty = lat_rank(word) == 2 && word->dim[0] == 0;
    if (empty || !fits(ctx, word) || !fits(ctx, args->position) || !fits(ctx, args->type))
        return from_parts(ctx, word, ids, args);
    struct embed_attr attr = {
        .eps = args->eps,
        .padding_idx = args->has_padding_idx ? args->padding_idx : -1,
    };
    lattn_tensor *random = NULL;
    if (args->p > 0.0f && lattn_is_training(ctx)) {
        attr.drop_below = lat_dropout_threshold(args->p);
        attr.keep_scale = 1.0f / (1.0f - args->p);
        random = lat_rng_tensor(ctx, &attr.op);
        if (!random)
            return NULL;
    }
    lattn_tensor *in[] = { word, args->position, args->type, ids, args->types, args->weight,
        args->bias, random };
    return lat_apply(ctx, &lat_op_embed_layer_norm, in, LAT_COUNT(in), &attr);
}
