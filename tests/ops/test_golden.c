// SPDX-License-Identifier: MIT
//
// Ops and their gradients against PyTorch's: the references of the op table are the project's own
// reading of the formulas, and these files (tests/golden/make_ops.py) are not.
//
// A case NAME of a file has NAME/in0, ... and NAME/out; with gradients NAME/grad_out and NAME/grad0,
// ... for its float inputs. What else an op takes, such as a mask, has a name of its own.

#include "harness/harness.h"
#include "lattn/io.h"

enum { MAX_IN = 4 };

// One case while it runs.
struct golden {
    lattn_ctx *ctx;
    lattn_safetensors *file;
    const char *name;
    lattn_tensor *in[MAX_IN];
};

static int64_t find(const struct golden *g, const char *member)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", g->name, member);
    return lattn_safetensors_find(g->file, name);
}

// A tensor of the case; NULL where the file has none.
static lattn_tensor *load(const struct golden *g, const char *member)
{
    int64_t i = find(g, member);
    if (i < 0)
        return NULL;
    lattn_safetensors_entry e;
    EXPECT_OK(lattn_safetensors_get(g->file, (size_t) i, &e));
    lattn_dtype dtype = strcmp(e.dtype, "F32") == 0 ? LATTN_DTYPE_F32 : LATTN_DTYPE_I32;
    lattn_tensor *t = lattn_zeros(g->ctx, dtype, e.rank, e.dim);
    EXPECT_OK(lattn_safetensors_read_tensor(g->file, (size_t) i, t));
    return t;
}

static lattn_tensor *load_numbered(const struct golden *g, const char *member, int number)
{
    char text[32];
    snprintf(text, sizeof text, "%s%d", member, number);
    return load(g, text);
}

static void compare(const struct golden *g, const char *what, lattn_tensor *got, lattn_tensor *want)
{
    int64_t n = lattn_tensor_numel(want);
    if (!got || lattn_tensor_numel(got) != n || lattn_tensor_rank(got) != lattn_tensor_rank(want)) {
        lt_fail(__FILE__, __LINE__, "%s/%s: no result, or another shape: %s", g->name, what,
            lattn_error(g->ctx));
        return;
    }
    size_t bytes = (size_t) (n ? n : 1) * sizeof(float);
    float *a = malloc(bytes), *b = malloc(bytes);
    REQUIRE(a && b);
    EXPECT_OK(lattn_tensor_read_f32(got, a, n));
    EXPECT_OK(lattn_tensor_read_f32(want, b, n));
    for (int64_t i = 0; i < n; i++) {
        if (fabs(a[i] - b[i]) <= 2e-6 + 5e-6 * fabs(b[i]))
            continue;
        lt_fail(__FILE__, __LINE__, "%s/%s: element %lld of %lld is %.9g, PyTorch has %.9g",
            g->name, what, (long long) i, (long long) n, a[i], b[i]);
        break;
    }
    free(a);
    free(b);
}

static void compare_gradients(const struct golden *g, lattn_tensor *out)
{
    lattn_tensor *grad_out = load(g, "grad_out");
    if (!grad_out)
        return;
    lattn_tensor *inputs[MAX_IN], *want[MAX_IN], *got[MAX_IN];
    int n = 0;
    for (int i = 0; i < MAX_IN && g->in[i]; i++) {
        want[n] = load_numbered(g, "grad", i);
        if (want[n])
            inputs[n++] = g->in[i];
    }
    EXPECT_OK(lattn_grad(g->ctx, &out, &grad_out, 1, inputs, n, false, got));
    for (int i = 0; i < n && !lt_failed(); i++) {
        char what[32];
        snprintf(what, sizeof what, "gradient %d", i);
        lattn_tensor *zero = lattn_scale(g->ctx, inputs[i], 0, 0);
        compare(g, what, got[i] ? got[i] : zero, want[i]);
    }
}

typedef lattn_tensor *(*build_fn)(const struct golden *g);

