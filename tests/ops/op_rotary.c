// SPDX-License-Identifier: MIT
//
// rotary: reference, cases, tolerances. Inputs x, table, positions; i[0] is interleaved.
//
// The table's values are any numbers here, not cosines and sines: the op does not mind. Tolerance: two
// products and a sum, of which the terms may cancel, in units of their absolute sum.

#include <math.h>
#include "ops/reference.h"

enum { X, TABLE, POSITIONS };

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_rotary(ctx, in[X], in[TABLE], in[POSITIONS], c->i[0] != 0);
}

// The rows of x turned by the table, or the sums of the absolute terms.
static void turn(const struct ot_case *c, const struct ot_array *in, double *y, bool absolute)
{
    const int64_t *dim = in[X].dim;
    int64_t turned = in[TABLE].dim[1], half = turned / 2;
    for (int64_t row = 0; row < in[X].n / dim[3]; row++) {
        int64_t token = row / dim[2], t = token % dim[1];
        const double *x = in[X].v + row * dim[3];
        const struct ot_array *positions = &in[POSITIONS];
        int64_t place =
            !positions->v ? t : (int64_t) positions->v[positions->rank == 1 ? t : token];
        const double *cosine = in[TABLE].v + place * turned, *sine = cosine + half;
        double *out = y + row * dim[3];
        for (int64_t d = turned; d < dim[3]; d++)
            out[d] = absolute ? 0 : x[d];
        for (int64_t i = 0; i < half; i++) {
            int64_t a = c->i[0] ? 2 * i : i, b = c->i[0] ? 2 * i + 1 : i + half;
            out[a] = absolute ? fabs(x[a] * cosine[i]) + fabs(x[b] * sine[i])
                              : x[a] * cosine[i] - x[b] * sine[i];
            out[b] = absolute ? fabs(x[a] * sine[i]) + fabs(x[b] * cosine[i])
                              : x[a] * sine[i] + x[b] * cosine[i];
        }
    }
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    turn(c, in, out->v, false);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    turn(c, in, out->v, true);
}

// clang-format off
#define TABLE(p, r) { OT_DIMS(p, r), .fill = OT_UNIFORM, .f32 = true, .no_grad = true }
#define NO_PLACES { .absent = true }
#define PLACES(limit_, ...) { OT_DIMS(__VA_ARGS__), .fill = OT_INDEX, .limit = limit_ }
static const struct ot_case cases[] = {
    { "no_tokens", { { OT_DIMS(2, 0, 3, 4) }, TABLE(9, 4), NO_PLACES }, .i = { 0 } },
    { "no_heads", { { OT_DIMS(2, 5, 0, 4) }, TABLE(9, 4), NO_PLACES }, .i = { 0 } },
    { "one_pair", { { OT_DIMS(1, 1, 1, 2) }, TABLE(1, 2), NO_PLACES }, .i = { 0 } },
    { "halves", { { OT_DIMS(2, 5, 3, 8) }, TABLE(9, 8), NO_PLACES }, .i = { 0 } },
    { "neighbours", { { OT_DIMS(2, 5, 3, 8) }, TABLE(9, 8), NO_PLACES }, .i = { 1 } },
    { "part_of_head", { { OT_DIMS(2, 5, 3, 11) }, TABLE(9, 6), NO_PLACES }, .i = { 0 } },
    { "neighbours_of_part", { { OT_DIMS(2, 5, 3, 11) }, TABLE(9, 6), NO_PLACES }, .i = { 1 } },
    { "places", { { OT_DIMS(2, 5, 3, 8) }, TABLE(40, 8), PLACES(40, 5) }, .i = { 0 } },
    { "places_of_each", { { OT_DIMS(3, 5, 2, 8) }, TABLE(40, 8), PLACES(40, 3, 5) }, .i = { 1 } },
    { "group_less_one", { { OT_DIMS(1, 17, 3, 10) }, TABLE(17, 10), NO_PLACES }, .i = { 0 } },
    { "group", { { OT_DIMS(1, 16, 4, 8) }, TABLE(16, 8), NO_PLACES }, .i = { 0 } },
    { "group_and_one", { { OT_DIMS(1, 257, 1, 2) }, TABLE(257, 2), NO_PLACES }, .i = { 0 } },
    { "transposed", { { OT_DIMS(2, 4, 3, 8), .layout = OT_TRANSPOSED }, TABLE(9, 8), NO_PLACES }, .i = { 0 } },
    { "sliced", { { OT_DIMS(2, 4, 3, 8), .layout = OT_SLICED }, TABLE(9, 8), NO_PLACES }, .i = { 0 } },
    { "expanded", { { OT_DIMS(4, 4, 3, 8), .layout = OT_EXPANDED }, TABLE(9, 8), NO_PLACES }, .i = { 0 } },
    { "special", { { OT_DIMS(2, 9, 3, 8), .fill = OT_SPECIAL }, TABLE(9, 8), NO_PLACES }, .i = { 0 }, .flags = OT_NO_GRAD },
    { "long_rows", { { OT_DIMS(3, 40, 12, 64) }, TABLE(50, 64), PLACES(50, 3, 40) }, .i = { 0 } },
    { "llama_1b", { { OT_DIMS(4, 512, 32, 64) }, TABLE(512, 64), NO_PLACES }, .i = { 0 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_rotary = {
    .name = "rotary",
    .n_inputs = 3,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = ot_bytes_in_out,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 3e-7 },
    .grad_tolerance = { .f32_rel = 2e-6, .f32_abs = 2e-6 },
};
