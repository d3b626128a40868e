// SPDX-License-Identifier: MIT
//
// A user's own op: y = x * x * scale, with its own shaders. The SPIR-V of the first tests is taken
// from the library's own accumulate shader; GLSL needs libshaderc and is skipped without it.

#include "autograd/spirv.h"
#include "harness/harness.h"
#include "lat_shaders.h"
#include "tensor/accumulate.abi.h"
#include "tensor/tensor.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })
#define VALUES(...) ((float[]){ __VA_ARGS__ })

static const char square_fwd[] = "#version 450\n"
                                 "layout(local_size_x = 64) in;\n"
                                 "layout(push_constant) uniform P { uint n; float scale; } p;\n"
                                 "layout(binding = 0) readonly buffer X { float x[]; };\n"
                                 "layout(binding = 1) writeonly buffer Y { float y[]; };\n"
                                 "void main() {\n"
                                 "    uint i = gl_GlobalInvocationID.x;\n"
                                 "    if (i < p.n) y[i] = x[i] * x[i] * p.scale;\n"
                                 "}\n";
static const char square_bwd[] = "#version 450\n"
                                 "layout(local_size_x = 64) in;\n"
                                 "layout(push_constant) uniform P { uint n; float scale; } p;\n"
                                 "layout(binding = 0) readonly buffer X { float x[]; };\n"
                                 "layout(binding = 1) readonly buffer G { float dy[]; };\n"
                                 "layout(binding = 2) writeonly buffer D { float dx[]; };\n"
                                 "void main() {\n"
                                 "    uint i = gl_GlobalInvocationID.x;\n"
                                 "    if (i < p.n) dx[i] = 2.0 * x[i] * p.scale * dy[i];\n"
                                 "}\n";

struct square {
    lattn_shader_code *fwd, *bwd;
    float scale;
};

struct push {
    uint32_t n;
    float scale;
};

static lattn_status forward(lattn_ctx *ctx, void *user, lattn_tensor *const *in, lattn_tensor *out)
{
    struct square *s = user;
    struct push push = { (uint32_t) lattn_tensor_numel(out), s->scale };
    lattn_custom_dispatch d = {
        .shader = s->fwd,
        .read = { in[0] },
        .n_read = 1,
        .write = { out },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .groups = { (push.n + 63) / 64, 1, 1 },
    };
    return lattn_custom_run(ctx, &d);
}

static lattn_status backward(lattn_ctx *ctx, void *user, lattn_tensor *const *in, lattn_tensor *out,
    lattn_tensor *grad_out, lattn_tensor *const *grad_in)
{
    struct square *s = user;
    struct push push = { (uint32_t) lattn_tensor_numel(out), s->scale };
    lattn_custom_dispatch d = {
        .shader = s->bwd,
        .read = { in[0], grad_out },
        .n_read = 2,
        .write = { grad_in[0] },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .groups = { (push.n + 63) / 64, 1, 1 },
    };
    return lattn_custom_run(ctx, &d);
}

GPU_TEST(custom, an_op_from_glsl_with_its_own_backward)
{
    struct square s = { .scale = 0.5f };
    lattn_status st = lattn_shader_from_glsl(ctx, "square_fwd", square_fwd, &s.fwd);
    if (st == LATTN_ERR_UNSUPPORTED)
        return lt_skip("%s", lattn_error(ctx));
    REQUIRE(st == LATTN_OK);
    REQUIRE(lattn_shader_from_glsl(ctx, "square_bwd", square_bwd, &s.bwd) == LATTN_OK);
    lattn_custom_op op = {
        .name = "square",
        .n_inputs = 1,
        .forward = forward,
        .backward = backward,
        .user = &s,
    };
    lattn_tensor *x;
    REQUIRE(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, DIMS(2, 3), &x) == LATTN_OK);
    EXPECT_OK(lattn_tensor_write_f32(x, VALUES(1, 2, 3, 4, 5, 6), 6));
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *t = lattn_transpose(ctx, x, 0, 1);  // the op is given a contiguous copy
    lattn_tensor *y = lattn_custom_apply(ctx, &op, &t, 2, DIMS(3, 2));
    lt_expect_near(ctx, y, VALUES(0.5f, 8, 2, 12.5f, 4.5f, 18), 6, 0);
    lattn_backward_args args = { .grad_output =
                                     lattn_full(ctx, LATTN_DTYPE_F32, 2, DIMS(3, 2), 10) };
    // Twice: the second is added.
    args.retain_graph = true;
    EXPECT_OK(lattn_backward(ctx, y, &args));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(10, 20, 30, 40, 50, 60), 6, 0);
    args.retain_graph = false;
    EXPECT_OK(lattn_backward(ctx, y, &args));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(20, 40, 60, 80, 100, 120), 6, 0);

    // Without a backward function nothing is recorded; sentences name the op.
    op.backward = NULL;
    EXPECT(!lattn_tensor_requires_grad(lattn_custom_apply(ctx, &op, &x, 2, DIMS(2, 3))));
    op.backward = backward;
    y = lattn_custom_apply(ctx, &op, &x, 2, DIMS(2, 3));
    EXPECT_OK(lattn_fill_(x, 0));
    args.grad_output = lattn_full(ctx, LATTN_DTYPE_F32, 2, DIMS(2, 3), 1);
    EXPECT_STATUS(lattn_backward(ctx, y, &args), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(ctx), "backward of square");

    EXPECT_OK(lattn_sync(ctx));
    lattn_shader_destroy(&s.fwd);
    lattn_shader_destroy(&s.bwd);
    lattn_tensor_release(&x);
}

