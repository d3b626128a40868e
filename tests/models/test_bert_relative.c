// SPDX-License-Identifier: MIT
//
// BERT with embeddings of distances against transformers (tests/golden/make_bert_relative.py): folders as it
// writes them, logits and gradients of a batch with padding.

#include "harness/harness.h"

enum { B = 4, T = 9, N_LABELS = 3, HEAD = 8, N_DISTANCES = 23 };

static const char *const tables[] = {
    "bert.encoder.layer.0.attention.self.distance_embedding.weight",
    "bert.encoder.layer.1.attention.self.distance_embedding.weight",
};

static void read_array(
    lattn_safetensors *f, const char *name, lattn_dtype dtype, void *data, size_t bytes)
{
    int64_t i = lattn_safetensors_find(f, name);
    REQUIRE(i >= 0);
    EXPECT_OK(lattn_safetensors_read(f, (size_t) i, dtype, data, bytes));
}

struct golden {
    lattn_safetensors *file;
    int32_t ids[B * T], lengths[B], labels[B];
    float logits[B * N_LABELS];
};

static const char *folder_of(const char *kind)
{
    char name[64];
    snprintf(name, sizeof name, "golden/bert_relative/%s", kind);
    return lt_source_path(name);
}

static void open_golden(struct golden *g, const char *kind)
{
    char name[96];
    snprintf(name, sizeof name, "golden/bert_relative/%s/golden.safetensors", kind);
    REQUIRE(!lattn_safetensors_open(lt_source_path(name), NULL, &g->file));
    read_array(g->file, "input_ids", LATTN_DTYPE_I32, g->ids, sizeof g->ids);
    read_array(g->file, "lengths", LATTN_DTYPE_I32, g->lengths, sizeof g->lengths);
    read_array(g->file, "labels", LATTN_DTYPE_I32, g->labels, sizeof g->labels);
    read_array(g->file, "logits", LATTN_DTYPE_F32, g->logits, sizeof g->logits);
}

static lattn_tensor *logits_of(lattn_ctx *ctx, lattn_bert *bert, const struct golden *g)
{
    lattn_bert_inputs inputs = { 0 };
    inputs.input_ids = lattn_from_i32(ctx, 2, (int64_t[]){ B, T }, g->ids);
    inputs.lengths = lattn_from_i32(ctx, 1, (int64_t[]){ B }, g->lengths);
    return lattn_bert_classify(ctx, bert, &inputs);
}

static void expect_gradient(const struct golden *g, lattn_bert *bert, const char *name)
{
    char of[96];
    float got[N_DISTANCES * HEAD * 2], want[N_DISTANCES * HEAD * 2];
    lattn_tensor *p = lattn_module_parameter(lattn_bert_module(bert), name);
    int64_t n = p ? lattn_tensor_numel(p) : 0;
    REQUIRE(n > 0 && n <= N_DISTANCES * HEAD * 2);
    snprintf(of, sizeof of, "grad.%s", name);
    read_array(g->file, of, LATTN_DTYPE_F32, want, (size_t) n * sizeof *want);
    EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(p), got, n));
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double) want[i]));
        worst = fmax(worst, fabs((double) got[i] - (double) want[i]));
    }
    if (!(largest > 0 && worst <= 1e-4 * largest))
        lt_fail(__FILE__, __LINE__, "%s: off by %g, the largest is %g", of, worst, largest);
}

