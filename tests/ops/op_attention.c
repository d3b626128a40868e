// SPDX-License-Identifier: MIT
//
// attention: reference, cases, tolerances. Inputs q, k, v, mask, key_lengths; case parameters:
//     i[0] causal    i[1] window    i[2] alibi    f[0] scale, 0 = default    f[1] dropout
//
// The reference draws dropout's numbers itself, so masks are compared and not only their mean.
//
// Tolerance: a score is off by D rounding errors of its terms' absolute sum, and its exponential by
// that much more, relatively, plus the 3 + 2|x| units that Vulkan allows for exp; weights are then
// summed over S keys. Matrix units take weights as f16: each is off by half a unit of that.

#include <math.h>
#include <stdlib.h>
#include "base/rng.h"
#include "ops/engine.h"
#include "ops/reference.h"

enum { Q, K, V, MASK, LENGTHS };

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    lattn_attention_args args = {
        .mask = in[MASK],
        .key_lengths = in[LENGTHS],
        .scale = (float) c->f[0],
        .dropout = (float) c->f[1],
        .causal = c->i[0] != 0,
        .window = c->i[1],
        .alibi = c->i[2] != 0,
    };
    return lattn_attention(ctx, in[Q], in[K], in[V], &args);
}

// One query: where it is and what it sees.
struct query {
    const struct ot_case *c;
    const struct ot_array *in;
    int64_t batch, head, t;
    int64_t n_queries, n_keys, size;
    const double *q, *k, *v;
};

static struct query query_at(const struct ot_case *c, const struct ot_array *in, int64_t row)
{
    const int64_t *q = in[Q].dim, *k = in[K].dim;
    struct query x = { .c = c, .in = in, .n_queries = q[2], .n_keys = k[2], .size = q[3] };
    x.t = row % q[2];
    x.head = row / q[2] % q[1];
    x.batch = row / q[2] / q[1];
    x.q = in[Q].v + row * x.size;
    int64_t matrix = x.batch * k[1] + x.head / (q[1] / k[1]);
    x.k = in[K].v + matrix * x.n_keys * x.size;
    x.v = in[V].v + matrix * x.n_keys * x.size;
    return x;
}

static double scale_of(const struct query *x)
{
    return x->c->f[0] != 0 ? x->c->f[0] : 1 / sqrt((double) x->size);
}

// What a step of distance costs: the geometric sequence of the paper for n heads, n a power of two.
static double slope_of(int64_t head, int64_t n_heads)
{
    int64_t n = 1;
    while (n * 2 <= n_heads)
        n *= 2;
    double first = pow(2, -8.0 / (double) n), half = pow(2, -4.0 / (double) n);
    return head < n ? pow(first, (double) head + 1) : pow(half, 2 * (double) (head - n) + 1);
}

// -INFINITY where the query does not see key s.
static double score(const struct query *x, int64_t s)
{
    const struct ot_array *mask = &x->in[MASK], *lengths = &x->in[LENGTHS];
    if (lengths->v && s >= lengths->v[x->batch])
        return -INFINITY;
    int64_t distance = x->t + x->n_keys - x->n_queries - s;
    if (x->c->i[0] && distance < 0)
        return -INFINITY;
    if (x->c->i[1] && llabs(distance) >= x->c->i[1])
        return -INFINITY;
    double sum = 0;
    for (int64_t d = 0; d < x->size; d++) {
        double term = x->q[d] * x->k[s * x->size + d];
        sum += fabs(term) >= 0x1p128 ? copysign(INFINITY, term) : term;  // as in f32
    }
    sum *= scale_of(x);
    if (x->c->i[2])
        sum -= slope_of(x->head, x->in[Q].dim[1]) * (double) llabs(distance);
    if (mask->v) {
        int64_t b = mask->dim[0] > 1 ? x->batch : 0, h = mask->dim[1] > 1 ? x->head : 0;
        int64_t t = mask->dim[2] > 1 ? x->t : 0;
        sum += mask->v[((b * mask->dim[1] + h) * mask->dim[2] + t) * x->n_keys + s];
    }
    return sum <= -1e29 ? -INFINITY : sum;
}

