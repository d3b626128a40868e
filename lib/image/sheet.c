// SPDX-License-Identifier: MIT
//
// A contact sheet: pictures with two lines under each, as one SVG file that holds everything, so that text
// in any script is drawn by whoever shows it.

#include "base/array.h"
#include "base/file.h"
#include "image/fit.h"

enum { LINE = 15, CAPTION = 2 * LINE + 6 };

static void add_base64(struct lat_str *to, const uint8_t *data, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t) data[i] << 16;
        v |= i + 1 < n ? (uint32_t) data[i + 1] << 8 : 0;
        v |= i + 2 < n ? data[i + 2] : 0;
        const char four[] = { digits[v >> 18], digits[v >> 12 & 63],
            i + 1 < n ? digits[v >> 6 & 63] : '=', i + 2 < n ? digits[v & 63] : '=' };
        lat_str_addn(to, four, sizeof four);
    }
}

// A small picture keeps its pixels and is enlarged by the viewer.
static lattn_status add_picture(
    struct lat_str *svg, const lattn_image *m, int32_t side, int32_t x, int32_t y)
{
    lattn_image fitted = { 0 };
    struct lat_str png = { 0 };
    int32_t longest = LAT_MAX(m->H, m->W);
    int32_t factor = longest <= side ? side / longest : 1;
    lattn_status st;
    LAT_GO(lattn_image_fit(m, longest <= side ? longest : side, &fitted));
    LAT_GO(lat_png_encode(&fitted, &png));
    int32_t W = fitted.W * factor, H = fitted.H * factor;
    lat_str_addf(svg,
        "<image x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" href=\"data:image/png;base64,",
        x + (side - W) / 2, y + (side - H) / 2, W, H);
    add_base64(svg, (const uint8_t *) png.items, png.n);
    lat_str_add(svg, "\"/>\n");

done:
    lattn_image_free(&fitted);
    lat_str_free(&png);
    return st;
}

static void add_caption(
    struct lat_str *svg, const lattn_caption *c, int32_t side, int32_t x, int32_t y)
{
    const char *const lines[] = { c->first, c->second };
    size_t characters = (size_t) LAT_MAX(side / 6, 8);  // of about six pixels each
    for (int i = 0; i < 2; i++) {
        if (!lines[i])
            continue;
        lat_str_addf(svg, "<text class=\"%s\" x=\"%d\" y=\"%d\">", i ? "second" : "first",
            x + side / 2, y + side + LINE * (i + 1));
        lat_str_add_xml(svg, lines[i], characters);
        lat_str_add(svg, "</text>\n");
    }
    if (!c->about)
        return;
    lat_str_add(svg, "<title>");
    lat_str_add_xml(svg, c->about, SIZE_MAX);
    lat_str_add(svg, "</title>\n");
}

static const char style[] =
    "<style>svg{background:#fff}image{image-rendering:pixelated}"
    "text{font:11px system-ui,sans-serif;text-anchor:middle;fill:#333}.second{fill:#b0451b}"
    "@media(prefers-color-scheme:dark){svg{background:#161616}text{fill:#ddd}.second{fill:#f0905a}}"
    "</style>\n";

static lattn_status draw(struct lat_str *svg, const lattn_image *pictures,
    const lattn_caption *captions, int32_t n, const struct lat_grid *g)
{
    int64_t step_x = (int64_t) g->side + g->gap, step_y = step_x + CAPTION;
    int64_t W = g->columns * step_x + g->gap, H = g->rows * step_y + g->gap;
    lat_str_addf(svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %lld %lld\" width=\"%lld\" "
        "height=\"%lld\">\n%s",
        (long long) W, (long long) H, (long long) W, (long long) H, style);
    for (int32_t i = 0; i < n; i++) {
        int32_t x = (int32_t) (g->gap + i % g->columns * step_x);
        int32_t y = (int32_t) (g->gap + i / g->columns * step_y);
        lat_str_add(svg, "<g>");
        LAT_TRY(add_picture(svg, &pictures[i], g->side, x, y));
        add_caption(svg, &captions[i], g->side, x, y);
        lat_str_add(svg, "</g>\n");
    }
    lat_str_add(svg, "</svg>\n");
    return svg->status;
}

lattn_status lattn_image_save_sheet(const char *path, const lattn_image *pictures,
    const lattn_caption *captions, int32_t n, const lattn_grid_params *params)
{
    LAT_CHECK_ARG(path);
    LAT_CHECK_ARRAY(pictures, n);
    struct lat_str svg = { 0 };
    struct lat_grid g;
    LAT_TRY(lat_grid_plan(pictures, n, params, &g));
    lattn_status st = draw(&svg, pictures, captions, n, &g);
    if (!st)
        st = lat_file_replace(path, svg.items, svg.n);
    lat_str_free(&svg);
    return st;
}