GPU_TEST(custom, wrong_glsl_gives_the_compilers_message)
{
    lattn_shader_code *code;
    lattn_status st =
        lattn_shader_from_glsl(ctx, "broken", "#version 450\nvoid main() { x = 1; }", &code);
    if (st == LATTN_ERR_UNSUPPORTED)
        return lt_skip("%s", lattn_error(ctx));
    EXPECT_STATUS(st, LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "'x' : undeclared identifier");
    EXPECT(code == NULL);
}

GPU_TEST(custom, a_kernel_from_spirv)
{
    const struct lat_spirv *spirv = lat_shader_variant(&lat_shader_accumulate, LATTN_DTYPE_F32, -1);
    lattn_shader_code *code;
    REQUIRE(lattn_shader_from_spirv(ctx, "sum", spirv->words, spirv->n_words, &code) == LATTN_OK);
    lattn_tensor *a = lt_tensor(ctx, 1, DIMS(3), VALUES(1, 2, 3));
    lattn_tensor *b = lt_tensor(ctx, 1, DIMS(3), VALUES(10, 20, 30));
    lattn_tensor *y = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(3));
    struct accumulate_push push = { .n = 3 };
    lattn_custom_dispatch d = {
        .shader = code,
        .read = { a, b },
        .n_read = 2,
        .write = { y },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .groups = { 1, 1, 1 },
    };
    EXPECT_OK(lattn_custom_run(ctx, &d));
    lt_expect_near(ctx, y, VALUES(11, 22, 33), 3, 0);

    d.n_read = 1;
    EXPECT_STATUS(lattn_custom_run(ctx, &d), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "uses 3 bindings, 2 tensors are given");
    d.n_read = 2;
    d.read[1] = lattn_expand(ctx, lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(1)), 1, DIMS(3));
    EXPECT_STATUS(lattn_custom_run(ctx, &d), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "read[1] of shape [3] is not contiguous");
    d.read[1] = NULL;
    EXPECT_STATUS(lattn_custom_run(ctx, &d), LATTN_ERR_ARG);
    d.read[1] = b;
    d.push_bytes = 3;
    EXPECT_STATUS(lattn_custom_run(ctx, &d), LATTN_ERR_ARG);
    d.push_bytes = 4;
    d.groups[1] = UINT32_MAX;
    EXPECT_STATUS(lattn_custom_run(ctx, &d), LATTN_ERR_ARG);
    EXPECT_OK(lattn_sync(ctx));
    lattn_shader_destroy(&code);
    lattn_shader_destroy(&code);
}

GPU_TEST(custom, ops_without_room_or_function_are_refused)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(3));
    lattn_custom_op op = { .name = "empty", .n_inputs = 1 };
    EXPECT(!lattn_custom_apply(ctx, &op, &x, 1, DIMS(3)));
    lt_expect_error(ctx, LATTN_ERR_ARG, "empty: 1 inputs");
    op.forward = forward;
    op.n_inputs = 9;
    EXPECT(!lattn_custom_apply(ctx, &op, &x, 1, DIMS(3)));
    lt_expect_error(ctx, LATTN_ERR_ARG, "empty: 9 inputs");
}

TEST(custom, damaged_spirv_is_refused)
{
    const struct lat_spirv *spirv = lat_shader_variant(&lat_shader_accumulate, LATTN_DTYPE_F32, -1);
    uint32_t n, words[2048];
    REQUIRE(spirv->n_words <= LAT_COUNT(words));
    EXPECT_OK(lat_spirv_check(spirv->words, spirv->n_words, &n));
    EXPECT_EQ(n, 3);
    EXPECT_STATUS(lat_spirv_check(NULL, 0, &n), LATTN_ERR_ARG);
    EXPECT_STATUS(lat_spirv_check((uint32_t[]){ 1, 2, 3, 4, 5, 6 }, 6, &n), LATTN_ERR_ARG);
    // Every truncation is refused, or ends between instructions.
    for (size_t k = 0; k < spirv->n_words; k++)
        (void) !lat_spirv_check(spirv->words, k, &n);
    memcpy(words, spirv->words, spirv->n_words * sizeof *words);
    for (size_t i = 5; i < spirv->n_words; i += words[i] >> 16)
        if ((words[i] & 0xffff) == 15)
            words[i + 3] ^= 1;  // no longer "main"
    EXPECT_STATUS(lat_spirv_check(words, spirv->n_words, &n), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "entry point");
    words[5] &= 0xffff;  // an instruction of length 0
    EXPECT_STATUS(lat_spirv_check(words, spirv->n_words, &n), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "damaged at word 5");
}

static lattn_status fails_without_a_word(
    lattn_ctx *ctx, void *user, lattn_tensor *const *in, lattn_tensor *out)
{
    (void) ctx, (void) user, (void) in, (void) out;
    return LATTN_ERR_IO;
}

GPU_TEST(custom, a_status_without_a_sentence_gets_one)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(2)), *t = NULL;
    EXPECT_STATUS(lattn_tensor_create(ctx, LATTN_DTYPE_F32, -1, NULL, &t), LATTN_ERR_ARG);
    const lattn_custom_op op = { .name = "silent", .n_inputs = 1, .forward = fails_without_a_word };
    EXPECT(!lattn_custom_apply(ctx, &op, &x, 1, DIMS(2)));
    lt_expect_error(ctx, LATTN_ERR_IO, "silent: its forward returned ERR_IO");
}
