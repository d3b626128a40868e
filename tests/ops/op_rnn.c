// SPDX-License-Identifier: MIT
//
// rnn_layer, lstm_layer, gru_layer: references, cases, tolerances. Inputs x, weight, bias, h0, c0, lengths,
// projection, norm_hh, norm_c, norm_c_bias. The weights are divided by sqrt(H) on the way, as layers are
// initialised: with larger ones a recurrence is chaotic, and no two orders of addition agree after a few
// steps. The result is every state and, behind them, the last h and c, all as one row.
//
// An error of a state reaches all later ones, damped by the gates; states are at most about 1. So bounds
// are absolute; in the 16-bit types each state is rounded when it is stored.

#include "ops/reference.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { X, WEIGHT, BIAS, H0, C0, LENGTHS, PROJECTION, NORM, NORM_C, NORM_C_BIAS, N_IN };
enum { REVERSE, Y_ALONE, RELU };  // of i[]
enum kind { RNN, LSTM, GRU };

static lattn_tensor *as_row(lattn_ctx *ctx, lattn_tensor *t)
{
    return t ? lattn_reshape(ctx, t, 1, (int64_t[]){ lattn_tensor_numel(t) }) : NULL;
}

static lattn_tensor *build(
    lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c, enum kind kind)
{
    double scale = 1 / sqrt((double) c->in[WEIGHT].dim[1]);
    lattn_tensor *h = NULL, *cell = NULL, *y = NULL;
    lattn_recurrent_args args = {
        .weight_hh = lattn_scale(ctx, in[WEIGHT], (float) scale, 0),
        .bias_hh = in[BIAS],
        .h0 = in[H0],
        .c0 = in[C0],
        .weight_hr = in[PROJECTION] ? lattn_scale(ctx, in[PROJECTION], (float) scale, 0) : NULL,
        .norm_hh = in[NORM],
        .norm_c = in[NORM_C],
        .norm_c_bias = in[NORM_C_BIAS],
        .lengths = in[LENGTHS],
        .reverse = c->i[REVERSE],
        .relu = c->i[RELU],
    };
    if (kind == RNN)
        y = lattn_rnn_layer(ctx, in[X], &args, &h);
    else if (kind == LSTM)
        y = lattn_lstm_layer(ctx, in[X], &args, &h, &cell);
    else
        y = lattn_gru_layer(ctx, in[X], &args, &h);
    if (!y || c->i[Y_ALONE])
        return y;
    lattn_tensor *parts[] = { NULL, NULL, NULL };
    parts[0] = as_row(ctx, y);
    parts[1] = as_row(ctx, h);
    parts[2] = as_row(ctx, cell);
    return lattn_concat(ctx, parts, cell ? 3 : 2, 0);
}

static double sigmoid(double v)
{
    return 1 / (1 + exp(-v));
}

// w: numbers in a state, h units or what they are projected to.
struct layer {
    enum kind kind;
    const struct ot_case *c;
    const struct ot_array *in;
    int64_t t, b, h, g, w;
    double *a, *m, *open;  // room for a step: products, what is projected, the LSTM's last gate
};

static struct layer layer_of(enum kind kind, const struct ot_case *c, const struct ot_array *in)
{
    struct layer l = { .kind = kind, .c = c, .in = in };
    l.t = in[X].dim[0];
    l.b = in[X].dim[1];
    l.w = in[WEIGHT].dim[1];
    l.g = kind == RNN ? 1 : kind == LSTM ? 4 : 3;
    l.h = in[WEIGHT].dim[0] / l.g;
    l.a = calloc((size_t) ((l.g + 2) * l.h), sizeof *l.a);
    l.m = l.a + l.g * l.h;
    l.open = l.m + l.h;
    return l;
}

// sum_k scale w[k] v[k]
static double dot(double scale, const double *w, const double *v, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += scale * w[k] * v[k];
    return sum;
}

// v = (v - mean) rstd gain + bias; bias may be NULL.
static void normalise(double *v, int64_t n, const double *gain, const double *bias)
{
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++)
        mean += v[i] / (double) n;
    for (int64_t i = 0; i < n; i++)
        variance += (v[i] - mean) * (v[i] - mean) / (double) n;
    for (int64_t i = 0; i < n; i++)
        v[i] = (v[i] - mean) / sqrt(variance + 1e-5) * gain[i] + (bias ? bias[i] : 0);
}

