// SPDX-License-Identifier: MIT
//
// Whole runs of the training loop on a task of a few numbers: captured or not, in one piece or resumed, and
// on a disk that fails at every single call (io/disk.h).

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "io/disk.h"
#include "tensor/kernel.h"

enum { N_FEATURES = 4, N_CLASSES = 3, BATCH = 6, N_BATCHES = 4, N_STEPS = 4, N_WEIGHTS = 12 };

// ---- the task: a linear classifier ------------------------------------------------------------------

// What the next runs compute with, and the loss scale they begin with.
static struct {
    lattn_dtype dtype;
    float init_scale;
    float first;  // what the first number of each batch is, instead; 0 = as it is
} precision;

struct task {
    lattn_ctx *ctx;
    lattn_module *line;
    lattn_optim *optim;
    float x[N_BATCHES][BATCH][N_FEATURES];
    int32_t labels[N_BATCHES][BATCH];
    int64_t next;
};

static lattn_status next_batch(void *user, lattn_fields *out)
{
    struct task *t = user;
    *out = (lattn_fields){ 0 };
    if (t->next == N_BATCHES) {
        t->next = 0;
        return LATTN_OK;
    }
    out->field[0] = (lattn_field){
        .dtype = LATTN_DTYPE_F32, .rank = 2, .dim = { BATCH, N_FEATURES }, .data = t->x[t->next]
    };
    out->field[1] = (lattn_field){
        .dtype = LATTN_DTYPE_I32, .rank = 1, .dim = { BATCH }, .data = t->labels[t->next]
    };
    out->n_fields = 2;
    out->n_samples = BATCH;
    out->labels = t->labels[t->next++];
    return LATTN_OK;
}

static lattn_status seek(void *user, int64_t epoch, int64_t index)
{
    (void) epoch;
    ((struct task *) user)->next = index;
    return LATTN_OK;
}

static lattn_tensor *evaluate(
    lattn_ctx *ctx, void *user, lattn_tensor *const *fields, lattn_tensor **logits)
{
    struct task *t = user;
    lattn_tensor *x = lattn_cast(ctx, fields[0], lattn_module_dtype(t->line));
    *logits = lattn_linear_forward(ctx, t->line, x, LATTN_EPILOGUE_NONE);
    return lattn_cross_entropy(ctx, *logits, fields[1], NULL);
}

static lattn_tensor *loss(lattn_ctx *ctx, void *user, lattn_tensor *const *fields)
{
    lattn_tensor *logits;
    return evaluate(ctx, user, fields, &logits);
}

static lattn_status save(void *user, const char *dir)
{
    struct task *t = user;
    char path[600];
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    return lattn_module_save(t->line, path);
}

static lattn_status load(void *user, const char *dir)
{
    struct task *t = user;
    lattn_safetensors *file = NULL;
    lattn_status st = lattn_safetensors_open(dir, NULL, &file);
    if (!st)
        st = lattn_module_load(t->line, file, NULL, NULL);
    lattn_safetensors_close(&file);
    return st;
}

// The same weights every time.
static void open_task(lattn_ctx *ctx, struct task *t)
{
    static const float none[N_WEIGHTS] = { 0 };
    lattn_linear_params params = { .in_features = N_FEATURES, .out_features = N_CLASSES };
    lattn_adamw_params adamw = { .common = { .lr = 0.1f,
                                     .weight_decay = 0.01f,
                                     .loss_scale.init_scale = precision.init_scale } };
    lattn_parameter list[2];
    int n = 0;
    *t = (struct task){ .ctx = ctx };
    for (int i = 0; i < N_BATCHES * BATCH; i++) {
        t->labels[i / BATCH][i % BATCH] = i % N_CLASSES;
        for (int f = 0; f < N_FEATURES; f++)
            t->x[i / BATCH][i % BATCH][f] =
                (float) ((i * 7 + f * 5) % 11) * 0.1f + (float) (i % N_CLASSES == f);
    }
    EXPECT_OK(lattn_linear_create(ctx, &params, &t->line));
    EXPECT_OK(lattn_module_parameters(t->line, list, 2, &n));
    for (int i = 0; i < n; i++)
        EXPECT_OK(lattn_tensor_write(
            list[i].tensor, none, (size_t) lattn_tensor_numel(list[i].tensor) * sizeof *none));
    for (int b = 0; b < N_BATCHES && precision.first != 0; b++)
        t->x[b][0][0] = precision.first;
    EXPECT_OK(lattn_module_to_dtype(t->line, precision.dtype));
    EXPECT_OK(lattn_adamw_create(ctx, t->line, &adamw, &t->optim));
}

