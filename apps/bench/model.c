// SPDX-License-Identifier: MIT
//
// lattn-bench model: whole training steps of BERT, captured and replayed as lattn-bert does it: forward,
// backward, clipping, AdamW. Every row has a context of its own, so that one that does not fit the memory
// leaves the others alone.
//
// FLOPs are those of the matrix products, forward and twice that backward; norms, softmax, GELU and the
// optimiser count as none, as is usual (Kaplan et al. 2020, arXiv:2001.08361, table 1).

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench/bench.h"
#include "bench/row.h"
#include "common/tuned.h"
#include "common/precision.h"
#include "common/run.h"
#include "ops/stopwatch.h"

static const char name[] = "lattn-bench model";

enum { MAX_SHAPES = 8, N_LABELS = 26 };

struct shape {
    int batch, tokens;
};

// What is timed where no sizes are given.
static const struct network {
    const char *name;
    lattn_bert_config config;
    struct shape shapes[MAX_SHAPES];
} networks[] = {
    { "wordnet",
        { .vocab_size = 16000,
            .hidden_size = 128,
            .num_hidden_layers = 2,
            .num_attention_heads = 2,
            .intermediate_size = 512,
            .max_position_embeddings = 512 },
        { { 64, 32 }, { 64, 64 } } },
    { "bert-base", { 0 },
        { { 8, 128 }, { 32, 128 }, { 64, 128 }, { 8, 384 }, { 32, 384 }, { 8, 512 } } },
    { "bert-large",
        { .hidden_size = 1024,
            .num_hidden_layers = 24,
            .num_attention_heads = 16,
            .intermediate_size = 4096 },
        { { 8, 128 }, { 32, 128 }, { 8, 384 }, { 8, 512 } } },
};
enum { N_NETWORKS = sizeof networks / sizeof networks[0] };

struct report {
    const char *device;
    int batch, tokens;
    bool quick, json, tune;
    struct precision precision;
    struct ot_peaks peaks;
    bool any;
};

// ---- a training step ----------------------------------------------------------------------------------

// What the first use of a shape takes beyond a step, in seconds.
struct first_use {
    double wall, cpu;  // cpu: of all threads; on a CPU driver the step's own are in both runs
};

struct step {
    lattn_ctx *ctx;
    lattn_bert *bert;
    lattn_optim *optim;
    lattn_graph *graph;
    lattn_tensor *ids, *lengths, *labels;
    struct shape shape;
    lattn_stats before, captured, measured;  // counters around the capture, and at the end
    struct ot_measurement time;
    struct first_use first;
    struct first_use second;  // of another length, when the pipelines of the first are there
    uint64_t second_pipelines;
};

static lattn_status record(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct step *s = user;
    lattn_status st;
    lattn_optim_zero_grad(s->optim);
    const lattn_bert_inputs inputs = { .input_ids = s->ids, .lengths = s->lengths };
    lattn_tensor *logits = lattn_bert_classify(ctx, s->bert, &inputs);
    outputs[0] = lattn_cross_entropy(ctx, logits, s->labels, NULL);
    TRY(lattn_optim_backward(s->optim, outputs[0], 1));
    TRY(lattn_optim_step(s->optim));

done:
    return st;
}

// An i32 tensor of numbers below limit, or of limit itself where all are alike.
static lattn_status numbers(
    lattn_ctx *ctx, int rank, const int64_t *dims, int32_t limit, bool alike, lattn_tensor **out)
{
    int64_t n = dims[0] * (rank > 1 ? dims[1] : 1);
    int32_t *v = malloc((size_t) n * sizeof *v);
    uint32_t state = 1;
    for (int64_t i = 0; v && i < n; i++) {
        state = state * 1664525u + 1013904223u;
        v[i] = alike ? limit : (int32_t) (state >> 8) % limit;
    }
    lattn_status st =
        v ? lattn_tensor_create(ctx, LATTN_DTYPE_I32, rank, dims, out) : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lattn_tensor_write(*out, v, (size_t) n * sizeof *v);
    free(v);
    return st;
}

static lattn_status make_batch(struct step *s)
{
    const int64_t dims[] = { s->shape.batch, s->shape.tokens };
    lattn_status st;
    int32_t vocabulary = (int32_t) lattn_bert_get_config(s->bert)->vocab_size;
    TRY(numbers(s->ctx, 2, dims, vocabulary, false, &s->ids));
    TRY(numbers(s->ctx, 1, dims, s->shape.tokens, true, &s->lengths));
    TRY(numbers(s->ctx, 1, dims, N_LABELS, false, &s->labels));

done:
    return st;
}

