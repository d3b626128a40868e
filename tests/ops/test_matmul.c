// SPDX-License-Identifier: MIT
//
// matmul and linear where the table of cases does not reach: bindings longer than the device allows,
// accumulated gradients, split sums, refused arguments.

#define LATTN_EXPERIMENTAL
#include "harness/harness.h"
#include "lattn/introspect.h"
#include "ops/optest.h"
#include "tensor/kernel.h"

extern const struct ot_op ot_op_matmul, ot_op_linear;

static lattn_tensor *normal(lattn_ctx *ctx, int rank, const int64_t *dims)
{
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, rank, dims);
    return t && !lattn_normal_(t, 0, 1) ? t : NULL;
}

static lattn_tensor *of_size(lattn_ctx *ctx, int64_t rows, int64_t columns)
{
    return normal(ctx, 2, (int64_t[]){ rows, columns });
}

static float *read(lattn_tensor *t, int64_t n)
{
    float *v = calloc((size_t) n + 1, sizeof *v);
    EXPECT(t != NULL);
    if (t && v)
        EXPECT_OK(lattn_tensor_read_f32(t, v, n));
    return v;
}

// ---- long bindings --------------------------------------------------------------------------------

enum { M = 150, K = 90, N = 170 };

// out, dA and dB of one product, each long enough to be cut on a device of 16 KiB bindings.
struct results {
    float *v[3];
};

static struct results multiply(lattn_ctx *ctx, const float *a, const float *b, const float *g)
{
    struct results r = { { NULL } };
    lattn_tensor *ta = lt_tensor(ctx, 2, (int64_t[]){ M, K }, a);
    lattn_tensor *tb = lt_tensor(ctx, 2, (int64_t[]){ K, N }, b);
    lattn_tensor *tg = lt_tensor(ctx, 2, (int64_t[]){ M, N }, g), *grad[2] = { NULL, NULL };
    if (!ta || !tb || !tg)
        return r;
    EXPECT_OK(lattn_tensor_set_requires_grad(ta, true));
    EXPECT_OK(lattn_tensor_set_requires_grad(tb, true));
    lattn_tensor *y = lattn_matmul(ctx, ta, tb), *in[] = { ta, tb };
    EXPECT(y != NULL);
    if (!y)
        return r;
    EXPECT_OK(lattn_grad(ctx, &y, &tg, 1, in, 2, false, grad));
    r.v[0] = read(y, M * N);
    r.v[1] = read(grad[0], M * K);
    r.v[2] = read(grad[1], K * N);
    return r;
}

static double largest_difference(const float *a, const float *b, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++)
        worst = fmax(worst, fabs((double) a[i] - (double) b[i]));
    return worst;
}

GPU_TEST(matmul, bindings_longer_than_the_device_allows_are_cut)
{
    float *a = read(of_size(ctx, M, K), M * K), *b = read(of_size(ctx, K, N), K * N);
    float *g = read(of_size(ctx, M, N), M * N);
    struct results whole = multiply(ctx, a, b, g), cut = { { NULL } };

    lattn_ctx *small = lt_short_bindings(16384);
    if (small)
        cut = multiply(small, a, b, g);
    const int64_t n[] = { M * N, M * K, K * N };
    for (int i = 0; i < 3; i++) {
        EXPECT(whole.v[i] && cut.v[i]);
        if (whole.v[i] && cut.v[i])
            EXPECT_NEAR(largest_difference(whole.v[i], cut.v[i], n[i]), 0, 1e-4);
        free(whole.v[i]);
        free(cut.v[i]);
    }
    lattn_ctx_destroy(&small);
    free(a);
    free(b);
    free(g);
}

// out of a linear layer with a residual, whose pieces have to be those of out.
static float *add_residual(lattn_ctx *ctx, const float *x, const float *w, const float *r)
{
    return read(lattn_linear_add(ctx, lt_tensor(ctx, 2, (int64_t[]){ M, K }, x),
                    lt_tensor(ctx, 2, (int64_t[]){ N, K }, w), NULL,
                    lt_tensor(ctx, 2, (int64_t[]){ M, N }, r)),
        M * N);
}