// Unit j, its gates x[g] and a[g] apart by h: the LSTM's c is changed, its m still to be made of it.
static double unit_of(const struct layer *l, const double *x, double h0, double *c, int64_t j)
{
    double v[4], a[4];
    for (int64_t g = 0; g < l->g; g++) {
        v[g] = x[g * l->h + j];
        a[g] = l->a[g * l->h + j];
    }
    if (l->kind == RNN)
        return l->c->i[RELU] ? (v[0] + a[0] < 0 ? 0 : v[0] + a[0]) : tanh(v[0] + a[0]);
    if (l->kind == LSTM) {
        c[j] = sigmoid(v[1] + a[1]) * c[j] + sigmoid(v[0] + a[0]) * tanh(v[2] + a[2]);
        l->open[j] = sigmoid(v[3] + a[3]);
        return c[j];
    }
    double z = sigmoid(v[1] + a[1]), n = tanh(v[2] + sigmoid(v[0] + a[0]) * a[2]);
    return (1 - z) * n + z * h0;
}

static void products(const struct layer *l, const double *before)
{
    const struct ot_array *in = l->in;
    double scale = (float) (1 / sqrt((double) l->w));
    int64_t n = l->g * l->h;
    for (int64_t i = 0; i < n; i++)
        l->a[i] = dot(scale, in[WEIGHT].v + i * l->w, before, l->w);
    if (in[NORM].v)
        normalise(l->a, n, in[NORM].v, NULL);
    for (int64_t i = 0; i < n && in[BIAS].v; i++)
        l->a[i] += in[BIAS].v[i];
}

static void step(
    const struct layer *l, const double *x, const double *before, double *h, double *cell)
{
    const struct ot_array *in = l->in;
    double scale = (float) (1 / sqrt((double) l->w));
    products(l, before);
    for (int64_t j = 0; j < l->h; j++)
        l->m[j] = unit_of(l, x, l->kind == GRU ? before[j] : 0, cell, j);
    if (in[NORM_C].v)
        normalise(l->m, l->h, in[NORM_C].v, in[NORM_C_BIAS].v);
    for (int64_t j = 0; j < l->h && l->kind == LSTM; j++)
        l->m[j] = l->open[j] * tanh(l->m[j]);
    for (int64_t j = 0; j < l->w; j++)
        h[j] = in[PROJECTION].v ? dot(scale, in[PROJECTION].v + j * l->h, l->m, l->h) : l->m[j];
}

static void reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out, enum kind kind)
{
    struct layer n = layer_of(kind, c, in);
    double *h = calloc((size_t) (3 * n.h), sizeof *h), *before = h + n.h, *cell = h + 2 * n.h;
    double *last_h = out->v + n.t * n.b * n.w, *last_c = last_h + n.b * n.w;
    size_t bytes = (size_t) n.w * sizeof *h;
    for (int64_t b = 0; b < n.b; b++) {
        for (int64_t j = 0; j < n.w; j++)
            h[j] = in[H0].v ? in[H0].v[b * n.w + j] : 0;
        for (int64_t j = 0; j < n.h; j++)
            cell[j] = in[C0].v ? in[C0].v[b * n.h + j] : 0;
        int64_t length = in[LENGTHS].v ? (int64_t) in[LENGTHS].v[b] : n.t;
        for (int64_t s = 0; s < n.t; s++) {
            int64_t t = c->i[REVERSE] ? n.t - 1 - s : s, row = t * n.b + b;
            bool live = t < length;
            memcpy(before, h, bytes);
            if (live)
                step(&n, in[X].v + row * n.g * n.h, before, h, cell);
            for (int64_t j = 0; j < n.w; j++)
                out->v[row * n.w + j] = live ? h[j] : 0;
        }
        if (c->i[Y_ALONE])
            continue;
        memcpy(last_h + b * n.w, h, bytes);
        if (kind == LSTM)
            memcpy(last_c + b * n.h, cell, (size_t) n.h * sizeof *cell);
    }
    free(h);
    free(n.a);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    (void) c;
    (void) in;
    for (int64_t i = 0; i < b->n; i++)
        b->v[i] = 1;
}

