// SPDX-License-Identifier: MIT
//
// The roofline plot (roofline.h). Each dot has its row as a title, which browsers show under the pointer; the
// best dot of each product has its op's name beside it.

#define LATTN_EXPERIMENTAL
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench/roofline.h"
#include "common/cli.h"
#include "lattn/introspect.h"

enum { WIDTH = 860, HEIGHT = 560, LEFT = 70, RIGHT = 40, TOP = 56, BOTTOM = 56, LABEL = 15 };

struct plot {
    double x_lo, x_hi, y_lo, y_hi;  // powers of ten
};

// ---- rows -----------------------------------------------------------------------------------------

static bool is_product(const char *op)
{
    static const char *const kinds[] = { "matmul", "conv", "attention", "rnn" };
    for (int i = 0; i < lattn_op_count(); i++)
        for (int k = 0; k < 4 && strcmp(lattn_op_name(i), op) == 0; k++)
            if (strcmp(lattn_op_kind(i), kinds[k]) == 0)
                return true;
    return false;
}

bool roofline_add(struct roofline *r, const struct row *row, const char *op)
{
    if (row->work.bytes <= 0 || row->work.flops <= 0 || row->seconds <= 0)
        return true;
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        struct dot *items = realloc(r->items, capacity * sizeof *items);
        if (!items)
            return false;
        r->items = items;
        r->capacity = capacity;
    }
    r->items[r->n++] = (struct dot){ *row, is_product(op) };
    return true;
}

void roofline_free(struct roofline *r)
{
    free(r->items);
    r->items = NULL;
    r->n = r->capacity = 0;
}

static double intensity_of(const struct dot *d)
{
    return d->row.work.flops / d->row.work.bytes;
}

// ---- scales ---------------------------------------------------------------------------------------

static double roof_at(const struct roofline *r, double intensity)
{
    return 1e-9 * fmin(r->peaks.fma_flops_per_s, intensity * r->peaks.copy_bytes_per_s);
}

static struct plot fit(const struct roofline *r)
{
    double ridge = r->peaks.fma_flops_per_s / r->peaks.copy_bytes_per_s;
    double x_lo = ridge / 10, x_hi = ridge * 10, y_hi = 1e-9 * r->peaks.fma_flops_per_s,
           y_lo = y_hi / 10;
    for (size_t i = 0; i < r->n; i++) {
        x_lo = fmin(x_lo, intensity_of(&r->items[i]));
        x_hi = fmax(x_hi, intensity_of(&r->items[i]));
        y_lo = fmin(y_lo, row_gflops(&r->items[i].row));
        y_hi = fmax(y_hi, row_gflops(&r->items[i].row));
    }
    y_hi = fmax(y_hi, r->blas_gflops);
    return (struct plot){ floor(log10(x_lo)), ceil(log10(x_hi)), floor(log10(y_lo)),
        ceil(log10(y_hi)) };
}

static double x_at(const struct plot *p, double v)
{
    return LEFT + (log10(v) - p->x_lo) / (p->x_hi - p->x_lo) * (WIDTH - LEFT - RIGHT);
}

static double y_at(const struct plot *p, double v)
{
    return TOP + (p->y_hi - log10(v)) / (p->y_hi - p->y_lo) * (HEIGHT - TOP - BOTTOM);
}

// ---- drawing --------------------------------------------------------------------------------------

static void add_text(FILE *svg, const char *text)
{
    for (; *text; text++)
        if (*text == '&')
            fputs("&amp;", svg);
        else if (*text == '<')
            fputs("&lt;", svg);
        else
            fputc(*text, svg);
}

