// SPDX-License-Identifier: MIT
//
// BERT against PyTorch: from identical weights and batches, twenty training steps give the same
// loss at every step and the same weights at the end (tests/golden/make_bert.py, in double).

#include "harness/harness.h"

enum { VOCAB = 120, B = 8, T = 12, N_BATCHES = 4, N_STEPS = 20, N_LABELS = 5 };

struct golden {
    int32_t ids[N_BATCHES][B * T], types[N_BATCHES][B * T], lengths[N_BATCHES][B],
        labels[N_BATCHES][B];
    float losses[N_STEPS], norms[N_STEPS], logits[B * N_LABELS];
};

static lattn_status read_array(
    lattn_safetensors *f, const char *name, lattn_dtype dtype, void *data, size_t bytes)
{
    int64_t i = lattn_safetensors_find(f, name);
    return i < 0 ? LATTN_ERR_FORMAT : lattn_safetensors_read(f, (size_t) i, dtype, data, bytes);
}

static bool read_golden(struct golden *g)
{
    lattn_safetensors *f = NULL;
    bool good = !lattn_safetensors_open(
                    lt_source_path("golden/bert_training/batches.safetensors"), NULL, &f) &&
                !read_array(f, "input_ids", LATTN_DTYPE_I32, g->ids, sizeof g->ids) &&
                !read_array(f, "token_type_ids", LATTN_DTYPE_I32, g->types, sizeof g->types) &&
                !read_array(f, "lengths", LATTN_DTYPE_I32, g->lengths, sizeof g->lengths) &&
                !read_array(f, "labels", LATTN_DTYPE_I32, g->labels, sizeof g->labels) &&
                !read_array(f, "losses", LATTN_DTYPE_F32, g->losses, sizeof g->losses) &&
                !read_array(f, "grad_norms", LATTN_DTYPE_F32, g->norms, sizeof g->norms) &&
                !read_array(f, "first_logits", LATTN_DTYPE_F32, g->logits, sizeof g->logits);
    lattn_safetensors_close(&f);
    return good;
}

struct job {
    lattn_bert *bert;
    lattn_optim *optim;
    lattn_tensor *ids, *types, *lengths, *labels;
};

static lattn_tensor *logits_of(lattn_ctx *ctx, struct job *j)
{
    lattn_bert_inputs inputs = { j->ids, j->types, j->lengths };
    return lattn_bert_classify(ctx, j->bert, &inputs);
}

static lattn_status step(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct job *j = user;
    lattn_optim_zero_grad(j->optim);
    lattn_tensor *loss = lattn_cross_entropy(ctx, logits_of(ctx, j), j->labels, NULL);
    lattn_status st = lattn_backward(ctx, loss, NULL);
    outputs[0] = loss;
    outputs[1] = lattn_optim_report(j->optim);
    return st ? st : lattn_optim_step(j->optim);
}

static bool open_job(lattn_ctx *ctx, struct job *j)
{
    const int64_t matrix[] = { B, T };
    lattn_adamw_params adamw = { .common = {
                                     .lr = 1e-3f, .weight_decay = 0.01f, .max_grad_norm = 1 } };
    return !lattn_bert_load(ctx, lt_source_path("golden/bert_training"), 0, NULL, NULL, &j->bert) &&
           !lattn_adamw_create(ctx, lattn_bert_module(j->bert), &adamw, &j->optim) &&
           !lattn_tensor_create(ctx, LATTN_DTYPE_I32, 2, matrix, &j->ids) &&
           !lattn_tensor_create(ctx, LATTN_DTYPE_I32, 2, matrix, &j->types) &&
           !lattn_tensor_create(ctx, LATTN_DTYPE_I32, 1, matrix, &j->lengths) &&
           !lattn_tensor_create(ctx, LATTN_DTYPE_I32, 1, matrix, &j->labels);
}

static void close_job(struct job *j)
{
    lattn_tensor_release(&j->ids);
    lattn_tensor_release(&j->types);
    lattn_tensor_release(&j->lengths);
    lattn_tensor_release(&j->labels);
    lattn_optim_destroy(&j->optim);
    lattn_bert_destroy(&j->bert);
}