static void run(lattn_ctx *ctx, lattn_safetensors *file, const char *name, build_fn build)
{
    struct golden g = { .ctx = ctx, .file = file, .name = name };
    for (int i = 0; i < MAX_IN; i++) {
        lattn_tensor *t = load_numbered(&g, "in", i);
        g.in[i] = t ? lattn_detach(ctx, t) : NULL;
        if (t && lattn_tensor_dtype(t) == LATTN_DTYPE_F32)
            EXPECT_OK(lattn_tensor_set_requires_grad(g.in[i], true));
    }
    lattn_tensor *want = load(&g, "out");
    if (!want) {
        lt_fail(__FILE__, __LINE__, "%s is not in the file", name);
        return;
    }
    lattn_tensor *out = build(&g);
    compare(&g, "out", out, want);
    if (out)
        compare_gradients(&g, out);
}

struct row {
    const char *name;
    build_fn build;
};

static void run_family(lattn_ctx *ctx, const char *family, const struct row *rows, size_t n)
{
    char relative[64];
    snprintf(relative, sizeof relative, "golden/ops/%s.safetensors", family);
    lattn_safetensors *file = NULL;
    EXPECT_OK(lattn_safetensors_open(lt_source_path(relative), NULL, &file));
    for (size_t i = 0; file && i < n; i++)
        run(ctx, file, rows[i].name, rows[i].build);
    lattn_safetensors_close(&file);
}

// clang-format off
#define BUILD(name_, expr_)                                     \
    static lattn_tensor *name_(const struct golden *g)          \
    {                                                           \
        lattn_ctx *ctx = g->ctx;                                \
        lattn_tensor *const *in = g->in;                        \
        return expr_;                                           \
    }
