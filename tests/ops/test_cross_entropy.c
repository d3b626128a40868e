// SPDX-License-Identifier: MIT
//
// Losses where the table of cases does not reach: ignored and impossible labels, huge logits, values
// from PyTorch, refused arguments.

#include "harness/harness.h"

// An argument of a macro: the parentheses keep the commas together.
#define FLOATS(...) ((float[]){ __VA_ARGS__ })

enum { ROWS = 3, CLASSES = 4 };

static lattn_tensor *logits_of(lattn_ctx *ctx)
{
    static const float values[ROWS * CLASSES] = { 1, -2, 0.5f, 3, 0, 0.25f, -1, 2, -0.5f, 1.5f, 1,
        0 };
    return lt_tensor(ctx, 2, (int64_t[]){ ROWS, CLASSES }, values);
}

static lattn_tensor *labels_of(lattn_ctx *ctx, int32_t a, int32_t b, int32_t c)
{
    return lattn_from_i32(ctx, 1, (int64_t[]){ ROWS }, (int32_t[]){ a, b, c });
}

// Loss and gradient of the logits, for a mean.
static void run(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *labels, float *loss, float *grad)
{
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *y = lattn_cross_entropy(ctx, x, labels, NULL), *dx = NULL;
    EXPECT(y != NULL);
    if (!y)
        return;
    EXPECT_OK(lattn_grad(ctx, &y, NULL, 1, &x, 1, false, &dx));
    EXPECT_OK(lattn_tensor_read_f32(y, loss, 1));
    EXPECT_OK(lattn_tensor_read_f32(dx, grad, lattn_tensor_numel(x)));
}

GPU_TEST(cross_entropy, all_labels_ignored_is_zero_with_zero_gradient)
{
    float loss = -1, grad[ROWS * CLASSES];
    run(ctx, logits_of(ctx), labels_of(ctx, -100, -100, -100), &loss, grad);
    EXPECT(loss == 0);
    for (int i = 0; i < ROWS * CLASSES; i++)
        EXPECT(grad[i] == 0);
}

GPU_TEST(cross_entropy, label_that_is_no_class_is_nan)
{
    float loss, grad[ROWS * CLASSES];
    const int32_t wrong[] = { CLASSES, -1, INT32_MAX, INT32_MIN };
    for (int k = 0; k < 4; k++) {
        run(ctx, logits_of(ctx), labels_of(ctx, 0, wrong[k], 1), &loss, grad);
        EXPECT(isnan(loss));
        EXPECT(!isnan(grad[0]) && isnan(grad[CLASSES]) && !isnan(grad[2 * CLASSES]));
    }
}

GPU_TEST(cross_entropy, huge_logits_stay_finite)
{
    lattn_tensor *x =
        lt_tensor(ctx, 2, (int64_t[]){ 2, 2 }, (float[]){ 3e38f, -3e38f, 1e4f, 1e4f });
    lattn_tensor *labels = lattn_from_i32(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ 0, 1 });
    lattn_cross_entropy_args none = { .reduction = LATTN_REDUCTION_NONE };
    lt_expect_near(ctx, lattn_cross_entropy(ctx, x, labels, &none), FLOATS(0, 0.6931472f), 2, 1e-6);
}

GPU_TEST(cross_entropy, masked_logits)
{
    // -inf under a label is infinitely wrong, elsewhere it is a class that is ruled out.
    const float values[] = { 0, -INFINITY, 0, -INFINITY, 0, 0, -INFINITY, -INFINITY, -INFINITY };
    lattn_tensor *x = lt_tensor(ctx, 2, (int64_t[]){ 3, 3 }, values);
    lattn_tensor *labels = labels_of(ctx, 0, 0, 1);
    lattn_cross_entropy_args none = { .reduction = LATTN_REDUCTION_NONE };
    lt_expect_near(ctx, lattn_cross_entropy(ctx, x, labels, &none),
        FLOATS(0.6931472f, INFINITY, NAN), 3, 1e-6);
}

