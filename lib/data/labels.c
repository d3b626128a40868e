// SPDX-License-Identifier: MIT
//
// Labels: texts of a file to ids 0, 1, ...
//
// Collected from training data they are sorted, so that the ids do not depend on the order
// of the rows: by value when all are whole numbers (2 before 10), else by bytes. For other
// files they are those of the model, and an unknown one is an error. A model that never
// got names has LABEL_0, LABEL_1, ..., as transformers writes them; then a whole number in
// a file means its own id.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "data/dataset.h"

enum { MAX_LABELS = 10000 };

#define QUOTED(text) lat_quoted(text, (char[60]){ 0 }, 60)

static lattn_status unknown(const struct lat_labels *l, const char *text, size_t bytes)
{
    enum { SHOWN = 12 };
    char *label = lat_strndup(text, bytes);
    struct lat_str known = { 0 };
    for (size_t i = 0; i < l->n && i < SHOWN; i++)
        lat_str_addf(&known, "%s\"%s\"", i ? ", " : "", QUOTED(l->items[i]));
    if (l->n > SHOWN)
        lat_str_addf(&known, ", ... (%zu)", l->n);
    lattn_status st =
        !label || known.status
            ? LATTN_ERR_HOST_MEMORY
            : lat_err(LATTN_ERR_FORMAT, "label \"%s\" is not among those of the model: %s",
                  QUOTED(label), known.items ? known.items : "none");
    lat_str_free(&known);
    lat_free(label);
    return st;
}

static bool find_number(const struct lat_labels *l, const char *text, size_t bytes, int64_t *id)
{
    char name[40] = "LABEL_";
    if (bytes == 0 || bytes > 20 || (text[0] == '0' && bytes > 1))
        return false;
    memcpy(name + 6, text, bytes);
    return lat_map_get(&l->ids, name, 6 + bytes, id);
}

lattn_status lat_labels_id(
    struct lat_labels *l, bool fixed, const char *text, size_t bytes, int32_t *id)
{
    int64_t found;
    if (lat_map_get(&l->ids, text, bytes, &found) ||
        (fixed && find_number(l, text, bytes, &found))) {
        *id = (int32_t) found;
        return LATTN_OK;
    }
    if (fixed)
        return unknown(l, text, bytes);
    if (l->n == MAX_LABELS)
        return lat_err(LATTN_ERR_FORMAT,
            "more than %d different labels; does the label column hold labels?", MAX_LABELS);
    char *copy = lat_strndup(text, bytes);
    if (!copy || LAT_PUSH(l, copy)) {
        lat_free(copy);
        return LATTN_ERR_HOST_MEMORY;
    }
    *id = (int32_t) (l->n - 1);
    return lat_map_put(&l->ids, text, bytes, *id);
}

struct sorted {
    char *text;
    int64_t value;
    int32_t old;
};

static int by_value(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return strcmp(x->text, y->text);  // "1" and "+1"
}

static int by_text(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    return strcmp(x->text, y->text);
}

lattn_status lat_labels_sort(struct lat_labels *l, int32_t **order)
{
    struct sorted *s = lat_calloc(l->n, sizeof *s);
    *order = lat_calloc(l->n, sizeof **order);
    lattn_status st = s && *order ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    bool numbers = true;
    for (size_t i = 0; i < l->n && !st; i++) {
        s[i] = (struct sorted){ .text = l->items[i], .old = (int32_t) i };
        numbers = numbers && lat_parse_i64(s[i].text, &s[i].value);
    }
    if (!st && l->n)
        qsort(s, l->n, sizeof *s, numbers ? by_value : by_text);
    for (size_t i = 0; i < l->n && !st; i++) {
        l->items[i] = s[i].text;
        (*order)[s[i].old] = (int32_t) i;
        st = lat_map_put(&l->ids, s[i].text, strlen(s[i].text), (int64_t) i);
    }
    lat_free(s);
    if (st) {
        lat_free(*order);
        *order = NULL;
    }
    return st;
}

lattn_status lat_labels_given(struct lat_labels *l, const char *const *names, int32_t n)
{
    if (n < 0 || (n > 0 && !names))
        return lat_err(LATTN_ERR_ARG, "%d labels without names", n);
    for (int32_t i = 0; i < n; i++) {
        int32_t id = 0;
        LAT_TRY(lat_labels_id(l, false, names[i], strlen(names[i]), &id));
        if (id != i)
            return lat_err(LATTN_ERR_ARG, "the label \"%s\" is named twice", QUOTED(names[i]));
    }
    return LATTN_OK;
}

lattn_status lat_labels_numbered(struct lat_labels *l, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        char name[16];
        int32_t id = 0;
        size_t bytes = (size_t) snprintf(name, sizeof name, "%d", i);
        LAT_TRY(lat_labels_id(l, false, name, bytes, &id));
    }
    return LATTN_OK;
}

void lat_labels_free(struct lat_labels *l)
{
    for (size_t i = 0; i < l->n; i++)
        lat_free(l->items[i]);
    lat_free(l->items);
    lat_map_free(&l->ids);
    *l = (struct lat_labels){ 0 };
}
