// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/tensor.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

// A step that adds its input to a retained sum, draws numbers and has a gradient.
struct job {
    lattn_tensor *x, *sum, *weight;
    int calls;
    lattn_status fail_with;
};

static lattn_status record(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct job *j = user;
    j->calls++;
    lattn_tensor_zero_grad(j->weight);
    lattn_tensor *y = lattn_contiguous(ctx, lattn_transpose(ctx, j->weight, 0, 1));
    lattn_backward_args args = { .grad_output = lattn_reshape(ctx, j->x, 2, DIMS(2, 2)) };
    LAT_TRY(lattn_backward(ctx, y, &args));
    LAT_TRY(lattn_add_(j->sum, j->x));
    lattn_tensor *r = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(4));
    LAT_TRY(lattn_uniform_(r, 0, 1));
    outputs[0] = lattn_cast(ctx, j->sum, LATTN_DTYPE_I32);
    outputs[1] = r;
    return j->fail_with;
}

static bool make_job(lattn_ctx *ctx, struct job *j)
{
    *j = (struct job){ 0 };
    bool ok = !lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(4), &j->x) &&
              !lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(4), &j->sum) &&
              !lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, DIMS(2, 2), &j->weight) &&
              !lattn_fill_(j->sum, 0) && !lattn_fill_(j->weight, 1) &&
              !lattn_tensor_set_requires_grad(j->weight, true);
    EXPECT(ok);
    return ok;
}

static void free_job(struct job *j)
{
    lattn_tensor_release(&j->x);
    lattn_tensor_release(&j->sum);
    lattn_tensor_release(&j->weight);
}

static lattn_graph_params params_of(struct job *j)
{
    return (lattn_graph_params){
        .fn = record, .user = j, .inputs = &j->x, .n_inputs = 1, .n_outputs = 2
    };
}

static lattn_status write_input(lattn_graph *g, float first)
{
    const float x[4] = { first, first + 1, first + 2, first + 3 };
    return lattn_graph_write(g, 0, x, sizeof x);
}

GPU_TEST(graph, replays_with_new_inputs_and_new_random_numbers)
{
    struct job j;
    REQUIRE(make_job(ctx, &j));
    lattn_graph *g;
    lattn_graph_params params = params_of(&j);
    REQUIRE(lattn_graph_create(ctx, &params, &g) == LATTN_OK);
    lattn_rng_set(ctx, (lattn_rng_state){ .seed = 9, .step = 100 });
    float random[4][4], total = 0;
    for (int i = 0; i < 4; i++) {
        EXPECT_OK(write_input(g, (float) i));
        EXPECT_OK(lattn_graph_run(g));
        int32_t sum[4];
        EXPECT_OK(lattn_graph_read(g, 0, 0, sum, sizeof sum));
        EXPECT_OK(lattn_graph_read(g, 1, 0, random[i], sizeof random[i]));
        total += (float) i;
        EXPECT_EQ(sum[0], (int) total);
        EXPECT_EQ(sum[3], (int) total + 3 * (i + 1));
        // dw = x^T, written anew in every run
        lt_expect_near(ctx, lattn_tensor_grad(j.weight),
            ((float[]){ (float) i, (float) i + 2, (float) i + 1, (float) i + 3 }), 4, 0);
        if (i > 0)
            EXPECT(memcmp(random[i], random[i - 1], sizeof random[i]) != 0);
    }
    EXPECT_EQ(j.calls, 1);
    EXPECT_EQ(lattn_rng_get(ctx).step, 104);

    // Age 1 is the run before.
    float before[4];
    EXPECT_OK(lattn_graph_read(g, 1, 1, before, sizeof before));
    EXPECT(memcmp(before, random[2], sizeof before) == 0);

    // The same numbers again, by an eager step at the same place of the stream.
    lattn_rng_set(ctx, (lattn_rng_state){ .seed = 9, .step = 102 });
    lattn_tensor *r = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(4));
    EXPECT_OK(lattn_uniform_(r, 0, 1));
    lt_expect_near(ctx, r, random[2], 4, 0);
    lattn_graph_destroy(&g);
    free_job(&j);
}

