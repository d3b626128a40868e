// SPDX-License-Identifier: MIT
//
// Forecasts of numbers: a recurrent network reads steps of a series and says the next ones, all at once.
//
// It says what the naive forecast lacks: the value a season ago, or where there is no season the last one. Of a
// column that is forecast but not read nothing is known, there it says the whole. All is normalised by mean and
// deviation of the training part; figures are in the units of the file, beside those of the naive forecasts
// over the same windows.
//
//   fields   x [B, T, columns], targets [B, T_out targets], naive [B, T_out targets]

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/json.h"
#include "seq/seq.h"

enum { X, TARGETS, NAIVE };

// Of struct seq_more, of each target: absolute and squared errors of the model, of the last value, and of the value
// a season ago.
enum { BY_MODEL, BY_LAST, BY_SEASON, N_WAYS, N_VALUES = 2 * N_WAYS };

// ---- data -----------------------------------------------------------------------------------------

static lattn_status open_series(const char *path, const struct seq_config *c, lattn_dataset **out)
{
    lattn_series_params params = {
        .columns = (const char *const *) c->columns.item,
        .n_columns = c->columns.n,
        .targets = (const char *const *) c->targets.item,
        .n_targets = c->targets.n,
    };
    return lattn_series_open(path, &params, out);
}

static lattn_status add_names(struct seq_names *names, const struct cli_strs *given)
{
    lattn_status st = LATTN_OK;
    for (int i = 0; i < given->n && !st; i++)
        st = seq_names_add(names, given->items[i]);
    return st;
}

// Where no columns were named, the file has.
static lattn_status learn_names(struct seq_config *c, const lattn_dataset *d)
{
    lattn_status st = LATTN_OK;
    for (int i = 0, n = c->columns.n; !n && i < lattn_series_n_inputs(d); i++)
        TRY(seq_names_add(&c->columns, lattn_series_column(d, i)));
    for (int i = 0, n = c->targets.n; !n && i < lattn_series_n_targets(d); i++)
        TRY(seq_names_add(&c->targets, lattn_series_column(d, lattn_series_target(d, i))));

done:
    return st;
}

static lattn_status split(const struct seq_files *f, struct seq_data *d)
{
    double percent = (double) f->validation_split;
    const double ratios[] = { 100 - percent, percent };
    lattn_range parts[2];
    lattn_status st = LATTN_OK;
    if (!d->train.data || d->validation.data || percent <= 0)
        return LATTN_OK;
    TRY(lattn_sequence_split(d->train.data, ratios, 2, parts));
    d->train.part = parts[0];
    d->validation.data = d->train.data;
    d->validation.part = parts[1];

done:
    return st;
}

static lattn_status open(struct seq_model *m, const struct seq_files *f, struct seq_data *d)
{
    struct seq_config *c = &m->config;
    lattn_status st;
    if (!c->steps) {
        TRY(add_names(&c->columns, &f->columns));
        TRY(add_names(&c->targets, &f->targets));
        c->horizon = f->horizon;
        c->season = f->season;
    }
    if (f->train) {
        c->steps = f->seq_len;
        TRY(open_series(f->train, c, &d->train.data));
    }
    if (c->season > f->seq_len)
        TRY(cli_error(LATTN_ERR_ARG, "a season of %lld steps is more than the %d that are read",
            (long long) c->season, f->seq_len));
    if (f->validation)
        TRY(open_series(f->validation, c, &d->validation.data));
    if (f->test)
        TRY(open_series(f->test, c, &d->test.data));
    TRY(split(f, d));
    if (!m->scale.n) {
        TRY(learn_names(c, d->train.data));
        c->embedding_size = c->columns.n;
        c->n_outputs = c->horizon * c->targets.n;
        TRY(lattn_series_scale_fit(
            d->train.data, d->train.part.n ? &d->train.part : NULL, &m->scale));
    }

done:
    return st;
}

// ---- naive forecasts ------------------------------------------------------------------------------

// The value that stands for step h (from 0) behind row end - 1: one season or several before it, or the last one.
static double naive(const struct seq_config *c, const lattn_dataset *d, int64_t end, int64_t h,
    int k, bool seasonal)
{
    int64_t row = seasonal ? end - c->season + h % c->season : end - 1;
    return lattn_series_value(d, row, lattn_series_target(d, k));
}

