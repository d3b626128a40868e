// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/tensor.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

enum { LAYERS = 3, ROWS = 2, TOKENS = 6, WIDTH = 16, N = ROWS * TOKENS * WIDTH };

// ---- functions -----------------------------------------------------------------------------------------

// dropout(x * w) * factor, with w from outside.
struct scaled {
    lattn_tensor *weight;
    float factor;
    int *calls;
};

static lattn_tensor *scaled(lattn_ctx *ctx, void *user, lattn_tensor *const *in)
{
    const struct scaled *s = user;
    ++*s->calls;
    lattn_tensor *y = lattn_dropout(ctx, lattn_mul(ctx, in[0], s->weight), 0.5f);
    return lattn_scale(ctx, y, s->factor, 0);
}

static lattn_tensor *leaf(lattn_ctx *ctx, const char *name, int64_t n)
{
    lattn_tensor *t = NULL;
    float values[64];
    for (int64_t i = 0; i < n; i++)
        values[i] = (float) lt_name_uniform(lt_name_seed(name), i);
    bool ok = !lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, &n, &t) &&
              !lattn_tensor_write(t, values, (size_t) n * sizeof *values) &&
              !lattn_tensor_set_requires_grad(t, true);
    EXPECT(ok);
    return t;
}

GPU_TEST(recompute, runs_again_with_the_same_random_numbers)
{
    int calls = 0;
    lattn_tensor *x = leaf(ctx, "x", 64), *w = leaf(ctx, "w", 64);
    struct scaled s = { w, 3, &calls };
    float plain[3][64], again[3][64];
    const lattn_rng_state rng = lattn_rng_get(ctx);
    for (int pass = 0; pass < 2; pass++) {
        float(*to)[64] = pass ? again : plain;
        lattn_rng_set(ctx, rng);
        lattn_tensor_zero_grad(x);
        lattn_tensor_zero_grad(w);
        lattn_tensor *y = lattn_dropout(ctx, x, 0.5f);
        y = pass ? lattn_recompute(ctx, scaled, &s, sizeof s, &y, 1) : scaled(ctx, &s, &y);
        y = lattn_dropout(ctx, y, 0.5f);
        EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, lattn_mul(ctx, y, y), NULL, 0, false), NULL));
        EXPECT_OK(lattn_tensor_read_f32(y, to[0], 64));
        EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(x), to[1], 64));
        EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(w), to[2], 64));
    }
    EXPECT_EQ(calls, 3);
    EXPECT(memcmp(plain, again, sizeof plain) == 0);
    lattn_tensor_release(&x);
    lattn_tensor_release(&w);
}

// One inside another, and an input that leads nowhere.
static lattn_tensor *nested(lattn_ctx *ctx, void *user, lattn_tensor *const *in)
{
    const struct scaled *s = user;
    return lattn_recompute(ctx, scaled, s, sizeof *s, in, 1);
}

GPU_TEST(recompute, nests_and_fills_what_is_not_reached)
{
    int calls = 0;
    lattn_tensor *x = leaf(ctx, "x", 8), *w = leaf(ctx, "w", 8), *idle = leaf(ctx, "idle", 4);
    struct scaled s = { w, 2, &calls };
    lattn_set_training(ctx, false);  // no dropout
    lattn_tensor *y =
        lattn_recompute(ctx, nested, &s, sizeof s, (lattn_tensor *[]){ x, NULL, idle }, 3);
    lattn_set_training(ctx, true);  // the second run is as the first
    EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, y, NULL, 0, false), NULL));
    float values[8], grad[8], zero[4];
    EXPECT_OK(lattn_tensor_read_f32(w, values, 8));
    EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(x), grad, 8));
    for (int i = 0; i < 8; i++)
        EXPECT_NEAR(grad[i], 2 * values[i], 1e-6);
    EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(idle), zero, 4));
    for (int i = 0; i < 4; i++)
        EXPECT(zero[i] == 0);
    EXPECT_EQ(calls, 3);  // forward, the outer one again, the inner one again
    lattn_tensor_release(&x);
    lattn_tensor_release(&w);
    lattn_tensor_release(&idle);
}

GPU_TEST(recompute, parameters_alone_get_their_gradient)
{
    int calls = 0;
    lattn_tensor *w = leaf(ctx, "w", 8);
    lattn_tensor *x = lattn_full(ctx, LATTN_DTYPE_F32, 1, DIMS(8), 1.5);
    struct scaled s = { w, 2, &calls };
    lattn_set_training(ctx, false);
    lattn_tensor *y = lattn_recompute(ctx, scaled, &s, sizeof s, &x, 1);
    lattn_set_training(ctx, true);
    EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, y, NULL, 0, false), NULL));
    lt_expect_near(ctx, lattn_tensor_grad(w), ((float[]){ 3, 3, 3, 3, 3, 3, 3, 3 }), 8, 1e-6);
    lattn_no_grad_begin(ctx);
    EXPECT(!lattn_tensor_requires_grad(lattn_recompute(ctx, scaled, &s, sizeof s, &x, 1)));
    lattn_no_grad_end(ctx);
    lattn_tensor_release(&w);
}

