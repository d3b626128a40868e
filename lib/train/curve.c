// SPDX-License-Identifier: MIT
//
// curves.svg: training and evaluation loss above; accuracy and macro F1, or bits per character, below,
// over the updates. Plain SVG with its own light and dark colours, readable in any browser; the raw training loss is
// thin behind its smoothed line (exponential mean, bias-corrected).

#include <math.h>
#include <stdio.h>
#include "base/file.h"
#include "base/str.h"
#include "train/history.h"

enum { WIDTH = 760, PANEL = 250, LEFT = 64, RIGHT = 130, TOP = 34, GAP = 54, N_TICKS = 5 };

typedef double (*value_fn)(const struct lat_entry *e);

struct series {
    const char *name, *style;
    bool is_eval, smooth;
    value_fn value;
};

struct panel {
    const char *title;
    const struct series *series;
    int n_series;
    double top, y_lo, y_hi, x_hi;
};

static double loss_of(const struct lat_entry *e)
{
    return e->loss;
}

static double accuracy_of(const struct lat_entry *e)
{
    return e->accuracy;
}

static double f1_of(const struct lat_entry *e)
{
    return e->macro_f1;
}

static double bits_of(const struct lat_entry *e)
{
    return e->bits;
}

static const struct series losses[] = {
    { "", "raw", false, false, loss_of },
    { "training", "train", false, true, loss_of },
    { "validation", "eval", true, false, loss_of },
};
static const struct series scores[] = {
    { "accuracy", "eval", true, false, accuracy_of },
    { "macro F1", "second", true, false, f1_of },
};
static const struct series bits[] = {
    { "bits per character", "eval", true, false, bits_of },
};

// Whether an evaluation gave it.
static bool has_values(const struct lat_history *h, value_fn value)
{
    bool has = false;
    for (size_t i = 0; i < h->n && !has; i++)
        has = h->items[i].is_eval && isfinite(value(&h->items[i]));
    return has;
}

// ---- scales ---------------------------------------------------------------------------------------

// 1, 2 or 5 times a power of ten, so that about n of them cover the range.
static double nice_step(double range, int n)
{
    double raw = range / n, power = pow(10, floor(log10(raw))), rest = raw / power;
    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

static void fit(struct panel *p, const struct lat_history *h)
{
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < h->n; i++) {
        for (int s = 0; s < p->n_series; s++) {
            double v = p->series[s].value(&h->items[i]);
            if (p->series[s].is_eval == h->items[i].is_eval && isfinite(v)) {
                lo = fmin(lo, v);
                hi = fmax(hi, v);
            }
        }
        p->x_hi = fmax(p->x_hi, (double) h->items[i].step);
    }
    if (!(hi > lo)) {
        lo = isfinite(lo) ? lo - 0.5 : 0;
        hi = lo + 1;
    }
    double step = nice_step(hi - lo, N_TICKS);
    p->y_lo = floor(lo / step) * step;
    p->y_hi = ceil(hi / step) * step;
    p->x_hi = fmax(p->x_hi, 1);
}

static double x_at(const struct panel *p, double step)
{
    return LEFT + step / p->x_hi * (WIDTH - LEFT - RIGHT);
}

static double y_at(const struct panel *p, double v)
{
    return p->top + PANEL - (v - p->y_lo) / (p->y_hi - p->y_lo) * PANEL;
}

// ---- drawing --------------------------------------------------------------------------------------

static void draw_axes(struct lat_str *svg, const struct panel *p)
{
    lat_str_addf(
        svg, "<text class=\"title\" x=\"%d\" y=\"%.1f\">%s</text>\n", LEFT, p->top - 12, p->title);
    double step = nice_step(p->y_hi - p->y_lo, N_TICKS);
    for (double v = p->y_lo; v <= p->y_hi + step * 0.01; v += step) {
        double y = y_at(p, v);
        lat_str_addf(svg, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y, WIDTH - RIGHT);
        lat_str_addf(svg,
            "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 8,
            y + 4, fabs(v) < step * 1e-6 ? 0 : v);
    }
    step = nice_step(p->x_hi, N_TICKS);
    for (double v = 0; v <= p->x_hi; v += step)
        lat_str_addf(svg,
            "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n",
            x_at(p, v), p->top + PANEL + 18, v);
}

