// SPDX-License-Identifier: MIT
//
// matmul: reference, cases, tolerances. Case parameters: i[0], i[1] the first, the second operand is transposed
// on the way, of cases that are only timed.
//
// Tolerance: a sum of K products is off by at most (K + 1) rounding errors of its terms' absolute
// sum, in whatever order they are added; 2^-24 each, twice that allowed.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    lattn_tensor *a = c->i[0] ? lattn_transpose(ctx, in[0], -2, -1) : in[0];
    lattn_tensor *b = c->i[1] ? lattn_transpose(ctx, in[1], -2, -1) : in[1];
    return lattn_matmul(ctx, a, b);
}

// Rank 2 or more: a vector is a row on the left and a column on the right.
static struct ot_array as_matrix(const struct ot_array *a, bool left)
{
    struct ot_array m = *a;
    if (a->rank == 1) {
        m.rank = 2;
        m.dim[0] = left ? 1 : a->dim[0];
        m.dim[1] = left ? a->dim[0] : 1;
    }
    return m;
}

static struct ot_array leading(const struct ot_array *matrix)
{
    struct ot_array batches = *matrix;
    batches.rank -= 2;
    return batches;
}

// Products leave the range of f32 where sums of f16 would not; an infinity there is right.
static double times(double a, double b)
{
    double p = a * b;
    return fabs(p) >= 0x1p128 ? copysign(INFINITY, p) : p;
}

// out = a b, or with magnitudes (K + 1) * |a| |b|.
static void multiply(const struct ot_array *in, struct ot_array *out, bool magnitudes)
{
    struct ot_array a = as_matrix(&in[0], true), b = as_matrix(&in[1], false);
    int64_t m = a.dim[a.rank - 2], k = a.dim[a.rank - 1], n = b.dim[b.rank - 1];
    struct ot_array a_batches = leading(&a), b_batches = leading(&b), batches = *out;
    batches.rank = out->rank - (in[0].rank > 1) - (in[1].rank > 1);
    int64_t n_batches = m > 0 && n > 0 ? out->n / (m * n) : 0;
    for (int64_t z = 0; z < n_batches; z++) {
        const double *x = a.v + ot_broadcast_at(&a_batches, &batches, z) * m * k;
        const double *y = b.v + ot_broadcast_at(&b_batches, &batches, z) * k * n;
        for (int64_t i = 0; i < m * n; i++) {
            double sum = 0;
            for (int64_t q = 0; q < k; q++) {
                double u = x[i / n * k + q], v = y[q * n + i % n];
                sum += magnitudes ? fabs(u * v) : times(u, v);
            }
            out->v[z * m * n + i] = magnitudes ? sum * (double) (k + 1) : sum;
        }
    }
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    multiply(in, out, false);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    multiply(in, out, true);
}

static double size(const struct ot_input *in, int from_end)
{
    return in->rank >= from_end ? (double) in->dim[in->rank - from_end] : 1;
}

// Batches of the result, for operands of rank 2 or more.
static double batches(const struct ot_case *c)
{
    struct ot_input a = c->in[0], b = c->in[1];
    a.rank -= a.rank > 2 ? 2 : a.rank;
    b.rank -= b.rank > 2 ? 2 : b.rank;
    return ot_broadcast_numel(&a, &b);
}

static double rows(const struct ot_case *c)
{
    return size(&c->in[0], c->i[0] ? 1 : 2);
}

static double columns(const struct ot_case *c)
{
    return size(&c->in[1], c->i[1] ? 2 : 1);
}

static double flops(const struct ot_case *c)
{
    return 2 * batches(c) * rows(c) * size(&c->in[0], c->i[0] ? 2 : 1) * columns(c);
}

static double bytes(const struct ot_case *c, size_t element)
{
    double out = batches(c) * rows(c) * columns(c);
    return (ot_numel(&c->in[0]) + ot_numel(&c->in[1]) + out) * (double) element;
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { M, N, K, BATCH, TA, TB };
    OT_RESIZE(&c->in[0], v[BATCH], v[TA] ? v[K] : v[M], v[TA] ? v[M] : v[K]);
    OT_RESIZE(&c->in[1], v[BATCH], v[TB] ? v[N] : v[K], v[TB] ? v[K] : v[N]);
    for (int i = 0; i < 2; i++)  // without batches both are matrices
        if (v[BATCH] == 1)
            OT_RESIZE(&c->in[i], c->in[i].dim[1], c->in[i].dim[2]);
    c->i[0] = v[TA];
    c->i[1] = v[TB];
    return NULL;
}