static lattn_tensor *labels(lattn_ctx *ctx, void *user, lattn_tensor *const *in)
{
    (void) user;
    return lattn_argmax(ctx, in[0], 0, false);
}

GPU_TEST(recompute, says_what_does_not_fit)
{
    int calls = 0;
    lattn_tensor *x = leaf(ctx, "x", 8), *w = leaf(ctx, "w", 8), *g = NULL;
    struct scaled s = { w, 2, &calls };
    EXPECT(!lattn_recompute(ctx, labels, NULL, 0, &x, 1));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "recompute");
    EXPECT(!lattn_recompute(ctx, scaled, &s, sizeof s, &x, 99));
    lt_expect_error(ctx, LATTN_ERR_ARG, "0 to 12");
    lattn_tensor *y = lattn_recompute(ctx, scaled, &s, sizeof s, &x, 1);
    lattn_tensor *sum = lattn_sum(ctx, y, NULL, 0, false);
    EXPECT_STATUS(lattn_grad(ctx, &sum, NULL, 1, &x, 1, true, &g), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(ctx), "lattn_backward does");
    EXPECT_OK(lattn_backward(ctx, sum, NULL));  // the failed walk left all in order
    lattn_tensor_release(&x);
    lattn_tensor_release(&w);
}

// ---- a stack of layers ---------------------------------------------------------------------------------

struct net {
    lattn_module *encoder;
    lattn_tensor *x, *lengths;
};

static lattn_status step(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct net *n = user;
    lattn_parameter p[64];
    int count;
    LAT_TRY(lattn_module_parameters(n->encoder, p, 64, &count));
    for (int i = 0; i < count; i++)
        lattn_tensor_zero_grad(p[i].tensor);
    const lattn_attention_inputs inputs = { .key_lengths = n->lengths };
    lattn_tensor *y = lattn_encoder_forward(ctx, n->encoder, n->x, &inputs);
    outputs[0] = lattn_sum(ctx, lattn_mul(ctx, y, y), NULL, 0, false);
    return lattn_backward(ctx, outputs[0], NULL);
}

// Gradient of the first layer's first weight, bytes planned for the step.
static void run_net(lattn_ctx *ctx, bool recompute, float *grad, int64_t n, uint64_t *planned)
{
    lattn_ctx *own;
    const lattn_ctx_params params = { .device = lattn_ctx_device(ctx)->uuid, .seed = 5 };
    REQUIRE(lattn_ctx_create(&params, &own) == LATTN_OK);
    struct net net = { 0 };
    const lattn_encoder_params p = { .n_layers = LAYERS,
        .embed_dim = WIDTH,
        .n_heads = 2,
        .feedforward_dim = 4 * WIDTH,
        .dropout = 0.1f,
        .attention_dropout = 0.1f };
    lattn_graph *graph = NULL;
    lattn_parameter first;
    int count;
    float loss;
    const int64_t dims[] = { ROWS, TOKENS, WIDTH };
    float values[N];
    for (int i = 0; i < N; i++)
        values[i] = (float) lt_name_uniform(lt_name_seed("net"), i);
    EXPECT_OK(lattn_encoder_create(own, &p, &net.encoder));
    lattn_module_set_recompute(net.encoder, recompute);
    EXPECT_OK(lattn_tensor_create(own, LATTN_DTYPE_F32, 3, dims, &net.x));
    EXPECT_OK(lattn_tensor_write(net.x, values, sizeof values));
    EXPECT_OK(lattn_tensor_create(own, LATTN_DTYPE_I32, 1, DIMS(ROWS), &net.lengths));
    EXPECT_OK(lattn_tensor_write(net.lengths, (int32_t[]){ TOKENS, 4 }, 2 * sizeof(int32_t)));
    const lattn_graph_params g = { .fn = step, .user = &net, .n_outputs = 1 };
    EXPECT_OK(lattn_graph_create(own, &g, &graph));
    EXPECT_OK(lattn_graph_run(graph));
    EXPECT_OK(lattn_graph_read(graph, 0, 0, &loss, sizeof loss));
    *planned = lattn_ctx_stats(own).plan_bytes;
    EXPECT_OK(lattn_module_parameters(net.encoder, &first, 1, &count));
    EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(first.tensor), grad, n));
    lattn_graph_destroy(&graph);
    lattn_tensor_release(&net.x);
    lattn_tensor_release(&net.lengths);
    lattn_module_destroy(&net.encoder);
    lattn_ctx_destroy(&own);
}

GPU_TEST(recompute, a_captured_stack_gives_the_same_bits_in_less_memory)
{
    float plain[WIDTH * WIDTH], again[WIDTH * WIDTH];
    uint64_t all = 0, less = 0;
    run_net(ctx, false, plain, WIDTH * WIDTH, &all);
    run_net(ctx, true, again, WIDTH * WIDTH, &less);
    EXPECT(memcmp(plain, again, sizeof plain) == 0);
    EXPECT(less < all * 3 / 4);
    if (lt_failed())
        fprintf(stderr, "planned %llu bytes, recomputing %llu\n", (unsigned long long) all,
            (unsigned long long) less);
}
