// SPDX-License-Identifier: MIT
//
// A contact sheet of pictures of a dataset: the worst mistakes of an evaluation, or predictions.

#include <stdio.h>
#include <stdlib.h>
#include "cnn/cnn.h"

enum { COLUMNS = 6, TILE = 96, GAP = 8 };

struct cnn_sheet_text {
    char first[160], second[160], about[1024];
};

// Many large photographs would not fit into memory.
static lattn_status load(const lattn_dataset *data, int64_t row, lattn_image *out)
{
    lattn_status st = lattn_dataset_image(data, row, out);
    if (st || (out->H <= TILE && out->W <= TILE))
        return st;
    lattn_image large = *out;
    st = lattn_image_fit(&large, TILE, out);
    lattn_image_free(&large);
    return st;
}

static bool grow(struct cnn_sheet *s)
{
    if (s->n < s->capacity)
        return true;
    int capacity = s->capacity ? 2 * s->capacity : 36;
    lattn_image *pictures = realloc(s->pictures, (size_t) capacity * sizeof *pictures);
    if (pictures)
        s->pictures = pictures;
    struct cnn_sheet_text *texts = realloc(s->texts, (size_t) capacity * sizeof *texts);
    if (texts)
        s->texts = texts;
    s->capacity = pictures && texts ? capacity : s->capacity;
    return pictures && texts;
}

lattn_status cnn_sheet_add(struct cnn_sheet *s, const lattn_dataset *data, int64_t row,
    const char *first, const char *second, const char *about)
{
    const char *file = lattn_dataset_text(data, row, NULL);
    if (!grow(s))
        return LATTN_ERR_HOST_MEMORY;
    struct cnn_sheet_text *t = &s->texts[s->n];
    snprintf(t->first, sizeof t->first, "%s", first);
    snprintf(t->second, sizeof t->second, "%s", second);
    if (file && *file)
        snprintf(t->about, sizeof t->about, "%s: %s", file, about);
    else
        snprintf(t->about, sizeof t->about, "row %lld: %s", (long long) row, about);
    lattn_status st = load(data, row, &s->pictures[s->n]);
    s->n += !st;
    return st;
}

lattn_status cnn_sheet_save(const struct cnn_sheet *s, const char *svg, const char *png)
{
    lattn_caption *captions = calloc((size_t) s->n, sizeof *captions);
    lattn_grid_params params = { .columns = COLUMNS, .tile = TILE, .gap = GAP, .background = 255 };
    lattn_image grid = { 0 };
    lattn_status st;
    if (!captions)
        return LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < s->n; i++)
        captions[i] = (lattn_caption){ s->texts[i].first, s->texts[i].second, s->texts[i].about };
    TRY(lattn_image_save_sheet(svg, s->pictures, captions, s->n, &params));
    if (png) {
        TRY(lattn_image_grid(s->pictures, s->n, &params, &grid));
        TRY(lattn_image_save_png(png, &grid));
    }

done:
    lattn_image_free(&grid);
    free(captions);
    return st;
}

void cnn_sheet_free(struct cnn_sheet *s)
{
    for (int i = 0; i < s->n; i++)
        lattn_image_free(&s->pictures[i]);
    free(s->pictures);
    free(s->texts);
    *s = (struct cnn_sheet){ 0 };
}