GPU_TEST(linear, a_residual_is_cut_with_the_result)
{
    float *x = read(of_size(ctx, M, K), M * K), *w = read(of_size(ctx, N, K), N * K);
    float *r = read(of_size(ctx, M, N), M * N), *whole = add_residual(ctx, x, w, r), *cut = NULL;
    lattn_ctx *small = lt_short_bindings(16384);
    if (small)
        cut = add_residual(small, x, w, r);
    EXPECT(cut != NULL);
    if (cut)
        EXPECT_NEAR(largest_difference(whole, cut, M * N), 0, 1e-4);
    lattn_ctx_destroy(&small);
    free(x);
    free(w);
    free(r);
    free(whole);
    free(cut);
}

// ---- gradients that add up --------------------------------------------------------------------------

// The weight's gradient is a little more than a tile of the cpu form, 8 x 16, in both directions.
static void expect_gradients_add_up(lattn_ctx *ctx, lattn_epilogue epilogue)
{
    enum { IN = 18, OUT = 11 };
    lattn_tensor *x = of_size(ctx, 9, IN), *w = of_size(ctx, OUT, IN),
                 *b = normal(ctx, 1, (int64_t[]){ OUT });
    REQUIRE(x && w && b);
    EXPECT_OK(lattn_tensor_set_requires_grad(w, true));
    EXPECT_OK(lattn_tensor_set_requires_grad(b, true));
    float once[OUT * IN], bias_once[OUT];
    for (int pass = 1; pass <= 2; pass++) {
        lattn_tensor *y = lattn_linear(ctx, x, w, b, epilogue);
        EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, y, NULL, 0, false), NULL));
        if (pass == 2)
            break;
        EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(w), once, OUT * IN));
        EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(b), bias_once, OUT));
    }
    for (int i = 0; i < OUT * IN; i++)
        once[i] *= 2;
    for (int i = 0; i < OUT; i++)
        bias_once[i] *= 2;
    lt_expect_near(ctx, lattn_tensor_grad(w), once, OUT * IN, 1e-5);
    lt_expect_near(ctx, lattn_tensor_grad(b), bias_once, OUT, 1e-5);
}

GPU_TEST(linear, weight_and_bias_gradients_add_to_what_is_there)
{
    expect_gradients_add_up(ctx, LATTN_EPILOGUE_GELU);
    lattn_ctx *narrow = lt_limited("is_cpu=0,width=4");  // where one product makes both
    REQUIRE(narrow);
    EXPECT_OK(lattn_strategy_force(narrow, "base"));
    expect_gradients_add_up(narrow, LATTN_EPILOGUE_NONE);
    lattn_ctx_destroy(&narrow);
}

// x is a residual, and goes through two weights: all three gradients meet in one place.
GPU_TEST(linear, gradients_of_an_input_with_several_uses_add_up)
{
    enum { ROWS = 3, SIZE = 2 };
    const int64_t square[] = { SIZE, SIZE };
    const float given[] = { 1, 0, 0, 1, 2, -1 };
    const float want[] = { 7, -4, 10, 13, 4, -21 };  // dy + dy v + dy w
    lattn_tensor *x = of_size(ctx, ROWS, SIZE), *grad = NULL;
    lattn_tensor *v = lt_tensor(ctx, 2, square, (float[]){ 1, 2, 3, 4 });
    lattn_tensor *w = lt_tensor(ctx, 2, square, (float[]){ 5, -6, 7, 8 });
    lattn_tensor *dy = lt_tensor(ctx, 2, (int64_t[]){ ROWS, SIZE }, given);
    REQUIRE(x && v && w && dy);
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *y = lattn_linear_add(ctx, x, v, NULL, x);
    y = lattn_add(ctx, y, lattn_linear(ctx, x, w, NULL, LATTN_EPILOGUE_NONE));
    EXPECT_OK(lattn_grad(ctx, &y, &dy, 1, &x, 1, false, &grad));
    lt_expect_near(ctx, grad, want, ROWS * SIZE, 1e-5);
    lt_expect_near(ctx, dy, given, ROWS * SIZE, 0);
}

struct mlp {
    lattn_tensor *x, *w, *v, *u, *dy;
};