static double normal(const struct seq_model *m, int32_t column, double value)
{
    return (value - m->scale.mean[column]) / m->scale.std[column];
}

// [T_out targets] that the network's outputs are added to, of the window that ends before row end.
static void fill_naive(const struct seq_model *m, const lattn_dataset *d, int64_t end, float *out)
{
    const struct seq_config *c = &m->config;
    for (int64_t h = 0; h < c->horizon; h++) {
        for (int k = 0; k < c->targets.n; k++) {
            int32_t column = lattn_series_target(d, k);
            bool read = column < lattn_series_n_inputs(d);
            *out++ = read ? (float) normal(m, column, naive(c, d, end, h, k, c->season > 0)) : 0;
        }
    }
}

// ---- batches --------------------------------------------------------------------------------------

static lattn_status next(void *user, lattn_fields *out)
{
    struct seq_set *s = user;
    const struct seq_model *m = s->user;
    const struct seq_config *c = &m->config;
    const lattn_batch *b = NULL;
    lattn_status st;
    *out = (lattn_fields){ 0 };
    TRY(lattn_loader_next(s->loader, &b));
    if (!b)
        return LATTN_OK;
    TRY(seq_set_room(s, (size_t) b->n * (size_t) c->n_outputs));
    for (int i = 0; i < b->n; i++)
        fill_naive(m, s->data, b->rows[i] + b->T, s->numbers + (int64_t) i * c->n_outputs);
    out->field[X] = (lattn_field){
        .dtype = LATTN_DTYPE_F32, .rank = 3, .dim = { b->n, b->T, b->C }, .data = b->x
    };
    out->field[TARGETS] = (lattn_field){
        .dtype = LATTN_DTYPE_F32, .rank = 2, .dim = { b->n, c->n_outputs }, .data = b->targets
    };
    out->field[NAIVE] = (lattn_field){
        .dtype = LATTN_DTYPE_F32, .rank = 2, .dim = { b->n, c->n_outputs }, .data = s->numbers
    };
    out->n_fields = 3;
    out->n_samples = b->n;

done:
    return st;
}

static int64_t n_windows(const struct seq_set *s, int64_t window)
{
    return (s->part.n ? s->part.n : lattn_dataset_count(s->data)) - window + 1;
}

static lattn_status begin(
    struct seq_model *m, const struct seq_files *f, struct seq_set *s, bool training)
{
    lattn_series_loader_params params = {
        .dataset = s->data,
        .part = s->part.n ? &s->part : NULL,
        .scale = &m->scale,
        .T = f->seq_len,
        .T_out = (int32_t) m->config.horizon,
        .batch_size = training ? f->batch_size : f->eval_batch_size,
        .shuffle = training,
        .seed = f->seed,
        .n_threads = f->threads,
    };
    lattn_status st = LATTN_OK;
    s->user = m;
    if (f->no_labels)  // what is to come is not in the file
        return LATTN_OK;
    TRY(lattn_series_loader_create(&params, &s->loader));
    s->source = seq_source(s, n_windows(s, f->seq_len + m->config.horizon), next);

done:
    return st;
}

// ---- loss -----------------------------------------------------------------------------------------

static lattn_tensor *forecast(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *x, lattn_tensor *base)
{
    const struct seq_pass pass = { .lengths = NULL };
    x = lattn_cast(ctx, x, lattn_module_dtype(m->root));
    lattn_tensor *y = seq_model_body(ctx, m, x, &pass);
    y = y ? lattn_select(ctx, y, 1, lattn_tensor_dim(x, 1) - 1) : NULL;
    y = seq_model_outputs(ctx, m, y);
    return lattn_add(ctx, lattn_cast(ctx, y, LATTN_DTYPE_F32), base);
}

static lattn_tensor *loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *const *fields,
    lattn_tensor **logits, bool training)
{
    lattn_tensor *y = forecast(ctx, m, fields[X], fields[NAIVE]);
    (void) training;
    if (logits)
        *logits = y;
    return lattn_mse_loss(ctx, y, fields[TARGETS], LATTN_REDUCTION_MEAN);
}

