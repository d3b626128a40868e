// SPDX-License-Identifier: MIT
//
// Save and restore of a run. A checkpoint has everything that decides what comes next: weights,
// optimiser state, random stream, position in the data, sums since the last log line, best result.
// Resuming gives the same bits as never having stopped; what is missing or belongs to other
// settings is an error, not a warning.
//
//   checkpoint-<step>/   the model's own files     task.save
//                        optimizer.safetensors     moments and step number
//                        trainer_state.json        everything else, with transformers' names

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "train/run.h"

static const char state_name[] = "trainer_state.json";
static const char optim_name[] = "optimizer.safetensors";
enum { MAX_STATE_BYTES = 256 << 20 };

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
    return lattn_checkpoint_prune(r->params->output_dir, limit, -1);
}

// ---- restoring ------------------------------------------------------------------------------------

lattn_status lat_run_find(struct lat_run *r, char *dir, size_t bytes)
{
    const char *resume = r->params->resume;
    int64_t step;
    dir[0] = 0;
    if (!resume || strcmp(resume, "false") == 0)
        return LATTN_OK;
    if (strcmp(resume, "true") == 0)
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
    return get_exact(what, o, "macro_f1", &m->macro_f1);
}

static lattn_status check_same_run(const char *what, const json_t *j, const struct lat_run *r)
{
    uint64_t hash = 0;
    const char *settings = "", *device = "", *name = "";
    const char *ours = r->params->fingerprint ? r->params->fingerprint : "";
    LAT_TRY(get_u64(what, j, "data_hash", &hash));
    LAT_TRY(lat_json_str(what, j, "settings", true, &settings));
    LAT_TRY(lat_json_str(what, j, "device", true, &device));
    LAT_TRY(lat_json_str(what, j, "device_name", true, &name));
    if (hash != r->params->data_hash)
        return lat_err(
            LATTN_ERR_FORMAT, "%s: the training data is not what this run began with", what);
    if (strcmp(settings, ours) != 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: begun with other settings: \"%s\", now \"%s\"", what,
            settings, ours);
    if (strcmp(device, lattn_ctx_device(r->ctx)->uuid) != 0)
        lat_log(LATTN_LOG_WARN,
            "%s: begun on %s; results on %s will be close, but not bit for bit the same", what,
            name, lattn_ctx_device(r->ctx)->name);
    return LATTN_OK;
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
    if (!st)
        st = lattn_optim_load(r->params->optim, optim);
    json_decref(j);
    lat_free(state);
    lat_free(optim);
    return st;
}