// Tiles are 8 to 128 rows and 8 to 512 columns; slabs of k are 4 to 16.
// clang-format off
#define AB(a, b) { a, b }
#define NN(m, k, n) AB({ OT_DIMS(m COMMA k) }, { OT_DIMS(k COMMA n) })
#define COMMA ,
static const struct ot_case cases[] = {
    { "no_rows", NN(0, 3, 2) },
    { "no_columns", NN(3, 2, 0) },
    { "no_terms", NN(3, 0, 2) },
    { "one_element", NN(1, 1, 1) },
    { "vectors", { { OT_DIMS(7) }, { OT_DIMS(7) } } },
    { "vector_left", { { OT_DIMS(7) }, { OT_DIMS(2, 7, 5) } } },
    { "vector_right", { { OT_DIMS(3, 5, 7) }, { OT_DIMS(7) } } },
    { "small", NN(3, 5, 2) },
    { "row", NN(1, 40, 33) },
    { "column", NN(33, 40, 1) },
    { "tile_less_one", NN(31, 15, 31) },
    { "tile", NN(32, 16, 32) },
    { "tile_and_one", NN(33, 17, 33) },
    { "tile_64_less_one", NN(63, 31, 63), .flags = OT_NO_GRAD },
    { "tile_64_and_one", NN(65, 33, 65), .flags = OT_NO_GRAD },
    { "tile_128_less_one", NN(127, 9, 127), .flags = OT_NO_GRAD },
    { "tile_128_and_one", NN(129, 7, 129), .flags = OT_NO_GRAD },
    { "tile_64_by_128", NN(100, 40, 250), .flags = OT_NO_GRAD },
    { "nt", { { OT_DIMS(40, 24) }, { OT_DIMS(24, 36), .layout = OT_TRANSPOSED } } },
    { "tn", { { OT_DIMS(40, 24), .layout = OT_TRANSPOSED }, { OT_DIMS(24, 36) } } },
    { "tt", { { OT_DIMS(40, 24), .layout = OT_TRANSPOSED },
              { OT_DIMS(24, 36), .layout = OT_TRANSPOSED } } },
    { "sliced", { { OT_DIMS(20, 24), .layout = OT_SLICED }, { OT_DIMS(24, 18), .layout = OT_SLICED } } },
    { "batched", { { OT_DIMS(3, 9, 20) }, { OT_DIMS(3, 20, 18) } } },  // an even n: stored in pairs
    { "batched_nt", { { OT_DIMS(2, 3, 9, 20) }, { OT_DIMS(2, 3, 20, 17), .layout = OT_TRANSPOSED } } },
    { "shared_b", { { OT_DIMS(3, 9, 20) }, { OT_DIMS(20, 17) } } },
    { "shared_a", { { OT_DIMS(9, 20) }, { OT_DIMS(3, 20, 17) } } },
    { "broadcast_both", { { OT_DIMS(4, 1, 5, 6) }, { OT_DIMS(3, 6, 7) } } },
    { "broadcast_three", { { OT_DIMS(2, 1, 3, 4, 5) }, { OT_DIMS(1, 2, 1, 5, 6) } } },
    { "expanded", { { OT_DIMS(4, 5, 6), .layout = OT_EXPANDED }, { OT_DIMS(4, 6, 7), .layout = OT_EXPANDED } } },
    { "long_k", NN(5, 3000, 6), .flags = OT_NO_GRAD },
    // Two or three tiles, which a CPU shares.
    { "shares", NN(40, 500, 13), .flags = OT_NO_GRAD },
    // Five tiles, of which a GPU that is four workgroups wide (LATTN_LIMITS=is_cpu=0,width=4) shares the last.
    { "waves_tt", { { OT_DIMS(5, 15, 2100), .layout = OT_TRANSPOSED }, { OT_DIMS(5, 2100, 13), .layout = OT_TRANSPOSED } },
      .flags = OT_FULL | OT_NO_GRAD },
    { "integers", { { OT_DIMS(37, 100), .fill = OT_INTEGERS }, { OT_DIMS(100, 41), .fill = OT_INTEGERS } },
      .flags = OT_EXACT },
    { "integers_tn", { { OT_DIMS(37, 64), .fill = OT_INTEGERS, .layout = OT_TRANSPOSED },
                       { OT_DIMS(64, 41), .fill = OT_INTEGERS, .layout = OT_TRANSPOSED } }, .flags = OT_EXACT },
    { "special_a", { { OT_DIMS(40, 2), .fill = OT_SPECIAL }, { OT_DIMS(2, 20), .fill = OT_AWAY } },
      .flags = OT_NO_GRAD },
    { "special_b", { { OT_DIMS(20, 1), .fill = OT_AWAY }, { OT_DIMS(1, 80), .fill = OT_SPECIAL } },
      .flags = OT_NO_GRAD },
    // Large enough to be packed, with edges everywhere; a matrix for all batches.
    { "panels", NN(705, 91, 690), .flags = OT_NO_GRAD },
    { "panels_tt", { { OT_DIMS(290, 100), .layout = OT_TRANSPOSED },
                     { OT_DIMS(3, 100, 330), .layout = OT_TRANSPOSED } }, .flags = OT_NO_GRAD },
    { "bert_projection", NN(4096, 768, 768), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "bert_scores", { { OT_DIMS(8, 12, 128, 64) }, { OT_DIMS(8, 12, 64, 128), .layout = OT_TRANSPOSED } },
      .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "square_512", NN(512, 512, 512), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    // What 3x3 layers of ResNet-18 are to a product, two images: convolution is judged by these.
    { "resnet18_layer1", NN(64, 576, 6272), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "resnet18_layer2", NN(128, 1152, 1568), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "resnet18_layer3", NN(256, 2304, 392), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "resnet18_layer4", NN(512, 4608, 98), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "resnet18_layer1_weight", NN(64, 6272, 576), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "resnet18_layer2_weight", NN(128, 1568, 1152), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "resnet18_layer3_weight", NN(256, 392, 2304), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "resnet18_layer4_weight", NN(512, 98, 4608), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "square_1024", NN(1024, 1024, 1024), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "square_4096", NN(4096, 4096, 4096), .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE | OT_NO_GRAD },
    { "square_8192", NN(8192, 8192, 8192), .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE | OT_NO_GRAD },
};
// clang-format on

const struct ot_op ot_op_matmul = {
    .name = "matmul",
    .n_inputs = 2,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = bytes,
    .flops = flops,
    .backward = ot_backward_product,
    .keys = OT_KEYS(OT_SIZE("m"), OT_SIZE("n"), OT_SIZE("k"), OT_SIZE_OR("batch", 1),
        OT_SWITCH("ta"), OT_SWITCH("tb")),
    .shape = shape,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1.2e-7 },
    .grad_tolerance = { .f32_rel = 5e-6 },  // 41 terms, each off by that many rounding errors
};