static void close_task(struct task *t)
{
    lattn_optim_destroy(&t->optim);
    lattn_module_destroy(&t->line);
}

struct outcome {
    lattn_status status;
    lattn_train_result result;
    float weights[N_WEIGHTS];
};

// One run from its own weights; what differs from the usual is in p.
static struct outcome run(lattn_ctx *ctx, const char *dir, lattn_train_params p)
{
    struct outcome o = { .status = LATTN_OK };
    struct task t;
    open_task(ctx, &t);
    p.task = (lattn_task){
        .user = &t,
        .module = t.line,
        .loss = loss,
        .evaluate = evaluate,
        .n_classes = N_CLASSES,
        .save = save,
        .load = load,
    };
    p.train = (lattn_source){
        .user = &t,
        .n_batches = N_BATCHES,
        .n_samples = N_BATCHES * BATCH,
        .next = next_batch,
        .seek = seek,
    };
    p.optim = t.optim;
    p.lr = 0.1f;
    p.max_steps = p.max_steps ? p.max_steps : N_STEPS;
    p.output_dir = dir;
    o.status = lattn_train(ctx, &p, &o.result);
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_master(t.line, "weight"), o.weights, N_WEIGHTS));
    close_task(&t);
    return o;
}

static const char *folder(const char *name)
{
    static char paths[4][400];
    static int turn;
    char *path = paths[turn++ & 3];
    snprintf(path, sizeof paths[0], "%s/%s", lt_temp_dir(), name);
    return path;
}

static void expect_same(const struct outcome *a, const struct outcome *b)
{
    EXPECT_OK(a->status);
    EXPECT_OK(b->status);
    EXPECT_EQ(a->result.n_steps, b->result.n_steps);
    EXPECT(memcmp(a->weights, b->weights, sizeof a->weights) == 0);
}

// ---- runs that go well ------------------------------------------------------------------------------

GPU_TEST(run, a_linear_task_is_learnt)
{
    struct outcome o = run(ctx, folder("out"), (lattn_train_params){ .max_steps = 60 });
    EXPECT_OK(o.status);
    EXPECT_EQ(o.result.n_steps, 60);
    EXPECT(o.result.train_loss < 0.4);
}

GPU_TEST(run, eager_and_captured_steps_give_the_same_bits)
{
    for (int accumulation = 1; accumulation <= 3; accumulation += 2) {
        struct outcome a = run(ctx, folder(accumulation == 1 ? "a" : "a3"),
            (lattn_train_params){ .accumulation_steps = accumulation });
        struct outcome b = run(ctx, folder(accumulation == 1 ? "b" : "b3"),
            (lattn_train_params){ .accumulation_steps = accumulation, .eager = true });
        expect_same(&a, &b);
    }
}

// What is measured changes nothing else: the first run of a step is recorded, and all others are replays with the
// kernels that a later run finds chosen.
GPU_TEST(run, kernels_can_be_measured_in_the_first_steps)
{
    lattn_ctx *own = NULL;  // what is measured goes with it
    REQUIRE(lattn_ctx_create(&(lattn_ctx_params){ .device = lattn_ctx_device(ctx)->uuid }, &own) ==
            LATTN_OK);
    lat_strategy_disable(own, LAT_STRATEGY_COOPMAT, true);
    lat_strategy_disable(own, LAT_STRATEGY_SUBGROUP, true);
    lattn_set_tuning(own, true);
    uint64_t before = lattn_ctx_stats(own).graph_runs;
    struct outcome first = run(own, folder("a"), (lattn_train_params){ .accumulation_steps = 1 });
    EXPECT_EQ(lattn_ctx_stats(own).graph_runs - before, (uint64_t) N_STEPS - 1);
    EXPECT(lattn_tuning_count(own) > 0 || !lat_strategy_is_free(own));
    lattn_set_tuning(own, false);
    struct outcome second = run(own, folder("b"), (lattn_train_params){ .accumulation_steps = 1 });
    expect_same(&first, &second);
    lattn_ctx_destroy(&own);
}