static void expect_transformers(lattn_ctx *ctx, const char *kind)
{
    struct golden g;
    lattn_bert *bert = NULL;
    lattn_load_report report;
    float logits[B * N_LABELS];
    open_golden(&g, kind);
    REQUIRE(!lattn_bert_load(ctx, folder_of(kind), 0, NULL, &report, &bert));
    EXPECT(report.n_missing == 0 && report.n_unused == 0);
    lattn_tensor *y = logits_of(ctx, bert, &g);
    lattn_tensor *labels = lattn_from_i32(ctx, 1, (int64_t[]){ B }, g.labels);
    lattn_tensor *loss = lattn_cross_entropy(ctx, y, labels, NULL);
    EXPECT_OK(lattn_backward(ctx, loss, NULL));
    EXPECT_OK(lattn_tensor_read_f32(y, logits, B * N_LABELS));
    for (int i = 0; i < B * N_LABELS; i++)
        EXPECT_NEAR((double) logits[i], (double) g.logits[i], 1e-5);
    expect_gradient(&g, bert, tables[0]);
    expect_gradient(&g, bert, tables[1]);
    expect_gradient(&g, bert, "bert.encoder.layer.0.attention.self.key.weight");
    lattn_safetensors_close(&g.file);
    lattn_bert_destroy(&bert);
}

GPU_TEST(bert_relative, key_is_transformers)
{
    expect_transformers(ctx, "relative_key");
}

GPU_TEST(bert_relative, key_query_is_transformers)
{
    expect_transformers(ctx, "relative_key_query");
}

GPU_TEST(bert_relative, a_saved_folder_is_the_loaded_one)
{
    struct golden g;
    lattn_bert *bert = NULL, *again = NULL;
    lattn_load_report report;
    float a[B * N_LABELS], b[B * N_LABELS];
    open_golden(&g, "relative_key_query");
    REQUIRE(!lattn_bert_load(ctx, folder_of("relative_key_query"), 0, NULL, NULL, &bert));
    EXPECT_OK(lattn_bert_save(bert, lt_temp_dir()));
    REQUIRE(!lattn_bert_load(ctx, lt_temp_dir(), 0, NULL, &report, &again));
    EXPECT(report.n_missing == 0 && report.n_unused == 0);
    EXPECT_EQ(lattn_bert_get_config(again)->relative, LATTN_RELATIVE_KEY_QUERY);
    EXPECT(lattn_module_parameter(
        lattn_bert_module(again), "bert.embeddings.position_embeddings.weight"));
    EXPECT_OK(lattn_tensor_read_f32(logits_of(ctx, bert, &g), a, B * N_LABELS));
    EXPECT_OK(lattn_tensor_read_f32(logits_of(ctx, again, &g), b, B * N_LABELS));
    EXPECT(!memcmp(a, b, sizeof a));
    lattn_safetensors_close(&g.file);
    lattn_bert_destroy(&bert);
    lattn_bert_destroy(&again);
}

// ---- training -------------------------------------------------------------------------------------

struct job {
    lattn_bert *bert;
    lattn_optim *optim;
    lattn_tensor *ids, *lengths, *labels;
};

static lattn_status step(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct job *j = user;
    lattn_bert_inputs inputs = { .input_ids = j->ids, .lengths = j->lengths };
    lattn_optim_zero_grad(j->optim);
    lattn_tensor *logits = lattn_bert_classify(ctx, j->bert, &inputs);
    outputs[0] = lattn_cross_entropy(ctx, logits, j->labels, NULL);
    lattn_status st = lattn_backward(ctx, outputs[0], NULL);
    return st ? st : lattn_optim_step(j->optim);
}

// The first number of a parameter.
static float one_of(const struct job *j, const char *name)
{
    float v[512] = { 0 };
    lattn_tensor *p = lattn_module_parameter(lattn_bert_module(j->bert), name);
    EXPECT(p != NULL);
    EXPECT_OK(lattn_tensor_read_f32(p, v, lattn_tensor_numel(p)));
    return v[N_DISTANCES / 2 * HEAD];
}

