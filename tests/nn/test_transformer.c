// SPDX-License-Identifier: MIT
//
// Stacks of transformer layers against PyTorch (tests/golden/make_transformer.py, in double): results and
// every gradient. And with a cache of keys and values: the same results token by token.

#include "harness/harness.h"

enum { B = 3, T = 7, S = 9, C = 16, H = 4, FF = 24, LAYERS = 2, N_OUT = B * T * C };

// ---- goldens --------------------------------------------------------------------------------------

struct golden {
    lattn_ctx *ctx;
    lattn_safetensors *file;
    const char *name;
    lattn_module *m;
};

static void golden_close(struct golden *g)
{
    lattn_module_destroy(&g->m);
    lattn_safetensors_close(&g->file);
}

// Values of NAME/what in a buffer that the caller frees; NULL when there are none.
static float *values(const struct golden *g, const char *what, int64_t n)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", g->name, what);
    int64_t i = lattn_safetensors_find(g->file, name);
    float *v = calloc((size_t) n, sizeof *v);
    bool good =
        i >= 0 && v &&
        !lattn_safetensors_read(g->file, (size_t) i, LATTN_DTYPE_F32, v, (size_t) n * sizeof *v);
    if (!good) {
        lt_fail(__FILE__, __LINE__, "no golden %s of %lld values", name, (long long) n);
        free(v);
        return NULL;
    }
    return v;
}

static lattn_tensor *tensor(const struct golden *g, const char *what, int64_t tokens)
{
    float *v = values(g, what, B * tokens * C);
    lattn_tensor *t =
        v ? lattn_from_f32(g->ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ B, tokens, C }, v) : NULL;
    free(v);
    return t;
}

static void expect_values(const struct golden *g, const char *what, lattn_tensor *got)
{
    REQUIRE(got != NULL);
    int64_t n = lattn_tensor_numel(got);
    float *want = values(g, what, n), *v = calloc((size_t) n, sizeof *v);
    double worst = 0, largest = 0.1;  // a key's bias has no gradient but rounding errors
    if (want)
        EXPECT_OK(lattn_tensor_read_f32(got, v, n));
    for (int64_t i = 0; want && i < n; i++) {
        double difference = fabs((double) v[i] - (double) want[i]);
        worst = difference <= worst ? worst : difference;  // NaN is large
        largest = fmax(largest, fabs((double) want[i]));
    }
    if (!(worst <= 2e-5 * largest))
        lt_fail(__FILE__, __LINE__, "%s/%s: off by %g, largest %g", g->name, what, worst, largest);
    free(want);
    free(v);
}

static const char *stored_name(
    void *user, const char *name, int attempt, char *buffer, size_t bytes)
{
    const struct golden *g = user;
    snprintf(buffer, bytes, "%s/w/%s", g->name, name);
    return attempt == 0 ? buffer : NULL;
}

static bool of_others(void *user, const char *name)
{
    (void) user;
    (void) name;
    return true;
}

static void load(struct golden *g)
{
    lattn_load_params params = { .user = g, .alias = stored_name, .ignore = of_others };
    EXPECT_OK(lattn_module_load(g->m, g->file, &params, NULL));
}

typedef lattn_status (*create_fn)(lattn_ctx *, const lattn_encoder_params *, lattn_module **);

// The stack of these parameters with the golden's weights.
static bool golden_open(struct golden *g, lattn_ctx *ctx, const char *name, create_fn create,
    const lattn_encoder_params *params)
{
    *g = (struct golden){ .ctx = ctx, .name = name };
    const char *path = lt_source_path("golden/transformer/golden.safetensors");
    EXPECT_OK(lattn_safetensors_open(path, NULL, &g->file));
    EXPECT_OK(create(ctx, params, &g->m));
    if (g->file && g->m)
        load(g);
    else
        golden_close(g);
    return g->m != NULL;
}

static void expect_gradients(const struct golden *g)
{
    lattn_parameter list[64];
    int n = 0;
    EXPECT_OK(lattn_module_parameters(g->m, list, 64, &n));
    for (int i = 0; i < n; i++) {
        char what[200];
        snprintf(what, sizeof what, "g/%s", list[i].name);
        expect_values(g, what, lattn_tensor_grad(list[i].tensor));
    }
}

// Backward from out with the golden's gradient, and all that came of it.
static void expect_all(struct golden *g, lattn_tensor *out, lattn_tensor *x, lattn_tensor *memory)
{
    expect_values(g, "out", out);
    lattn_backward_args params = { .grad_output = tensor(g, "grad_out", T) };
    REQUIRE(out && params.grad_output);
    EXPECT_OK(lattn_backward(g->ctx, out, &params));
    expect_values(g, "dx", lattn_tensor_grad(x));
    if (memory)
        expect_values(g, "dmemory", lattn_tensor_grad(memory));
    expect_gradients(g);
}

static lattn_tensor *input(const struct golden *g, const char *what, int64_t tokens)
{
    lattn_tensor *t = tensor(g, what, tokens);
    EXPECT_OK(lattn_tensor_set_requires_grad(t, true));
    return t;
}