GPU_TEST(graph, a_run_records_allocates_and_waits_for_nothing)
{
    struct job j;
    REQUIRE(make_job(ctx, &j));
    lattn_graph *g;
    lattn_graph_params params = params_of(&j);
    REQUIRE(lattn_graph_create(ctx, &params, &g) == LATTN_OK);
    EXPECT_OK(lattn_sync(ctx));
    lattn_stats before = { 0 }, after;
    for (int i = 0; i < 20; i++) {
        if (i == 10) {
            EXPECT_OK(lattn_sync(ctx));
            before = lattn_ctx_stats(ctx);
        }
        EXPECT_OK(write_input(g, (float) i));
        EXPECT_OK(lattn_graph_run(g));
        if (i < 10)
            EXPECT_OK(lattn_sync(ctx));
        if (i == 11)
            break;
    }
    after = lattn_ctx_stats(ctx);
    EXPECT_EQ(after.graph_runs - before.graph_runs, 2);
    EXPECT(after.dispatches > before.dispatches);
    EXPECT_EQ(after.commands_recorded, before.commands_recorded);
    EXPECT_EQ(after.descriptor_writes, before.descriptor_writes);
    EXPECT_EQ(after.pipelines_created, before.pipelines_created);
    EXPECT_EQ(after.device_allocations, before.device_allocations);
    EXPECT_EQ(after.slice_allocations, before.slice_allocations);
    EXPECT_EQ(after.host_allocations, before.host_allocations);
    EXPECT_EQ(after.waits, before.waits);
    lattn_graph_destroy(&g);
    free_job(&j);
}

static lattn_status reads(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct job *j = user;
    (void) ctx;
    (void) outputs;
    float v[4];
    return lattn_tensor_read_f32(j->sum, v, 4);
}

static lattn_status writes(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    (void) user;
    (void) outputs;
    lattn_from_f32(ctx, LATTN_DTYPE_F32, 1, DIMS(1), (float[]){ 1 });
    return LATTN_OK;
}

static lattn_status leaves_open(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    (void) user;
    (void) outputs;
    lattn_no_grad_begin(ctx);
    return lattn_step_begin(ctx);
}

static lattn_status ends_foreign_step(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    (void) user;
    (void) outputs;
    return lattn_step_end(ctx);
}

static lattn_status nests(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    (void) outputs;
    lattn_graph *inner;
    lattn_graph_params params = params_of(user);
    return lattn_graph_create(ctx, &params, &inner);
}

static lattn_status syncs(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    (void) user;
    (void) outputs;
    return lattn_sync(ctx);
}

static lattn_status no_output(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    (void) ctx;
    (void) user;
    (void) outputs;
    return LATTN_OK;
}

GPU_TEST(graph, what_cannot_be_captured_is_refused_and_leaves_no_trace)
{
    static const struct {
        lattn_graph_fn fn;
        lattn_status status;
        const char *part;
    } rows[] = {
        { reads, LATTN_ERR_STATE, "reading a tensor: not possible while a step is being captured" },
        { writes, LATTN_ERR_STATE, "writing a tensor" },
        { leaves_open, LATTN_ERR_STATE, "left a step open" },
        { ends_foreign_step, LATTN_ERR_STATE, "without lattn_step_begin" },
        { nests, LATTN_ERR_STATE, "lattn_graph_create" },
        { syncs, LATTN_ERR_STATE, "lattn_sync" },
        { no_output, LATTN_ERR_ARG, "left output 0 NULL" },
    };
    struct job j;
    REQUIRE(make_job(ctx, &j));
    size_t marks = ctx->marks.n, tensors = ctx->step.n;
    for (size_t i = 0; i < LAT_COUNT(rows); i++) {
        lattn_graph *g;
        lattn_graph_params params = params_of(&j);
        params.fn = rows[i].fn;
        EXPECT_STATUS(lattn_graph_create(ctx, &params, &g), rows[i].status);
        EXPECT_CONTAINS(lattn_error(ctx), rows[i].part);
        EXPECT(g == NULL && !ctx->capturing && ctx->no_grad_depth == 0);
        EXPECT_EQ(ctx->marks.n, marks);
        EXPECT_EQ(ctx->step.n, tensors);
        EXPECT_EQ(lat_sched_pending(ctx->sched), 0);
    }
    free_job(&j);
}

GPU_TEST(graph, a_failing_function_aborts_the_capture)
{
    struct job j;
    REQUIRE(make_job(ctx, &j));
    j.fail_with = LATTN_ERR_IO;
    lattn_graph *g;
    lattn_graph_params params = params_of(&j);
    lattn_rng_state rng = lattn_rng_get(ctx);
    EXPECT_STATUS(lattn_graph_create(ctx, &params, &g), LATTN_ERR_IO);
    // Its backward never ran, so there is no gradient.
    EXPECT(lattn_tensor_grad(j.weight) == NULL);
    EXPECT_EQ(lattn_rng_get(ctx).op, rng.op);
    lt_expect_near(ctx, j.sum, ((float[]){ 0, 0, 0, 0 }), 4, 0);

    // And the same job can be captured and run afterwards.
    j.fail_with = LATTN_OK;
    REQUIRE(lattn_graph_create(ctx, &params, &g) == LATTN_OK);
    EXPECT_OK(write_input(g, 1));
    EXPECT_OK(lattn_graph_run(g));
    lt_expect_near(ctx, j.sum, ((float[]){ 1, 2, 3, 4 }), 4, 0);
    lattn_graph_destroy(&g);
    free_job(&j);
}

