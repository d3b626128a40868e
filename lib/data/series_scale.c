// SPDX-License-Identifier: MIT
//
// Mean and deviation of the columns of a series, found once and stored with the model: another
// file must be normalised with the numbers of the training part, not with its own.

#include <math.h>
#include "base/json.h"
#include "data/dataset.h"

enum { MAX_FILE_BYTES = 64 << 20 };

static lattn_status make(int32_t n, lattn_series_scale *s)
{
    *s = (lattn_series_scale){ .n = n };
    s->names = lat_calloc((size_t) n, sizeof *s->names);
    s->mean = lat_calloc((size_t) n, sizeof *s->mean);
    s->std = lat_calloc((size_t) n, sizeof *s->std);
    return s->names && s->mean && s->std ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

static lattn_status fit_column(
    const lattn_dataset *d, lattn_range part, int32_t column, lattn_series_scale *s)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < part.n; i++)
        sum += lattn_series_value(d, part.first + i, column);
    double mean = sum / (double) part.n;
    for (int64_t i = 0; i < part.n; i++) {
        double v = lattn_series_value(d, part.first + i, column) - mean;
        squares += v * v;
    }
    // Rounding leaves a trace of a deviation in a constant column.
    double std = sqrt(squares / (double) part.n);
    s->mean[column] = mean;
    s->std[column] = std > 1e-12 * fabs(mean) ? std : 1;
    s->names[column] = lat_strdup(d->columns[column]);
    return s->names[column] ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

lattn_status lattn_series_scale_fit(
    const lattn_dataset *d, const lattn_range *part, lattn_series_scale *out)
{
    lattn_range range;
    LAT_CHECK_ARG(out);
    *out = (lattn_series_scale){ 0 };
    LAT_CHECK_ARG(d);
    if (d->kind != LAT_DATA_SERIES)
        return lat_err(LATTN_ERR_ARG, "scale: the dataset is no series");
    LAT_TRY(lat_range_check("scale", d, part, &range));
    lattn_status st = make(d->n_columns, out);
    for (int32_t i = 0; i < d->n_columns && !st; i++)
        st = fit_column(d, range, i, out);
    if (st)
        lattn_series_scale_free(out);
    return st;
}

lattn_status lattn_series_scale_save(const lattn_series_scale *scale, const char *path)
{
    LAT_CHECK_ARG(scale);
    LAT_CHECK_ARG(path);
    json_t *root = json_object(), *columns = json_array();
    for (int32_t i = 0; i < scale->n; i++) {
        json_t *column = json_object();
        json_object_set_new(column, "name", json_string(scale->names[i]));
        json_object_set_new(column, "mean", json_real(scale->mean[i]));
        json_object_set_new(column, "std", json_real(scale->std[i]));
        json_array_append_new(columns, column);
    }
    json_object_set_new(root, "columns", columns);
    lattn_status st = lat_json_save(path, root);
    json_decref(root);
    return st;
}

static lattn_status take_column(const char *path, const json_t *j, int32_t i, lattn_series_scale *s)
{
    const char *name = NULL;
    LAT_TRY(lat_json_str(path, j, "name", true, &name));
    LAT_TRY(lat_json_f64(path, j, "mean", true, -1e300, 1e300, &s->mean[i]));
    LAT_TRY(lat_json_f64(path, j, "std", true, 1e-300, 1e300, &s->std[i]));
    s->names[i] = lat_strdup(name);
    return s->names[i] ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

static lattn_status take(const char *path, const json_t *root, lattn_series_scale *s)
{
    const json_t *columns = json_object_get(root, "columns");
    size_t n = json_array_size(columns);
    if (n == 0 || n > INT32_MAX)
        return lat_err(LATTN_ERR_FORMAT, "%s: \"columns\" is no list of columns", path);
    lattn_status st = make((int32_t) n, s);
    for (size_t i = 0; i < n && !st; i++)
        st = take_column(path, json_array_get(columns, i), (int32_t) i, s);
    if (st)
        lattn_series_scale_free(s);
    return st;
}

lattn_status lattn_series_scale_load(const char *path, lattn_series_scale *out)
{
    json_t *root;
    LAT_CHECK_ARG(out);
    *out = (lattn_series_scale){ 0 };
    LAT_CHECK_ARG(path);
    LAT_TRY(lat_json_load_reals(path, MAX_FILE_BYTES, &root));
    lattn_status st = take(path, root, out);
    json_decref(root);
    return st;
}

void lattn_series_scale_free(lattn_series_scale *scale)
{
    if (!scale)
        return;
    for (int32_t i = 0; scale->names && i < scale->n; i++)
        lat_free(scale->names[i]);
    lat_free(scale->names);
    lat_free(scale->mean);
    lat_free(scale->std);
    *scale = (lattn_series_scale){ 0 };
}