// What torch.nn.functional.cross_entropy of PyTorch 1.13 gives in double for logits_of(), labels
// 3, 1, 2 and weights 1, 2, 0.5, 0.25.
static const struct {
    lattn_reduction reduction;
    bool weights;
    float smoothing;
    int32_t ignore_index;
    float want;
} pytorch[] = {
    { LATTN_REDUCTION_MEAN, false, 0.0f, -100, 1.14480551f },
    { LATTN_REDUCTION_MEAN, false, 0.0f, 1, 0.688871855f },
    { LATTN_REDUCTION_MEAN, false, 0.1f, -100, 1.23855551f },
    { LATTN_REDUCTION_MEAN, false, 0.1f, 1, 0.832621855f },
    { LATTN_REDUCTION_MEAN, true, 0.0f, -100, 1.72787423f },
    { LATTN_REDUCTION_MEAN, true, 0.0f, 1, 0.851077991f },
    { LATTN_REDUCTION_MEAN, true, 0.1f, -100, 1.80341919f },
    { LATTN_REDUCTION_MEAN, true, 0.1f, 1, 1.40485482f },
    { LATTN_REDUCTION_SUM, false, 0.0f, -100, 3.43441653f },
    { LATTN_REDUCTION_SUM, false, 0.0f, 1, 1.37774371f },
    { LATTN_REDUCTION_SUM, false, 0.1f, -100, 3.71566653f },
    { LATTN_REDUCTION_SUM, false, 0.1f, 1, 1.66524371f },
    { LATTN_REDUCTION_SUM, true, 0.0f, -100, 4.75165414f },
    { LATTN_REDUCTION_SUM, true, 0.0f, 1, 0.638308493f },
    { LATTN_REDUCTION_SUM, true, 0.1f, -100, 4.95940277f },
    { LATTN_REDUCTION_SUM, true, 0.1f, 1, 1.05364112f },
};

GPU_TEST(cross_entropy, values_of_pytorch)
{
    lattn_tensor *x = logits_of(ctx), *labels = labels_of(ctx, 3, 1, 2);
    lattn_tensor *w = lt_tensor(ctx, 1, (int64_t[]){ CLASSES }, (float[]){ 1, 2, 0.5f, 0.25f });
    for (size_t i = 0; i < sizeof pytorch / sizeof pytorch[0]; i++) {
        lattn_cross_entropy_args args = {
            .class_weights = pytorch[i].weights ? w : NULL,
            .label_smoothing = pytorch[i].smoothing,
            .ignore_index = pytorch[i].ignore_index,
            .has_ignore_index = true,
            .reduction = pytorch[i].reduction,
        };
        lt_expect_near(ctx, lattn_cross_entropy(ctx, x, labels, &args), &pytorch[i].want, 1, 4e-6);
    }
}

GPU_TEST(cross_entropy, two_runs_have_the_same_bits)
{
    enum { N = 3000, V = 26 };
    static int32_t labels[N];
    for (int i = 0; i < N; i++)
        labels[i] = i * 7 % V;
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ N, V });
    lattn_tensor *t = lattn_from_i32(ctx, 1, (int64_t[]){ N }, labels);
    REQUIRE(x && t);
    EXPECT_OK(lattn_normal_(x, 0, 2));
    static float grad[2][N * V];
    float loss[2];
    for (int k = 0; k < 2; k++)
        run(ctx, x, t, &loss[k], grad[k]);
    EXPECT(memcmp(&loss[0], &loss[1], sizeof loss[0]) == 0);
    EXPECT(memcmp(grad[0], grad[1], sizeof grad[0]) == 0);
}

GPU_TEST(cross_entropy, wrong_arguments_are_refused)
{
    lattn_tensor *x = logits_of(ctx), *labels = labels_of(ctx, 0, 1, 2);
    EXPECT(!lattn_cross_entropy(ctx, x, x, NULL));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "labels are f32, not i32");
    lattn_tensor *two = lattn_from_i32(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ 0, 1 });
    EXPECT(!lattn_cross_entropy(ctx, x, two, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "labels are [2]");
    EXPECT(
        !lattn_cross_entropy(ctx, x, labels, &(lattn_cross_entropy_args){ .label_smoothing = 1 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "label_smoothing");
    EXPECT(!lattn_cross_entropy(
        ctx, x, labels, &(lattn_cross_entropy_args){ .reduction = (lattn_reduction) 7 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "7 is no reduction");
    lattn_tensor *w = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 3 });
    EXPECT(!lattn_cross_entropy(ctx, x, labels, &(lattn_cross_entropy_args){ .class_weights = w }));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "class weights are [3]");
    lattn_tensor *flat = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 3 });
    EXPECT(!lattn_cross_entropy(ctx, flat, labels, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "logits [3] are not [N, V]");
}