// The products with the state and the projection; the forward reads x and the weight and writes y.
static double flops(const struct ot_case *c)
{
    const struct ot_input *hr = &c->in[PROJECTION];
    double weights = ot_numel(&c->in[WEIGHT]) + (hr->absent ? 0 : ot_numel(hr));
    return 2 * weights * (double) (c->in[X].dim[0] * c->in[X].dim[1]);
}

static double bytes(const struct ot_case *c, size_t element)
{
    double gates = (double) c->in[WEIGHT].dim[0] / (double) c->in[WEIGHT].dim[1];
    return (ot_numel(&c->in[X]) * (1 + 1 / gates) + ot_numel(&c->in[WEIGHT])) * (double) element;
}

// The layer is given its inputs multiplied by their weights: that product is a linear.
static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { BATCH, STEPS, HIDDEN };
    int64_t gates = c->in[WEIGHT].dim[0] / c->in[WEIGHT].dim[1];
    OT_RESIZE(&c->in[X], v[STEPS], v[BATCH], gates * v[HIDDEN]);
    OT_RESIZE(&c->in[WEIGHT], gates * v[HIDDEN], v[HIDDEN]);
    return NULL;
}

// clang-format off
#define IN(g, t, b, h) { OT_DIMS(t, b, (g) * (h)) }, { OT_DIMS((g) * (h), h), .fill = OT_UNIFORM }
#define BIASES(g, h) { OT_DIMS((g) * (h)), .fill = OT_UNIFORM }
#define STATE(b, h) { OT_DIMS(b, h), .fill = OT_UNIFORM }
#define NONE { .absent = true }
#define ROWS(b, t) { OT_DIMS(b), .fill = OT_LENGTHS, .limit = t }
#define NO_NORMS NONE, NONE, NONE
#define NO_MORE NONE, NO_NORMS
#define PLAIN(g, t, b, h) { IN(g, t, b, h), NONE, NONE, NONE, NONE, NO_MORE }
#define FULL_OF(g, t, b, h, cell) { IN(g, t, b, h), BIASES(g, h), STATE(b, h), cell, ROWS(b, t), NO_MORE }
// Of the LSTM, its state projected to w numbers.
#define WEIGHTS_TO(h, w) { OT_DIMS(4 * (h), w), .fill = OT_UNIFORM }
#define PROJECT(h, w) { OT_DIMS(w, h), .fill = OT_UNIFORM }
#define PLAIN_TO(t, b, h, w) { { OT_DIMS(t, b, 4 * (h)) }, WEIGHTS_TO(h, w), NONE, NONE, NONE, NONE, PROJECT(h, w), NO_NORMS }
#define FULL_TO(t, b, h, w)                                                                       \
    { { OT_DIMS(t, b, 4 * (h)) }, WEIGHTS_TO(h, w), BIASES(4, h), STATE(b, w), STATE(b, h), ROWS(b, t), PROJECT(h, w), NO_NORMS }
// The product layer-normalised, of the LSTM c too.
#define GAIN(n) { OT_DIMS(n), .fill = OT_POSITIVE }
#define NORMED_OF(g, t, b, h) { IN(g, t, b, h), BIASES(g, h), STATE(b, h), NONE, ROWS(b, t), NONE, GAIN((g) * (h)), NONE, NONE }
#define NORMED(t, b, h)                                                                           \
    { IN(4, t, b, h), BIASES(4, h), STATE(b, h), STATE(b, h), ROWS(b, t), NONE, GAIN(4 * (h)), GAIN(h), BIASES(1, h) }
#define NORMED_TO(t, b, h, w)                                                                     \
    { { OT_DIMS(t, b, 4 * (h)) }, WEIGHTS_TO(h, w), NONE, STATE(b, w), STATE(b, h), ROWS(b, t), PROJECT(h, w), GAIN(4 * (h)), GAIN(h), NONE }