static lattn_encoder_params sizes(void)
{
    return (lattn_encoder_params){
        .n_layers = LAYERS, .embed_dim = C, .n_heads = H, .feedforward_dim = FF
    };
}

// ---- stacks ---------------------------------------------------------------------------------------

GPU_TEST(transformer, a_post_norm_encoder_is_torchs)
{
    struct golden g;
    const lattn_encoder_params p = sizes();
    if (!golden_open(&g, ctx, "encoder", lattn_encoder_create, &p))
        return;
    lattn_attention_inputs in = {
        .key_lengths = lattn_from_i32(ctx, 1, (int64_t[]){ B }, (int32_t[]){ 7, 3, 5 }),
    };
    lattn_tensor *x = input(&g, "x", T);
    expect_all(&g, lattn_encoder_forward(ctx, g.m, x, &in), x, NULL);
    golden_close(&g);
}

static lattn_encoder_params decoder_params(void)
{
    lattn_encoder_params p = sizes();
    p.norm_first = true;
    p.final_norm = true;
    p.feed_forward = LATTN_FEED_FORWARD_RELU;
    return p;
}

GPU_TEST(transformer, a_pre_norm_decoder_is_torchs)
{
    struct golden g;
    const lattn_encoder_params p = decoder_params();
    if (!golden_open(&g, ctx, "decoder", lattn_decoder_create, &p))
        return;
    lattn_tensor *x = input(&g, "x", T), *memory = input(&g, "memory", S);
    expect_all(&g, lattn_decoder_forward(ctx, g.m, x, memory, NULL, NULL), x, memory);
    golden_close(&g);
}

// Each layer's own, in its place: those of the last are not those of the first.
GPU_TEST(transformer, a_stack_gives_the_weights_of_every_layer)
{
    struct golden g;
    lattn_encoder_params p = decoder_params();
    lattn_tensor *own[2] = { NULL }, *other[2] = { NULL };
    float w[2][B * H * T * S];
    if (!golden_open(&g, ctx, "decoder", lattn_decoder_create, &p))
        return;
    const lattn_attention_inputs self = { .weights = own }, cross = { .weights = other };
    lattn_tensor *x = input(&g, "x", T), *memory = input(&g, "memory", S);
    lattn_no_grad_begin(ctx);
    EXPECT(lattn_decoder_forward(ctx, g.m, x, memory, &self, &cross) != NULL);
    REQUIRE(own[0] && own[1] && other[0] && other[1]);
    EXPECT_EQ(lattn_tensor_numel(own[1]), B * H * T * T);
    for (int layer = 0; layer < 2; layer++) {
        EXPECT_OK(lattn_tensor_read_f32(other[layer], w[layer], B * H * T * S));
        for (int row = 0; row < B * H * T; row++) {
            double sum = 0;
            for (int s = 0; s < S; s++)
                sum += w[layer][row * S + s];
            EXPECT_NEAR(sum, 1, 1e-5);
        }
    }
    EXPECT(fabsf(w[0][0] - w[1][0]) > 1e-6f);
    lattn_no_grad_end(ctx);
    golden_close(&g);
}

static lattn_encoder_params llama_params(void)
{
    lattn_encoder_params p = sizes();
    p.n_kv_heads = 2;
    p.norm_first = true;
    p.final_norm = true;
    p.rms_norm = true;
    p.no_bias = true;
    p.feed_forward = LATTN_FEED_FORWARD_SWIGLU;
    return p;
}

static lattn_tensor *table(lattn_ctx *ctx)
{
    lattn_rotary_params params = { .n_positions = T, .dim = C / H };
    return lattn_rotary_table(ctx, &params);
}

GPU_TEST(transformer, rms_norm_swiglu_rotary_and_grouped_heads)
{
    struct golden g;
    const lattn_encoder_params p = llama_params();
    if (!golden_open(&g, ctx, "llama", lattn_encoder_create, &p))
        return;
    lattn_attention_inputs in = { .causal = true, .rotary = table(ctx) };
    lattn_tensor *x = input(&g, "x", T);
    expect_all(&g, lattn_encoder_forward(ctx, g.m, x, &in), x, NULL);
    golden_close(&g);
}

GPU_TEST(transformer, geglu_alibi_and_window)
{
    struct golden g;
    lattn_encoder_params p = sizes();
    p.feed_forward = LATTN_FEED_FORWARD_GEGLU;
    if (!golden_open(&g, ctx, "alibi", lattn_encoder_create, &p))
        return;
    lattn_attention_inputs in = { .alibi = true, .window = 3 };
    lattn_tensor *x = input(&g, "x", T);
    expect_all(&g, lattn_encoder_forward(ctx, g.m, x, &in), x, NULL);
    golden_close(&g);
}

// ---- with a cache ---------------------------------------------------------------------------------

static lattn_kv_cache *cache_of(lattn_ctx *ctx, int n_kv_heads)
{
    lattn_kv_cache_params params = {
        .n_layers = LAYERS, .batch = B, .n_kv_heads = n_kv_heads, .head_dim = C / H, .capacity = T
    };
    lattn_kv_cache *cache = NULL;
    EXPECT_OK(lattn_kv_cache_create(ctx, &params, &cache));
    return cache;
}