// ---- linear_cross_entropy ---------------------------------------------------------------------

enum { LONG = 150, HIDDEN = 5, WORDS = 11 };

// Loss and gradients of x, weight and bias, one behind the other, of LONG rows.
static void run_head(lattn_ctx *ctx, lattn_tensor *const leaf[3], lattn_tensor *labels,
    int64_t chunk_bytes, float *loss, float *grads)
{
    const lattn_linear_cross_entropy_args args = { .bias = leaf[2], .chunk_bytes = chunk_bytes };
    lattn_tensor *y, *grad[3] = { 0 };
    // Without a bound, as the two ops that it stands for.
    if (chunk_bytes)
        y = lattn_linear_cross_entropy(ctx, leaf[0], leaf[1], labels, &args);
    else
        y = lattn_cross_entropy(
            ctx, lattn_linear(ctx, leaf[0], leaf[1], leaf[2], LATTN_EPILOGUE_NONE), labels, NULL);
    REQUIRE(y);
    EXPECT_OK(lattn_grad(ctx, &y, NULL, 1, leaf, 3, false, grad));
    EXPECT_OK(lattn_tensor_read_f32(y, loss, 1));
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(lattn_tensor_read_f32(grad[i], grads, lattn_tensor_numel(grad[i])));
        grads += lattn_tensor_numel(grad[i]);
    }
}

GPU_TEST(linear_cross_entropy, equals_the_two_ops_and_itself)
{
    enum { N_GRADS = LONG * HIDDEN + WORDS * HIDDEN + WORDS };
    const int64_t dims[3][2] = { { LONG, HIDDEN }, { WORDS, HIDDEN }, { WORDS } };
    lattn_tensor *leaf[3];
    int32_t labels[LONG];
    for (int i = 0; i < 3; i++) {
        leaf[i] = lattn_zeros(ctx, LATTN_DTYPE_F32, i < 2 ? 2 : 1, dims[i]);
        REQUIRE(leaf[i]);
        EXPECT_OK(lattn_normal_(leaf[i], 0, 1));
        EXPECT_OK(lattn_tensor_set_requires_grad(leaf[i], true));
    }
    for (int i = 0; i < LONG; i++)
        labels[i] = i % 9 == 4 ? -100 : i * 7 % WORDS;
    lattn_tensor *t = lattn_from_i32(ctx, 1, (int64_t[]){ LONG }, labels);
    const int64_t bytes[] = { 0, 1, 1, 1 << 20 };
    float loss[4];
    static float grads[4][N_GRADS];
    for (int k = 0; k < 4; k++)
        run_head(ctx, leaf, t, bytes[k], &loss[k], grads[k]);
    EXPECT(memcmp(&loss[1], &loss[2], sizeof loss[1]) == 0);
    EXPECT(memcmp(grads[1], grads[2], sizeof grads[1]) == 0);
    for (int k = 1; k < 4; k++) {
        EXPECT_NEAR(loss[k], loss[0], 2e-6);
        for (int i = 0; i < N_GRADS; i++)
            EXPECT_NEAR(grads[k][i], grads[0][i], 1e-6);
    }
}

GPU_TEST(linear_cross_entropy, ignored_impossible_and_infinite)
{
    // 66 rows, so that the last two are a chunk of their own.
    enum { N = 66, V = 3 };
    float x[N], loss[N], dx[N];
    int32_t labels[N];
    for (int i = 0; i < N; i++) {
        x[i] = 1;
        labels[i] = i % 2 ? -100 : 0;
    }
    x[2] = NAN;
    x[4] = INFINITY;
    labels[6] = 1;
    labels[64] = V;
    lattn_tensor *hidden = lt_tensor(ctx, 2, (int64_t[]){ N, 1 }, x);
    const lattn_linear_cross_entropy_args args = {
        .bias = lt_tensor(ctx, 1, (int64_t[]){ V }, FLOATS(0, -INFINITY, 0)),
        .loss.reduction = LATTN_REDUCTION_NONE,
        .chunk_bytes = 1,
    };
    lattn_tensor *weight = lt_tensor(ctx, 2, (int64_t[]){ V, 1 }, FLOATS(1, 1, 1)), *grad = NULL;
    EXPECT_OK(lattn_tensor_set_requires_grad(hidden, true));
    lattn_tensor *y = lattn_linear_cross_entropy(
        ctx, hidden, weight, lattn_from_i32(ctx, 1, (int64_t[]){ N }, labels), &args);
    lattn_tensor *ones = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ N });
    REQUIRE(y && ones);
    EXPECT_OK(lattn_fill_(ones, 1));
    EXPECT_OK(lattn_grad(ctx, &y, &ones, 1, &hidden, 1, false, &grad));
    EXPECT_OK(lattn_tensor_read_f32(y, loss, N));
    EXPECT_OK(lattn_tensor_read_f32(grad, dx, N));
    for (int i = 0; i < N; i++) {
        bool broken = i == 2 || i == 4 || i == 64;
        EXPECT(isnan(dx[i]) == broken);
        EXPECT(broken   ? isnan(loss[i])
               : i == 6 ? loss[i] == INFINITY
               : i % 2  ? loss[i] == 0 && dx[i] == 0
                        : fabsf(loss[i] - 0.6931472f) < 1e-6f);
    }
}