static void write_batch(struct job *j, const struct golden *g, int batch)
{
    EXPECT_OK(lattn_tensor_write(j->ids, g->ids[batch], sizeof g->ids[batch]));
    EXPECT_OK(lattn_tensor_write(j->types, g->types[batch], sizeof g->types[batch]));
    EXPECT_OK(lattn_tensor_write(j->lengths, g->lengths[batch], sizeof g->lengths[batch]));
    EXPECT_OK(lattn_tensor_write(j->labels, g->labels[batch], sizeof g->labels[batch]));
}

static void expect_step(const struct golden *g, int i, float loss, const float *report)
{
    if (!(fabs(loss - g->losses[i]) <= 1e-5 * fabs(g->losses[i])))
        lt_fail(__FILE__, __LINE__, "step %d: loss %.9g, PyTorch %.9g", i, (double) loss,
            (double) g->losses[i]);
    if (!(fabs(report[0] - g->norms[i]) <= 1e-4 * g->norms[i]))
        lt_fail(__FILE__, __LINE__, "step %d: gradient norm %.9g, PyTorch %.9g", i,
            (double) report[0], (double) g->norms[i]);
}

static void expect_final_weights(struct job *j)
{
    lattn_safetensors *f = NULL;
    int n = lattn_module_n_parameters(lattn_bert_module(j->bert));
    lattn_parameter *list = calloc((size_t) n, sizeof *list);
    float *got = malloc(VOCAB * 64 * sizeof *got), *want = malloc(VOCAB * 64 * sizeof *want);
    EXPECT_OK(lattn_module_parameters(lattn_bert_module(j->bert), list, n, &n));
    EXPECT_OK(
        lattn_safetensors_open(lt_source_path("golden/bert_training/final.safetensors"), NULL, &f));
    for (int p = 0; p < n && f; p++) {
        int64_t numel = lattn_tensor_numel(list[p].tensor);
        EXPECT_OK(
            read_array(f, list[p].name, LATTN_DTYPE_F32, want, (size_t) numel * sizeof *want));
        EXPECT_OK(lattn_tensor_read_f32(list[p].tensor, got, numel));
        double worst = 0;
        for (int64_t i = 0; i < numel; i++)
            worst = fmax(worst, fabs((double) got[i] - (double) want[i]));
        if (!(worst <= 1e-4))
            lt_fail(__FILE__, __LINE__, "%s differs by %g after %d steps", list[p].name, worst,
                N_STEPS);
    }
    lattn_safetensors_close(&f);
    free(list);
    free(got);
    free(want);
}

GPU_TEST(bert, first_logits_are_pytorchs)
{
    static struct golden g;
    struct job j = { 0 };
    float logits[B * N_LABELS];
    REQUIRE(read_golden(&g));
    REQUIRE(open_job(ctx, &j));
    write_batch(&j, &g, 0);
    EXPECT_OK(lattn_tensor_read_f32(logits_of(ctx, &j), logits, B * N_LABELS));
    for (int i = 0; i < B * N_LABELS; i++)
        EXPECT_NEAR(logits[i], g.logits[i], 1e-5);
    close_job(&j);
}

GPU_TEST(bert, twenty_eager_steps_follow_pytorch)
{
    static struct golden g;
    struct job j = { 0 };
    REQUIRE(read_golden(&g));
    REQUIRE(open_job(ctx, &j));
    for (int i = 0; i < N_STEPS; i++) {
        lattn_tensor *outputs[2];
        float loss = 0, report[LATTN_OPTIM_REPORT_FLOATS];
        write_batch(&j, &g, i % N_BATCHES);
        EXPECT_OK(lattn_step_begin(ctx));
        EXPECT_OK(step(ctx, &j, outputs));
        EXPECT_OK(lattn_tensor_read_f32(outputs[0], &loss, 1));
        EXPECT_OK(lattn_tensor_read_f32(outputs[1], report, LATTN_OPTIM_REPORT_FLOATS));
        EXPECT_OK(lattn_step_end(ctx));
        expect_step(&g, i, loss, report);
    }
    expect_final_weights(&j);
    close_job(&j);
}

// The training step captured, with every input written before a run.
static lattn_graph *capture(lattn_ctx *ctx, struct job *j)
{
    lattn_graph *graph = NULL;
    lattn_tensor *inputs[] = { j->ids, j->types, j->lengths, j->labels,
        lattn_optim_hyper(j->optim) };
    lattn_graph_params params = {
        .fn = step, .user = j, .inputs = inputs, .n_inputs = 5, .n_outputs = 2
    };
    EXPECT_OK(lattn_graph_create(ctx, &params, &graph));
    return graph;
}

