// SPDX-License-Identifier: MIT
//
// config.json of a network for images: architecture or layers, sizes, labels, normalisation. Read
// strictly, because sizes from a file become allocations.

#include "models/cnn_config.h"
#include <math.h>
#include <stdio.h>
#include "base/json.h"
#include "models/config.h"

enum { MAX_CONFIG_BYTES = 16 << 20, MAX_CLASSES = 65536, MAX_CHANNELS = 4, MAX_SIDE = 16384 };

void lat_cnn_config_defaults(lattn_cnn_config *c)
{
    c->channels = c->channels ? c->channels : 3;
    c->height = c->height ? c->height : 224;
    c->width = c->width ? c->width : 224;
    c->num_classes = c->num_classes ? c->num_classes : 1000;
}

lattn_status lat_cnn_config_check(const char *what, const lattn_cnn_config *c)
{
    LAT_TRY(lat_config_size(what, "channels", c->channels, MAX_CHANNELS));
    LAT_TRY(lat_config_size(what, "height", c->height, MAX_SIDE));
    LAT_TRY(lat_config_size(what, "width", c->width, MAX_SIDE));
    LAT_TRY(lat_config_size(what, "num_classes", c->num_classes, MAX_CLASSES));
    if (!c->architecture == !c->layers)
        return lat_err(LATTN_ERR_FORMAT, "%s: either architecture or layers must be given", what);
    for (int i = 0; c->has_normalisation && i < c->channels; i++)
        if (!isfinite(c->mean[i]) || !(c->std[i] > 0) || !isfinite(c->std[i]))
            return lat_err(LATTN_ERR_FORMAT,
                "%s: mean %g and std %g of channel %d must be finite, and std positive", what,
                (double) c->mean[i], (double) c->std[i], i);
    return LATTN_OK;
}

// ---- texts ----------------------------------------------------------------------------------------

void lattn_cnn_config_free(lattn_cnn_config *c)
{
    if (!c)
        return;
    for (int i = 0; c->labels && i < c->num_classes; i++)
        lat_free((void *) c->labels[i]);
    lat_free((void *) c->labels);
    lat_free((void *) c->architecture);
    lat_free((void *) c->layers);
    c->labels = NULL;
    c->architecture = c->layers = NULL;
}

static lattn_status copy_text(const char *from, const char **to)
{
    *to = from ? lat_strdup(from) : NULL;
    return from && !*to ? LATTN_ERR_HOST_MEMORY : LATTN_OK;
}

static lattn_status copy_texts(const lattn_cnn_config *from, lattn_cnn_config *to)
{
    LAT_TRY(copy_text(from->architecture, &to->architecture));
    LAT_TRY(copy_text(from->layers, &to->layers));
    if (!from->labels)
        return LATTN_OK;
    const char **labels = lat_calloc((size_t) from->num_classes, sizeof *labels);
    if (!labels)
        return LATTN_ERR_HOST_MEMORY;
    to->labels = labels;
    for (int i = 0; i < from->num_classes; i++)
        LAT_TRY(copy_text(from->labels[i], &labels[i]));
    return LATTN_OK;
}

lattn_status lat_cnn_config_copy(const lattn_cnn_config *from, lattn_cnn_config *to)
{
    *to = *from;
    to->labels = NULL;
    to->architecture = to->layers = NULL;
    lattn_status st = copy_texts(from, to);
    if (st)
        lattn_cnn_config_free(to);
    return st;
}

// ---- reading --------------------------------------------------------------------------------------

static lattn_status read_labels(const char *path, const json_t *j, lattn_cnn_config *c)
{
    const json_t *list = json_object_get(j, "labels");
    if (!list)
        return LATTN_OK;
    if (!json_is_array(list) || json_array_size(list) != (size_t) c->num_classes)
        return lat_err(LATTN_ERR_FORMAT, "%s: labels must be a list of num_classes = %d names",
            path, c->num_classes);
    const char **labels = lat_calloc((size_t) c->num_classes, sizeof *labels);
    if (!labels)
        return LATTN_ERR_HOST_MEMORY;
    c->labels = labels;
    for (int i = 0; i < c->num_classes; i++) {
        const char *name = json_string_value(json_array_get(list, (size_t) i));
        if (!name)
            return lat_err(LATTN_ERR_FORMAT, "%s: labels[%d] is no text", path, i);
        LAT_TRY(copy_text(name, &labels[i]));
    }
    return LATTN_OK;
}