GPU_TEST(linear_cross_entropy, all_labels_ignored_is_zero_with_zero_gradient)
{
    lattn_tensor *leaf[] = { logits_of(ctx), logits_of(ctx),
        lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ ROWS }) };
    float loss = -1, grads[2 * ROWS * CLASSES + ROWS];
    for (int i = 0; i < 3; i++)
        EXPECT_OK(lattn_tensor_set_requires_grad(leaf[i], true));
    run_head(ctx, leaf, labels_of(ctx, -100, -100, -100), 1, &loss, grads);
    EXPECT(loss == 0);
    for (int i = 0; i < 2 * ROWS * CLASSES + ROWS; i++)
        EXPECT(grads[i] == 0);
}

// A captured training step of a head that is wide beside its rows.
enum { TOKENS = 256, WIDTH = 8, VOCABULARY = 1000 };
struct head_step {
    lattn_tensor *x, *weight, *labels;
    int64_t chunk_bytes;  // 0 = the two ops
};

static lattn_status record_head(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct head_step *s = user;
    const lattn_linear_cross_entropy_args args = { .chunk_bytes = s->chunk_bytes };
    lattn_tensor_zero_grad(s->weight);
    if (s->chunk_bytes)
        outputs[0] = lattn_linear_cross_entropy(ctx, s->x, s->weight, s->labels, &args);
    else
        outputs[0] = lattn_cross_entropy(
            ctx, lattn_linear(ctx, s->x, s->weight, NULL, LATTN_EPILOGUE_NONE), s->labels, NULL);
    return lattn_backward(ctx, outputs[0], NULL);
}

// The loss of two runs and the bytes planned for a step.
static void run_captured_head(lattn_ctx *ctx, int64_t chunk_bytes, float loss[2], uint64_t *planned)
{
    lattn_ctx *own;
    const lattn_ctx_params params = { .device = lattn_ctx_device(ctx)->uuid, .seed = 3 };
    REQUIRE(lattn_ctx_create(&params, &own) == LATTN_OK);
    struct head_step s = { .chunk_bytes = chunk_bytes };
    lattn_graph *graph = NULL;
    int32_t labels[TOKENS];
    for (int i = 0; i < TOKENS; i++)
        labels[i] = i * 37 % VOCABULARY;
    const int64_t x[] = { TOKENS, WIDTH }, weight[] = { VOCABULARY, WIDTH };
    EXPECT_OK(lattn_tensor_create(own, LATTN_DTYPE_F32, 2, x, &s.x));
    EXPECT_OK(lattn_tensor_create(own, LATTN_DTYPE_F32, 2, weight, &s.weight));
    EXPECT_OK(lattn_tensor_create(own, LATTN_DTYPE_I32, 1, x, &s.labels));
    EXPECT_OK(lattn_tensor_write(s.labels, labels, sizeof labels));
    EXPECT_OK(lattn_normal_(s.x, 0, 1));
    EXPECT_OK(lattn_normal_(s.weight, 0, 1));
    EXPECT_OK(lattn_tensor_set_requires_grad(s.weight, true));
    const lattn_graph_params g = { .fn = record_head, .user = &s, .n_outputs = 1 };
    EXPECT_OK(lattn_graph_create(own, &g, &graph));
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(lattn_graph_run(graph));
        EXPECT_OK(lattn_graph_read(graph, 0, 0, &loss[i], sizeof loss[i]));
    }
    *planned = lattn_ctx_stats(own).plan_bytes;
    lattn_graph_destroy(&graph);
    lattn_tensor_release(&s.x);
    lattn_tensor_release(&s.weight);
    lattn_tensor_release(&s.labels);
    lattn_ctx_destroy(&own);
}