// ---- errors ---------------------------------------------------------------------------------------

struct errors {
    const struct seq_model *m;
    const struct seq_set *set;
    int64_t end;     // row behind what the next window reads
    double *values;  // sums
};

static void add_error(double *values, int way, double error)
{
    values[2 * way] += fabs(error);
    values[2 * way + 1] += error * error;
}

static void add_window(const struct errors *e, const float *said)
{
    const struct seq_config *c = &e->m->config;
    const lattn_dataset *d = e->set->data;
    for (int64_t h = 0; h < c->horizon; h++) {
        for (int k = 0; k < c->targets.n; k++) {
            int32_t column = lattn_series_target(d, k);
            double truth = lattn_series_value(d, e->end + h, column);
            double ours = (double) said[h * c->targets.n + k] * e->m->scale.std[column] +
                          e->m->scale.mean[column];
            double *values = e->values + k * N_VALUES;
            add_error(values, BY_MODEL, ours - truth);
            add_error(values, BY_LAST, naive(c, d, e->end, h, k, false) - truth);
            if (c->season)
                add_error(values, BY_SEASON, naive(c, d, e->end, h, k, true) - truth);
        }
    }
}

static lattn_status each(void *user, const lattn_fields *batch, const float *said, int n)
{
    struct errors *e = user;
    for (int64_t i = 0; i < batch->n_samples; i++, e->end++)
        add_window(e, said + i * n);
    return LATTN_OK;
}

static lattn_status measure(
    struct seq_model *m, const struct seq_files *f, struct seq_set *s, double **values)
{
    const struct seq_config *c = &m->config;
    size_t n_values = (size_t) c->targets.n * N_VALUES;
    struct errors e = { .m = m, .set = s, .end = s->part.first + f->seq_len };
    lattn_task task = seq_trainer_task(m, s);
    lattn_metrics metrics;
    lattn_status st;
    task.n_classes = (int) c->n_outputs;
    *values = e.values = calloc(n_values, sizeof **values);
    if (!*values)
        return LATTN_ERR_HOST_MEMORY;
    TRY(lattn_evaluate(m->ctx, &task, &s->source, each, &e, &metrics));
    double n = (double) s->source.n_samples * (double) c->horizon;
    for (size_t i = 0; i < n_values; i++)
        e.values[i] = i % 2 ? sqrt(e.values[i] / n) : e.values[i] / n;

done:
    return st;
}

// `"eval_mae": {"load": 1.5}` of one way and one of its two errors.
static void print_json(const struct seq_more *more, const char *prefix, const char *name, int value)
{
    const struct seq_config *c = more->config;
    printf("\"%s%s\": {", prefix, name);
    for (int k = 0; k < c->targets.n; k++) {
        printf("%s", k ? ", " : "");
        json_print_string(stdout, c->targets.item[k], strlen(c->targets.item[k]));
        printf(": %.9g", more->values[k * N_VALUES + value]);
    }
    printf("}, ");
}

static void print_figures(const lattn_metrics *m, const void *user, const char *prefix)
{
    const struct seq_more *more = user;
    const struct seq_config *c = more->config;
    static const char *const names[] = { "mae", "rmse", "last_value_mae", "last_value_rmse",
        "season_mae", "season_rmse" };
    for (int i = 0; prefix && i < (c->season ? N_VALUES : N_VALUES - 2); i++)
        print_json(more, prefix, names[i], i);
    if (prefix) {
        printf("\"%sloss\": %.9g", prefix, m->loss);
        return;
    }
    for (int k = 0; k < c->targets.n; k++) {
        const double *v = more->values + k * N_VALUES;
        printf("%s%s: MAE %.4g, RMSE %.4g (last value %.4g, %.4g", k ? "; " : "",
            c->targets.item[k], v[0], v[1], v[2], v[3]);
        if (c->season)
            printf("; a season ago %.4g, %.4g", v[4], v[5]);
        printf(")");
    }
}

// ---- forecasts ------------------------------------------------------------------------------------

// Windows whose forecasts lie end to end; the last one begins where the file ends.
struct forecasts {
    int64_t n, first;  // row of the first forecast
    float *x, *base;
    double *said;  // [n T_out targets], in the units of the file
};

