// SPDX-License-Identifier: MIT
//
// embed_layer_norm: reference, cases, tolerances. Inputs are the tables of words, positions and types, ids,
// types, weight and bias; f[0] is p, f[1] eps. The mask is drawn with the host's Philox, as in
// op_dropout_add_layer_norm.c.

#include <math.h>
#include <stdlib.h>
#include "ops/engine.h"
#include "ops/reference.h"

enum { WORD, POSITION, TYPE, IDS, TYPES, WEIGHT, BIAS };

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    const lattn_embed_layer_norm_args args = {
        .position = in[POSITION],
        .type = in[TYPE],
        .types = in[TYPES],
        .weight = in[WEIGHT],
        .bias = in[BIAS],
        .p = (float) c->f[0],
        .eps = (float) c->f[1],
    };
    return lattn_embed_layer_norm(ctx, in[WORD], in[IDS], &args);
}

// The sum of a token's rows, its mean, rstd and mean of magnitudes.
struct row {
    double *v;
    double mean, rstd, mean_abs;
};

static void fill_row(
    const struct ot_case *c, const struct ot_array *in, int64_t token, int64_t n, struct row *r)
{
    int64_t place = token % in[IDS].dim[in[IDS].rank - 1];
    int64_t type = in[TYPES].v ? (int64_t) in[TYPES].v[token] : 0;
    double square = 0;
    r->mean = r->mean_abs = 0;
    for (int64_t j = 0; j < n; j++) {
        double word = in[WORD].v[(int64_t) in[IDS].v[token] * n + j];
        double t = in[TYPE].v ? in[TYPE].v[type * n + j] : 0;
        double at = in[POSITION].v ? in[POSITION].v[place * n + j] : 0;
        r->v[j] = word + t + at;
        r->mean += r->v[j] / (double) n;
        r->mean_abs += (fabs(word) + fabs(t) + fabs(at)) / (double) n;
    }
    for (int64_t j = 0; j < n; j++)
        square += (r->v[j] - r->mean) * (r->v[j] - r->mean) / (double) n;
    r->rstd = 1 / sqrt(square + (float) c->f[1]);
}

// Fills out with the result, or bound with what its rounding errors scale with.
static void fill(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out, bool bound)
{
    int64_t n = in[WORD].dim[1];
    double p = (float) c->f[0];
    struct row r = { .v = ot_alloc((size_t) n * sizeof(double)) };
    for (int64_t i = 0; i < out->n; i += n) {
        fill_row(c, in, i / n, n, &r);
        for (int64_t j = 0; j < n; j++) {
            double w = in[WEIGHT].v ? in[WEIGHT].v[j] : 1, b = in[BIAS].v ? in[BIAS].v[j] : 0;
            double y = (r.v[j] - r.mean) * r.rstd * w + b;
            if (bound)
                y = (2 * fabs(r.v[j]) + 3 * r.mean_abs) * r.rstd * fabs(w) + fabs(b);
            out->v[i + j] = p <= 0 ? y : ot_dropout_keeps(p, i + j) ? y / (1 - p) : 0;
        }
    }
    free(r.v);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    fill(c, in, out, false);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    fill(c, in, b, true);
}

static double elements(const struct ot_case *c)
{
    return ot_numel(&c->in[IDS]) * (double) c->in[WORD].dim[1];
}

static double bytes(const struct ot_case *c, size_t element)
{
    return 2 * elements(c) * (double) element;
}

static double flops(const struct ot_case *c)
{
    return 10 * elements(c);
}

// Reads the kept sum and the gradient, writes the tables' gradients.
static struct ot_work backward(const struct ot_case *c, size_t element, struct ot_work forward)
{
    (void) forward;
    double tables = 0;
    for (int i = 0; i <= TYPE; i++)
        tables += ot_numel(&c->in[i]);
    return (struct ot_work){ (2 * elements(c) + tables) * (double) element, 0 };
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { VOCAB, WIDTH, BATCH, TOKENS };
    OT_RESIZE(&c->in[WORD], v[VOCAB], v[WIDTH]);
    OT_RESIZE(&c->in[POSITION], v[TOKENS], v[WIDTH]);
    OT_RESIZE(&c->in[TYPE], 2, v[WIDTH]);
    OT_RESIZE(&c->in[IDS], v[BATCH], v[TOKENS]);
    c->in[IDS].limit = v[VOCAB];
    OT_RESIZE(&c->in[TYPES], v[BATCH], v[TOKENS]);
    OT_RESIZE(&c->in[WEIGHT], v[WIDTH]);
    OT_RESIZE(&c->in[BIAS], v[WIDTH]);
    return NULL;
}