static lattn_status submit(lattn_ctx *ctx, void *user, int n)
{
    struct step *s = user;
    unsigned char hyper[LATTN_OPTIM_HYPER_BYTES];
    lattn_status st = LATTN_OK;
    (void) ctx;
    for (int i = 0; i < n; i++) {
        TRY(lattn_optim_advance(s->optim, 2e-5f, hyper, sizeof hyper));
        TRY(lattn_graph_write(s->graph, 0, hyper, sizeof hyper));
        TRY(lattn_graph_run(s->graph));
    }

done:
    return st;
}

// One step that is not captured, because nothing can be measured while a step is.
static lattn_status tune(struct step *s)
{
    lattn_tensor *loss;
    lattn_set_tuning(s->ctx, true);
    lattn_status st = lattn_step_begin(s->ctx);
    if (!st)
        st = record(s->ctx, s, &loss);
    lattn_status end = lattn_step_end(s->ctx);
    st = st ? st : end;
    if (!st && tuned_finish(name, s->ctx))
        st = LATTN_ERR_IO;
    return st;
}

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void add_clocks(struct first_use *use, double factor)
{
    use->wall += factor * seconds_of(CLOCK_MONOTONIC);
    use->cpu += factor * seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

// Captures the step and runs it once, less a second run: pipelines are made here, and some drivers, lavapipe among
// them, go on compiling when a pipeline is dispatched first.
static lattn_status run_first(struct step *s, const lattn_graph_params *params)
{
    lattn_status st;
    s->first = (struct first_use){ 0 };
    TRY(lattn_sync(s->ctx));
    add_clocks(&s->first, -1);
    TRY(lattn_graph_create(s->ctx, params, &s->graph));
    TRY(submit(s->ctx, s, 1));
    TRY(lattn_sync(s->ctx));
    add_clocks(&s->first, 2);
    TRY(submit(s->ctx, s, 1));
    TRY(lattn_sync(s->ctx));
    add_clocks(&s->first, -1);
    s->first.wall = s->first.wall > 0 ? s->first.wall : 0;
    s->first.cpu = s->first.cpu > 0 ? s->first.cpu : 0;

done:
    return st;
}

// Batches of other lengths follow in training. What is left of first use then is capture, plan and memory that
// nobody has touched yet; pipelines are new only where a kernel is cut to the shape.
static lattn_status run_second(struct step *s, const lattn_graph_params *params)
{
    struct step other = *s;
    lattn_graph_params p = *params;
    uint64_t before = lattn_ctx_stats(s->ctx).pipelines_created;
    lattn_status st;
    other.graph = NULL;
    other.ids = other.lengths = other.labels = NULL;
    other.shape.tokens = (s->shape.tokens + 1) / 2;
    p.user = &other;
    TRY(make_batch(&other));
    TRY(run_first(&other, &p));
    s->second_pipelines = lattn_ctx_stats(s->ctx).pipelines_created - before;
    s->second = other.first;

done:
    lattn_graph_destroy(&other.graph);
    lattn_tensor_release(&other.ids);
    lattn_tensor_release(&other.lengths);
    lattn_tensor_release(&other.labels);
    return st;
}

static lattn_status run_step(const struct report *r, const struct network *network, struct step *s)
{
    const lattn_adamw_params adamw = {
        .common = { .lr = 2e-5f, .weight_decay = 0.01f, .max_grad_norm = 1 },
    };
    lattn_bert_config config = network->config;
    lattn_status st;
    config.num_labels = N_LABELS;
    TRY(lattn_bert_create(s->ctx, &config, &s->bert));
    TRY(precision_apply(&r->precision, lattn_bert_module(s->bert)));
    TRY(lattn_adamw_create(s->ctx, lattn_bert_module(s->bert), &adamw, &s->optim));
    TRY(make_batch(s));
    lattn_set_training(s->ctx, true);
    if (r->tune)
        TRY(tune(s));
    lattn_tensor *inputs[] = { lattn_optim_hyper(s->optim) };
    const lattn_graph_params params = {
        .fn = record, .user = s, .inputs = inputs, .n_inputs = 1, .n_outputs = 1
    };
    s->before = lattn_ctx_stats(s->ctx);
    TRY(run_first(s, &params));
    s->captured = lattn_ctx_stats(s->ctx);
    TRY(ot_measure_steps(s->ctx, submit, s, r->quick ? 0.1 : 2, r->quick ? 0.2 : 5, &s->time));
    s->measured = lattn_ctx_stats(s->ctx);
    TRY(run_second(s, &params));

done:
    return st;
}

static void close_step(struct step *s)
{
    lattn_graph_destroy(&s->graph);
    lattn_tensor_release(&s->ids);
    lattn_tensor_release(&s->lengths);
    lattn_tensor_release(&s->labels);
    lattn_optim_destroy(&s->optim);
    lattn_bert_destroy(&s->bert);
    lattn_ctx_destroy(&s->ctx);
}

// ---- what came of it ----------------------------------------------------------------------------------

static double flops_of(const struct step *s)
{
    const lattn_bert_config *c = lattn_bert_get_config(s->bert);
    double tokens = (double) s->shape.batch * s->shape.tokens, h = (double) c->hidden_size;
    double weights = 4 * h * h + 2 * h * (double) c->intermediate_size;
    double attention = 2 * h * s->shape.tokens;
    double head = (double) s->shape.batch * (h * h + h * c->num_labels);
    return 3 * 2 * (tokens * c->num_hidden_layers * (weights + attention) + head);
}

struct figures {
    double samples;                        // per second
    double dispatches, barriers, submits;  // of a step
    double pipeline_ms;  // time in which pipelines were made, of all threads together
};

static struct figures figures_of(const struct step *s)
{
    double runs = (double) (s->measured.graph_runs - s->captured.graph_runs);
    struct figures f = {
        .samples = s->shape.batch / s->time.wall_seconds,
        .dispatches = (double) (s->measured.dispatches - s->captured.dispatches) / runs,
        .submits = (double) (s->measured.submits - s->captured.submits) / runs,
    };
    f.pipeline_ms = 1e-6 * (double) s->measured.pipeline_ns;
    // Command buffers are recorded more than once (two runs may be under way, cuts move): their barriers
    // for each command, times the commands of a step.
    f.barriers = f.dispatches * (double) (s->measured.barriers - s->before.barriers) /
                 (double) (s->measured.commands_recorded - s->before.commands_recorded);
    return f;
}

static void print(struct report *r, const struct step *s, const char *name_of_row)
{
    struct figures f = figures_of(s);
    struct row row = {
        .seconds = s->time.seconds,
        .spread = s->time.spread,
        .wall_seconds = s->time.wall_seconds,
        .applications = s->time.applications,
        .work = { .flops = flops_of(s) },
    };
    snprintf(row.name, sizeof row.name, "%s", name_of_row);
    if (r->json) {
        row_print_json(&row, &r->peaks, !r->any);
        printf(",\n      \"samples_per_second\": %.6g,\n", f.samples);
        printf("      \"dispatches\": %.0f,\n      \"barriers\": %.0f,\n      \"submits\": %.2f,\n",
            f.dispatches, f.barriers, f.submits);
        printf("      \"peak_bytes\": %llu,\n      \"planned_bytes\": %llu,\n",
            (unsigned long long) s->measured.used_bytes_peak,
            (unsigned long long) s->measured.plan_bytes);
        printf("      \"pipelines\": %llu,\n      \"pipelines_cached\": %llu,\n",
            (unsigned long long) s->measured.pipelines_created,
            (unsigned long long) s->measured.pipelines_cached);
        printf("      \"pipeline_ms\": %.1f,\n      \"first_use_ms\": %.1f,\n", f.pipeline_ms,
            1e3 * s->first.wall);
        printf("      \"first_use_cpu_ms\": %.1f,\n      \"second_use_pipelines\": %llu,\n",
            1e3 * s->first.cpu, (unsigned long long) s->second_pipelines);
        printf("      \"second_use_ms\": %.1f,\n      \"second_use_cpu_ms\": %.1f\n    }",
            1e3 * s->second.wall, 1e3 * s->second.cpu);
    } else {
        row_print(&row, &r->peaks);
        printf("  %8.1f samples/s, %.2f ms  %5.0f dispatches, %4.0f barriers, %3.0f submits  %6.0f "
               "MB\n",
            f.samples, 1e3 * s->time.wall_seconds, f.dispatches, f.barriers, f.submits,
            1e-6 * (double) s->measured.used_bytes_peak);
        printf("  first use: %.0f ms, CPU %.0f ms; %llu pipelines, %llu from the cache, %.0f ms of "
               "all "
               "threads\n",
            1e3 * s->first.wall, 1e3 * s->first.cpu,
            (unsigned long long) s->measured.pipelines_created,
            (unsigned long long) s->measured.pipelines_cached, f.pipeline_ms);
        printf("  then of half the length: %.0f ms, CPU %.0f ms; %llu pipelines\n",
            1e3 * s->second.wall, 1e3 * s->second.cpu, (unsigned long long) s->second_pipelines);
    }
    fflush(stdout);
    r->any = true;
}

// ---- rows ---------------------------------------------------------------------------------------------

static int time_shape(struct report *r, const struct network *network, struct shape shape)
{
    struct step s = { .shape = shape };
    char row[96];
    int code = CLI_EXIT_OK;
    snprintf(row, sizeof row, "%s/b%d_t%d/%s/train", network->name, shape.batch, shape.tokens,
        r->precision.fp16   ? "f16"
        : r->precision.bf16 ? "bf16"
                            : "f32");
    const lattn_ctx_params params = { .device = r->device };
    lattn_status st = precision_open(&r->precision, &params, &s.ctx);
    if (!st)
        st = run_step(r, network, &s);
    if (st == LATTN_ERR_GPU_MEMORY)
        fprintf(stderr, "%s: %s is left out: %s\n", name, row, lattn_error(s.ctx));
    else if (st)
        code = cli_fail(name, st, s.ctx);
    else
        print(r, &s, row);
    close_step(&s);
    return code;
}

static int time_network(struct report *r, const struct network *network)
{
    int code = CLI_EXIT_OK;
    if (r->batch || r->tokens) {
        struct shape shape = network->shapes[0];
        shape.batch = r->batch ? r->batch : shape.batch;
        shape.tokens = r->tokens ? r->tokens : shape.tokens;
        return time_shape(r, network, shape);
    }
    for (int i = 0; i < MAX_SHAPES && network->shapes[i].batch && !code; i++)
        code = time_shape(r, network, network->shapes[i]);
    return code;
}

static const struct network *find(const char *wanted)
{
    for (int i = 0; i < N_NETWORKS; i++)
        if (strcmp(networks[i].name, wanted) == 0)
            return &networks[i];
    return NULL;
}

// The device's peaks, and the head of the report.
static int begin(struct report *r)
{
    int code;
    lattn_ctx *ctx = bench_open(name, r->device, &code);
    if (!ctx)
        return code;
    lattn_status st = ot_measure_peaks(ctx, &r->peaks);
    code = st ? cli_fail(name, st, ctx) : CLI_EXIT_OK;
    if (!st)
        row_say_peaks(name, &r->peaks);
    if (!st && r->json) {
        printf("{\n");
        bench_json_context(stdout, ctx, name);
        row_print_peaks(stdout, &r->peaks);
        printf("\n  },\n  \"benchmarks\": [");
    }
    lattn_ctx_destroy(&ctx);
    return code;
}

int bench_model(int argc, char **argv)
{
    struct report r = { 0 };
    const struct cli_opt opts[] = {
        CLI_STR("device", 'd', &r.device, "DEVICE", "index, UUID or part of the name"),
        CLI_INT("batch_size", 'b', &r.batch, 0, 65536, "rows of the batch; 0 = a list of sizes"),
        CLI_INT("seq_len", 'l', &r.tokens, 0, 512, "tokens of a row; 0 = a list of sizes"),
        PRECISION_OPTIONS(&r.precision),
        TUNE_OPTION(&r.tune),
        CLI_FLAG("quick", 'q', &r.quick, "0.2 s for each row instead of 5 s"),
        CLI_FLAG("json", 0, &r.json, "JSON instead of text"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary =
            "Measures whole training steps: wordnet (2 layers, 128 wide), bert-base, bert-large.",
        .operands = "[NETWORK...]",
        .opts = opts,
        .max_operands = N_NETWORKS,
        .notes =
            "A step is forward, backward, clipping and AdamW, captured once and replayed. The "
            "first time and GFLOP/s (of the matrix products) are of the device, beside its own "
            "multiply-add rate; samples/s and the second time are of wall time; barriers are those "
            "in the command buffers of a step. First use is what a new shape costs once: "
            "capture and first run, less a second run, by the clock and in CPU time of all "
            "threads; within it, the time in which threads made pipelines. Then the same for "
            "batches of half the length, which find most of them.",
    };
    struct cli_operands names;
    int code;
    if (!cli_parse(&cmd, argc, argv, &names, &code))
        return code;
    code = precision_check(name, &r.precision);
    if (code)
        return code;
    for (int i = 0; i < names.n; i++)
        if (!find(names.items[i]))
            return cli_usage_error(name,
                "there is no network '%s'; there are wordnet, bert-base and bert-large",
                names.items[i]);
    code = begin(&r);
    for (int i = 0; i < (names.n ? names.n : N_NETWORKS) && !code; i++)
        code = time_network(&r, names.n ? find(names.items[i]) : &networks[i]);
    if (r.json)
        printf("\n  ]\n}\n");
    return code;
}