#define ROW(name_) { #name_, build_##name_ }
#define FAMILY(name_, ...)                                                          \
    GPU_TEST(golden, name_)                                                         \
    {                                                                               \
        static const struct row rows[] = { __VA_ARGS__ };                           \
        run_family(ctx, #name_, rows, sizeof rows / sizeof rows[0]);                \
    }

BUILD(build_add, lattn_add(ctx, in[0], in[1]))
BUILD(build_sub, lattn_sub(ctx, in[0], in[1]))
BUILD(build_mul, lattn_mul(ctx, in[0], in[1]))
BUILD(build_div, lattn_div(ctx, in[0], in[1]))
BUILD(build_pow, lattn_pow(ctx, in[0], in[1]))
BUILD(build_scale, lattn_scale(ctx, in[0], 1.5f, -0.25f))
BUILD(build_pow_scalar, lattn_pow_scalar(ctx, in[0], 2.5f))
BUILD(build_where, lattn_where(ctx, in[0], in[1], in[2]))
BUILD(build_exp, lattn_exp(ctx, in[0]))
BUILD(build_log, lattn_log(ctx, in[0]))
BUILD(build_sqrt, lattn_sqrt(ctx, in[0]))
BUILD(build_abs, lattn_abs(ctx, in[0]))
BUILD(build_sign, lattn_sign(ctx, in[0]))
BUILD(build_clamp, lattn_clamp(ctx, in[0], -0.5f, 0.75f))
BUILD(build_tanh, lattn_tanh(ctx, in[0]))
BUILD(build_sigmoid, lattn_sigmoid(ctx, in[0]))
BUILD(build_relu, lattn_relu(ctx, in[0]))
BUILD(build_gelu, lattn_gelu(ctx, in[0]))
BUILD(build_gelu_tanh, lattn_gelu_tanh(ctx, in[0]))
BUILD(build_silu, lattn_silu(ctx, in[0]))
BUILD(build_leaky_relu, lattn_leaky_relu(ctx, in[0], 0.1f))
BUILD(build_elu, lattn_elu(ctx, in[0], 1.25f))
BUILD(build_selu, lattn_selu(ctx, in[0]))
BUILD(build_softplus, lattn_softplus(ctx, in[0], 1.5f, 2))
BUILD(build_hardsigmoid, lattn_hardsigmoid(ctx, in[0]))
BUILD(build_hardswish, lattn_hardswish(ctx, in[0]))
BUILD(build_mish, lattn_mish(ctx, in[0]))
BUILD(build_threshold, lattn_threshold(ctx, in[0], 0.25f, -1.5f))
BUILD(build_prelu, lattn_prelu(ctx, in[0], in[1]))
BUILD(build_prelu_one, lattn_prelu(ctx, in[0], in[1]))
FAMILY(activation, ROW(leaky_relu), ROW(elu), ROW(selu), ROW(softplus), ROW(hardsigmoid),
    ROW(hardswish), ROW(mish), ROW(threshold), ROW(prelu), ROW(prelu_one))
FAMILY(pointwise, ROW(add), ROW(sub), ROW(mul), ROW(div), ROW(pow), ROW(scale), ROW(pow_scalar),
    ROW(where), ROW(exp), ROW(log), ROW(sqrt), ROW(abs), ROW(sign), ROW(clamp), ROW(tanh),
    ROW(sigmoid), ROW(relu), ROW(gelu), ROW(gelu_tanh), ROW(silu))

static const int dim_1[] = { 1 }, dim_2[] = { 2 }, dims_0_2[] = { 0, 2 };
BUILD(build_sum, lattn_sum(ctx, in[0], dim_1, 1, false))
BUILD(build_sum_all, lattn_sum(ctx, in[0], NULL, 0, false))
BUILD(build_mean, lattn_mean(ctx, in[0], dims_0_2, 2, true))
BUILD(build_max, lattn_max(ctx, in[0], dims_0_2, 2, false))
BUILD(build_max_ties, lattn_max(ctx, in[0], dim_1, 1, false))
BUILD(build_norm, lattn_norm(ctx, in[0], dim_2, 1, false))
BUILD(build_argmax, lattn_argmax(ctx, in[0], 1, false))
FAMILY(reduce, ROW(sum), ROW(sum_all), ROW(mean), ROW(max), ROW(max_ties), ROW(norm), ROW(argmax))

BUILD(build_softmax, lattn_softmax(ctx, in[0], -1))
BUILD(build_softmax_middle, lattn_softmax(ctx, in[0], 1))
BUILD(build_log_softmax, lattn_log_softmax(ctx, in[0], -1))
BUILD(build_layer_norm, lattn_layer_norm(ctx, in[0], in[1], in[2], 1e-5f))
BUILD(build_add_layer_norm,
    lattn_dropout_add_layer_norm(ctx, in[0], in[1], in[2], in[3], 0, 1e-12f))
// Running statistics are what PyTorch made of them, too.
static lattn_tensor *batch_norm(const struct golden *g, bool frozen, bool relu)
{
    lattn_batch_norm_args args = {
        .running_mean = load(g, "mean"),
        .running_var = load(g, "var"),
        .momentum = 0.3f,
        .eps = 1e-3f,
        .residual = g->in[3],
        .relu = relu,
        .frozen = frozen,
    };
    lattn_tensor *y = lattn_batch_norm(g->ctx, g->in[0], g->in[1], g->in[2], &args);
    compare(g, "running mean", args.running_mean, load(g, "mean_after"));
    compare(g, "running var", args.running_var, load(g, "var_after"));
    return y;
}
static lattn_tensor *build_batch_norm(const struct golden *g)
{
    return batch_norm(g, false, false);
}
static lattn_tensor *build_batch_norm_running(const struct golden *g)
{
    return batch_norm(g, true, false);
}
static lattn_tensor *build_batch_norm_residual_relu(const struct golden *g)
{
    return batch_norm(g, false, true);
}
FAMILY(norm, ROW(batch_norm), ROW(batch_norm_running), ROW(batch_norm_residual_relu), ROW(softmax), ROW(softmax_middle), ROW(log_softmax), ROW(layer_norm),
    ROW(add_layer_norm))

BUILD(build_group_norm, lattn_group_norm(ctx, in[0], 3, in[1], in[2], 1e-5f))
BUILD(build_group_norm_plain, lattn_group_norm(ctx, in[0], 2, NULL, NULL, 1e-3f))
BUILD(build_instance_norm, lattn_instance_norm(ctx, in[0], in[1], in[2], 1e-5f))
BUILD(build_rms_norm, lattn_rms_norm(ctx, in[0], in[1], 1e-5f))
#define RESPONSE(...) \
    lattn_local_response_norm(ctx, in[0], &(lattn_local_response_args){ __VA_ARGS__ })
BUILD(build_local_response_norm, RESPONSE(.size = 5, .alpha = 0.1f, .k = 2))
BUILD(build_local_response_norm_even, RESPONSE(.size = 2, .alpha = 0.3f, .beta = 0.5f))
FAMILY(channel_norm, ROW(group_norm), ROW(group_norm_plain), ROW(instance_norm), ROW(rms_norm),
    ROW(local_response_norm), ROW(local_response_norm_even))

#define PAD(...) lattn_pad2d(ctx, in[0], &(lattn_pad2d_args){ __VA_ARGS__ })
#define UPSAMPLE(...) lattn_upsample2d(ctx, in[0], &(lattn_upsample2d_args){ __VA_ARGS__ })
BUILD(build_pad, PAD(.before = { 0, 1 }, .after = { 3, 2 }, .value = -1.5f))
BUILD(build_pad_reflect,
    PAD(.before = { 3, 4 }, .after = { 1, 2 }, .mode = LATTN_PAD_REFLECT))
BUILD(build_pad_replicate,
    PAD(.before = { 0, 1 }, .after = { 2, 6 }, .mode = LATTN_PAD_REPLICATE))
BUILD(build_nearest, UPSAMPLE(.height = 8, .width = 15))
BUILD(build_nearest_uneven, UPSAMPLE(.height = 7, .width = 3))
BUILD(build_bilinear, UPSAMPLE(8, 10, .bilinear = true))
BUILD(build_bilinear_uneven, UPSAMPLE(7, 3, .bilinear = true))
BUILD(build_bilinear_corners, UPSAMPLE(9, 7, .bilinear = true, .align_corners = true))
BUILD(build_pixel_shuffle, lattn_pixel_shuffle(ctx, in[0], 2))
FAMILY(resize, ROW(pad), ROW(pad_reflect), ROW(pad_replicate), ROW(nearest), ROW(nearest_uneven),
    ROW(bilinear), ROW(bilinear_uneven), ROW(bilinear_corners), ROW(pixel_shuffle))

BUILD(build_soft, lattn_cross_entropy_soft(ctx, in[0], in[1], LATTN_REDUCTION_MEAN))
BUILD(build_soft_none, lattn_cross_entropy_soft(ctx, in[0], in[1], LATTN_REDUCTION_NONE))
BUILD(build_hinge, lattn_hinge_loss(ctx, in[0], in[1], 1, LATTN_REDUCTION_MEAN))
BUILD(build_hinge_sum, lattn_hinge_loss(ctx, in[0], in[1], 0.5f, LATTN_REDUCTION_SUM))
BUILD(build_focal, lattn_focal_loss(ctx, in[0], in[1], 0.25f, 2, LATTN_REDUCTION_MEAN))
BUILD(build_focal_none, lattn_focal_loss(ctx, in[0], in[1], -1, 1.5f, LATTN_REDUCTION_NONE))
FAMILY(class_loss, ROW(soft), ROW(soft_none), ROW(hinge), ROW(hinge_sum), ROW(focal),
    ROW(focal_none))

BUILD(build_matmul, lattn_matmul(ctx, in[0], in[1]))
BUILD(build_linear, lattn_linear(ctx, in[0], in[1], in[2], LATTN_EPILOGUE_NONE))
BUILD(build_linear_gelu, lattn_linear(ctx, in[0], in[1], in[2], LATTN_EPILOGUE_GELU))
BUILD(build_linear_add, lattn_linear_add(ctx, in[0], in[1], in[2], in[3]))
FAMILY(matmul, ROW(matmul), ROW(linear), ROW(linear_gelu), ROW(linear_add))

#define POOL(name_, ...) lattn_##name_##_pool2d(ctx, in[0], &(lattn_pool2d_args){ __VA_ARGS__ })
BUILD(build_max_pool, POOL(max, .kernel = { 2 }))
BUILD(build_max_pool_padding, POOL(max, .kernel = { 3 }, .stride = { 2 }, .padding = { 1, 1 }))
BUILD(build_max_pool_dilation, POOL(max, .kernel = { 2, 3 }, .stride = { 2, 1 },
    .padding = { 1, 1 }, .dilation = { 3, 2 }, .ceil_mode = true))
BUILD(build_max_pool_ties, POOL(max, .kernel = { 3 }, .stride = { 2 }, .padding = { 1, 1 }))
BUILD(build_avg_pool,
    POOL(avg, .kernel = { 3 }, .stride = { 2 }, .padding = { 1, 1 }, .ceil_mode = true))
BUILD(build_avg_pool_exclude, POOL(avg, .kernel = { 3 }, .stride = { 2 }, .padding = { 1, 1 },
    .ceil_mode = true, .exclude_pad = true))
BUILD(build_avg_pool_divisor, POOL(avg, .kernel = { 2, 3 }, .divisor = 5))
BUILD(build_adaptive_avg_pool, lattn_adaptive_avg_pool2d(ctx, in[0], 4, 5))
BUILD(build_adaptive_avg_pool_larger, lattn_adaptive_avg_pool2d(ctx, in[0], 10, 3))
BUILD(build_global_avg_pool, lattn_adaptive_avg_pool2d(ctx, in[0], 1, 1))
FAMILY(pool, ROW(max_pool), ROW(max_pool_padding), ROW(max_pool_dilation), ROW(max_pool_ties),
    ROW(avg_pool), ROW(avg_pool_exclude), ROW(avg_pool_divisor), ROW(adaptive_avg_pool),
    ROW(adaptive_avg_pool_larger), ROW(global_avg_pool))

#define CONV(...) lattn_conv2d(ctx, in[0], in[1], in[2], &(lattn_conv2d_params){ __VA_ARGS__ })
#define TRANSPOSE(...) \
    lattn_conv_transpose2d(ctx, in[0], in[1], in[2], &(lattn_conv_transpose2d_params){ __VA_ARGS__ })
BUILD(build_conv2d, lattn_conv2d(ctx, in[0], in[1], in[2], NULL))
BUILD(build_conv2d_no_bias, lattn_conv2d(ctx, in[0], in[1], NULL, NULL))
BUILD(build_conv2d_padding, CONV(.padding = { 1, 2 }))
BUILD(build_conv2d_strided, CONV(.stride = { 2, 3 }, .padding = { 1, 1 }))
BUILD(build_conv2d_dilated, CONV(.dilation = { 2, 1 }, .padding = { 2, 2 }))
BUILD(build_conv2d_all, CONV(.stride = { 2, 2 }, .dilation = { 2, 3 }, .padding = { 3, 4 }))
BUILD(build_conv2d_relu, CONV(.padding = { 1, 1 }, .epilogue = LATTN_EPILOGUE_RELU))
BUILD(build_conv2d_same, CONV(.same = true))
BUILD(build_conv2d_same_even, CONV(.same = true, .dilation = { 1, 3 }))
BUILD(build_conv2d_groups, CONV(.groups = 2, .padding = { 1, 1 }))
BUILD(build_conv2d_depthwise, CONV(.groups = 6, .stride = { 2, 2 }, .padding = { 1, 1 }))
BUILD(build_conv2d_1x1, CONV(.groups = 1))
BUILD(build_conv2d_1x1_strided, CONV(.stride = { 2, 2 }))
BUILD(build_conv2d_wide, CONV(.stride = { 2, 2 }, .padding = { 1, 1 }))
BUILD(build_conv1d, lattn_conv1d(ctx, in[0], in[1], in[2],
    &(lattn_conv1d_params){ .stride = 2, .padding = 3, .dilation = 2 }))
#define CONV3D(...) lattn_conv3d(ctx, in[0], in[1], in[2], &(lattn_conv3d_params){ __VA_ARGS__ })
BUILD(build_conv3d, lattn_conv3d(ctx, in[0], in[1], in[2], NULL))
BUILD(build_conv3d_padding, CONV3D(.padding = { 2, 1, 0 }))
BUILD(build_conv3d_strided, CONV3D(.stride = { 2, 3, 1 }, .padding = { 1, 1, 1 }))
BUILD(build_conv3d_all,
    CONV3D(.stride = { 3, 2, 2 }, .dilation = { 2, 1, 3 }, .padding = { 4, 0, 2 }))
BUILD(build_conv3d_relu, CONV3D(.padding = { 1, 1, 1 }, .epilogue = LATTN_EPILOGUE_RELU))
BUILD(build_conv3d_same, CONV3D(.same = true))
BUILD(build_conv3d_groups, CONV3D(.groups = 2, .padding = { 1, 1, 1 }))
BUILD(build_conv3d_depthwise, CONV3D(.groups = 4, .stride = { 2, 2, 2 }, .padding = { 1, 1, 1 }))
BUILD(build_conv3d_depth_alone, CONV3D(.padding = { 1, 0, 0 }))
BUILD(build_conv3d_1x1, CONV3D(.groups = 1))
BUILD(build_transpose, lattn_conv_transpose2d(ctx, in[0], in[1], in[2], NULL))
BUILD(build_transpose_strided,
    TRANSPOSE(.stride = { 2, 3 }, .padding = { 1, 1 }, .output_padding = { 1, 2 }))
BUILD(build_transpose_groups, TRANSPOSE(.stride = { 2, 2 }, .padding = { 2, 2 },
    .dilation = { 2, 2 }, .groups = 3, .output_padding = { 1, 1 }))
FAMILY(conv, ROW(conv2d), ROW(conv2d_no_bias), ROW(conv2d_padding), ROW(conv2d_strided),
    ROW(conv2d_dilated), ROW(conv2d_all), ROW(conv2d_relu), ROW(conv2d_same),
    ROW(conv2d_same_even), ROW(conv2d_groups), ROW(conv2d_depthwise), ROW(conv2d_1x1),
    ROW(conv2d_1x1_strided), ROW(conv2d_wide), ROW(conv1d), ROW(transpose),
    ROW(transpose_strided), ROW(transpose_groups), ROW(conv3d), ROW(conv3d_padding),
    ROW(conv3d_strided), ROW(conv3d_all), ROW(conv3d_relu), ROW(conv3d_same), ROW(conv3d_groups),
    ROW(conv3d_depthwise), ROW(conv3d_depth_alone), ROW(conv3d_1x1))

BUILD(build_embedding, lattn_embedding(ctx, in[0], in[1], -1))
BUILD(build_embedding_padding, lattn_embedding(ctx, in[0], in[1], 4))
BUILD(build_gather, lattn_gather(ctx, in[0], 1, in[1]))
FAMILY(index, ROW(embedding), ROW(embedding_padding), ROW(gather))

#define CE(...) \
    lattn_cross_entropy(ctx, in[0], in[1], &(lattn_cross_entropy_args){ __VA_ARGS__ })
BUILD(build_ce, lattn_cross_entropy(ctx, in[0], in[1], NULL))
BUILD(build_ce_sum, CE(.reduction = LATTN_REDUCTION_SUM))
BUILD(build_ce_none, CE(.reduction = LATTN_REDUCTION_NONE))
BUILD(build_ce_ignore, CE(.label_smoothing = 0))
BUILD(build_ce_smoothing, CE(.label_smoothing = 0.1f))
BUILD(build_ce_smoothing_ignore, CE(.label_smoothing = 0.1f))
BUILD(build_ce_weights, CE(.class_weights = load(g, "weights")))
BUILD(build_ce_weights_smoothing,
    CE(.class_weights = load(g, "weights"), .label_smoothing = 0.1f))
BUILD(build_mse, lattn_mse_loss(ctx, in[0], in[1], LATTN_REDUCTION_MEAN))
BUILD(build_bce, lattn_bce_with_logits(ctx, in[0], in[1], LATTN_REDUCTION_MEAN))
// In chunks of 64 rows, of which there are 70.
BUILD(build_linear_ce, lattn_linear_cross_entropy(ctx, in[0], in[1], in[3],
    &(lattn_linear_cross_entropy_args){
        .bias = in[2], .loss.label_smoothing = 0.1f, .chunk_bytes = 1 }))
FAMILY(loss, ROW(ce), ROW(ce_sum), ROW(ce_none), ROW(ce_ignore), ROW(ce_smoothing),
    ROW(ce_smoothing_ignore), ROW(ce_weights), ROW(ce_weights_smoothing), ROW(mse), ROW(bce),
    ROW(linear_ce))

#define ATTENTION(...) \
    lattn_attention(ctx, in[0], in[1], in[2], &(lattn_attention_args){ __VA_ARGS__ })
#define UNFUSED(...) \
    lattn_attention_unfused(ctx, in[0], in[1], in[2], &(lattn_attention_args){ __VA_ARGS__ }, NULL)
BUILD(build_attention, ATTENTION(.scale = 0))
BUILD(build_attention_grouped, ATTENTION(.scale = 0))
BUILD(build_attention_causal, ATTENTION(.causal = true))
BUILD(build_attention_mask, ATTENTION(.mask = load(g, "mask")))
BUILD(build_attention_lengths, ATTENTION(.key_lengths = load(g, "lengths")))
BUILD(build_attention_bias, ATTENTION(.mask = in[3]))
BUILD(build_attention_alibi, ATTENTION(.alibi = true))
BUILD(build_attention_window, ATTENTION(.window = 3))
FAMILY(attention, ROW(attention), ROW(attention_grouped), ROW(attention_causal),
    ROW(attention_mask), ROW(attention_lengths), ROW(attention_bias), ROW(attention_alibi),
    ROW(attention_window))

static lattn_tensor *turned(lattn_ctx *ctx, lattn_tensor *x, int64_t dim, bool interleaved)
{
    lattn_rotary_params params = { .n_positions = 9, .dim = dim };
    lattn_tensor *places = lattn_from_i32(ctx, 1, (int64_t[]){ 5 }, (int32_t[]){ 7, 0, 3, 3, 8 });
    return lattn_rotary(
        ctx, x, lattn_rotary_table(ctx, &params), interleaved ? places : NULL, interleaved);
}
BUILD(build_rotary, turned(ctx, in[0], 8, false))
BUILD(build_rotary_interleaved, turned(ctx, in[0], 6, true))
BUILD(build_fourier_features, lattn_fourier_features(ctx, in[0], 4))
static lattn_tensor *build_buckets(const struct golden *g)
{
    return lattn_relative_buckets(g->ctx, 150, 170, NULL);
}
static lattn_tensor *build_buckets_causal(const struct golden *g)
{
    return lattn_relative_buckets(g->ctx, 170, 170, &(lattn_bucket_params){ .causal = true });
}
FAMILY(position, ROW(rotary), ROW(rotary_interleaved), ROW(fourier_features), ROW(buckets),
    ROW(buckets_causal))

BUILD(unfused, UNFUSED(.scale = 0))
BUILD(unfused_causal, UNFUSED(.causal = true))
BUILD(unfused_mask, UNFUSED(.mask = load(g, "mask")))
BUILD(unfused_lengths, UNFUSED(.key_lengths = load(g, "lengths")))
BUILD(unfused_bias, UNFUSED(.mask = in[3]))
BUILD(unfused_alibi, UNFUSED(.alibi = true))
BUILD(unfused_window, UNFUSED(.window = 3))
// clang-format on

GPU_TEST(golden, attention_unfused)
{
    static const struct row rows[] = {
        { "attention", unfused },
        { "attention_grouped", unfused },
        { "attention_causal", unfused_causal },
        { "attention_mask", unfused_mask },
        { "attention_lengths", unfused_lengths },
        { "attention_bias", unfused_bias },
        { "attention_alibi", unfused_alibi },
        { "attention_window", unfused_window },
    };
    run_family(ctx, "attention", rows, sizeof rows / sizeof rows[0]);
}