// A gradient over all batches of an epoch, against plain arithmetic: the first update of AdamW goes by the
// rate against the gradient's sign.
GPU_TEST(run, accumulated_gradients_are_means)
{
    struct task t;
    double grad[N_CLASSES][N_FEATURES] = { { 0 } };
    open_task(ctx, &t);
    for (int i = 0; i < N_BATCHES * BATCH; i++) {
        for (int c = 0; c < N_CLASSES; c++)
            for (int f = 0; f < N_FEATURES; f++)
                grad[c][f] += (1.0 / N_CLASSES - (t.labels[i / BATCH][i % BATCH] == c)) *
                              (double) t.x[i / BATCH][i % BATCH][f];
    }
    close_task(&t);
    struct outcome o = run(ctx, folder("out"),
        (lattn_train_params){ .accumulation_steps = N_BATCHES, .max_steps = 1 });
    EXPECT_OK(o.status);
    for (int i = 0; i < N_WEIGHTS; i++)
        EXPECT_NEAR(o.weights[i], grad[i / N_FEATURES][i % N_FEATURES] > 0 ? -0.1 : 0.1, 1e-4);
}

GPU_TEST(run, stopped_and_resumed_gives_the_same_bits)
{
    for (int eager = 0; eager < 2; eager++) {
        const lattn_train_params usual = {
            .accumulation_steps = 2, .save_steps = 2, .eager = eager
        };
        lattn_train_params first = usual, second = usual;
        const volatile int stop = 1;
        const char *dir = folder(eager ? "cut_eager" : "cut");
        first.stop = &stop;
        second.resume = "true";
        struct outcome whole = run(ctx, folder(eager ? "whole_eager" : "whole"), usual);
        struct outcome part = run(ctx, dir, first);
        EXPECT_STATUS(part.status, LATTN_ERR_INTERRUPTED);
        EXPECT_EQ(part.result.n_steps, 1);
        struct outcome rest = run(ctx, dir, second);
        EXPECT(rest.result.resumed);
        expect_same(&whole, &rest);
    }
}

// ---- in 16 bits -------------------------------------------------------------------------------------

// Where the device has not this dtype the test is skipped.
static bool begin_precision(lattn_ctx *ctx, lattn_dtype dtype, float init_scale, float first)
{
    lattn_tensor *one = NULL;
    lattn_status st = lattn_tensor_create(ctx, dtype, 0, NULL, &one);
    lattn_tensor_release(&one);
    if (st)
        lt_skip("%s", lattn_error(ctx));
    else {
        precision.dtype = dtype;
        precision.init_scale = init_scale;
        precision.first = first;
    }
    return !st;
}

static void end_precision(void)
{
    memset(&precision, 0, sizeof precision);
}

static void expect_in_file(const char *dir, const char *name, const char *part)
{
    char path[600], *text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    EXPECT_OK(lat_file_read_all(path, 1 << 20, &text, &n));
    EXPECT_CONTAINS(text, part);
    lat_free(text);
}