// The tokens of x in three parts through the cache, against the golden's result for all at once.
static void expect_same_in_parts(struct golden *g, lattn_kv_cache *cache, lattn_tensor *memory)
{
    static const int64_t ends[] = { 4, 5, T };
    lattn_tensor *x = tensor(g, "x", T), *parts[3], *table_ = memory ? NULL : table(g->ctx);
    lattn_attention_inputs in = { .causal = true, .rotary = table_, .cache = cache };
    lattn_attention_inputs cross = { .cache = cache };
    lattn_no_grad_begin(g->ctx);
    for (int i = 0; i < 3; i++) {
        int64_t start = i ? ends[i - 1] : 0;
        lattn_tensor *part = lattn_slice(g->ctx, x, 1, start, ends[i], 1);
        parts[i] = memory ? lattn_decoder_forward(g->ctx, g->m, part, memory, &in, &cross)
                          : lattn_encoder_forward(g->ctx, g->m, part, &in);
        EXPECT_EQ(lattn_kv_cache_length(cache), ends[i]);
    }
    expect_values(g, "out", lattn_concat(g->ctx, parts, 3, 1));
    lattn_no_grad_end(g->ctx);
}

GPU_TEST(kv_cache, token_by_token_gives_the_same)
{
    struct golden g;
    const lattn_encoder_params p = llama_params();
    if (!golden_open(&g, ctx, "llama", lattn_encoder_create, &p))
        return;
    lattn_kv_cache *cache = cache_of(ctx, 2);
    expect_same_in_parts(&g, cache, NULL);
    EXPECT_OK(lattn_kv_cache_truncate(cache, 0));
    expect_same_in_parts(&g, cache, NULL);
    lattn_kv_cache_destroy(&cache);
    golden_close(&g);
}

GPU_TEST(kv_cache, a_memory_is_projected_once)
{
    struct golden g;
    const lattn_encoder_params p = decoder_params();
    if (!golden_open(&g, ctx, "decoder", lattn_decoder_create, &p))
        return;
    lattn_kv_cache *cache = cache_of(ctx, H);
    expect_same_in_parts(&g, cache, tensor(&g, "memory", S));
    lattn_kv_cache_destroy(&cache);
    golden_close(&g);
}

GPU_TEST(kv_cache, misuse_is_one_sentence)
{
    struct golden g;
    const lattn_encoder_params p = llama_params();
    if (!golden_open(&g, ctx, "llama", lattn_encoder_create, &p))
        return;
    lattn_kv_cache *cache = cache_of(ctx, 2), *other = cache_of(ctx, H);
    lattn_attention_inputs in = { .causal = true, .cache = cache };
    lattn_tensor *x = tensor(&g, "x", T);
    EXPECT(!lattn_encoder_forward(ctx, g.m, x, &in));
    lt_expect_error(ctx, LATTN_ERR_STATE, "kv_cache: gradients are recorded");
    lattn_no_grad_begin(ctx);
    EXPECT(lattn_encoder_forward(ctx, g.m, x, &in) != NULL);
    EXPECT(!lattn_encoder_forward(ctx, g.m, x, &in));
    lt_expect_error(ctx, LATTN_ERR_ARG, "kv_cache: 7 more tokens after 7 pass its capacity 7");
    in.cache = other;
    EXPECT(!lattn_encoder_forward(ctx, g.m, x, &in));
    lt_expect_error(ctx, LATTN_ERR_ARG, "does not fit 2 layers of [3, 4, ., 4]");
    lattn_no_grad_end(ctx);
    EXPECT_STATUS(lattn_kv_cache_truncate(cache, 8), LATTN_ERR_ARG);
    lattn_kv_cache_params bad = { .n_layers = 1 };
    lattn_kv_cache *none = NULL;
    EXPECT_STATUS(lattn_kv_cache_create(ctx, &bad, &none), LATTN_ERR_ARG);
    lattn_kv_cache_destroy(&cache);
    lattn_kv_cache_destroy(&other);
    golden_close(&g);
}

// ---- refused --------------------------------------------------------------------------------------

GPU_TEST(transformer, layers_of_the_other_kind_are_refused)
{
    lattn_encoder_params p = sizes();
    lattn_module *encoder = NULL, *decoder = NULL;
    EXPECT_OK(lattn_encoder_layer_create(ctx, &p, &encoder));
    EXPECT_OK(lattn_decoder_layer_create(ctx, &p, &decoder));
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ B, T, C });
    EXPECT(!lattn_encoder_layer_forward(ctx, decoder, x, NULL));
    lt_expect_error(ctx, LATTN_ERR_ARG, "is a decoder's, it needs a memory");
    EXPECT(!lattn_decoder_layer_forward(ctx, encoder, x, x, NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_ARG, "is an encoder's, it takes no memory");
    lattn_module_destroy(&encoder);
    lattn_module_destroy(&decoder);
    p.feed_forward = (lattn_feed_forward) 9;
    EXPECT_STATUS(lattn_encoder_layer_create(ctx, &p, &encoder), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "there is no feed_forward 9");
}