// Captured, so that nothing of a step comes from the host; with dropout.
GPU_TEST(bert_relative, a_captured_step_with_dropout_learns_a_batch)
{
    enum { STEPS = 25 };
    struct golden g;
    struct job j = { 0 };
    lattn_graph *graph = NULL;
    float first = 0, last = 0;
    open_golden(&g, "relative_key");
    lattn_bert_config c;
    char path[400];
    snprintf(path, sizeof path, "%s/config.json", folder_of("relative_key"));
    REQUIRE(!lattn_bert_config_load(path, &c));
    c.hidden_dropout_prob = c.attention_probs_dropout_prob = 0.1;
    REQUIRE(!lattn_bert_create(ctx, &c, &j.bert));
    lattn_bert_config_free(&c);
    lattn_adamw_params adamw = { .common = { .lr = 1e-2f } };
    REQUIRE(!lattn_adamw_create(ctx, lattn_bert_module(j.bert), &adamw, &j.optim));
    REQUIRE(!lattn_tensor_create(ctx, LATTN_DTYPE_I32, 2, (int64_t[]){ B, T }, &j.ids));
    REQUIRE(!lattn_tensor_create(ctx, LATTN_DTYPE_I32, 1, (int64_t[]){ B }, &j.lengths));
    REQUIRE(!lattn_tensor_create(ctx, LATTN_DTYPE_I32, 1, (int64_t[]){ B }, &j.labels));
    EXPECT_OK(lattn_tensor_write(j.ids, g.ids, sizeof g.ids));
    EXPECT_OK(lattn_tensor_write(j.lengths, g.lengths, sizeof g.lengths));
    EXPECT_OK(lattn_tensor_write(j.labels, g.labels, sizeof g.labels));
    float table = one_of(&j, tables[0]);
    float unused = one_of(&j, "bert.embeddings.position_embeddings.weight");

    lattn_tensor *inputs[] = { lattn_optim_hyper(j.optim) };
    lattn_graph_params params = {
        .fn = step, .user = &j, .inputs = inputs, .n_inputs = 1, .n_outputs = 1
    };
    EXPECT_OK(lattn_graph_create(ctx, &params, &graph));
    for (int i = 0; i < STEPS && graph; i++) {
        unsigned char hyper[LATTN_OPTIM_HYPER_BYTES];
        EXPECT_OK(lattn_optim_advance(j.optim, 1e-2f, hyper, sizeof hyper));
        EXPECT_OK(lattn_graph_write(graph, 0, hyper, sizeof hyper));
        EXPECT_OK(lattn_graph_run(graph));
        if (i == 0)
            EXPECT_OK(lattn_graph_read(graph, 0, 0, &first, sizeof first));
    }
    EXPECT_OK(lattn_graph_read(graph, 0, 0, &last, sizeof last));
    EXPECT(first > 0.5f && last < 0.25f * first);
    EXPECT(one_of(&j, tables[0]) != table);
    EXPECT(one_of(&j, "bert.embeddings.position_embeddings.weight") == unused);
    lattn_graph_destroy(&graph);
    lattn_safetensors_close(&g.file);
    lattn_tensor_release(&j.ids);
    lattn_tensor_release(&j.lengths);
    lattn_tensor_release(&j.labels);
    lattn_optim_destroy(&j.optim);
    lattn_bert_destroy(&j.bert);
}

GPU_TEST(bert_relative, more_tokens_than_distances_are_refused)
{
    lattn_tensor *q = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 1, 2, 5, 4 });
    lattn_tensor *table = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 7, 4 });
    EXPECT(!lattn_relative_scores(ctx, q, q, table, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "relative_scores: 5 queries, 5 keys: table [7, 4] has distances for 1 to 4");
    table = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 8, 4 });
    EXPECT(!lattn_relative_scores(ctx, q, q, table, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "[2 P - 1, D]");
    lattn_module *m = NULL;
    lattn_attention_params p = { .embed_dim = 8, .n_heads = 2, .relative = LATTN_RELATIVE_KEY };
    EXPECT_STATUS(lattn_multihead_attention_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "relative needs max_positions, it is 0");
    p = (lattn_attention_params){ 8, 2, .n_kv_heads = 1, .max_positions = 4 };
    p.relative = LATTN_RELATIVE_KEY_QUERY;
    EXPECT_STATUS(lattn_multihead_attention_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "as many heads of both, not 1 and 2");
}