// The scale falls from 2^21 through the first updates: whole, with every step recorded anew, and cut in the
// middle of them and resumed, the same bits, the same scale.
GPU_TEST(run, f16_is_the_same_captured_eager_and_resumed_through_overflows)
{
    const lattn_train_params usual = {
        .accumulation_steps = 2, .save_steps = 2, .max_steps = 10, .logging_steps = 1
    };
    lattn_train_params eager = usual, first = usual, second = usual;
    const volatile int stop = 1;
    if (!begin_precision(ctx, LATTN_DTYPE_F16, 0x1p21f, 0))
        return;
    eager.eager = true;
    first.stop = &stop;
    second.resume = "true";
    struct outcome whole = run(ctx, folder("whole"), usual);
    struct outcome other = run(ctx, folder("eager"), eager);
    expect_same(&whole, &other);
    struct outcome part = run(ctx, folder("cut"), first);
    EXPECT_STATUS(part.status, LATTN_ERR_INTERRUPTED);
    struct outcome rest = run(ctx, folder("cut"), second);
    EXPECT(rest.result.resumed);
    expect_same(&whole, &rest);
    EXPECT(whole.result.train_loss < 1);
    expect_in_file(folder("cut"), "metrics.jsonl", "\"loss_scale\":131072.0,\"skipped_steps\":4");
    expect_in_file(folder("whole"), "metrics.jsonl", "\"loss_scale\":131072.0,\"skipped_steps\":4");
    end_precision();
}

// An infinity in every batch: the scale falls below 1 and the run ends, with what it had as a checkpoint.
GPU_TEST(run, a_loss_scale_that_falls_below_1_ends_the_run)
{
    static const float none[N_WEIGHTS] = { 0 };
    const char *dir = folder("out");
    if (!begin_precision(ctx, LATTN_DTYPE_F16, 8, INFINITY))
        return;
    struct outcome o = run(ctx, dir, (lattn_train_params){ .max_steps = 20 });
    EXPECT_STATUS(o.status, LATTN_ERR_NOT_FINITE);
    EXPECT_CONTAINS(lattn_error(NULL), "the loss scale has fallen to 0.");
    EXPECT(o.result.n_steps < 8);
    EXPECT(memcmp(o.weights, none, sizeof none) == 0);
    char checkpoint[64];
    snprintf(
        checkpoint, sizeof checkpoint, "checkpoint-%d/trainer_state.json", (int) o.result.n_steps);
    expect_in_file(dir, checkpoint, "global_step");
    end_precision();
}

// bf16 has no scale that could fall: the first such batch ends the run, as in f32.
GPU_TEST(run, bf16_trains_and_stops_at_an_infinity)
{
    if (!begin_precision(ctx, LATTN_DTYPE_BF16, 0, 0))
        return;
    struct outcome o = run(ctx, folder("out"), (lattn_train_params){ .max_steps = 60 });
    EXPECT_OK(o.status);
    EXPECT(o.result.train_loss < 0.4);
    precision.first = INFINITY;
    o = run(ctx, folder("bad"), (lattn_train_params){ .max_steps = 20 });
    EXPECT_STATUS(o.status, LATTN_ERR_NOT_FINITE);
    EXPECT_CONTAINS(lattn_error(NULL), "update 1: loss");
    end_precision();
}

// ---- resuming elsewhere -----------------------------------------------------------------------------

static char heard[4096];

static void hear(void *user, lattn_log_level level, const char *message)
{
    (void) user;
    if (level == LATTN_LOG_WARN)
        snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s\n", message);
}

static void replace_in(const char *path, const char *old, const char *new)
{
    char *text = NULL, changed[16384];
    size_t n = 0;
    EXPECT_OK(lat_file_read_all(path, sizeof changed - 256, &text, &n));
    const char *at = strstr(text, old);
    REQUIRE(at != NULL);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int) (at - text), text, new, at + strlen(old));
    EXPECT_OK(lat_file_replace(path, changed, strlen(changed)));
    lat_free(text);
}