// Gradients of x and w of h v^T (+ h u^T), h = gelu(x w^T) by one op or two; of h too where with_h.
static void mlp_gradients(
    lattn_ctx *ctx, const struct mlp *t, bool apart, bool twice, bool with_h, lattn_tensor *grad[3])
{
    lattn_tensor *h =
        lattn_linear(ctx, t->x, t->w, NULL, apart ? LATTN_EPILOGUE_NONE : LATTN_EPILOGUE_GELU);
    if (apart)
        h = lattn_gelu(ctx, h);
    lattn_tensor *y = lattn_linear(ctx, h, t->v, NULL, LATTN_EPILOGUE_NONE), *dy = t->dy;
    if (twice)
        y = lattn_add(ctx, y, lattn_linear(ctx, h, t->u, NULL, LATTN_EPILOGUE_NONE));
    lattn_tensor *to[] = { t->x, t->w, h };
    EXPECT_OK(lattn_grad(ctx, &y, &dy, 1, to, with_h ? 3 : 2, false, grad));
}

GPU_TEST(linear, the_gradient_of_a_gelu_does_not_depend_on_who_computes_it)
{
    enum { ROWS = 5, IN = 4, HIDDEN = 6, OUT = 3 };
    struct mlp t = { of_size(ctx, ROWS, IN), of_size(ctx, HIDDEN, IN), of_size(ctx, OUT, HIDDEN),
        of_size(ctx, OUT, HIDDEN), of_size(ctx, ROWS, OUT) };
    const int n[] = { ROWS * IN, HIDDEN * IN, ROWS * HIDDEN };
    REQUIRE(t.x && t.w && t.v && t.u && t.dy);
    EXPECT_OK(lattn_tensor_set_requires_grad(t.x, true));
    EXPECT_OK(lattn_tensor_set_requires_grad(t.w, true));
    for (int form = 0; form < 3;
         form++) {  // one use; two uses; one use, whose gradient is asked for
        lattn_tensor *got[3] = { NULL }, *want[3] = { NULL };
        mlp_gradients(ctx, &t, false, form == 1, form == 2, got);
        mlp_gradients(ctx, &t, true, form == 1, form == 2, want);
        for (int i = 0; i < (form == 2 ? 3 : 2); i++) {
            float values[ROWS * HIDDEN];
            EXPECT_OK(lattn_tensor_read_f32(want[i], values, n[i]));
            lt_expect_near(ctx, got[i], values, n[i], 1e-5);
        }
    }
}

// No column of the result: nothing comes back to x.
GPU_TEST(linear, without_outputs_the_gradient_of_x_is_zero)
{
    lattn_tensor *x = of_size(ctx, 2, 3), *w = of_size(ctx, 0, 3), *grad = NULL;
    REQUIRE(x && w);
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *y = lattn_linear(ctx, x, w, NULL, LATTN_EPILOGUE_NONE), *dy = of_size(ctx, 2, 0);
    EXPECT_OK(lattn_grad(ctx, &y, &dy, 1, &x, 1, false, &grad));
    const float zeros[6] = { 0 };
    lt_expect_near(ctx, grad, zeros, 6, 0);
}

// Few tiles and a long sum: k is split, and the parts are added in order.
GPU_TEST(matmul, split_sums_are_exact_for_integers)
{
    enum { LONG = 20000 };
    float *a = calloc(LONG * 2, sizeof *a), *b = calloc(LONG * 2, sizeof *b), want[4] = { 0 };
    REQUIRE(a && b);
    for (int i = 0; i < LONG * 2; i++) {
        a[i] = (float) (i % 7 - 3);
        b[i] = (float) (i % 5 - 2);
    }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < LONG; k++)
            want[i] += a[i / 2 * LONG + k] * b[k * 2 + i % 2];
    lattn_tensor *y = lattn_matmul(ctx, lt_tensor(ctx, 2, (int64_t[]){ 2, LONG }, a),
        lt_tensor(ctx, 2, (int64_t[]){ LONG, 2 }, b));
    lt_expect_near(ctx, y, want, 4, 0);
    free(a);
    free(b);
}

static void done(void *user, const struct ot_result *result)
{
    ++*(int *) user;
    if (result->verdict == OT_FAILED)
        lt_fail(__FILE__, __LINE__, "%s", result->text);
}

// Cases on a device that chooses as a GPU that is four workgroups wide does.
struct narrow_case {
    enum ot_mode mode;
    const struct ot_op *op;
    const char *name;
    lattn_dtype dtype;
    int strategy;
};

