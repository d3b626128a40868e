// SPDX-License-Identifier: MIT
//
// Save and restore of a run. A checkpoint has everything that decides what comes next: weights,
// optimiser state, random stream, position in the data, sums since the last log line, best result.
// Resuming gives the same bits as never having stopped; what is missing or belongs to other
// settings is an error, not a warning. A run begins in an output folder that has nothing of another run.
//
//   checkpoint-<step>/   the model's own files     task.save
//                        optimizer.safetensors     moments and step number
//                        task.save_state           what goes from batch to batch, if anything does
//                        trainer_state.json        everything else, with transformers' names

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#define LATTN_EXPERIMENTAL
#include "base/log.h"
#include "lattn/introspect.h"
#include "train/run.h"

static const char state_name[] = "trainer_state.json";
static const char optim_name[] = "optimizer.safetensors";
enum { MAX_STATE_BYTES = 256 << 20 };

static bool asks_to_resume(const char *resume)
{
    return resume && strcmp(resume, "false") != 0;
}

static bool asks_for_newest(const char *resume)
{
    return resume && strcmp(resume, "true") == 0;
}

// ---- saving ---------------------------------------------------------------------------------------

// 64-bit numbers as text: JSON readers elsewhere round them to doubles.
static void set_u64(json_t *j, const char *name, uint64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, v);
    json_object_set_new(j, name, json_string(text));
}

// A double that comes back with the same bits, also when it is not finite.
static void set_exact(json_t *j, const char *name, double v)
{
    char text[40];
    snprintf(text, sizeof text, "%a", v);
    json_object_set_new(j, name, json_string(text));
}

static json_t *metrics_json(const lattn_metrics *m)
{
    json_t *j = json_object();
    json_object_set_new(j, "n", json_integer(m->n));
    set_exact(j, "loss", m->loss);
    set_exact(j, "accuracy", m->accuracy);
    set_exact(j, "macro_f1", m->macro_f1);
    set_exact(j, "bits", m->bits);
    return j;
}

// The kernels that run for each op with a choice, "cpu 64x64", for sizes that are the same everywhere.
static json_t *strategies_json(lattn_ctx *ctx)
{
    enum { MAX_ROWS = 32 };
    json_t *j = json_object();
    for (int op = 0; op < lattn_op_count(); op++) {
        lattn_strategy_info rows[MAX_ROWS];
        const char *name = lattn_op_name(op);
        int n = 0;
        if (lattn_op_strategies(ctx, name, LATTN_DTYPE_F32, NULL, rows, MAX_ROWS, &n))
            continue;
        for (int i = 0; i < n && i < MAX_ROWS; i++) {
            char text[64];
            snprintf(text, sizeof text, "%s%s%s", rows[i].name, *rows[i].detail ? " " : "",
                rows[i].detail);
            if (rows[i].selected)
                json_object_set_new(j, name, json_string(text));
        }
    }
    return j;
}

static json_t *state_json(const struct lat_run *r)
{
    lattn_rng_state rng = lattn_rng_get(r->ctx);
    json_t *j = json_object(), *log = json_array();
    json_object_set_new(j, "global_step", json_integer(r->step));
    json_object_set_new(j, "max_steps", json_integer(r->schedule.n_steps));
    json_object_set_new(j, "epoch", json_real((double) r->step / (double) r->updates_per_epoch));
    json_object_set_new(j, "data_epoch", json_integer(r->epoch));
    json_object_set_new(j, "data_batch", json_integer(r->batch));
    set_u64(j, "data_hash", r->params->data_hash);
    json_object_set_new(
        j, "settings", json_string(r->params->fingerprint ? r->params->fingerprint : ""));
    set_u64(j, "rng_seed", rng.seed);
    set_u64(j, "rng_step", rng.step);
    json_object_set_new(j, "version", json_string(lattn_version()));
    json_object_set_new(j, "device", json_string(lattn_ctx_device(r->ctx)->uuid));
    json_object_set_new(j, "device_name", json_string(lattn_ctx_device(r->ctx)->name));
    json_object_set_new(j, "driver", json_string(lattn_ctx_device(r->ctx)->driver));
    json_object_set_new(j, "strategies", strategies_json(r->ctx));
    json_object_set_new(j, "best_global_step", json_integer(r->best_step));
    set_exact(j, "best_metric", r->best_value);
    json_object_set_new(j, "best", metrics_json(&r->best));
    json_object_set_new(j, "last", metrics_json(&r->last));
    json_object_set_new(j, "logged_step", json_integer(r->logged_step));
    set_exact(j, "loss_sum", r->loss_sum);
    json_object_set_new(j, "loss_count", json_integer(r->loss_count));
    for (size_t i = 0; i < r->history.n; i++)
        json_array_append_new(log, lat_entry_json(&r->history.items[i]));
    json_object_set_new(j, "log_history", log);
    return j;
}

