// SPDX-License-Identifier: MIT
//
// Measured choices in a file (JSON), one part per device and driver:
//
//     { "format": "lattn tuning 1",
//       "devices": [ { "device": "...", "driver": "...", "choices": [
//         { "op": "matmul", "dtype": "f32", "size": [1, 512, 512, 512, 15, 0],
//           "strategy": "cpu", "form": "32x2", "seconds": 0.0028,
//           "model_strategy": "cpu", "model_form": "8x2", "model_seconds": 0.0036 } ] } ] }

#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "device/env.h"
#include "tensor/tune.h"

static const char FORMAT[] = "lattn tuning 1";
enum { MAX_BYTES = 64 << 20 };

// ---- reading --------------------------------------------------------------------------------------

static lattn_status check_format(const char *path, const json_t *file)
{
    const char *format = NULL;
    LAT_TRY(lat_json_str(path, file, "format", true, &format));
    if (strcmp(format, FORMAT) != 0)
        return lat_err(
            LATTN_ERR_FORMAT, "%s: format is \"%.40s\", expected \"%s\"", path, format, FORMAT);
    if (!json_is_array(json_object_get(file, "devices")))
        return lat_err(LATTN_ERR_FORMAT, "%s: devices is no list", path);
    return LATTN_OK;
}

static bool is_ours(const lattn_ctx *ctx, const json_t *part)
{
    const char *device = json_string_value(json_object_get(part, "device"));
    const char *driver = json_string_value(json_object_get(part, "driver"));
    return device && driver && strcmp(device, ctx->info.name) == 0 &&
           strcmp(driver, ctx->info.driver) == 0;
}

static lattn_status read_size(const char *path, const json_t *j, int64_t size[LAT_TUNE_SIZES])
{
    const json_t *list = json_object_get(j, "size");
    if (json_array_size(list) != LAT_TUNE_SIZES)
        return lat_err(LATTN_ERR_FORMAT, "%s: size is no list of %d numbers", path, LAT_TUNE_SIZES);
    for (size_t i = 0; i < LAT_TUNE_SIZES; i++) {
        const json_t *n = json_array_get(list, i);
        if (!json_is_integer(n))
            return lat_err(
                LATTN_ERR_FORMAT, "%s: size is no list of %d numbers", path, LAT_TUNE_SIZES);
        size[i] = json_integer_value(n);
    }
    return LATTN_OK;
}

static lattn_status read_text(
    const char *path, const json_t *j, const char *field, char *to, size_t bytes)
{
    const char *text = NULL;
    LAT_TRY(lat_json_str(path, j, field, true, &text));
    if (strlen(text) >= bytes)
        return lat_err(
            LATTN_ERR_FORMAT, "%s: %s is longer than %zu characters", path, field, bytes - 1);
    strcpy(to, text);
    return LATTN_OK;
}

// *known = false for a strategy that this version does not have.
static lattn_status read_form(const char *path, const json_t *j, const char *strategy_field,
    const char *form_field, struct lat_form_name *out, bool *known)
{
    const char *strategy = NULL;
    LAT_TRY(lat_json_str(path, j, strategy_field, true, &strategy));
    LAT_TRY(read_text(path, j, form_field, out->form, sizeof out->form));
    int kind = lat_strategy_kind_of(strategy);
    *known = *known && kind >= 0;
    out->kind = (enum lat_strategy_kind) LAT_MAX(kind, 0);
    return LATTN_OK;
}

static lattn_status read_choice(
    const char *path, const json_t *j, struct lat_tuned *choice, bool *known)
{
    const char *dtype = NULL;
    *choice = (struct lat_tuned){ 0 };
    *known = true;
    LAT_TRY(read_text(path, j, "op", choice->op, sizeof choice->op));
    LAT_TRY(lat_json_str(path, j, "dtype", true, &dtype));
    while (strcmp(dtype, lattn_dtype_name(choice->dtype)) != 0)
        if (++choice->dtype > LATTN_DTYPE_BF16)
            return lat_err(
                LATTN_ERR_FORMAT, "%s: dtype \"%.20s\" is none of f32, f16, bf16", path, dtype);
    LAT_TRY(read_size(path, j, choice->size));
    LAT_TRY(read_form(path, j, "strategy", "form", &choice->chosen, known));
    LAT_TRY(read_form(path, j, "model_strategy", "model_form", &choice->model, known));
    LAT_TRY(lat_json_f64(path, j, "seconds", true, 0, 1e6, &choice->seconds));
    return lat_json_f64(path, j, "model_seconds", true, 0, 1e6, &choice->model_seconds);
}

