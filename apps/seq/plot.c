// SPDX-License-Identifier: MIT
//
// Lines over time as a picture: what came, and what was forecast. Plain SVG with its own light and dark colours,
// as curves.svg.

#include <math.h>
#include <stdio.h>
#include "seq/seq.h"

enum { WIDTH = 760, PANEL = 250, LEFT = 64, RIGHT = 110, TOP = 34, GAP = 54, N_TICKS = 5 };

struct frame {
    double top, x_lo, x_hi, y_lo, y_hi;
};

// 1, 2 or 5 times a power of ten, so that about n of them cover the range.
static double nice_step(double range, int n)
{
    double raw = range / n, power = pow(10, floor(log10(raw))), rest = raw / power;
    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

static void fit(const struct seq_panel *p, struct frame *f)
{
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < p->n_lines; i++) {
        const struct seq_line *l = &p->lines[i];
        f->x_lo = fmin(f->x_lo, (double) l->first);
        f->x_hi = fmax(f->x_hi, (double) (l->first + l->n - 1));
        for (int64_t k = 0; k < l->n; k++) {
            lo = fmin(lo, l->values[k]);
            hi = fmax(hi, l->values[k]);
        }
    }
    if (!(hi > lo)) {
        lo = isfinite(lo) ? lo - 0.5 : 0;
        hi = lo + 1;
    }
    double step = nice_step(hi - lo, N_TICKS);
    f->y_lo = floor(lo / step) * step;
    f->y_hi = ceil(hi / step) * step;
    f->x_hi = fmax(f->x_hi, f->x_lo + 1);
}

static double x_at(const struct frame *f, double x)
{
    return LEFT + (x - f->x_lo) / (f->x_hi - f->x_lo) * (WIDTH - LEFT - RIGHT);
}

static double y_at(const struct frame *f, double y)
{
    return f->top + PANEL - (y - f->y_lo) / (f->y_hi - f->y_lo) * PANEL;
}

// Names of columns are anybody's.
static void print_escaped(FILE *svg, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '&')
            fprintf(svg, "&#%d;", *text);
        else
            fputc((unsigned char) *text < ' ' ? '?' : *text, svg);
    }
}

static void draw_axes(FILE *svg, const struct frame *f, const char *title)
{
    fprintf(svg, "<text class=\"title\" x=\"%d\" y=\"%.1f\">", LEFT, f->top - 12);
    print_escaped(svg, title);
    fprintf(svg, "</text>\n");
    double step = nice_step(f->y_hi - f->y_lo, N_TICKS);
    for (double v = f->y_lo; v <= f->y_hi + step * 0.01; v += step) {
        double y = y_at(f, v);
        fprintf(svg, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y, WIDTH - RIGHT);
        fprintf(svg, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
            LEFT - 8, y + 4, fabs(v) < step * 1e-6 ? 0 : v);
    }
    step = fmax(1, nice_step(f->x_hi - f->x_lo, N_TICKS));
    for (double v = ceil(f->x_lo / step) * step; v <= f->x_hi; v += step)
        fprintf(svg,
            "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.0f</text>\n",
            x_at(f, v), f->top + PANEL + 18, v);
}

static void draw_line(FILE *svg, const struct frame *f, const struct seq_line *l)
{
    bool open = false;
    fprintf(svg, "<path class=\"%s\" d=\"", l->style);
    for (int64_t k = 0; k < l->n; k++) {
        bool there = isfinite(l->values[k]);
        if (there)
            fprintf(svg, "%c%.1f %.1f", open ? 'L' : 'M', x_at(f, (double) (l->first + k)),
                y_at(f, l->values[k]));
        // A place alone is a short stroke, or it would not be seen.
        if (there && !open && (k + 1 == l->n || !isfinite(l->values[k + 1])))
            fprintf(svg, "h2");
        open = there;
    }
    fprintf(svg, "\"/>\n");
}

static void draw_legend(FILE *svg, const struct frame *f)
{
    static const char *const names[] = { "truth", "forecast" };
    for (int i = 0; i < 2; i++) {
        double y = f->top + 12 + 20 * i;
        fprintf(svg, "<path class=\"%s\" d=\"M%d %.1fh18\"/>", names[i], WIDTH - RIGHT + 16, y - 4);
        fprintf(svg, "<text class=\"tick\" x=\"%d\" y=\"%.1f\">%s</text>\n", WIDTH - RIGHT + 40, y,
            names[i]);
    }
}

static const char style[] =
    "<style>"
    "svg{background:#fff;font:13px system-ui,sans-serif}"
    "text{fill:#333}.title{font-weight:600;font-size:14px}.tick{font-size:12px;fill:#666}"
    "path{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".grid{stroke:#e4e4e4;stroke-width:1}.truth{stroke:#2f78b7}.forecast{stroke:#d9772b}"
    "@media(prefers-color-scheme:dark){svg{background:#161616}text{fill:#ddd}"
    ".tick{fill:#aaa}.grid{stroke:#333}}"
    "</style>\n";

static void draw(FILE *svg, const char *axis, const struct seq_panel *panels, int n_panels)
{
    int height = TOP + n_panels * (PANEL + GAP);
    fprintf(svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\">\n%s",
        WIDTH, height, WIDTH, height, style);
    for (int i = 0; i < n_panels; i++) {
        struct frame f = { .top = TOP + i * (PANEL + GAP), .x_lo = INFINITY, .x_hi = -INFINITY };
        fit(&panels[i], &f);
        draw_axes(svg, &f, panels[i].title);
        for (int l = 0; l < panels[i].n_lines; l++)
            draw_line(svg, &f, &panels[i].lines[l]);
        draw_legend(svg, &f);
    }
    fprintf(svg, "<text class=\"tick\" x=\"%d\" y=\"%d\">%s</text>\n</svg>\n", WIDTH - RIGHT + 16,
        height - GAP + 18, axis);
}

lattn_status seq_plot(
    const char *path, const char *axis, const struct seq_panel *panels, int n_panels)
{
    FILE *svg = fopen(path, "w");
    if (!svg)
        return cli_error(LATTN_ERR_IO, "%s: it cannot be written", path);
    draw(svg, axis, panels, n_panels);
    bool bad = ferror(svg);
    bad = fclose(svg) || bad;
    return bad ? cli_error(LATTN_ERR_IO, "%s: it cannot be written", path) : LATTN_OK;
}