static lattn_status fill_checkpoint(struct lat_run *r, const char *dir)
{
    char *optim = lat_path_join(dir, optim_name);
    char *state = lat_path_join(dir, state_name);
    json_t *j = state_json(r);
    lattn_status st = optim && state && j ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = r->params->task.save(r->params->task.user, dir);
    if (!st && r->params->task.save_state)
        st = r->params->task.save_state(r->params->task.user, dir);
    if (!st)
        st = lattn_optim_save(r->params->optim, optim);
    if (!st)
        st = lat_json_save(state, j);
    json_decref(j);
    lat_free(optim);
    lat_free(state);
    return st;
}

lattn_status lat_run_save(struct lat_run *r)
{
    lattn_checkpoint *c = NULL;
    int limit = r->params->save_total_limit > 0 ? r->params->save_total_limit : 2;
    LAT_TRY(lattn_checkpoint_begin(r->params->output_dir, r->step, &c));
    lattn_status st = fill_checkpoint(r, lattn_checkpoint_dir(c));
    if (st) {
        lattn_checkpoint_abort(&c);
        return st;
    }
    LAT_TRY(lattn_checkpoint_commit(&c));
    if (lattn_checkpoint_prune(r->params->output_dir, limit, r->step))
        lat_log(LATTN_LOG_WARN, "old checkpoints stay: %s", lat_err_text());
    return LATTN_OK;
}

// ---- the output folder ------------------------------------------------------------------------------

struct finds {
    char example[256];   // a file or folder that is there; "" = empty
    bool log;            // metrics.jsonl: a run of ours
    int64_t checkpoint;  // newest, complete or not; -1 = none
};

// Hidden files are nobody's results: the lock, .gitignore.
static lattn_status look_at(void *user, const char *name)
{
    struct finds *f = user;
    int64_t step = -1;
    if (name[0] == '.')
        return LATTN_OK;
    f->log = f->log || strcmp(name, "metrics.jsonl") == 0;
    if (strncmp(name, "checkpoint-", 11) == 0 && lat_parse_i64(name + 11, &step) && step >= 0) {
        if (step <= f->checkpoint)
            return LATTN_OK;
        f->checkpoint = step;
    } else if (f->checkpoint >= 0 || (f->example[0] && strcmp(name, "model.safetensors") != 0)) {
        return LATTN_OK;
    }
    snprintf(f->example, sizeof f->example, "%s", name);
    return LATTN_OK;
}