static void free_forecasts(struct forecasts *o)
{
    free(o->x);
    free(o->base);
    free(o->said);
}

static lattn_status read_windows(
    const struct seq_model *m, const lattn_dataset *d, int64_t T, struct forecasts *o)
{
    const struct seq_config *c = &m->config;
    int64_t n_x = T * c->columns.n;
    o->x = malloc((size_t) (o->n * n_x) * sizeof *o->x);
    o->base = malloc((size_t) (o->n * c->n_outputs) * sizeof *o->base);
    o->said = malloc((size_t) (o->n * c->n_outputs) * sizeof *o->said);
    if (!o->x || !o->base || !o->said)
        return LATTN_ERR_HOST_MEMORY;
    for (int64_t w = 0; w < o->n; w++) {
        int64_t end = o->first + w * c->horizon;
        for (int64_t i = 0; i < n_x; i++) {
            int32_t column = (int32_t) (i % c->columns.n);
            double value = lattn_series_value(d, end - T + i / c->columns.n, column);
            o->x[w * n_x + i] = (float) normal(m, column, value);
        }
        fill_naive(m, d, end, o->base + w * c->n_outputs);
    }
    return LATTN_OK;
}

static lattn_status run(struct seq_model *m, int64_t T, struct forecasts *o)
{
    const struct seq_config *c = &m->config;
    const int64_t x_dims[] = { o->n, T, c->columns.n }, dims[] = { o->n, c->n_outputs };
    float *said = malloc((size_t) (o->n * c->n_outputs) * sizeof *said);
    lattn_status st, ended;
    if (!said)
        return LATTN_ERR_HOST_MEMORY;
    TRY(lattn_step_begin(m->ctx));
    lattn_tensor *x = lattn_from_f32(m->ctx, LATTN_DTYPE_F32, 3, x_dims, o->x);
    lattn_tensor *base = lattn_from_f32(m->ctx, LATTN_DTYPE_F32, 2, dims, o->base);
    lattn_tensor *y = forecast(m->ctx, m, x, base);
    st = y ? lattn_tensor_read_f32(y, said, o->n * c->n_outputs) : lattn_ctx_status(m->ctx);
    ended = lattn_step_end(m->ctx);
    st = st ? st : ended;
    for (int64_t i = 0; i < o->n * c->n_outputs && !st; i++)
        o->said[i] = said[i];

done:
    free(said);
    return st;
}

// From normalised numbers to those of the file.
static void to_units(const struct seq_model *m, const lattn_dataset *d, struct forecasts *o)
{
    for (int64_t i = 0; i < o->n * m->config.n_outputs; i++) {
        int32_t column = lattn_series_target(d, (int) (i % m->config.targets.n));
        o->said[i] = o->said[i] * m->scale.std[column] + m->scale.mean[column];
    }
}

static void print_field(const char *name, const char *end)
{
    bool quoted = strpbrk(name, ",\"\r\n") != NULL;
    printf(",%s", quoted ? "\"" : "");
    for (; *name; name++)
        printf("%s%c", *name == '"' ? "\"" : "", *name);
    printf("%s%s", end, quoted ? "\"" : "");
}

static lattn_status print_csv(
    const struct seq_model *m, const lattn_dataset *d, const struct forecasts *o)
{
    const struct seq_names *targets = &m->config.targets;
    printf("step");
    for (int k = 0; k < targets->n; k++) {
        print_field(targets->item[k], "");
        print_field(targets->item[k], "_forecast");
    }
    printf("\n");
    for (int64_t i = 0; i < o->n * m->config.horizon; i++) {
        int64_t row = o->first + i;
        printf("%lld", (long long) row + 1);
        for (int k = 0; k < targets->n; k++) {
            if (row < lattn_dataset_count(d))
                printf(",%.9g", lattn_series_value(d, row, lattn_series_target(d, k)));
            else
                printf(",");
            printf(",%.9g", o->said[i * targets->n + k]);
        }
        printf("\n");
    }
    return ferror(stdout) ? LATTN_ERR_IO : LATTN_OK;  // cli_end says so
}

