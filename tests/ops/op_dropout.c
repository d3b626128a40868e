// SPDX-License-Identifier: MIT
//
// dropout, dropout2d, drop_path: the references draw the same numbers with a Philox of their own, so
// masks are compared element by element and not only in the mean.

#include <math.h>
#include "ops/engine.h"
#include "ops/reference.h"

// Philox-4x32-10. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
static uint32_t philox_word(const uint32_t key_in[2], uint64_t block, uint32_t op, int word)
{
    uint32_t key[2] = { key_in[0], key_in[1] };
    uint32_t c[4] = { (uint32_t) block, (uint32_t) (block >> 32), op, 0 };
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t) 0xD2511F53u * c[0], b = (uint64_t) 0xCD9E8D57u * c[2];
        uint32_t next[4] = { (uint32_t) (b >> 32) ^ c[1] ^ key[0], (uint32_t) b,
            (uint32_t) (a >> 32) ^ c[3] ^ key[1], (uint32_t) a };
        for (int i = 0; i < 4; i++)
            c[i] = next[i];
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return c[word];
}

bool ot_dropout_keeps(double p, int64_t i)
{
    const lattn_rng_state rng = OT_RNG;
    uint32_t seed_high = (uint32_t) (rng.seed >> 32);
    const uint32_t key[2] = { (uint32_t) rng.seed ^ (uint32_t) (rng.step >> 32),
        (uint32_t) rng.step ^ (seed_high << 16 | seed_high >> 16) };
    double threshold = nearbyint(p * 4294967296.0);
    return philox_word(key, (uint64_t) i / 4, rng.op, (int) (i % 4)) >= threshold;
}

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_dropout(ctx, in[0], (float) c->f[0]);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    double p = (float) c->f[0];
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = p == 0                                 ? in[0].v[i]
                    : ot_dropout_keeps((float) c->f[0], i) ? in[0].v[i] / (1 - p)
                                                           : 0;
}

// Rows along the first n_dims dimensions stay or go as one.
static void rows_reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out, int n_dims)
{
    double p = (float) c->f[0];
    int64_t row = 1;
    for (int d = n_dims; d < out->rank; d++)
        row *= out->dim[d];
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = p == 0                                       ? in[0].v[i]
                    : ot_dropout_keeps((float) c->f[0], i / row) ? in[0].v[i] / (1 - p)
                                                                 : 0;
}

static lattn_tensor *build_2d(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_dropout2d(ctx, in[0], (float) c->f[0]);
}

static void reference_2d(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    rows_reference(c, in, out, 2);
}

static lattn_tensor *build_path(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_drop_path(ctx, in[0], (float) c->f[0]);
}

static void reference_path(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    rows_reference(c, in, out, 1);
}

// clang-format off
#define INPUT(...) { { OT_DIMS(__VA_ARGS__), .fill = OT_NORMAL } }
static const struct ot_case cases[] = {
    { "empty", INPUT(0), .f = { 0.5 } },
    { "one_element", INPUT(1), .f = { 0.5 } },
    { "off", INPUT(100), .f = { 0 }, .flags = OT_EXACT | OT_NO_GRAD },
    { "small", INPUT(3, 5, 7), .f = { 0.1 } },
    { "group_less_one", INPUT(1023), .f = { 0.1 } },
    { "group", INPUT(1024), .f = { 0.1 } },
    { "group_and_one", INPUT(1025), .f = { 0.1 } },
    { "nearly_all", INPUT(5000), .f = { 0.999 } },
    { "transposed", { { OT_DIMS(6, 9), .layout = OT_TRANSPOSED } }, .f = { 0.3 } },
    { "sliced", { { OT_DIMS(6, 9), .layout = OT_SLICED } }, .f = { 0.3 } },
    { "expanded", { { OT_DIMS(6, 9), .layout = OT_EXPANDED } }, .f = { 0.3 } },
    // Dropped elements are 0 whatever they were; kept NaN and infinities stay.
    { "special", { { OT_DIMS(80), .fill = OT_SPECIAL } }, .f = { 0.25 }, .flags = OT_NO_GRAD },
    { "bert_hidden", INPUT(32, 128, 768), .f = { 0.1 }, .flags = OT_FULL | OT_BENCH },
};
static const struct ot_case rows_cases[] = {
    { "empty", INPUT(0, 3), .f = { 0.5 } },
    { "empty_rows", INPUT(2, 3, 0), .f = { 0.5 } },
    { "one_element", INPUT(1, 1), .f = { 0.5 } },
    { "off", INPUT(3, 4, 5), .f = { 0 }, .flags = OT_EXACT | OT_NO_GRAD },
    { "rank_2", INPUT(30, 11), .f = { 0.3 } },
    { "odd_rows", INPUT(5, 7, 3, 3), .f = { 0.3 } },
    { "quads", INPUT(5, 7, 4, 4), .f = { 0.3 } },
    { "group_less_one", INPUT(1, 341, 3), .f = { 0.1 } },
    { "group", INPUT(4, 16, 16), .f = { 0.1 } },
    { "group_and_one", INPUT(41, 5, 5), .f = { 0.1 } },
    { "transposed", { { OT_DIMS(6, 3, 9), .layout = OT_TRANSPOSED } }, .f = { 0.3 } },
    { "sliced", { { OT_DIMS(6, 3, 9), .layout = OT_SLICED } }, .f = { 0.3 } },
    { "expanded", { { OT_DIMS(6, 3, 9), .layout = OT_EXPANDED } }, .f = { 0.3 } },
    { "special", { { OT_DIMS(9, 4, 5), .fill = OT_SPECIAL } }, .f = { 0.25 }, .flags = OT_NO_GRAD },
    { "small_cnn", INPUT(128, 32, 28, 28), .f = { 0.1 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_dropout = {
    .name = "dropout",
    .n_inputs = 1,
    .build = build,
    .reference = reference,
    .bytes = ot_bytes_in_out,
    .keys = OT_ROW_KEYS,
    .shape = ot_shape_rows,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 3e-7 },  // 1 / (1 - p) rounded, then one product
};

const struct ot_op ot_op_dropout2d = {
    .name = "dropout2d",
    .n_inputs = 1,
    .build = build_2d,
    .reference = reference_2d,
    .bytes = ot_bytes_in_out,
    .cases = rows_cases,
    .n_cases = OT_COUNT(rows_cases),
    .tolerance = { .f32_rel = 3e-7 },
};

const struct ot_op ot_op_drop_path = {
    .name = "drop_path",
    .n_inputs = 1,
    .build = build_path,
    .reference = reference_path,
    .bytes = ot_bytes_in_out,
    .cases = rows_cases,
    .n_cases = OT_COUNT(rows_cases),
    .tolerance = { .f32_rel = 3e-7 },
};
