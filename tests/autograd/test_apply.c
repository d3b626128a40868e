// SPDX-License-Identifier: MIT
//
// Applying an op: tensors of two contexts do not mix.

#include "harness/harness.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })
#define VALUES(...) ((float[]){ __VA_ARGS__ })

static lattn_tensor *owned(lattn_ctx *ctx, float value)
{
    lattn_tensor *t = NULL;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(2), &t));
    EXPECT_OK(lattn_fill_(t, value));
    return t;
}

static void expect_foreign(const lattn_ctx *ctx, lattn_status st)
{
    EXPECT_EQ(st, LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "[2] belongs to another context");
}

// Every way in which two tensors, or a tensor and a context, can meet.
static void meet(lattn_ctx *ctx, lattn_tensor *mine, lattn_tensor *theirs)
{
    EXPECT(!lattn_add(ctx, mine, theirs));
    expect_foreign(ctx, lattn_ctx_status(ctx));
    EXPECT(!lattn_add(ctx, theirs, theirs));
    expect_foreign(ctx, lattn_ctx_status(ctx));
    EXPECT(!lattn_reshape(ctx, theirs, 1, DIMS(2)));
    expect_foreign(ctx, lattn_ctx_status(ctx));
    EXPECT(!lattn_detach(ctx, theirs));
    expect_foreign(ctx, lattn_ctx_status(ctx));
    expect_foreign(ctx, lattn_copy_(mine, theirs));
    expect_foreign(ctx, lattn_add_(mine, theirs));

    double value;
    expect_foreign(ctx, lattn_tensor_item(ctx, theirs, &value));
    lattn_graph_params graph = { .inputs = &theirs, .n_inputs = 1 };
    graph.fn = (lattn_graph_fn) abort;
    lattn_graph *made = NULL;
    expect_foreign(ctx, lattn_graph_create(ctx, &graph, &made));
    EXPECT(!made);
}

static void meet_in_backward(lattn_ctx *ctx, lattn_tensor *mine, lattn_tensor *theirs)
{
    EXPECT_OK(lattn_tensor_set_requires_grad(mine, true));
    EXPECT_OK(lattn_tensor_set_requires_grad(theirs, true));
    lattn_tensor *y = lattn_add(ctx, mine, mine), *grad;
    expect_foreign(ctx, lattn_backward(ctx, theirs, NULL));
    expect_foreign(ctx, lattn_backward(ctx, y, &(lattn_backward_args){ .grad_output = theirs }));
    expect_foreign(ctx, lattn_grad(ctx, &y, &theirs, 1, &mine, 1, true, &grad));
    expect_foreign(ctx, lattn_grad(ctx, &y, &mine, 1, &theirs, 1, true, &grad));
    // What was refused has changed nothing.
    EXPECT_OK(lattn_backward(ctx, y, &(lattn_backward_args){ .grad_output = mine }));
    lt_expect_near(ctx, lattn_tensor_grad(mine), VALUES(6, 6), 2, 0);
}

GPU_TEST(apply, refuses_tensors_of_another_context)
{
    lattn_ctx *other = NULL;
    REQUIRE(!lattn_ctx_create(&(lattn_ctx_params){ .cache_dir = "" }, &other));
    lattn_tensor *mine = owned(ctx, 3), *theirs = owned(other, 5);
    meet(ctx, mine, theirs);
    meet_in_backward(ctx, mine, theirs);

    lattn_module *a = NULL, *b = NULL;
    EXPECT_OK(lattn_module_create(ctx, "mine", &a));
    EXPECT_OK(lattn_linear_create(
        other, &(lattn_linear_params){ .in_features = 2, .out_features = 2 }, &b));
    lattn_optim *optim = NULL;
    EXPECT_STATUS(
        lattn_sgd_create(ctx, b, &(lattn_sgd_params){ .momentum = 0 }, &optim), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "another context");
    EXPECT_STATUS(lattn_module_add(a, "theirs", b), LATTN_ERR_ARG);  // b is gone now
    EXPECT_CONTAINS(lattn_error(NULL), "another context");
    lattn_module_destroy(&a);
    lattn_tensor_release(&mine);
    lattn_tensor_release(&theirs);
    lattn_ctx_destroy(&other);
}