static void run_narrow(const struct narrow_case *cases, size_t n_cases)
{
    lattn_ctx *narrow = lt_limited("is_cpu=0,width=4");
    REQUIRE(narrow);
    for (size_t i = 0; i < n_cases; i++) {
        int n = 0;
        const struct ot_options options = { .dtype = (int) cases[i].dtype,
            .strategy = cases[i].strategy,
            .case_name = cases[i].name,
            .full = true,
            .done = done,
            .user = &n };
        ot_run_op(narrow, cases[i].mode, cases[i].op, &options);
        EXPECT(n == 1 ||
               cases[i].dtype != LATTN_DTYPE_F32);  // not every device has f16 and matrix units
    }
    lattn_ctx_destroy(&narrow);
}

// Of five tiles four are made by a workgroup each, and the last by four.
GPU_TEST(matmul, tiles_of_the_last_wave_are_shared)
{
    static const struct narrow_case cases[] = {
        { OT_CHECK, &ot_op_matmul, "waves_tt", LATTN_DTYPE_F32, LAT_STRATEGY_BASE },
        { OT_CHECK, &ot_op_linear, "add_waves", LATTN_DTYPE_F32, LAT_STRATEGY_BASE },
        { OT_CHECK, &ot_op_matmul, "waves_tt", LATTN_DTYPE_F16, LAT_STRATEGY_COOPMAT },
        { OT_CHECK, &ot_op_matmul, "waves_tt", LATTN_DTYPE_F16, LAT_STRATEGY_COOPMAT2 },
    };
    (void) ctx;
    run_narrow(cases, LAT_COUNT(cases));
}

GPU_TEST(linear, the_weights_gradient_sums_the_gradient_of_a_bias)
{
    static const struct narrow_case cases[] = {
        { OT_GRAD, &ot_op_linear, "bias_waves", LATTN_DTYPE_F32, LAT_STRATEGY_BASE },
        { OT_GRAD, &ot_op_linear, "no_terms", LATTN_DTYPE_F32, LAT_STRATEGY_BASE },
        { OT_GRAD, &ot_op_linear, "classifier", LATTN_DTYPE_BF16, LAT_STRATEGY_BASE },
        { OT_GRAD, &ot_op_linear, "bias_waves", LATTN_DTYPE_F16, LAT_STRATEGY_COOPMAT },
        { OT_GRAD, &ot_op_linear, "classifier", LATTN_DTYPE_F16, LAT_STRATEGY_COOPMAT },
    };
    (void) ctx;
    run_narrow(cases, LAT_COUNT(cases));
}

// ---- reduced precision ------------------------------------------------------------------------------

// A whole tile of 16 x 16, and one with an edge below it. 1 + 3 / 4 of f16's step is nearer to 1 + a step.
GPU_TEST(matmul, matrices_of_any_size_round_f32_to_nearest)
{
    enum { ROWS = 17, TERMS = 24, COLUMNS = 16 };
    if (!lattn_ctx_device(ctx)->coopmat2)
        return lt_skip("no VK_NV_cooperative_matrix2");
    lattn_ctx *own = NULL;
    EXPECT_OK(lattn_ctx_create(&(lattn_ctx_params){ .allow_reduced_precision = true }, &own));
    REQUIRE(own);
    EXPECT_OK(lattn_strategy_force(own, "coopmat2"));
    float a[ROWS * TERMS], b[TERMS * COLUMNS], want[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * TERMS; i++)
        a[i] = 1 + 0x3p-12f;
    for (int i = 0; i < TERMS * COLUMNS; i++)
        b[i] = 1;
    for (int i = 0; i < ROWS * COLUMNS; i++)
        want[i] = TERMS * (1 + 0x1p-10f);
    lattn_tensor *y = lattn_matmul(own, lt_tensor(own, 2, (int64_t[]){ ROWS, TERMS }, a),
        lt_tensor(own, 2, (int64_t[]){ TERMS, COLUMNS }, b));
    if (strcmp(lattn_strategy_last(own, NULL), "coopmat2") == 0)
        lt_expect_near(own, y, want, ROWS * COLUMNS, 0);
    else
        lt_skip("too little of VK_NV_cooperative_matrix2");
    lattn_ctx_destroy(&own);
}