static void replay(struct job *j, lattn_graph *graph, const struct golden *g, int batch)
{
    unsigned char hyper[LATTN_OPTIM_HYPER_BYTES];
    EXPECT_OK(lattn_optim_advance(j->optim, 1e-3f, hyper, sizeof hyper));
    EXPECT_OK(lattn_graph_write(graph, 0, g->ids[batch], sizeof g->ids[batch]));
    EXPECT_OK(lattn_graph_write(graph, 1, g->types[batch], sizeof g->types[batch]));
    EXPECT_OK(lattn_graph_write(graph, 2, g->lengths[batch], sizeof g->lengths[batch]));
    EXPECT_OK(lattn_graph_write(graph, 3, g->labels[batch], sizeof g->labels[batch]));
    EXPECT_OK(lattn_graph_write(graph, 4, hyper, sizeof hyper));
    EXPECT_OK(lattn_graph_run(graph));
}

GPU_TEST(bert, twenty_replayed_steps_follow_pytorch)
{
    static struct golden g;
    struct job j = { 0 };
    REQUIRE(read_golden(&g));
    REQUIRE(open_job(ctx, &j));
    lattn_graph *graph = capture(ctx, &j);
    for (int i = 0; i < N_STEPS && graph; i++) {
        float loss = 0, report[LATTN_OPTIM_REPORT_FLOATS];
        replay(&j, graph, &g, i % N_BATCHES);
        EXPECT_OK(lattn_graph_read(graph, 0, 0, &loss, sizeof loss));
        EXPECT_OK(lattn_graph_read(graph, 1, 0, report, sizeof report));
        expect_step(&g, i, loss, report);
    }
    expect_final_weights(&j);
    lattn_graph_destroy(&graph);
    close_job(&j);
}

// Submits what was recorded, and nothing else.
static void only_submits(lattn_ctx *ctx)
{
    enum { WARM_UP = 8, RUNS = 5 };
    static struct golden g;
    struct job j = { 0 };
    float loss;
    REQUIRE(read_golden(&g));
    REQUIRE(open_job(ctx, &j));
    lattn_graph *graph = capture(ctx, &j);
    REQUIRE(graph != NULL);
    for (int i = 0; i < WARM_UP; i++)
        replay(&j, graph, &g, i % N_BATCHES);
    EXPECT_OK(lattn_graph_read(graph, 0, 0, &loss, sizeof loss));
    lattn_stats before = lattn_ctx_stats(ctx);
    for (int i = 0; i < RUNS; i++)
        replay(&j, graph, &g, i % N_BATCHES);
    lattn_stats after = lattn_ctx_stats(ctx);
    EXPECT_EQ(after.graph_runs - before.graph_runs, RUNS);
    EXPECT_EQ(after.submits - before.submits, RUNS);
    EXPECT(after.dispatches - before.dispatches >= 100 * RUNS);
    EXPECT_EQ(after.commands_recorded, before.commands_recorded);
    EXPECT_EQ(after.barriers, before.barriers);
    EXPECT_EQ(after.descriptor_writes, before.descriptor_writes);
    EXPECT_EQ(after.pipelines_created, before.pipelines_created);
    EXPECT_EQ(after.device_allocations, before.device_allocations);
    EXPECT_EQ(after.slice_allocations, before.slice_allocations);
    EXPECT_EQ(after.host_allocations, before.host_allocations);
    EXPECT_OK(lattn_graph_read(graph, 0, 0, &loss, sizeof loss));
    lattn_graph_destroy(&graph);
    close_job(&j);
}

// In a context whose submissions are never cut anew: on a busy machine times grow at any moment.
GPU_TEST(bert, a_replayed_training_step_only_submits)
{
    lattn_ctx *own = NULL;
    (void) ctx;
    setenv("LATTN_SUBMIT_MS", "60000", 1);
    lattn_status st = lattn_ctx_create(NULL, &own);
    unsetenv("LATTN_SUBMIT_MS");
    REQUIRE(st == LATTN_OK);
    only_submits(own);
    lattn_ctx_destroy(&own);
}