lattn_status lat_run_claim_output(struct lat_run *r, bool resumed)
{
    const lattn_train_params *p = r->params;
    struct finds f = { .checkpoint = -1 };
    // A newer checkpoint than the newest complete one is a damaged one, and told already.
    if (resumed && asks_for_newest(p->resume))
        return LATTN_OK;
    LAT_TRY(lat_dir_each(p->output_dir, look_at, &f));
    // A run that was stopped before its first checkpoint leaves its log and perhaps a model.
    bool goes_on = asks_to_resume(p->resume) && (f.log || f.checkpoint >= 0);
    if (!f.example[0] || (goes_on && f.checkpoint <= r->step))
        return LATTN_OK;
    if (p->overwrite_output_dir)
        return lattn_checkpoint_remove_after(p->output_dir, resumed ? r->step : -1);
    if (resumed)
        return lat_err(LATTN_ERR_ARG,
            "%s has %s, behind update %" PRId64
            " where this run goes on; overwrite_output_dir removes it",
            p->output_dir, f.example, r->step);
    return lat_err(LATTN_ERR_ARG,
        "%s is not empty, it has %s: resume that run, take another folder, or set "
        "overwrite_output_dir",
        p->output_dir, f.example);
}

// ---- restoring ------------------------------------------------------------------------------------

lattn_status lat_run_find(struct lat_run *r, char *dir, size_t bytes)
{
    const char *resume = r->params->resume;
    int64_t step;
    dir[0] = 0;
    if (!asks_to_resume(resume))
        return LATTN_OK;
    if (asks_for_newest(resume))
        return lattn_checkpoint_find(r->params->output_dir, &step, dir, bytes);
    if (strlen(resume) + 1 > bytes)
        return lat_err(LATTN_ERR_ARG, "resume: the path is longer than %zu bytes", bytes - 1);
    strcpy(dir, resume);
    return lattn_checkpoint_verify(dir);
}

static lattn_status get_u64(const char *what, const json_t *j, const char *name, uint64_t *out)
{
    const char *text = NULL;
    LAT_TRY(lat_json_str(what, j, name, true, &text));
    if (sscanf(text, "%" SCNu64, out) != 1)
        return lat_err(
            LATTN_ERR_FORMAT, "%s: %s is \"%s\", expected a whole number", what, name, text);
    return LATTN_OK;
}

static lattn_status get_exact(const char *what, const json_t *j, const char *name, double *out)
{
    const char *text = NULL;
    LAT_TRY(lat_json_str(what, j, name, true, &text));
    if (sscanf(text, "%la", out) != 1)
        return lat_err(LATTN_ERR_FORMAT, "%s: %s is \"%s\", expected a number", what, name, text);
    return LATTN_OK;
}

static lattn_status get_int(const char *what, const json_t *j, const char *name, int64_t *out)
{
    return lat_json_int(what, j, name, true, -1, INT64_MAX, out);
}

static lattn_status get_metrics(
    const char *what, const json_t *j, const char *name, lattn_metrics *m)
{
    const json_t *o = json_object_get(j, name);
    LAT_TRY(get_int(what, o, "n", &m->n));
    LAT_TRY(get_exact(what, o, "loss", &m->loss));
    LAT_TRY(get_exact(what, o, "accuracy", &m->accuracy));
    LAT_TRY(get_exact(what, o, "macro_f1", &m->macro_f1));
    return json_object_get(o, "bits") ? get_exact(what, o, "bits", &m->bits) : LATTN_OK;
}

// What keeps the bits from being the same, but not the run from going on.
static void warn_of_change(const char *what, const char *thing, const char *then, const char *now)
{
    if (strcmp(then, now) != 0)
        lat_log(LATTN_LOG_WARN,
            "%s: begun with %s %s, now %s; results will be close, but not bit for bit the same",
            what, thing, then, now);
}

// Names the first op whose kernel is another one.
static void warn_of_strategies(const char *what, const json_t *then, lattn_ctx *ctx)
{
    json_t *now = strategies_json(ctx);
    const char *op;
    json_t *value;
    json_object_foreach(now, op, value)
    {
        const json_t *old = json_object_get(then, op);
        if (json_is_string(old) && !json_equal(old, value)) {
            char thing[64];
            snprintf(thing, sizeof thing, "the kernels of %s", op);
            warn_of_change(what, thing, json_string_value(old), json_string_value(value));
            break;
        }
    }
    json_decref(now);
}