// Weights of all keys before dropout; zeros where nothing is seen.
static void weights_of(const struct query *x, double *w)
{
    double max = -INFINITY, sum = 0;
    bool broken = false;
    for (int64_t s = 0; s < x->n_keys; s++) {
        w[s] = score(x, s);
        max = fmax(max, w[s]);
        broken = broken || isnan(w[s]) || w[s] == INFINITY;
    }
    for (int64_t s = 0; s < x->n_keys; s++) {
        w[s] = broken ? NAN : w[s] == -INFINITY ? 0 : exp(w[s] - max);
        sum += w[s];
    }
    for (int64_t s = 0; s < x->n_keys && sum != 0; s++)
        w[s] /= sum;
}

static double keep_factor(const struct query *x, int64_t s)
{
    double p = (float) x->c->f[1];
    if (p == 0)
        return 1;
    const lattn_rng_state rng = OT_RNG;
    uint32_t key[2], words[4];
    uint32_t counter[4] = { (uint32_t) (s / 4), (uint32_t) x->t,
        (uint32_t) (x->batch * x->in[Q].dim[1] + x->head), rng.op };
    lat_philox_key(rng.seed, rng.step, key);
    lat_philox(key, counter, words);
    return words[s % 4] >= nearbyint(p * 4294967296.0) ? 1 / (1 - p) : 0;
}

static void for_rows(const struct ot_case *c, const struct ot_array *in, struct ot_array *out,
    void (*f)(const struct query *x, const double *w, double *y))
{
    int64_t size = in[Q].dim[3], n_keys = in[K].dim[2];
    double *w = ot_alloc((size_t) n_keys * sizeof *w);
    for (int64_t row = 0; row < out->n / size; row++) {
        struct query x = query_at(c, in, row);
        weights_of(&x, w);
        f(&x, w, out->v + row * size);
    }
    free(w);
}

static void weigh(const struct query *x, const double *w, double *y)
{
    for (int64_t d = 0; d < x->size; d++)
        y[d] = 0;
    for (int64_t s = 0; s < x->n_keys; s++) {
        double kept = w[s] * keep_factor(x, s);
        for (int64_t d = 0; d < x->size && w[s] != 0; d++)
            y[d] += kept * x->v[s * x->size + d];
    }
}

enum { LEAST_UNITS = 8 };

// Rounding errors of a row's scores and exponentials, in units.
static double units_of(const struct query *x, const double *w)
{
    double units = LEAST_UNITS + (double) x->n_keys / 4;
    double score_max = 0;
    for (int64_t s = 0; s < x->n_keys; s++) {
        double magnitude = 0;
        for (int64_t d = 0; d < x->size && w[s] != 0; d++)
            magnitude += fabs(x->q[d] * x->k[s * x->size + d]);
        score_max = fmax(score_max, magnitude * fabs(scale_of(x)));
    }
    // A slope is off by the 3 + 2 |x| units that Vulkan allows for exp2(x), x down to -8.
    double farthest = (double) (x->n_keys + x->n_queries);
    double alibi = x->c->i[2] ? 22 * farthest * slope_of(x->head, x->in[Q].dim[1]) : 0;
    return units + score_max * ((double) x->size + 8) + alibi;
}

static void bound_row(const struct query *x, const double *w, double *y)
{
    double units = units_of(x, w);
    for (int64_t d = 0; d < x->size; d++) {
        y[d] = 0;
        for (int64_t s = 0; s < x->n_keys && !isnan(w[s]); s++)
            if (w[s] != 0)
                y[d] += w[s] * keep_factor(x, s) * fabs(x->v[s * x->size + d]) * units;
    }
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for_rows(c, in, out, weigh);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for_rows(c, in, out, bound_row);
}

static double flops(const struct ot_case *c)
{
    double keys = (double) c->in[K].dim[2] / (c->i[0] ? 2 : 1);
    if (c->i[1])
        keys = fmin(keys, (double) c->i[1] * (c->i[0] ? 1 : 2));
    return 4 * ot_numel(&c->in[Q]) * keys;
}

static double bytes(const struct ot_case *c, size_t element)
{
    double n = 2 * ot_numel(&c->in[Q]) + ot_numel(&c->in[K]) + ot_numel(&c->in[V]);
    return n * (double) element;
}