static void draw_axes(FILE *svg, const struct plot *p)
{
    for (double e = p->y_lo; e <= p->y_hi; e++) {
        double y = y_at(p, pow(10, e));
        fprintf(svg, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y, WIDTH - RIGHT);
        fprintf(svg, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
            LEFT - 8, y + 4, pow(10, e));
    }
    for (double e = p->x_lo; e <= p->x_hi; e++) {
        double x = x_at(p, pow(10, e));
        fprintf(svg, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>", x, TOP, HEIGHT - BOTTOM);
        fprintf(svg, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
            x, HEIGHT - BOTTOM + 18, pow(10, e));
    }
    fprintf(svg,
        "<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"end\">operations per byte"
        "</text>\n",
        WIDTH - RIGHT, HEIGHT - 14);
    fprintf(svg, "<text class=\"tick\" x=\"%d\" y=\"%d\">GFLOP/s</text>\n", 14, TOP - 12);
}

static void draw_roofs(FILE *svg, const struct plot *p, const struct roofline *r)
{
    double x_lo = pow(10, p->x_lo), x_hi = pow(10, p->x_hi), fma = 1e-9 * r->peaks.fma_flops_per_s;
    double ridge = r->peaks.fma_flops_per_s / r->peaks.copy_bytes_per_s,
           copy = 1e-9 * r->peaks.copy_bytes_per_s;
    double from = fmax(x_lo, pow(10, p->y_lo) / copy);
    fprintf(svg, "<path class=\"roof\" d=\"M%.1f %.1fL%.1f %.1fH%.1f\"/>\n", x_at(p, from),
        y_at(p, roof_at(r, from)), x_at(p, ridge), y_at(p, fma), x_at(p, x_hi));
    fprintf(svg,
        "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">multiply-add "
        "%.1f GFLOP/s</text>\n",
        x_at(p, x_hi) - 4, y_at(p, fma) - 5, fma);
    // Along the slope, a little above it.
    double slope = (y_at(p, fma) - y_at(p, fma / 10)) / (x_at(p, ridge) - x_at(p, ridge / 10));
    double at = sqrt(from * ridge);
    fprintf(svg,
        "<text class=\"tick\" text-anchor=\"middle\" transform=\"translate(%.1f %.1f) "
        "rotate(%.1f)\">copy %.1f GB/s</text>\n",
        x_at(p, at), y_at(p, roof_at(r, at)) - 8, atan(slope) * 180 / 3.14159265358979, copy);
    if (r->blas_gflops <= 0)
        return;
    fprintf(svg, "<path class=\"roof\" stroke-dasharray=\"6 5\" d=\"M%.1f %.1fH%.1f\"/>\n",
        x_at(p, r->blas_gflops / copy), y_at(p, r->blas_gflops), x_at(p, x_hi));
    fprintf(svg,
        "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">OpenBLAS "
        "%.1f GFLOP/s</text>\n",
        x_at(p, x_hi) - 4, y_at(p, r->blas_gflops) - 6, r->blas_gflops);
}

static void draw_dot(FILE *svg, const struct plot *p, const struct roofline *r, const struct dot *d)
{
    double intensity = intensity_of(d), gflops = row_gflops(&d->row);
    fprintf(svg,
        "<circle class=\"%s\" fill-opacity=\"0.75\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\">"
        "<title>",
        d->is_product ? "product" : "other", x_at(p, intensity), y_at(p, gflops));
    add_text(svg, d->row.name);
    fprintf(svg, "\n%.1f GFLOP/s, %.1f GB/s, %.2f operations per byte, %.0f%% of the roof", gflops,
        row_gb_per_s(&d->row), intensity, 100 * row_peak_share(&d->row, &r->peaks));
    if (*d->row.form)
        fprintf(svg, ", %s", d->row.form);
    fputs("</title></circle>\n", svg);
}

static bool same_op(const struct dot *a, const struct dot *b)
{
    size_t n = strcspn(a->row.name, "/");
    return n == strcspn(b->row.name, "/") && strncmp(a->row.name, b->row.name, n) == 0;
}

static bool is_best(const struct roofline *r, const struct dot *d)
{
    for (size_t i = 0; i < r->n; i++)
        if (same_op(&r->items[i], d) && row_gflops(&r->items[i].row) > row_gflops(&d->row))
            return false;
    return true;
}

// Names of products beside their best dot. One that would have to go far from it, because others stand there, is
// left out: every dot says its name under the mouse.
static void draw_labels(FILE *svg, const struct plot *p, const struct roofline *r)
{
    struct {
        double x, y;
    } taken[32];
    int n = 0;
    for (size_t i = 0; i < r->n && n < 32; i++) {
        const struct dot *d = &r->items[i];
        if (!d->is_product || !is_best(r, d))
            continue;
        double x = x_at(p, intensity_of(d)) + 8, y = y_at(p, row_gflops(&d->row)) + 4;
        const double own = y;
        for (int k = 0; k < n; k++)
            if (fabs(taken[k].x - x) < 110 && fabs(taken[k].y - y) < LABEL - 1) {
                y = taken[k].y + LABEL;
                k = -1;
            }
        if (y - own > LABEL || x + 60 > WIDTH - RIGHT)
            continue;
        taken[n].x = x;
        taken[n++].y = y;
        fprintf(svg, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%.*s</text>\n", x, y,
            (int) strcspn(d->row.name, "/"), d->row.name);
    }
}

static void draw_legend(FILE *svg)
{
    static const struct {
        const char *style, *text;
    } kinds[] = { { "product", "products of matrices" }, { "other", "others" } };
    for (int i = 0; i < 2; i++) {
        int x = WIDTH - RIGHT - 260 + 170 * i;
        fprintf(
            svg, "<circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"4\"/>", kinds[i].style, x, TOP - 22);
        fprintf(svg, "<text class=\"tick\" x=\"%d\" y=\"%d\">%s</text>\n", x + 10, TOP - 18,
            kinds[i].text);
    }
}

static const char style[] =
    "<style>"
    "svg{background:#fff;font:13px system-ui,sans-serif}"
    "text{fill:#333}.title{font-weight:600;font-size:14px}.tick{font-size:12px;fill:#666}"
    "path{fill:none}.grid{stroke:#e4e4e4}.roof{stroke:#2f78b7;stroke-width:2}"
    ".other{fill:#d9772b}.product{fill:#4a9c5d}"
    "@media(prefers-color-scheme:dark){svg{background:#161616}text{fill:#ddd}"
    ".tick{fill:#aaa}.grid{stroke:#333}}"
    "</style>\n";

static void draw(FILE *svg, const struct roofline *r)
{
    struct plot p = fit(r);
    fprintf(svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\">\n%s",
        WIDTH, HEIGHT, WIDTH, HEIGHT, style);
    fprintf(svg, "<text class=\"title\" x=\"%d\" y=\"22\">", LEFT);
    add_text(svg, r->device);
    fputs("</text>\n", svg);
    draw_legend(svg);
    draw_axes(svg, &p);
    draw_roofs(svg, &p, r);
    for (size_t i = 0; i < r->n; i++)
        draw_dot(svg, &p, r, &r->items[i]);
    draw_labels(svg, &p, r);
    fputs("</svg>\n", svg);
}

lattn_status roofline_write(const struct roofline *r, const char *path)
{
    FILE *svg = fopen(path, "w");
    if (!svg)
        return cli_error(LATTN_ERR_IO, "%s: it cannot be written", path);
    draw(svg, r);
    bool bad = ferror(svg) != 0;
    bad = fclose(svg) != 0 || bad;
    return bad ? cli_error(LATTN_ERR_IO, "%s: it cannot be written", path) : LATTN_OK;
}