GPU_TEST(linear_cross_entropy, a_captured_step_needs_a_chunk_of_the_memory)
{
    float whole[2] = { 0 }, chunks[2] = { 0 };
    uint64_t all = 0, less = 0;
    if (!lt_sees(ctx, TOKENS * VOCABULARY * sizeof(float)))
        return;
    run_captured_head(ctx, 0, whole, &all);
    run_captured_head(ctx, 1, chunks, &less);
    EXPECT(whole[0] == whole[1] && chunks[0] == chunks[1]);
    EXPECT_NEAR(chunks[0], whole[0], 1e-5);
    EXPECT(less < all / 3);
    if (lt_failed())
        fprintf(stderr, "planned %llu bytes, in chunks %llu\n", (unsigned long long) all,
            (unsigned long long) less);
}

static void refuse_head(lattn_ctx *ctx, lattn_tensor *weight, lattn_tensor *labels,
    lattn_linear_cross_entropy_args args, lattn_status status, const char *sentence)
{
    EXPECT(!lattn_linear_cross_entropy(ctx, logits_of(ctx), weight, labels, &args));
    lt_expect_error(ctx, status, sentence);
}

GPU_TEST(linear_cross_entropy, wrong_arguments_are_refused)
{
    lattn_tensor *w = logits_of(ctx), *labels = labels_of(ctx, 0, 1, 2);
    lattn_tensor *two = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 2 });
    lattn_linear_cross_entropy_args none = { 0 };
    refuse_head(ctx, w, w, none, LATTN_ERR_DTYPE, "labels are f32, not i32");
    refuse_head(ctx, w, lattn_from_i32(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ 0, 1 }), none,
        LATTN_ERR_SHAPE, "labels are [2], x [3, 4] need [3]");
    refuse_head(ctx, two, labels, none, LATTN_ERR_SHAPE, "weight two");
    refuse_head(ctx, lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 5, 3 }), labels, none,
        LATTN_ERR_SHAPE, "the last dimensions of x and weight differ");
    refuse_head(ctx, lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 0, 4 }), labels, none,
        LATTN_ERR_SHAPE, "weight [0, 4] have no class");
    refuse_head(ctx, w, labels, (lattn_linear_cross_entropy_args){ .bias = two }, LATTN_ERR_SHAPE,
        "bias [2]: bias is not [V]");
    refuse_head(ctx, w, labels, (lattn_linear_cross_entropy_args){ .loss.class_weights = two },
        LATTN_ERR_SHAPE, "class weights are [2], weight [3, 4] need [3]");
    refuse_head(ctx, w, labels, (lattn_linear_cross_entropy_args){ .chunk_bytes = -1 },
        LATTN_ERR_ARG, "chunk_bytes = -1 is negative");
    refuse_head(ctx, w, labels, (lattn_linear_cross_entropy_args){ .loss.label_smoothing = 1 },
        LATTN_ERR_ARG, "linear_cross_entropy: label_smoothing");
}

GPU_TEST(bce_with_logits, confident_and_right_is_a_small_loss_not_zero)
{
    lattn_tensor *x = lt_tensor(ctx, 1, (int64_t[]){ 2 }, (float[]){ 20, -1000 });
    lattn_tensor *t = lt_tensor(ctx, 1, (int64_t[]){ 2 }, (float[]){ 1, 1 });
    lattn_tensor *y = lattn_bce_with_logits(ctx, x, t, LATTN_REDUCTION_NONE);
    float got[2] = { 0 };
    REQUIRE(y);
    EXPECT_OK(lattn_tensor_read_f32(y, got, 2));
    EXPECT_NEAR(got[0], 2.0611536e-9, 1e-14);
    EXPECT_NEAR(got[1], 1000, 1e-4);
}

GPU_TEST(mse_loss, shapes_must_agree)
{
    lattn_tensor *a = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 2, 3 });
    lattn_tensor *b = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 2, 1 });
    EXPECT(!lattn_mse_loss(ctx, a, b, LATTN_REDUCTION_MEAN));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "mse_loss: x [2, 3] and target [2, 1] differ");
}
