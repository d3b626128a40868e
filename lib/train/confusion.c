// SPDX-License-Identifier: MIT
//
// The confusion matrix: counts, and what they look like. A cell's colour is its share of the label's rows,
// so that a rare class shows as well as a frequent one.

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "train/metrics.h"

enum { MAX_CLASSES = 65536, MAX_DRAWN = 40, MAX_PNG = 8192, PNG_SIDE = 400 };
enum { CELL = 44, LEFT = 130, TOP = 44, BELOW = 110, NAME = 16 };

struct lattn_confusion {
    int n;
    int64_t *count;  // [n, n], a row per label
    int64_t *total;  // [n] rows of each label
};

lattn_status lattn_confusion_create(int n_classes, lattn_confusion **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    if (n_classes < 1 || n_classes > MAX_CLASSES)
        return lat_err(
            LATTN_ERR_ARG, "confusion: %d classes, 1 to %d are allowed", n_classes, MAX_CLASSES);
    lattn_confusion *c = LAT_NEW(lattn_confusion);
    if (!c)
        return LATTN_ERR_HOST_MEMORY;
    size_t n = (size_t) n_classes;
    c->n = n_classes;
    c->count = lat_calloc(n * n, sizeof *c->count);
    c->total = lat_calloc(n, sizeof *c->total);
    *out = c;
    if (c->count && c->total)
        return LATTN_OK;
    lattn_confusion_destroy(out);
    return LATTN_ERR_HOST_MEMORY;
}

void lattn_confusion_destroy(lattn_confusion **c)
{
    if (!c || !*c)
        return;
    lat_free((*c)->count);
    lat_free((*c)->total);
    lat_free(*c);
    *c = NULL;
}

void lattn_confusion_add(lattn_confusion *c, const float *logits, const int32_t *labels, int64_t n)
{
    if (!c || !logits || !labels)
        return;
    for (int64_t i = 0; i < n; i++) {
        int label = labels[i];
        if (label < 0 || label >= c->n)
            continue;
        c->count[(int64_t) label * c->n + lat_argmax(logits + i * c->n, c->n)]++;
        c->total[label]++;
    }
}

int64_t lattn_confusion_count(const lattn_confusion *c, int label, int prediction)
{
    if (!c || label < 0 || label >= c->n || prediction < 0 || prediction >= c->n)
        return 0;
    return c->count[(int64_t) label * c->n + prediction];
}

static double share(const lattn_confusion *c, int label, int prediction)
{
    int64_t total = c->total[label];
    return total ? (double) lattn_confusion_count(c, label, prediction) / (double) total : 0;
}

static const char *name_of(const char *const *labels, int i, char buffer[16])
{
    if (labels)
        return labels[i];
    snprintf(buffer, 16, "%d", i);
    return buffer;
}

static lattn_status write_text(struct lat_str *text, const char *dir, const char *file)
{
    char *path = lat_path_join(dir, file);
    lattn_status st = path ? text->status : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lat_file_replace(path, text->items, text->n);
    lat_str_free(text);
    lat_free(path);
    return st;
}

// ---- numbers --------------------------------------------------------------------------------------

// RFC 4180: quotes around what holds a comma, a quote or a line break.
static void add_field(struct lat_str *csv, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        lat_str_add(csv, text);
        return;
    }
    lat_str_add(csv, "\"");
    for (const char *p = text; *p; p++)
        lat_str_addn(csv, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1);
    lat_str_add(csv, "\"");
}

static lattn_status save_csv(const lattn_confusion *c, const char *const *labels, const char *dir)
{
    struct lat_str csv = { 0 };
    char buffer[16];
    lat_str_add(&csv, "label");
    for (int i = 0; i < c->n; i++) {
        lat_str_add(&csv, ",");
        add_field(&csv, name_of(labels, i, buffer));
    }
    lat_str_add(&csv, "\n");
    for (int i = 0; i < c->n; i++) {
        add_field(&csv, name_of(labels, i, buffer));
        for (int k = 0; k < c->n; k++)
            lat_str_addf(&csv, ",%lld", (long long) lattn_confusion_count(c, i, k));
        lat_str_add(&csv, "\n");
    }
    return write_text(&csv, dir, "confusion.csv");
}

// ---- picture --------------------------------------------------------------------------------------

// White to blue. Square roots show the few mistakes of a good model.
static void colour(double s, uint8_t rgb[3])
{
    static const int full[] = { 18, 87, 150 };
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t) (255 - (255 - full[i]) * sqrt(s) + 0.5);
}