// 16 by 16 products of 1 + 2^-12, which f16 does not hold, with 1, and their convolution with 3 x 3 ones.
static void expect_sums(lattn_ctx *ctx, float term)
{
    float a[256], b[256], want[256];
    for (int i = 0; i < 256; i++) {
        a[i] = 1 + 0x1p-12f;
        b[i] = 1;
        want[i] = 16 * term;
    }
    const int64_t square[] = { 16, 16 };
    lt_expect_near(ctx,
        lattn_matmul(ctx, lt_tensor(ctx, 2, square, a), lt_tensor(ctx, 2, square, b)), want, 256,
        0);
    lattn_tensor *x = lt_tensor(ctx, 4, (int64_t[]){ 1, 2, 3, 3 }, a);
    lattn_tensor *w = lt_tensor(ctx, 4, (int64_t[]){ 4, 2, 3, 3 }, b);
    for (int i = 0; i < 4; i++)
        want[i] = 18 * term;
    lt_expect_near(ctx, lattn_conv2d(ctx, x, w, NULL, NULL), want, 4, 0);
}

GPU_TEST(matmul, f32_is_rounded_to_f16_only_where_the_program_allows_it)
{
    bool has_units = lattn_ctx_device(ctx)->coopmat_m > 0;
    setenv("LATTN_STRATEGY", "coopmat", 1);
    for (int allowed = 0; allowed < 2; allowed++) {
        lattn_ctx *own = NULL;
        EXPECT_OK(
            lattn_ctx_create(&(lattn_ctx_params){ .allow_reduced_precision = allowed }, &own));
        if (own)
            expect_sums(own, allowed && has_units ? 1 : 1 + 0x1p-12f);
        lattn_ctx_destroy(&own);
    }
    unsetenv("LATTN_STRATEGY");
}

// ---- refused ----------------------------------------------------------------------------------------

GPU_TEST(matmul, inner_dimensions_must_agree)
{
    EXPECT(!lattn_matmul(ctx, of_size(ctx, 2, 3), of_size(ctx, 4, 2)));
    lt_expect_error(
        ctx, LATTN_ERR_SHAPE, "matmul: [2, 3] x [4, 2]: inner dimensions 3 and 4 differ");
}

GPU_TEST(matmul, leading_dimensions_must_broadcast)
{
    lattn_tensor *a = normal(ctx, 3, (int64_t[]){ 2, 3, 4 });
    EXPECT(!lattn_matmul(ctx, a, normal(ctx, 3, (int64_t[]){ 3, 4, 5 })));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "leading dimensions do not broadcast");
}

GPU_TEST(matmul, dtypes_must_agree)
{
    lattn_tensor *i = lattn_from_i32(ctx, 2, (int64_t[]){ 1, 2 }, (int32_t[]){ 1, 2 });
    EXPECT(!lattn_matmul(ctx, of_size(ctx, 2, 1), i));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "matmul: dtypes f32 and i32 differ");
    EXPECT(!lattn_matmul(ctx, i, i));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "matmul: dtype i32");
}

GPU_TEST(matmul, a_number_is_no_matrix)
{
    EXPECT(!lattn_matmul(ctx, normal(ctx, 0, NULL), of_size(ctx, 1, 1)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "a number is no matrix");
}

GPU_TEST(matmul, null_gives_null)
{
    EXPECT(!lattn_matmul(ctx, NULL, NULL) && !lattn_linear(ctx, NULL, NULL, NULL, 0));
}

GPU_TEST(linear, shapes_must_fit)
{
    lattn_tensor *x = of_size(ctx, 2, 3);
    EXPECT(!lattn_linear(ctx, x, of_size(ctx, 5, 4), NULL, LATTN_EPILOGUE_NONE));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "linear: x [2, 3], weight [5, 4], bias none");
    EXPECT(!lattn_linear(
        ctx, x, of_size(ctx, 5, 3), normal(ctx, 1, (int64_t[]){ 4 }), LATTN_EPILOGUE_NONE));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "bias is not [out]");
    EXPECT(!lattn_linear_add(ctx, x, of_size(ctx, 5, 3), NULL, of_size(ctx, 1, 5)));
    lt_expect_error(
        ctx, LATTN_ERR_SHAPE, "linear: residual [1, 5] is not of the result's shape [2, 5]");
    lattn_tensor *other = lattn_zeros(ctx, LATTN_DTYPE_I32, 2, (int64_t[]){ 2, 5 });
    EXPECT(!lattn_linear_add(ctx, x, of_size(ctx, 5, 3), NULL, other));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "linear: dtypes of x and residual (f32, i32) differ");
    EXPECT(!lattn_linear(ctx, x, of_size(ctx, 5, 3), NULL, (lattn_epilogue) 7));
    lt_expect_error(ctx, LATTN_ERR_ARG, "linear: no epilogue 7");
}