GPU_TEST(graph, inputs_and_outputs_are_checked)
{
    struct job j;
    REQUIRE(make_job(ctx, &j));
    lattn_graph *g;
    lattn_graph_params params = params_of(&j);
    lattn_tensor *result = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(4)), *none = NULL;
    params.inputs = &result;
    EXPECT_STATUS(lattn_graph_create(ctx, &params, &g), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "input 0 is a result of an op");
    params.inputs = &none;
    EXPECT_STATUS(lattn_graph_create(ctx, &params, &g), LATTN_ERR_ARG);
    params.inputs = &j.x;
    REQUIRE(lattn_graph_create(ctx, &params, &g) == LATTN_OK);
    float v[4] = { 0 };
    EXPECT_STATUS(lattn_graph_read(g, 0, 0, v, sizeof v), LATTN_ERR_STATE);
    EXPECT_STATUS(lattn_graph_write(g, 1, v, sizeof v), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_graph_write(g, 0, v, 3), LATTN_ERR_ARG);
    EXPECT_OK(lattn_graph_run(g));
    EXPECT_STATUS(lattn_graph_read(g, 0, 1, v, sizeof v), LATTN_ERR_STATE);
    EXPECT_STATUS(lattn_graph_read(g, 5, 0, v, sizeof v), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_graph_read(g, -1, 0, v, sizeof v), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_graph_read(g, 0, 0, v, 1), LATTN_ERR_ARG);
    lattn_graph_destroy(&g);
    lattn_graph_destroy(&g);
    free_job(&j);
}

// Numbers that were drawn eagerly in this step are not drawn again by a run.
GPU_TEST(graph, runs_after_eager_draws_use_the_next_step)
{
    struct job j;
    REQUIRE(make_job(ctx, &j));
    lattn_graph *g;
    lattn_graph_params params = params_of(&j);
    REQUIRE(lattn_graph_create(ctx, &params, &g) == LATTN_OK);
    lattn_tensor *r = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(4));
    EXPECT_OK(lattn_uniform_(r, 0, 1));
    float eager[4], replayed[4];
    EXPECT_OK(lattn_tensor_read_f32(r, eager, 4));
    EXPECT_OK(write_input(g, 0));
    EXPECT_OK(lattn_graph_run(g));
    EXPECT_OK(lattn_graph_read(g, 1, 0, replayed, sizeof replayed));
    EXPECT(memcmp(eager, replayed, sizeof eager) != 0);
    lattn_graph_destroy(&g);
    free_job(&j);
}

static lattn_status fails_without_a_word(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    (void) ctx, (void) user, (void) outputs;
    return LATTN_ERR_IO;
}

// Not with the sentence of an older error, which has nothing to do with it.
GPU_TEST(graph, a_status_without_a_sentence_gets_one)
{
    lattn_tensor *t = NULL;
    lattn_graph *g = NULL;
    EXPECT_STATUS(lattn_tensor_create(ctx, LATTN_DTYPE_F32, -1, NULL, &t), LATTN_ERR_ARG);
    const lattn_graph_params params = { .fn = fails_without_a_word };
    EXPECT_STATUS(lattn_graph_create(ctx, &params, &g), LATTN_ERR_IO);
    EXPECT_STR(lattn_error(ctx), "lattn_graph_create: fn returned ERR_IO");
    EXPECT_STR(lattn_error(NULL), "lattn_graph_create: fn returned ERR_IO");
}

static lattn_status fails_with_a_sentence(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    (void) user, (void) outputs;
    lattn_tensor *t = NULL;
    return lattn_tensor_create(ctx, LATTN_DTYPE_F32, 9, NULL, &t);
}

GPU_TEST(graph, a_status_with_a_sentence_keeps_it)
{
    lattn_graph *g = NULL;
    const lattn_graph_params params = { .fn = fails_with_a_sentence };
    EXPECT_STATUS(lattn_graph_create(ctx, &params, &g), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "lattn_tensor_create: dims is NULL for 9");
}