static lattn_status save_png(const lattn_confusion *c, const char *dir)
{
    lattn_image cells = { .C = 3, .H = c->n, .W = c->n }, large = { 0 };
    size_t plane = (size_t) c->n * (size_t) c->n;
    char *path = lat_path_join(dir, "confusion.png");
    lattn_status st;
    cells.data = lat_alloc(3 * plane);
    LAT_GO(path && cells.data ? LATTN_OK : LATTN_ERR_HOST_MEMORY);
    for (size_t i = 0; i < plane; i++) {
        uint8_t rgb[3];
        colour(share(c, (int) (i / (size_t) c->n), (int) (i % (size_t) c->n)), rgb);
        for (size_t k = 0; k < 3; k++)
            cells.data[k * plane + i] = rgb[k];
    }
    lattn_grid_params grid = { .tile = c->n < PNG_SIDE ? PNG_SIDE / c->n * c->n : c->n };
    LAT_GO(lattn_image_grid(&cells, 1, &grid, &large));
    LAT_GO(lattn_image_save_png(path, &large));

done:
    lattn_image_free(&cells);
    lattn_image_free(&large);
    lat_free(path);
    return st;
}

// ---- drawing --------------------------------------------------------------------------------------

static void draw_cell(struct lat_str *svg, const lattn_confusion *c, int label, int prediction)
{
    uint8_t rgb[3];
    int x = LEFT + prediction * CELL, y = TOP + label * CELL;
    int64_t count = lattn_confusion_count(c, label, prediction);
    double s = share(c, label, prediction);
    colour(s, rgb);
    lat_str_addf(svg, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%02x%02x%02x\"/>",
        x, y, CELL - 1, CELL - 1, rgb[0], rgb[1], rgb[2]);
    if (count)
        lat_str_addf(svg, "<text class=\"%s\" x=\"%d\" y=\"%d\">%lld</text>",
            s > 0.25 ? "light" : "dark", x + CELL / 2, y + CELL / 2 + 4, (long long) count);
    lat_str_add(svg, "\n");
}

static void draw_names(
    struct lat_str *svg, const lattn_confusion *c, const char *const *labels, int i)
{
    char buffer[16];
    int middle = i * CELL + CELL / 2, below = TOP + c->n * CELL + 12;
    lat_str_addf(svg, "<text class=\"row\" x=\"%d\" y=\"%d\">", LEFT - 8, TOP + middle + 4);
    lat_str_add_xml(svg, name_of(labels, i, buffer), NAME);
    lat_str_addf(svg, "</text>\n<text class=\"row\" transform=\"translate(%d %d)rotate(-45)\">",
        LEFT + middle + 4, below);
    lat_str_add_xml(svg, name_of(labels, i, buffer), NAME);
    lat_str_add(svg, "</text>\n");
}

static const char style[] =
    "<style>svg{background:#fff}text{font:12px system-ui,sans-serif;text-anchor:middle;fill:#333}"
    ".row{text-anchor:end}.title{font-weight:600;text-anchor:start}.dark{fill:#333}.light{fill:#"
    "fff}"
    "@media(prefers-color-scheme:dark){svg{background:#161616}.row,.title{fill:#ddd}}</style>\n";

static lattn_status save_svg(const lattn_confusion *c, const char *const *labels, const char *dir)
{
    struct lat_str svg = { 0 };
    int width = LEFT + c->n * CELL + 16, height = TOP + c->n * CELL + BELOW;
    lat_str_addf(&svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\">\n%s<text class=\"title\" x=\"%d\" y=\"24\">rows: label, columns: "
        "prediction</text>\n",
        width, height, width, height, style, 16);
    for (int i = 0; i < c->n; i++) {
        draw_names(&svg, c, labels, i);
        for (int k = 0; k < c->n; k++)
            draw_cell(&svg, c, i, k);
    }
    lat_str_add(&svg, "</svg>\n");
    return write_text(&svg, dir, "confusion.svg");
}

lattn_status lattn_confusion_save(
    const lattn_confusion *c, const char *const *labels, const char *dir)
{
    LAT_CHECK_ARG(c);
    LAT_CHECK_ARG(dir);
    LAT_TRY(save_csv(c, labels, dir));
    if (c->n <= MAX_PNG)
        LAT_TRY(save_png(c, dir));
    return c->n <= MAX_DRAWN ? save_svg(c, labels, dir) : LATTN_OK;
}