// Five products for two: the scores are computed again. Read are q, k, v, the result and its gradient.
static struct ot_work backward(const struct ot_case *c, size_t element, struct ot_work forward)
{
    double n = 4 * ot_numel(&c->in[Q]) + 2 * (ot_numel(&c->in[K]) + ot_numel(&c->in[V]));
    return (struct ot_work){ n * (double) element, 2.5 * forward.flops };
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { BATCH, HEADS, SEQ, HEAD_DIM, CAUSAL };
    for (int i = Q; i <= V; i++)
        OT_RESIZE(&c->in[i], v[BATCH], v[HEADS], v[SEQ], v[HEAD_DIM]);
    c->in[MASK] = c->in[LENGTHS] = (struct ot_input){ .absent = true };
    c->i[0] = v[CAUSAL];
    c->f[1] = 0;
    return NULL;
}

// clang-format off
#define NO_MASK { .absent = true }
#define NO_LENGTHS { .absent = true }
#define QKV(b, h, hk, t, s, d) { OT_DIMS(b, h, t, d) }, { OT_DIMS(b, hk, s, d) }, { OT_DIMS(b, hk, s, d) }
#define ADDED(b, h, t, s) { OT_DIMS(b, h, t, s), .fill = OT_MASK, .f32 = true, .no_grad = true }
#define BIAS(b, h, t, s) { OT_DIMS(b, h, t, s), .f32 = true }
#define PADDED(b, s) { OT_DIMS(b), .fill = OT_LENGTHS, .limit = s }
#define CAUSAL 1
// Heads seen through [B, T, H, D] memory are checked in test_attention.c. Every head size and every
// combination of options is a pipeline of its own, so most cases share one: 8 elements, two heads.
static const struct ot_case cases[] = {
    { "no_queries", { QKV(2, 2, 2, 0, 3, 8), NO_MASK, NO_LENGTHS } },
    { "no_keys", { QKV(2, 2, 2, 3, 0, 8), NO_MASK, NO_LENGTHS } },
    { "no_batches", { QKV(0, 2, 2, 3, 3, 8), NO_MASK, NO_LENGTHS } },
    { "one_element", { QKV(1, 1, 1, 1, 1, 1), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "one_query", { QKV(2, 2, 2, 1, 9, 8), NO_MASK, NO_LENGTHS } },
    { "one_key", { QKV(1, 2, 2, 9, 1, 8), NO_MASK, NO_LENGTHS } },
    { "tile_less_one", { QKV(1, 2, 2, 31, 31, 8), NO_MASK, NO_LENGTHS } },
    { "tile", { QKV(1, 2, 2, 32, 32, 8), NO_MASK, NO_LENGTHS } },
    { "tile_and_one", { QKV(1, 2, 2, 33, 33, 8), NO_MASK, NO_LENGTHS } },
    { "transposed", { { OT_DIMS(2, 2, 9, 8), .layout = OT_TRANSPOSED }, { OT_DIMS(2, 2, 13, 8), .layout = OT_TRANSPOSED },
                      { OT_DIMS(2, 2, 13, 8), .layout = OT_SLICED }, NO_MASK, NO_LENGTHS } },
    { "expanded", { { OT_DIMS(2, 2, 9, 8), .layout = OT_EXPANDED }, { OT_DIMS(2, 2, 13, 8), .layout = OT_EXPANDED },
                    { OT_DIMS(2, 2, 13, 8) }, NO_MASK, NO_LENGTHS } },
    { "scale", { QKV(1, 2, 2, 6, 9, 8), NO_MASK, NO_LENGTHS }, .f = { 0.7 } },
    { "wide_range", { { OT_DIMS(1, 2, 9, 8), .fill = OT_BIG }, { OT_DIMS(1, 2, 13, 8) }, { OT_DIMS(1, 2, 13, 8) },
                      NO_MASK, NO_LENGTHS }, .flags = OT_NO_GRAD | OT_ONLY_F32 },
    { "special_q", { { OT_DIMS(1, 2, 10, 8), .fill = OT_SPECIAL }, { OT_DIMS(1, 2, 3, 8), .fill = OT_AWAY },
                     { OT_DIMS(1, 2, 3, 8) }, NO_MASK, NO_LENGTHS }, .f = { 1 }, .flags = OT_NO_GRAD | OT_ONLY_F32 },
    { "special_k", { { OT_DIMS(1, 2, 5, 8), .fill = OT_AWAY }, { OT_DIMS(1, 2, 6, 8), .fill = OT_SPECIAL }, { OT_DIMS(1, 2, 6, 8) },
                     NO_MASK, NO_LENGTHS }, .f = { 1 }, .flags = OT_NO_GRAD | OT_ONLY_F32 },
    { "special_v", { { OT_DIMS(1, 2, 5, 8) }, { OT_DIMS(1, 2, 2, 8) }, { OT_DIMS(1, 2, 2, 8), .fill = OT_SPECIAL },
                     NO_MASK, NO_LENGTHS }, .flags = OT_NO_GRAD | OT_GEOMETRY },
    { "special_mask", { QKV(1, 2, 2, 40, 9, 8), { OT_DIMS(1, 2, 40, 9), .fill = OT_SPECIAL, .f32 = true, .no_grad = true },
                        NO_LENGTHS }, .flags = OT_NO_GRAD | OT_GEOMETRY },
    { "head_1", { QKV(1, 2, 2, 9, 13, 1), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "head_40", { QKV(1, 2, 2, 9, 13, 40), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "head_59", { QKV(1, 2, 2, 9, 13, 59), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "head_64", { QKV(2, 2, 2, 17, 44, 64), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "head_111", { QKV(1, 2, 2, 6, 7, 111), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "head_256", { QKV(1, 2, 2, 6, 9, 256), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "grouped", { QKV(2, 4, 2, 9, 13, 8), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "one_key_head", { QKV(1, 3, 1, 9, 13, 8), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "causal", { QKV(1, 2, 2, 40, 40, 8), NO_MASK, NO_LENGTHS }, .i = { CAUSAL }, .flags = OT_GEOMETRY },
    { "causal_more_keys", { QKV(1, 2, 2, 9, 40, 8), NO_MASK, NO_LENGTHS }, .i = { CAUSAL }, .flags = OT_GEOMETRY },
    { "causal_fewer_keys", { QKV(1, 2, 2, 40, 9, 8), NO_MASK, NO_LENGTHS }, .i = { CAUSAL }, .flags = OT_GEOMETRY },
    { "mask", { QKV(2, 2, 2, 9, 13, 8), ADDED(2, 2, 9, 13), NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "mask_of_keys", { QKV(2, 2, 2, 9, 13, 8), ADDED(2, 1, 1, 13), NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "bias", { QKV(2, 2, 2, 9, 13, 8), BIAS(2, 2, 9, 13), NO_LENGTHS } },
    { "bias_of_heads", { QKV(2, 2, 2, 9, 13, 8), BIAS(1, 2, 9, 13), NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "bias_of_batches", { QKV(2, 2, 2, 9, 13, 8), BIAS(2, 1, 9, 13), NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "bias_of_keys", { QKV(2, 2, 2, 9, 13, 8), BIAS(1, 1, 1, 13), NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "bias_of_places", { QKV(3, 2, 1, 33, 70, 11), BIAS(1, 1, 33, 70), PADDED(3, 70) },
      .i = { CAUSAL, 20 }, .f = { 0, 0.2 }, .flags = OT_GEOMETRY },
    { "window", { QKV(1, 2, 2, 40, 40, 8), NO_MASK, NO_LENGTHS }, .i = { 0, 7 }, .flags = OT_GEOMETRY },
    { "window_of_itself", { QKV(1, 2, 2, 9, 9, 8), NO_MASK, NO_LENGTHS }, .i = { 0, 1 }, .flags = OT_GEOMETRY },
    { "window_causal", { QKV(2, 2, 2, 70, 75, 8), NO_MASK, PADDED(2, 75) }, .i = { CAUSAL, 33 }, .flags = OT_GEOMETRY },
    { "window_more_keys", { QKV(1, 2, 2, 5, 90, 8), NO_MASK, NO_LENGTHS }, .i = { CAUSAL, 33 }, .flags = OT_GEOMETRY },
    { "window_fewer_keys", { QKV(1, 2, 2, 90, 5, 8), NO_MASK, NO_LENGTHS }, .i = { 0, 7 }, .flags = OT_GEOMETRY },
    { "window_dropout", { QKV(1, 2, 2, 45, 70, 8), NO_MASK, NO_LENGTHS }, .i = { CAUSAL, 7 }, .f = { 0, 0.3 },
      .flags = OT_GEOMETRY },
    { "alibi", { QKV(1, 4, 2, 9, 13, 8), NO_MASK, NO_LENGTHS }, .i = { 0, 0, 1 }, .flags = OT_GEOMETRY },
    { "alibi_causal", { QKV(1, 3, 3, 33, 40, 8), NO_MASK, NO_LENGTHS }, .i = { CAUSAL, 0, 1 }, .flags = OT_GEOMETRY },
    { "padding", { QKV(4, 2, 2, 9, 40, 8), NO_MASK, PADDED(4, 40) }, .flags = OT_GEOMETRY },
    { "padding_of_all", { QKV(4, 2, 2, 9, 40, 8), NO_MASK, PADDED(4, 40) }, .i = { [7] = 1 }, .flags = OT_GEOMETRY },
    { "dropout", { QKV(2, 2, 2, 9, 13, 8), NO_MASK, NO_LENGTHS }, .f = { 0, 0.3 }, .flags = OT_GEOMETRY },
    { "everything", { QKV(3, 4, 2, 34, 37, 12), ADDED(3, 1, 34, 37), PADDED(3, 37) },
      .i = { CAUSAL, 0, 1, [7] = 1 }, .f = { 0.4, 0.2 } },
    // Past 128 tokens backward makes its weights twice, on every device.
    { "long", { QKV(1, 2, 2, 9, 131, 8), NO_MASK, NO_LENGTHS }, .flags = OT_GEOMETRY },
    { "long_everything", { QKV(2, 4, 2, 131, 37, 12), ADDED(2, 1, 131, 37), PADDED(2, 37) },
      .i = { CAUSAL, 0, 1, [7] = 1 }, .f = { 0.4, 0.2 }, .flags = OT_GEOMETRY },
    { "bert_mini", { QKV(64, 2, 2, 32, 32, 64), NO_MASK, PADDED(64, 32) }, .f = { 0, 0.1 }, .flags = OT_FULL | OT_BENCH },
    { "bert_base_128", { QKV(8, 12, 12, 128, 128, 64), NO_MASK, NO_LENGTHS }, .flags = OT_FULL | OT_BENCH },
    { "bert_base_512", { QKV(1, 12, 12, 512, 512, 64), NO_MASK, NO_LENGTHS }, .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "bert_base_32x128", { QKV(32, 12, 12, 128, 128, 64), NO_MASK, NO_LENGTHS }, .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
    { "bert_base_32x512", { QKV(32, 12, 12, 512, 512, 64), NO_MASK, NO_LENGTHS }, .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
    // As FlashAttention's tables: 16,384 tokens in all, 2,048 units.
    { "flash_2048", { QKV(8, 16, 16, 2048, 2048, 128), NO_MASK, NO_LENGTHS }, .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
    { "flash_8192", { QKV(2, 16, 16, 8192, 8192, 128), NO_MASK, NO_LENGTHS }, .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
};
// clang-format on

const struct ot_op ot_op_attention = {
    .name = "attention",
    .n_inputs = 5,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = bytes,
    .flops = flops,
    .backward = backward,
    .keys = OT_KEYS(OT_SIZE("batch"), OT_SIZE("heads"), OT_SIZE("seq"),
        { "head_dim", 1, 256, OT_MUST }, OT_SWITCH("causal")),
    .shape = shape,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1.2e-7, .f32_abs = 1e-7, .coopmat_rel = 0x1p-11 / LEAST_UNITS },
    .grad_tolerance = { .f32_rel = 2e-5,
        .f32_abs = 2e-6,
        .f16_rel = 8e-3,
        .f16_abs = 4e-3,
        .bf16_rel = 6e-2,
        .bf16_abs = 3e-2 },
};