// Units whose weight is past what one dispatch for all steps takes.
#define LARGE(g) ((g) == 4 ? 260 : (g) == 3 ? 300 : 520)
// What every cell is checked with; C is c0 of that cell.
#define CASES(g, C)                                                                               \
    { "no_rows", PLAIN(g, 3, 0, 5) },                                                             \
    { "one_element", PLAIN(g, 1, 1, 1) },                                                         \
    { "one_step", FULL_OF(g, 1, 3, 7, C(3, 7)) },                                                 \
    { "one_row", FULL_OF(g, 5, 1, 16, C(1, 16)) },                                                \
    { "reverse", FULL_OF(g, 4, 3, 6, C(3, 6)), .i = { 1 } },                                      \
    { "reverse_plain", PLAIN(g, 5, 2, 8), .i = { 1 } },                                           \
    { "a_length_of_zero", FULL_OF(g, 3, 4, 5, C(4, 5)), .i = { [OT_MAX_PARAMS - 1] = 1 } },       \
    { "rows_4", PLAIN(g, 3, 4, 9), .flags = OT_GEOMETRY },                                        \
    { "rows_5", PLAIN(g, 3, 5, 9), .flags = OT_GEOMETRY },                                        \
    { "rows_15", FULL_OF(g, 3, 15, 8, C(15, 8)), .flags = OT_GEOMETRY },                          \
    { "rows_16", FULL_OF(g, 3, 16, 8, C(16, 8)), .flags = OT_GEOMETRY },                          \
    { "rows_17", FULL_OF(g, 3, 17, 8, C(17, 8)), .flags = OT_GEOMETRY },                          \
    { "rows_33", FULL_OF(g, 3, 33, 16, C(33, 16)), .i = { 1 }, .flags = OT_GEOMETRY },            \
    { "rows_100", PLAIN(g, 2, 100, 3), .flags = OT_GEOMETRY },                                    \
    { "units_31", PLAIN(g, 3, 2, 31), .flags = OT_GEOMETRY },                                     \
    { "units_32", PLAIN(g, 3, 2, 32) },                                                           \
    { "units_33", PLAIN(g, 3, 2, 33), .flags = OT_GEOMETRY },                                     \
    { "units_40", FULL_OF(g, 4, 6, 40, C(6, 40)), .i = { 1 }, .flags = OT_GEOMETRY },             \
    { "units_48", FULL_OF(g, 4, 6, 48, C(6, 48)), .flags = OT_GEOMETRY },                         \
    { "units_200", PLAIN(g, 2, 5, 200), .flags = OT_GEOMETRY },                                   \
    { "steps_apart", PLAIN(g, 2, 2, LARGE(g)), .flags = OT_GEOMETRY },                            \
    { "steps_apart_reverse", FULL_OF(g, 3, 3, LARGE(g) + 1, C(3, LARGE(g) + 1)), .i = { 1 }, .flags = OT_GEOMETRY }, \
    { "steps_cut", FULL_OF(g, 30, 9, 31, C(9, 31)), .flags = OT_GEOMETRY }, /* where bindings are short */ \
    { "steps_cut_reverse", FULL_OF(g, 30, 9, 32, C(9, 32)), .i = { 1 }, .flags = OT_GEOMETRY },   \
    { "two_slabs", PLAIN(g, 2, 5, 600), .flags = OT_NO_GRAD },                                    \
    { "many_steps", FULL_OF(g, 200, 2, 6, C(2, 6)) },                                             \
    { "many_steps_reverse", FULL_OF(g, 200, 2, 6, C(2, 6)), .i = { 1 } },                         \
    { "x_transposed", { { OT_DIMS(3, 4, 5 * (g)), .layout = OT_TRANSPOSED }, { OT_DIMS(5 * (g), 5), .layout = OT_TRANSPOSED, .fill = OT_UNIFORM }, NONE, NONE, NONE, NONE, NO_MORE } }, \
    { "x_sliced", { { OT_DIMS(3, 4, 5 * (g)), .layout = OT_SLICED }, { OT_DIMS(5 * (g), 5), .fill = OT_UNIFORM }, { OT_DIMS(5 * (g)), .layout = OT_SLICED }, { OT_DIMS(4, 5), .layout = OT_SLICED }, NONE, { OT_DIMS(4), .fill = OT_LENGTHS, .limit = 3, .layout = OT_SLICED }, NO_MORE }, .flags = OT_GEOMETRY }, \
    { "batch_64_hidden_256", PLAIN(g, 128, 64, 256), .i = { 0, 1 }, .flags = OT_BENCH | OT_TIME_ALONE },   \
    { "batch_64_hidden_512", PLAIN(g, 128, 64, 512), .i = { 0, 1 }, .flags = OT_BENCH | OT_TIME_ALONE },   \
    { "batch_64_hidden_1024", PLAIN(g, 128, 64, 1024), .i = { 0, 1 }, .flags = OT_BENCH | OT_TIME_ALONE }