// One panel a target: what the first forecast read and what came, and the forecasts.
static lattn_status draw(const struct seq_model *m, const lattn_dataset *d, int64_t T,
    const struct forecasts *o, const char *path)
{
    int n = m->config.targets.n;
    int64_t first = o->first - T, n_truth = lattn_dataset_count(d) - first;
    int64_t n_said = o->n * m->config.horizon;
    struct seq_panel *panels = calloc((size_t) n, sizeof *panels);
    struct seq_line *lines = calloc((size_t) n * 2, sizeof *lines);
    double *values = malloc((size_t) (n * (n_truth + n_said)) * sizeof *values);
    lattn_status st = panels && lines && values ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    for (int k = 0; k < n && !st; k++) {
        double *truth = values + k * (n_truth + n_said), *said = truth + n_truth;
        for (int64_t i = 0; i < n_truth; i++)
            truth[i] = lattn_series_value(d, first + i, lattn_series_target(d, k));
        for (int64_t i = 0; i < n_said; i++)
            said[i] = o->said[i * n + k];
        lines[2 * k] = (struct seq_line){ truth, first + 1, n_truth, "truth" };
        lines[2 * k + 1] = (struct seq_line){ said, o->first + 1, n_said, "forecast" };
        panels[k] = (struct seq_panel){ m->config.targets.item[k], lines + 2 * k, 2 };
    }
    if (!st)
        st = seq_plot(path, "steps", panels, n);
    free(panels);
    free(lines);
    free(values);
    return st;
}

static lattn_status predict(struct seq_model *m, const struct seq_files *f, struct seq_set *s,
    const struct seq_asked *asked)
{
    int64_t T = f->seq_len, rows = lattn_dataset_count(s->data), horizon = m->config.horizon;
    struct forecasts o = { 0 };
    lattn_status st = LATTN_OK;
    if (rows < T)
        return cli_error(LATTN_ERR_FORMAT, "%s: %lld steps, a forecast reads %lld", f->test,
            (long long) rows, (long long) T);
    int64_t past = (rows - T) / horizon;
    past = past < asked->backtests ? past : asked->backtests;
    o.n = past + 1;
    o.first = rows - past * horizon;
    lattn_set_training(m->ctx, false);
    lattn_no_grad_begin(m->ctx);
    TRY(read_windows(m, s->data, T, &o));
    TRY(run(m, T, &o));
    to_units(m, s->data, &o);
    TRY(print_csv(m, s->data, &o));
    if (asked->plot)
        TRY(draw(m, s->data, T, &o, asked->plot));

done:
    lattn_no_grad_end(m->ctx);
    free_forecasts(&o);
    return st;
}

// ---- the scale ------------------------------------------------------------------------------------

static lattn_status save(struct seq_model *m, const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/scale.json", dir);
    return lattn_series_scale_save(&m->scale, path);
}

// Names of its columns are checked by the loader, but not of what is predicted without one.
static lattn_status load(struct seq_model *m, const char *dir)
{
    const struct seq_config *c = &m->config;
    char path[4096];
    lattn_status st;
    snprintf(path, sizeof path, "%s/scale.json", dir);
    TRY(lattn_series_scale_load(path, &m->scale));
    bool same = m->scale.n >= c->columns.n;
    for (int i = 0; same && i < c->columns.n; i++)
        same = strcmp(m->scale.names[i], c->columns.item[i]) == 0;
    for (int k = 0; same && k < c->targets.n; k++) {
        bool there = false;
        for (int i = 0; i < m->scale.n; i++)
            there = there || strcmp(m->scale.names[i], c->targets.item[k]) == 0;
        same = there;
    }
    if (!same)
        TRY(cli_error(LATTN_ERR_FORMAT, "%s: its columns are not those of config.json", path));

done:
    return st;
}

const struct seq_task seq_task_series = {
    .name = "series",
    .rows = "windows",
    .counted = "windows",
    .model_type = SEQ_LSTM,
    .recurrent = true,
    .open = open,
    .begin = begin,
    .loss = loss,
    .measure = measure,
    .predict = predict,
    .save = save,
    .load = load,
    .figures = print_figures,
    .series = true,
};