static void draw_series(
    struct lat_str *svg, const struct panel *p, const struct series *s, const struct lat_history *h)
{
    double mean = 0, weight = 0, last_x = 0, last_y = 0;
    int n = 0;
    for (size_t i = 0; i < h->n; i++) {
        double v = s->value(&h->items[i]);
        if (h->items[i].is_eval != s->is_eval || !isfinite(v))
            continue;
        if (s->smooth) {
            mean = 0.9 * mean + 0.1 * v;
            weight = 0.9 * weight + 0.1;
            v = mean / weight;
        }
        last_x = x_at(p, (double) h->items[i].step);
        last_y = y_at(p, v);
        if (!n)
            lat_str_addf(svg, "<path class=\"%s\" d=\"", s->style);
        lat_str_addf(svg, "%c%.1f %.1f", n++ ? 'L' : 'M', last_x, last_y);
    }
    if (!n)
        return;
    lat_str_add(svg, "\"/>\n");
    if (s->is_eval)
        lat_str_addf(svg, "<circle class=\"%s dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", s->style,
            last_x, last_y);
}

// Beside the panel, in order: lines that end close together would overlap their names.
static void draw_legend(struct lat_str *svg, const struct panel *p)
{
    double y = p->top + 12;
    for (int i = 0; i < p->n_series; i++) {
        if (!*p->series[i].name)
            continue;
        lat_str_addf(svg, "<path class=\"%s\" d=\"M%d %.1fh18\"/>", p->series[i].style,
            WIDTH - RIGHT + 16, y - 4);
        lat_str_addf(svg, "<text class=\"tick\" x=\"%d\" y=\"%.1f\">%s</text>\n",
            WIDTH - RIGHT + 40, y, p->series[i].name);
        y += 20;
    }
}

static void draw_panel(struct lat_str *svg, struct panel *p, const struct lat_history *h)
{
    fit(p, h);
    draw_axes(svg, p);
    for (int i = 0; i < p->n_series; i++)
        draw_series(svg, p, &p->series[i], h);
    draw_legend(svg, p);
}

static const char style[] =
    "<style>"
    "svg{background:#fff;font:13px system-ui,sans-serif}"
    "text{fill:#333}.title{font-weight:600;font-size:14px}.tick{font-size:12px;fill:#666}"
    "path{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".grid{stroke:#e4e4e4;stroke-width:1}.raw{stroke:#9ec3e6;stroke-width:1}"
    ".train{stroke:#2f78b7}.eval{stroke:#d9772b}.second{stroke:#4a9c5d}"
    ".dot{stroke:none}.eval.dot{fill:#d9772b}.second.dot{fill:#4a9c5d}"
    "@media(prefers-color-scheme:dark){svg{background:#161616}text{fill:#ddd}"
    ".tick{fill:#aaa}.grid{stroke:#333}.raw{stroke:#31506b}}"
    "</style>\n";

lattn_status lat_history_draw(const struct lat_history *h, const char *dir)
{
    struct panel loss = { "loss", losses, LAT_COUNT(losses), TOP, 0, 0, 0 };
    struct panel score = { "validation", scores, LAT_COUNT(scores), TOP + PANEL + GAP, 0, 0, 0 };
    if (has_values(h, bits_of)) {
        score.series = bits;
        score.n_series = LAT_COUNT(bits);
    }
    bool two = has_values(h, bits_of) || has_values(h, accuracy_of) || !has_values(h, loss_of);
    int height = TOP + (two ? 2 * PANEL + GAP : PANEL) + 34;
    struct lat_str svg = { 0 };
    lat_str_addf(&svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\">\n",
        WIDTH, height, WIDTH, height);
    lat_str_add(&svg, style);
    draw_panel(&svg, &loss, h);
    if (two)
        draw_panel(&svg, &score, h);
    lat_str_addf(&svg, "<text class=\"tick\" x=\"%d\" y=\"%d\">updates</text>\n</svg>\n",
        WIDTH - RIGHT + 40, height - 16);

    char *path = lat_path_join(dir, "curves.svg");
    lattn_status st = path ? svg.status : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lat_file_replace(path, svg.items, svg.n);
    lat_str_free(&svg);
    lat_free(path);
    return st;
}