#define NO_CELL(b, h) NONE
static const struct ot_case rnn_cases[] = {
    CASES(1, NO_CELL),
    { "normed", NORMED_OF(1, 4, 3, 6) },
    { "relu", FULL_OF(1, 4, 3, 6, NONE), .i = { [RELU] = 1 } },
    { "relu_vectors", FULL_OF(1, 4, 18, 16, NONE), .i = { 1, 0, 1 } },
};
static const struct ot_case lstm_cases[] = {
    CASES(4, STATE),
    { "projected", FULL_TO(5, 3, 7, 4) },
    { "projected_reverse", FULL_TO(4, 4, 6, 5), .i = { 1, [OT_MAX_PARAMS - 1] = 1 } },
    { "projected_to_one", PLAIN_TO(3, 2, 2, 1) },
    { "projected_rows_17", PLAIN_TO(3, 17, 16, 8), .i = { 1 }, .flags = OT_GEOMETRY },
    { "projected_no_rows", PLAIN_TO(3, 0, 5, 2) },
    { "normed", NORMED(4, 3, 6) },
    { "normed_a_length_of_zero", NORMED(3, 5, 5), .i = { 1, [OT_MAX_PARAMS - 1] = 1 } },
    { "normed_units_257", NORMED(2, 2, 257), .flags = OT_GEOMETRY },
    { "normed_cells_alone", { IN(4, 3, 2, 8), NONE, NONE, STATE(2, 8), NONE, NONE, NONE, GAIN(8), NONE }, .flags = OT_GEOMETRY },
    { "normed_projected", NORMED_TO(4, 3, 7, 4), .i = { 1 } },
    { "batch_64_hidden_1024_to_256", PLAIN_TO(128, 64, 1024, 256), .i = { 0, 1 }, .flags = OT_BENCH | OT_TIME_ALONE },
};
static const struct ot_case gru_cases[] = {
    CASES(3, NO_CELL),
    { "normed", NORMED_OF(3, 4, 3, 6) },
    { "normed_reverse", NORMED_OF(3, 3, 5, 8), .i = { 1 }, .flags = OT_GEOMETRY },
};

#define RNN_OF(name_, kind, cases_)                                                               \
    static lattn_tensor *build_##name_(                                                           \
        lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)                         \
    {                                                                                             \
        return build(ctx, in, c, kind);                                                           \
    }                                                                                             \
    static void reference_##name_(                                                                \
        const struct ot_case *c, const struct ot_array *in, struct ot_array *out)                 \
    {                                                                                             \
        reference(c, in, out, kind);                                                              \
    }                                                                                             \
    const struct ot_op ot_op_##name_ = {                                                          \
        .name = #name_,                                                                           \
        .n_inputs = N_IN,                                                                         \
        .build = build_##name_,                                                                   \
        .reference = reference_##name_,                                                           \
        .bound = bound,                                                                           \
        .bytes = bytes,                                                                           \
        .flops = flops,                                                                           \
        .backward = ot_backward_product,                                                          \
        .keys = OT_KEYS(OT_SIZE("batch"), OT_SIZE("steps"), OT_SIZE("hidden")),                   \
        .shape = shape,                                                                           \
        .cases = cases_,                                                                          \
        .n_cases = OT_COUNT(cases_),                                                              \
        .tolerance = { .f32_rel = 2e-6, .f16_rel = 4e-3, .bf16_rel = 3e-2 },                      \
        .grad_tolerance = { .f32_rel = 1e-5, .f32_abs = 2e-7, .f16_rel = 2e-2, .f16_abs = 1e-3, .bf16_rel = 1.5e-1, .bf16_abs = 8e-3 },               \
    }
// clang-format on
RNN_OF(rnn_layer, RNN, rnn_cases);
RNN_OF(lstm_layer, LSTM, lstm_cases);
RNN_OF(gru_layer, GRU, gru_cases);
