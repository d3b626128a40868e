// SPDX-License-Identifier: MIT
//
// Printing, as NumPy does: nested brackets, long dimensions shortened to their ends.
//
//     x: f32 [2, 8]
//     [[1, 0.5, -3, ..., 2, 7, 1.25],
//      [0, 0, 0, ..., 0, 0, 1]]

#include "base/str.h"
#include "tensor/tensor.h"
#include <string.h>

enum { ENDS = 3 };  // elements shown at each end of a dimension that is longer than twice that

struct printer {
    const lattn_tensor *t;
    const uint8_t *data;  // row-major, in t's dtype
    struct lat_str text;
};

static void add_value(struct printer *p, int64_t i)
{
    const uint8_t *at = p->data + (size_t) i * lattn_dtype_bytes(p->t->dtype);
    if (p->t->dtype == LATTN_DTYPE_I32) {
        int32_t whole;
        memcpy(&whole, at, sizeof whole);
        lat_str_addf(&p->text, "%ld", (long) whole);
        return;
    }
    float v;
    lat_convert_to_f32(p->t->dtype, &v, at, 1);
    lat_str_addf(&p->text, "%.6g", (double) v);
}

static void add_separator(struct printer *p, int dim)
{
    if (dim == p->t->rank - 1) {
        lat_str_add(&p->text, ", ");
        return;
    }
    lat_str_add(&p->text, ",\n");
    for (int d = 0; d <= dim; d++)
        lat_str_add(&p->text, " ");
}

// Depth is at most LATTN_MAX_RANK.
static void add_level(struct printer *p, int dim, int64_t first)
{
    const lattn_tensor *t = p->t;
    if (dim == t->rank) {
        add_value(p, first);
        return;
    }
    int64_t n = t->dim[dim], inner = 1;
    for (int d = dim + 1; d < t->rank; d++)
        inner *= t->dim[d];
    lat_str_add(&p->text, "[");
    for (int64_t i = 0; i < n; i++) {
        if (i > 0)
            add_separator(p, dim);
        if (n > 2 * ENDS && i == ENDS) {
            lat_str_add(&p->text, "...");
            i = n - ENDS - 1;
            continue;
        }
        add_level(p, dim + 1, first + i * inner);
    }
    lat_str_add(&p->text, "]");
}

static lattn_status print(FILE *to, const char *name, lattn_tensor *t)
{
    size_t bytes = (size_t) lat_numel(t) * lattn_dtype_bytes(t->dtype);
    void *data = lat_alloc(bytes);
    if (!data)
        return LATTN_ERR_HOST_MEMORY;
    struct printer p = { .t = t, .data = data };
    lattn_status st = lattn_tensor_read(t, data, bytes);
    if (!st) {
        lat_str_addf(&p.text, "%s%s%s %s\n", name ? name : "", name ? ": " : "",
            lattn_dtype_name(t->dtype), LAT_SHAPE(t));
        add_level(&p, 0, 0);
        lat_str_add(&p.text, "\n");
        st = p.text.status;
    }
    if (!st && fputs(p.text.items, to) < 0)
        st = lat_err(LATTN_ERR_IO, "lattn_tensor_print: cannot write");
    lat_str_free(&p.text);
    lat_free(data);
    return st;
}

lattn_status lattn_tensor_print(FILE *to, const char *name, lattn_tensor *t)
{
    LAT_CHECK_ARG(to);
    LAT_TRY(lat_check_tensor(t, "lattn_tensor_print"));
    return lat_done(t->ctx, print(to, name, t));
}