static lattn_status read_part(lattn_ctx *ctx, const char *path, const json_t *part, int *count)
{
    const json_t *list = json_object_get(part, "choices");
    if (!json_is_array(list))
        return lat_err(LATTN_ERR_FORMAT, "%s: choices is no list", path);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct lat_tuned choice;
        bool known;
        LAT_TRY(read_choice(path, json_array_get(list, i), &choice, &known));
        if (!known)
            continue;
        LAT_TRY(lat_tuned_put(ctx, &choice));
        (*count)++;
    }
    return LATTN_OK;
}

static lattn_status load(lattn_ctx *ctx, const char *path, int *count)
{
    json_t *file = NULL;
    LAT_TRY(lat_json_load(path, MAX_BYTES, &file));
    lattn_status st = check_format(path, file);
    const json_t *devices = json_object_get(file, "devices");
    for (size_t i = 0; !st && i < json_array_size(devices); i++)
        if (is_ours(ctx, json_array_get(devices, i)))
            st = read_part(ctx, path, json_array_get(devices, i), count);
    json_decref(file);
    return st;
}

lattn_status lattn_tuning_load(lattn_ctx *ctx, const char *path, int *count)
{
    LAT_CHECK_ARG(path);
    int taken = 0;
    lattn_status st = load(ctx, path, &taken);
    if (count)
        *count = taken;
    return lat_done(ctx, st);
}

// A file that the user names must be good; one that lies in the cache folder is only a help.
lattn_status lat_tuning_open(lattn_ctx *ctx)
{
    int taken = 0;
    const char *wanted = lat_env("LATTN_TUNING");
    if (wanted)
        return strcmp(wanted, "off") == 0 ? LATTN_OK : load(ctx, wanted, &taken);
    char *path = lat_cache_file(ctx->dev, "tuning.json");
    if (path && lat_path_exists(path) && load(ctx, path, &taken))
        lat_log(LATTN_LOG_WARN, "tuning: %s", lat_err_text());
    if (taken > 0)
        lat_log(LATTN_LOG_INFO, "tuning: %d measured choices from %s", taken, path);
    lat_free(path);
    return LATTN_OK;
}

// ---- writing --------------------------------------------------------------------------------------

static json_t *choice_json(const lattn_tuned *c)
{
    json_t *size = json_array();
    for (int i = 0; i < LAT_TUNE_SIZES; i++)
        json_array_append_new(size, json_integer(c->size[i]));
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:f, s:s, s:s, s:f}", "op", c->op, "dtype",
        lattn_dtype_name(c->dtype), "size", size, "strategy", c->strategy, "form", c->form,
        "seconds", c->seconds, "model_strategy", c->model_strategy, "model_form", c->model_form,
        "model_seconds", c->model_seconds);
}

static json_t *part_json(lattn_ctx *ctx)
{
    json_t *choices = json_array();
    for (int i = 0; i < lattn_tuning_count(ctx); i++) {
        lattn_tuned choice;
        if (!lattn_tuning_get(ctx, i, &choice))
            json_array_append_new(choices, choice_json(&choice));
    }
    return json_pack("{s:s, s:s, s:o}", "device", ctx->info.name, "driver", ctx->info.driver,
        "choices", choices);
}

// The file as it is, without the part of this device.
static lattn_status others(lattn_ctx *ctx, const char *path, json_t **out)
{
    *out = NULL;
    if (!lat_path_exists(path)) {
        *out = json_pack("{s:s, s:[]}", "format", FORMAT, "devices");
        return *out ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    }
    LAT_TRY(lat_json_load(path, MAX_BYTES, out));
    lattn_status st = check_format(path, *out);
    if (st) {
        json_decref(*out);
        *out = NULL;
        return st;
    }
    json_t *devices = json_object_get(*out, "devices");
    for (size_t i = json_array_size(devices); i-- > 0;)
        if (is_ours(ctx, json_array_get(devices, i)))
            json_array_remove(devices, i);
    return LATTN_OK;
}

static lattn_status save(lattn_ctx *ctx, const char *path)
{
    json_t *file;
    if (lattn_tuning_count(ctx) == 0)
        return LATTN_OK;
    LAT_TRY(lat_dir_create_parent(path));
    LAT_TRY(others(ctx, path, &file));
    lattn_status st = LATTN_ERR_HOST_MEMORY;
    if (!json_array_append_new(json_object_get(file, "devices"), part_json(ctx)))
        st = lat_json_save(path, file);
    json_decref(file);
    return st;
}

lattn_status lattn_tuning_save(lattn_ctx *ctx, const char *path)
{
    if (path)
        return lat_done(ctx, save(ctx, path));
    char *own = lat_cache_file(ctx->dev, "tuning.json");
    lattn_status st =
        own ? save(ctx, own)
            : lat_err(LATTN_ERR_STATE, "lattn_tuning_save: the context has no cache folder");
    lat_free(own);
    return lat_done(ctx, st);
}