// What keeps the bits from being the same is told; the checkpoint names it.
GPU_TEST(run, resuming_on_another_driver_version_or_kernel_is_told)
{
    static const char *const members[] = { "driver", "version", "strategies" };
    for (size_t i = 0; i < LAT_COUNT(members); i++) {
        const char *dir = folder(members[i]);
        char state[600], path[600], old[64];
        EXPECT_OK(run(ctx, dir, (lattn_train_params){ .max_steps = 1 }).status);
        snprintf(state, sizeof state, "%s/checkpoint-1/trainer_state.json", dir);
        snprintf(path, sizeof path, "%s/checkpoint-1/manifest.json", dir);
        // A manifest of the changed file, as a machine with that driver would have written it.
        snprintf(old, sizeof old, i == 2 ? "\"softmax\": \"" : "\"%s\": \"", members[i]);
        char new[80];
        snprintf(new, sizeof new, "%sother ", old);
        lattn_checkpoint *c;
        EXPECT_OK(lattn_checkpoint_begin(dir, 1, &c));
        const char *const files[] = { "model.safetensors", "optimizer.safetensors",
            "trainer_state.json" };
        for (size_t f = 0; f < LAT_COUNT(files); f++) {
            char from[600], to[600], *data = NULL;
            size_t n = 0;
            snprintf(from, sizeof from, "%s/checkpoint-1/%s", dir, files[f]);
            snprintf(to, sizeof to, "%s/%s", lattn_checkpoint_dir(c), files[f]);
            EXPECT_OK(lat_file_read_all(from, 1 << 20, &data, &n));
            EXPECT_OK(lat_file_replace(to, data, n));
            lat_free(data);
            if (f == 2)
                replace_in(to, old, new);
        }
        EXPECT_OK(lattn_checkpoint_commit(&c));
        heard[0] = 0;
        lattn_log_set(hear, NULL);
        EXPECT_OK(run(ctx, dir, (lattn_train_params){ .max_steps = 1, .resume = "true" }).status);
        lattn_log_set(NULL, NULL);
        EXPECT_CONTAINS(heard, "other ");
        EXPECT_CONTAINS(heard, "not bit for bit the same");
    }
}

// ---- a disk that fails ------------------------------------------------------------------------------

static lattn_status no_half_checkpoint(void *user, const char *name)
{
    if (strncmp(name, ".tmp-checkpoint", 15) == 0)
        lt_fail(__FILE__, __LINE__, "call %d: %s was left behind", *(int *) user, name);
    return LATTN_OK;
}

// Only what comes before the first update and the last save may end a run, and nothing saved is lost. The
// disk is full at every other call, and broken at those between.
GPU_TEST(run, a_failing_disk_is_survived)
{
    const int64_t last = 3;
    const lattn_train_params usual = {
        .max_steps = last, .save_steps = 1, .logging_steps = 1, .eval_steps = 2
    };
    char dir[400];
    snprintf(dir, sizeof dir, "%s", folder("whole"));
    struct outcome whole = run(ctx, dir, usual);
    snprintf(dir, sizeof dir, "%s", folder("out"));
    int n_calls = 1, n_warned = 0, n_ended = 0;
    for (int at = 0; at < n_calls && !lt_failed(); at++) {
        EXPECT_OK(lat_dir_remove_all(dir));
        lt_disk_begin(dir, at, at % 2 ? LT_DISK_EIO : LT_DISK_ENOSPC);
        struct outcome o = run(ctx, dir, usual);
        n_calls = LAT_MAX(lt_disk_end(), at + (o.status ? 2 : 0));
        n_ended += o.status != LATTN_OK;
        n_warned += !o.status;
        if (lat_path_is_dir(dir))
            EXPECT_OK(lat_dir_each(dir, no_half_checkpoint, &at));
        if (o.status &&
            (o.status != LATTN_ERR_IO || (o.result.n_steps != 0 && o.result.n_steps != last)))
            lt_fail(__FILE__, __LINE__, "the run ends after %d updates: %s", (int) o.result.n_steps,
                lattn_error(NULL));
        if (!o.status)
            expect_same(&whole, &o);
        lattn_train_params again = usual;
        again.resume = "true";
        struct outcome rest = run(ctx, dir, again);
        EXPECT(rest.result.resumed || (o.status && o.result.n_steps == 0));
        expect_same(&whole, &rest);
        if (lt_failed())
            lt_fail(__FILE__, __LINE__, "call %d of %d failed", at, n_calls);
    }
    EXPECT(n_warned > 60 && n_ended > 10);
}
