// SPDX-License-Identifier: MIT
//
// The history of a run and its text forms. Numbers are written by jansson, so they do not depend
// on the locale; what is not finite becomes null, because JSON has no NaN.

#include <math.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/str.h"
#include "train/history.h"

static const char file_name[] = "metrics.jsonl";

lattn_status lat_history_add(struct lat_history *h, const struct lat_entry *entry)
{
    return LAT_PUSH(h, *entry);
}

void lat_history_free(struct lat_history *h)
{
    lat_free(h->items);
    *h = (struct lat_history){ 0 };
}

static void set_real(json_t *j, const char *name, double v)
{
    json_object_set_new(j, name, isfinite(v) ? json_real(v) : json_null());
}

json_t *lat_entry_json(const struct lat_entry *e)
{
    json_t *j = json_object();
    json_object_set_new(j, "step", json_integer(e->step));
    set_real(j, "epoch", e->epoch);
    if (e->is_eval) {
        set_real(j, "eval_loss", e->loss);
        if (isfinite(e->accuracy)) {
            set_real(j, "eval_accuracy", e->accuracy);
            set_real(j, "eval_f1", e->macro_f1);
        }
        if (isfinite(e->bits)) {
            set_real(j, "eval_perplexity", exp(e->loss));
            set_real(j, "eval_bits_per_character", e->bits);
        }
    } else {
        set_real(j, "loss", e->loss);
        set_real(j, "learning_rate", e->lr);
        set_real(j, "grad_norm", e->grad_norm);
        set_real(j, "samples_per_second", e->samples_per_second);
        if (isfinite(e->loss_scale)) {
            set_real(j, "loss_scale", e->loss_scale);
            json_object_set_new(j, "skipped_steps", json_integer(e->n_skipped));
        }
    }
    return j;
}

static double real_or_nan(const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

lattn_status lat_entry_parse(const char *what, const json_t *j, struct lat_entry *out)
{
    *out = (struct lat_entry){ 0 };
    LAT_TRY(lat_json_int(what, j, "step", true, 0, INT64_MAX, &out->step));
    out->epoch = real_or_nan(j, "epoch");
    out->is_eval = json_object_get(j, "eval_loss") != NULL;
    out->loss = real_or_nan(j, out->is_eval ? "eval_loss" : "loss");
    out->lr = real_or_nan(j, "learning_rate");
    out->grad_norm = real_or_nan(j, "grad_norm");
    out->samples_per_second = real_or_nan(j, "samples_per_second");
    out->loss_scale = real_or_nan(j, "loss_scale");
    out->n_skipped = json_integer_value(json_object_get(j, "skipped_steps"));
    out->accuracy = real_or_nan(j, "eval_accuracy");
    out->macro_f1 = real_or_nan(j, "eval_f1");
    out->bits = real_or_nan(j, "eval_bits_per_character");
    return LATTN_OK;
}

// The line as jansson prints it; NULL = out of memory. The caller frees it with free().
static char *line_of(const struct lat_entry *entry)
{
    json_t *j = lat_entry_json(entry);
    char *line = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(j);
    return line;
}

lattn_status lat_history_write(const struct lat_history *h, const char *dir)
{
    struct lat_str text = { 0 };
    char *path = lat_path_join(dir, file_name);
    for (size_t i = 0; i < h->n; i++) {
        char *line = line_of(&h->items[i]);
        lat_str_addf(&text, "%s\n", line ? line : "");
        free(line);
    }
    lattn_status st = path ? text.status : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lat_file_replace(path, text.items ? text.items : "", text.n);
    lat_str_free(&text);
    lat_free(path);
    return st;
}

lattn_status lat_history_append(const struct lat_entry *entry, const char *dir)
{
    char *path = lat_path_join(dir, file_name);
    char *line = line_of(entry);
    lattn_status st = path && line ? lat_file_append_line(path, line) : LATTN_ERR_HOST_MEMORY;
    free(line);
    lat_free(path);
    return st;
}