// clang-format off
#define IDS_OF(v, b, t) { OT_DIMS(b, t), .fill = OT_INDEX, .limit = v }
#define ABSENT { .absent = true }
// All inputs: v words, m places, two types, b sequences of t tokens, rows of n.
#define ALL(v, m, b, t, n) { { OT_DIMS(v, n) }, { OT_DIMS(m, n) }, { OT_DIMS(2, n) }, IDS_OF(v, b, t), IDS_OF(2, b, t), { OT_DIMS(n), .fill = OT_POSITIVE }, { OT_DIMS(n) } }
static const struct ot_case cases[] = {
    { "empty", ALL(5, 4, 0, 3, 6), .f = { 0.1, 1e-5 } },
    { "one_element", ALL(1, 1, 1, 1, 1), .f = { 0.1, 1e-5 } },
    { "row_5", ALL(7, 4, 3, 4, 5), .f = { 0.3, 1e-5 } },
    { "row_6", ALL(7, 4, 2, 3, 6), .f = { 0.3, 1e-5 } },
    { "row_33", ALL(7, 9, 2, 5, 33), .f = { 0.1, 1e-5 } },
    { "row_64", ALL(7, 9, 2, 5, 64), .f = { 0.1, 1e-5 } },
    { "no_dropout", ALL(7, 5, 2, 5, 64), .f = { 0, 1e-12 } },
    { "only_words", { { OT_DIMS(7, 64) }, ABSENT, ABSENT, IDS_OF(7, 2, 3), ABSENT, ABSENT, ABSENT }, .f = { 0.1, 1e-5 } },
    { "one_type", { { OT_DIMS(7, 64) }, { OT_DIMS(6, 64) }, { OT_DIMS(2, 64) }, IDS_OF(7, 3, 4), ABSENT, { OT_DIMS(64), .fill = OT_POSITIVE }, { OT_DIMS(64) } }, .f = { 0.1, 1e-5 } },
    { "rank_1_ids", { { OT_DIMS(7, 20) }, { OT_DIMS(6, 20) }, ABSENT, { OT_DIMS(6), .fill = OT_INDEX, .limit = 7 }, ABSENT, { OT_DIMS(20), .fill = OT_POSITIVE }, { OT_DIMS(20) } }, .f = { 0.1, 1e-5 } },
    { "sliced", { { OT_DIMS(7, 12), .layout = OT_SLICED }, { OT_DIMS(6, 12), .layout = OT_TRANSPOSED }, { OT_DIMS(2, 12), .layout = OT_SLICED }, { OT_DIMS(3, 4), .fill = OT_INDEX, .limit = 7, .layout = OT_TRANSPOSED }, { OT_DIMS(3, 4), .fill = OT_INDEX, .limit = 2, .layout = OT_SLICED }, { OT_DIMS(12), .fill = OT_POSITIVE }, { OT_DIMS(12), .layout = OT_SLICED } }, .f = { 0.1, 1e-5 } },
    { "special", { { OT_DIMS(12, 40), .fill = OT_SPECIAL }, { OT_DIMS(6, 40) }, ABSENT, IDS_OF(12, 4, 6), ABSENT, ABSENT, ABSENT }, .f = { 0, 1e-5 }, .flags = OT_NO_GRAD },
    { "bert_base", ALL(30522, 512, 32, 128, 768), .f = { 0.1, 1e-12 }, .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "wordnet", ALL(16000, 64, 64, 32, 128), .f = { 0.1, 1e-12 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_embed_layer_norm = {
    .name = "embed_layer_norm",
    .n_inputs = 7,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = bytes,
    .flops = flops,
    .backward = backward,
    .keys = OT_KEYS(OT_SIZE("vocab"), OT_SIZE("width"), OT_SIZE("batch"), OT_SIZE("tokens")),
    .shape = shape,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 5e-7 },
    // As dropout_add_layer_norm: the kept normalised sum is rounded; here the rows' gradients, too, before
    // they are added up.
    .grad_tolerance = { .f32_rel = 5e-6,
        .f16_rel = 4 * 0x1p-10,
        .f16_abs = 0x1p-10,
        .bf16_rel = 4 * 0x1p-7,
        .bf16_abs = 0x1p-7 },
};