static lattn_status read_reals(
    const char *path, const json_t *j, const char *field, const lattn_cnn_config *c, float *out)
{
    const json_t *list = json_object_get(j, field);
    if (!json_is_array(list) || json_array_size(list) != (size_t) c->channels)
        return lat_err(LATTN_ERR_FORMAT, "%s: %s must be a list of channels = %lld numbers", path,
            field, (long long) c->channels);
    for (size_t i = 0; i < (size_t) c->channels; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_number(v))
            return lat_err(LATTN_ERR_FORMAT, "%s: %s[%zu] is no number", path, field, i);
        out[i] = (float) json_number_value(v);
    }
    return LATTN_OK;
}

static lattn_status read_config(const char *path, const json_t *j, lattn_cnn_config *c)
{
    const char *architecture = NULL, *layers = NULL;
    int64_t classes = 0;
    LAT_TRY(lat_json_str(path, j, "architecture", false, &architecture));
    LAT_TRY(lat_json_str(path, j, "layers", false, &layers));
    LAT_TRY(copy_text(architecture, &c->architecture));
    LAT_TRY(copy_text(layers, &c->layers));
    LAT_TRY(lat_json_int(path, j, "channels", true, 1, MAX_CHANNELS, &c->channels));
    LAT_TRY(lat_json_int(path, j, "height", true, 1, MAX_SIDE, &c->height));
    LAT_TRY(lat_json_int(path, j, "width", true, 1, MAX_SIDE, &c->width));
    LAT_TRY(lat_json_int(path, j, "num_classes", true, 1, MAX_CLASSES, &classes));
    c->num_classes = (int) classes;
    LAT_TRY(read_labels(path, j, c));
    c->has_normalisation = json_object_get(j, "mean") != NULL;
    if (c->has_normalisation) {
        LAT_TRY(read_reals(path, j, "mean", c, c->mean));
        LAT_TRY(read_reals(path, j, "std", c, c->std));
    }
    return lat_cnn_config_check(path, c);
}

lattn_status lattn_cnn_config_load(const char *path, lattn_cnn_config *out)
{
    LAT_CHECK_ARG(out);
    LAT_CHECK_ARG(path);
    json_t *j = NULL;
    *out = (lattn_cnn_config){ 0 };
    LAT_TRY(lat_json_load(path, MAX_CONFIG_BYTES, &j));
    lattn_status st = json_is_object(j) ? read_config(path, j, out)
                                        : lat_err(LATTN_ERR_FORMAT, "%s: not a JSON object", path);
    json_decref(j);
    if (st)
        lattn_cnn_config_free(out);
    return st;
}

// ---- writing --------------------------------------------------------------------------------------

static json_t *list_of_reals(const float *v, int64_t n)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_real((double) v[i]));
    return list;
}

lattn_status lattn_cnn_config_save(const lattn_cnn_config *c, const char *path)
{
    LAT_CHECK_ARG(c);
    LAT_CHECK_ARG(path);
    json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:i}", c->architecture ? "architecture" : "layers",
        c->architecture ? c->architecture : c->layers, "channels", (json_int_t) c->channels,
        "height", (json_int_t) c->height, "width", (json_int_t) c->width, "num_classes",
        c->num_classes);
    if (!j)
        return lat_err(LATTN_ERR_HOST_MEMORY, "%s: out of host memory", path);
    if (c->labels) {
        json_t *labels = json_array();
        for (int i = 0; i < c->num_classes; i++)
            json_array_append_new(labels, json_string(c->labels[i]));
        json_object_set_new(j, "labels", labels);
    }
    if (c->has_normalisation) {
        json_object_set_new(j, "mean", list_of_reals(c->mean, c->channels));
        json_object_set_new(j, "std", list_of_reals(c->std, c->channels));
    }
    lattn_status st = lat_json_save(path, j);
    json_decref(j);
    return st;
}