static lattn_status warn_of_changes(const char *what, const json_t *j, lattn_ctx *ctx)
{
    const lattn_device_info *info = lattn_ctx_device(ctx);
    const char *uuid = "", *name = "", *driver = "", *version = "";
    LAT_TRY(lat_json_str(what, j, "device", true, &uuid));
    LAT_TRY(lat_json_str(what, j, "device_name", true, &name));
    LAT_TRY(lat_json_str(what, j, "driver", true, &driver));
    LAT_TRY(lat_json_str(what, j, "version", true, &version));
    if (strcmp(uuid, info->uuid) != 0)
        lat_log(LATTN_LOG_WARN,
            "%s: begun on %s; results on %s will be close, but not bit for bit the same", what,
            name, info->name);
    warn_of_change(what, "the driver", driver, info->driver);
    warn_of_change(what, "liblattn", version, lattn_version());
    warn_of_strategies(what, json_object_get(j, "strategies"), ctx);
    return LATTN_OK;
}

static lattn_status check_same_run(const char *what, const json_t *j, const struct lat_run *r)
{
    uint64_t hash = 0;
    const char *settings = "";
    const char *ours = r->params->fingerprint ? r->params->fingerprint : "";
    LAT_TRY(get_u64(what, j, "data_hash", &hash));
    LAT_TRY(lat_json_str(what, j, "settings", true, &settings));
    if (hash != r->params->data_hash)
        return lat_err(
            LATTN_ERR_FORMAT, "%s: the training data is not what this run began with", what);
    if (strcmp(settings, ours) != 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: begun with other settings: \"%s\", now \"%s\"", what,
            settings, ours);
    return warn_of_changes(what, j, r->ctx);
}

static lattn_status parse_history(const char *what, const json_t *j, struct lat_history *out)
{
    const json_t *log = json_object_get(j, "log_history");
    for (size_t i = 0; i < json_array_size(log); i++) {
        struct lat_entry entry;
        LAT_TRY(lat_entry_parse(what, json_array_get(log, i), &entry));
        LAT_TRY(lat_history_add(out, &entry));
    }
    return LATTN_OK;
}

static lattn_status parse_state(const char *what, const json_t *j, struct lat_run *r)
{
    lattn_rng_state rng = { 0 };
    LAT_TRY(check_same_run(what, j, r));
    LAT_TRY(get_int(what, j, "global_step", &r->step));
    LAT_TRY(get_int(what, j, "data_epoch", &r->epoch));
    LAT_TRY(get_int(what, j, "data_batch", &r->batch));
    LAT_TRY(get_u64(what, j, "rng_seed", &rng.seed));
    LAT_TRY(get_u64(what, j, "rng_step", &rng.step));
    LAT_TRY(get_int(what, j, "best_global_step", &r->best_step));
    LAT_TRY(get_exact(what, j, "best_metric", &r->best_value));
    LAT_TRY(get_metrics(what, j, "best", &r->best));
    LAT_TRY(get_metrics(what, j, "last", &r->last));
    LAT_TRY(get_int(what, j, "logged_step", &r->logged_step));
    LAT_TRY(get_exact(what, j, "loss_sum", &r->loss_sum));
    LAT_TRY(get_int(what, j, "loss_count", &r->loss_count));
    LAT_TRY(parse_history(what, j, &r->history));
    lattn_rng_set(r->ctx, rng);
    return LATTN_OK;
}

lattn_status lat_run_restore(struct lat_run *r, const char *dir)
{
    char *state = lat_path_join(dir, state_name);
    char *optim = lat_path_join(dir, optim_name);
    json_t *j = NULL;
    lattn_status st = state && optim ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lat_json_load(state, MAX_STATE_BYTES, &j);
    if (!st)
        st = parse_state(state, j, r);
    if (!st)
        st = r->params->task.load(r->params->task.user, dir);
    if (!st && r->params->task.load_state)
        st = r->params->task.load_state(r->params->task.user, dir);
    if (!st)
        st = lattn_optim_load(r->params->optim, optim);
    json_decref(j);
    lat_free(state);
    lat_free(optim);
    return st;
}
